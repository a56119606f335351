"""What conda's packages leave on this machine beside the prefixes: unpacked packages, and the names in channels."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from kernel_iso.backends.conda import caches
from kernel_iso.engine.context import Engine
from kernel_iso.engine.fitting import CONDA
from kernel_iso.errors import SpecError
from kernel_iso.store import Swept

YOUNG = 600.0
"""Seconds for which a package is left alone: somebody may be linking it at present."""

DAY = 86400.0


def used(engine: Engine) -> set[str]:
    """The conda packages ("name-version-build") that some prefix of the store holds."""
    return {
        f"{item.name}-{item.version}-{item.build}"
        for prefix in engine.store.prefixes()
        if prefix.backend == CONDA
        for item in prefix.packages
        if item.build
    }


def sweep(engine: Engine, *, days: float, dry: bool = False) -> Swept:
    """Delete the unpacked packages that no prefix uses and nobody asked for in so many days; say what that frees.

    A prefix never needs them again, for its files are its own: they only make the next one faster.
    """
    if engine.policy.cache == "off":
        return Swept()
    folder, removed, freed = caches.root(engine.policy.cache) / "pkgs", [], 0
    before = time.time() - max(days * DAY, YOUNG)
    for package in caches.unused(folder, used(engine), before):
        freed += caches.size(package)
        removed.append((package.name, "a conda package that no environment uses"))
        if not dry:
            caches.drop(folder, package.name)
    return Swept(freed=freed, removed=tuple(removed))


def names(engine: Engine, beginning: str) -> Iterable[str]:
    """The names in the channels that were asked last, as far as they begin so; no network is used."""
    if engine.policy.cache == "off":
        return ()
    found: set[str] = set()
    for path in (caches.root(engine.policy.cache) / caches.NAMES).glob("*.json"):
        try:
            found |= {name for name in json.loads(path.read_bytes()) if name.startswith(beginning)}
        except (OSError, ValueError, TypeError, AttributeError, SpecError):
            continue
    return found
