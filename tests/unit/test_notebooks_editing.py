"""Edits change exactly the place where the Spec was read, or nothing."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_iso.errors import ImpossibleError, IsoError, SpecError
from kernel_iso.model import Origin, Spec
from kernel_iso.notebooks import (
    Reading,
    Written,
    edit_requirements,
    read,
)
from kernel_iso.notebooks.changes import change, edited

# As nbformat writes it, with things that only surgery keeps: an escape, a float, an odd list.
NOTEBOOK = (Path(__file__).parent / "data" / "notebooks" / "with_block.ipynb").read_text()
BARE = NOTEBOOK.replace("/// script", "no script")


def put(path: Path, text: str) -> Path:
    """A file with exactly this text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def edit(path: Path, *add: str, remove: tuple[str, ...] = (), **choices: Any) -> Written:
    """Read, then edit."""
    found = read(path, **{key: choices.pop(key) for key in ("root", "groups") if key in choices})
    return edit_requirements(path, found, add, remove, **choices)


def test_in_a_script_block_only_its_lines_change(tmp_path: Path) -> None:
    """Escapes, floats, other cells and other lines keep their very characters."""
    path = put(tmp_path / "a.ipynb", NOTEBOOK)
    written = edit(path, "Polars>=1")
    expected = NOTEBOOK.replace('rrays\\n",\n', 'rrays\\n",\n    "#   \\"polars>=1\\",\\n",\n')
    assert expected == path.read_text()
    assert written.spec is not None
    assert written.spec.requirements == ("numpy", "polars>=1")
    edit(path, remove=("polars",))
    assert path.read_text() == NOTEBOOK


def test_a_source_that_is_one_string_keeps_its_other_characters(tmp_path: Path) -> None:
    """Some tools write the source of a cell as one string."""
    source = '"x = \\u0031\\n# /// script\\n# dependencies = [\\"numpy\\"]\\n# ///\\n\\ud83d\\ude00"'
    head, tail = (
        '{"cells":[{"cell_type":"code","source":',
        '}],"metadata":{},"nbformat":4,"nbformat_minor":4}',
    )
    text = head + source + tail
    path = put(tmp_path / "a.ipynb", text)
    edit(path, "numpy>=2")
    assert text.replace('[\\"numpy\\"]', '[\\"numpy>=2\\"]') == path.read_text()


def test_a_bare_notebook_gets_metadata(tmp_path: Path) -> None:
    """At the place where nbformat sorts it to, so that the next save moves nothing."""
    path = put(tmp_path / "a.ipynb", BARE)
    written = edit(path, "polars", id="my-id")
    ours = '  "kernel_iso": {\n   "id": "my-id",\n   "spec": {\n    "requirements": [\n     "polars"\n    ]\n   }\n  },\n'
    assert BARE.replace('  "kernelspec"', ours + '  "kernelspec"') == path.read_text()
    assert (written.origin.kind, read(path).id) == ("metadata", "my-id")
    nbformat.validate(nbformat.read(path, as_version=4))
    edit(path, "polars>=1", remove=())
    assert read(path).spec.requirements == ("polars>=1",)
    edit(path, remove=("polars",))
    assert read(path).spec.asks_nothing


@pytest.mark.parametrize("minor", [4, 5])
def test_a_bare_notebook_can_get_a_cell_instead(tmp_path: Path, minor: int) -> None:
    """A cell has an id where its notebook format has one."""
    path = put(tmp_path / "a.ipynb", BARE.replace('"nbformat_minor": 5', f'"nbformat_minor": {minor}'))
    if minor == 4:
        path.write_text(path.read_text().replace('   "id": "aaaa",\n', "").replace('   "id": "bbbb",\n', ""))
    before = path.read_text()
    written = edit(path, "polars", cell=True)
    nbformat.validate(json.loads(path.read_text()))
    assert (written.origin.kind, written.origin.detail) == ("pep723", "cell 1")
    assert before.split('"cells": [\n')[1] == path.read_text()[-len(before.split('"cells": [\n')[1]) :]


def test_a_dry_run_writes_nothing_and_shows_the_difference(tmp_path: Path) -> None:
    """The Spec that would be asked comes with it."""
    path = put(tmp_path / "a.ipynb", NOTEBOOK)
    written = edit(path, "polars", dry=True)
    assert path.read_text() == NOTEBOOK
    assert written.changed
    assert written.spec is not None
    assert written.spec.requirements == ("numpy", "polars")
    assert '+    "#   \\"polars\\",\\n",' in written.diff()


@pytest.mark.parametrize(
    ("name", "text", "after"),
    [
        (
            "pyproject.toml",
            "[project]\nname = 'x'\ndependencies = ['a', 'b']\n",
            "[project]\nname = 'x'\ndependencies = ['a', \"c\"]\n",
        ),
        ("requirements.txt", "a  # why\nb\n", "a  # why\nc\n"),
        ("environment.yml", "dependencies:\n- pip:\n  - a\n  - b\n", "dependencies:\n- pip:\n  - a\n  - c\n"),
    ],
)
def test_a_project_file_is_edited_where_the_project_decides(
    tmp_path: Path, name: str, text: str, after: str
) -> None:
    """The notebook stays as it is; with `here` it is the other way round."""
    path = put(tmp_path / "a.ipynb", BARE)
    source = put(tmp_path / name, text)
    written = edit(path, "c", remove=("b",), id="x")
    assert (str(source), after) == (written.path, source.read_text())
    assert path.read_text() == BARE

    source.write_text(text)
    written = edit(path, "c", remove=("b",), id="x", here=True)
    assert source.read_text() == text
    assert (str(path), "metadata") == (written.path, written.origin.kind)
    assert read(path).spec.requirements == ("a", "c")


def test_what_the_project_chose_is_copied_with_here(tmp_path: Path) -> None:
    """Groups are requirements then, and name nothing any more."""
    put(
        tmp_path / "pyproject.toml",
        "[project]\nname='x'\nrequires-python='>=3.11'\n[dependency-groups]\ndev = ['ruff']\n",
    )
    path = put(tmp_path / "a.ipynb", BARE)
    edit(path, "c", groups=("dev",), here=True)
    spec = read(path).spec
    assert (spec.requirements, spec.python, spec.groups) == (("ruff", "c"), ">=3.11", ())


def test_a_script_gets_a_block(tmp_path: Path) -> None:
    """Below its first line, where that is for the system."""
    path = put(tmp_path / "a.py", "#!/usr/bin/env python\nx = 1\n")
    edit(path, "numpy")
    assert read(path).spec.requirements == ("numpy",)
    assert path.read_text().startswith("#!/usr/bin/env python\n# /// script\n")
    edit(path, "numpy>=2")
    assert '"numpy>=2"' in path.read_text()


@pytest.mark.parametrize(
    ("files_", "add", "remove", "choices", "code"),
    [
        ({}, (), ("zzz",), {}, "not-declared"),
        ({}, ("a b",), (), {}, "bad-requirement"),
        ({"pylock.toml": ""}, ("a",), (), {}, "edit-by-hand"),
        ({"pylock.toml": ""}, ("a",), (), {"here": True}, "edit-by-hand"),
        ({"requirements.txt": "-r other.txt\n", "other.txt": "a\n"}, ("a>=2",), (), {}, "edit-by-hand"),
        ({"requirements.txt": "a==1 --hash=sha256:" + "0" * 64}, ("b",), (), {}, "edit-by-hand"),
    ],
)
def test_an_edit_that_cannot_be_made_changes_nothing(
    tmp_path: Path, files_: dict[str, str], add: Any, remove: Any, choices: dict[str, Any], code: str
) -> None:
    """No file is touched."""
    path = put(tmp_path / "a.ipynb", BARE)
    for name, text in files_.items():
        put(tmp_path / name, text)
    with pytest.raises(SpecError) as caught:
        edit(path, *add, remove=remove, **choices)
    assert code == caught.value.code
    assert {"a.ipynb": BARE, **files_} == {item.name: item.read_text() for item in tmp_path.iterdir()}


def test_a_folder_without_a_project_has_no_place_for_an_edit(tmp_path: Path) -> None:
    """The message says what to make."""
    with pytest.raises(SpecError) as caught:
        edit(tmp_path, "a")
    assert caught.value.code == "nowhere-to-write"


def test_the_spec_of_a_named_environment_is_written_elsewhere(tmp_path: Path) -> None:
    """Its file is the store's."""
    path = put(tmp_path / "a.ipynb", BARE)
    with pytest.raises(SpecError) as caught:
        edit_requirements(path, Reading(spec=Spec(origin=Origin(kind="environment"))), ["a"])
    assert caught.value.code == "edit-elsewhere"


def test_utf16_is_read_and_not_written(tmp_path: Path) -> None:
    """It is no encoding for such a file; the person is told."""
    path = tmp_path / "requirements.txt"
    path.write_bytes("numpy\r\n".encode("utf-16"))
    with pytest.raises(SpecError) as caught:
        edit(tmp_path, "a")
    assert caught.value.code == "edit-by-hand"


def test_nothing_is_written_where_nothing_changes(tmp_path: Path) -> None:
    """The file's time stays, so that nobody reloads it."""
    path = put(tmp_path / "a.ipynb", NOTEBOOK)
    before = path.stat().st_mtime_ns
    assert not edit(path, "numpy").changed
    assert before == path.stat().st_mtime_ns


def test_a_read_only_notebook_is_left_alone(tmp_path: Path) -> None:
    """Somebody locked it on purpose, and root is no exception."""
    path = put(tmp_path / "a.ipynb", NOTEBOOK)
    path.chmod(0o444)
    with pytest.raises(ImpossibleError) as caught:
        edit(path, "polars")
    assert (caught.value.code, path.read_text()) == ("read-only-file", NOTEBOOK)
    assert [path] == list(tmp_path.iterdir())


def test_a_written_file_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    """A link stays a link, and what it points to is changed."""
    path = put(tmp_path / "real" / "a.ipynb", NOTEBOOK)
    path.chmod(0o640)
    link = tmp_path / "a.ipynb"
    link.symlink_to(path)
    edit(link, "polars")
    assert link.is_symlink()
    assert "polars" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_byte_order_mark_stays(tmp_path: Path) -> None:
    """Windows editors write one."""
    path = tmp_path / "a.ipynb"
    path.write_bytes(b"\xef\xbb\xbf" + BARE.encode())
    edit(path, "polars")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf{\n")
    assert read(path).spec.requirements == ("polars",)


@settings(deadline=None)
@given(
    declared=st.lists(st.sampled_from(["a", "b>=1", "a<3", "c[x]", 'd; python_version >= "3.9"'])),
    item=st.sampled_from(["a>=2", "e"]),
)
def test_adding_and_removing_are_opposites(declared: list[str], item: str) -> None:
    """After adding and removing a name it is not asked for, and the others are as they were."""
    spec = Spec(requirements=tuple(declared))
    once = edited(spec, change([item], []), "x")
    assert sum(old[0] == item[0] for old in once.requirements) == 1
    assert (
        tuple(old for old in declared if old[0] != item[0])
        == edited(once, change([], [item[0]]), "x").requirements
    )


def test_every_error_of_an_edit_is_ours(tmp_path: Path) -> None:
    """A broken notebook is refused before anything is written."""
    path = put(tmp_path / "a.ipynb", BARE)
    found = read(path)
    path.write_text("{")
    with pytest.raises(IsoError):
        edit_requirements(path, found, ["a"])
    assert path.read_text() == "{"


@pytest.mark.parametrize(
    ("before", "python", "accelerator", "after"),
    [
        ("dependencies = []", "3.12", None, 'dependencies = []\nrequires-python = "==3.12.*"'),
        ('requires-python = ">=3.9" # why', ">=3.11", None, 'requires-python = ">=3.11" # why'),
        ('requires-python = ">=3.9"\ndependencies = []', "", None, "dependencies = []"),
        ('[tool.kernel-iso]\npython = "3.11"', "3.12", None, '[tool.kernel-iso]\npython = "3.12"'),
        ("dependencies = []", "self", None, 'dependencies = []\n\n[tool.kernel-iso]\npython = "self"'),
        (
            '[tool.kernel-iso]\nbackend = "uv"',
            None,
            "cu126",
            '[tool.kernel-iso]\nbackend = "uv"\naccelerator = "cu126"',
        ),
        ('[tool.kernel-iso]\naccelerator = "cpu"', None, "auto", ""),
        (
            '[tool.kernel-iso]\nbackend = "uv"\naccelerator = "cpu"',
            None,
            "auto",
            '[tool.kernel-iso]\nbackend = "uv"',
        ),
        (
            "[tool.uv]\na = 1",
            "3.12",
            "cpu",
            'requires-python = "==3.12.*"\n\n[tool.uv]\na = 1\n\n[tool.kernel-iso]\naccelerator = "cpu"',
        ),
    ],
)
def test_python_and_accelerator_are_written_where_the_block_says_them(
    tmp_path: Path, before: str, python: str | None, accelerator: str | None, after: str
) -> None:
    """The Spec that is read again asks for them; all other lines stay."""

    def script(content: str) -> str:
        lines = [f"# {line}" if line else "#" for line in content.split("\n")]
        return "\n".join(["# /// script", *lines, "# ///", "1 + 1\n"])

    path = put(tmp_path / "a.py", script(before))
    written = edit(path, python=python, accelerator=accelerator)
    assert path.read_text() == script(after)
    assert written.spec is not None
    assert python in (None, written.spec.python, written.spec.python[2:-2])
    assert accelerator in (None, written.spec.accelerator)
    edit(path, python=python, accelerator=accelerator)
    assert path.read_text() == script(after)


def test_a_choice_that_a_profile_overrides_is_not_written(tmp_path: Path) -> None:
    """What is read again would not be what was meant."""
    text = (
        "[project]\nname = 'x'\n[tool.kernel-iso]\nprofile = 'a'\n"
        "[tool.kernel-iso.profiles.a]\npython = '3.11'\n"
    )
    path = put(tmp_path / "pyproject.toml", text)
    with pytest.raises(SpecError) as raised:
        edit(tmp_path, python="3.12")
    assert (raised.value.code, raised.value.hint) == ("edit-by-hand", 'python = "3.12"')
    assert path.read_text() == text
