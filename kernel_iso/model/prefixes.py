"""The directory that is the environment, and who owns it."""

from __future__ import annotations

from kernel_iso.model.locks import Package
from kernel_iso.model.records import Record


class Prefix(Record, frozen=True, kw_only=True):
    """A prefix that exists: its manifest, written last.

    `path` and `python` are absolute paths (the folder and its interpreter). `companions` is the folder of the
    kernel's own packages where they could not live inside ("" where they do). `made` is seconds since the epoch.
    """

    key: str
    path: str
    python: str
    version: str
    backend: str
    owner: str
    generation: int = 1
    lock: str = ""
    plan: str = ""
    accelerator: str = ""
    companions: str = ""
    companions_first: bool = False
    packages: tuple[Package, ...] = ()
    made: float = 0


class Generation(Record, frozen=True, kw_only=True):
    """One generation of an owner's prefix: the key, the text of the Spec that it answers, and the digest of its Lock."""

    key: str
    spec: str = ""
    lock: str = ""
    made: float = 0


class Owner(Record, frozen=True, kw_only=True):
    """Whose prefix: a notebook (by id) or a named environment.

    `path` is the notebook's last known address or the environment's own prefix folder. `generations` are in
    the order they were made and `current` is an index into them (-1: none yet).
    """

    id: str
    kind: str = "notebook"
    path: str = ""
    generations: tuple[Generation, ...] = ()
    current: int = -1

    @property
    def now(self) -> Generation | None:
        """The current generation."""
        return self.generations[self.current] if 0 <= self.current < len(self.generations) else None
