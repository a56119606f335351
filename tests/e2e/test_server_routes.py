"""The engine over HTTP, from a real server: who may ask, and what is answered."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from gated_client import API, KEY, configured, jobs, log, notebook, post
from tornado import web
from waiting_client import Server, running, wait_until

from kernel_iso.engine.verbs import TABLE
from kernel_iso.server.routes import routes


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the module, below a base URL as under a hub; it refuses extensions with an open route."""
    folder = configured(tmp_path_factory.mktemp("server") / "gated")
    closed = "--ServerApp.allow_unauthenticated_access=False"
    with running(folder, closed, base="/user/me", GATED=str(folder), PYTHONPATH="") as made:
        yield made


@pytest.fixture
def server(one_server: Server) -> Iterator[Server]:
    """The module's server with its gate shut and nothing denied."""
    for name in ("open", "denied", "log", "asked"):
        (one_server.folder / name).unlink(missing_ok=True)
    yield one_server
    (one_server.folder / "open").touch()
    wait_until(lambda: not [job for job in jobs(one_server) if job["state"] == "running"])
    one_server.close_sockets()


# Who may ask


def every_route() -> list[tuple[str, str, str]]:
    """Each route and method that there is, with the action that it needs: walked, so that none is forgotten."""
    own = {
        "verbs": "read", "jobs": "read", f"logs/{KEY}": "read", "review": "read", "approve": "execute",
        f"frontends/{KEY}/share/x.js": "read",
    }  # fmt: skip
    found = []
    for pattern, handler, _ in routes("/", None):  # type: ignore[arg-type]
        place = pattern.removeprefix(f"{API}/").replace("([0-9a-f]{32})", KEY).replace("(.+)", "share/x.js")
        methods = [
            name for name in handler.SUPPORTED_METHODS
            if name != "OPTIONS" and getattr(handler, name.lower()) != web.RequestHandler._unimplemented_method
        ]  # fmt: skip
        assert methods, pattern
        for method in methods:
            if "([a-z-]+)" in place:
                for verb in TABLE.values():
                    access = verb.access or "read"  # what is not reachable is told to whoever may look
                    found.append((method, place.replace("([a-z-]+)", verb.name.replace(" ", "-")), access))
            elif place == f"jobs/{KEY}":
                found.append((method, place, {"GET": "read", "DELETE": "execute"}[method]))
            else:
                found.append((method, place, own[place]))
    return found


def ask(
    server: Server, method: str, place: str, headers: dict[str, str], body: str = "{}"
) -> tuple[int, http.client.HTTPMessage]:
    """Status and headers; redirects are not followed."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(
        method, f"{server.base}{API}/{place}", body=None if method == "GET" else body, headers=headers
    )
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers


def test_the_walk_meets_every_route() -> None:
    """A route that is added is in the list below without a word of the test."""
    walked = every_route()
    assert len(walked) == len(TABLE) + 8
    assert {method for method, _, _ in walked} == {"GET", "POST", "DELETE"}


def test_nobody_is_answered_without_a_login(server: Server) -> None:
    """No route is open."""
    refused = {place: ask(server, method, place, {})[0] for method, place, _ in every_route()}
    # Scripts are fetched by a page: as the server's own files, they lead to the login.
    assert {place for place, status in refused.items() if status != 403} == {f"frontends/{KEY}/share/x.js"}
    assert refused[f"frontends/{KEY}/share/x.js"] == 302


def test_a_foreign_page_cannot_use_a_persons_cookie(server: Server) -> None:
    """Without the XSRF token nothing is done; what can be looked at is refused to another origin, scripts too."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"{server.base}/login?token=t", headers={"Accept": "text/html"})
    answer = connection.getresponse()
    answer.read()
    cookies = [value.split(";")[0] for value in answer.headers.get_all("Set-Cookie") or []]
    connection.close()
    login = next(item for item in cookies if item.startswith("username-"))
    for method, place, _ in every_route():
        headers = {"Cookie": login}
        if method == "GET" and "frontends" not in place:  # a script is fetched without an origin
            headers["Origin"] = "https://elsewhere.example"
        refused = 404 if "Origin" in headers else 403
        assert (place, refused) == (place, ask(server, method, place, headers)[0])
    token = "ab" * 16  # the same in cookie and header, which only a page of this server can do
    own = {"Cookie": f"{login}; _xsrf={token}", "X-XSRFToken": token}
    assert ask(server, "POST", "verbs/env-list", own)[0] == 200


def test_an_authorizer_can_grant_reading_and_executing_apart(server: Server) -> None:
    """Each route asks for one action on `kernel_iso`; refused, it does nothing."""
    token = {"Authorization": "token t"}
    for method, place, action in every_route():
        (server.folder / "denied").write_text(json.dumps([["kernel_iso", action]]))
        (server.folder / "asked").unlink(missing_ok=True)
        assert (place, 403) == (place, ask(server, method, place, token)[0])
        asked = [json.loads(line) for line in (server.folder / "asked").read_text().splitlines()]
        assert asked == [[f"{server.base}{API}/{place}", "kernel_iso", action]]
    (server.folder / "denied").write_text(json.dumps([["kernel_iso", "execute"]]))
    notebook(server, "looked.ipynb")
    assert post(server, "inspect", path="looked.ipynb")[0] == 200
    assert post(server, "gate-slow")[0] == 403
    assert server.request("POST", f"{API}/review", {"path": "looked.ipynb"})[0] == 200
    assert server.request("POST", f"{API}/review", {"path": "looked.ipynb", "versions": True})[0] == 403
    assert log(server) == []


def test_the_verbs_that_belong_to_a_command_line_are_not_there(server: Server) -> None:
    """Neither in the list, nor for who knows their names."""
    told = server.request("GET", f"{API}/verbs")[1]["verbs"]
    assert {verb["name"] for verb in told} == {verb.name for verb in TABLE.values() if verb.access} | {
        "gate",
        "gate slow",
    }
    assert {verb["name"]: verb["slow"] for verb in told}["realise"] is True
    for name in ("trust", "exec", "shell", "run", "review", "no-such-verb"):
        status, answer = post(server, name, path="a.ipynb")
        assert (status, answer["error"]["code"]) == (404, "unknown-verb")


# What is answered


def test_a_quick_verb_is_answered_at_once_with_data_and_text(server: Server) -> None:
    """The notebook is named as the file browser names it; names with spaces are found."""
    (server.folder / "open").touch()
    path = notebook(server, "a folder/my näme.ipynb")
    status, answer = post(server, "gate", path="a folder/my näme.ipynb", arguments={"packages": ["x"]})
    assert (status, answer["text"]) == (200, "passed the gate")
    assert answer["result"] == {"target": str(path), "name": "", "packages": ["x"], "trust": ""}
    assert post(server, "env-list")[1]["result"] == {"environments": []}


def test_the_open_document_reaches_the_verb(server: Server) -> None:
    """As JSON text, beside the path of the file."""
    (server.folder / "open").touch()
    notebook(server, "a.ipynb")
    document = {"metadata": {"x": 1}, "nbformat": 4, "nbformat_minor": 5, "cells": []}
    result = post(server, "gate", path="a.ipynb", document=document)[1]["result"]
    assert json.loads(result["document"]) == document


@pytest.mark.parametrize(
    ("verb", "body", "status", "code"),
    [
        ("inspect", {"path": "missing.ipynb"}, 422, "no-notebook"),
        ("inspect", {"path": "../secret.ipynb"}, 422, "path-outside-root"),
        ("inspect", {"path": "/etc/../../secret.ipynb"}, 422, "path-outside-root"),
        ("inspect", {"path": ".hidden/a.ipynb"}, 422, "path-outside-root"),
        ("inspect", {"arguments": {"target": "../secret.ipynb"}}, 422, "path-outside-root"),
        ("plan", {"path": "a.ipynb", "arguments": {"machine": "../secret.json"}}, 422, "path-outside-root"),
        ("env-create", {"arguments": {"environment": "x", "source": "../r.txt"}}, 422, "path-outside-root"),
        ("isolate", {"path": "a.ipynb", "arguments": {"python": "/bin/sh"}}, 422, "path-outside-root"),
        ("add", {"arguments": {"packages": ["/root/secret.ipynb", "x"]}}, 422, "bad-argument"),
        ("add", {"path": "a.ipynb", "arguments": {"packages": ["x @ file:///etc/x"]}}, 422, "bad-argument"),
        ("add", {"path": "a.ipynb", "arguments": {"packages": "x"}}, 422, "bad-argument"),
        ("add", {"path": "a.ipynb", "arguments": {"dry": "yes"}}, 422, "bad-argument"),
        ("inspect", {"path": "a.ipynb", "arguments": {"nonsense": 1}}, 422, "bad-argument"),
        ("inspect", {"path": "a.ipynb", "arguments": {"name": 1}}, 422, "bad-argument"),
        ("env-clone", {"arguments": {"source": "x"}}, 422, "missing-argument"),
        ("inspect", {"nonsense": 1}, 422, "bad-record"),
        ("policy", {"path": "a.ipynb"}, 422, "bad-argument"),
        ("inspect", {}, 409, "which-notebook"),
        ("inspect", {"arguments": {"name": "nobody"}}, 409, "no-environment"),
        ("realise", {"path": "a.ipynb", "arguments": {"trust": "yes"}}, 403, "not-reviewed"),
        ("gate", {"arguments": {"packages": ["conflict"]}}, 409, "versions-conflict"),
        ("gate", {"arguments": {"packages": ["defect"]}}, 500, "internal-error"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_in_three_lines(
    server: Server, verb: str, body: dict[str, Any], status: int, code: str
) -> None:
    """The kind decides the status; nothing outside of the root is read, and nothing approves along the way."""
    (server.folder / "open").touch()
    notebook(server, "a.ipynb")
    (server.folder / "secret.ipynb").write_text("{}")
    answered, answer = post(server, verb, **body)
    error = answer["error"]
    assert (answered, error["code"]) == (status, code)
    assert all(error[line] for line in ("kind", "what", "because", "hint"))


def test_a_target_that_is_not_named_is_the_servers_root(server: Server) -> None:
    """Not the folder where the server was started; and no project file above the root counts."""
    (server.folder / "open").touch()
    (server.folder / "pyproject.toml").write_text('[project]\nname = "above"\ndependencies = ["secret"]\n')
    notebook(server, "plain.ipynb")
    assert post(server, "plan", path="plain.ipynb")[1]["result"]["spec"].get("requirements", []) == []
    (server.root / "pyproject.toml").write_text('[project]\nname = "here"\ndependencies = ["seen"]\n')
    assert post(server, "plan")[1]["result"]["spec"]["requirements"] == ["seen"]
    (server.root / "pyproject.toml").unlink()
