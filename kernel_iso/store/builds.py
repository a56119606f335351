"""Making a prefix: one builder at a time, the others follow it, and nothing half-made is taken for one."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from kernel_iso.errors import CancelledError, IsoError, ToolError
from kernel_iso.model import Emit, Event, Prefix
from kernel_iso.store import guards, logs
from kernel_iso.store.failures import explained, told
from kernel_iso.store.places import OURS, Places, find, write
from kernel_iso.store.sizes import delete

POLL = 0.05
"""Seconds between two looks at a lock that another process holds."""

Make = Callable[[Path, Emit], Prefix]


class Builds:
    """Makes prefixes for one store, from any number of processes and threads at once."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._going: dict[str, logs.Writer] = {}

    def holding(self, key: str) -> tuple[int, ...]:
        """The descriptors that the tools of the build of `key` in this process must inherit (POSIX).

        While one is open, also in the orphan of a killed builder, the next builder waits.
        """
        writer = self._going.get(key)
        return (writer.handle,) if writer and os.name != "nt" else ()

    def realise(
        self, key: str, make: Make, *, emit: Emit, cancelled: threading.Event, fresh: bool = False
    ) -> Prefix:
        """See `Store.realise`."""
        if not fresh and (prefix := self._ready(key)):
            return prefix
        asked = time.time()
        self._prepare()
        lock = guards.guard(self.places.guard(key), self.places.root)
        follower, turns = logs.Follower(self.places.log(key)), 0
        while not guards.taken(lock, self.places.root):
            self._pause(cancelled, key)
            turns += 1
            if turns == 2:  # the clean-up holds it for a moment only
                _tell(emit, key, "another start is making it: waiting for that one")
            _hand_on(follower, emit)
        try:
            if turns:
                _hand_on(follower, emit)
            # Who waited for somebody's fresh build has what was asked for.
            if (prefix := self._ready(key)) and (not fresh or (turns and prefix.made >= asked)):
                return prefix
            return self._build(key, make, emit, cancelled)
        finally:
            lock.release()

    def _ready(self, key: str) -> Prefix | None:
        """The prefix, touched; None where there is none, also where it went in this very moment."""
        prefix = find(self.places, key)
        return prefix if prefix is not None and touch(self.places, key) else None

    def _prepare(self) -> None:
        with told(self.places.root):
            for folder in (self.places.prefixes, self.places.logs, self.places.trash):
                folder.mkdir(parents=True, exist_ok=True)

    def _pause(self, cancelled: threading.Event, key: str) -> None:
        if cancelled.wait(POLL):
            raise CancelledError(
                "cancelled",
                f"stopped waiting for the environment {key}",
                "you cancelled",
                "start it again when you want to; the other start goes on",
            )

    def _build(self, key: str, make: Make, emit: Emit, cancelled: threading.Event) -> Prefix:
        """Make the prefix, under its lock."""
        with told(self.places.root):
            writer = logs.Writer(self.places.log(key))
        try:
            self._await_tools(key, writer, emit, cancelled)
            aside = cleared(self.places, key)
            writer.begin(key)
            self._going[key] = writer
            prefix = self._made(key, make, emit, writer)
            if aside is not None:
                # Not before: ext4 passes over inodes that were just freed, and makes new files many times slower.
                delete(aside)
            return prefix
        finally:
            self._going.pop(key, None)
            writer.close()

    def _await_tools(self, key: str, writer: logs.Writer, emit: Emit, cancelled: threading.Event) -> None:
        """Wait until no tool of a builder that was killed still writes into the folder."""
        told_so = False
        while not writer.alone():
            if not told_so:
                told_so = True
                _tell(emit, key, "a tool of a start that was killed is still at work: waiting for its end")
            self._pause(cancelled, key)

    def _made(self, key: str, make: Make, emit: Emit, writer: logs.Writer) -> Prefix:
        path = self.places.prefix(key)

        def tell(event: Event) -> None:
            writer.add(event)
            emit(event)

        try:
            made = make(path, tell)
            prefix = msgspec.structs.replace(made, key=key, path=str(path), made=made.made or time.time())
            self._commit(key, prefix)
        except BaseException as error:
            # The first failure is the one to tell; what cannot be discarded now is by the next start.
            with contextlib.suppress(OSError, ToolError):
                discard(self.places, key)
            failure = explained(error, self.places.root) if isinstance(error, OSError) else None
            writer.add(_last(key, failure or error))
            if failure is not None:
                raise failure from error
            raise
        tell(Event(phase=logs.PHASE, key=key, at=time.time(), text=logs.READY))
        return prefix

    def _commit(self, key: str, prefix: Prefix) -> None:
        """Write the manifest, which makes the folder a prefix; it is the last thing written."""
        if not Path(prefix.python).exists():
            raise ToolError(
                "no-interpreter-made",
                f"cannot use the environment it has made in {prefix.path}",
                f"there is no {prefix.python}",
                "look at the log: kernel-iso doctor",
            )
        with told(self.places.root):
            (self.places.prefix(key) / OURS).mkdir(exist_ok=True)
            self.places.in_use(key).touch()
            self.places.used(key).touch()
        write(self.places.manifest(key), prefix, root=self.places.root)


def touch(places: Places, key: str) -> bool:
    """Note that a prefix is used now; True where it is still there after that.

    The clean-up looks at this time after it has put a prefix aside, and puts a used one back. A store that
    cannot be written serves all the same.
    """
    used = places.used(key)
    try:
        os.utime(used)
    except FileNotFoundError:
        with contextlib.suppress(OSError):
            used.touch()
    except OSError:
        pass
    return places.manifest(key).exists()


def discard(places: Places, key: str) -> None:
    """Put what lies in a prefix's place out of the way, and delete it; under its lock. Raises like `cleared`."""
    if (aside := cleared(places, key)) is not None:
        delete(aside)


def cleared(places: Places, key: str) -> Path | None:
    """Put what lies in a prefix's place into the trash, and return where it is; under its lock.

    Raises `ToolError`: `prefix-in-use` where something runs from it, `leftover-in-the-way` where it cannot be
    moved. What cannot be deleted once it is moved stays in the trash for the clean-up.
    """
    path = places.prefix(key)
    if not path.exists() and not path.is_symlink():
        return None
    with guards.claimed(places.in_use(key)) as free:
        if not free:
            raise in_use(key)
        return set_aside(places, path)


def set_aside(places: Places, path: Path) -> Path:
    """Rename into the trash, in one step: from now on it is not a prefix. Returns where it is."""
    aside = places.trash / f"{path.name}-{time.time_ns()}-{os.getpid()}"
    try:
        places.trash.mkdir(parents=True, exist_ok=True)
        path.rename(aside)
    except OSError as error:
        raise ToolError(
            "leftover-in-the-way",
            f"cannot clear {path}",
            f"it cannot be moved: {(error.strerror or str(error)).lower()}",
            "close what has files of it open, or remove that folder by hand",
        ) from error
    return aside


def in_use(key: str) -> ToolError:
    """The error for a prefix that may not be changed now."""
    return ToolError(
        "prefix-in-use",
        f"cannot replace the environment {key}",
        "a kernel or a command runs from it, and files under a running kernel are never changed",
        "shut down the kernels that use it, then try again",
    )


def _hand_on(follower: logs.Follower, emit: Emit) -> None:
    """Pass on what the other start said; its failure is its own, and not ours."""
    for event in follower.news():
        if event.error is None:
            emit(event)
        else:
            _tell(
                emit, event.key, f"the other start ended without it: it {event.error.get('what', 'failed')}"
            )


def _tell(emit: Emit, key: str, text: str) -> None:
    emit(Event(phase=logs.PHASE, key=key, at=time.time(), text=text))


def _last(key: str, error: BaseException) -> Event:
    """The last event of a build that failed."""
    if isinstance(error, KeyboardInterrupt):
        error = CancelledError(
            "cancelled", "stopped making it", "you cancelled", "start it again when you want to"
        )
    elif not isinstance(error, IsoError):
        # Not its text: nobody has taken the secrets out of that.
        reason = f"{type(error).__name__} while making it"
        error = IsoError("internal-error", "failed in a way that is its own fault", reason, "start it again")
    return Event(phase=logs.PHASE, key=key, at=time.time(), text=error.what, error=error.to_json())
