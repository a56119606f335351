"""What is shown while a verb works: ndjson for programs, plain lines for logs, a live display for people."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from kernel_iso.cli.terminals import Terminal, one_line
from kernel_iso.model import Event


class Report(Protocol):
    """Takes the events of one verb, from any thread. `close` ends the display; events may follow it."""

    def __call__(self, event: Event) -> None: ...

    def close(self, *, failed: bool = False) -> None: ...


def choose(terminal: Terminal, *, as_json: bool) -> Report:
    """The report that fits who is reading."""
    if as_json:
        return Lines(terminal, as_json=True)
    if terminal.interactive:
        return Live(terminal)
    return Lines(terminal)


class Lines:
    """One line a step on stderr, without control characters; or every event as ndjson on stdout."""

    def __init__(self, terminal: Terminal, *, as_json: bool = False) -> None:
        self._terminal = terminal
        self._as_json = as_json
        self._said: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if self._as_json:
                self._terminal.say_json({"event": event.to_json()})
                return
            step = (event.phase, event.key, event.text)
            if event.unit == "log" or not event.text or step in self._said:
                return
            self._said.add(step)
            self._terminal.note(one_line(f"{event.phase}: {event.text}" if event.phase else event.text))

    def close(self, *, failed: bool = False) -> None:
        """Nothing is open."""


class Live:
    """Steps with a spinner, a bar and counts, drawn by rich.

    It appears after `DELAY` seconds, so that a verb which answers at once draws nothing (and does not import
    rich). An event without text or error ends the display: what comes next has the terminal for itself.
    """

    DELAY = 0.25

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._steps: dict[str, dict[str, Any]] = {}
        self._display: Any = None
        self._timer: threading.Timer | None = None
        self._lock = threading.RLock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if not event.text and event.error is None and event.done is None:
                self.close()
                return
            if event.unit == "log" and not event.phase:
                return
            if self._display is None and self._timer is None:
                self._timer = threading.Timer(self.DELAY, self._appear)
                self._timer.daemon = True
                self._timer.start()
            self._note(event)

    def _note(self, event: Event) -> None:
        """Remember where the event's step stands, and draw it."""
        for phase, step in self._steps.items():
            if phase != event.phase and step["state"] == "works":
                step["state"] = "done"
                self._draw(phase)
        step = self._steps.setdefault(
            event.phase, {"text": "", "log": "", "done": None, "total": None, "unit": ""}
        )
        step["state"] = "works" if event.error is None else "failed"
        if event.unit == "log":
            step["log"] = event.text
        else:
            step.update(
                text=event.text or step["text"], log="", done=event.done, total=event.total, unit=event.unit
            )
        self._draw(event.phase)

    def _appear(self) -> None:
        with self._lock:
            if self._timer is None:
                return
            from kernel_iso.cli.displays import Display

            self._display = Display(self._terminal)
            for phase in self._steps:
                self._draw(phase)

    def _draw(self, phase: str) -> None:
        if self._display is not None:
            self._display.draw(phase, **self._steps[phase])

    def close(self, *, failed: bool = False) -> None:
        """Mark the last step, and leave the terminal with its cursor and its colours as they were."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            for phase, step in self._steps.items():
                if step["state"] == "works":
                    step["state"] = "failed" if failed else "done"
                    self._draw(phase)
            if self._display is not None:
                self._display.close()
                self._display = None
            self._steps.clear()
