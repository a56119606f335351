"""The live display, drawn by rich. Imported only when there is something to draw."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from kernel_iso.cli.terminals import Terminal, one_line

MARKS = {True: {"done": "\u2713", "failed": "\u2717"}, False: {"done": "+", "failed": "x"}}
"""How a finished step is marked, where the terminal shows Unicode and where it does not."""


def count(done: float | None, total: float | None, unit: str) -> str:
    """How far a step is, for people: bytes in decimal units.

    >>> count(3, 38, "packages"), count(1_500_000, 24_000_000, "bytes"), count(None, None, "")
    ('3/38 packages', '1.5 MB/24.0 MB', '')
    """
    if done is None:
        return ""
    if unit == "bytes":
        return "/".join(decimal(int(value)) for value in (done, total) if value is not None)
    figures = "/".join(f"{value:g}" for value in (done, total) if value is not None)
    return f"{figures} {unit}".rstrip()


class _Mark(SpinnerColumn):
    """A spinner while the step works, a mark when it is over."""

    def __init__(self, *, unicode: bool) -> None:
        super().__init__("dots" if unicode else "line")
        self._marks = MARKS[unicode]

    def render(self, task: Task) -> Any:
        state = task.fields["state"]
        if state == "works":
            return super().render(task)
        return Text(self._marks[state], style="green" if state == "done" else "red")


class _Bar(BarColumn):
    """A bar where the total is known."""

    def render(self, task: Task) -> Any:
        counts = task.total and task.fields["done"] is not None and task.fields["state"] == "works"
        return super().render(task) if counts else Text("")


class _Said(ProgressColumn):
    """What the step says, and beside it, pale, the last line of the tool that it runs."""

    def render(self, task: Task) -> Text:
        text = Text(task.fields["text"], overflow="ellipsis", no_wrap=True, end="")
        if task.fields["state"] == "works":
            figures = count(task.fields["done"], task.total, task.fields["unit"])
            text.append(f"  {figures}" if figures else "", style="cyan")
            text.append(f"  {task.fields['log']}" if task.fields["log"] else "", style="dim")
        return text


class _Phase(ProgressColumn):
    """The verb that the step belongs to."""

    def render(self, task: Task) -> Text:
        return Text(task.description, style="bold")


class Display:
    """One line a step on a terminal, redrawn until it is closed."""

    def __init__(self, terminal: Terminal) -> None:
        console = Console(
            file=terminal.stderr,
            no_color=not terminal.colour,
            highlight=False,
            force_terminal=True,
            markup=False,
        )
        self._progress = Progress(
            _Mark(unicode=terminal.unicode and not console.legacy_windows),
            _Phase(),
            _Said(table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            _Bar(bar_width=24),
            TimeElapsedColumn(),
            console=console,
            expand=True,
            redirect_stdout=False,
        )
        self._tasks: dict[str, Any] = {}
        self._progress.start()

    def draw(
        self,
        phase: str,
        *,
        state: str,
        text: str,
        log: str,
        done: float | None,
        total: float | None,
        unit: str,
    ) -> None:
        """Show where a step stands."""
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(
                phase, total=None, state=state, text="", log="", done=None, unit=""
            )
        task = self._tasks[phase]
        self._progress.update(
            task,
            completed=done or 0,
            total=total,
            state=state,
            text=one_line(text),
            log=one_line(log),
            done=done,
            unit=unit,
        )
        if state == "works":
            self._progress.start_task(task)
        else:
            self._progress.stop_task(task)

    def close(self) -> None:
        """Leave the last picture and give the terminal back."""
        self._progress.stop()
