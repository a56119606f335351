"""The face that Jupyter's kernel managers see: realise, then let another provisioner launch."""

from __future__ import annotations

from kernel_iso.provisioner.provisioning import IsoProvisioner

__all__ = ["IsoProvisioner"]
