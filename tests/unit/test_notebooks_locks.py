"""The locks that lie with a Spec, and in which order they are found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kernel_iso.model import Lock, Part
from kernel_iso.notebooks import read

BLOCK = "# /// script\n# dependencies = ['from-cell']\n# ///\n"


def notebook(path: Path, *sources: str, **metadata: Any) -> Path:
    """A notebook with code cells and metadata."""
    cells = [
        {"cell_type": "code", "source": source.splitlines(keepends=True), "metadata": {}}
        for source in sources
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1)
    )
    return path


def put(path: Path, text: str) -> Path:
    """A file with a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with every kind of project file."""
    (tmp_path / ".git").mkdir()
    put(tmp_path / "pyproject.toml", "[project]\nname = 'p'\ndependencies = ['from-pyproject']\n")
    put(tmp_path / "environment.yml", "dependencies: [from-conda]\n")
    put(tmp_path / "requirements.txt", "from-requirements\n")
    return tmp_path


def locks(path: Path) -> list[tuple[str, str, str]]:
    """Kind, file name and accelerator of every lock, in order."""
    return [(item.kind, Path(item.path).name, item.accelerator) for item in read(path).locks]


def test_locks_are_found_in_order(project: Path) -> None:
    """Ours in the metadata, files beside the notebook, juv's, then the project's."""
    lock = Lock(plan="p", parts=(Part(text="t"),))
    put(project / "pylock.toml", "")
    put(project / "pylock.a_b.toml", "x")
    put(project / "pylock.a_b-cu126.toml", "x")
    put(project / "uv.lock", "version = 1\n")
    path = notebook(project / "a.b.ipynb", kernel_iso={"lock": lock.to_json()}, **{"uv.lock": "version = 1"})
    expected = [
        ("kernel-iso", "a.b.ipynb", ""),
        ("pylock", "pylock.a_b.toml", ""),
        ("pylock", "pylock.a_b-cu126.toml", "cu126"),
        ("uv.lock", "a.b.ipynb", ""),
        ("pylock", "pylock.toml", ""),
        ("uv.lock", "uv.lock", ""),
    ]
    assert expected == locks(path)
    assert lock == Lock.from_text(read(path).locks[0].text)


def test_the_lock_of_another_notebook_is_not_the_projects(tmp_path: Path) -> None:
    """Two notebooks in one folder have a lock each."""
    one, other = notebook(tmp_path / "one.ipynb"), notebook(tmp_path / "one-cpu.ipynb")
    put(tmp_path / "pylock.one.toml", "")
    put(tmp_path / "pylock.one-cpu.toml", "")
    assert locks(one) == [("pylock", "pylock.one.toml", "")]
    assert locks(other) == [("pylock", "pylock.one-cpu.toml", "")]
    assert read(one).spec.origin.kind == "default"


def test_a_lock_alone_is_a_project_that_asks_for_what_it_holds(tmp_path: Path) -> None:
    """The Spec is empty, and its origin is the lock."""
    path = put(tmp_path / "pylock.dev.toml", "")
    found = read(notebook(tmp_path / "a.ipynb"))
    assert (found.spec.requirements, found.spec.origin.path) == ((), str(path))
    assert [item.path for item in found.locks] == [str(path)]


def test_a_lock_with_what_it_was_made_from(tmp_path: Path) -> None:
    """The file beside it is the Spec; a conda environment is not what it was made from."""
    put(tmp_path / "pylock.toml", "")
    put(tmp_path / "environment.yml", "dependencies: [a]\n")
    path = notebook(tmp_path / "a.ipynb")
    assert Path(read(path).spec.origin.path).name == "pylock.toml"
    put(tmp_path / "requirements.txt", "a\n")
    found = read(path)
    assert Path(found.spec.origin.path).name == "requirements.txt"
    assert [item.kind for item in found.locks] == ["pylock"]


def test_a_projects_lock_does_not_answer_a_notebooks_own_spec(project: Path) -> None:
    """It would install the project's packages."""
    put(project / "uv.lock", "")
    assert read(notebook(project / "a.ipynb", BLOCK)).locks == ()
