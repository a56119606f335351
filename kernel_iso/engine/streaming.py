"""Run a command in a target's prefix and hand its output on as it comes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kernel_iso.engine import launching, preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.targets import Target
from kernel_iso.errors import CancelledError, SpecError
from kernel_iso.model import Event
from kernel_iso.processes.children import execute

PHASE = "exec"


def stream(
    engine: Engine,
    target: Target,
    command: Sequence[str],
    *,
    input: str = "",
    variables: Mapping[str, str] | None = None,
    trust: str = "",
) -> int:
    """Run a command in a target's prefix, and return its exit status.

    Its output are events, a line each, with the unit `stdout` or `stderr`. It reads `input` and then nothing, and has
    `variables` in its environment; `trust` is that of `preparing.realise`. Raises what preparing raises, `SpecError`
    (`no-such-command`) and `CancelledError` (`cancelled`), when it and all that it started have ended.
    """
    ready = preparing.realise(engine, target, trust=trust)
    environment = {**launching.environment(ready, engine.environ), **(variables or {})}
    # A program that finds no terminal keeps its lines back otherwise.
    environment.setdefault("PYTHONUNBUFFERED", "1")
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        raise SpecError(
            "no-such-command",
            f"cannot execute `{command[0]}`",
            f"it is neither in the environment of `{target.label}` nor on PATH",
            f"kernel-iso add …   the package that brings `{command[0]}`",
        )

    def said(unit: str, line: str) -> None:
        engine.emit(Event(phase=PHASE, key=ready.prefix.key, at=time.time(), text=line, unit=unit))

    def check() -> None:
        if engine.cancelled.is_set():
            raise CancelledError(
                "cancelled", f"stopped `{command[0]}`", "you cancelled", "run it again when you want to"
            )

    with engine.store.using(ready.prefix.key):
        return execute(
            [program, *command[1:]],
            environment,
            cwd=str(Path.cwd()),
            input=input,
            holding=(),
            on_out=lambda line: said("stdout", line),
            on_err=lambda line: said("stderr", line),
            check=check,
        )
