"""Backends: what turns a Plan into a Lock, and a Lock into files. Found by name through entry points."""

from __future__ import annotations

from kernel_iso.backends.finding import GROUP, find

__all__ = ["GROUP", "find", "uv_path"]


def uv_path() -> str:
    """The uv that belongs to the `uv` package. Raises `ImpossibleError` (`uv-missing`)."""
    from kernel_iso.backends import uv

    return uv.path()
