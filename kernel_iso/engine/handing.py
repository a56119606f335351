"""Hand an edit to the page that has a notebook open: its file is the page's to write."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kernel_iso.engine import preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.laying import write_edit, write_lock
from kernel_iso.engine.targets import Target
from kernel_iso.model import Event, Spec, conda_specs
from kernel_iso.notebooks import OpenDocument
from kernel_iso.store import Edit

PHASE = "edit"
"""The phase of the events that tell pages of edits that wait for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """Where an edit went that a page has to make: in words ("" where it went nowhere else), and its `names` in the store.

    Names are given to the page that asked for the edit: it gives them back when the edit is in its document.
    """

    where: str = ""
    names: tuple[str, ...] = ()


def in_page(engine: Engine, target: Target) -> Target:
    """The target with its file's text as the document that is edited, where a page has the notebook open.

    What a page sent itself stays as it is.
    """
    path = Path(target.path)
    if target.kind != "notebook" or target.document is not None or path.suffix != ".ipynb":
        return target
    if not engine.store.open_notebooks.is_open(path):
        return target
    return replace(target, document=OpenDocument(path, json.loads(path.read_bytes())))


def offer(engine: Engine, target: Target, page: Target, edit: Edit) -> Handed:
    """Leave the edit for the page, where it changed the page's document: the one it sent, or that of `in_page`.

    A page that asked for the edit has it in its answer; where it goes away before, the edit is still there.
    """
    if page.document is None or not page.document.changes():
        return Handed()
    asked = page is target
    left = msgspec.structs.replace(edit, asked=asked, at=time.time())
    name = engine.store.open_notebooks.offer(Path(target.path), left)
    if asked:
        return Handed(names=(name,))
    engine.emit(
        Event(
            phase=PHASE,
            key=edit.id,
            at=time.time(),
            text=f"{target.label} is open: its page writes the change",
        )
    )
    return Handed(where=f"{target.label}, which a page has open: save it there")


def take(engine: Engine, target: Target, taken: Sequence[str] = ()) -> tuple[str, ...]:
    """Make the edits that wait in the document that a page sent; return their names, which the page gives back as `taken`.

    An edit waits until the page has said that it is in its document: making it twice changes nothing more. Without a
    document nothing is made.
    """
    path = Path(target.path)
    for name in taken:
        engine.store.open_notebooks.take(path, name)
    names = []
    for name, edit in engine.store.open_notebooks.waiting(path) if target.document is not None else ():
        _make(engine, target, edit)
        names.append(name)
    return tuple(names)


def settle(engine: Engine, path: Path) -> None:
    """Write the edits that wait into the notebook's file, where no page has it open any more."""
    waiting = engine.store.open_notebooks.waiting(path)
    if not waiting or engine.store.open_notebooks.is_open(path):
        return
    target = Target(kind="notebook", path=str(path), why="edits of it waited for a page")
    for name, edit in waiting:
        if path.exists():
            _make(engine, target, edit)
        engine.store.open_notebooks.take(path, name)


def settle_all(engine: Engine) -> None:
    """Write every edit that waits for a page that is gone."""
    for path in engine.store.open_notebooks.left():
        settle(engine, path)


def _make(engine: Engine, target: Target, edit: Edit) -> None:
    """Make an edit in the target's document or file.

    What was made here is approved as it is made; what came into the notebook meanwhile, and was not approved, is not.
    """
    wish = preparing.read(engine, target)
    approved = preparing.is_approved(engine, wish)
    left = remaining(wish.spec, edit)
    if wish.reading is not None and left is not None:
        write_edit(target, wish.reading, left)
    if edit.lock is not None:
        write_lock(target, edit.lock, owner=edit.id)
    if approved:
        preparing.approve(engine, preparing.read(engine, target))


def remaining(spec: Spec, edit: Edit) -> Edit | None:
    """What of an edit a Spec does not ask yet, None where that is nothing.

    >>> remaining(Spec(requirements=("a",)), Edit(add=("a",), remove=("b",))) is None
    True
    >>> left = remaining(Spec(conda=("gdal",)), Edit(conda=("gdal>=3", "proj"), conda_remove=("geos",)))
    >>> left.conda, left.conda_remove
    (('gdal>=3', 'proj'), ())
    """
    present = {canonicalize_name(Requirement(item).name) for item in spec.requirements}
    condas = {conda_specs.conda_name(item) for item in spec.conda}
    left = msgspec.structs.replace(
        edit,
        add=tuple(item for item in edit.add if item not in spec.requirements),
        remove=tuple(name for name in edit.remove if canonicalize_name(name) in present),
        conda=tuple(item for item in edit.conda if item not in spec.conda),
        conda_remove=tuple(name for name in edit.conda_remove if conda_specs.conda_name(name) in condas),
        channels=tuple(item for item in edit.channels if item not in spec.channels),
        channels_remove=tuple(item for item in edit.channels_remove if item in spec.channels),
    )
    lists = (left.add, left.remove, left.conda, left.conda_remove, left.channels, left.channels_remove)
    chosen = edit.python is not None or edit.accelerator not in (None, spec.accelerator)
    return left if chosen or any(lists) else None
