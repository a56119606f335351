"""A new lock enters the notebook with the next save in a page, where it belongs there; and no save is another one for it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gated_client import ended, post
from waiting_client import Server, running
from wheelhouse import Wheelhouse

from kernel_iso.engine import Engine, environments, laying, preparing, saving, targets
from kernel_iso.model import Lock
from kernel_iso.notebooks import OpenDocument

EXTENSION = Path(__file__).parents[2] / "labextension"
BLOCK = '# /// script\n# dependencies = ["blue"]\n# ///'


@pytest.fixture(scope="module")
def index() -> Iterator[Wheelhouse]:
    """A small index."""
    with Wheelhouse() as house:
        house.wheel("blue", "1.0")
        house.wheel("green", "1.0")
        yield house


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, index: Wheelhouse) -> Iterator[Server]:
    """A server whose policy knows this index alone."""
    folder = tmp_path_factory.mktemp("server") / "saving"
    (folder / "config").mkdir(parents=True)
    (folder / "policy.toml").write_text(policy(index) + f'store = "{folder / "store"}"\n')
    with running(folder, PYTHONPATH="", KERNEL_ISO_CONFIG=str(folder / "policy.toml")) as made:
        yield made


@pytest.fixture
def engine(environ: dict[str, str], index: Wheelhouse, tmp_path: Path) -> Engine:
    """An engine whose policy knows this index alone."""
    (tmp_path / "policy.toml").write_text(policy(index))
    return Engine.open({**environ, "KERNEL_ISO_CONFIG": str(tmp_path / "policy.toml")})


def policy(index: Wheelhouse) -> str:
    return f'companions = []\nindexes = [{{name = "local", url = "{index.url}"}}]\n'


def content(source: str = BLOCK, **ours: Any) -> dict[str, Any]:
    """A notebook of ours with one cell, which has an output."""
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "a",
        "execution_count": 1,
        "metadata": {},
        "source": source,
    }
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    metadata = {"kernelspec": {"name": "iso", "display_name": "iso"}, "kernel_iso": {"id": "n1", **ours}}
    return {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def save(server: Server, name: str, notebook: dict[str, Any]) -> bytes:
    """The file's bytes after a page has saved."""
    body = {"type": "notebook", "format": "json", "content": notebook}
    status, answer, _ = server.request("PUT", f"/api/contents/{name}", body)
    assert status in (200, 201), answer
    return (server.root / name).read_bytes()


def laid(engine: Engine, path: Path, notebook: dict[str, Any], *, wanted: bool = True) -> dict[str, Any]:
    """What of ours a save puts into a notebook."""
    document = OpenDocument(path, notebook)
    saving.lay_lock(engine, targets.Target(kind="notebook", path=str(path), document=document), wanted=wanted)
    found: dict[str, Any] = document.changes().get("metadata", notebook["metadata"]["kernel_iso"])
    return found


def made(engine: Engine, path: Path, notebook: dict[str, Any]) -> Lock:
    """The lock of a notebook whose environment was made here."""
    path.write_text(json.dumps(notebook))
    target = targets.Target(kind="notebook", path=str(path))
    preparing.realise(engine, target, trust="yes")
    found = preparing.present_lock(engine, "n1")
    assert found is not None
    return found


def test_a_save_in_a_page_lays_the_lock_once(server: Server) -> None:
    """The page does not know of it, and saves without it: the file is the same again, and needs no review."""
    first = save(server, "a.ipynb", content("1 + 1"))
    assert json.loads(first)["metadata"]["kernel_iso"] == {"id": "n1"}
    done = ended(server, post(server, "add", path="a.ipynb", arguments={"packages": ["blue"]})[1]["key"])
    page = json.loads((server.root / "a.ipynb").read_text())
    assert "lock" not in page["metadata"]["kernel_iso"]
    saved = save(server, "a.ipynb", page)
    ours = json.loads(saved)["metadata"]["kernel_iso"]
    assert 'name = "blue"' in ours["lock"]["parts"][0]["text"]
    assert json.loads(saved)["cells"][0]["outputs"] == page["cells"][0]["outputs"]
    assert save(server, "a.ipynb", page) == saved
    assert save(server, "a.ipynb", json.loads(saved)) == saved
    again = ended(server, post(server, "realise", path="a.ipynb")[1]["key"])
    assert again["result"]["key"] == done["result"]["ready"]["key"]
    page["metadata"]["kernel_iso"]["spec"] = {"requirements": ["green"]}
    assert "lock" not in json.loads(save(server, "a.ipynb", page))["metadata"]["kernel_iso"]


def test_the_lock_of_a_former_generation_gives_way(engine: Engine, tmp_path: Path) -> None:
    """A change that was typed by hand, and approved, leaves the old lock in the notebook until the next save."""
    path = tmp_path / "a.ipynb"
    former = made(engine, path, content())
    lock = laid(engine, path, content())["lock"]
    assert Lock.from_json(lock) == former
    typed = content(BLOCK.replace('"blue"', '"blue", "green"'), lock=lock)
    present = made(engine, path, typed)
    assert present != former
    assert Lock.from_json(laid(engine, path, typed)["lock"]) == present


def test_a_large_lock_lies_beside_the_notebook(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And stays there: a save of the same changes nothing more."""
    path = tmp_path / "a.ipynb"
    locked = made(engine, path, content())
    monkeypatch.setattr(laying, "EMBED_LIMIT", 10)
    assert laid(engine, path, content()) == {"id": "n1"}
    beside = tmp_path / "pylock.a.toml"
    assert locked.plan in beside.read_text()
    os.utime(beside, (1, 1))
    monkeypatch.undo()
    assert laid(engine, path, content()) == {"id": "n1"}
    assert beside.stat().st_mtime == 1
    assert preparing.realise(engine, targets.Target(kind="notebook", path=str(path))).made is False


@pytest.mark.parametrize(
    "why",
    [
        "it asks for nothing",
        "a project asks",
        "it was not approved",
        "it has another tool's lock",
        "switched off",
    ],
)
def test_no_lock_is_laid_where(engine: Engine, environ: dict[str, str], tmp_path: Path, why: str) -> None:
    """Nothing of ours changes then."""
    path, asked = tmp_path / "a.ipynb", content()
    if why == "it asks for nothing":
        asked = content("1 + 1")
    if why == "a project asks":
        asked = content("1 + 1")
        (tmp_path / "requirements.txt").write_text("blue\n")
    made(engine, path, asked)
    if why == "it was not approved":
        wish = preparing.read(engine, targets.Target(kind="notebook", path=str(path)))
        engine.approvals.revoke(preparing.covered(engine, wish))
    if why == "it has another tool's lock":
        text = 'lock-version = "1.0"\ncreated-by = "x"\npackages = []\n'
        (tmp_path / "pylock.a.toml").write_text(text)
        preparing.approve(engine, preparing.read(engine, targets.Target(kind="notebook", path=str(path))))
    if why == "switched off":
        config = str(tmp_path / "policy.toml")
        engine = Engine.open({**environ, "KERNEL_ISO_CONFIG": config, "KERNEL_ISO_LOCK_ON_SAVE": "no"})
    assert laid(engine, path, asked) == {"id": "n1"}


@pytest.mark.parametrize(("locked", "laid_there"), [([], False), (["lock_on_save"], True)])
def test_who_does_not_want_the_lock_gets_none_unless_the_policy_is_locked(
    engine: Engine, environ: dict[str, str], tmp_path: Path, locked: list[str], laid_there: bool
) -> None:
    """What an administrator has fixed counts; everywhere else both have to say so."""
    path = tmp_path / "a.ipynb"
    made(engine, path, content())
    config = {**environ, "KERNEL_ISO_CONFIG": str(tmp_path / "policy.toml")}
    fixed = Engine.open(config, server={"locked": locked})
    assert ("lock" in laid(fixed, path, content(), wanted=False)) is laid_there
    none = Engine.open(config, server={"lock_on_save": False, "locked": locked})
    assert "lock" not in laid(none, path, content(), wanted=True)


def test_the_settings_editor_says_whether_a_save_lays_the_lock(
    tmp_path_factory: pytest.TempPathFactory, index: Wheelhouse
) -> None:
    """At the next save, in a server that JupyterLab belongs to; and a default of the administrator's counts as well."""
    pytest.importorskip("jupyterlab")
    folder = tmp_path_factory.mktemp("server") / "settings"
    ours = folder / "share" / "labextensions" / "kernel-iso"
    shutil.copytree(EXTENSION / "schema", ours / "schemas" / "kernel-iso")
    shutil.copy(EXTENSION / "package.json", ours)
    (folder / "policy.toml").write_text(policy(index) + f'store = "{folder / "store"}"\n')
    option = "--ServerApp.jpserver_extensions={'kernel_iso': True, 'jupyterlab': True}"
    defaults = folder / "app" / "settings" / "overrides.json"
    with running(
        folder,
        option,
        f"--LabApp.app_settings_dir={defaults.parent}",
        PYTHONPATH="",
        KERNEL_ISO_CONFIG=str(folder / "policy.toml"),
        JUPYTER_PATH=str(folder / "share"),
        JUPYTERLAB_SETTINGS_DIR=str(folder / "chosen"),
    ) as server:
        save(server, "a.ipynb", content("1 + 1"))
        ended(server, post(server, "add", path="a.ipynb", arguments={"packages": ["blue"]})[1]["key"])
        page = json.loads((server.root / "a.ipynb").read_text())
        assert "lock" not in page["metadata"]["kernel_iso"]
        chosen = "/lab/api/settings/kernel-iso:panel"
        for raw, there in (('{"lockOnSave": false}', False), ("{/* as it is */}", True)):
            assert server.request("PUT", chosen, {"raw": raw})[0] == 204
            saved = json.loads(save(server, "a.ipynb", page))
            assert ("lock" in saved["metadata"]["kernel_iso"]) is there
        defaults.parent.mkdir(parents=True)
        defaults.write_text('{"kernel-iso:panel": {"lockOnSave": false}}')
        assert "lock" not in json.loads(save(server, "a.ipynb", page))["metadata"]["kernel_iso"]


def test_a_notebook_in_a_named_environment_carries_what_that_asks_and_its_lock(
    engine: Engine, tmp_path: Path
) -> None:
    """A machine without the environment can make it again; a second save changes nothing, and an edit is followed."""
    environments.create(engine, "vision", ["blue"])
    path, notebook = tmp_path / "a.ipynb", content("1 + 1")
    path.write_text(json.dumps(notebook))
    notebook["metadata"]["kernelspec"]["name"] = "iso-vision"
    notebook["metadata"]["kernel_iso"] = first = laid(engine, path, notebook)
    assert (first["environment"], first["spec"]) == ("vision", {"requirements": ["blue"]})
    present = engine.store.environment("vision")
    assert present is not None
    assert present.now is not None
    assert Lock.from_json(first["lock"]).digest() == present.now.lock
    assert laid(engine, path, notebook) == first
    elsewhere = Engine.open({**engine.environ, "KERNEL_ISO_STORE": str(tmp_path / "elsewhere")})
    notebook["metadata"]["kernelspec"]["name"] = "iso"
    path.write_text(json.dumps(notebook))
    target = targets.named(str(path), cwd=str(tmp_path))
    assert preparing.is_approved(engine, preparing.read(engine, target))
    made = preparing.realise(elsewhere, target, trust="yes")
    assert {item.name: item.version for item in made.prefix.packages} == {"blue": "1.0"}
    assert made.prefix.lock == present.now.lock


def test_what_a_notebook_declares_itself_is_not_written_over(engine: Engine, tmp_path: Path) -> None:
    """Neither a script block, nor a Spec in its metadata that no environment brought."""
    environments.create(engine, "other", ["blue"])
    path = tmp_path / "a.ipynb"
    for notebook in (content(BLOCK), content("1 + 1", spec={"requirements": ["green"]})):
        path.write_text(json.dumps(notebook))
        notebook["metadata"]["kernelspec"]["name"] = "iso-other"
        assert laid(engine, path, notebook) == notebook["metadata"]["kernel_iso"]
