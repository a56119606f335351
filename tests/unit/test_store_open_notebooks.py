"""Who has a notebook open, and the edits that wait for the page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernel_iso.store import Edit, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


def test_a_notebook_is_open_as_long_as_a_page_has_it(store: Store, tmp_path: Path) -> None:
    """Two pages may have it; it is closed after the last one."""
    notebook = tmp_path / "nb.ipynb"
    assert not store.open_notebooks.is_open(notebook)
    with store.open_notebooks.opened(notebook):
        with store.open_notebooks.opened(notebook):
            assert store.open_notebooks.is_open(notebook)
        assert store.open_notebooks.is_open(notebook)
        assert not store.open_notebooks.is_open(tmp_path / "other.ipynb")
    assert not store.open_notebooks.is_open(notebook)


def test_a_link_to_a_notebook_is_the_same_notebook(store: Store, tmp_path: Path) -> None:
    """The command line may be given another name for the file that the page has open."""
    notebook, link = tmp_path / "nb.ipynb", tmp_path / "link.ipynb"
    notebook.touch()
    link.symlink_to(notebook)
    with store.open_notebooks.opened(notebook):
        assert store.open_notebooks.is_open(link)


@pytest.mark.skipif(
    os.name == "nt", reason="a killed process keeps no file open on Windows either, but os.kill differs"
)
def test_a_killed_server_has_nothing_open(store: Store, tmp_path: Path) -> None:
    """Its lock goes with the process."""
    notebook = tmp_path / "nb.ipynb"
    code = (
        "import sys, pathlib; from kernel_iso.store import Store\n"
        "with Store(pathlib.Path(sys.argv[1])).open_notebooks.opened(pathlib.Path(sys.argv[2])):\n"
        "    print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(store.root), str(notebook)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "open\n"
        assert store.open_notebooks.is_open(notebook)
        server.kill()
        server.wait()
    assert not store.open_notebooks.is_open(notebook)


def test_edits_wait_in_order_until_they_are_taken(store: Store, tmp_path: Path) -> None:
    """Each is taken once; a name that is none of them takes nothing."""
    notebook = tmp_path / "nb.ipynb"
    first, second = Edit(add=("six",), id="a"), Edit(remove=("six",))
    store.open_notebooks.offer(notebook, first)
    store.open_notebooks.offer(notebook, second)
    (name, one), (_, two) = store.open_notebooks.waiting(notebook)
    assert (one, two) == (first, second)
    store.open_notebooks.take(notebook, "../path")
    store.open_notebooks.take(notebook, name)
    assert [edit for _, edit in store.open_notebooks.waiting(notebook)] == [second]


def test_edits_without_a_page_are_left(store: Store, tmp_path: Path) -> None:
    """Whoever finds them writes them into the file; folders with nothing in them are cleared away."""
    notebook, other = tmp_path / "nb.ipynb", tmp_path / "other.ipynb"
    store.open_notebooks.offer(notebook, Edit(add=("six",)))
    with store.open_notebooks.opened(other):
        assert store.open_notebooks.left() == [notebook]
        with store.open_notebooks.opened(notebook):
            assert store.open_notebooks.left() == []
    store.open_notebooks.left()
    assert len([*(store.root / "open").iterdir()]) == 1


def test_a_damaged_edit_is_passed_over(store: Store, tmp_path: Path) -> None:
    """The others still count."""
    notebook = tmp_path / "nb.ipynb"
    store.open_notebooks.offer(notebook, Edit(add=("six",)))
    (folder,) = (store.root / "open").iterdir()
    (folder / "0.json").write_text("{")
    assert [edit.add for _, edit in store.open_notebooks.waiting(notebook)] == [("six",)]
