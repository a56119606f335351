"""What a notebook carries when it is saved: the lock of its present environment, or all of a named one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kernel_iso import notebooks
from kernel_iso.engine import preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.laying import write_lock
from kernel_iso.engine.preparing import Wish
from kernel_iso.engine.targets import Target
from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Policy, Spec

DECLARING = ("pep723", "metadata")
"""Where a Spec was read that is the notebook's own. A project's lock is the project's, and one of nothing is only noise."""


def lays(policy: Policy, wanted: bool) -> bool:
    """Whether a lock enters a notebook as it is saved: where policy and person both say so; a locked policy decides alone.

    >>> lays(Policy(), False), lays(Policy(locked=("lock_on_save",)), False)
    (False, True)
    """
    return policy.lock_on_save and (wanted or "lock_on_save" in policy.locked)


def lay_lock(engine: Engine, target: Target, *, wanted: bool = True) -> bool:
    """Lay the present lock of a notebook that is saved in its document; false where it lies there or does not belong there.

    `wanted` is what the person says to it in their page; see `lays`.
    It belongs to a notebook that declares something itself, asks what the lock was made for, was approved here, and has
    no lock of another tool. A file beside the notebook that holds its lock is kept up to date. Nothing is resolved.
    What is laid was made here, and is approved as it is laid. Raises `SpecError`, and what writing raises.
    """
    if not lays(engine.policy, wanted):
        return False
    wish = preparing.read(engine, target)
    if wish.owner_kind == "environment":
        return _carry(engine, target, wish)
    locked = present(engine, wish) if wish.spec.origin.kind in DECLARING else None
    if locked is None or _is_same(wish.own_lock, locked):
        return False
    ours = [found for found in wish.locks if found.kind == "kernel-iso"]
    if len(ours) < len(wish.locks) or not preparing.is_approved(engine, wish):
        return False
    write_lock(target, locked, beside=bool(ours) and ours[0].path != target.path)
    preparing.approve(engine, preparing.read(engine, target))
    return True


def _carry(engine: Engine, target: Target, wish: Wish) -> bool:
    """Lay what the chosen named environment asks, and its lock, in the notebook; false where nothing changes.

    A machine without that environment can then open the notebook on *Isolated Python*. What the notebook declares
    itself stays: only what was carried before (`metadata.kernel_iso.environment`) is written over.
    """
    path, owner = Path(target.path), engine.store.owner(wish.owner)
    locked = engine.store.lock(owner.now.lock) if owner and owner.now else None
    reading, carried = wish.reading, _carried(target)
    if reading is None or locked is None or reading.spec.origin.kind == "pep723":
        return False
    if reading.spec.origin.kind == "metadata" and not carried:
        return False
    had = [Lock.from_text(found.text) for found in reading.locks if found.kind == "kernel-iso"]
    same_spec = reading.spec.origin.kind == "metadata" and reading.spec.meaning() == wish.spec.meaning()
    if carried == wish.owner and same_spec and had and _is_same(had[0], locked):
        return False
    notebooks.write_metadata(path, spec=wish.spec, extra={"environment": wish.owner}, disk=target.document)
    write_lock(target, locked)
    own = notebooks.read(path, disk=target.document)
    preparing.approve(engine, replace(wish, spec=own.spec, locks=own.locks, reading=own))
    return True


def _carried(target: Target) -> str:
    """The named environment whose Spec and Lock the notebook carries, "" where it carries none."""
    ours = target.document.metadata.get("kernel_iso") if target.document else None
    return str(ours.get("environment", "")) if isinstance(ours, dict) else ""


def _is_same(one: Lock | None, other: Lock) -> bool:
    """True for the same artefacts that answer the same plan."""
    return one is not None and (one.plan, one.digest()) == (other.plan, other.digest())


def present(engine: Engine, wish: Wish) -> Lock | None:
    """The lock of the notebook's current generation, None where that was made for something else."""
    owner = engine.store.owner(wish.owner) if wish.owner_kind == "notebook" else None
    if owner is None or owner.now is None:
        return None
    try:
        made_for = Spec.from_text(owner.now.spec)
    except SpecError:
        return None
    return engine.store.lock(owner.now.lock) if made_for.meaning() == wish.spec.meaning() else None
