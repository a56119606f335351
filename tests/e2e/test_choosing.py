"""Another Python or accelerator is asked for where the Spec was read, and the next generation is made of it.

The index is local and the policy has no companions, so that each environment is made in a fraction of a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wheelhouse import Wheelhouse

from kernel_iso.discovery import pythons
from kernel_iso.engine import Engine, acts, editing, targets
from kernel_iso.notebooks import OpenDocument

Iso = Callable[..., dict[str, Any]]

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
BLOCK = '# /// script\n# dependencies = [\n#   "blue",  # why\n# ]\n# ///\nimport blue'


@pytest.fixture(scope="module")
def other() -> str:
    """Another Python of this machine that environments are made for."""
    found = {
        item.minor for item in pythons({}, home=Path.home(), own=sys.executable) if item.sort_key >= (3, 9)
    }
    return max(found - {HERE}, key=lambda minor: int(minor.partition(".")[2]))


@pytest.fixture
def settings(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment whose policy knows one small index."""
    with Wheelhouse() as house:
        house.wheel("blue", "1.0")
        policy = tmp_path_factory.mktemp("policy") / "policy.toml"
        policy.write_text(f'companions = []\nindexes = [{{name = "local", url = "{house.url}"}}]\n')
        yield {**environ, "KERNEL_ISO_CONFIG": str(policy)}


@pytest.fixture
def iso(settings: dict[str, str], tmp_path: Path) -> Iso:
    """Run a verb with `--json` and return its result, or its error under "code"."""

    def call(verb: str, *arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "kernel_iso", *verb.split(), "--json", *arguments],
            env=settings, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        last = json.loads(done.stdout.splitlines()[-1])
        return {"status": done.returncode, **(last.get("result") or last["error"])}

    return call


def notebook(path: Path, source: str, **metadata: object) -> Path:
    """A notebook with one cell."""
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": "a",
        "metadata": {},
        "outputs": [],
        "source": source,
    }
    path.write_text(
        json.dumps({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1)
        + "\n"
    )
    return path


def source(path: Path) -> str:
    text = json.loads(path.read_text())["cells"][0]["source"]
    return text if isinstance(text, str) else "".join(text)


def test_another_python_is_written_into_the_script_block_and_made(
    iso: Iso, tmp_path: Path, other: str
) -> None:
    """A preview changes nothing; then the block's lines change, and nothing needs an approval."""
    path = notebook(tmp_path / "a.ipynb", BLOCK, kernel_iso={"id": "n1"})
    first = iso("realise", "a.ipynb", "--trust")
    before = path.read_bytes()
    shown = iso("choose", "a.ipynb", "--python", other, "--dry-run")
    assert (shown["changes"], path.read_bytes()) == (
        [{"name": "python", "before": HERE, "after": other, "choice": True}],
        before,
    )
    done = iso("choose", "a.ipynb", "--python", other)
    assert source(path) == BLOCK.replace("# ]\n", f'# ]\n# requires-python = "=={other}.*"\n')
    assert (done["ready"]["version"].startswith(f"{other}."), done["written"]) == (True, str(path))
    again = iso("realise", "a.ipynb")
    assert (again["key"], again["made"]) == (done["ready"]["key"], False)
    undone = iso("undo", "a.ipynb")
    assert (undone["ready"]["key"], [item["after"] for item in undone["changes"]]) == (first["key"], [HERE])
    assert path.read_bytes() == before
    assert iso("undo", "a.ipynb", "--redo")["ready"]["key"] == done["ready"]["key"]
    assert iso("inspect", "a.ipynb")["state"] == "ready"
    assert iso("choose", "a.ipynb", "--python", "default")["ready"]["key"] == first["key"]
    assert path.read_bytes() == before


def test_an_accelerator_is_asked_for_also_where_nothing_needs_one_yet(iso: Iso, tmp_path: Path) -> None:
    """The same environment serves; `auto` takes the line away again."""
    path = notebook(tmp_path / "a.ipynb", BLOCK, kernel_iso={"id": "n1"})
    first = iso("realise", "a.ipynb", "--trust")
    done = iso("choose", "a.ipynb", "--accelerator", "cpu")
    assert '# [tool.kernel-iso]\n# accelerator = "cpu"\n# ///' in source(path)
    assert (done["ready"]["key"], done["changes"]) == (
        first["key"],
        [{"name": "accelerator", "before": "auto", "after": "cpu", "choice": True}],
    )
    assert iso("inspect", "a.ipynb")["spec"]["accelerator"] == "cpu"
    iso("choose", "a.ipynb", "--accelerator", "auto")
    assert source(path) == BLOCK


def test_a_notebook_that_declares_nothing_asks_in_its_metadata(iso: Iso, tmp_path: Path, other: str) -> None:
    path = notebook(tmp_path / "a.ipynb", "1 + 1")
    iso("choose", "a.ipynb", "--python", other, "--accelerator", "cpu")
    ours = json.loads(path.read_text())["metadata"]["kernel_iso"]
    assert ours["spec"] == {"python": other, "accelerator": "cpu"}
    assert iso("realise", "a.ipynb")["made"] is False


def test_a_named_environment_gets_its_next_generation(iso: Iso, other: str) -> None:
    """Also a choice that makes no other environment is kept."""
    iso("env create", "vision", "blue")
    assert iso("choose", "-n", "vision", "--python", other)["ready"]["version"].startswith(f"{other}.")
    iso("choose", "-n", "vision", "--accelerator", "cpu")
    spec = iso("inspect", "-n", "vision")["spec"]
    assert (spec["python"], spec["accelerator"]) == (other, "cpu")
    assert iso("undo", "-n", "vision")["ready"]["version"].startswith(f"{HERE}.")


def test_a_project_that_has_a_table_for_it_is_written_there(iso: Iso, tmp_path: Path, other: str) -> None:
    """What the project requires of everybody who installs it stays."""
    notebook(tmp_path / "a.ipynb", "1 + 1")
    project = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["blue"]\n'
    (tmp_path / "pyproject.toml").write_text(project)
    iso("trust", "a.ipynb")
    iso("choose", "a.ipynb", "--python", other)
    wanted = f'{project}\n[tool.kernel-iso]\npython = "{other}"\n'
    assert (tmp_path / "pyproject.toml").read_text() == wanted
    assert iso("realise", "a.ipynb")["version"].startswith(f"{other}.")


def test_a_project_file_without_a_place_for_it_says_what_to_do(iso: Iso, tmp_path: Path, other: str) -> None:
    """Nothing is made; in the notebook it can be kept."""
    path = notebook(tmp_path / "a.ipynb", "1 + 1")
    (tmp_path / "requirements.txt").write_text("blue\n")
    iso("trust", "a.ipynb")
    refused = iso("choose", "a.ipynb", "--python", other)
    assert (refused["code"], "--here" in refused["hint"]) == ("edit-by-hand", True)
    iso("choose", "a.ipynb", "--python", other, "--here")
    spec = json.loads(path.read_text())["metadata"]["kernel_iso"]["spec"]
    assert spec == {"requirements": ["blue"], "python": other}


def test_what_is_no_choice_is_told(iso: Iso, tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "1 + 1")
    codes = [
        iso("choose", "a.ipynb", *words)["code"]
        for words in ((), ("--python", "three"), ("--accelerator", "gpu"), ("--python", "2.7"))
    ]
    assert codes == ["nothing-named", "bad-python", "bad-accelerator", "python-too-old"]


def test_an_open_notebook_is_told_to_its_page_and_waits_for_it(
    iso: Iso, settings: dict[str, str], tmp_path: Path, other: str
) -> None:
    """The file stays as it is until no page takes the edit; then it is written, once."""
    path = notebook(tmp_path / "a.ipynb", BLOCK, kernel_iso={"id": "n1"})
    iso("realise", "a.ipynb", "--trust")
    before = path.read_bytes()
    document = OpenDocument(path, json.loads(before))
    target = targets.Target(kind="notebook", path=str(path), document=document)
    engine = Engine.open(settings)
    done = editing.choose(engine, target, python=other, accelerator="cpu")
    told = acts.changed(target, done.waiting)
    assert path.read_bytes() == before
    assert f'requires-python = "=={other}.*"' in told["document"]["cells"][0]["source"]
    ((name, edit),) = engine.store.open_notebooks.waiting(path)
    assert (told["waiting"], edit.asked) == ([name], True)
    assert done.ready is not None
    assert iso("realise", "a.ipynb")["key"] == done.ready.prefix.key
    assert f'requires-python = "=={other}.*"' in source(path)
    assert engine.store.open_notebooks.waiting(path) == ()
