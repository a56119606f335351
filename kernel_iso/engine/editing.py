"""Change what a notebook or a named environment asks: add, remove, choose, upgrade, lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kernel_iso import notebooks
from kernel_iso.engine import borrowing, handing, held, preparing, recording, wanting
from kernel_iso.engine.channels import policy_for
from kernel_iso.engine.context import Engine
from kernel_iso.engine.differences import Change, between, difference, versions
from kernel_iso.engine.laying import write_edit, write_lock
from kernel_iso.engine.preparing import Ready
from kernel_iso.engine.targets import Target
from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Machine, Plan, Spec, conda_specs
from kernel_iso.store import Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """What an edit changed: packages, where the Spec was written, and the prefix that is ready (None in a dry run).

    `companions` are the names that only the kernel needs, `waiting` the edits that a page has to say it has made.
    """

    changes: tuple[Change, ...]
    companions: tuple[str, ...] = ()
    written: str = ""
    ready: Ready | None = None
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A new lock with the plan that it answers, where it lies, and the edits that a page has to say it has made."""

    plan: Plan
    lock: Lock
    where: str
    waiting: tuple[str, ...] = ()


DEFAULT = "default"
"""What is given for a Python to ask for none any more."""


def add(
    engine: Engine,
    target: Target,
    requirements: Sequence[str],
    *,
    conda: bool | None = None,
    channels: Sequence[str] = (),
    conda_too: Sequence[str] = (),
    here: bool = False,
    dry: bool = False,
    keep: Lock | None = None,
) -> Edited:
    """Declare more requirements (one that is declared already is replaced) and make the next generation.

    They are conda packages or PyPI's as `wanting.added` decides, and `channels` are those to ask for conda packages;
    `conda_too` are conda's in any case. The new set is locked before anything is written: where it cannot be, nothing
    changes. `here` keeps the change in the notebook where a project file declares. The versions of `keep` are kept where
    they fit (default: those of the present lock). Raises every kind of error.
    """
    if not requirements and not channels and not conda_too:
        raise SpecError("nothing-named", "cannot add", "no package was named", "kernel-iso add polars")

    def wanted(spec: Spec) -> Edit:
        edit = wanting.added(
            spec,
            requirements,
            target.label,
            conda=conda,
            channels=channels,
            known=policy_for(engine, Spec(backend="conda")).channels,
        )
        more = wanting.added(spec, conda_too, target.label, conda=True)
        return msgspec.structs.replace(
            edit, conda=(*edit.conda, *more.conda), remove=(*edit.remove, *more.remove)
        )

    return _edit(engine, target, wanted, here=here, dry=dry, keep=keep)


def remove(
    engine: Engine,
    target: Target,
    names: Sequence[str],
    *,
    channels: Sequence[str] = (),
    here: bool = False,
    dry: bool = False,
) -> Edited:
    """Declare these packages, conda's and PyPI's, and channels no longer, and make the next generation.

    Raises `SpecError` (`not-declared`) for a name that the Spec does not declare.
    """
    if not names and not channels:
        raise SpecError("nothing-named", "cannot remove", "no package was named", "kernel-iso remove polars")
    return _edit(
        engine,
        target,
        lambda spec: wanting.removed(spec, names, target.label, channels=channels),
        here=here,
        dry=dry,
    )


def choose(
    engine: Engine,
    target: Target,
    *,
    python: str = "",
    accelerator: str = "",
    here: bool = False,
    dry: bool = False,
) -> Edited:
    """Ask for another Python (`default`: leave it to the policy) or accelerator (`auto`: any), and make the next generation.

    What is "" stays as it is. Raises `SpecError` (`nothing-named`, `bad-python`, `bad-accelerator`), and `edit-by-hand`
    where a project's file has no place for it.
    """
    if not python and not accelerator:
        raise SpecError(
            "nothing-named",
            "cannot choose",
            "neither a Python nor an accelerator was named",
            "kernel-iso choose analysis.ipynb --python 3.12",
        )
    wanted = "" if python == DEFAULT else notebooks.python(python)
    edit = Edit(
        python=wanted if python else None,
        accelerator=notebooks.accelerator(accelerator) if accelerator else None,
    )
    return _edit(engine, target, lambda _: edit, here=here, dry=dry)


def changed(spec: Spec, added: Sequence[str], removed: Sequence[str], label: str) -> Spec:
    """The Spec with requirements added (in place of one with the same name) and removed.

    >>> changed(Spec(requirements=("a", "b")), ["b>=2"], ["a"], "x").requirements
    ('b>=2',)
    """
    declared = {canonicalize_name(Requirement(item).name): item for item in spec.requirements}
    for name in removed:
        if declared.pop(canonicalize_name(name), None) is None:
            wanting.not_declared(name, spec.requirements, label)
    for item in added:
        declared[canonicalize_name(Requirement(item).name)] = item
    return msgspec.structs.replace(spec, requirements=tuple(declared.values()))


def asked(spec: Spec, edit: Edit, label: str) -> Spec:
    """The Spec as an edit changes it."""
    spec = changed(spec, edit.add, edit.remove, label)
    channels = [item for item in spec.channels if item not in edit.channels_remove]
    return msgspec.structs.replace(
        spec,
        conda=conda_specs.replaced(conda_specs.without(spec.conda, edit.conda_remove), edit.conda),
        channels=tuple(dict.fromkeys((*channels, *edit.channels))),
        python=spec.python if edit.python is None else edit.python,
        accelerator=edit.accelerator or spec.accelerator,
    )


def _edit(
    engine: Engine,
    target: Target,
    wanted: Callable[[Spec], Edit],
    *,
    here: bool,
    dry: bool,
    keep: Lock | None = None,
) -> Edited:
    page = handing.in_page(engine, target)
    wish = preparing.read(engine, page)
    borrowing.refuse(engine, wish)
    preparing.require_approval(engine, wish)
    edit, own = wanted(wish.spec), wish.owner_kind == "notebook"
    spec = asked(wish.spec, edit, target.label)
    edit = msgspec.structs.replace(edit, here=here, id=wish.owner if own else "")
    if wish.reading is not None and own:
        # A place that cannot be edited is told before anything is resolved, and what it asks then is what counts.
        spec = write_edit(page, wish.reading, edit, dry=True).spec or spec
    machine = preparing.machine_here(engine)
    former = wish.own_lock or preparing.present_lock(engine, wish.owner)
    next_wish = replace(wish, spec=spec, own_lock=None)
    plan = preparing.make_plan(engine, next_wish, machine)
    plan, locked = preparing.lock(engine, next_wish, plan, machine, former=keep or former)
    changes = between(wish.spec, spec, former, locked)
    if dry:
        return Edited(changes=changes, companions=locked.companions)
    ready = preparing.build(engine, next_wish, plan, locked, machine)
    if wish.reading is None or not own:
        where = f"environment {wish.owner}"
        return Edited(changes=changes, companions=locked.companions, written=where, ready=ready)
    where = write_edit(page, wish.reading, edit).path
    if wish.own_lock is not None:
        write_lock(page, locked)
        edit = msgspec.structs.replace(edit, lock=locked)
    preparing.approve(engine, preparing.read(engine, page))
    handed = handing.offer(engine, target, page, edit)
    return Edited(
        changes=changes, companions=locked.companions, written=handed.where or where, ready=ready,
        waiting=handed.names,
    )  # fmt: skip


def upgrade(engine: Engine, target: Target, names: Sequence[str] = (), *, dry: bool = False) -> Edited:
    """Lock again with the newest versions that fit: all of them, or only `names` and what they need.

    What is declared stays as it is.
    """
    page = handing.in_page(engine, target)
    wish = preparing.read(engine, page)
    borrowing.refuse(engine, wish)
    preparing.require_approval(engine, wish)
    machine = preparing.machine_here(engine)
    wish_anew = replace(wish, locks=())
    # What the former resolution brought along is no fact any more.
    plan = preparing.make_plan(engine, wish_anew, machine, brought="")
    former = wish.own_lock or preparing.present_lock(engine, wish.owner)
    freed = {canonicalize_name(name) for name in names}
    kept = tuple(
        item
        for item in held.preferences(former)
        if names and canonicalize_name(item.split("==")[0]) not in freed
    )
    run = engine.run("lock", plan.digest()[:12])
    run.tell("looking for newer versions of " + (", ".join(names) or "everything"))
    plan, locked = preparing.resolved(engine, wish_anew, plan, machine, kept)
    changes = difference(versions(former), versions(locked))
    if dry or (former is not None and not changes):
        return Edited(changes=changes, companions=locked.companions)
    engine.store.keep(locked)
    ready = preparing.build(engine, wish, plan, locked, machine)
    handed = handing.Handed()
    if wish.own_lock is not None and wish.owner_kind == "notebook":
        write_lock(page, locked)
        preparing.approve(engine, preparing.read(engine, page))
        handed = handing.offer(engine, target, page, Edit(lock=locked, id=wish.owner))
    return Edited(changes=changes, companions=locked.companions, ready=ready, waiting=handed.names)


def lock_in_place(
    engine: Engine,
    target: Target,
    *,
    beside: bool = False,
    tags: Sequence[str] = (),
    elsewhere: Machine | None = None,
) -> Locked:
    """Lock what a target asks and lay the lock with it: in the notebook, or `beside` it where it is large.

    `tags` are accelerators that it must have a part for (`cpu`, `cu126`), of the same torch. `elsewhere` is the
    machine to lock for, where it is not this one.

    A named environment always has its lock.
    """
    page = handing.in_page(engine, target)
    wish = preparing.read(engine, page)
    borrowing.refuse(engine, wish)
    preparing.require_approval(engine, wish)
    machine = preparing.machine_here(engine)
    if elsewhere is not None:
        machine = recording.resolvable(elsewhere, machine)
    plan, locked = preparing.lock(engine, wish, preparing.make_plan(engine, wish, machine), machine)
    if missing := [tag for tag in tags if not any(part.accelerator == tag for part in locked.parts)]:
        if not plan.build_index and not locked.parts[0].accelerator:
            raise SpecError(
                "no-builds-to-choose",
                f"cannot lock `{target.label}` for {', '.join(missing)}",
                "nothing that it asks for has builds for accelerators",
                "leave --for out, or add torch",
            )
        locked = preparing.widened(engine, wish, plan, locked, machine, missing, required=True)
        engine.store.keep(locked)
    if target.kind != "notebook" or wish.owner_kind != "notebook":
        return Locked(plan=plan, lock=locked, where="the store")
    where = write_lock(page, locked, beside=beside, owner=wish.owner)
    preparing.approve(engine, preparing.read(engine, page))
    handed = handing.offer(engine, target, page, Edit(lock=locked, id=wish.owner))
    return Locked(plan=plan, lock=locked, where=handed.where or where, waiting=handed.names)
