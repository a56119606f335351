"""(c) What the engine and the command line take when everything is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.grounds import Ground
from benchmarks.measuring import Candidate, Section, interleave
from kernel_iso.engine.preparing import realise


def measure(ground: Ground, *, suffix: str = "") -> list[Section]:
    """`realise` of a ready prefix inside the engine, and quick commands."""
    inside = interleave(engine(ground), max(30, ground.options.rounds), warm_up=3)
    outside = interleave(commands(ground), ground.options.rounds)
    return [
        Section(
            title=f"Inside the engine{suffix}",
            baseline="realise of a ready prefix",
            seconds=inside,
            goal="a few milliseconds",
        ),
        Section(
            title=f"Commands{suffix}",
            baseline="python -c pass",
            seconds=outside,
            goal="`kernel-iso --help` below 150 ms",
        ),
    ]


def engine(ground: Ground) -> dict[str, Candidate]:
    """What a kernel start costs us beside the kernel."""
    return {"realise of a ready prefix": Candidate(run=lambda: realise(ground.engine, ground.target))}


def commands(ground: Ground) -> dict[str, Candidate]:
    """Commands that a person waits for."""
    program = str(Path(sys.executable).with_name("kernel-iso"))

    def command(*argv: str) -> Candidate:
        return Candidate(
            run=lambda: subprocess.run(
                argv, env=ground.environ, cwd=ground.folder, check=True, stdout=subprocess.DEVNULL
            )
        )

    return {
        "python -c pass": command(sys.executable, "-c", "pass"),
        "kernel-iso --help": command(program, "--help"),
        "kernel-iso plan NOTEBOOK": command(program, "plan", str(ground.notebook)),
        "kernel-iso realise NOTEBOOK (ready)": command(program, "realise", str(ground.notebook)),
        "kernel-iso env list": command(program, "env", "list"),
    }
