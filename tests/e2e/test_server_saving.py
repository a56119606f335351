"""A notebook's identity under a real server: it enters with a save, follows a rename, and a copy gets its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting_client import Server, running, wait_until

from kernel_iso.model import Generation
from kernel_iso.store import Store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server")) as made:
        yield made


def content(kernel: str = "iso", **ours: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"kernelspec": {"name": kernel, "display_name": kernel}}
    if ours:
        metadata["kernel_iso"] = ours
    return {"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def save(server: Server, path: str, notebook: dict[str, Any]) -> None:
    body = {"type": "notebook", "format": "json", "content": notebook}
    status, answer, _ = server.request("PUT", f"/api/contents/{path}", body)
    assert status in (200, 201), answer


def metadata(server: Server, path: str) -> dict[str, Any]:
    return json.loads((server.root / path).read_text())["metadata"]


def test_a_save_puts_the_id_into_a_notebook_of_ours_and_into_no_other(server: Server) -> None:
    """The id is the owner's by which a prefix of this address is known already."""
    store = Store(server.folder / "store")
    owner = store.owner_for(server.root / "own.ipynb", "")
    save(server, "own.ipynb", content())
    assert metadata(server, "own.ipynb")["kernel_iso"] == {"id": owner}
    save(server, "own.ipynb", content())
    assert metadata(server, "own.ipynb")["kernel_iso"] == {"id": owner}
    save(server, "other.ipynb", content("python3"))
    assert "kernel_iso" not in metadata(server, "other.ipynb")
    server.request("PUT", "/api/contents/text.txt", {"type": "file", "format": "text", "content": "iso"})
    assert (server.root / "text.txt").read_text() == "iso"


def test_an_id_that_is_there_is_kept(server: Server) -> None:
    """Whatever else our metadata hold is kept too."""
    save(server, "kept.ipynb", content("python3", id="1234-abcd", spec="x"))
    assert metadata(server, "kept.ipynb")["kernel_iso"] == {"id": "1234-abcd", "spec": "x"}


def test_a_rename_keeps_the_owner_and_a_copy_gets_another(server: Server) -> None:
    """A notebook and a folder of notebooks are renamed; the copy's id changes when it is saved."""
    store = Store(server.folder / "store")
    server.request("PUT", "/api/contents/before", {"type": "directory"})
    save(server, "before/nb.ipynb", content())
    owner = metadata(server, "before/nb.ipynb")["kernel_iso"]["id"]
    store.add_generation(
        owner, "notebook", str(server.root / "before" / "nb.ipynb"), Generation(key="k" * 32)
    )

    assert server.request("PATCH", "/api/contents/before/nb.ipynb", {"path": "before/new.ipynb"})[0] == 200
    wait_until(lambda: address(store, owner) == server.root / "before" / "new.ipynb")
    assert server.request("PATCH", "/api/contents/before", {"path": "after"})[0] == 200
    wait_until(lambda: address(store, owner) == server.root / "after" / "new.ipynb")
    save(server, "after/new.ipynb", content())  # the page that is open may not know the id
    assert metadata(server, "after/new.ipynb")["kernel_iso"] == {"id": owner}

    status, copy, _ = server.request("POST", "/api/contents/after", {"copy_from": "after/new.ipynb"})
    assert status == 201
    other = metadata(server, copy["path"])["kernel_iso"]["id"]
    assert other != owner
    assert metadata(server, "after/new.ipynb")["kernel_iso"] == {"id": owner}
    save(server, copy["path"], content(id=other))
    assert metadata(server, copy["path"])["kernel_iso"] == {"id": other}


def address(store: Store, owner_id: str) -> Path:
    owner = store.owner(owner_id)
    assert owner is not None
    return Path(owner.path)
