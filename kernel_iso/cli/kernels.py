"""`launch`: a kernel for tools that ignore provisioners and know only a command (VS Code, Spyder, qtconsole).

Such a tool says neither which notebook nor which session. What is known is a named environment, the variable
`KERNEL_ISO_NOTEBOOK`, or the folder the tool starts the kernel in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kernel_iso.cli.parsing import UsageError

if TYPE_CHECKING:
    from kernel_iso.engine import Engine
    from kernel_iso.engine.targets import Target


@dataclass(frozen=True, slots=True)
class Handover:
    """The program that takes this process's place once nothing of ours is on the terminal any more."""

    argv: Sequence[str]
    environ: Mapping[str, str]


def target(environ: Mapping[str, str], env: str, folder: str) -> Target:
    """What the kernel is for: a named environment, else the notebook that a variable names, else the folder.

    `folder` is the working folder; a relative notebook is found from it.
    """
    from kernel_iso.engine.targets import Target

    if env:
        return Target(kind="environment", name=env, why="the kernel's command names it with --env")
    notebook = environ.get("KERNEL_ISO_NOTEBOOK", "")
    if notebook:
        return Target(kind="notebook", path=str(Path(folder, notebook)), why="KERNEL_ISO_NOTEBOOK names it")
    return Target(kind="folder", path=folder, why="the folder in which the kernel was started")


def prepare(engine: Engine, values: Mapping[str, Any]) -> Handover:
    """Realise what the kernel is for and return what starts it.

    Raises every kind of error, `which-notebook` among them where neither a notebook nor a project is known.
    """
    if not values["connection_file"]:
        raise UsageError(
            "missing-argument",
            "cannot launch a kernel",
            "the connection file is missing",
            "kernel-iso launch -f CONNECTION_FILE",
        )
    from kernel_iso.engine import launching, preparing

    wanted = target(engine.environ, values["env"], str(Path.cwd()))
    if wanted.kind == "folder" and preparing.read(engine, wanted).spec.origin.kind == "default":
        # Without a project file the folder says nothing; which environment was meant is not guessed.
        why = f"the client named no notebook, and no project file lies in {wanted.path} or above it"
        wanted = preparing.Target(kind="none", why=why)
    ready = preparing.realise(engine, wanted)
    argv = launching.command(ready, ["-f", values["connection_file"]])
    return Handover(argv, launching.environment(ready, engine.environ))


def hand_over(handover: Handover) -> NoReturn:
    """Become the program: the same process where the system can, else a child whose exit status is ours.

    The client signals and watches the process that it started, which execve keeps. Windows has no execve that
    keeps it; there the child inherits our handles, because ipykernel is told of an interrupt by one
    (JPY_INTERRUPT_EVENT) and watches its parent by another (JPY_PARENT_PID).
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # pythonw has none
            stream.flush()
    if os.name != "nt":
        os.execve(handover.argv[0], list(handover.argv), dict(handover.environ))
    import subprocess

    child = subprocess.Popen(list(handover.argv), env=dict(handover.environ), close_fds=False)
    while True:
        try:
            sys.exit(child.wait())
        except KeyboardInterrupt:
            continue  # the kernel heard it too; it decides
