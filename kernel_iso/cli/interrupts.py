"""Ctrl-C and the signals that ask a program to end."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""What asks us to end; each system knows some of them."""

HARD_STATUS = 130
"""128 + SIGINT, as a shell would report it."""


class Interrupts:
    """While it is open, the first signal sets `cancelled`; the second ends the process with all it started.

    A signal that was ignored when we were started (`nohup`, a shell's background job) stays ignored. While
    `yielded`, Ctrl-C is left to the program that has the terminal.
    """

    def __init__(self, cancelled: threading.Event, *, on_hard: Callable[[], None] = lambda: None) -> None:
        self.cancelled = cancelled
        self.yielded = False
        self._on_hard = on_hard
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            untouched = (signal.SIG_DFL, signal.default_int_handler)
            for name in SIGNALS:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) in untouched:
                    self._former[number] = signal.signal(number, self._asked)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former.clear()

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self.yielded and number == signal.SIGINT:
            return
        if not self.cancelled.is_set():
            self.cancelled.set()
            return
        self._on_hard()
        end_children()
        os._exit(HARD_STATUS)


def end_children() -> None:
    """Kill all that descend from this process: tools have groups of their own, out of Ctrl-C's reach."""
    import psutil

    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
