"""Which notebook a kernel is for: the table of everything that can be known."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from kernel_iso.provisioner.calling import clues, executing_client
from kernel_iso.provisioner.finding import Caller, Clues, named_notebooks, notebook_of, sources

CELLS = [
    {"cell_type": "code", "source": ["import numpy\n", "numpy.pi"]},
    {"cell_type": "markdown", "source": "text"},
]
OTHER = [{"cell_type": "code", "source": "1"}]


def notebook(path: Path, cells: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """work/{a,b,copy}.ipynb, work/sub/{a,c}.ipynb; `copy` is a copy of `sub/c`, cell for cell."""
    for name, cells in {"a": CELLS, "b": OTHER, "sub/a": OTHER, "sub/c": [*CELLS, *OTHER]}.items():
        notebook(tmp_path / f"{name}.ipynb", cells)
    (tmp_path / "script.py").write_text("")
    return tmp_path


CALLER = Caller(cells=sources(CELLS))

# What is known → the kind of the target, its path from the folder `work` (or a name), and why.
TABLE: dict[str, tuple[dict[str, object], str, str, str]] = {
    "a named environment goes before everything": (
        {"environment": "lab", "session": "WORK/a.ipynb"}, "environment", "lab", "the kernel that was chosen names it",
    ),
    "a server's session": (
        {"session": "WORK/a.ipynb", "hosted": True}, "notebook", "a.ipynb", "the server's session names it",
    ),
    "a session goes before the variable": (
        {"session": "WORK/a.ipynb", "notebook": "WORK/b.ipynb"}, "notebook", "a.ipynb", "the server's session names it",
    ),
    "a session relative to the server's root": (
        {"session": "sub/c.ipynb", "cwd": "WORK/sub", "root": "WORK", "hosted": True},
        "notebook", "sub/c.ipynb", "the server's session names it",
    ),
    "a session relative to the working folder": (
        {"session": "c.ipynb", "cwd": "WORK/sub"}, "notebook", "sub/c.ipynb", "the server's session names it",
    ),
    "a drive's prefix before an API path": (
        {"session": "RTC:sub/c.ipynb", "root": "WORK", "hosted": True},
        "notebook", "sub/c.ipynb", "the server's session names it",
    ),
    "a drive's prefix before a file name": (
        {"session": "WORK/RTC:a.ipynb", "root": "WORK", "hosted": True},
        "notebook", "a.ipynb", "the server's session names it",
    ),
    "VS Code's name on a remote server": (
        {"session": "WORK/a-jvsc-0f3a9c1e-77aa-4c1b-9d55-1c2d3e4f5a6b.ipynb", "hosted": True},
        "notebook", "a.ipynb", "the server's session names it",
    ),
    "an unsaved notebook": (
        {"session": "WORK/Untitled.ipynb", "hosted": True},
        "folder", "", "the session's notebook `Untitled.ipynb` is not saved where this server can see it",
    ),
    "a server's console": (
        {"session": "WORK/sub/Console 1", "cwd": "WORK/sub", "hosted": True},
        "folder", "sub", "the session `Console 1` is not a notebook",
    ),
    "a file that is no notebook": (
        {"session": "WORK/script.py", "hosted": True}, "folder", "", "the session `script.py` is not a notebook",
    ),
    "a kernel without a session, on a server that was started with a notebook": (
        {"hosted": True, "argv": ("jupyter-lab", "WORK/a.ipynb"), "notebook": "WORK/b.ipynb"},
        "folder", "", "the client named no notebook",
    ),
    "the variable": ({"notebook": "WORK/b.ipynb"}, "notebook", "b.ipynb", "KERNEL_ISO_NOTEBOOK names it"),
    "the variable with a relative path": (
        {"notebook": "sub/c.ipynb", "cwd": "WORK/sub", "bases": ("WORK",)},
        "notebook", "sub/c.ipynb", "KERNEL_ISO_NOTEBOOK names it",
    ),
    "the variable goes before the command line": (
        {"notebook": "WORK/b.ipynb", "argv": ("papermill", "a.ipynb")},
        "notebook", "b.ipynb", "KERNEL_ISO_NOTEBOOK names it",
    ),
    "the variable names what is not there": (
        {"notebook": "gone.ipynb"}, "notebook", "gone.ipynb", "KERNEL_ISO_NOTEBOOK names it",
    ),
    "nbmake under pytest": (
        {"test": "sub/c.ipynb::c.ipynb (call)", "cwd": "WORK/sub", "argv": ("pytest", "--nbmake", "sub")},
        "notebook", "sub/c.ipynb", "pytest is running it",
    ),
    "a test that is no notebook": ({"test": "tests/test_x.py::test (call)"}, "folder", "", "the client named no notebook"),
    "papermill's command": (
        {"argv": ("/bin/papermill", "a.ipynb", "b.ipynb")},
        "notebook", "a.ipynb", "the calling process's command line names it",
    ),
    "papermill's command as a module, its input elsewhere": (
        {"argv": ("/x/papermill/__main__.py", "s3://bucket/a.ipynb", "b.ipynb")},
        "folder", "", "the client named no notebook",
    ),
    "papermill in another folder": (
        {"argv": ("papermill", "sub/c.ipynb", "out.ipynb", "--cwd", "sub"), "cwd": "WORK/sub",
         "bases": ("WORK/sub", "WORK")},
        "notebook", "sub/c.ipynb", "the calling process's command line names it",
    ),
    "papermill as a library": (
        {"caller": Caller(cells=sources(OTHER), papermill_input="a.ipynb")},
        "notebook", "a.ipynb", "papermill names it as its input",
    ),
    "nbconvert's command": (
        {"argv": ("jupyter-nbconvert", "--execute", "sub/a.ipynb", "--output", "b.ipynb")},
        "notebook", "sub/a.ipynb", "the calling process's command line names it",
    ),
    "nbconvert on several notebooks": (
        {"argv": ("jupyter-nbconvert", "--execute", "sub/a.ipynb", "sub/c.ipynb"),
         "caller": Caller(cells=sources(CELLS), folder="sub", name="c")},
        "notebook", "sub/c.ipynb", "nbconvert names it",
    ),
    "several notebooks, told apart by what is executed": (
        {"argv": ("jupyter-execute", "a.ipynb", "b.ipynb"), "caller": CALLER},
        "notebook", "a.ipynb", "the calling process's command line names it",
    ),
    "several notebooks that cannot be told apart": (
        {"argv": ("jupyter-execute", "a.ipynb", "b.ipynb")},
        "none", "", "the command line names several notebooks: `a.ipynb`, `b.ipynb`",
    ),
    "several notebooks, another one is executed": (
        {"argv": ("run", "b.ipynb", "sub/a.ipynb"), "caller": CALLER},
        "none", "", "the command line names several notebooks: `b.ipynb`, `a.ipynb`",
    ),
    "one notebook twice": (
        {"argv": ("run", "a.ipynb", "a.ipynb")}, "notebook", "a.ipynb", "the calling process's command line names it",
    ),
    "nbclient as a library": (
        {"argv": ("script.py",), "caller": CALLER},
        "notebook", "a.ipynb", "the notebook that is being executed is this file, cell for cell",
    ),
    "nbclient as a library, in another folder": (
        {"argv": ("script.py",), "caller": Caller(cells=sources([*CELLS, *OTHER]), folder="WORK/sub")},
        "notebook", "sub/c.ipynb", "the notebook that is being executed is this file, cell for cell",
    ),
    "nbclient on a notebook that is no file here": (
        {"argv": ("script.py",), "caller": Caller(cells=("code\nother",))}, "folder", "", "the client named no notebook",
    ),
    "a console": ({"argv": ("jupyter-console", "--kernel", "iso")}, "folder", "", "the client named no notebook"),
    "a console in another folder": ({"cwd": "WORK/sub"}, "folder", "sub", "the client named no notebook"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_the_notebook_of_a_kernel(name: str, work: Path) -> None:
    """Each row: what is known, what it means, and why."""
    known, kind, place, why = TABLE[name]

    def here(value: object) -> object:
        if isinstance(value, tuple):
            return tuple(here(item) for item in value)
        return value.replace("WORK", str(work)) if isinstance(value, str) else value

    given = {"cwd": str(work), "bases": (str(work),)} | {key: here(value) for key, value in known.items()}
    if isinstance(caller := given.get("caller"), Caller):
        given["caller"] = Caller(
            cells=caller.cells,
            folder=str(here(caller.folder)),
            name=caller.name,
            papermill_input=caller.papermill_input,
        )
    target = notebook_of(Clues(**given))
    path = str(work / place) if kind in ("notebook", "folder") else ""
    expected = (kind, path, place if kind == "environment" else "", why)
    assert expected == (target.kind, target.path, target.name, target.why)


def test_two_files_with_the_same_cells_are_not_guessed_between(work: Path) -> None:
    """A copy beside the original: the notebook that is executed could be either."""
    notebook(work / "a-Copy1.ipynb", CELLS)
    target = notebook_of(Clues(cwd=str(work), caller=CALLER))
    assert ("folder", str(work)) == (target.kind, target.path)


def test_a_link_keeps_its_address(work: Path) -> None:
    """The address that the person opened counts: it decides which project file is nearest."""
    (work / "sub" / "link.ipynb").symlink_to(work / "b.ipynb")
    target = notebook_of(Clues(cwd=str(work), session=str(work / "sub" / "link.ipynb")))
    assert str(work / "sub" / "link.ipynb") == target.path


def test_files_that_are_no_notebooks_are_passed_over(work: Path) -> None:
    """Broken neighbours do not matter when the executed notebook is looked for."""
    (work / "broken.ipynb").write_text("{")
    (work / "list.ipynb").write_text("[]")
    (work / "cells.ipynb").write_text('{"cells": [1]}')
    assert str(work / "a.ipynb") == notebook_of(Clues(cwd=str(work), caller=CALLER)).path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("papermill", []),
        ("papermill -p n 3 in.ipynb out.ipynb", ["in.ipynb"]),
        ("jupyter-nbconvert --execute --output=o.ipynb a.ipynb", ["a.ipynb"]),
        ("jupyter-nbconvert --execute a.ipynb --output-dir o.ipynb", ["a.ipynb"]),
        ("jupyter-execute --inplace a.ipynb b.ipynb", ["a.ipynb", "b.ipynb"]),
        ("kernel -f k.json", []),
    ],
)
def test_notebooks_on_a_command_line(line: str, expected: list[str]) -> None:
    """Inputs count, outputs do not."""
    assert expected == named_notebooks(line.split())


class Client:
    """A client as nbclient's is, as far as a start can see it."""

    def __init__(self) -> None:
        self.nb = {"cells": CELLS, "metadata": {"papermill": {"input_path": "in.ipynb"}}}
        self.resources = {"metadata": {"path": "sub", "name": "c"}}

    def async_start_new_kernel(self) -> Caller | None:
        return executing_client(sys._getframe())


def test_the_client_that_executes_is_seen_on_the_stack() -> None:
    """Its notebook, folder, name, and what papermill noted."""
    seen = Client().async_start_new_kernel()
    assert Caller(cells=sources(CELLS), folder="sub", name="c", papermill_input="in.ipynb") == seen
    assert executing_client(sys._getframe()) is None


def test_an_inherited_session_is_not_this_kernels(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`!papermill …` in a cell runs with the outer notebook's JPY_SESSION_NAME."""
    outer = {"JPY_SESSION_NAME": str(work / "a.ipynb")}
    monkeypatch.setattr(os, "environ", outer)

    def session(launch: dict[str, object], environ: dict[str, str], hosted: bool = False) -> str:
        return clues(launch, environment="", environ=environ, hosted=hosted, root="").session

    assert session({}, outer) == ""
    assert session({"env": outer}, outer) == ""
    brought = {"JPY_SESSION_NAME": "b.ipynb"}
    assert session({"env": brought}, brought) == "b.ipynb"
    assert outer["JPY_SESSION_NAME"] == session({"env": outer}, outer, hosted=True)
