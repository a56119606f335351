"""Lay with a notebook what belongs to it: what it asks where that was read, its lock in it or beside it."""

from __future__ import annotations

from pathlib import Path

from kernel_iso import notebooks
from kernel_iso.engine.targets import Target
from kernel_iso.model import Lock
from kernel_iso.notebooks import Reading, Written
from kernel_iso.store import Edit

EMBED_LIMIT = 64 * 1024
"""Locks above this size (bytes) lie beside the notebook, not in it: it keeps notebooks light to diff and to render."""


def write_lock(target: Target, locked: Lock, *, beside: bool = False, owner: str = "") -> str:
    """Write a lock into a notebook's metadata, or above `EMBED_LIMIT` (or `beside`) into `pylock.<stem>.toml`.

    Where a page has the notebook open, its document is written. Returns the file that holds the lock.
    """
    path, disk = Path(target.path), target.document
    if beside or len(locked.to_text()) > EMBED_LIMIT:
        return str(notebooks.write_side_lock(path, locked, disk=disk))
    notebooks.write_metadata(path, lock=locked, id=owner or None, disk=disk)
    return str(path)


def write_edit(target: Target, reading: Reading, edit: Edit, *, dry: bool = False) -> Written:
    """Write what is asked otherwise where the Spec was read (in the page's document where a page has the notebook open).

    The edit's lock is not laid here. Raises like `notebooks.edit_requirements`.
    """
    return notebooks.edit_requirements(
        Path(target.path), reading, edit.add, edit.remove, conda=edit.conda, conda_remove=edit.conda_remove,
        channels=edit.channels, channels_remove=edit.channels_remove, python=edit.python, accelerator=edit.accelerator,
        here=edit.here, id=edit.id, dry=dry, disk=target.document,
    )  # fmt: skip
