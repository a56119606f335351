"""What is shown while a verb works."""

from __future__ import annotations

import io
import re
import time

import pytest

from kernel_iso.cli import displays, reports
from kernel_iso.cli.terminals import Terminal
from kernel_iso.model import Event


class Tty(io.StringIO):
    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return True


def live(encoding: str = "utf-8", *, delay: float = 0) -> tuple[reports.Live, Tty]:
    """A live report that appears after `delay` seconds, and what it writes to."""
    stream = Tty(encoding)
    report = reports.Live(Terminal(io.StringIO(), stream, {}))
    report.DELAY = delay
    return report, stream


def until(stream: Tty, text: str) -> str:
    """What was drawn, once it contains the text."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        drawn = plain(stream)
        if text in drawn:
            return drawn
        time.sleep(0.02)
    raise AssertionError(f"`{text}` was not drawn in {plain(stream)!r}")


def plain(stream: Tty) -> str:
    """The stream's text without escapes for cursor and colour."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


def test_the_report_fits_the_reader() -> None:
    def chosen(stream: io.StringIO, *, as_json: bool = False, **environ: str) -> type:
        return type(reports.choose(Terminal(io.StringIO(), stream, environ), as_json=as_json))

    assert chosen(Tty()) is reports.Live
    assert chosen(Tty(), TERM="dumb") is reports.Lines
    assert chosen(Tty(), as_json=True) is reports.Lines
    assert chosen(io.StringIO()) is reports.Lines


def test_a_quick_verb_draws_nothing() -> None:
    report, stream = live(delay=30)
    report(Event(phase="plan", text="planning"))
    report.close()
    assert stream.getvalue() == ""


def test_steps_get_a_mark_when_the_next_one_begins() -> None:
    report, stream = live()
    report(Event(phase="plan", text="planning"))
    until(stream, "planning")
    report(Event(phase="lock", text="resolving", done=3, total=38, unit="packages"))
    until(stream, "3/38 packages")
    report.close()
    last = plain(stream).splitlines()[-2:]
    assert [line.split()[:3] for line in last] == [["✓", "plan", "planning"], ["✓", "lock", "resolving"]]


def test_a_step_that_fails_has_another_mark() -> None:
    report, stream = live()
    report(Event(phase="lock", text="resolving"))
    until(stream, "resolving")
    report.close(failed=True)
    assert plain(stream).splitlines()[-1].startswith("✗ lock")


def test_a_console_without_unicode_gets_ascii() -> None:
    report, stream = live("cp1252")
    report(Event(phase="lock", text="resolving"))
    until(stream, "resolving")
    report.close()
    assert plain(stream).splitlines()[-1].startswith("+ lock")
    assert plain(stream).splitlines()[-1].isascii()


def test_an_event_that_says_nothing_gives_the_terminal_back() -> None:
    """A shell or a command that comes next has it for itself: the cursor is there, and nothing redraws."""
    report, stream = live()
    report(Event(phase="realise", text="making"))
    until(stream, "making")
    report(Event(phase="exec"))
    drawn = stream.getvalue()
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")
    time.sleep(0.3)
    assert stream.getvalue() == drawn


def test_a_tools_own_lines_are_shown_beside_the_step_and_never_as_markup() -> None:
    report, stream = live()
    report(Event(phase="lock", text="[bold]resolving[/bold]"))
    report(Event(phase="lock", text="warning: \x1b[2Kodd", unit="log"))
    drawn = until(stream, "odd")
    report.close()
    assert "[bold]resolving[/bold]  warning: \\x1b[2Kodd" in drawn


def test_lines_leave_out_what_was_said_and_what_tools_say() -> None:
    stream = io.StringIO()
    report = reports.Lines(Terminal(io.StringIO(), stream, {}))
    for event in (
        Event(phase="lock", text="resolving"),
        Event(phase="lock", text="resolving", done=1, total=2),
        Event(phase="lock", text="Resolved 2 packages", unit="log"),
        Event(phase="lock"),
        Event(phase="", text="done\x1b[2K"),
    ):
        report(event)
    assert stream.getvalue() == "lock: resolving\ndone\\x1b[2K\n"


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ((2_400_000, 24_000_000, "bytes"), "2.4 MB/24.0 MB"),
        ((5, None, "files"), "5 files"),
        ((1, 2, ""), "1/2"),
        ((None, 7, "packages"), ""),
    ],
)
def test_counts_are_for_people(counted: tuple[float | None, float | None, str], expected: str) -> None:
    assert displays.count(*counted) == expected
