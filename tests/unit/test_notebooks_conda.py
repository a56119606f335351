"""Conda packages and channels are written where the Spec was read: script block, metadata, project file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_iso.errors import SpecError
from kernel_iso.model import Spec
from kernel_iso.notebooks import Written, edit_requirements, pep723, read
from kernel_iso.notebooks.changes import change, edited
from kernel_iso.notebooks.toml_editing import edit_conda

BARE = json.dumps(
    {"cells": [], "metadata": {"kernelspec": {"name": "iso"}}, "nbformat": 4, "nbformat_minor": 5}, indent=1
)


def put(path: Path, text: str) -> Path:
    """A file with exactly this text."""
    path.write_bytes(text.encode())
    return path


def edit(path: Path, *conda: str, remove: tuple[str, ...] = (), **more: Any) -> Written:
    """Read, then edit."""
    found = read(path, **{key: more.pop(key) for key in ("profile",) if key in more})
    return edit_requirements(path, found, conda=conda, conda_remove=remove, **more)


def script(content: str) -> str:
    """A script with this TOML in its block."""
    lines = [f"# {line}" if line else "#" for line in content.split("\n")]
    return "\n".join(["# /// script", *lines, "# ///", "1 + 1\n"])


def test_a_notebook_that_declares_nothing_gets_metadata(tmp_path: Path) -> None:
    """The conda packages ask for the backend, so that it is not written; it goes with the last of them."""
    path = put(tmp_path / "a.ipynb", BARE)
    spec = edit(path, "gdal>=3.9", channels=("conda-forge",), id="x").spec
    assert spec is not None
    assert (spec.conda, spec.channels, spec.backend) == (("gdal>=3.9",), ("conda-forge",), "conda")
    ours = json.loads(path.read_text())["metadata"]["kernel_iso"]
    assert ours == {"id": "x", "spec": {"conda": ["gdal>=3.9"], "channels": ["conda-forge"]}}
    edit(path, "gdal>=3.10", "proj")
    assert read(path).spec.conda == ("gdal>=3.10", "proj")
    edit(path, remove=("gdal", "proj"), channels_remove=("conda-forge",))
    assert read(path).spec.asks_nothing


def test_a_backend_that_was_written_stays(tmp_path: Path) -> None:
    """It is an environment of conda's with no package in it then."""
    path = put(
        tmp_path / "a.ipynb",
        BARE.replace(
            '"metadata": {', '"metadata": {"kernel_iso": {"spec": {"backend": "conda", "conda": ["a"]}},'
        ),
    )
    edit(path, remove=("a",))
    assert (read(path).spec.conda, read(path).spec.backend) == ((), "conda")


def test_a_package_moves_between_the_sides_in_one_edit(tmp_path: Path) -> None:
    """It is never declared twice, nor nowhere."""
    path = put(tmp_path / "a.ipynb", BARE)
    edit(path, add=["numpy>=1", "rich"])
    edit_requirements(path, read(path), [], ["numpy"], conda=["numpy>=2"])
    assert (read(path).spec.conda, read(path).spec.requirements) == (("numpy>=2",), ("rich",))
    edit_requirements(path, read(path), ["numpy"], conda_remove=["numpy"])
    assert (read(path).spec.conda, read(path).spec.requirements) == ((), ("rich", "numpy"))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("before", "conda", "channels", "after"),
    [
        (
            "dependencies = []",
            ("gdal>=3.9",),
            ("conda-forge",),
            'dependencies = []\n\n[tool.kernel-iso]\nconda = ["gdal>=3.9"]\nchannels = ["conda-forge"]',
        ),
        (
            '[tool.kernel-iso]\nconda = [\n  "gdal",  # maps\n  "Proj =9", # more\n]\nchannels = ["x"]',
            ("gdal>=3.9", "proj=9", "geos"),
            ("x",),
            '[tool.kernel-iso]\nconda = [\n  "gdal>=3.9",  # maps\n  "Proj =9", # more\n  "geos",\n]\nchannels = ["x"]',
        ),
        ("[tool.kernel-iso]\nconda = ['a']", (), ("y",), "[tool.kernel-iso]\nconda = ['a']\nchannels = [\"y\"]"),
        (
            "[tool.uv]\na = 1\n\n[tool.kernel-iso]\nenv = { A = '1' }",
            ("a",),
            (),
            "[tool.uv]\na = 1\n\n[tool.kernel-iso]\nenv = { A = '1' }\nconda = [\"a\"]",
        ),
    ],
)  # fmt: skip
def test_in_a_script_block_only_its_lines_change(
    tmp_path: Path, before: str, conda: tuple[str, ...], channels: tuple[str, ...], after: str, end: str
) -> None:
    """Comments, other keys and the form of what is declared so already stay."""
    path = put(tmp_path / "a.py", script(before).replace("\n", end))
    spec = edit(path, *conda, channels=channels).spec
    assert path.read_bytes().decode() == script(after).replace("\n", end)
    assert spec is not None
    assert {*conda} <= {*spec.conda}
    assert {*channels} <= {*spec.channels}
    edit(path, *conda, channels=channels)
    assert path.read_bytes().decode() == script(after).replace("\n", end)


@pytest.mark.parametrize(
    "before",
    [
        "dependencies = []",
        'dependencies = ["a"] # why\n\n[tool.kernel-iso]\npython = "3.12"',
        '[tool.kernel-iso]\nconda = ["b"]',
    ],
)
def test_adding_and_removing_leave_a_block_as_it_was(tmp_path: Path, before: str) -> None:
    """A list that is empty goes with its key, and a table with its last key."""
    path = put(tmp_path / "a.py", script(before))
    edit(path, "gdal", "x::proj=9", channels=("conda-forge",))
    assert path.read_text() != script(before)
    edit(path, remove=("proj", "gdal"), channels_remove=("conda-forge",))
    assert path.read_text() == script(before)


PROJECT = """\
[build-system]
requires = ["x"]

[tool.a]
b = 1

[project]
name = "x"
version = "1"
dependencies = ["rich"]  # shown

[tool.kernel-iso]
channels = ["conda-forge"]
conda = ["numpy"]   # arrays

[tool.kernel-iso.profiles.Maps]
conda = ["gdal"]

[tool.z]
b = 1
"""


def test_a_project_s_own_list_is_edited(tmp_path: Path) -> None:
    """Below `[tool.kernel-iso]`; tables that stand elsewhere stay there."""
    path = put(tmp_path / "pyproject.toml", PROJECT)
    edit(tmp_path, "numpy>=2", "proj", channels=("bioconda",))
    expected = PROJECT.replace('conda = ["numpy"] ', 'conda = ["numpy>=2", "proj"] ')
    assert path.read_text() == expected.replace('["conda-forge"]', '["conda-forge", "bioconda"]')
    assert read(tmp_path).spec.requirements == ("rich",)


def test_the_list_of_the_profile_that_counts_is_edited(tmp_path: Path) -> None:
    """It takes the place of the table's; where the profile has none, the table's counts and is edited."""
    path = put(tmp_path / "pyproject.toml", PROJECT)
    edit(tmp_path, "gdal>=3", channels=("bioconda",), profile="maps")
    expected = PROJECT.replace('conda = ["gdal"]', 'conda = ["gdal>=3"]')
    assert path.read_text() == expected.replace('["conda-forge"]', '["conda-forge", "bioconda"]')


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "text",
    [
        "[project]\nname = 'x'\n",
        "[project]\nname = 'x'\n\n[tool.a]\nb = 1\n",
        "[tool.a]\nb = 1\n\n[project]\nname = 'x'\n\n[tool.z]\nb = 1\n",
    ],
)
def test_a_project_without_our_table_gets_it_last(tmp_path: Path, text: str, end: str) -> None:
    """Also where the tables of tools stand apart from each other."""
    path = put(tmp_path / "pyproject.toml", text.replace("\n", end))
    edit(tmp_path, "gdal", channels=("c",), accelerator="cpu")
    ours = '\n[tool.kernel-iso]\nconda = ["gdal"]\nchannels = ["c"]\naccelerator = "cpu"\n'
    assert path.read_bytes().decode() == (text + ours).replace("\n", end)
    edit(tmp_path, remove=("gdal",), channels_remove=("c",), accelerator="auto")
    assert path.read_bytes().decode() == text.replace("\n", end)


def test_a_choice_is_written_into_tables_that_stand_apart(tmp_path: Path) -> None:
    """Where it is the only thing that changes."""
    text = "[tool.a]\nb = 1\n\n[project]\nname = 'x'\n\n[tool.z]\nb = 1\n"
    path = put(tmp_path / "pyproject.toml", text)
    edit(tmp_path, python="3.12")
    assert path.read_text() == text + '\n[tool.kernel-iso]\npython = "3.12"\n'


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_environment_yml_is_edited_where_it_decides(tmp_path: Path, end: str) -> None:
    """With everything at once; what is read again is what was meant."""
    text = "name: x # y\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.12\n  - numpy # z\n".replace(
        "\n", end
    )
    path = put(tmp_path / "environment.yml", text)
    spec = edit(tmp_path, "numpy>=2", "gdal", channels=("bioconda",), python="3.13", add=["rich"]).spec
    expected = (
        "name: x # y\nchannels:\n  - conda-forge\n  - bioconda\ndependencies:\n  - python=3.13\n  - numpy>=2 # z\n"
        "  - gdal\n  - pip\n  - pip:\n      - rich\n"
    )
    assert path.read_bytes().decode() == expected.replace("\n", end)
    assert spec is not None
    assert (spec.conda, spec.channels) == (("numpy>=2", "gdal"), ("conda-forge", "bioconda"))
    assert (spec.python, spec.requirements) == ("3.13", ("rich",))


def test_an_environment_yml_that_asked_conda_for_nothing_can_ask_it(tmp_path: Path) -> None:
    """Then its channels count; without conda packages they do not, and an edit of them is no mistake."""
    path = put(tmp_path / "environment.yml", "channels:\n- a\ndependencies:\n- python=3.12\n")
    assert edit(tmp_path, channels=("b",)).changed
    spec = edit(tmp_path, "numpy", "pip").spec
    assert spec is not None
    assert (spec.conda, spec.channels, spec.backend) == (("numpy",), ("a", "b"), "conda")
    assert path.read_text().endswith("- python=3.12\n- numpy\n- pip\n")


@pytest.mark.parametrize("python", ["3.12", "==3.12.*", "==3.12.4", "<3.14,>=3.11", "~=3.11", ""])
def test_python_is_chosen_in_an_environment_yml(tmp_path: Path, python: str) -> None:
    """In every form in which it can be asked for."""
    put(tmp_path / "environment.yml", "dependencies:\n- python=3.11\n- numpy\n")
    spec = edit(tmp_path, python=python).spec
    assert spec is not None
    assert spec.python in (python, python[2:-2])
    assert spec.conda == ("numpy",)


def test_a_list_in_brackets_is_left_to_the_person(tmp_path: Path) -> None:
    """The message has the line to type, and nothing is written."""
    path = put(tmp_path / "environment.yml", "dependencies: [numpy]\n")
    with pytest.raises(SpecError) as caught:
        edit(tmp_path, "gdal")
    assert caught.value.code == "edit-by-hand"
    assert "- gdal" in caught.value.hint
    assert path.read_text() == "dependencies: [numpy]\n"


def test_an_edit_that_would_not_be_what_was_meant_is_not_written(tmp_path: Path) -> None:
    """A profile has a Python of its own, and takes the place of what would be written."""
    text = PROJECT + "\n[tool.kernel-iso.profiles.old]\npython = '3.11'\n"
    path = put(tmp_path / "pyproject.toml", text)
    with pytest.raises(SpecError) as caught:
        edit(tmp_path, "gdal", python="3.12", profile="old")
    assert (caught.value.code, caught.value.hint) == ("edit-by-hand", 'conda +gdal python = "3.12"')
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("name", "text", "more", "code"),
    [
        ("requirements.txt", "a\n", {"conda": ["gdal"]}, "edit-by-hand"),
        ("requirements.txt", "a\n", {"channels": ["x"]}, "edit-by-hand"),
        ("pylock.toml", "", {"conda": ["gdal"]}, "edit-by-hand"),
        ("environment.yml", "dependencies:\n- a\n", {"accelerator": "cpu"}, "edit-by-hand"),
        ("environment.yml", "dependencies:\n- a\n", {"conda": ["./a.conda"]}, "bad-conda-dependency"),
        ("environment.yml", "dependencies:\n- a\n", {"channels": ["../a"]}, "bad-channel"),
        ("environment.yml", "dependencies:\n- a\n", {"channels": ["https://u:p@example.org/c"]}, "credentials-in-url"),
        ("pyproject.toml", PROJECT, {"conda_remove": ["rich"]}, "not-declared"),
        ("pyproject.toml", PROJECT, {"channels_remove": ["x"]}, "not-declared"),
    ],
)  # fmt: skip
def test_an_edit_that_cannot_be_made_changes_nothing(
    tmp_path: Path, name: str, text: str, more: dict[str, Any], code: str
) -> None:
    """Neither the project's file nor the notebook."""
    notebook = put(tmp_path / "a.ipynb", BARE)
    path = put(tmp_path / name, text)
    with pytest.raises(SpecError) as caught:
        edit_requirements(notebook, read(notebook), **more)
    assert code == caught.value.code
    assert (path.read_text(), notebook.read_text()) == (text, BARE)


@pytest.mark.parametrize(
    ("name", "text"),
    [("environment.yml", "dependencies: [numpy]\nchannels: [c]\n"), ("pyproject.toml", PROJECT)],
)
def test_with_here_the_notebook_has_what_the_project_had(tmp_path: Path, name: str, text: str) -> None:
    """The project's file stays."""
    path, source = put(tmp_path / "a.ipynb", BARE), put(tmp_path / name, text)
    before = read(path).spec
    edit(path, "gdal", here=True)
    assert source.read_text() == text
    after = read(path).spec
    assert (after.conda, after.channels) == ((*before.conda, "gdal"), before.channels)
    assert (after.origin.kind, after.backend) == ("metadata", "conda")


def test_an_edit_that_says_what_was_not_meant_names_every_part() -> None:
    """So that it can be made by hand."""
    wanted = change(["a"], ["b"], conda=["c>=1"], conda_remove=["d"], channels=["e"], channels_remove=["f"])
    assert str(wanted) == "+a -b conda +c>=1 conda -d channel +e channel -f"


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b>=1", "x::c", "d 1.*", "e[build='x']"]), unique=True),
    st.sampled_from(["a>=2", "x::c=2", "f"]),
)
def test_every_place_asks_the_same_after_the_same_edit(declared: list[str], item: str) -> None:
    """A block and the Spec itself: one list after adding, and the former one after removing."""
    content = f"[tool.kernel-iso]\nconda = {json.dumps(declared)}\n"
    spec = pep723.parse(content, "cell 1")
    once = edited(spec, change([], [], conda=[item]), "x")
    text = edit_conda(content, "cell 1", ([item], []))
    assert pep723.parse(text, "cell 1").conda == once.conda
    gone = edit_conda(text, "cell 1", ([], [item]))
    left = edited(once, change([], [], conda_remove=[item]), "x")
    assert pep723.parse(gone, "cell 1").conda == left.conda
    assert item not in left.conda


def test_conda_packages_ask_for_the_conda_backend_wherever_they_are_read(tmp_path: Path) -> None:
    """Equal wishes have equal digests."""
    metadata = '"metadata": {"kernel_iso": {"spec": {"conda": ["numpy >=2"], "python": "3.12"}},'
    notebook = put(tmp_path / "a.ipynb", BARE.replace('"metadata": {', metadata))
    block = put(tmp_path / "a.py", script('[tool.kernel-iso]\npython = "3.12"\nconda = ["numpy>= 2"]'))
    other = put(tmp_path / "e.yml", "dependencies: [python=3.12, NumPy>=2]\n")
    specs = [read(path).spec for path in (notebook, block, other)]
    assert {spec.digest() for spec in specs} == {
        Spec(conda=("numpy>=2",), python="3.12", backend="conda").digest()
    }
