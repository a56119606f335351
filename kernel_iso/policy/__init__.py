"""What the administrator and the person allow: the layers, read once."""

from __future__ import annotations

from kernel_iso.policy.merging import Row, explain, read

__all__ = ["Row", "explain", "read"]
