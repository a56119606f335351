"""A change that is made elsewhere while a page has the notebook open: the page writes it, or the server once it is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gated_client import ended, notebook, post
from waiting_client import Server, running, wait_until
from wheelhouse import Wheelhouse

from kernel_iso.store import Store

CONFIG = """
from kernel_iso.server import pages
pages.PATIENCE = 2
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose policy knows one small index."""
    folder = tmp_path_factory.mktemp("server") / "handing"
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "jupyter_server_config.py").write_text(CONFIG)
    with Wheelhouse() as index:
        index.wheel("plain", "1.0")
        index.wheel("other", "2.0")
        policy = folder / "policy.toml"
        policy.write_text(
            f'companions = []\nindexes = [{{name = "local", url = "{index.url}"}}]\n'
            f'store = "{folder / "store"}"\n'
        )
        with running(folder, PYTHONPATH="", KERNEL_ISO_CONFIG=str(policy)) as made:
            yield made


@pytest.fixture(autouse=True)
def no_sockets_left(server: Server) -> Iterator[None]:
    """Each test closes its pages."""
    yield
    server.close_sockets()


def command(server: Server, *words: str) -> dict[str, Any]:
    """The result of a command line in another process, as in a terminal beside the page."""
    store = str(server.folder / "store")
    done = subprocess.run(
        [sys.executable, "-m", "kernel_iso", words[0], "--json", *words[1:]], cwd=server.root,
        env={**os.environ, "KERNEL_ISO_CONFIG": str(server.folder / "policy.toml"), "KERNEL_ISO_STORE": store},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["result"]
    return result


def opened(server: Server, name: str) -> tuple[Path, dict[str, Any]]:
    """A notebook that a page has open, with a stock kernel; its path and the page's document."""
    path = notebook(server, name)
    _, kernel, _ = server.session(name, "python3")
    server.socket(f"/api/kernels/{kernel}/channels")
    document = json.loads(path.read_text())

    def held() -> bool:
        status, answer = post(server, "take", path=name, document=document)
        assert (status, answer["result"]) == (200, {"taken": [], "document": {}})
        return Store(server.folder / "store").open_notebooks.is_open(path)

    wait_until(held)
    return path, document


def test_a_change_from_a_terminal_reaches_the_page_and_not_the_file(server: Server) -> None:
    """The page is told on the bus, gets what to do to its document, and says when that is done."""
    path, document = opened(server, "open.ipynb")
    before, bus = path.read_bytes(), server.socket("/api/events/subscribe")
    added = command(server, "add", "open.ipynb", "plain")
    assert added["written"] == "open.ipynb, which a page has open: save it there"
    assert path.read_bytes() == before
    while (event := json.loads(bus.recv()))["phase"] != "edit":
        pass
    assert (event["path"], event["notebook"]) == ("open.ipynb", str(path))
    answer = post(server, "take", path="open.ipynb", document=document)[1]["result"]
    metadata = answer["document"]["metadata"]
    assert metadata["spec"] == {"requirements": ["plain"]}
    assert len(answer["taken"]) == 1
    document["metadata"]["kernel_iso"] = metadata
    again = post(server, "take", path="open.ipynb", document=document, arguments={"taken": answer["taken"]})
    assert again[1]["result"] == {"taken": [], "document": {}}
    assert path.read_bytes() == before


def test_a_change_that_no_page_took_is_written_when_the_page_is_closed(server: Server) -> None:
    """Nothing is lost with the page."""
    path, _ = opened(server, "closed.ipynb")
    command(server, "add", "closed.ipynb", "plain")
    server.close_sockets()
    wait_until(lambda: "kernel_iso" in json.loads(path.read_text())["metadata"])
    assert json.loads(path.read_text())["metadata"]["kernel_iso"]["spec"] == {"requirements": ["plain"]}
    # Written first, forgotten afterwards: killed between the two, the edit is made again.
    wait_until(lambda: Store(server.folder / "store").open_notebooks.waiting(path) == ())


def test_a_page_changes_its_own_document(server: Server) -> None:
    """What was typed but not saved counts; the file stays as it is, and the change is approved as it is made."""
    path, document = opened(server, "own.ipynb")
    before = path.read_bytes()
    block = '# /// script\n# dependencies = ["plain<9"]\n# ///\n1 + 1'
    document["cells"] = [{"cell_type": "code", "source": block, "metadata": {}}]
    asked = {"path": "own.ipynb", "document": document}
    refused = ended(server, post(server, "add", arguments={"packages": ["other"]}, **asked)[1]["key"])
    assert refused["error"]["code"] == "not-approved"
    document["cells"][0]["source"] = "1 + 1"
    done = ended(server, post(server, "add", arguments={"packages": ["other"]}, **asked)[1]["key"])
    assert done["result"]["document"]["metadata"]["spec"] == {"requirements": ["other"]}, done
    assert path.read_bytes() == before
    preview = {"packages": ["plain"], "dry": True}
    shown = ended(server, post(server, "add", arguments=preview, **asked)[1]["key"])["result"]
    assert [change["name"] for change in shown["changes"]][-1] == "plain"
    assert "document" not in shown


def edited(server: Server, name: str, document: dict[str, Any]) -> dict[str, Any]:
    """What an edit that a page asks for with its own document ends with."""
    asked = {"path": name, "document": document, "arguments": {"packages": ["other"]}}
    result: dict[str, Any] = ended(server, post(server, "add", **asked)[1]["key"])["result"]
    return result


def test_an_edit_of_a_page_waits_until_the_page_says_that_it_has_it(server: Server) -> None:
    """The page is not told of what it has in its answer; once it gave it back, nothing is left of it."""
    path, document = opened(server, "asked.ipynb")
    before, bus = path.read_bytes(), server.socket("/api/events/subscribe")
    result = edited(server, "asked.ipynb", document)
    store = Store(server.folder / "store")
    assert [name for name, _ in store.open_notebooks.waiting(path)] == result["waiting"]
    answer = post(server, "take", path="asked.ipynb", arguments={"taken": result["waiting"]})
    assert (answer[1]["result"]["taken"], store.open_notebooks.waiting(path)) == ([], ())
    assert path.read_bytes() == before
    # What came over the bus until another change waits is the job's, and nothing about an edit.
    command(server, "add", "asked.ipynb", "plain")
    phases = [json.loads(bus.recv())["phase"]]
    while phases[-1] != "edit":
        phases.append(json.loads(bus.recv())["phase"])
    assert (phases.count("edit"), phases.count("job")) == (1, 2)


def test_an_edit_of_a_page_that_went_away_is_taken_by_the_next_one(server: Server) -> None:
    """A page that is reloaded has nothing of its job's answer; making it twice changes nothing more."""
    _, document = opened(server, "reloaded.ipynb")
    result = edited(server, "reloaded.ipynb", document)
    taken = post(server, "take", path="reloaded.ipynb", document=document)[1]["result"]
    assert taken == {"taken": result["waiting"], "document": result["document"]}
    document["metadata"]["kernel_iso"] = taken["document"]["metadata"]
    again = post(server, "take", path="reloaded.ipynb", document=document)[1]["result"]
    assert again == {"taken": result["waiting"], "document": {}}
    given = post(
        server, "take", path="reloaded.ipynb", document=document, arguments={"taken": result["waiting"]}
    )
    assert given[1]["result"] == {"taken": [], "document": {}}


@pytest.mark.parametrize("name", ["shut.ipynb", "kernelless.ipynb"])
def test_an_edit_of_a_page_that_is_gone_is_written_into_the_file(server: Server, name: str) -> None:
    """Whether the page had a kernel or not, and once only: the notebook starts in what was made."""
    path = notebook(server, name)
    document = json.loads(path.read_text())
    if name == "shut.ipynb":
        path, document = opened(server, name)
    result = edited(server, name, document)
    assert "kernel_iso" not in json.loads(path.read_text())["metadata"]
    server.close_sockets()
    wait_until(lambda: "kernel_iso" in json.loads(path.read_text())["metadata"])
    assert json.loads(path.read_text())["metadata"]["kernel_iso"] == result["document"]["metadata"]
    # Written first, forgotten afterwards: killed between the two, the edit is made again.
    wait_until(lambda: Store(server.folder / "store").open_notebooks.waiting(path) == ())
    assert command(server, "realise", name)["key"] == result["ready"]["key"]


def test_what_came_into_a_notebook_meanwhile_is_not_approved_with_an_edit(server: Server) -> None:
    """A change that waited is made, and what somebody else put there still needs a review."""
    _, document = opened(server, "foreign.ipynb")
    result = edited(server, "foreign.ipynb", document)
    document["metadata"]["kernel_iso"] = {"spec": {"requirements": ["plain<9"]}}
    taken = post(server, "take", path="foreign.ipynb", document=document)[1]["result"]
    assert taken["document"]["metadata"]["spec"] == {"requirements": ["plain<9", "other"]}
    document["metadata"]["kernel_iso"] = taken["document"]["metadata"]
    asked = {"path": "foreign.ipynb", "document": document}
    refused = ended(server, post(server, "add", arguments={"packages": ["plain"]}, **asked)[1]["key"])
    assert (refused["error"]["code"], result["waiting"]) == ("not-approved", taken["taken"])


def test_a_preview_says_that_it_is_one(server: Server) -> None:
    """Its job and its events, so that a page does not take it for a preparation; and nothing waits after it."""
    path, document = opened(server, "preview.ipynb")
    bus = server.socket("/api/events/subscribe")
    asked = {"arguments": {"packages": ["plain"], "dry": True}, "path": "preview.ipynb"}
    job = ended(server, post(server, "add", document=document, **asked)[1]["key"])
    while (event := json.loads(bus.recv())).get("text") != "running":
        pass
    assert (job["dry"], event["dry"]) == (True, True)
    made = {"path": "preview.ipynb", "document": document, "arguments": {"packages": ["plain"]}}
    assert ended(server, post(server, "add", **made)[1]["key"])["dry"] is False
    assert Store(server.folder / "store").open_notebooks.is_open(path)


def test_a_notebook_that_was_not_made_yet_has_an_empty_log(server: Server) -> None:
    """That is no error: a page asks before anything was built."""
    notebook(server, "fresh.ipynb")
    assert post(server, "log", path="fresh.ipynb")[1]["result"] == {"key": "", "events": []}
