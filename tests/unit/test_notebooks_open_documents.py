"""A notebook that a page has open is read and written in the page's document, never in its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kernel_iso import notebooks
from kernel_iso.errors import SpecError
from kernel_iso.notebooks import OpenDocument

BLOCK = '# /// script\n# dependencies = ["six"]\n# ///\nimport six'


def document(*sources: str, **metadata: Any) -> dict[str, Any]:
    cells = [{"cell_type": "code", "source": source, "metadata": {}} for source in sources]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A saved notebook that declares nothing."""
    place = tmp_path / "nb.ipynb"
    place.write_text(json.dumps(document()))
    return place


def test_what_is_typed_but_not_saved_is_what_the_notebook_asks(path: Path) -> None:
    """The Spec is read from the document, the file's bytes do not matter."""
    reading = notebooks.read(path, disk=OpenDocument(path, document(BLOCK)))
    assert reading.spec.requirements == ("six",)


def test_an_edit_of_a_script_block_is_told_as_one_cell(path: Path) -> None:
    """The file stays as it is; the page is told which cell's source changes."""
    before, disk = path.read_bytes(), OpenDocument(path, document("1 + 1", BLOCK))
    reading = notebooks.read(path, disk=disk)
    notebooks.edit_requirements(path, reading, add=["attrs"], disk=disk)
    assert path.read_bytes() == before
    changes = disk.changes()
    assert [cell["index"] for cell in changes["cells"]] == [1]
    assert '"attrs"' in changes["cells"][0]["source"]
    assert changes["cells"][0]["source"].endswith("import six")
    assert "metadata" not in changes


def test_a_notebook_that_declares_nothing_gets_its_spec_in_the_metadata(path: Path) -> None:
    """Only `metadata.kernel_iso` is told; the next reading of the same document sees it."""
    disk = OpenDocument(path, document("1 + 1", kernelspec={"name": "iso"}))
    reading = notebooks.read(path, disk=disk)
    notebooks.edit_requirements(path, reading, add=["six"], id="abc", disk=disk)
    assert disk.changes() == {"metadata": {"id": "abc", "spec": {"requirements": ["six"]}}}
    assert notebooks.read(path, disk=disk).spec.requirements == ("six",)


def test_a_new_script_cell_is_told_as_one_to_insert(path: Path) -> None:
    """With `cell` the block goes into a cell of its own in front."""
    disk = OpenDocument(path, document("1 + 1"))
    notebooks.edit_requirements(path, notebooks.read(path, disk=disk), add=["six"], cell=True, disk=disk)
    (cell,) = disk.changes()["cells"]
    assert (cell["index"], cell["insert"], cell["metadata"]) == (
        0,
        True,
        {"jupyter": {"source_hidden": True}},
    )
    assert "six" in cell["source"]


def test_a_project_file_beside_it_is_written_on_the_disk(path: Path) -> None:
    """The document is not where the project declares: it does not change."""
    (path.parent / "requirements.txt").write_text("six\n")
    disk = OpenDocument(path, document("1 + 1"))
    notebooks.edit_requirements(path, notebooks.read(path, disk=disk), add=["attrs"], disk=disk)
    assert (path.parent / "requirements.txt").read_text() == "six\nattrs\n"
    assert disk.changes() == {}


def test_taking_our_metadata_away_is_told_as_null(path: Path) -> None:
    """The page removes the key."""
    disk = OpenDocument(path, document(kernel_iso={"lock": {}}))
    disk.write(path, None, json.dumps(document()).encode())
    assert disk.changes() == {"metadata": None}


@pytest.mark.parametrize("wrong", [[], {}, {"nbformat": 4}, {"nbformat": 4, "metadata": {}, "cells": 3}])
def test_what_is_no_notebook_is_refused(path: Path, wrong: object) -> None:
    """Three lines, and nothing is written."""
    with pytest.raises(SpecError, match="as a notebook") as raised:
        OpenDocument(path, wrong)
    assert raised.value.code == "bad-notebook"
