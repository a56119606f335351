"""An examination as data: enough for a report of a mistake, with nothing of the person in it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kernel_iso.engine.doctoring import Examined
from kernel_iso.processes import redact

OURS = ("kernel-iso", "uv", "virtualenv", "jupyter_client", "jupyter_server", "ipykernel")


def report(examined: Examined, environ: Mapping[str, str]) -> dict[str, Any]:
    """Findings, machine, plan, the driver's and the frameworks' answers, versions; home and credentials are left out."""
    plan = examined.plan
    data = {
        "findings": [item.to_json() for item in examined.findings],
        "repaired": list(examined.repaired),
        "machine": examined.machine.to_json(),
        "plan": {
            "backend": plan.backend, "python": plan.python.to_json(), "accelerator": plan.accelerator,
            "requirements": list(plan.requirements), "reasons": [reason.to_json() for reason in plan.reasons],
        } if plan else None,
        "answer": examined.answer.to_json() if examined.answer else None,
        "versions": {"system": platform.platform(), **{name: version(name) for name in OURS}},
        "packages": {item.name: item.version for item in examined.packages},
    }  # fmt: skip
    cleaned: dict[str, Any] = without_person(data, environ)
    return cleaned


def without_person(data: Any, environ: Mapping[str, str]) -> Any:
    """The same data; `~` stands for the person's home, `<user>` for their name in paths, and URLs have no credentials.

    >>> without_person({"a": ["/scratch/ada/x", 1]}, {"USER": "ada", "HOME": "/home/ada"})
    {'a': ['/scratch/<user>/x', 1]}
    """
    if isinstance(data, dict):
        return {key: without_person(value, environ) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [without_person(value, environ) for value in data]
    if not isinstance(data, str):
        return data
    for home in {environ.get("HOME", ""), str(Path.home())} - {"", "/"}:
        data = data.replace(home, "~")
    for name in {environ.get("USER", ""), environ.get("LOGNAME", ""), environ.get("USERNAME", "")} - {
        "",
        "root",
    }:
        data = data.replace(f"/{name}/", "/<user>/")
    return redact(data)
