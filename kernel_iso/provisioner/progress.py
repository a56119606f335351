"""Progress on stderr, for starts that a person waits for at a terminal."""

from __future__ import annotations

import time
from typing import TextIO

from kernel_iso.model import Event


class Lines:
    """One tidy line for each step, on a stream.

    On a terminal they come at once; elsewhere (a log, a CI run) only when the start takes longer than
    `patience` seconds, so that a ready environment starts without a word.
    """

    def __init__(self, stream: TextIO, patience: float = 1.0) -> None:
        self._stream = stream
        self._since = time.monotonic()
        self._patience = 0.0 if stream.isatty() else patience
        self._waiting: list[str] = []
        self._last = ""

    def __call__(self, event: Event) -> None:
        """Take an event; a tool's own lines, and counts of one step that goes on, are left out."""
        if (
            event.unit == "log"
            or not event.text
            or event.text == self._last
            or (event.done and event.done != event.total)
        ):
            return
        self._last = event.text
        self._waiting.append(f"kernel-iso {event.phase}: {event.text}\n")
        if time.monotonic() - self._since >= self._patience:
            self._stream.write("".join(self._waiting))
            self._stream.flush()
            self._waiting.clear()
