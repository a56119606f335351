"""Pythons and environments on this machine, from files: no tool is run."""

from __future__ import annotations

from kernel_iso.discovery.environments import Environments
from kernel_iso.discovery.interpreters import Shelf, pythons, shelves
from kernel_iso.discovery.reading import KERNEL, Discovered, kernel_packages
from kernel_iso.discovery.remembering import Disk, Memory

__all__ = [
    "KERNEL", "Discovered", "Disk", "Environments", "Memory", "Shelf", "kernel_packages", "pythons", "shelves",
]  # fmt: skip
