"""Events on the server's event bus."""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml

from kernel_iso.model import Event

SCHEMA_ID = "https://schema.kernel-iso.dev/environment/v1"


def register(event_logger: Any) -> None:
    """Make the schema of our events known to a server's event logger; a second time changes nothing."""
    if SCHEMA_ID not in event_logger.schemas:
        text = resources.files("kernel_iso.server").joinpath("events.yaml").read_text(encoding="utf-8")
        event_logger.register_event_schema(yaml.safe_load(text))


def emit(
    event_logger: Any,
    event: Event,
    *,
    kernel_id: str = "",
    notebook: str = "",
    path: str = "",
    job: str = "",
    dry: bool = False,
) -> None:
    """Emit an event: about a kernel's environment, a job's, or both.

    `notebook` is the absolute path of the notebook, `path` the one under which pages know it. A `dry` job only shows what
    would change.
    """
    data = {**event.to_json(), "kernel_id": kernel_id, "notebook": notebook}
    data |= {name: value for name, value in (("path", path), ("job", job), ("dry", dry)) if value}
    event_logger.emit(schema_id=SCHEMA_ID, data=data)
