"""Notebooks keep their identity and their lock: both enter a notebook when it is saved, and the id follows a rename."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernel_iso import notebooks
from kernel_iso.engine import Engine, saving
from kernel_iso.engine.targets import KERNEL_PREFIX, Target
from kernel_iso.errors import IsoError
from kernel_iso.server import preferences

CONTENTS_EVENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"


def watch(app: Any, layer: Mapping[str, object]) -> None:
    """Watch a server's contents manager, where its notebooks are files: others have no address a kernel knows."""
    manager = app.contents_manager
    if not hasattr(manager, "_get_os_path"):
        return

    def complete(model: dict[str, Any], path: str, contents_manager: Any, **_: Any) -> None:
        if model.get("type") == "notebook" and is_ours(model.get("content")):
            place = Path(contents_manager._get_os_path(path))
            identify(model["content"]["metadata"], place, layer)
            # A notebook that cannot be read, or has no file yet, is saved as it is.
            with contextlib.suppress(IsoError, OSError):
                lay_lock(model["content"], place, layer, wanted=preferences.lock_on_save(app))

    async def follow(logger: Any, schema_id: str, data: Mapping[str, Any]) -> None:
        if data.get("action") == "rename":
            moved(
                Path(manager._get_os_path(data["source_path"])),
                Path(manager._get_os_path(data["path"])),
                layer,
            )

    manager.register_pre_save_hook(complete)
    app.event_logger.add_listener(schema_id=CONTENTS_EVENTS, listener=follow)


def is_ours(content: object) -> bool:
    """True for a notebook that runs on Isolated Python or in a named environment, or carries metadata of ours.

    >>> is_ours({"metadata": {"kernelspec": {"name": "iso"}}}), is_ours({"metadata": {}})
    (True, False)
    >>> is_ours({"metadata": {"kernelspec": {"name": "iso-vision"}}})
    True
    """
    metadata = content.get("metadata") if isinstance(content, Mapping) else None
    if not isinstance(metadata, Mapping):
        return False
    kernelspec = metadata.get("kernelspec")
    name = str(kernelspec.get("name", "")) if isinstance(kernelspec, Mapping) else ""
    return "kernel_iso" in metadata or name == "iso" or name.startswith(KERNEL_PREFIX)


def identify(metadata: dict[str, Any], path: Path, layer: Mapping[str, object]) -> None:
    """Put the notebook's id into its metadata: its own, the one its prefix is known by, or a copy's."""
    ours = metadata.setdefault("kernel_iso", {})
    if isinstance(ours, dict):
        ours["id"] = _store(layer).owner_for(path, str(ours.get("id", "")), id_at=id_at)


def lay_lock(
    content: dict[str, Any], path: Path, layer: Mapping[str, object], *, wanted: bool = True
) -> None:
    """Put the lock of the notebook's present environment into its metadata, where it belongs there; see `engine.saving`.

    Raises every kind of error; then the content is as it was.
    """
    document = notebooks.OpenDocument(path, without_outputs(content))
    target = Target(kind="notebook", path=str(path), document=document)
    saving.lay_lock(_engine(layer), target, wanted=wanted)
    if "metadata" in (changes := document.changes()):
        content["metadata"]["kernel_iso"] = changes["metadata"]


def without_outputs(content: Mapping[str, Any]) -> dict[str, Any]:
    """The notebook without its outputs, which may be large.

    >>> without_outputs({"metadata": {}, "cells": [{"cell_type": "code", "source": "1", "outputs": [1]}]})
    {'metadata': {}, 'cells': [{'cell_type': 'code', 'source': '1'}]}
    """
    cells = [
        {name: cell[name] for name in ("cell_type", "source", "metadata") if name in cell}
        for cell in content["cells"]
    ]
    return {**content, "cells": cells}


def id_at(path: Path) -> str:
    """The id that the notebook at `path` carries; "" where it has none or cannot be read."""
    try:
        return notebooks.read_id(path)
    except (IsoError, OSError):
        return ""


def moved(old: Path, new: Path, layer: Mapping[str, object]) -> None:
    """The notebook, or every notebook in the folder, has another address now."""
    _store(layer).move(old, new)


def _store(layer: Mapping[str, object]) -> Any:
    return _engine(layer).store


def _engine(layer: Mapping[str, object]) -> Engine:
    return Engine.open(os.environ, server=layer or None)
