"""From what the notebook asks to a prefix a kernel can run in: read, plan, approve, lock, realise."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from kernel_iso import backends, discovery, machines, planning, trust
from kernel_iso.engine import (
    activating,
    approving,
    compiling,
    drifting,
    fitting,
    folders,
    foreign,
    held,
    parting,
    tidying,
    virtual,
)
from kernel_iso.engine.auditing import audit
from kernel_iso.engine.channels import channels, is_conda, policy_for
from kernel_iso.engine.context import Engine
from kernel_iso.engine.targets import Target
from kernel_iso.engine.wishing import Wish, read
from kernel_iso.errors import ImpossibleError, NotApprovedError
from kernel_iso.model import (
    Emit,
    Generation,
    Lock,
    Machine,
    Owner,
    Part,
    Plan,
    Prefix,
    Reason,
    Spec,
)

__all__ = ["Ready", "Target", "Wish", "approve", "lock", "make_plan", "read", "realise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A prefix that is there, with the Plan and Spec it answers and how the target was found."""

    prefix: Prefix
    plan: Plan
    spec: Spec
    owner: str
    target: Target
    made: bool = False


def machine_here(engine: Engine) -> Machine:
    """The facts about this machine, with its Pythons and the accelerators that a kernel would see."""
    pythons = discovery.pythons(engine.environ, home=Path.home(), own=sys.executable)
    cache = engine.store.root / "machine.json"
    return machines.here(pythons, run=engine.run("probe"), cache=cache, environ=engine.environ)


def make_plan(
    engine: Engine, wish: Wish, machine: Machine | None = None, *, brought: str | None = None
) -> Plan:
    """Decide, with reasons; pins of a lock that lies with the Spec are honoured where they still fit it.

    `brought` is the newest torch that what is asked for brings along (`Lock.brought_torch`); where it is None, the
    lock at hand that answers the plan tells.
    """
    machine = machine or machine_here(engine)
    spec, reasons = (
        wish.spec,
        [Reason(rule="target", text=f"asked for {wish.target.label}: {wish.target.why}")],
    )
    if not spec.python and wish.own_lock and wish.own_lock.python:
        spec = msgspec.structs.replace(spec, python=wish.own_lock.python)
        reasons.append(Reason(rule="lock", text=f"Python {spec.python}: the lock was made for it"))
    if wish.own_lock is None:
        spec, told = foreign.pinned(engine, spec, wish.locks)
        reasons += told

    variable, policy = engine.environ.get("UV_TORCH_BACKEND", ""), policy_for(engine, spec)

    def planned(brought: str, tag: str = "") -> Plan:
        asked = msgspec.structs.replace(spec, accelerator=tag) if tag else spec
        return planning.plan(
            asked, machine, policy, torch_backend=variable, brought_torch=parting.version(brought)
        )

    plan = planned(brought or "")
    if brought is None and not plan.build_index:
        along = [each.brought_torch for each in _answers(engine, wish, plan) if each.brought_torch]
        plan = planned(along[0]) if along else plan
    if brought is None and plan.build_index and spec.accelerator in ("", "auto") and not variable:
        newest = plan.accelerator
        if tag := parting.at_hand(plan, _answers(engine, wish, plan), machine):
            plan = planned(plan.brought_torch, tag)
            text = f"the lock's {tag} part computes here, so nothing is resolved again (`kernel-iso upgrade` takes {newest})"
            reasons.append(Reason(rule="lock", text=text))
    if plan.backend == fitting.CONDA and spec.accelerator in ("", "auto"):
        newest = plan.accelerator
        if tag := virtual.at_hand(plan, _answers(engine, wish, plan), machine.tag):
            plan = planned(plan.brought_torch, tag)
            text = f"the lock's {tag} part fits here, so nothing is solved again (`kernel-iso upgrade` solves for {newest})"
            reasons.append(Reason(rule="lock", text=text))
    return msgspec.structs.replace(plan, reasons=(*reasons, *plan.reasons))


def channels_plan(engine: Engine, wish: Wish | None, *, conda: object = None) -> Plan | None:
    """The plan for looking into conda's channels, None where PyPI's indexes are meant: conda decides, or what is asked."""
    spec = wish.spec if wish else Spec()
    if not (is_conda(engine.policy, spec) if conda is None else conda):
        return None
    asked = msgspec.structs.replace(spec, backend=fitting.CONDA)
    return planning.plan(asked, machine_here(engine), policy_for(engine, asked))


def covered(engine: Engine, wish: Wish) -> str:
    """The digest that an approval of this wish covers: Spec, the locks that lie with it, and indexes."""
    spec, locks = wish.spec, tuple(found.text for found in wish.locks)
    return trust.covers(spec, locks, spec.indexes or engine.policy.indexes, channels(engine, spec))


def is_approved(engine: Engine, wish: Wish) -> bool:
    """True where nothing foreign is asked for, or it was approved or made here."""
    if wish.owner_kind == "environment" or (wish.spec.asks_nothing and not wish.locks):
        return True
    if wish.target.path and trust.trusted_folder(Path(wish.target.path), engine.policy):
        return True
    digest = covered(engine, wish)
    return engine.environ.get("KERNEL_ISO_TRUST") == digest or engine.approvals.has(digest)


def approve(engine: Engine, wish: Wish) -> str:
    """Approve what a target asks, on this machine; return the digest that is approved."""
    digest = covered(engine, wish)
    audit(engine, "approved", wish.target.label, digest)
    former = engine.approvals.get(digest)
    about = approving.about(wish.target.label, wish.owner, wish.spec, wish.locks, former)
    engine.approvals.approve(digest, about)
    return digest


def require_approval(engine: Engine, wish: Wish) -> None:
    """Raise `NotApprovedError` (`not-approved`) that says what the target wants, unless it was approved here."""
    if is_approved(engine, wish):
        return
    spec = wish.spec
    shown = ", ".join(f"`{item}`" for item in (*spec.requirements, *spec.conda)[:8]) or "what its lock holds"
    more = len(spec.requirements) + len(spec.conda) - 8
    raise NotApprovedError(
        "not-approved",
        f"has not prepared an environment for `{wish.target.label}`",
        f"it was not made or approved on this machine, and wants to install {shown}"
        + (f" and {more} more" if more > 0 else "")
        + (f" (declared in {Path(spec.origin.path).name}, {spec.origin.detail})" if spec.origin.path else ""),
        f'kernel-iso trust "{wish.target.path}"   (read it first; then restart the kernel)',
    )


def lock(
    engine: Engine, wish: Wish, plan: Plan, machine: Machine, *, former: Lock | None = None
) -> tuple[Plan, Lock]:
    """The lock that answers the plan: the one that lies with the Spec, the owner's present one, one kept here, or a new one.

    A new one keeps the versions of `former` where they still fit, and is kept in the store. The plan comes back too:
    resolving may show that torch comes along, and its build is chosen then.
    """
    tag = machine.tag
    answers = _answers(engine, wish, plan)
    for candidate in answers:
        if candidate.part(tag, plan.accelerator):
            return plan, candidate
    for candidate in answers:
        wider = widened(engine, wish, plan, candidate, machine, [plan.accelerator])
        if wider.part(tag, plan.accelerator):
            engine.store.keep(wider)
            return plan, wider
    run = engine.run("lock", plan.digest()[:12])
    run.tell("resolving " + (", ".join((*plan.requirements, *plan.conda)) or "the default packages"))
    former = former or wish.own_lock or present_lock(engine, wish.owner)
    plan, made = resolved(engine, wish, plan, machine, held.preferences(former))
    engine.store.keep(made)
    return plan, made


def _answers(engine: Engine, wish: Wish, plan: Plan) -> list[Lock]:
    """The locks at hand that answer a plan, be it with parts for other machines."""
    digest = plan.digest()
    found = (wish.own_lock, present_lock(engine, wish.owner), engine.store.kept(digest))
    return [item for item in found if item and item.plan == digest]


def resolved(
    engine: Engine, wish: Wish, plan: Plan, machine: Machine, preferences: tuple[str, ...]
) -> tuple[Plan, Lock]:
    """A new lock with the parts that are usual, and the plan that it answers; see `parting.resolved`."""
    return parting.resolved(engine, plan, machine, _planner(engine, wish), preferences)


def widened(
    engine: Engine,
    wish: Wish,
    plan: Plan,
    locked: Lock,
    machine: Machine,
    tags: Sequence[str],
    *,
    required: bool = False,
) -> Lock:
    """The lock with a part for each of these accelerators too; see `parting.widened`."""
    wanted = [(machine, tag) for tag in tags]
    return parting.widened(engine, plan, locked, wanted, _planner(engine, wish), required=required)


def _planner(engine: Engine, wish: Wish) -> parting.Planner:
    """Plans what is wished for a machine, an accelerator ("auto": the machine's own) and a torch that comes along."""

    def plan_for(machine: Machine, tag: str, brought: str) -> Plan:
        spec = wish.spec
        if tag != "auto":
            spec = msgspec.structs.replace(spec, accelerator=tag)
        return make_plan(engine, replace(wish, spec=spec), machine, brought=brought)

    return plan_for


def present_lock(engine: Engine, owner_id: str) -> Lock | None:
    """The lock of an owner's current generation."""
    owner = engine.store.owner(owner_id)
    return engine.store.lock(owner.now.lock) if owner and owner.now else None


def realise(engine: Engine, target: Target, *, fresh: bool = False, trust: str = "") -> Ready:
    """Make sure that the target's prefix is there, and return it.

    A ready one costs milliseconds. `fresh` builds it again. `trust` approves what the target asks: `yes`, or the
    digest that was reviewed. Blocks; call it in a worker thread. Raises every kind of error.
    """
    wish = read(engine, target)
    if trust and not is_approved(engine, wish) and trust in ("yes", covered(engine, wish)):
        approve(engine, wish)
    require_approval(engine, wish)
    machine = machine_here(engine)
    plan, locked = lock(engine, wish, make_plan(engine, wish, machine), machine)
    return build(engine, wish, plan, locked, machine, fresh=fresh)


def build(
    engine: Engine,
    wish: Wish,
    plan: Plan,
    locked: Lock,
    machine: Machine,
    *,
    fresh: bool = False,
    keep: bool = True,
) -> Ready:
    """Realise a lock as the owner's prefix, and make it the owner's current generation.

    Without `keep` it is no generation: the next clean-up takes it, unless it has become one by then.
    """
    part = locked.part(machine.tag, plan.accelerator)
    if part is None:
        raise ImpossibleError(
            "no-part-for-this-machine",
            f"cannot realise the lock of `{wish.target.label}`",
            f"it has no part for {machine.tag}, only for {', '.join(item.platform for item in locked.parts)}",
            f'kernel-iso lock "{wish.target.path or wish.target.name}"   on this machine',
        )
    key = key_of(engine, wish, plan, locked, machine)
    was_there = engine.store.find(key) is not None
    make = _maker(engine, wish, plan, locked, part)
    prefix = engine.store.realise(key, make, emit=engine.emit, cancelled=engine.cancelled, fresh=fresh)
    fitting.write_launch(prefix, plan, wish.target)
    drifting.record(prefix, machine)
    if keep:
        _remember(engine, wish, prefix, locked)
        folders.show(wish.folder, prefix)
    elif engine.store.owner(wish.owner) is None:
        # The overview says by it which notebook the prefix was made for.
        engine.store.record(Owner(id=wish.owner, kind=wish.owner_kind, path=wish.target.path))
    if fresh or not was_there:
        audit(engine, "realised", wish.target.label, key)
        compiling.compile_later(engine, prefix)
        tidying.tidy(engine)
    if prefix.backend == fitting.CONDA:
        env = activating.kept(
            Path(prefix.path) / fitting.GUEST,
            Path(prefix.path),
            wish.owner,
            prefix.python,
            engine.run("launch"),
        )
        plan = msgspec.structs.replace(plan, env=(*env, *plan.env))
    return Ready(
        prefix=prefix,
        plan=plan,
        spec=wish.spec,
        owner=wish.owner,
        target=wish.target,
        made=fresh or not was_there,
    )


def key_of(engine: Engine, wish: Wish, plan: Plan, locked: Lock, machine: Machine) -> str:
    """The key of the prefix that a lock becomes for an owner on a machine."""
    accelerator = _build(locked.part(machine.tag, plan.accelerator), plan)
    tag = f"{machine.tag}-{plan.python.minor}" + (f"-{accelerator}" if accelerator else "")
    tag += "-system" if plan.system_site_packages else ""
    return engine.store.key(locked.digest(), tag, wish.owner)


def _build(part: Part | None, plan: Plan) -> str:
    """The build that a prefix holds; conda's packages are often for every accelerator, whatever was planned."""
    return part.accelerator if part and part.kind == fitting.CONDA else plan.accelerator


def _maker(
    engine: Engine, wish: Wish, plan: Plan, locked: Lock, part: Part
) -> Callable[[Path, Emit], Prefix]:
    """What fills the folder of a prefix."""

    def make(path: Path, emit: Emit) -> Prefix:
        inner = engine.with_emit(emit)
        backend = backends.find(plan.backend)
        key = path.name
        concrete = fitting.with_python(inner, plan)
        run = inner.run("realise", key)
        run.tell(f"making the environment with Python {concrete.python.version}")
        python = backend.realise(concrete, part, str(path), run)
        concrete = fitting.with_own_python(concrete, python)
        companions = fitting.companions(inner, concrete, locked)
        fitting.furnish(path)
        asked = fitting.roles(plan, locked)
        there = backend.inspect(python, run)
        first = fitting.rescue(inner, concrete, python, there, companions)
        packages = tuple(msgspec.structs.replace(item, role=asked.get(item.name, "")) for item in there)
        owner = engine.store.owner(wish.owner)
        generation = len(owner.generations) + 1 if owner else 1
        return Prefix(
            key=key, path=str(path), python=python, version=concrete.python.version, backend=plan.backend,
            owner=wish.owner, generation=generation, lock=locked.digest(), plan=plan.digest(),
            accelerator=_build(part, plan), companions=first or companions, companions_first=bool(first),
            packages=packages, made=time.time(),
        )  # fmt: skip

    return make


def _remember(engine: Engine, wish: Wish, prefix: Prefix, locked: Lock) -> None:
    """Make the prefix the owner's current generation, unless it is already, and was for what is asked now.

    What is asked may differ without another lock: a package that was there, an accelerator that nothing needs.
    """
    owner = engine.store.owner(wish.owner)
    address = wish.target.path if wish.owner_kind == "notebook" else wish.folder
    now = owner.now if owner and owner.path == address else None
    if now and now.key == prefix.key and Spec.from_text(now.spec or "{}").meaning() == wish.spec.meaning():
        return
    engine.store.keep(locked)
    generation = Generation(key=prefix.key, spec=wish.spec.to_text(), lock=locked.digest(), made=time.time())
    engine.store.add_generation(wish.owner, wish.owner_kind, address, generation)
