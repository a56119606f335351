"""Locks that were made here, by the plan that they answer and by their own digest."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from kernel_iso.errors import SpecError
from kernel_iso.model import Lock
from kernel_iso.store.places import Places, write

DIGEST = re.compile(r"[0-9a-f]{64}")


def keep(places: Places, lock: Lock) -> None:
    """Keep a lock. Raises `ToolError` (`no-space`, `store-read-only`)."""
    for digest in (lock.plan, lock.digest()):
        if place := _place(places, digest):
            write(place, lock, root=places.root)


def kept(places: Places, plan: str) -> Lock | None:
    """The lock that answers a plan, None where there is none or it is damaged."""
    found = _read(places, plan)
    return found if found is not None and found.plan == plan else None


def lock(places: Places, digest: str) -> Lock | None:
    """The lock with these artefacts, None where there is none or it is damaged."""
    found = _read(places, digest)
    return found if found is not None and found.digest() == digest else None


def newest(places: Places, limit: int) -> Iterator[Lock]:
    """The locks that were used last, each once; what is damaged is left out. Their time of use stays."""
    dated = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(places.locks):
            if DIGEST.fullmatch(entry.name.removesuffix(".json")):
                with contextlib.suppress(OSError):
                    dated.append((entry.stat().st_mtime, entry.path))
    seen = set()
    for _, path in sorted(dated, reverse=True)[:limit]:
        with contextlib.suppress(OSError, SpecError):
            found = Lock.from_text(Path(path).read_bytes())
            # Each is kept under its own digest and under its plan's.
            if (digest := found.digest()) not in seen:
                seen.add(digest)
                yield found


def _read(places: Places, digest: str) -> Lock | None:
    place = _place(places, digest)
    if place is None:
        return None
    try:
        found = Lock.from_text(place.read_bytes())
    except (OSError, SpecError):
        return None
    with contextlib.suppress(OSError):
        os.utime(place)  # the clean-up goes by the last use
    return found


def _place(places: Places, digest: str) -> Path | None:
    """The file of a digest; nothing else becomes a path."""
    return places.locks / f"{digest}.json" if DIGEST.fullmatch(digest) else None
