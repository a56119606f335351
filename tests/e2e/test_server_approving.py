"""A foreign notebook over HTTP, with the real engine: reviewed, approved once, prepared, its front ends served."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gated_client import API, ended, post
from waiting_client import Server, running, wait_until
from wheelhouse import Wheelhouse

from kernel_iso.store import Store

SHARE = "widget-1.0.data/data/share/jupyter"
SCRIPT = "labextensions/widget/static/remote.js"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose policy knows one small index."""
    folder = tmp_path_factory.mktemp("server") / "approving"
    (folder / "config").mkdir(parents=True)
    with Wheelhouse() as index:
        front = {f"{SHARE}/{SCRIPT}": "front()", f"{SHARE}/secret.txt": "secret"}
        index.wheel("widget", "1.0", files=front)
        index.wheel("plain", "1.0")
        policy = folder / "policy.toml"
        policy.write_text(f'companions = []\nindexes = [{{name = "local", url = "{index.url}"}}]\n')
        with running(folder, PYTHONPATH="", KERNEL_ISO_CONFIG=str(policy)) as made:
            yield made


def foreign(server: Server, name: str, *requirements: str) -> Path:
    """A notebook that declares what it needs in its first cell."""
    source = f"# /// script\n# dependencies = {json.dumps(requirements)}\n# ///"
    cell = {
        "cell_type": "code",
        "id": "a",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    path = server.root / name
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


class Browser:
    """A person's pages: the server gives them a cookie, and with it a name."""

    def __init__(self, server: Server) -> None:
        self._place = f"http://127.0.0.1:{server.port}{API}"
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def post(self, place: str, **body: str) -> tuple[int, Any]:
        request = urllib.request.Request(f"{self._place}/{place}", json.dumps(body).encode())
        request.add_header("Authorization", "token t")
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)["error"]["code"]

    def review(self, path: str) -> dict[str, Any]:
        status, answer = self.post("review", path=path)
        assert status == 200, answer
        found: dict[str, Any] = answer
        return found

    def approve(self, path: str, digest: str, nonce: str) -> tuple[int, Any]:
        return self.post("approve", path=path, digest=digest, nonce=nonce)


@pytest.fixture
def browser(server: Server) -> Browser:
    """The person's."""
    return Browser(server)


def test_what_was_reviewed_is_approved_once_and_prepared(server: Server, browser: Browser) -> None:
    """Before, it is refused; the job's events reach the bus and the prefix's log."""
    foreign(server, "wanted.ipynb", "widget")
    refused = ended(server, post(server, "realise", path="wanted.ipynb")[1]["key"])
    assert (refused["state"], refused["error"]["code"]) == ("failed", "not-approved")
    shown = browser.review("wanted.ipynb")
    assert (shown["path"], shown["approved"], shown["asks"]["requirements"]) == (
        "wanted.ipynb",
        False,
        ["widget"],
    )
    assert browser.approve("wanted.ipynb", shown["digest"], shown["nonce"]) == (200, {"approved": True})
    assert browser.approve("wanted.ipynb", shown["digest"], shown["nonce"]) == (403, "not-reviewed")
    made = ended(server, post(server, "realise", path="wanted.ipynb")[1]["key"])
    assert (made["state"], made["result"]["packages"]) == ("done", {"widget": "1.0"}), made
    built = server.request("GET", f"{API}/logs/{made['result']['key']}?since=0")[1]
    assert built["count"] == len(built["events"]) > 0
    assert {event["phase"] for event in built["events"]} == {"realise"}
    assert built["events"][-1]["text"] == "ready"
    assert post(server, "inspect", path="wanted.ipynb")[1]["result"]["state"] == "ready"


def test_only_what_was_shown_is_approved(server: Server, browser: Browser) -> None:
    """A number that was made up, another notebook's or person's, another digest, and a notebook that changed meanwhile."""
    foreign(server, "one.ipynb", "plain")
    foreign(server, "other.ipynb", "plain>=1")
    shown = browser.review("one.ipynb")
    digest = shown["digest"]
    assert browser.approve("one.ipynb", digest, "made-up") == (403, "not-reviewed")
    assert browser.approve("other.ipynb", digest, shown["nonce"]) == (403, "not-reviewed")
    # A number that was tried is spent.
    assert browser.approve("one.ipynb", digest, shown["nonce"]) == (403, "not-reviewed")
    other = browser.review("other.ipynb")
    assert browser.approve("other.ipynb", digest, other["nonce"]) == (403, "not-reviewed")
    changing = browser.review("one.ipynb")
    foreign(server, "one.ipynb", "plain", "widget")
    assert browser.approve("one.ipynb", digest, changing["nonce"]) == (403, "not-reviewed")
    stranger = Browser(server)
    mine = browser.review("other.ipynb")
    assert stranger.approve("other.ipynb", mine["digest"], mine["nonce"]) == (403, "not-reviewed")
    assert [browser.review(name)["approved"] for name in ("one.ipynb", "other.ipynb")] == [False, False]


def fetched(server: Server, place: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"{API}/frontends/{place}", headers={"Authorization": "token t"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.headers


def test_a_front_end_comes_out_of_the_prefix_of_an_approved_notebook(
    server: Server, browser: Browser
) -> None:
    """Its files, and no others: neither beside them, nor up and out, nor through a link; nor after a change."""
    foreign(server, "front.ipynb", "widget", "plain")
    shown = browser.review("front.ipynb")
    assert browser.approve("front.ipynb", shown["digest"], shown["nonce"])[0] == 200
    made = ended(server, post(server, "realise", path="front.ipynb")[1]["key"])["result"]
    key, prefix = made["key"], Path(made["path"])
    status, body, headers = fetched(server, f"{key}/share/jupyter/{SCRIPT}")
    assert (status, body) == (200, b"front()")
    assert "javascript" in headers["Content-Type"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    folder = prefix / "share/jupyter/labextensions"
    (folder / "link").symlink_to(prefix / "share/jupyter/secret.txt")
    (folder / "out").symlink_to(prefix / "share")
    for place in (
        "share/jupyter/secret.txt", "share/jupyter/labextensions/../secret.txt", "pyvenv.cfg",
        "share/jupyter/labextensions/%2e%2e/secret.txt", "share/jupyter/labextensions/link",
        "share/jupyter/labextensions/out/jupyter/secret.txt", "share/jupyter/labextensions/widget",
        "share/jupyter/labextensions/no.js", "share/jupyter/labextensions/a%00b",
    ):  # fmt: skip
        assert (place, 404) == (place, fetched(server, f"{key}/{place}")[0])
    assert post(server, "frontends", path="front.ipynb")[0] == 200
    foreign(server, "front.ipynb", "widget", "plain", "third")
    status, body, _ = fetched(server, f"{key}/share/jupyter/{SCRIPT}")
    assert (status, json.loads(body)["error"]["code"]) == (403, "not-approved")


def test_the_policy_may_forbid_front_ends(server: Server) -> None:
    """An administrator's `never` counts at the next request."""
    policy = server.folder / "policy.toml"
    allowed = policy.read_text()
    policy.write_text(f'{allowed}frontends = "never"\n')
    try:
        status, body, _ = fetched(server, f"{'0' * 32}/share/jupyter/{SCRIPT}")
    finally:
        policy.write_text(allowed)
    assert (status, json.loads(body)["error"]["code"]) == (409, "frontends-not-allowed")


def test_a_created_environment_is_in_jupyters_list_when_the_event_says_so(server: Server) -> None:
    """And gone from it when it was removed."""
    bus = server.socket("/api/events/subscribe")

    def listed() -> bool:
        return "iso-vision" in server.request("GET", "/api/kernelspecs")[1]["kernelspecs"]

    def told() -> None:
        while json.loads(bus.recv()).get("phase") != "kernels":
            pass

    wished = {"environment": "vision", "packages": ["widget"]}
    key = post(server, "env-create", arguments=wished)[1]["key"]
    told()
    assert listed()
    made = ended(server, key)
    assert (made["state"], made["text"], made["path"]) == ("done", "env create vision widget", "")
    assert Store(server.folder / "store").environments() != ()
    # A person made it here: its front ends need no review.
    place = f"{made['result']['key']}/share/jupyter/{SCRIPT}"
    assert fetched(server, place)[:2] == (200, b"front()")
    assert (
        ended(server, post(server, "env-remove", arguments={"environment": "vision"})[1]["key"])["state"]
        == "done"
    )
    told()
    wait_until(lambda: not listed())
    assert fetched(server, place)[0] == 404
