"""The one door to the store."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from kernel_iso.model import Emit, Event, Generation, Lock, Owner, Prefix, digest, quiet
from kernel_iso.store import addresses, builds, guards, kept_locks, logs, names, places, sizes, sweeps
from kernel_iso.store.open_notebooks import OpenNotebooks
from kernel_iso.store.owners import Owners


class Store:
    """Prefixes on disk below `root`, whose they are, and the locks they were made from.

    Cheap to make, holds nothing open, may be shared between threads; many processes may use one root.
    A prefix exists if and only if its manifest, written last, exists. What writes raises `ToolError`
    (`no-space`, `store-read-only`) where the disk refuses; what only reads works on a read-only store too.
    """

    def __init__(self, root: Path) -> None:
        self.places = places.Places(root)
        self.owners = Owners(self.places)
        self.open_notebooks = OpenNotebooks(self.places)
        self._builds = builds.Builds(self.places)

    @property
    def root(self) -> Path:
        """The store's folder, absolute."""
        return self.places.root

    # Prefixes

    def key(self, lock_digest: str, tag: str, owner: str) -> str:
        """The key of an owner's prefix: what it holds, the machine and Python it fits, and whose it is."""
        return digest({"prefix": {"lock": lock_digest, "tag": tag, "owner": owner}})[: places.KEY_LENGTH]

    def find(self, key: str) -> Prefix | None:
        """The prefix, None where it is not there: no whole manifest, or its interpreter is gone.

        Takes well below a millisecond with any number of prefixes. Raises `SpecError` (`bad-key`).
        """
        return places.find(self.places, key)

    def prefixes(self) -> tuple[Prefix, ...]:
        """Every whole prefix, by key."""
        found = (places.manifest(self.places, key) for key in self.places.keys())  # noqa: SIM118
        return tuple(prefix for prefix in found if prefix is not None)

    def used(self, key: str) -> float:
        """When a prefix was used last (seconds since the epoch), 0 where that is not known."""
        try:
            return self.places.used(key).stat().st_mtime
        except OSError:
            return 0

    def realise(
        self,
        key: str,
        make: Callable[[Path, Emit], Prefix],
        *,
        emit: Emit = quiet,
        cancelled: threading.Event | None = None,
        fresh: bool = False,
    ) -> Prefix:
        """The prefix, made by `make` where it is not there: in one process and thread, while others follow.

        `make` gets the folder, which does not exist (its parent does), and where to report; it returns the
        Prefix. Its tools should inherit `holding(key)`. What it raises is raised on, and nothing is left.
        Who waits for another's build is told the same events; where that fails or is killed, it builds
        itself. `fresh` makes it again.

        Raises `ToolError`: `prefix-in-use`, `leftover-in-the-way`, `no-interpreter-made`, `no-space`,
        `store-read-only`; `CancelledError` (`cancelled`); `SpecError` (`bad-key`).
        """
        return self._builds.realise(
            key, make, emit=emit, cancelled=cancelled or threading.Event(), fresh=fresh
        )

    def holding(self, key: str) -> tuple[int, ...]:
        """The descriptors for the tools of the build that goes on in this process (`Tools(…, holding=…)`).

        While an orphan of a killed builder has one, nobody touches the folder that it may still write to.
        """
        return self._builds.holding(key)

    def history(self, key: str) -> list[Event]:
        """The events of the last build of a prefix."""
        return logs.history(self.places.log(key))

    def log(self, key: str) -> Path:
        """The file of these events."""
        return self.places.log(key)

    def in_use(self, key: str) -> bool:
        """True where a kernel or a command runs from the prefix."""
        with guards.claimed(self.places.in_use(key)) as free:
            return not free

    def using(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Run from a prefix: nobody takes it away meanwhile. Raises `ToolError` (`prefix-going`)."""
        return guards.held(self.places.in_use(key))

    def sizes(self, key: str) -> sizes.Size:
        """What a prefix takes on the disk, and what of it is shared with the backend's cache."""
        return sizes.size(self.places.prefix(key))

    # Owners

    def owner(self, owner_id: str) -> Owner | None:
        """The record of a notebook or named environment, None where there is none."""
        return self.owners.get(owner_id)

    def record(self, owner: Owner) -> None:
        """Write an owner's record as it is given. Raises `ToolError` (`store-busy`)."""
        self.owners.record(owner)

    def add_generation(self, owner_id: str, kind: str, path: str, generation: Generation) -> Owner:
        """Make a generation the owner's current one, and `path` its address; the last ten are kept."""
        return self.owners.add(owner_id, kind, path, generation)

    def owner_for(
        self, path: Path, notebook_id: str, *, id_at: Callable[[Path], str] = lambda path: ""
    ) -> str:
        """The owner of the notebook at `path` that carries `notebook_id` ("" is none); a copy has its own.

        `id_at` reads the id of the notebook at another path ("" where it has none). Nothing is written.
        """
        return addresses.owner_for(self.owners, path, notebook_id, id_at)

    def move(self, old: Path, new: Path) -> tuple[str, ...]:
        """Follow the rename of a notebook or a folder, after it; returns the owners that moved."""
        return addresses.move(self.owners, old, new)

    def environments(self) -> tuple[Owner, ...]:
        """The named environments, by name."""
        return self.owners.environments()

    def environment(self, name: str) -> Owner | None:
        """The named environment, None where there is none."""
        return self.owners.environment(name)

    def remove_owner(self, owner_id: str, *, delete: bool = False) -> int:
        """Forget an owner; with `delete` its prefixes go at once. Returns the bytes freed.

        Raises `ToolError`: `prefix-in-use` before anything has changed where something runs from one of them,
        `leftover-in-the-way`.
        """
        owner = self.owners.get(owner_id)
        if owner is None:
            return 0
        keys = dict.fromkeys(generation.key for generation in owner.generations) if delete else {}
        for key in keys:
            if self.in_use(key):
                raise builds.in_use(key)
        with self.owners.turn():
            self.owners.forget(owner)
        return sum(self._discard(key) for key in keys)

    def _discard(self, key: str) -> int:
        freed = self.sizes(key).unique
        with guards.moment(self.places.guard(key), self.root):
            builds.discard(self.places, key)
        return freed

    def safe_name(self, name: str) -> str:
        """The name for a new environment, or that of an existing one. Raises `SpecError` (`bad-name`)."""
        return names.safe_name(name, (owner.id for owner in self.environments()))

    def safe_folder(self, path: Path, *, home: Path | None = None) -> Path:
        """The folder for an environment at a person's own place.

        Raises `SpecError` (`protected-folder`, `not-ours`, `bad-folder`).
        """
        return names.safe_folder(path, ours=places.is_ours, store=self.root, home=home or Path.home())

    # Kept locks

    def kept(self, plan_digest: str) -> Lock | None:
        """The lock kept for a plan, None where there is none."""
        return kept_locks.kept(self.places, plan_digest)

    def lock(self, lock_digest: str) -> Lock | None:
        """The lock with this digest, None where it is not kept."""
        return kept_locks.lock(self.places, lock_digest)

    def keep(self, lock: Lock) -> None:
        """Keep a lock, by its plan and by its digest."""
        kept_locks.keep(self.places, lock)

    def locks(self, limit: int = 500) -> Iterator[Lock]:
        """The kept locks, those used last first, at most `limit`."""
        return kept_locks.newest(self.places, limit)

    # Clean-up

    def remove(
        self, keys: Iterable[str], *, now: float, dry: bool = False, emit: Emit = quiet
    ) -> sweeps.Swept:
        """Delete the prefixes that a person chose; `refused` tells which stay, and why. `dry` only tells.

        Raises `SpecError` (`bad-key`).
        """
        return sweeps.Sweep(
            places=self.places, owners=self.owners, now=now, keep_days=0, budget_bytes=0, dry=dry, asked=True, emit=emit
        ).chosen(keys)  # fmt: skip

    def sweep(
        self,
        *,
        now: float,
        keep_days: float,
        budget_bytes: int = 0,
        dry: bool = False,
        asked: bool = False,
        emit: Emit = quiet,
    ) -> sweeps.Swept:
        """Delete what nobody uses: leftovers, what lost notebooks had, what is old; then down to the budget.

        Never what runs, is being built, or was used within the last hour. 0 is no limit, of age and of size;
        but where a person `asked`, `keep_days` = 0 means everything that was not used within the last minute.
        What a named environment is at present goes only then, or last for the budget. `dry` only tells.
        """
        return sweeps.Sweep(
            places=self.places, owners=self.owners, now=now, keep_days=keep_days, budget_bytes=budget_bytes,
            dry=dry, asked=asked, emit=emit,
        ).run()  # fmt: skip
