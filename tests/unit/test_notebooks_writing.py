"""What is written beside a Spec: metadata, locks, and files as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from kernel_iso.errors import SpecError, ToolError
from kernel_iso.model import Lock, Part, Spec
from kernel_iso.notebooks import files, read, set_metadata, write_metadata, write_side_lock

NOTEBOOK = (Path(__file__).parent / "data" / "notebooks" / "with_block.ipynb").read_text()


def put(path: Path, text: str) -> Path:
    """A file with exactly this text."""
    path.write_bytes(text.encode())
    return path


STYLES: list[dict[str, Any]] = [
    {"indent": 1},
    {"indent": 4, "sort_keys": True},
    {"indent": None},
    {"separators": (",", ":")},
    {"indent": 2, "ensure_ascii": False},
]


def test_metadata_is_written_key_by_key(tmp_path: Path) -> None:
    """What is not named stays, None in `extra` removes, and the notebook stays valid."""
    path = put(tmp_path / "a.ipynb", NOTEBOOK)
    lock = Lock(plan="p", parts=(Part(text="é\n"),))
    write_metadata(path, id="one", lock=lock, spec=Spec(requirements=("a",), own_paths=("/x",)))
    write_metadata(path, extra={"run": {"python": "3.12.1"}, "spec": None})
    nbformat.validate(nbformat.read(path, as_version=4))
    ours = json.loads(path.read_text())["metadata"]["kernel_iso"]
    assert (ours.keys(), ours["run"]) == ({"id", "lock", "run"}, {"python": "3.12.1"})
    assert lock == Lock.from_json(ours["lock"])
    write_metadata(path, extra={"run": None, "lock": None, "id": None})
    assert json.loads(NOTEBOOK)["cells"] == json.loads(path.read_text())["cells"]
    assert NOTEBOOK.replace('  "kernelspec"', '  "kernel_iso": {},\n  "kernelspec"') == path.read_text()


@pytest.mark.parametrize("name", ["a.py", "folder"])
def test_only_a_notebook_has_metadata(tmp_path: Path, name: str) -> None:
    """A script keeps its Spec in its block."""
    path = tmp_path / name
    path.mkdir() if name == "folder" else put(path, "")
    with pytest.raises(SpecError) as caught:
        write_metadata(path, id="x")
    assert caught.value.code == "not-a-notebook"


def test_a_bad_id_is_not_written(tmp_path: Path) -> None:
    """It would become part of a path."""
    path = put(tmp_path / "a.ipynb", NOTEBOOK)
    with pytest.raises(SpecError) as caught:
        write_metadata(path, id="../x")
    assert caught.value.code == "bad-id"
    assert path.read_text() == NOTEBOOK


def test_a_side_lock_reads_back_as_the_lock_that_was_written(tmp_path: Path) -> None:
    """With all its parts, its plan and its companions; the older one leaves the metadata."""
    path = put(tmp_path / "my.report.ipynb", NOTEBOOK)
    old = Lock(plan="old", parts=(Part(text="x\n"),))
    write_metadata(path, lock=old, id="one")
    parts = tuple(
        Part(text=f"lock-version = '1.0'\n# {name}\n", platform="linux-x86_64", accelerator=name)
        for name in ("cpu", "cu126")
    )
    parts = (parts[0], Part(text="# mac\n", platform="macos-arm64", accelerator="mps"), parts[1])
    lock = Lock(
        plan="p" * 64, parts=parts, python="3.12", companions=("ipykernel",), detached="a = '''\n\"'''\n"
    )
    side = write_side_lock(path, lock)
    names = sorted(item.name for item in tmp_path.iterdir())
    assert (side.name, names) == (
        "pylock.my_report.toml",
        [
            "my.report.ipynb",
            "pylock.my_report-linux-x86_64-cu126.toml",
            "pylock.my_report-macos-arm64-mps.toml",
            "pylock.my_report.toml",
        ],
    )
    found = read(path)
    assert [lock] == [Lock.from_text(item.text) for item in found.locks]
    assert (found.locks[0].kind, found.id) == ("kernel-iso", "one")


def conda_lock(plan: str = "p" * 64, *, wheels: str = "lock-version = '1.0'\n") -> Lock:
    """A lock with a CPU part and a GPU part of conda's packages, and wheels on top of the first."""
    parts = tuple(
        Part(text=f"# platform: linux-64\n@EXPLICIT\n# {name}\n", kind="conda", pypi=top, platform="linux-x86_64",
             accelerator=name)
        for name, top in (("cpu", wheels), ("cu126", ""))
    )  # fmt: skip
    return Lock(plan=plan, parts=parts, python="3.12", companions=("ipykernel",), brought_torch="2.9")


def test_a_lock_of_conda_is_a_list_that_conda_reads_with_the_wheels_beside_it(tmp_path: Path) -> None:
    """What it answers stands in a comment; it reads back as it was written."""
    path, lock = put(tmp_path / "my.report.ipynb", NOTEBOOK), conda_lock()
    assert write_side_lock(path, lock).name == "conda.my_report.lock"
    names = sorted(item.name for item in tmp_path.iterdir() if item != path)
    assert names == ["conda.my_report-cu126.lock", "conda.my_report.lock", "pylock.my_report.toml"]
    text = (tmp_path / "conda.my_report.lock").read_text()
    assert text.startswith(lock.parts[0].text)
    assert text.removeprefix(lock.parts[0].text).startswith("# kernel-iso lock: {")
    assert [lock] == [Lock.from_text(item.text) for item in read(path).locks]


def test_a_lock_of_the_other_kind_takes_the_place_of_the_former(tmp_path: Path) -> None:
    """Only of ours: what another tool wrote under such a name stays, and counts for nothing."""
    path = put(tmp_path / "a.ipynb", NOTEBOOK)
    wheels = Lock(plan="w", parts=(Part(text="lock-version = '1.0'\n"),))
    for lock in (conda_lock(), conda_lock(wheels=""), wheels, conda_lock()):
        write_side_lock(path, lock)
        assert [lock] == [Lock.from_text(item.text) for item in read(path).locks if lock.plan in item.text]
    assert next(Lock.from_text(item.text).plan for item in read(path).locks) == "p" * 64
    (tmp_path / "conda.a.lock").write_text("@EXPLICIT\n")
    write_side_lock(path, wheels)
    assert (tmp_path / "conda.a.lock").read_text() == "@EXPLICIT\n"
    assert wheels in [Lock.from_text(item.text) for item in read(path).locks]


def test_the_lock_of_another_notebook_is_never_written_over(tmp_path: Path) -> None:
    """Its name may be that of a part: `a-cu126.ipynb` beside `a.ipynb`."""
    path, other = put(tmp_path / "a.ipynb", NOTEBOOK), put(tmp_path / "a-cu126.ipynb", NOTEBOOK)
    own = write_side_lock(other, conda_lock("other", wheels=""))
    before = own.read_text()
    with pytest.raises(SpecError) as caught:
        write_side_lock(path, conda_lock())
    assert caught.value.code == "not-a-side-lock"
    assert own.read_text() == before
    assert read(path).locks == ()


def test_conda_packages_without_their_wheels_are_no_lock(tmp_path: Path) -> None:
    """They would make another environment; wheels of a former lock, and wheels alone, are not taken for them."""
    path = put(tmp_path / "a.ipynb", NOTEBOOK)
    write_side_lock(path, conda_lock("old"))
    former = (tmp_path / "pylock.a.toml").read_text()
    write_side_lock(path, conda_lock())
    for text in ("", former):
        (tmp_path / "pylock.a.toml").write_text(text)
        with pytest.raises(SpecError) as caught:
            read(path)
        assert caught.value.code == "bad-lock"
    for side in tmp_path.glob("conda.*"):
        side.unlink()
    (tmp_path / "pylock.a.toml").write_text(former)
    assert read(path).locks == ()


@pytest.mark.parametrize(
    "said", ["{", '{"plan": 1}', "[" * 100000, '{"plan": "p", "python": "../x"}', "null"]
)
def test_a_broken_comment_in_a_list_of_conda_packages_is_told(tmp_path: Path, said: str) -> None:
    """And no other error of a parser."""
    path = put(tmp_path / "a.ipynb", NOTEBOOK)
    (tmp_path / "conda.a.lock").write_text(f"@EXPLICIT\n# kernel-iso lock: {said}\n")
    with pytest.raises(SpecError) as caught:
        read(path)
    assert caught.value.code in ("bad-table", "bad-python")


def test_a_lock_of_an_unknown_kind_has_no_side_file(tmp_path: Path) -> None:
    """Nothing is written."""
    path = put(tmp_path / "a.ipynb", NOTEBOOK)
    with pytest.raises(SpecError) as caught:
        write_side_lock(path, Lock(plan="p", parts=(Part(text="x", kind="y"),)))
    assert caught.value.code == "not-a-side-lock"
    assert [path] == list(tmp_path.iterdir())


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """A save between reading and writing is not lost."""
    path = put(tmp_path / "a.ipynb", NOTEBOOK)
    with pytest.raises(ToolError) as caught:
        files.write(path, b"what was read", b"new")
    assert (caught.value.code, path.read_text()) == ("changed-meanwhile", NOTEBOOK)


def test_a_write_that_fails_loses_nothing(tmp_path: Path) -> None:
    """The folder is gone, or full: the error is ours and no scrap stays."""
    with pytest.raises(ToolError) as caught:
        files.write(tmp_path / "gone" / "a.ipynb", None, b"x")
    assert caught.value.code == "write-failed"
    (tmp_path / "folder").mkdir()
    with pytest.raises(ToolError):
        files.write(tmp_path / "folder", None, b"x")
    assert [tmp_path / "folder"] == list(tmp_path.iterdir())


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_real_notebooks_stay_byte_for_byte_around_our_metadata(style: dict[str, Any], newline: str) -> None:
    """In any style, taking our member out again gives the old text."""
    data = json.loads(NOTEBOOK)
    text = json.dumps(data, **style).replace("\n", newline) + newline
    data["metadata"] = {"kernel_iso": {"spec": {"requirements": ["café"]}}, **data["metadata"]}
    expected = json.dumps(data, **style).replace("\n", newline) + newline
    assert expected == set_metadata(text, ("kernel_iso", "spec"), {"requirements": ["café"]})
