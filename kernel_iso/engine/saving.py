"""What a notebook carries when it is saved: the lock of its present environment."""

from __future__ import annotations

from kernel_iso.engine import preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.laying import write_lock
from kernel_iso.engine.preparing import Wish
from kernel_iso.engine.targets import Target
from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Spec

DECLARING = ("pep723", "metadata")
"""Where a Spec was read that is the notebook's own. A project's lock is the project's, and one of nothing is only noise."""


def lay_lock(engine: Engine, target: Target) -> bool:
    """Lay the present lock of a notebook that is saved in its document; false where it lies there or does not belong there.

    It belongs to a notebook that declares something itself, asks what the lock was made for, was approved here, and has
    no lock of another tool. A file beside the notebook that holds its lock is kept up to date. Nothing is resolved.
    What is laid was made here, and is approved as it is laid. Raises `SpecError`, and what writing raises.
    """
    wish = preparing.read(engine, target)
    locked = present(engine, wish) if wish.spec.origin.kind in DECLARING else None
    if not engine.policy.lock_on_save or locked is None or _is_same(wish.own_lock, locked):
        return False
    ours = [found for found in wish.locks if found.kind == "kernel-iso"]
    if len(ours) < len(wish.locks) or not preparing.is_approved(engine, wish):
        return False
    write_lock(target, locked, beside=bool(ours) and ours[0].path != target.path)
    preparing.approve(engine, preparing.read(engine, target))
    return True


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
