"""What a server of the tests has beside its own: verbs behind a gate, and an authorizer that a test commands.

The folder in the variable GATED has `open` (the gate is open where it exists), `log` (what the verbs did), `asked`
(what the authorizer was asked, as JSON lines) and `denied` (the pairs of resource and action that it refuses).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_server.auth import Authorizer

from kernel_iso.engine import Engine
from kernel_iso.engine.verbs import NAME, PACKAGES, TABLE, TARGET, TRUST, Outcome, Verb
from kernel_iso.errors import CancelledError, ConflictError
from kernel_iso.model import Event

FOLDER = Path(os.environ["GATED"])


def log(what: str) -> None:
    with (FOLDER / "log").open("a") as stream:
        stream.write(what + "\n")


def gate(engine: Engine, arguments: Mapping[str, Any]) -> Outcome:
    """Wait at the gate; the package `conflict` cannot pass, `defect` is a mistake of ours."""
    log("in")
    engine.emit(Event(phase="gate", at=time.time(), text="waiting", done=1, total=2, unit="packages"))
    while not (FOLDER / "open").exists():
        if engine.cancelled.wait(0.01):
            log("cancelled")
            raise CancelledError("cancelled", "stopped", "it was cancelled", "again")
    if "conflict" in arguments["packages"]:
        raise ConflictError("versions-conflict", "cannot pass", "numpy<2 and numpy>2", "leave one out")
    if "defect" in arguments["packages"]:
        raise KeyError("defect")
    engine.emit(Event(phase="gate", at=time.time(), text="passed", done=2, total=2, unit="packages"))
    log("out")
    return Outcome(data={**arguments}, text="passed the gate")


ARGUMENTS = (TARGET, NAME, PACKAGES, TRUST)
TABLE["gate"] = Verb(name="gate", help="wait", act=gate, arguments=ARGUMENTS)
TABLE["gate slow"] = Verb(
    name="gate slow", help="wait", act=gate, arguments=ARGUMENTS, slow=True, access="execute"
)


class Commanded(Authorizer):
    """Refuses what the test says, and writes down what it was asked about us."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        """Answer a handler."""
        if resource == "kernel_iso":
            with (FOLDER / "asked").open("a") as stream:
                stream.write(json.dumps([handler.request.path, resource, action]) + "\n")
        denied = FOLDER / "denied"
        return not denied.exists() or [resource, action] not in json.loads(denied.read_text())
