"""Runs tools and workers for one step, and reports it."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from kernel_iso.errors import CancelledError, ToolError, from_json
from kernel_iso.model import Done, Emit, Event, quiet
from kernel_iso.processes.children import execute
from kernel_iso.processes.cleaning import redact, scrub

Line = Callable[[str], None]

STDERR_KEPT = 256 * 1024
"""Characters of stderr that are kept, the last ones. All of it goes to the events."""

STDOUT_KEPT = 64 * 1024 * 1024
"""Characters of stdout that are kept, the first ones: a tool that prints more than a lock has gone wrong."""


class Tools:
    """Runs tools for one step; satisfies `kernel_iso.model.Run`.

    `environ` is scrubbed before any tool sees it. Every line of a tool's stderr becomes an Event with the
    unit `log`; `tell` makes the ones that a person should see. Setting `cancelled` ends what runs. `holding`
    are file descriptors that children inherit: so the child of an engine that was killed keeps the lock on
    the folder it still writes to (POSIX only).
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        emit: Emit = quiet,
        phase: str = "",
        key: str = "",
        cancelled: threading.Event | None = None,
        python: str = sys.executable,
        holding: Sequence[int] = (),
    ) -> None:
        self.environ = scrub(environ)
        self.emit = emit
        self.phase = phase
        self.key = key
        self.cancelled = cancelled or threading.Event()
        self.python = python
        self.holding = tuple(holding)

    def step(
        self, phase: str, key: str = "", emit: Emit | None = None, *, holding: Sequence[int] = ()
    ) -> Tools:
        """The same hands for another step."""
        return Tools(
            self.environ,
            emit=emit or self.emit,
            phase=phase,
            key=key,
            cancelled=self.cancelled,
            python=self.python,
            holding=holding or self.holding,
        )

    def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        input: str = "",
        on_line: Line | None = None,
    ) -> Done:
        """Run a tool to its end and return how it ended; `cwd` is a new empty folder unless one is given.

        Raises `ToolError` (`tool-missing`) and `CancelledError` (`cancelled`).
        """
        stdout = _Kept(STDOUT_KEPT, last=False)
        stderr = _Kept(STDERR_KEPT, last=True)
        status = self._execute(argv, cwd, env, input, stdout.add, self._hearing(stderr, on_line))
        return Done(status=status, stdout=redact(stdout.text()), stderr=stderr.text())

    def worker(self, module: str, request: object, *, python: str = "") -> object:
        """Run `python -m module` with `request` as JSON on stdin; return its result (see `serve`).

        Raises what the worker raised, `ToolError` (`worker-died`, `tool-missing`) and `CancelledError`.
        """
        answers: list[dict[str, Any]] = []
        stderr = _Kept(STDERR_KEPT, last=True)
        pieces = _Kept(STDOUT_KEPT, last=False)

        def answered(text: str) -> None:
            nonlocal pieces
            pieces.add(text)
            if not text.endswith("\n"):
                return  # a long line comes in pieces
            message, pieces = _message(pieces.text()), _Kept(STDOUT_KEPT, last=False)
            if "tell" in message:
                self.tell(*message["tell"])
            elif message:
                answers.append(message)

        # -P: the working folder is not where modules come from. Another interpreter may be older than 3.11.
        argv = [python, "-m", module] if python else [self.python, "-P", "-m", module]
        status = self._execute(argv, "", None, json.dumps(request) + "\n", answered, self._hearing(stderr))
        answer = answers[-1] if answers else {}
        if "error" in answer:
            raise from_json(answer["error"])
        if status or "result" not in answer:
            raise ToolError(
                "worker-died",
                f"lost its worker `{module}`",
                f"it ended with status {status} and no result",
                "try again; its last words are below",
                tail=tuple(stderr.text().splitlines()[-20:]),
            )
        return answer["result"]

    def tell(self, text: str, done: int | None = None, total: int | None = None, unit: str = "") -> None:
        """Report progress of the present step."""
        self.emit(
            Event(
                phase=self.phase,
                key=self.key,
                at=time.time(),
                text=redact(text),
                done=done,
                total=total,
                unit=unit,
            )
        )

    def _hearing(self, kept: _Kept, on_line: Line | None = None) -> Line:
        """What receives the lines of stderr."""

        def said(line: str) -> None:
            line = redact(line.rstrip("\n"))
            kept.add(line + "\n")
            if line:
                self.tell(line, unit="log")
            if on_line is not None:
                on_line(line)

        return said

    def _execute(
        self,
        argv: Sequence[str],
        cwd: str,
        env: Mapping[str, str] | None,
        input: str,
        on_out: Line,
        on_err: Line,
    ) -> int:
        def check() -> None:
            if self.cancelled.is_set():
                raise CancelledError(
                    "cancelled",
                    f"stopped `{PurePath(argv[0]).name}`",
                    "you cancelled",
                    "start it again when you want to; nothing half-made is kept",
                )

        return execute(
            argv,
            {**self.environ, **(env or {})},
            cwd=cwd,
            input=input,
            holding=self.holding,
            on_out=on_out,
            on_err=on_err,
            check=check,
        )


class _Kept:
    """The first or the last characters of a text that may be endless."""

    def __init__(self, limit: int, *, last: bool) -> None:
        self._lines: deque[str] = deque()
        self._size = 0
        self._limit = limit
        self._last = last

    def add(self, line: str) -> None:
        if not self._last and self._size > self._limit:
            return
        self._lines.append(line)
        self._size += len(line)
        while self._last and self._size > self._limit and len(self._lines) > 1:
            self._size -= len(self._lines.popleft())

    def text(self) -> str:
        return "".join(self._lines)


def _message(text: str) -> dict[str, Any]:
    """The JSON object in a worker's line; {} for anything else."""
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
