"""An engine that prepares environments as a test orders, for the processes that the test starts.

The folder in the variable ORDERED_ENGINE has `orders/<stem of the target>.json`, read at each preparation:
`seconds` it takes, what it says at the end of them (`late`), and `fail` (a code) to fail
with, and the `version` of ipykernel that is claimed. Every begin
and end is added to `log` in it. The prefix is this interpreter's own environment, with the guest in the
folder `prefix`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from kernel_iso.engine import preparing
from kernel_iso.errors import CancelledError, NotApprovedError, ToolError
from kernel_iso.model import Event, Package, Plan, Prefix, Python, Spec


def folder() -> Path:
    return Path(os.environ["ORDERED_ENGINE"])


def log(what: str, target: preparing.Target) -> None:
    with (folder() / "log").open("a") as stream:
        stream.write(f"{what} {Path(target.path).stem}\n")


def ready(target: preparing.Target, ipykernel: str) -> preparing.Ready:
    version = ".".join(map(str, sys.version_info[:3]))
    place = str(folder() / "prefix")
    packages = (Package(name="ipykernel", version=ipykernel),) if ipykernel else ()
    prefix = Prefix(
        key="here",
        path=place,
        python=sys.executable,
        version=version,
        backend="uv",
        owner="o",
        packages=packages,
    )
    plan = Plan(backend="uv", python=Python(version=version, path=sys.executable))
    return preparing.Ready(prefix=prefix, plan=plan, spec=Spec(), owner="o", target=target)


def realise(engine: preparing.Engine, target: preparing.Target, **_: object) -> preparing.Ready:
    orders = folder() / "orders" / f"{Path(target.path).stem}.json"
    order = json.loads(orders.read_text()) if orders.exists() else {}
    log("begin", target)
    end = time.monotonic() + order.get("seconds", 0)
    engine.emit(Event(phase="realise", key="here", at=time.time(), text="making the environment"))
    while time.monotonic() < end:
        if engine.cancelled.wait(0.02):
            log("cancelled", target)
            raise CancelledError("cancelled", "did not prepare this", "it was cancelled", "try again")
    if "late" in order:
        engine.emit(Event(phase="realise", key="here", at=time.time(), text=order["late"]))
    if order.get("fail") == "not-approved":
        raise NotApprovedError("not-approved", "has not prepared this", "it is foreign", "kernel-iso trust")
    if order.get("fail") == "defect":
        raise KeyError("defect")
    if order.get("fail"):
        raise ToolError(order["fail"], "cannot prepare this", "the index does not answer", "try again later")
    log("end", target)
    return ready(target, order.get("version", ""))
