"""Paths as pages know them and as the engine needs them: the contents manager translates, nobody else."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_async
from tornado.web import HTTPError

from kernel_iso.errors import ImpossibleError, SpecError


def root(manager: Any) -> str:
    """The folder that a contents manager serves, absolute; "" where what it serves are no files."""
    # As the contents manager does it: a root that is a link keeps its address.
    return os.path.abspath(manager.root_dir) if hasattr(manager, "_get_os_path") else ""  # noqa: PTH100


async def real(manager: Any, path: str) -> str:
    """The absolute path of the file or folder that pages know as `path`; it need not exist.

    Raises `SpecError` (`path-outside-root`) for what the contents manager does not serve, and
    `ImpossibleError` (`not-a-file-here`) where what it serves are no files.
    """
    if not hasattr(manager, "_get_os_path"):
        raise ImpossibleError(
            "not-a-file-here",
            f"cannot work on `{path}`",
            f"this server keeps its notebooks elsewhere ({type(manager).__name__}), and a kernel needs a file",
            "keep the notebook in a folder of this server, or choose a named environment",
        )
    # `os.path.join` would take an absolute path for what it says, and normalising would hide a step upward.
    parts = path.replace("\\", "/").split("/")
    try:
        if "\0" in path or ".." in parts:
            raise HTTPError(404)
        found = str(manager._get_os_path(path))
        hidden = not manager.allow_hidden and await ensure_async(manager.is_hidden(path))
    except HTTPError:
        raise _outside(path) from None
    if hidden:
        raise _outside(path)
    return found


def api(manager: Any, path: str) -> str:
    """The path under which pages know the file at `path` (absolute), "" where they cannot know it."""
    top = root(manager)
    if not top or not path:
        return ""
    for folder in (top, os.path.realpath(top)):
        if Path(path) != Path(folder) and Path(path).is_relative_to(folder):
            return Path(path).relative_to(folder).as_posix()
    return ""


def _outside(path: str) -> SpecError:
    return SpecError(
        "path-outside-root",
        f"cannot work on `{path[:200]}`",
        "this server does not serve it: it is outside of its root folder, or hidden",
        "give the path as the file browser shows it; start the server in a folder above the file",
    )


_OWN = ("python", f"python{sys.version_info[0]}", f"python{sys.version_info[0]}.{sys.version_info[1]}")
"""The commands of kernelspecs that jupyter_client runs with the interpreter which it runs on itself."""


async def interpreter(manager: Any, path: str) -> str:
    """`path`, where it is an interpreter that a kernel of this server runs: a page names no other program to run.

    A kernelspec may say `python` alone; that is the server's own interpreter, as Jupyter understands it. `manager`
    is the server's kernelspec manager. Raises `SpecError` (`path-outside-root`).
    """
    if path in _OWN:
        return sys.executable
    known = [sys.executable]
    for found in (await ensure_async(manager.get_all_specs())).values():
        command = found["spec"].get("argv") or [""]
        known.append(shutil.which(command[0]) or command[0])
    if any(_same_program(path, one) for one in known if one):
        return path
    raise SpecError(
        "path-outside-root",
        f"cannot ask the Python `{path[:200]}`",
        "no kernel of this server runs it",
        "start a kernel of it, and isolate the notebook from there; or use the command line",
    )


def _same_program(one: str, other: str) -> bool:
    """True for two names of one program in one folder: an environment's link is not the interpreter that it leads to."""
    first, second = Path(one), Path(other)
    return first.parent == second.parent and first.resolve() == second.resolve()
