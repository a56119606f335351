"""Run things in a target's prefix: a whole notebook, a command, a shell."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kernel_iso.engine import launching, preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.preparing import Ready
from kernel_iso.engine.targets import Target
from kernel_iso.errors import SpecError
from kernel_iso.model import Event


def run(
    engine: Engine,
    target: Target,
    *,
    output: str = "",
    trust: str = "",
    timeout: float = 0,
    allow_errors: bool = False,
) -> tuple[Ready, dict[str, Any]]:
    """Execute a notebook headless in its prefix and write the executed one, stamped, to `output`.

    `output` is a path ("" writes beside the notebook as `<stem>.executed.ipynb`); `timeout` is seconds
    for a cell (0: none). A failing cell is reported in the result, and the notebook is written up to it.
    """
    if target.kind != "notebook" or not target.path.endswith(".ipynb"):
        raise SpecError(
            "not-a-notebook",
            f"cannot run `{target.label}`",
            "only a notebook can be run",
            "kernel-iso run analysis.ipynb",
        )
    ready = preparing.realise(engine, target, trust=trust)
    source = Path(target.path)
    destination = output or str(source.with_name(f"{source.stem}.executed.ipynb"))
    request = {
        "notebook": target.path,
        "output": destination,
        "timeout": timeout,
        "allow_errors": allow_errors,
        "trust": preparing.covered(engine, preparing.read(engine, target)),
        "stamp": stamp(ready),
    }
    with engine.store.using(ready.prefix.key):
        result = engine.run("run", ready.prefix.key).worker("kernel_iso.executing", request)
    assert isinstance(result, dict)
    return ready, result


def stamp(ready: Ready) -> dict[str, str]:
    """What an executed notebook says of its run: lock digest, Python, platform, date (UTC)."""
    return {
        "lock": ready.prefix.lock,
        "python": ready.prefix.version,
        "platform": platform.platform(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def execute(
    engine: Engine, target: Target, command: Sequence[str], *, capture: bool = False, trust: str = ""
) -> dict[str, Any]:
    """Run a command in a target's prefix, on this terminal or with its output captured; return how it ended.

    Raises `SpecError` (`no-command`) and `ToolError` (`tool-missing`) where the command is not there.
    """
    if not command:
        raise SpecError(
            "no-command", "cannot execute", "no command was given", "kernel-iso exec -- python -V"
        )
    ready = preparing.realise(engine, target, trust=trust)
    environment = launching.environment(ready, engine.environ)
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        raise SpecError(
            "no-such-command",
            f"cannot execute `{command[0]}`",
            f"it is neither in the environment of `{target.label}` nor on PATH",
            f"kernel-iso add …   the package that brings `{command[0]}`",
        )
    if not capture:
        engine.emit(Event(phase="exec"))  # an event without a text gives the terminal away
    with engine.store.using(ready.prefix.key):
        done = subprocess.run(
            [program, *command[1:]],
            env=environment,
            check=False,
            capture_output=capture,
            text=True,
            errors="replace",
        )
    result: dict[str, Any] = {
        "status": done.returncode,
        "command": list(command),
        "prefix": ready.prefix.path,
    }
    return result | ({"stdout": done.stdout, "stderr": done.stderr} if capture else {})


def shell(engine: Engine, target: Target, *, trust: str = "") -> dict[str, Any]:
    """Open the person's shell in a target's prefix and return when it ends."""
    fallback = "cmd.exe" if os.name == "nt" else "/bin/sh"
    program = engine.environ.get("COMSPEC" if os.name == "nt" else "SHELL") or fallback
    return execute(engine, target, [program], trust=trust)
