"""The administrator's record of approvals and installs."""

from __future__ import annotations

import time
from pathlib import Path

from kernel_iso.engine.context import Engine
from kernel_iso.errors import ToolError
from kernel_iso.model import Event


def audit(engine: Engine, what: str, label: str, key: str) -> None:
    """Add a line to the audit log, where the administrator has switched one on.

    Raises `ToolError` (`audit-log-unwritable`): what must be recorded does not happen unrecorded.
    """
    if not engine.policy.audit_log:
        return
    line = Event(phase=what, key=key, at=time.time(), text=label).to_text()
    try:
        with Path(engine.policy.audit_log).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
    except OSError as error:
        raise ToolError(
            "audit-log-unwritable",
            f"cannot record in {engine.policy.audit_log}",
            (error.strerror or str(error)).lower(),
            "ask the administrator, who has switched the audit log on",
        ) from error
