"""What jobs did: a file for each below the store, one line a step, there after a reload and a new server."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from kernel_iso.errors import SpecError, ToolError
from kernel_iso.model import Event, Record
from kernel_iso.store.failures import told

MOST = 200
"""Jobs whose history is kept."""

LASTS = 30 * 86400.0
"""Seconds for which it is kept."""

EVENTS = 5000
"""Events of one job that are kept; what comes later is still announced."""

SILENT = 86400.0
"""Seconds without a word after which a job on another machine, whose processes cannot be seen, is lost."""


class Began(Record, frozen=True, kw_only=True):
    """Who does what: the verb, what was asked (`text`), the notebook as pages know it below `root`, and the process.

    `dry` jobs only show what would change.
    """

    key: str
    verb: str
    path: str = ""
    root: str = ""
    text: str = ""
    dry: bool = False
    at: float = 0
    host: str = ""
    pid: int = 0
    started: float = 0


class Ended(Record, frozen=True, kw_only=True):
    """How a job ended: `state` is `done`, `failed` or `cancelled`; `said` is its answer for people."""

    state: str
    result: dict[str, Any] | None = None
    said: str = ""
    error: dict[str, Any] | None = None


class Line(Record, frozen=True, kw_only=True):
    """One line of a history: the first has `began`, the last one `ended`."""

    began: Began | None = None
    event: Event | None = None
    ended: Ended | None = None


def began(key: str, verb: str, path: str, root: str, text: str, *, dry: bool = False) -> Began:
    """The first line of a job of this process."""
    return Began(
        key=key, verb=verb, path=path, root=root, text=text, dry=dry, at=time.time(), host=platform.node(),
        pid=os.getpid(), started=psutil.Process().create_time(),
    )  # fmt: skip


class Writer:
    """The history of a job that goes on.

    Raises `ToolError` (`no-space`, `store-read-only`) where it cannot be begun; what cannot be added later is
    dropped, since a history is no reason to fail.
    """

    def __init__(self, folder: Path, first: Began) -> None:
        self._count = 0
        self._turn = threading.Lock()
        with told(folder.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._stream = (folder / f"{first.key}.ndjson").open("xb", buffering=0)
            self._stream.write(_bytes(Line(began=first)))

    def add(self, event: Event) -> None:
        """Append an event; events of a tool's threads may come at once."""
        with self._turn:
            self._count += 1
            if self._count <= EVENTS and not self._stream.closed:
                with contextlib.suppress(OSError):
                    self._stream.write(_bytes(Line(event=event)))

    def end(self, ended: Ended) -> None:
        """Append the end, and close."""
        with self._turn:
            with contextlib.suppress(OSError):
                self._stream.write(_bytes(Line(ended=ended)))
            self._stream.close()


def _bytes(line: Line) -> bytes:
    return line.to_text().encode() + b"\n"


class History:
    """What the file of a job says. Only the first and the last line are parsed until events are asked for."""

    def __init__(self, path: Path) -> None:
        """Read it. Raises `SpecError` (`bad-record`) where it is no history, `OSError` where it cannot be read."""
        data = path.read_bytes()
        lines = data[: data.rfind(b"\n") + 1].splitlines()
        first = Line.from_text(lines[0]).began if lines else None
        if first is None:
            raise SpecError("bad-record", f"cannot read {path}", "it does not say what it is", "delete it")
        self.began = first
        self.spoke = path.stat().st_mtime
        self.ended: Ended | None = None
        with contextlib.suppress(SpecError):
            self.ended = Line.from_text(lines[-1]).ended
        self._events = lines[1:-1] if self.ended else lines[1:]

    def is_going(self) -> bool:
        """True while the process that does it lives."""
        first = self.began
        if self.ended is not None:
            return False
        if first.host != platform.node():
            return time.time() - self.spoke < SILENT
        try:
            # The boot time that this is counted from is corrected now and then.
            return abs(psutil.Process(first.pid).create_time() - first.started) < 2
        except psutil.Error:
            return False

    def is_of_this_process(self) -> bool:
        """True for a job that this very process began."""
        return (self.began.host, self.began.pid) == (platform.node(), os.getpid()) and self.is_going()

    def events(self, since: int = 0) -> list[dict[str, Any]]:
        """Its events from index `since` on; a damaged line is left out."""
        found = []
        for text in self._events[since:]:
            with contextlib.suppress(SpecError):
                event = Line.from_text(text).event
                found += [event.to_json()] if event else []
        return found

    def to_json(self, *, is_going: bool, since: int | None = None) -> dict[str, Any]:
        """The job as pages see it, with its events from index `since` on (None: without)."""
        first, ended = self.began, self.ended
        if ended is None and not is_going:
            ended = Ended(state="failed", error=_lost().to_json())
        shown: dict[str, Any] = {
            "key": first.key, "verb": first.verb, "path": first.path, "text": first.text, "at": first.at,
            "dry": first.dry, "state": ended.state if ended else "running",
            "events": [] if since is None else self.events(since), "count": len(self._events),
        }  # fmt: skip
        if ended is not None:
            shown |= {name: value for name, value in ended.to_json().items() if name != "state"}
        return shown


def read(folder: Path, key: str) -> History | None:
    """The history of a job, None where there is none."""
    try:
        return History(folder / f"{key}.ndjson")
    except (OSError, SpecError):
        return None


def listed(folder: Path) -> Iterator[History]:
    """Every history, the newest first."""
    for path in _files(folder):
        if (found := read(folder, path.stem)) is not None:
            yield found


def prune(folder: Path) -> None:
    """Delete histories that are old, or too many; those of jobs that go on stay."""
    oldest = time.time() - LASTS
    for at, path in enumerate(_files(folder)):
        with contextlib.suppress(OSError):
            if at < MOST and path.stat().st_mtime >= oldest:
                continue
            found = read(folder, path.stem)
            if found is None or not found.is_going():
                path.unlink()


def _files(folder: Path) -> list[Path]:
    found = []
    for path in folder.glob("*.ndjson"):
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime, path.name, path))
    return [path for _, _, path in sorted(found, reverse=True)]


def _lost() -> ToolError:
    return ToolError(
        "job-lost",
        "did not finish this",
        "the server that did it was ended, or its machine",
        "do it again: what is ready is kept, and nothing half-made is used",
    )
