"""Every prefix on this machine: whose it is, what it takes, and when it was used last."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kernel_iso.engine.context import Engine
from kernel_iso.model import Owner, Prefix, Record
from kernel_iso.store import Size

AT_ONCE = 4
"""Folders that are measured at the same time."""

OURS = {"companions": "the kernel's own packages", "bare": "kernels without a notebook"}
"""How the prefixes are called that belong to no notebook and no named environment."""


class Row(Record, frozen=True, kw_only=True):
    """One prefix. `kind` is `notebook` or `environment`, `path` the notebook's address ("" for others), and `served` the
    same as the server's pages know it ("" where no server's root holds it).

    `exists` is False where the notebook is gone; `state` is `in-use`, `idle`, or `orphan` (nobody can start it any
    more: the notebook or its record is gone, or newer ones have taken its place for good). `used` and `made` are
    seconds since the epoch.
    """

    owner: str
    kind: str
    label: str
    path: str
    served: str
    exists: bool
    state: str
    key: str
    generation: int
    current: bool
    python: str
    accelerator: str
    backend: str
    packages: int
    unique_bytes: int
    shared_bytes: int
    used: float
    made: float


class Overview(Record, frozen=True, kw_only=True):
    """The rows, the most recently used first; `total_bytes` is what deleting all of them would free."""

    rows: tuple[Row, ...]
    total_bytes: int
    free_bytes: int


def overview(engine: Engine) -> Overview:
    """Look at every prefix in the store. Measuring takes time with their number of files; nothing is changed."""
    prefixes = engine.store.prefixes()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sizes = list(pool.map(lambda prefix: engine.store.sizes(prefix.key), prefixes))
    rows = [_row(engine, prefix, size) for prefix, size in zip(prefixes, sizes, strict=True)]
    rows.sort(key=lambda row: (-row.used, row.key))
    return Overview(
        rows=tuple(rows), total_bytes=sum(row.unique_bytes for row in rows), free_bytes=_free(engine)
    )


def _row(engine: Engine, prefix: Prefix, size: Size) -> Row:
    owner = engine.store.owner(prefix.owner)
    kind = owner.kind if owner else "environment" if prefix.owner in OURS else "notebook"
    path = owner.path if owner and kind == "notebook" else ""
    exists = bool(path and Path(path).exists()) if kind == "notebook" else True
    keys = [generation.key for generation in owner.generations] if owner else []
    place = keys.index(prefix.key) if prefix.key in keys else -1
    known = prefix.owner in OURS or (place >= 0 and exists)
    state = "in-use" if engine.store.in_use(prefix.key) else "idle" if known else "orphan"
    return Row(
        owner=prefix.owner, kind=kind, label=_label(owner, prefix, path), path=path,
        served=_served(engine.root, path), exists=exists, state=state,
        key=prefix.key, generation=place + 1 if place >= 0 else prefix.generation,
        current=bool(owner and owner.now and owner.now.key == prefix.key), python=prefix.version,
        accelerator=prefix.accelerator, backend=prefix.backend, packages=len(prefix.packages), unique_bytes=size.unique,
        shared_bytes=size.shared, used=engine.store.used(prefix.key), made=prefix.made,
    )  # fmt: skip


def _label(owner: Owner | None, prefix: Prefix, path: str) -> str:
    if prefix.owner in OURS:
        return OURS[prefix.owner]
    if owner is None:
        return "a notebook that is not known any more"
    return Path(path).name if path else owner.id


def _served(root: str, path: str) -> str:
    """A notebook's path below the folder that a server serves.

    >>> _served("/home/me", "/home/me/work/n.ipynb"), _served("/home/me", "/srv/n.ipynb"), _served("", "/srv/n.ipynb")
    ('work/n.ipynb', '', '')
    """
    for top in (root, str(Path(root).resolve())) if root else ():
        if path and Path(path).is_relative_to(top):
            return Path(path).relative_to(top).as_posix()
    return ""


def _free(engine: Engine) -> int:
    """Bytes that are free beside the store."""
    root = engine.store.root
    return shutil.disk_usage(next(folder for folder in (root, *root.parents) if folder.exists())).free


def lines(found: Overview, now: float) -> list[str]:
    """The overview for a terminal; `now` is in seconds since the epoch."""
    if not found.rows:
        return ["no environment yet"]
    width = min(max(len(row.label) for row in found.rows), 40)
    told = []
    for row in found.rows:
        days = max(now - row.used, 0) / 86400
        ago = "today" if days < 1 else f"{days:.0f} d ago"
        mark = {"in-use": "in use", "orphan": "orphan"}.get(row.state, "" if row.current else "former")
        python = f"{row.python} (conda)" if row.backend == "conda" else row.python
        told.append(
            f"{row.key}  {row.label[:40]:<{width}}  {row.unique_bytes / 1e6:>8.1f} MB + {row.shared_bytes / 1e6:.1f} shared"
            f"  Python {python:<15} {row.packages:>4} packages  {ago:<9} {mark}".rstrip()
        )
    told.append(f"{found.total_bytes / 1e6:.1f} MB in all, {found.free_bytes / 1e9:.1f} GB free")
    return told
