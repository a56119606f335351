"""What Jupyter lists: a folder for every named environment, and the environments found on the machine."""

from __future__ import annotations

from kernel_iso.kernelspecs.named import PROVISIONER, spec_of, sync

__all__ = ["PROVISIONER", "spec_of", "sync"]
