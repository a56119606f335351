"""Read and write what a notebook asks, and its locks, wherever people keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel_iso.notebooks.checking import accelerator, channel, conda_dependency, python, requirement
from kernel_iso.notebooks.conda_wishes import conda_wish, python_wish
from kernel_iso.notebooks.environment_yml import given_name
from kernel_iso.notebooks.reading import Reading, read, read_id
from kernel_iso.notebooks.side_locks import FoundLock
from kernel_iso.notebooks.writing import (
    Written,
    drop_metadata,
    set_metadata,
    write_metadata,
    write_side_lock,
)

if TYPE_CHECKING:
    from kernel_iso.notebooks.editing import edit_requirements
    from kernel_iso.notebooks.open_documents import OpenDocument

__all__ = [
    "FoundLock",
    "OpenDocument",
    "Reading",
    "Written",
    "accelerator",
    "channel",
    "conda_dependency",
    "conda_wish",
    "drop_metadata",
    "edit_requirements",
    "given_name",
    "python",
    "python_wish",
    "read",
    "read_id",
    "requirement",
    "set_metadata",
    "write_metadata",
    "write_side_lock",
]


def __getattr__(name: str) -> Any:
    """Import editing when it is first asked for: a start only reads, and tomlkit alone takes 50 ms."""
    if name == "edit_requirements":
        from kernel_iso.notebooks.editing import edit_requirements

        return edit_requirements
    if name == "OpenDocument":
        from kernel_iso.notebooks.open_documents import OpenDocument

        return OpenDocument
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
