"""Locks between processes and threads: who builds or removes a prefix, and who runs from it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kernel_iso.errors import ToolError
from kernel_iso.store.failures import told

if TYPE_CHECKING:
    from filelock import BaseFileLock

PATIENCE = 30.0
"""Seconds to wait for a lock that is only ever held for a moment."""

UNKNOWN = 86400.0
"""Seconds after its last use during which a prefix counts as in use where the file system has no locks."""


def guard(path: Path, root: Path) -> BaseFileLock:
    """The lock in `path`, not taken yet. Each call makes its own, so that threads exclude each other too."""
    from filelock import FileLock  # 10 ms, which the start of a ready prefix does not pay

    with told(root):
        path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


def taken(lock: BaseFileLock, root: Path) -> bool:
    """Try once to take a lock. Raises `ToolError` (`no-space`, `store-read-only`)."""
    from filelock import Timeout

    try:
        with told(root):
            lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


@contextlib.contextmanager
def moment(path: Path, root: Path) -> Iterator[None]:
    """Hold a lock for a moment. Raises `ToolError` (`store-busy`) when another keeps it too long."""
    lock = guard(path, root)
    end = time.monotonic() + PATIENCE
    while not taken(lock, root):
        if time.monotonic() > end:
            raise ToolError(
                "store-busy",
                f"cannot change the records in {root}",
                f"another process has held {path.name} for {PATIENCE:.0f} s",
                "look for a kernel-iso process that hangs, and end it",
            )
        time.sleep(0.02)
    try:
        yield
    finally:
        lock.release()


def flocked(handle: int, *, shared: bool = False) -> bool:
    """Try once to lock an open file; the lock ends when every process that has the descriptor closed it.

    Windows has no such lock: there it is True.
    """
    if os.name == "nt":
        return True
    import fcntl

    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlocked(handle: int) -> None:
    """End a lock for every process that has the descriptor."""
    if os.name != "nt":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """True inside where nobody runs from the prefix whose `in-use` file is `path`; nor can begin to.

    Where there is no such file nothing was ever started from it. POSIX: an exclusive lock against the shared
    ones of kernels. Windows: a file that is open cannot be renamed.
    """
    claim = {"nt": _claimed_by_rename}.get(os.name, _claimed_by_lock)
    with claim(path) as free:
        yield free


@contextlib.contextmanager
def _claimed_by_lock(path: Path) -> Iterator[bool]:
    handle = -1
    for mode in (os.O_RDWR, os.O_RDONLY):  # NFS locks exclusively only what is open for writing
        try:
            handle = os.open(path, mode)
            break
        except OSError:
            continue
    try:
        yield _free(handle, path) if handle >= 0 else not path.exists()
    finally:
        if handle >= 0:
            os.close(handle)


def _free(handle: int, path: Path) -> bool:
    try:
        return flocked(handle)
    except OSError:  # a file system without locks
        used = path.with_name("used")
        return not used.exists() or time.time() - used.stat().st_mtime > UNKNOWN


@contextlib.contextmanager
def _claimed_by_rename(path: Path, rename: Callable[[Path, Path], object] = os.replace) -> Iterator[bool]:
    free = True
    try:
        rename(path, path)
    except OSError as error:
        free = isinstance(error, FileNotFoundError)
    yield free


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Run from the prefix whose `in-use` file is `path`, so that nobody takes it away meanwhile.

    Raises `ToolError` (`prefix-going`) where it is just being removed. A store that cannot be written has
    files that nobody removes: there nothing is held.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    except OSError:
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            yield
            return
    try:
        end = time.monotonic() + 1
        while not _shared(handle):
            if time.monotonic() > end:
                raise ToolError(
                    "prefix-going",
                    f"cannot run from {path.parent.parent}",
                    "that environment is being removed",
                    "start it again: it is made anew",
                )
            time.sleep(0.01)
        yield
    finally:
        os.close(handle)


def _shared(handle: int) -> bool:
    try:
        return flocked(handle, shared=True)
    except OSError:  # a file system without locks
        return True
