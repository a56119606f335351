"""Where a Spec and its locks are read: the order, the walk upward, and hostile files."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_iso.errors import SpecError
from kernel_iso.model import Spec
from kernel_iso.notebooks import ipynb, read, read_id

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


def test_the_first_source_wins_and_the_lower_ones_are_told(project: Path) -> None:
    """A script block, then the metadata, then the project."""
    path = notebook(project / "a.ipynb", "x", BLOCK, kernel_iso={"spec": {"requirements": ["From_Metadata"]}})
    spec = read(path).spec
    assert spec.requirements == ("from-cell",)
    assert (spec.origin.kind, spec.origin.path, spec.origin.detail) == ("pep723", str(path), "cell 2")
    assert [item.kind for item in spec.overruled] == ["metadata", "project"]

    notebook(path, kernel_iso={"spec": {"requirements": ["From_Metadata"]}})
    spec = read(path).spec
    assert (spec.requirements, spec.origin.kind) == (("from-metadata",), "metadata")

    notebook(path)
    spec = read(path).spec
    assert (spec.requirements, spec.origin.kind) == (("from-pyproject",), "project")
    assert [Path(item.path).name for item in spec.overruled] == ["environment.yml", "requirements.txt"]


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ([], "pyproject.toml"),
        (["pyproject.toml"], "environment.yml"),
        (["pyproject.toml", "environment.yml"], "requirements.txt"),
        (["pyproject.toml", "environment.yml", "requirements.txt"], ""),
    ],
)
def test_the_order_within_a_folder(project: Path, gone: list[str], expected: str) -> None:
    """Each source counts when those before it are missing."""
    for name in gone:
        (project / name).unlink()
    assert expected == Path(read(notebook(project / "a.ipynb")).spec.origin.path).name


def test_a_source_that_agrees_is_not_overruled(tmp_path: Path) -> None:
    """The same requirements in another order are no disagreement."""
    put(
        tmp_path / "pyproject.toml",
        "[project]\nname = 'p'\nrequires-python = '>=3.11'\ndependencies = ['a', 'b']\n",
    )
    put(tmp_path / "requirements.txt", "b\na\n")
    assert read(notebook(tmp_path / "a.ipynb")).spec.overruled == ()


def test_a_lower_source_that_is_broken_stops_nobody(project: Path) -> None:
    """The notebook has its own Spec; the broken file is told."""
    put(project / "pyproject.toml", "[project\n")
    spec = read(notebook(project / "a.ipynb", BLOCK)).spec
    assert spec.requirements == ("from-cell",)
    assert "bad-toml" in spec.overruled[0].detail


def test_the_walk_goes_up_to_the_repository_and_no_further(project: Path) -> None:
    """The nearest folder counts; a file above the repository's root does not."""
    path = notebook(project / "deep" / "er" / "a.ipynb")
    assert read(path).spec.requirements == ("from-pyproject",)
    (project / "deep" / ".hg").mkdir()
    assert read(path).spec.origin.kind == "default"
    put(project / "deep" / "requirements.txt", "nearer\n")
    assert read(path).spec.requirements == ("nearer",)


def test_the_walk_does_not_leave_the_servers_root(project: Path) -> None:
    """What lies above the root is not the server's."""
    path = notebook(project / "served" / "sub" / "a.ipynb")
    assert read(path, root=project / "served").spec.origin.kind == "default"
    assert read(path, root=project).spec.origin.kind == "project"
    assert read(path, root=project / "elsewhere").spec.origin.kind == "project"


def test_a_notebook_outside_of_the_root_has_its_own_folder_only(tmp_path: Path) -> None:
    """Without a repository nothing bounds the walk there."""
    put(tmp_path / "requirements.txt", "a\n")
    path = notebook(tmp_path / "sub" / "a.ipynb")
    assert read(path, root=tmp_path / "other").spec.origin.kind == "default"


@pytest.mark.skipif(os.name != "posix", reason="a matter of POSIX modes")
def test_a_folder_where_anybody_may_write_is_nobodys_project(tmp_path: Path) -> None:
    """A stranger could have put the file there."""
    put(tmp_path / "open" / "requirements.txt", "a\n")
    path = notebook(tmp_path / "open" / "mine" / "a.ipynb")
    (tmp_path / "open").chmod(0o1777)
    assert read(path).spec.origin.kind == "default"


def test_a_profile_and_groups_are_chosen_by_the_caller_or_the_metadata(tmp_path: Path) -> None:
    """A Spec in the metadata that only chooses, chooses of the project."""
    put(
        tmp_path / "pyproject.toml",
        "[dependency-groups]\ndev = ['ruff']\ntest = ['pytest']\n[tool.kernel-iso.profiles.dev]\ngroups = ['dev']\n",
    )
    path = notebook(tmp_path / "a.ipynb")
    assert read(path, profile="dev").spec.requirements == ("ruff",)
    assert read(path, groups=("test",)).spec.requirements == ("pytest",)
    notebook(path, kernel_iso={"spec": {"profile": "dev"}})
    spec = read(path, groups=("test",)).spec
    assert (spec.requirements, spec.origin.kind, spec.profile) == (("ruff", "pytest"), "project", "dev")


@pytest.mark.parametrize("source", [BLOCK, ""])
def test_groups_without_a_project_are_an_error(tmp_path: Path, source: str) -> None:
    """They would silently mean nothing."""
    with pytest.raises(SpecError) as caught:
        read(notebook(tmp_path / "a.ipynb", source), groups=("dev",))
    assert caught.value.code == "no-groups-here"


def test_a_notebook_must_not_speak_of_its_own_origin(tmp_path: Path) -> None:
    """A foreign notebook could put a folder on the path, or claim to be a named environment."""
    spec = {
        "requirements": ["a"],
        "own_paths": ["/etc"],
        "origin": {"kind": "environment"},
        "overruled": [{"kind": "x"}],
    }
    found = read(notebook(tmp_path / "a.ipynb", kernel_iso={"spec": spec})).spec
    assert (found.own_paths, found.origin.kind, found.overruled) == ((), "metadata", ())


def test_the_facts_about_a_notebook(tmp_path: Path) -> None:
    """Its id, kernel and language."""
    path = notebook(
        tmp_path / "a.ipynb",
        kernel_iso={"id": "abc-1", "later": {}},
        kernelspec={"name": "iso", "language": "python"},
    )
    found = read(path)
    assert (found.id, found.kernel, found.language) == ("abc-1", "iso", "python")
    assert read_id(path) == "abc-1"


def test_scripts_folders_and_project_files_can_be_read(project: Path) -> None:
    """Whatever a person names."""
    assert read(put(project / "a.py", BLOCK)).spec.requirements == ("from-cell",)
    assert read(put(project / "b.py", "x = 1\n")).spec.requirements == ("from-pyproject",)
    assert read(project).spec.requirements == ("from-pyproject",)
    assert read(project / "requirements.txt").spec.requirements == ("from-requirements",)
    assert read(put(project / "dev-env.yml", "dependencies: [python=3.12]\n")).spec.python == "3.12"


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (["src/pkg/__init__.py"], "src"),
        (["src/my_project.py"], "src"),
        (["pkg/__init__.py"], "."),
        (["my_project.py"], "."),
        (["other.py", "tests/__init__.py", "my-pkg/__init__.py"], ""),
    ],
)
def test_the_projects_own_code_is_importable(tmp_path: Path, layout: list[str], expected: str) -> None:
    """Its source folder is named, where there is something to import."""
    put(tmp_path / "pyproject.toml", "[project]\nname = 'My-Project'\n")
    for name in layout:
        put(tmp_path / name, "")
    paths = (str(tmp_path / expected),) if expected else ()
    assert paths == read(notebook(tmp_path / "notebooks" / "a.ipynb")).spec.own_paths
    assert paths == read(notebook(tmp_path / "notebooks" / "b.ipynb", BLOCK)).spec.own_paths
    put(tmp_path / "pyproject.toml", "[project]\nname = 'My-Project'\n[tool.kernel-iso]\nown-code = 'none'\n")
    assert read(tmp_path / "notebooks" / "a.ipynb").spec.own_paths == ()


def test_includes_stay_inside_of_the_repository(project: Path) -> None:
    """Neither `..` nor a link leads out."""
    put(project.parent / "outside.txt", "a\n")
    (project / "pyproject.toml").unlink()
    (project / "environment.yml").unlink()
    path = notebook(project / "sub" / "a.ipynb")
    put(project / "sub" / "requirements.txt", "-r ../base.txt\n")
    put(project / "base.txt", "base\n")
    assert read(path).spec.requirements == ("base",)
    for name in ("../../outside.txt", str(project.parent / "outside.txt"), "link.txt"):
        put(project / "sub" / "requirements.txt", f"-r {name}\n")
        (project / "sub" / "link.txt").unlink(missing_ok=True)
        (project / "sub" / "link.txt").symlink_to(project.parent / "outside.txt")
        with pytest.raises(SpecError) as caught:
            read(path)
        assert caught.value.code == "include-outside"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bad-json"),
        (b'{"cells": [], "metadata": {}, "nbformat": 4', "bad-json"),
        (b"<<<<<<< HEAD\n{}\n", "bad-json"),
        (b"[]", "bad-notebook"),
        (b"{}", "bad-notebook"),
        (b'{"nbformat": "4"}', "bad-notebook"),
        (b'{"nbformat": 4, "cells": {}}', "bad-notebook"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 5}]}', "bad-notebook"),
        (b'{"nbformat": 4, "cells": [], "metadata": []}', "bad-notebook"),
        (b'{"nbformat": 4, "metadata": {"kernelspec": {"name": 1}}}', "bad-notebook"),
        (b'{"nbformat": 4, "metadata": {"kernel_iso": "x"}}', "bad-notebook"),
        (b'{"nbformat": 4, "metadata": {"kernel_iso": {"lock": "x"}}}', "bad-notebook"),
        (b'{"nbformat": 4, "metadata": {"uv.lock": []}}', "bad-notebook"),
        (b'{"nbformat": 4, "metadata": {"kernel_iso": {"id": "../../x"}}}', "bad-id"),
        (b'{"nbformat": 4, "metadata": {"kernel_iso": {"spec": {"packages": []}}}}', "bad-record"),
        (b'{"nbformat": 4, "metadata": {"kernel_iso": {"lock": {"plan": 1}}}}', "bad-record"),
        (
            b'{"nbformat": 4, "metadata": {"kernel_iso": {"spec": {"requirements": ["-r x"]}}}}',
            "bad-requirement",
        ),
        (b'{"nbformat": 4, "x": "\xe9"', "bad-encoding"),
        (b'{"nbformat": 4, "x": ' + b"[" * 1_000_000, "bad-json"),
        (b'{"nbformat": 4, "x": NaN, "y": ' + b"[" * 1_000_000, "bad-json"),
    ],
)
def test_a_broken_notebook_is_told_with_its_place(tmp_path: Path, data: bytes, code: str) -> None:
    """Cut off, of wrong types, in another encoding: each has its code."""
    path = tmp_path / "a.ipynb"
    path.write_bytes(data)
    with pytest.raises(SpecError) as caught:
        read(path)
    assert code == caught.value.code


def test_where_a_notebook_is_broken_is_told() -> None:
    """Line and column, or the key path."""
    with pytest.raises(SpecError) as caught:
        ipynb.parse('{\n "nbformat": 4,\n "cells": x\n}', "a.ipynb")
    assert "line 3, column 11" in caught.value.because
    with pytest.raises(SpecError) as caught:
        ipynb.parse('{"nbformat": 4, "cells": [{"source": [1]}]}', "a.ipynb")
    assert "at `cells[0].source[0]`" in caught.value.because


def test_fifty_megabytes_of_nonsense_are_refused_at_once(tmp_path: Path) -> None:
    """In whatever way they are nonsense."""
    path = tmp_path / "a.ipynb"
    for unit in (b"x", b"[", b'{"a":', b'"a', b"1", b"\xff", b" "):
        path.write_bytes(b'{"nbformat": 4, "x": ' + unit * (50_000_000 // len(unit)))
        began = time.monotonic()
        with pytest.raises(SpecError):
            read(path)
        assert time.monotonic() - began < 5


def test_what_jupyter_writes_and_strict_json_has_not_is_read(tmp_path: Path) -> None:
    """NaN in an output, lone surrogates, very long numbers, a byte order mark."""
    path = tmp_path / "a.ipynb"
    text = '{"nbformat": 4, "cells": [{"cell_type": "code", "source": "\\ud800", "x": [NaN, %s]}]}' % (
        "9" * 9999
    )
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(path).spec.asks_nothing


@pytest.mark.parametrize("name", ["missing.ipynb", "a\0b.ipynb", "x" * 5000, "a\nb.ipynb", "\ud800.ipynb"])
def test_a_name_without_a_file_is_an_error(tmp_path: Path, name: str) -> None:
    """Hostile names too, and the message stays one line."""
    with pytest.raises(SpecError) as caught:
        read(tmp_path / name)
    assert caught.value.code == "no-notebook"
    assert "\n" not in caught.value.what


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a matter of POSIX files")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody would ever write into it."""
    os.mkfifo(tmp_path / "a.ipynb")
    with pytest.raises(SpecError) as caught:
        read(tmp_path / "a.ipynb")
    assert caught.value.code == "not-a-file"


def test_a_project_file_that_says_nothing_is_an_error_only_when_named(tmp_path: Path) -> None:
    """On the walk it is passed over."""
    path = put(tmp_path / "pyproject.toml", "[tool.x]\n")
    assert read(tmp_path).spec.origin.kind == "default"
    with pytest.raises(SpecError) as caught:
        read(path)
    assert caught.value.code == "says-nothing"


def test_powershells_requirements_can_be_read(tmp_path: Path) -> None:
    """`pip freeze > requirements.txt` writes UTF-16 there."""
    (tmp_path / "requirements.txt").write_bytes("numpy\r\n".encode("utf-16"))
    assert read(tmp_path).spec.requirements == ("numpy",)


@settings(deadline=None)
@given(st.text(alphabet='{}[]",:ab1 \n') | st.text())
def test_no_notebook_escapes_with_another_error(text: str) -> None:
    """Whatever the text is, the result is a notebook or a SpecError."""
    with suppress(SpecError):
        ipynb.parse(text, "a.ipynb")


VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["code", BLOCK, "numpy", "x>=1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "spec", "lock", "requirements", "python", "env", "plan", "parts"]), inner
        )
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(cells=VALUE, ours=VALUE, kernelspec=VALUE)
def test_no_structure_escapes_with_another_error(cells: Any, ours: Any, kernelspec: Any) -> None:
    """Whatever stands where, it is read or a SpecError."""
    data = {"nbformat": 4, "cells": cells, "metadata": {"kernel_iso": ours, "kernelspec": kernelspec}}
    with suppress(SpecError):
        found = ipynb.parse(json.dumps(data), "a.ipynb")
        ipynb.script_cell(found, "a.ipynb")
        assert isinstance(ipynb.metadata_spec(found, "a.ipynb"), Spec | None)
        ipynb.metadata_lock(found, "a.ipynb")
        ipynb.notebook_id(found, "a.ipynb")
