"""The one place that starts other programs: tools and workers, watched, cancellable, and discreet."""

from __future__ import annotations

from kernel_iso.processes.cleaning import redact, scrub
from kernel_iso.processes.detaching import detach
from kernel_iso.processes.serving import serve
from kernel_iso.processes.tools import Tools

__all__ = ["Tools", "detach", "redact", "scrub", "serve"]
