"""Slow verbs: each in a thread of its own, joined by who asks the same, cancelled or followed by anyone."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernel_iso.engine.verbs import Outcome, Verb
from kernel_iso.errors import CancelledError, ImpossibleError, IsoError
from kernel_iso.model import Emit, Event, digest
from kernel_iso.server import histories
from kernel_iso.server.failing import as_error
from kernel_iso.server.histories import Ended

KEY_LENGTH = 32

Act = Callable[[Emit, threading.Event], Outcome]


@dataclass(eq=False)
class Job:
    """A slow verb that goes on here. `meaning` is the digest of what is asked: equal for who asks the same.

    `path` is its notebook as pages know it, `notebook` the absolute path; "" where it is about none. `dry` where it only
    shows what would change.
    """

    key: str
    meaning: str
    path: str
    notebook: str
    writer: histories.Writer
    dry: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


Tell = Callable[[Event, Job], None]
"""Announces an event of a job; called on the server's loop."""

_LIVING: weakref.WeakSet[Job] = weakref.WeakSet()


class Jobs:
    """The jobs of this server. Its methods belong to the loop, unless they say otherwise.

    There is no table of jobs: what one asks is its identity while it goes on, and a file its memory.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._going: dict[str, Job] = {}

    def start(
        self,
        folder: Path,
        verb: Verb,
        arguments: Mapping[str, Any],
        act: Act,
        *,
        path: str = "",
        notebook: str = "",
        root: str = "",
    ) -> str:
        """Begin what is asked, unless it goes on already; return the job's key.

        `act` is called in the job's thread with where it reports and the event that cancels it. `path` is the
        notebook as pages of the server of `root` know it, `notebook` its absolute path.
        Raises `ToolError` (`no-space`, `store-read-only`).
        """
        meaning = digest({"verb": verb.name, "arguments": dict(arguments)})
        for job in self._going.values():
            if job.meaning == meaning and not job.cancelled.is_set():
                return job.key
        key = digest({"job": meaning, "at": time.time_ns()})[:KEY_LENGTH]
        dry = bool(arguments.get("dry"))
        first = histories.began(key, verb.name, path, root, told(verb, arguments), dry=dry)
        job = Job(key, meaning, path, notebook, histories.Writer(folder, first), dry)
        self._going[key] = job
        loop = asyncio.get_running_loop()
        job.thread = threading.Thread(
            target=self._run, args=(job, act, loop, folder), daemon=True, name=f"kernel-iso-{verb.name}"
        )
        _LIVING.add(job)
        self._tell(_state(key, "running"), job)
        job.thread.start()
        return key

    def cancel(self, folder: Path, key: str) -> bool:
        """Ask a job to end; False where there is none with this key. Blocks for a moment.

        Raises `ImpossibleError` (`job-elsewhere`) where another server does it.
        """
        job = self._going.get(key)
        if job is not None:
            job.cancelled.set()
            return True
        found = histories.read(folder, key)
        if found is not None and found.is_going() and not found.is_of_this_process():
            raise ImpossibleError(
                "job-elsewhere",
                f"cannot cancel `{found.began.text}`",
                f"another server does it (process {found.began.pid} on {found.began.host})",
                "cancel it there, or end that process",
            )
        return found is not None

    def one(self, folder: Path, key: str, since: int) -> dict[str, Any] | None:
        """A job with its events from index `since` on, None where there is none. Blocks for a moment."""
        ours = {*self._going}
        found = histories.read(folder, key)
        return found.to_json(is_going=_goes(found, ours), since=since) if found else None

    def all(self, folder: Path, root: str) -> list[dict[str, Any]]:
        """The jobs that concern the server of `root`, the newest first, without their events. Blocks for a moment."""
        ours = {*self._going}
        return [
            found.to_json(is_going=_goes(found, ours | {*self._going}))
            for found in histories.listed(folder)
            if found.began.root == root or not found.began.path
        ]

    def _run(self, job: Job, act: Act, loop: asyncio.AbstractEventLoop, folder: Path) -> None:
        """Do it: the thread's body."""

        def emit(event: Event) -> None:
            job.writer.add(event)
            self._soon(loop, self._tell, event, job)

        error: IsoError | None = None
        try:
            outcome = act(emit, job.cancelled)
            ended = Ended(state="done", result=dict(outcome.data), said=outcome.text)
        except BaseException as raised:
            error = _cancelled() if job.cancelled.is_set() else as_error(raised)
            state = "cancelled" if isinstance(error, CancelledError) else "failed"
            ended = Ended(state=state, error=error.to_json())
        job.writer.end(ended)
        self._soon(loop, self._end, job, _state(job.key, ended.state, error))
        histories.prune(folder)

    def _end(self, job: Job, event: Event) -> None:
        self._going.pop(job.key, None)
        self._tell(event, job)

    @staticmethod
    def _soon(loop: asyncio.AbstractEventLoop, act: Callable[..., None], *values: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server has ended
            loop.call_soon_threadsafe(act, *values)


def _goes(found: histories.History, ours: set[str]) -> bool:
    """True where a job goes on; `ours` are the jobs of this process, as they were before the history was read.

    One of ours that is over and whose end is not in its history could not write it: the disk was full.
    """
    return found.began.key in ours if found.is_of_this_process() else found.is_going()


def told(verb: Verb, arguments: Mapping[str, Any]) -> str:
    """What a job was asked, in a few words for people.

    >>> from kernel_iso.engine.verbs import TABLE
    >>> told(TABLE["add"], {"packages": ("polars", "numpy<2"), "dry": True})
    'add polars numpy<2 (preview)'
    """
    words = [verb.name]
    for argument in verb.arguments:
        value = arguments.get(argument.name)
        if value and argument.kind in ("text", "many") and (not argument.flags or argument.name == "name"):
            words += [value] if isinstance(value, str) else value
    how = " (preview)" if arguments.get("dry") else " (try)" if arguments.get("trial") else ""
    return " ".join(words)[:200] + how


def _state(key: str, state: str, error: IsoError | None = None) -> Event:
    return Event(phase="job", key=key, at=time.time(), text=state, error=error.to_json() if error else None)


def _cancelled() -> CancelledError:
    return CancelledError(
        "cancelled",
        "stopped",
        "it was cancelled before it was done",
        "nothing half-made is used; the same again begins anew",
    )


@atexit.register
def cancel_all() -> None:
    """End what still goes on when the server ends: its tools are killed, and its history says so."""
    living, deadline = list(_LIVING), time.monotonic() + 5
    for job in living:
        job.cancelled.set()
    for job in living:
        if job.thread is not None:
            job.thread.join(max(0.0, deadline - time.monotonic()))
