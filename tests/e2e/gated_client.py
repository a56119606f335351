"""Ask the routes of a real server that has verbs behind a gate (see gated/gated_server.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from waiting_client import HERE, Server, wait_until

API = "/kernel-iso/api"
KEY = "0" * 32
CONFIG = f"""
import sys
sys.path.insert(0, {str(HERE / "gated")!r})
from gated_server import Commanded
c.ServerApp.authorizer_class = Commanded
"""


def configured(folder: Path) -> Path:
    """A folder for a server with gated verbs and a commanded authorizer."""
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "jupyter_server_config.py").write_text(CONFIG)
    return folder


def jobs(server: Server) -> list[dict[str, Any]]:
    return server.request("GET", f"{API}/jobs")[1]["jobs"]


def log(server: Server) -> list[str]:
    place = server.folder / "log"
    return place.read_text().splitlines() if place.exists() else []


def post(server: Server, verb: str, **body: Any) -> tuple[int, Any]:
    status, answer, _ = server.request("POST", f"{API}/verbs/{verb}", body)
    return status, answer


def begun(server: Server, *packages: str, **body: Any) -> str:
    """Start the slow verb behind the gate; its key once it waits there."""
    before = log(server).count("in")
    status, answer = post(server, "gate-slow", arguments={"packages": list(packages)}, **body)
    assert (status, list(answer)) == (202, ["key"]), answer
    wait_until(lambda: log(server).count("in") > before)
    return str(answer["key"])


def ended(server: Server, key: str) -> dict[str, Any]:
    """The job, when it is over."""
    wait_until(lambda: server.request("GET", f"{API}/jobs/{key}")[1]["state"] != "running", 60)
    found: dict[str, Any] = server.request("GET", f"{API}/jobs/{key}")[1]
    return found


def notebook(server: Server, name: str, **metadata: object) -> Path:
    path = server.root / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps({"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return path
