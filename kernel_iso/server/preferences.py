"""What a person has chosen in JupyterLab's settings editor, as far as the server acts on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

SCHEMA = "kernel-iso:panel"
"""The plugin whose settings these are (`labextension/schema/panel.json`)."""


def lock_on_save(app: Any) -> bool:
    """False where the person does not want the lock to enter a notebook as it is saved.

    It is true where nothing is set: also in a server without JupyterLab, and where the settings cannot be read.
    """
    return all(found.get("lockOnSave") is not False for found in _settings(app))


def _settings(app: Any) -> Iterator[dict[str, Any]]:
    """The settings of each application with pages on a server: JupyterLab, Notebook. An administrator's defaults count."""
    for pages in getattr(app.extension_manager, "extension_apps", {}).values():
        for page in pages:
            # What it raises is what a file may hold, or that our schema is not installed there.
            with contextlib.suppress(Exception):
                yield _composite(page)


def _composite(page: Any) -> dict[str, Any]:
    """What a page sees: the defaults of the schema and those that an administrator sets, below the person's own."""
    from jupyterlab_server.settings_utils import get_settings

    found, _ = get_settings(
        page.app_settings_dir,
        page.schemas_dir,
        page.user_settings_dir,
        schema_name=SCHEMA,
        labextensions_path=[*page.extra_labextensions_path, *page.labextensions_path],
    )
    defaults = {name: of.get("default") for name, of in found["schema"]["properties"].items()}
    return {**defaults, **found["settings"]}
