"""Which notebook a kernel is for: one function over everything that can be known about it."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel_iso.engine.preparing import Target

# VS Code opens a notebook on a remote server under a name of its own: `<stem>-jvsc-<uuid>.ipynb`.
_VSCODE = re.compile(r"-jvsc-[0-9a-f-]{8,}(?=\.ipynb$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The client that executes a whole notebook in this process: what it holds, and what it says of it.

    `folder` is where it runs the kernel, `name` the notebook's stem where it knows it (nbconvert), and
    `papermill_input` the path that papermill notes in the notebook's metadata.
    """

    cells: tuple[str, ...]
    folder: str = ""
    name: str = ""
    papermill_input: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """Everything from which the notebook of a kernel can be known.

    `environment` is the named environment in the kernelspec, `session` the server's JPY_SESSION_NAME,
    `notebook` is KERNEL_ISO_NOTEBOOK, `test` PYTEST_CURRENT_TEST, `argv` the calling process's command
    line. `cwd` (absolute) is where the kernel will run, `bases` the folders that a relative name can mean,
    `root` the server's root folder ("" outside one). `hosted` is true under a server, whose own command
    line and variables say nothing about one of its kernels.
    """

    cwd: str
    bases: tuple[str, ...] = ()
    root: str = ""
    environment: str = ""
    session: str = ""
    notebook: str = ""
    test: str = ""
    argv: tuple[str, ...] = ()
    caller: Caller | None = None
    hosted: bool = False


def notebook_of(clues: Clues) -> Target:
    """What a kernel is for, by the first rule that knows: never a guess.

    A kernel whose notebook is not known is for the project of its working folder. Where several notebooks
    could be meant, the target is `none`, and says which.
    """
    for rule in _RULES:
        if target := rule(clues):
            return target
    return _folder(clues, "the client named no notebook")


def _environment(clues: Clues) -> Target | None:
    if not clues.environment:
        return None
    return Target(kind="environment", name=clues.environment, why="the kernel that was chosen names it")


def _session(clues: Clues) -> Target | None:
    if not clues.session:
        return None
    for path in _session_paths(clues):
        if path.suffix == ".ipynb" and path.is_file():
            return _notebook(clues, path, "the server's session names it")
    name = Path(clues.session).name
    if name.endswith(".ipynb"):
        return _folder(clues, f"the session's notebook `{name}` is not saved where this server can see it")
    return _folder(clues, f"the session `{name}` is not a notebook")


def _session_paths(clues: Clues) -> Iterable[Path]:
    """The places that a session's name can mean.

    jupyter_server gives an absolute path, or, where the client sent no file name, the API path, relative to
    the root. Contents managers with drives put `DRIVE:` before it (jupyter-collaboration's is `RTC:`).
    """
    folders = [clues.cwd, clues.root or clues.cwd]
    for name in dict.fromkeys((clues.session, _VSCODE.sub("", clues.session))):
        yield from (Path(folder, name) for folder in folders)
        drive, colon, rest = (
            Path(name).name.partition(":") if Path(name).is_absolute() else name.partition(":")
        )
        if colon and drive and rest:
            yield from (Path(folder, rest.lstrip("/")) for folder in folders)


def _named(clues: Clues) -> Target | None:
    if not clues.notebook or clues.hosted:
        return None
    found = _found(clues, clues.notebook) or Path(clues.cwd, clues.notebook)
    return _notebook(clues, found, "KERNEL_ISO_NOTEBOOK names it")


def _tested(clues: Clues) -> Target | None:
    """Under pytest (nbmake) the running test is `folder/nb.ipynb::…`, relative to a folder above this one."""
    name = clues.test.partition("::")[0]
    if not name.endswith(".ipynb") or clues.hosted:
        return None
    for base in (clues.cwd, *clues.bases):
        for folder in (Path(base), *Path(base).parents):
            if (folder / name).is_file():
                return _notebook(clues, folder / name, "pytest is running it")
    return None


def _papermill(clues: Clues) -> Target | None:
    if clues.caller and clues.caller.papermill_input:
        found = _found(clues, clues.caller.papermill_input)
        return _notebook(clues, found, "papermill names it as its input") if found else None
    return None


def _converted(clues: Clues) -> Target | None:
    if clues.caller and clues.caller.name:
        found = _found(clues, str(Path(clues.caller.folder, clues.caller.name + ".ipynb")))
        return _notebook(clues, found, "nbconvert names it") if found else None
    return None


def _command_line(clues: Clues) -> Target | None:
    if clues.hosted:
        return None
    names = named_notebooks(clues.argv)
    found = list(dict.fromkeys(path for name in names if (path := _found(clues, name))))
    if len(found) > 1 and clues.caller:
        found = [path for path in found if _cells(path) == clues.caller.cells] or found
    if len(found) == 1:
        return _notebook(clues, found[0], "the calling process's command line names it")
    if len(found) > 1:
        several = ", ".join(f"`{path.name}`" for path in found)
        return Target(
            kind="none", root=clues.root, why=f"the command line names several notebooks: {several}"
        )
    return None


def _same_content(clues: Clues) -> Target | None:
    """A notebook that is executed through nbclient's interface, and lies in its working folder."""
    if not clues.caller or not clues.caller.cells:
        return None
    folder = Path(clues.caller.folder or clues.cwd)
    same = [path for path in sorted(folder.glob("*.ipynb")) if _cells(path) == clues.caller.cells]
    if len(same) == 1:
        return _notebook(clues, same[0], "the notebook that is being executed is this file, cell for cell")
    return None


_RULES: tuple[Callable[[Clues], Target | None], ...] = (
    _environment, _session, _named, _tested, _papermill, _converted, _command_line, _same_content,
)  # fmt: skip


def named_notebooks(argv: Sequence[str]) -> list[str]:
    """The notebooks that a command line gives as input, in its order and as they are written.

    papermill takes its input first and its output second, so that only the first path counts. What follows an
    option for output is no input.

    >>> named_notebooks(["papermill", "in.ipynb", "out.ipynb"])
    ['in.ipynb']
    >>> named_notebooks(["jupyter-nbconvert", "--execute", "a.ipynb", "--output", "b.ipynb"])
    ['a.ipynb']
    """
    if not argv:
        return []
    program = Path(argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.stem
    found = []
    for before, token in itertools.pairwise(argv):
        takes_output = before == "-o" or (before.startswith("-") and "output" in before and "=" not in before)
        if token.endswith(".ipynb") and not token.startswith("-") and not takes_output:
            found.append(token)
    return found[:1] if name == "papermill" else found


def _found(clues: Clues, name: str) -> Path | None:
    """The notebook file that a name means, from the first base that has it; an absolute name needs none."""
    for base in clues.bases or (clues.cwd,):
        path = Path(base, name)
        if path.suffix == ".ipynb" and path.is_file():
            return path
    return None


def _notebook(clues: Clues, path: Path, why: str) -> Target:
    return Target(kind="notebook", path=_absolute(path), root=clues.root, why=why)


def _folder(clues: Clues, why: str) -> Target:
    return Target(kind="folder", path=_absolute(Path(clues.cwd)), root=clues.root, why=why)


def _absolute(path: Path) -> str:
    # A linked notebook keeps the address that the person opened, and with it the project folder.
    return os.path.abspath(path)  # noqa: PTH100 - `resolve` would follow the link


def sources(cells: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The cells' kinds and texts: what makes two copies of a notebook the same, whatever their outputs."""
    found = []
    for cell in cells:
        source = cell.get("source", "")
        found.append(f"{cell.get('cell_type', '')}\n{source if isinstance(source, str) else ''.join(source)}")
    return tuple(found)


def _cells(path: Path) -> tuple[str, ...] | None:
    """The `sources` of a notebook file; None where it cannot be read."""
    try:
        return sources(json.loads(path.read_text(encoding="utf-8"))["cells"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
