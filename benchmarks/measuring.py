"""Time candidates in turn, and tell their medians as ratios to a baseline."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

VERSIONS = (
    "kernel-iso",
    "ipykernel",
    "jupyter_client",
    "jupyter_server",
    "uv",
    "py-rattler",
    "virtualenv",
    "pip",
    "msgspec",
)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One thing to time: `run` is timed, `before` and `after` are not. `rounds` (0: all) limits slow ones."""

    run: Callable[[], object]
    before: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None
    rounds: int = 0


@dataclass(kw_only=True)
class Section:
    """One table: seconds of each candidate's runs, the baseline among them, and what is to be reached."""

    title: str
    baseline: str
    seconds: dict[str, list[float]]
    goal: str = ""
    notes: list[str] = field(default_factory=list)

    def ratio(self, name: str) -> float:
        """The candidate's median as a multiple of the baseline's."""
        return statistics.median(self.seconds[name]) / statistics.median(self.seconds[self.baseline])

    def to_markdown(self) -> str:
        """The table."""
        lines = [f"## {self.title}\n"]
        if self.goal:
            lines.append(f"Goal: {self.goal}\n")
        lines += ["| | median | ratio | least – most | runs |", "|---|---|---|---|---|"]
        for name, seconds in self.seconds.items():
            if not seconds:
                lines.append(f"| {name} | – | – | – | 0 |")
                continue
            spread = f"{show(min(seconds))} – {show(max(seconds))}"
            median = show(statistics.median(seconds))
            lines.append(f"| {name} | {median} | {self.ratio(name):.2f} | {spread} | {len(seconds)} |")
        return "\n".join([*lines, "", *self.notes, ""])


def interleave(
    candidates: Mapping[str, Candidate], rounds: int, *, warm_up: int = 1
) -> dict[str, list[float]]:
    """Run the candidates in turn, `rounds` times after `warm_up` runs that do not count.

    In turn, so that a slow minute of the machine is everybody's. Returns the seconds of each run.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(-warm_up, rounds):
        order = list(candidates.items())
        # Another one first in each round: who comes after a kernel that is just being killed starts slower.
        for name, candidate in order[turn % len(order) :] + order[: turn % len(order)]:
            if candidate.rounds and turn >= candidate.rounds:
                continue
            candidate.before()
            begin = time.perf_counter()
            candidate.run()
            end = time.perf_counter()
            candidate.after()
            if turn >= 0:
                seconds[name].append(end - begin)
            print(
                f"  {name}: {show(end - begin)}{'' if turn >= 0 else ' (warm-up)'}",
                file=sys.stderr,
                flush=True,
            )
    return seconds


def show(seconds: float) -> str:
    """
    >>> show(0.00123), show(0.5), show(12.345)
    ('1.2 ms', '0.500 s', '12.3 s')
    """
    if seconds < 0.1:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.3f} s" if seconds < 10 else f"{seconds:.1f} s"


def about() -> str:
    """The machine, the day and the versions."""
    versions = []
    for name in VERSIONS:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}"
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    return f"{today}, {machine}, Python {platform.python_version()}, {', '.join(versions)}."


def file_count(folder: Path) -> int:
    """Files in a folder and below it."""
    return sum(len(files) for _, _, files in os.walk(folder))
