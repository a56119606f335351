"""Which owner a notebook is: its id is the identity, its path only an address."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from kernel_iso.model import Owner, Record, digest
from kernel_iso.store.owners import ENVIRONMENT, Owners
from kernel_iso.store.places import same, write

ID_LENGTH = 128
"""Characters; a longer id was not made by us."""

NOT_NOTEBOOKS = ("bare", "companions")
"""Owners that are ours: kernels without a notebook, and the kernel's own packages apart."""

IdAt = Callable[[Path], str]


class Moved(Record, frozen=True, kw_only=True):
    """Whose address this became by a rename."""

    owner: str


def owner_for(owners: Owners, path: Path, notebook_id: str, id_at: IdAt) -> str:
    """The owner of the notebook at `path`, which carries `notebook_id` ("" is none).

    `id_at` reads the id of the notebook at another path ("" where there is none any more). A notebook whose
    id is at home at another path that still carries it is a copy, with an owner of its own until it gets its
    own id. Without an id the real path is the address. Nothing is written.
    """
    real = _real(path)
    if not notebook_id:
        return _by_address(owners, path, real)
    if not _usable(notebook_id):
        return "n-" + digest({"id": notebook_id})[:16]
    derived = "c-" + digest({"id": notebook_id, "path": real})[:16]
    known = owners.get(notebook_id)
    if known is not None and known.kind == ENVIRONMENT:
        return derived
    former = owners.get(derived)
    if former is not None and former.path and same(Path(former.path), path):
        return derived  # it was a copy once, and stays one when the original goes
    if known is None or not _elsewhere(known, path) or id_at(Path(known.path)) != notebook_id:
        return notebook_id
    return derived


def _by_address(owners: Owners, path: Path, real: str) -> str:
    moved = _moved(owners, real)
    if moved is not None and moved.path and same(Path(moved.path), path):
        return moved.id
    salt = 0
    while True:
        candidate = address(real, salt)
        known = owners.get(candidate)
        # The notebook that was here first has moved on and lives: this one is another.
        if known is None or (known.kind != ENVIRONMENT and not _elsewhere(known, path)):
            return candidate
        salt += 1


def address(real: str, salt: int = 0) -> str:
    """The owner that a real path stands for.

    >>> address("/home/me/a.ipynb") == address("/home/me/a.ipynb", 1)
    False
    """
    return "p-" + digest({"path": real, "salt": salt} if salt else {"path": real})[:16]


def move(owners: Owners, old: Path, new: Path) -> tuple[str, ...]:
    """Follow a rename of a notebook, or of a folder with notebooks; returns the owners that moved.

    Call it after the rename. Raises `ToolError` (`no-space`, `store-read-only`, `store-busy`).
    """
    before, after = Path(_absolute(old)), Path(_absolute(new))
    went = []
    with owners.turn():
        for owner in owners.notebooks():
            if not owner.path or not Path(owner.path).is_relative_to(before):
                continue
            place = after / Path(owner.path).relative_to(before)
            owners.write(msgspec.structs.replace(owner, path=str(place)))
            if owner.id.startswith("p-"):
                write(_alias(owners, _real(place)), Moved(owner=owner.id), root=owners.places.root)
            went.append(owner.id)
    return tuple(went)


def _elsewhere(owner: Owner, path: Path) -> bool:
    """True where the owner's address is another file that exists."""
    return bool(owner.path) and Path(owner.path).exists() and not same(Path(owner.path), path)


def _moved(owners: Owners, real: str) -> Owner | None:
    try:
        moved = Moved.from_text(_alias(owners, real).read_bytes())
    except Exception:  # none, or damaged: then nothing has moved here
        return None
    return owners.get(moved.owner)


def _alias(owners: Owners, real: str) -> Path:
    return owners.places.owners / "addresses" / f"{address(real)}.json"


def _usable(notebook_id: str) -> bool:
    """True for an id that may stand in records and messages as it is."""
    return (
        len(notebook_id) <= ID_LENGTH
        and notebook_id.isprintable()
        and not any(sign.isspace() or sign in "/\\" for sign in notebook_id)
        and notebook_id not in NOT_NOTEBOOKS
    )


def _real(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


def _absolute(path: Path) -> str:
    """The path with its folder's links followed: the file itself may be gone."""
    return str(Path(os.path.realpath(path.parent)) / path.name)
