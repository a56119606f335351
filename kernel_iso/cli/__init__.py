"""The command line, made from the engine's verb table."""

from __future__ import annotations

from kernel_iso.cli.entry import main

__all__ = ["main"]
