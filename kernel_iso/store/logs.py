"""The log of a prefix's last build: written by who builds, followed by who waits, kept for who asks later."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

from kernel_iso.errors import SpecError
from kernel_iso.model import Event
from kernel_iso.store.guards import flocked, unlocked

PHASE = "realise"

BEGIN = "begin"

READY = "ready"

BINARY: int = getattr(os, "O_BINARY", 0)
"""Keeps Windows from changing ends of lines."""


def begun(key: str) -> Event:
    """The first line of a log: who builds (`done` is the process id) and when."""
    return Event(phase=PHASE, key=key, at=time.time(), text=BEGIN, done=os.getpid(), unit="pid")


def final(event: Event) -> bool:
    """True for the last line of a build that came to an end."""
    return event.phase == PHASE and (event.error is not None or event.text == READY)


class Writer:
    """The log of the build that is going on: one Event a line, the former build's are gone.

    `handle` is locked as long as it is open here *or in a tool that inherited it*: so the next builder sees
    that the tools of a killed one still write (POSIX; Windows refuses to move files that are open). What
    cannot be logged is dropped: a log is no reason to fail.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | BINARY, 0o644)
        self._turn = threading.Lock()

    def alone(self) -> bool:
        """True where no tool of a former build still runs."""
        try:
            return flocked(self.handle)
        except OSError:  # a file system without locks
            return True

    def begin(self, key: str) -> None:
        """Throw away the former build's events and write the first one of this."""
        with contextlib.suppress(OSError):
            os.ftruncate(self.handle, 0)
        self.add(begun(key))

    def add(self, event: Event) -> None:
        """Append an event, whole: one write a line."""
        line = event.to_text().encode() + b"\n"
        with self._turn, contextlib.suppress(OSError):
            os.write(self.handle, line)

    def close(self) -> None:
        """End the log, and the lock even where a tool lives on."""
        unlocked(self.handle)
        os.close(self.handle)


def idle(path: Path) -> bool:
    """True where neither a builder nor a tool of a killed one has the log open."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return True
    try:
        return flocked(handle)
    except OSError:  # a file system without locks
        return True
    finally:
        os.close(handle)


class Follower:
    """Reads what another process adds to a log, from the beginning of its present build."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first = b""
        self._position = 0

    def news(self) -> list[Event]:
        """The events since the last call; the first line is left out.

        A log whose build is over when it is first seen is the former build's, and has no news.
        """
        try:
            with self._path.open("rb") as stream:
                first = stream.readline()
                if not first.endswith(b"\n"):
                    return []
                opened = first != self._first and not self._first
                if first != self._first:
                    self._first, self._position = first, len(first)
                stream.seek(self._position)
                data = stream.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._position += len(whole)
        events = parsed(whole)
        return [] if opened and events and final(events[-1]) else events


def parsed(data: bytes) -> list[Event]:
    """The events in whole lines; a damaged line is left out."""
    events = []
    for line in data.splitlines():
        with contextlib.suppress(SpecError):
            events.append(Event.from_text(line))
    return events


def history(path: Path) -> list[Event]:
    """The events of the last build, from its first line on."""
    try:
        data = path.read_bytes()
    except OSError:
        return []
    return parsed(data[: data.rfind(b"\n") + 1])
