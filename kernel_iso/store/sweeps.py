"""Clean-up: by age, by budget, by lost owners; never what runs, never what is just being made."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kernel_iso.errors import ToolError
from kernel_iso.model import Emit, Event, Owner, Prefix
from kernel_iso.store import guards, logs
from kernel_iso.store.builds import set_aside
from kernel_iso.store.owners import ENVIRONMENT, Owners
from kernel_iso.store.places import KEY_LENGTH, Places, manifest
from kernel_iso.store.sizes import delete, size

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a clean-up did, or would do: bytes `freed`, what was `removed` and why, what is in use.

    `refused` are those of a person's own choice that stay, each with the reason.
    """

    freed: int = 0
    removed: tuple[tuple[str, str], ...] = ()
    kept_in_use: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """One prefix as the clean-up sees it: `used` is the time of its last use, `owner` its owner's record."""

    key: str
    prefix: Prefix
    used: float
    owner: Owner | None

    @property
    def chosen(self) -> bool:
        """True for what a named environment is at present: people keep those on purpose."""
        owner = self.owner
        return bool(owner and owner.kind == ENVIRONMENT and owner.now and owner.now.key == self.key)


@dataclass(slots=True, kw_only=True)
class Sweep:
    """One clean-up: its rules (`now` in seconds since the epoch) and what it has done so far."""

    places: Places
    owners: Owners
    now: float
    keep_days: float
    budget_bytes: int
    dry: bool
    asked: bool
    emit: Emit
    freed: int = 0
    removed: list[tuple[str, str]] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)

    @property
    def recent(self) -> float:
        """Seconds during which a prefix is never taken: a kernel that gets it may only be starting."""
        return max(MINUTE, min(HOUR, self.keep_days * DAY)) if self.asked else HOUR

    @property
    def limit(self) -> float:
        """Seconds without use after which things go; without a limit they stay."""
        return self.keep_days * DAY if self.keep_days > 0 or self.asked else float("inf")

    def run(self) -> Swept:
        """Do it all."""
        self._empty_trash()
        lying = list(self._lying())
        wanted = {key for item in lying if (key := self._companions(item.prefix))}
        stay = []
        for item in sorted(lying, key=lambda item: item.used):
            because = "" if item.key in wanted else self._verdict(item)
            if not because or not self._take(item.key, because, item.used):
                stay.append(item)
        if self.budget_bytes:
            self._fit(item for item in stay if item.key not in wanted)
        self._tidy()
        return Swept(
            freed=self.freed, removed=tuple(self.removed), kept_in_use=tuple(dict.fromkeys(self.busy))
        )

    def chosen(self, keys: Iterable[str]) -> Swept:
        """Delete exactly these, however new; what may not go stays, and is told with its reason."""
        refused = []
        for key in dict.fromkeys(keys):
            because = self._refusal(key)
            if not because and not self._take(key, "you chose it", self._used(key)):
                because = "something runs from it, or is making it"
            if because:
                refused.append((key, because))
        return Swept(freed=self.freed, removed=tuple(self.removed), refused=tuple(refused))

    def _refusal(self, key: str) -> str:
        """Why a prefix that a person chose stays, "" where it may go as far as that can be told beforehand."""
        if not self.places.prefix(key).exists():
            return "there is no such environment"
        with guards.claimed(self.places.in_use(key)) as free:
            if not free:
                return "a kernel or a command runs from it"
        if self.now - self._used(key) < MINUTE:
            return "it was used a moment ago: a kernel may just be starting"
        others = (manifest(self.places, other) for other in self.places.keys())  # noqa: SIM118
        if any(prefix is not None and self._companions(prefix) == key for prefix in others):
            return "other environments have their kernel's packages in it"
        return ""

    def _empty_trash(self) -> None:
        """Delete what earlier removals left; what is just being moved there may still be put back."""
        with contextlib.suppress(OSError):
            for path in sorted(self.places.trash.iterdir()):
                stamp = path.name.split("-")[1:2]
                if stamp and stamp[0].isdigit() and abs(time.time() - int(stamp[0]) / 1e9) < MINUTE:
                    continue
                self._gone(path.name[:KEY_LENGTH], "left over from an earlier removal", size(path).unique)
                if not self.dry:
                    delete(path)

    def _lying(self) -> Iterator[Lying]:
        """Every whole prefix; half-made ones that nobody makes are taken on the way."""
        for key in self.places.keys():  # noqa: SIM118
            prefix = manifest(self.places, key)
            used = self._used(key)
            if prefix is not None:
                yield Lying(key=key, prefix=prefix, used=used, owner=self.owners.get(prefix.owner))
            elif not self.places.manifest(key).exists():
                if self.now - used > MINUTE:
                    self._take(key, "half made, and nobody goes on with it", used)
            elif self.now - used > DAY:  # a newer kernel-iso may have written it
                self._take(key, "its manifest cannot be read", used)

    def _used(self, key: str) -> float:
        for path in (self.places.used(key), self.places.prefix(key)):
            with contextlib.suppress(OSError):
                return path.stat().st_mtime
        return self.now

    def _companions(self, prefix: Prefix) -> str:
        """The key of the prefix that holds a prefix's companions, "" where it has none apart."""
        if not prefix.companions:
            return ""
        try:
            return Path(prefix.companions).relative_to(self.places.prefixes).parts[0]
        except (ValueError, IndexError):
            return ""

    def _verdict(self, item: Lying) -> str:
        """Why a prefix goes, "" where it stays."""
        idle, owner = self.now - item.used, item.owner
        if idle < self.recent:
            return ""
        if item.chosen:
            return "you asked for it" if self.asked and self.keep_days == 0 else ""
        if idle > self.limit:
            unit, name = (DAY, "days") if idle > 2 * DAY else (HOUR, "hours")
            return f"not used for {idle / unit:.0f} {name}"
        if owner is None:
            return "nobody owns it" if idle > DAY else ""
        if item.key not in {generation.key for generation in owner.generations}:
            return f"`{owner.id}` has newer ones and cannot go back to it"
        gone = owner.kind != ENVIRONMENT and owner.path and not Path(owner.path).exists()
        return f"{owner.path} is gone" if gone and idle > DAY else ""

    def _fit(self, items: Iterable[Lying]) -> None:
        """Take what was not used for longest until the rest fits; named environments come last."""
        rest = sorted(items, key=lambda item: (item.chosen, item.used))
        sizes = {item.key: size(self.places.prefix(item.key)).unique for item in rest}
        total = sum(sizes.values())
        for item in rest:
            if total <= self.budget_bytes:
                return
            if self.now - item.used < self.recent:
                continue
            if self._take(item.key, f"the budget is {self.budget_bytes / 1e9:g} GB", item.used):
                total -= sizes[item.key]

    def _take(self, key: str, because: str, used: float) -> bool:
        """Remove one prefix, unless somebody builds it, runs from it or just used it; True where it goes."""
        lock = guards.guard(self.places.guard(key), self.places.root)
        if not guards.taken(lock, self.places.root):
            self.busy.append(key)
            return False
        try:
            if not self.places.prefix(key).exists():
                return False  # another clean-up was first
            with self._free(key) as free:
                if not free:
                    self.busy.append(key)
                    return False
                taken = size(self.places.prefix(key)).unique
                if not self.dry:
                    aside = set_aside(self.places, self.places.prefix(key))
                    if _put_back(aside, self.places.prefix(key), used):
                        return False
        except ToolError:
            self.busy.append(key)  # something has its files open
            return False
        finally:
            lock.release()
        self._gone(key, because, taken)
        if not self.dry:
            delete(aside)
        return True

    @contextlib.contextmanager
    def _free(self, key: str) -> Iterator[bool]:
        """True inside where nothing runs from a prefix and no tool of a killed builder writes into it."""
        with guards.claimed(self.places.in_use(key)) as free:
            yield free and logs.idle(self.places.log(key))

    def _gone(self, key: str, because: str, taken: int) -> None:
        self.freed += taken
        self.removed.append((key, because))
        self.emit(Event(phase="sweep", key=key, at=time.time(), text=because, done=taken, unit="bytes"))

    def _tidy(self) -> None:
        """Delete old logs, kept locks that no owner goes back to, and records of notebooks that are gone."""
        there = set(self.places.keys())
        notebooks = self.owners.notebooks()
        needed = {
            generation.lock
            for owner in (*notebooks, *self.owners.environments())
            for generation in owner.generations
        }
        for path in (*_files(self.places.logs, "*.ndjson"), *_files(self.places.locks, "*.json")):
            if path.stem not in there | needed:
                self._old(path)
        for owner in notebooks:
            lives = any(generation.key in there for generation in owner.generations)
            if not lives and owner.path and not Path(owner.path).exists():
                self._old(self.owners.place(owner))

    def _old(self, path: Path) -> None:
        """Delete a file that nobody has touched for long enough."""
        with contextlib.suppress(OSError):
            found = path.stat()
            if self.now - found.st_mtime > self.limit:
                if not self.dry:
                    path.unlink()
                self.freed += found.st_size


def _put_back(aside: Path, place: Path, used: float) -> bool:
    """Undo a removal where the prefix was used between the look at it and the removal; True where it was."""
    mark = aside / ".kernel-iso" / "used"
    if not mark.exists() or mark.stat().st_mtime <= used:
        return False
    aside.rename(place)
    return True


def _files(folder: Path, pattern: str) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(folder.glob(pattern))
    return []
