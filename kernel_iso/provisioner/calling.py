"""Who is starting this kernel: what the process, its variables and the client that runs a notebook say."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from kernel_iso.provisioner.finding import Caller, Clues, sources

_STARTERS = ("async_start_new_kernel", "start_new_kernel")


def clues(
    launch: Mapping[str, Any], *, environment: str, environ: Mapping[str, str], hosted: bool, root: str
) -> Clues:
    """The clues to the notebook of a kernel that is about to start in this process.

    `launch` are the arguments of the start, `environ` the variables the kernel would get. Call it from the
    coroutine in which the start was asked for: the calling client is found on its stack.
    """
    cwd = str(Path.cwd() / (launch.get("cwd") or ""))
    return Clues(
        cwd=cwd,
        # A command line is relative to where the process began: papermill has changed the folder by now.
        bases=tuple(folder for folder in (str(Path.cwd()), os.environ.get("PWD", "")) if folder),
        root=root,
        environment=environment,
        session=_session(launch, environ, hosted=hosted),
        notebook=environ.get("KERNEL_ISO_NOTEBOOK", ""),
        test=environ.get("PYTEST_CURRENT_TEST", ""),
        argv=tuple(sys.argv),
        caller=None if hosted else executing_client(sys._getframe(1)),
        hosted=hosted,
    )


def _session(launch: Mapping[str, Any], environ: Mapping[str, str], *, hosted: bool) -> str:
    """JPY_SESSION_NAME where a server gave it for this kernel.

    A process that was started inside a kernel (`!papermill …` in a cell) inherits the outer notebook's:
    outside a server it counts only where the start brought it along and it is not the process's own.
    """
    session = environ.get("JPY_SESSION_NAME", "")
    if "env" not in launch:
        return ""
    return session if hosted or session != os.environ.get("JPY_SESSION_NAME") else ""


def executing_client(frame: FrameType | None) -> Caller | None:
    """The nbclient `NotebookClient` on the stack above `frame` that starts this kernel.

    nbclient gives a kernel manager no parent and names no notebook (0.11), so that the stack is the only
    place where the notebook being executed can be seen. Where jupyter_core runs the start in a thread of
    its own (a loop was running already) there is none.
    """
    while frame is not None:
        if frame.f_code.co_name in _STARTERS:
            client = frame.f_locals.get("self")
            if hasattr(client, "nb") and hasattr(client, "resources"):
                return _caller(client)
        frame = frame.f_back
    return None


def _caller(client: Any) -> Caller | None:
    try:
        resources = (client.resources or {}).get("metadata", {})
        papermill = client.nb.get("metadata", {}).get("papermill", {})
        return Caller(
            cells=sources(client.nb.get("cells", ())),
            folder=os.fspath(resources.get("path") or ""),
            name=str(resources.get("name") or ""),
            papermill_input=str(papermill.get("input_path") or ""),
        )
    except (AttributeError, TypeError):
        return None
