"""Whose prefixes are: a record for each notebook and each named environment."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from kernel_iso.errors import SpecError, ToolError
from kernel_iso.model import Generation, Owner, digest
from kernel_iso.store import guards
from kernel_iso.store.places import Places, write

UNDO = 10
"""Generations that are kept for going back."""

PLAIN = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
"""Ids that are file names on every system, also where case does not count."""

RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?|.*\.")
"""What Windows keeps for devices, or changes: https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""

ENVIRONMENT = "environment"


def file_name(owner_id: str) -> str:
    """The name of an owner's file: the id where it is plain, else its digest. An id comes from a notebook.

    >>> file_name("vision"), file_name("../../etc/passwd")[:6], file_name("nul")[:6]
    ('vision.json', '=9478a', '=3cb7d')
    """
    if PLAIN.fullmatch(owner_id) and not RESERVED.fullmatch(owner_id):
        return f"{owner_id}.json"
    return f"={digest({'owner': owner_id})[:32]}.json"


class Owners:
    """The records of owners. Environments have a folder of their own: listing them reads nothing else."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.environments_folder = places.owners / "environments"

    def get(self, owner_id: str) -> Owner | None:
        """The owner with this id (an environment goes first), None where there is none or it is damaged."""
        return self.environment(owner_id) or self._read(self.places.owners / file_name(owner_id), owner_id)

    def environment(self, name: str) -> Owner | None:
        """The named environment, None where there is none."""
        return self._read(self.environments_folder / file_name(name), name)

    def environments(self) -> tuple[Owner, ...]:
        """Every named environment, by name."""
        return self._listed(self.environments_folder)

    def notebooks(self) -> tuple[Owner, ...]:
        """Every notebook's record."""
        return self._listed(self.places.owners)

    def _listed(self, folder: Path) -> tuple[Owner, ...]:
        with contextlib.suppress(OSError):
            found = [self._read(path) for path in folder.glob("*.json")]
            return tuple(sorted((owner for owner in found if owner is not None), key=lambda owner: owner.id))
        return ()

    def _read(self, path: Path, owner_id: str | None = None) -> Owner | None:
        try:
            owner = Owner.from_text(path.read_bytes())
        except (OSError, SpecError):
            return None
        expected = owner.id if owner_id is None else owner_id
        return owner if owner.id == expected and path.name == file_name(owner.id) else None

    def place(self, owner: Owner) -> Path:
        """The file of an owner's record."""
        folder = self.environments_folder if owner.kind == ENVIRONMENT else self.places.owners
        return folder / file_name(owner.id)

    def record(self, owner: Owner) -> None:
        """Write an owner's record. Raises `ToolError` (`no-space`, `store-read-only`, `store-busy`)."""
        with self.turn():
            self.write(owner)

    def write(self, owner: Owner) -> None:
        """Write a record; the caller has the turn."""
        write(self.place(owner), owner, root=self.places.root)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Keep every other process from changing records."""
        with guards.moment(self.places.guards / "owners.lock", self.places.root):
            yield

    def add(self, owner_id: str, kind: str, path: str, generation: Generation) -> Owner:
        """Make a generation the owner's current one, and `path` its address.

        The current one again only changes its address and texts; anything else ends the way forward (redo).
        The last `UNDO` are kept. Raises `ToolError` (`no-space`, `store-read-only`, `store-busy`): but an
        address that cannot be written, because the store is read-only, is not worth failing for.
        """
        former = self._of_kind(owner_id, kind)
        again = former.now is not None and former.now.key == generation.key
        try:
            with self.turn():
                owner = with_generation(self._of_kind(owner_id, kind), path, generation)
                self.write(owner)
        except ToolError as error:
            if again and error.code == "store-read-only":
                return former
            raise
        return owner

    def _of_kind(self, owner_id: str, kind: str) -> Owner:
        new = Owner(id=owner_id, kind=kind)
        return self._read(self.place(new), owner_id) or new

    def forget(self, owner: Owner) -> None:
        """Remove a record."""
        with contextlib.suppress(OSError):
            self.place(owner).unlink()


def with_generation(owner: Owner, path: str, generation: Generation) -> Owner:
    """The owner with this generation as the current one; see `Owners.add`.

    >>> first = with_generation(Owner(id="a"), "", Generation(key="1"))
    >>> both = with_generation(first, "", Generation(key="2"))
    >>> undone = msgspec.structs.replace(both, current=0)
    >>> [item.key for item in with_generation(undone, "", Generation(key="3")).generations]
    ['1', '3']
    """
    now = owner.now
    if now is not None and now.key == generation.key:
        same = msgspec.structs.replace(generation, made=now.made or generation.made)
        listed = (*owner.generations[: owner.current], same, *owner.generations[owner.current + 1 :])
        return msgspec.structs.replace(owner, path=path, generations=listed)
    listed = (*owner.generations[: owner.current + 1], generation)[-UNDO:]
    return msgspec.structs.replace(owner, path=path, generations=listed, current=len(listed) - 1)
