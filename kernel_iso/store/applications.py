"""The environments of applications: each in a folder of theirs, edited in place, known to the store for the clean-up.

Such an environment exists if and only if its manifest exists: it is removed before anything changes and written last.
`application.json` beside it says what is to be there, so that who comes after a kill can make it again.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kernel_iso.errors import CancelledError, SpecError, ToolError
from kernel_iso.model import Emit, Event, Prefix, digest, quiet
from kernel_iso.model.applications import Application, Asked
from kernel_iso.store import guards, logs
from kernel_iso.store.builds import POLL
from kernel_iso.store.places import KEY_LENGTH, OURS, Places, same, write
from kernel_iso.store.sizes import delete, size
from kernel_iso.store.sweeps import DAY, MINUTE, Swept

if TYPE_CHECKING:
    from filelock import BaseFileLock


class Folder:
    """One application's environment on disk: where its parts lie, and whose turn it is to change it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key = digest({"application": str(path)})[:KEY_LENGTH]
        self.manifest = path / OURS / "manifest.json"
        self.in_use = path / OURS / "in-use"
        self.used = path / OURS / "used"
        self._asked = path / OURS / "application.json"
        self._log = path / OURS / "log.ndjson"
        # Beside the folder: what is locked must outlive the folder's removal.
        self.guard = path.parent / f".{path.name}.lock"

    @property
    def ours(self) -> bool:
        """True where the folder is an application's environment, be it half-made."""
        return self._log.exists() and not self.path.is_symlink()

    def asked(self) -> Asked | None:
        """What is to be there, None where that was never said or cannot be read."""
        try:
            return Asked.from_text(self._asked.read_bytes())
        except (OSError, SpecError):
            return None

    def ready(self) -> tuple[Prefix, Asked] | None:
        """The environment where it is whole, and in the place that it was made for; else None."""
        try:
            prefix = Prefix.from_text(self.manifest.read_bytes())
        except (OSError, SpecError):
            return None
        asked = self.asked()
        whole = same(Path(prefix.path), self.path) and Path(prefix.python).exists()
        return (prefix, asked) if whole and asked else None

    def write(self, asked: Asked) -> None:
        """Say what is to be there."""
        with told(self.path):
            write(self._asked, asked, root=self.path)

    def begin(self) -> None:
        """From now on the environment does not exist."""
        with told(self.path):
            self.manifest.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all but what is ours. Raises `ToolError` (`environment-not-written`)."""
        for each in list(self.path.iterdir()):
            if each.name != OURS and not delete(each):
                raise refused(self.path, f"{each.name} cannot be removed")

    def commit(self, prefix: Prefix) -> None:
        """From now on the environment exists; this is the last thing written."""
        with told(self.path):
            self.in_use.touch()
            self.used.touch()
            write(self.manifest, prefix, root=self.path)

    def remove(self) -> None:
        """Delete the folder; in the turn of who calls. Raises `ToolError` (`environment-not-written`)."""
        self.begin()
        if self.path.exists() and not delete(self.path):
            raise refused(self.path, "some of it cannot be removed")

    @contextlib.contextmanager
    def turn(self, *, emit: Emit, cancelled: threading.Event) -> Iterator[logs.Writer]:
        """Change the environment, alone: other processes and threads wait, and are told what the writer is given.

        Tools that inherit the writer's `handle` are waited for even where their process was killed. Raises `ToolError`
        (`environment-not-written`) and `CancelledError`.
        """
        from filelock import FileLock

        with told(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.guard)
        follower = logs.Follower(self._log)
        while not _taken(lock, self.path):
            self._pause(cancelled)
            for event in follower.news():
                emit(event)
        try:
            with told(self.path):
                writer = logs.Writer(self._log)
            try:
                while not writer.alone():
                    self._pause(cancelled)
                yield writer
            finally:
                writer.close()
        finally:
            lock.release()

    @contextlib.contextmanager
    def idle(self, *, emit: Emit, cancelled: threading.Event, patience: float) -> Iterator[None]:
        """Wait until nothing that we know of runs from the environment; inside, nothing begins to.

        Raises `ToolError` (`environment-in-use`) after `patience` seconds.
        """
        end, waited = time.monotonic() + patience, False
        while True:
            with guards.claimed(self.in_use) as free:
                if free:
                    yield
                    return
            if time.monotonic() > end:
                raise ToolError(
                    "environment-in-use",
                    f"cannot change the environment {self.path}",
                    f"a command has run from it for the {patience:g} seconds that were waited",
                    "end what runs from it, then try again; or give more `patience`",
                )
            if not waited:
                waited = True
                emit(
                    Event(
                        phase=logs.PHASE, key=self.key, at=time.time(), text="waiting for what runs from it"
                    )
                )
            self._pause(cancelled)

    def _pause(self, cancelled: threading.Event) -> None:
        if cancelled.wait(POLL):
            raise CancelledError(
                "cancelled",
                f"stopped waiting for the environment {self.path}",
                "you cancelled",
                "start it again",
            )


def _taken(lock: BaseFileLock, path: Path) -> bool:
    """Try once to take a lock."""
    from filelock import Timeout

    with told(path):
        try:
            lock.acquire(blocking=False)
        except Timeout:  # an OSError, like what the disk says
            return False
    return True


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Raise what the disk says of an application's folder as `ToolError` (`environment-not-written`)."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise refused(path, f"{reason}: {error.filename}" if error.filename else reason) from error


def refused(path: Path, because: str) -> ToolError:
    """The error for a folder that cannot be written as it must."""
    return ToolError(
        "environment-not-written",
        f"cannot write the environment {path}",
        because,
        "give a folder where you may write: one in your user's data folder, for example",
    )


def register(places: Places, application: Application) -> None:
    """Let the clean-up know of an environment; written only where it changed."""
    place = _place(places, application.path)
    if _read(place) != application:
        write(place, application, root=places.root)


def forget(places: Places, path: Path) -> None:
    """Let the clean-up forget an environment."""
    with contextlib.suppress(OSError):
        _place(places, str(path)).unlink()


def known(places: Places) -> tuple[Application, ...]:
    """Every environment of an application that this store knows of, by path."""
    with contextlib.suppress(OSError):
        found = [_read(path) for path in (places.root / "applications").glob("*.json")]
        return tuple(sorted((each for each in found if each is not None), key=lambda each: each.path))
    return ()


def sweep(places: Places, *, now: float, dry: bool = False, emit: Emit = quiet) -> Swept:
    """Delete the environments whose distribution was uninstalled, for pip removes only what it installed itself.

    Never one that runs, is being changed, or was used in the last minute; and where the whole folder of the distribution
    is gone (a disk that is not mounted?) only what was not used for a day. `dry` only tells.
    """
    freed, removed, busy = 0, [], []
    for each in known(places):
        folder = Folder(Path(each.path))
        if not folder.path.exists():
            if not dry:
                forget(places, folder.path)
            continue
        if not folder.ours or not _lost(each, now - _used(folder)):
            continue
        taken = size(folder.path).unique
        if not dry and not _deleted(folder, each):
            busy.append(each.path)
            continue
        if not dry:
            forget(places, folder.path)
        because = f"`{each.distribution}`, to which it belongs, was uninstalled"
        emit(Event(phase="sweep", key=folder.key, at=time.time(), text=because, done=taken, unit="bytes"))
        freed += taken
        removed.append((each.path, because))
    return Swept(freed=freed, removed=tuple(removed), kept_in_use=tuple(busy))


def _place(places: Places, path: str) -> Path:
    return places.root / "applications" / f"{digest({'application': path})[:KEY_LENGTH]}.json"


def _read(place: Path) -> Application | None:
    try:
        return Application.from_text(place.read_bytes())
    except (OSError, SpecError):
        return None


def _used(folder: Folder) -> float:
    for path in (folder.used, folder.path):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0


def _lost(application: Application, idle: float) -> bool:
    """True where the distribution to which an environment belongs is gone."""
    from importlib.metadata import distributions  # 10 ms, which using a ready environment does not pay

    if not application.distribution or idle < MINUTE:
        return False
    if not Path(application.site).is_dir():
        return idle > DAY
    return not any(True for _ in distributions(name=application.distribution, path=[application.site]))


def _deleted(folder: Folder, application: Application) -> bool:
    """Delete an environment, its lock and the folders that are empty then; False where somebody has it now."""
    gone = threading.Event()
    gone.set()  # who has to wait gives up
    try:
        with (
            folder.turn(emit=quiet, cancelled=gone),
            folder.idle(emit=quiet, cancelled=gone, patience=60),
        ):
            folder.remove()
    except (ToolError, CancelledError):
        return False
    with contextlib.suppress(OSError):
        folder.guard.unlink()
        site = Path(os.path.realpath(application.site))
        for parent in folder.path.parents:
            if site not in parent.parents:
                break
            parent.rmdir()  # as far as they are empty
    return True
