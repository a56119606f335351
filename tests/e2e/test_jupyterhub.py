"""A real JupyterHub as docs/server.md configures it: its proxy, a login, a server for each person, the locked policy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from hub_client import Hub, Person, running
from waiting_client import wait_until

from kernel_iso.model import PYPI

pytestmark = [pytest.mark.slow, pytest.mark.network]

NOTEBOOK = {
    "cells": [],
    "metadata": {"kernelspec": {"name": "iso", "display_name": "Isolated Python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One hub for the module."""
    pytest.importorskip("jupyterhub", reason="JupyterHub is not installed: `nox -s full` does it")
    with running(tmp_path_factory.mktemp("hub")) as made:
        yield made


@pytest.fixture(scope="module")
def me(hub: Hub) -> Person:
    """Somebody with a server of their own, and a notebook in it."""
    person = hub.login("me")
    (hub.home("me") / "work" / "a.ipynb").write_text(json.dumps(NOTEBOOK))
    return person


def test_routes_answer_below_the_hubs_base_url_who_is_logged_in(hub: Hub, me: Person) -> None:
    """And nobody else: neither a stranger, nor somebody with another server, nor a page of elsewhere (XSRF)."""
    status, answer = me.get("kernel-iso/api/verbs")
    assert (status, "add" in [verb["name"] for verb in answer["verbs"]]) == (200, True)
    stranger = requests.get(me.url + "kernel-iso/api/verbs", allow_redirects=False, timeout=60)
    assert stranger.status_code in (302, 403)
    body = {"path": "a.ipynb"}
    assert me.session.post(me.url + "kernel-iso/api/verbs/inspect", json=body, timeout=60).status_code == 403
    assert me.verb("inspect", path="a.ipynb")[0] == 200
    page = me.session.get(me.url + "lab", timeout=60)
    assert (page.status_code, "kernel-iso" in page.text) == (200, True)


def test_the_policy_of_the_image_is_locked(hub: Hub, me: Person) -> None:
    """Its index is the only one, and a person's own file widens nothing."""
    _, answer = me.verb("policy")
    rows = answer["result"]
    assert (rows["indexes"]["value"], rows["indexes"]["locked"]) == (f"company={PYPI.url}", True)
    assert [rows[key]["value"] for key in ("source-builds", "frontends", "keep-days")] == [
        "never",
        "never",
        "14",
    ]
    own = hub.home("me") / ".config" / "kernel-iso" / "policy.toml"
    own.parent.mkdir(parents=True)
    try:
        own.write_text('source-builds = "allowed"\n')
        status, answer = me.verb("inspect", path="a.ipynb")
        assert (status, answer["error"]["code"]) == (409, "policy-locked")
        own.write_text("keep-days = 7\n")
        assert me.verb("policy")[1]["result"]["keep-days"]["value"] == "7"
    finally:
        own.unlink()


def test_a_kernel_runs_in_an_environment_below_the_persons_home(hub: Hub, me: Person) -> None:
    """What was added through the panel's routes is there, and is in the administrator's log."""
    status, begun = me.verb("add", path="a.ipynb", arguments={"packages": ["six"]})
    assert status == 202, begun
    key = begun["key"]
    wait_until(lambda: me.get(f"kernel-iso/api/jobs/{key}")[1]["state"] != "running", 120)
    job = me.get(f"kernel-iso/api/jobs/{key}")[1]
    assert job["state"] == "done", job
    asked = {"path": "a.ipynb", "name": "a.ipynb", "type": "notebook", "kernel": {"name": "iso"}}
    status, session = me.post("api/sessions", asked)
    assert status == 201, session
    channels = me.channels(session["kernel"]["id"])
    said = channels.outcome(channels.run("import six, sys; print(sys.prefix)"), 90)
    channels.close()
    assert said[0] == "ok", said
    assert Path(said[1].strip()).is_relative_to(hub.home("me"))
    log = (hub.folder / "audit.ndjson").read_text()
    assert "approved" in log


def test_who_helps_may_look_and_change_nothing(hub: Hub, me: Person) -> None:
    """The hub's custom scopes tell the two actions apart."""
    helper = hub.login("helper", server="me")
    assert helper.get("kernel-iso/api/verbs")[0] == 200
    assert helper.verb("inspect", path="a.ipynb")[0] == 200
    assert helper.verb("realise", path="a.ipynb")[0] == 403
    assert helper.verb("isolate", path="a.ipynb", arguments={"trial": True})[0] == 403
