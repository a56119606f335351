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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose policy knows one small index."""
    folder = tmp_path_factory.mktemp("server") / "handing"
    (folder / "config").mkdir(parents=True)
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
    assert Store(server.folder / "store").open_notebooks.waiting(path) == ()


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
