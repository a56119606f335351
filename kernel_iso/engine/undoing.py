"""Go back to an owner's former generation, and forward again: the prefix, its lock, and what the notebook asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kernel_iso.engine import handing, held, preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.differences import between
from kernel_iso.engine.editing import Edited
from kernel_iso.engine.laying import write_edit, write_lock
from kernel_iso.engine.preparing import Ready, Wish
from kernel_iso.engine.targets import Target
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Generation, Lock, Machine, Owner, Plan, Spec, conda_specs
from kernel_iso.store import Edit

CHOICES = ("groups", "extras", "profile")
"""What chooses requirements of a project: the requirements themselves are compared."""


def undo(engine: Engine, target: Target, *, redo: bool = False, dry: bool = False) -> Edited:
    """Make the generation before the current one current again (`redo`: the one after it), and write what it asked.

    Its prefix is used where it was kept, and made again from its lock where it was not. Where today's policy or
    machine wants another lock, that one keeps the former versions as far as they fit. Running kernels keep theirs.

    Raises `ImpossibleError`: `nothing-to-undo`, `generation-lost`, and `undo-by-hand` where more than requirements,
    Python and accelerator would have to be written; and whatever reading, locking and building raise. Then nothing
    has changed.
    """
    page = handing.in_page(engine, target)
    wish = preparing.read(engine, page)
    preparing.require_approval(engine, wish)
    owner = engine.store.owner(wish.owner)
    place = goal(owner, redo=redo, label=target.label)
    assert owner is not None
    generation = owner.generations[place]
    former, kept = preparing.present_lock(engine, wish.owner), _kept(engine, generation, target.label)
    spec = wanted = Spec.from_text(generation.spec)
    edit = msgspec.structs.replace(steps(wish.spec, wanted), id=wish.owner)
    if wish.owner_kind == "notebook":
        spec = _written(page, wish, wanted, edit, dry=True)
    machine = preparing.machine_here(engine)
    next_wish = replace(wish, spec=spec, own_lock=kept if wish.own_lock else None)
    plan, locked = _answer(engine, next_wish, kept, machine)
    changes = between(wish.spec, spec, former, locked)
    if dry:
        return Edited(changes=changes, companions=locked.companions)
    ready = _built(engine, owner, place, (next_wish, plan, locked, machine))
    where, handed = f"environment {wish.owner}", handing.Handed()
    if wish.owner_kind == "notebook":
        _written(page, wish, wanted, edit, dry=False)
        where = wish.spec.origin.path or target.path
        if wish.own_lock is not None:
            write_lock(page, locked)
            edit = msgspec.structs.replace(edit, lock=locked)
        preparing.approve(engine, preparing.read(engine, page))
        handed = handing.offer(engine, target, page, edit)
    engine.announce()
    return Edited(
        changes=changes, companions=locked.companions, written=handed.where or where, ready=ready,
        waiting=handed.names,
    )  # fmt: skip


def goal(owner: Owner | None, *, redo: bool, label: str) -> int:
    """The place of the generation to go to. Raises `ImpossibleError` (`nothing-to-undo`).

    >>> goal(Owner(id="a", generations=(Generation(key="1"), Generation(key="2")), current=1), redo=False, label="a")
    0
    """
    place = owner.current + (1 if redo else -1) if owner else -1
    if owner is None or not 0 <= place < len(owner.generations):
        because = "there is no later generation of it" if redo else "there is no former generation of it"
        count = len(owner.generations) if owner else 0
        raise ImpossibleError(
            "nothing-to-undo",
            f"cannot {'redo' if redo else 'undo'} the last change of `{label}`",
            f"{because}: {count} {'is' if count == 1 else 'are'} known on this machine",
            "kernel-iso add …   or remove makes the next one",
        )
    return place


def _kept(engine: Engine, generation: Generation, label: str) -> Lock:
    """The lock of a generation; raises `ImpossibleError` (`generation-lost`)."""
    kept = engine.store.lock(generation.lock)
    if kept is None:
        raise ImpossibleError(
            "generation-lost",
            f"cannot go to another generation of `{label}`",
            "its lock is not in the store any more, or is damaged",
            "declare what it asked with `kernel-iso add`, which locks it again",
        )
    return kept


def steps(present: Spec, wanted: Spec) -> Edit:
    """The edit after which `present` asks what `wanted` does, as far as an edit can say it.

    >>> edit = steps(Spec(requirements=("a", "b")), Spec(requirements=("a>=2", "c"), python="3.12"))
    >>> edit.add, edit.remove, edit.python, edit.accelerator
    (('a>=2', 'c'), ('b',), '3.12', None)
    >>> edit = steps(Spec(conda=("gdal", "proj"), channels=("x",)), Spec(conda=("gdal>=3",)))
    >>> edit.conda, edit.conda_remove, edit.channels_remove
    (('gdal>=3',), ('proj',), ('x',))
    """
    names = {canonicalize_name(Requirement(item).name) for item in wanted.requirements}
    added = tuple(item for item in wanted.requirements if item not in present.requirements)
    there = dict.fromkeys(canonicalize_name(Requirement(item).name) for item in present.requirements)
    conda = dict.fromkeys(conda_specs.conda_name(item) for item in present.conda)
    # There channels count for conda packages only; those that stand without any were there before.
    unread = present.origin.path.endswith((".yml", ".yaml")) and not wanted.conda
    return Edit(
        add=added,
        remove=tuple(str(name) for name in there if name not in names),
        conda=tuple(item for item in wanted.conda if item not in present.conda),
        conda_remove=tuple(name for name in conda if name not in map(conda_specs.conda_name, wanted.conda)),
        channels=tuple(item for item in wanted.channels if item not in present.channels),
        channels_remove=tuple(
            item for item in present.channels if item not in wanted.channels and not unread
        ),
        python=wanted.python if wanted.python != present.python else None,
        accelerator=wanted.accelerator if wanted.accelerator != present.accelerator else None,
    )


def _written(target: Target, wish: Wish, wanted: Spec, edit: Edit, *, dry: bool) -> Spec:
    """Write what the generation asked where the present Spec was read; return what is asked then.

    Raises `ImpossibleError` (`undo-by-hand`) in the dry run where that would not be what it asked.
    """
    spec = wish.spec
    if wish.reading is not None and handing.remaining(spec, edit):
        spec = write_edit(target, wish.reading, edit, dry=dry).spec or spec
    if dry and (other := _others(spec, wanted)):
        raise ImpossibleError(
            "undo-by-hand",
            f"cannot undo the last change of `{target.label}`",
            f"more than packages, Python and accelerator is asked otherwise now: {', '.join(other)}",
            f"change that in {Path(spec.origin.path).name or target.label} by hand, then restart the kernel",
        )
    return spec


def _others(spec: Spec, wanted: Spec) -> list[str]:
    """The names of what two Specs ask otherwise."""
    one, other = spec.meaning(), wanted.meaning()
    for each in (one, other):
        for key in ("requirements", "conda"):
            each[key] = sorted(each.get(key, ()))  # type: ignore[call-overload]
    keys = sorted((one.keys() | other.keys()) - set(CHOICES))
    return [key for key in keys if one.get(key) != other.get(key)]


def _answer(engine: Engine, wish: Wish, kept: Lock, machine: Machine) -> tuple[Plan, Lock]:
    """The plan, and the generation's lock where it answers it; else a new lock with its versions where they fit."""
    plan = preparing.make_plan(engine, wish, machine, brought=kept.brought_torch)
    if kept.plan == plan.digest() and kept.part(machine.tag, plan.accelerator):
        return plan, kept
    plan, locked = preparing.resolved(engine, wish, plan, machine, held.preferences(kept))
    engine.store.keep(locked)
    return plan, locked


def _built(engine: Engine, owner: Owner, place: int, what: tuple[Wish, Plan, Lock, Machine]) -> Ready:
    """The prefix of the generation, which is the owner's current one then; where it fails, the former one stays."""
    # Before the build: who is current with a prefix is not given it as a new generation.
    engine.store.record(msgspec.structs.replace(owner, current=place))
    try:
        return preparing.build(engine, *what)
    except BaseException:
        engine.store.record(owner)
        raise
