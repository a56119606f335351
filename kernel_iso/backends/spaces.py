"""Whether there is room for an environment, before anything is fetched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from kernel_iso.errors import ImpossibleError

GROWTH = 3.5
"""How much larger packages are than their wheels (measured: 66 MB of numpy, pandas, matplotlib become 224 MB)."""

RESERVE = 50_000_000
"""Bytes that an environment takes at least, and that nobody should fill."""


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def check(download: int, folder: Path, *, free: Callable[[Path], int] = _free) -> None:
    """Raise `ImpossibleError` (`no-space`) unless wheels of `download` bytes fit, unpacked, where `folder` will be.

    `download` is 0 where the lock does not know: then only the reserve is asked for.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    needed = round(download * GROWTH) + RESERVE
    there = free(folder)
    if there < needed:
        raise ImpossibleError(
            "no-space",
            "cannot install the environment",
            f"it needs about {_amount(needed)}, and {_amount(there)} are free on the disk of {folder}",
            "kernel-iso clean   (or put the store on a larger disk)",
        )


def _amount(count: int) -> str:
    """A number of bytes for people.

    >>> _amount(1_234_000_000), _amount(50_000_000)
    ('1.2 GB', '50 MB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
