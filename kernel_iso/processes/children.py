"""One child process in a group of its own: start, follow line by line, end with everything it started."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any

from kernel_iso.errors import ToolError

Line = Callable[[str], None]
Lines = queue.Queue[tuple[Line, str | None]]

POLL = 0.05
"""Seconds between two looks at whether to stop."""

GRACE = 2.0
"""Seconds between asking a group to end and killing it."""

LINE_KEPT = 64 * 1024
"""Characters after which a line that does not end is handed on in pieces."""


def execute(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    cwd: str,
    input: str,
    holding: tuple[int, ...],
    on_out: Line,
    on_err: Line,
    check: Callable[[], None],
) -> int:
    """Run a child to its end and return its exit status.

    Each line, with its end, is handed on in this thread; `check` is called at least every `POLL` seconds.
    Whatever these raise, the whole group is gone before it is raised on. Raises `ToolError` (`tool-missing`).
    """
    check()
    with _folder(cwd) as where:
        process = _start(argv, where, dict(env), holding, bool(input))
        over = threading.Event()
        try:
            _follow(process, input, on_out, on_err, check, over)
        except BaseException:
            _end(process)
            raise
        finally:
            over.set()
    return process.returncode


@contextlib.contextmanager
def _folder(cwd: str) -> Iterator[str]:
    """`cwd`, or a new empty folder: tools read uv.toml, .python-version and setup.cfg from where they run."""
    if cwd:
        yield cwd
        return
    with tempfile.TemporaryDirectory(prefix="kernel-iso-", ignore_cleanup_errors=True) as folder:
        yield folder


def _group(system: str) -> dict[str, Any]:
    """How a child gets a process group of its own; 0x200 is CREATE_NEW_PROCESS_GROUP, named on Windows only.

    >>> _group("posix"), _group("nt")
    ({'start_new_session': True}, {'creationflags': 512})
    """
    return {"creationflags": 0x200} if system == "nt" else {"start_new_session": True}


def _start(
    argv: Sequence[str], cwd: str, env: dict[str, str], holding: tuple[int, ...], talks: bool
) -> subprocess.Popen[str]:
    inherited: dict[str, Any] = {"pass_fds": holding} if holding and os.name != "nt" else {}
    try:
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            **_group(os.name),
            **inherited,
        )
    except OSError as error:
        raise ToolError(
            "tool-missing",
            f"cannot start `{argv[0]}`",
            str(error.strerror or error).lower(),
            "install it or make it executable; `kernel-iso doctor` lists the tools that were found",
        ) from None


def _follow(
    process: subprocess.Popen[str],
    input: str,
    on_out: Line,
    on_err: Line,
    check: Callable[[], None],
    over: threading.Event,
) -> None:
    # The queue is short, so that a tool that says more than anybody reads has to wait.
    lines: Lines = queue.Queue(maxsize=1000)
    for stream, hand in ((process.stdout, on_out), (process.stderr, on_err)):
        threading.Thread(target=_read, args=(stream, hand, lines, over), daemon=True).start()
    if input:
        threading.Thread(target=_write, args=(process.stdin, input), daemon=True).start()
    open_streams, deadline = 2, 0.0
    while open_streams:
        check()
        try:
            hand, line = lines.get(timeout=POLL)
        except queue.Empty:
            # A grandchild may keep the pipes open after the tool has ended; it does not keep us.
            if process.poll() is not None:
                deadline = deadline or time.monotonic() + 1
                if time.monotonic() > deadline:
                    _signal(process, hard=True)
                    return
            continue
        if line is None:
            open_streams -= 1
        else:
            hand(line)
    while process.poll() is None:  # it closed its streams and goes on, or is just about to end
        check()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL)


def _read(stream: IO[str], hand: Line, lines: Lines, over: threading.Event) -> None:
    def put(line: str | None) -> None:
        while not over.is_set():
            with contextlib.suppress(queue.Full):
                lines.put((hand, line), timeout=1)
                return

    with contextlib.suppress(OSError, ValueError), stream:
        while line := stream.readline(LINE_KEPT):
            put(line)
    put(None)


def _write(stream: IO[str], text: str) -> None:
    with contextlib.suppress(OSError, ValueError), stream:
        stream.write(text)


def _end(process: subprocess.Popen[str]) -> None:
    """End a child and its group: ask, wait, kill."""
    for hard in (False, True):
        _signal(process, hard=hard)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)


def _signal(process: subprocess.Popen[str], *, hard: bool) -> None:
    with contextlib.suppress(OSError):
        if os.name != "nt":
            os.killpg(process.pid, signal.SIGKILL if hard else signal.SIGTERM)
        elif hard:
            import psutil  # Windows has no signal to a group that nobody can ignore: the tree is walked

            with contextlib.suppress(psutil.Error):
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
            process.kill()
        else:
            process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
