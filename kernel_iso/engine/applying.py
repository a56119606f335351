"""An application's own environment: planned and locked like a notebook's, without a kernel, and edited in place.

Two things are an application's author's alone, who could run any code here anyway: to name an index beside the
policy's, unless an administrator has locked these, and to let packages be built from source (`Plan.builds`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from kernel_iso import accelerators, planning
from kernel_iso.backends import uv
from kernel_iso.engine import drifting, fitting, held, parting, preparing
from kernel_iso.engine.auditing import audit
from kernel_iso.engine.context import Engine
from kernel_iso.errors import ConflictError, ImpossibleError, IsoError, SpecError
from kernel_iso.model import Event, Index, Lock, Machine, Origin, Plan, Policy, Prefix, Spec, digest
from kernel_iso.model.applications import Asked, Step
from kernel_iso.planning.indexes import comparable, torch_tag
from kernel_iso.store import logs
from kernel_iso.store.applications import Folder

_UNFIT = (ConflictError, ImpossibleError, SpecError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an application's environment is to hold: the steps in order, and a Python ("" for any).

    `certain` are the keys of the steps that this process asked for; others are remembered from an earlier one, and give
    way where they do not fit any more.
    """

    steps: tuple[Step, ...]
    python: str
    certain: frozenset[str]

    @classmethod
    def merged(
        cls, former: Asked | None, steps: Iterable[Step], python: str, certain: frozenset[str]
    ) -> Wish:
        """What is there already and these steps; a step takes the place of the one with its key."""
        found = {step.key: step for step in former.steps} if former else {}
        found |= {step.key: step for step in steps}
        python = python or (former.python if former else "")
        return cls(steps=tuple(found.values()), python=python, certain=certain)


def fits(engine: Engine, prefix: Prefix, asked: Asked) -> bool:
    """True where the build of torch that was chosen for a machine is still right for it as it is now."""
    machine = preparing.machine_here(engine)
    before = drifting.recorded(prefix)
    if before is not None and before.accelerators == machine.accelerators:
        return True
    return _computes(engine, prefix, asked, machine)


def _computes(engine: Engine, prefix: Prefix, asked: Asked, machine: Machine) -> bool:
    """True where the build that is there serves a changed machine as its own choice would."""
    wish = Wish(steps=asked.steps, python=asked.python, certain=frozenset())
    plan = _plan(engine, _spec(wish, asked, prefix.path), machine, (), asked.lock.brought_torch)
    part = asked.lock.part(machine.tag, asked.plan.accelerator)
    torch = fitting.pinned_versions(part.text).get("torch", "") if part else ""
    there = [(asked.plan.accelerator, torch)] if torch else []
    same = plan.accelerator == asked.plan.accelerator
    if part is None or not (same or planning.enough(there, plan.accelerator, machine, accelerators.table())):
        return False
    drifting.record(prefix, machine)
    return True


def unchanged(wish: Wish, former: Asked | None) -> bool:
    """True where what is to be there is what was: making it again takes no look at what is new on an index."""
    if former is None or former.automatic or not Path(former.plan.python.path).exists():
        return False
    return (wish.steps, wish.python) == (former.steps, former.python)


def settle(engine: Engine, folder: Folder, wish: Wish, former: Asked | None) -> Asked:
    """Plan and lock what is wished; versions of the former lock stay where they fit. Nothing is written.

    Where what earlier processes asked for stands in the way, it gives way. Raises what planning and locking raise,
    `SpecError` (`accelerator-contradicts`, `credentials-in-index`) and `ImpossibleError` (`builds-not-allowed`).
    """
    try:
        return _settled(engine, folder, wish, former)
    except _UNFIT as error:
        kept = tuple(step for step in wish.steps if step.key in wish.certain)
        if kept == wish.steps:
            raise
        dropped = ", ".join(step.requirement for step in wish.steps if step not in kept)
        engine.run("lock", folder.key).tell(
            f"asked for earlier, and left out now: {dropped} ({error.because})"
        )
        return _settled(engine, folder, replace(wish, steps=kept), former)


def _settled(engine: Engine, folder: Folder, wish: Wish, former: Asked | None) -> Asked:
    machine = preparing.machine_here(engine)
    spec = _spec(wish, former, str(folder.path))
    engine = replace(engine, policy=_policy(engine.policy, spec))
    preferences = held.preferences(former.lock if former else None)
    names = {name for step in wish.steps for name in step.builds}
    if names:
        _allowed(engine.policy)
    run = engine.run("lock", folder.key)
    run.tell("resolving " + (", ".join(spec.requirements) or "an empty environment"))

    def locked(builds: tuple[str, ...]) -> tuple[Plan, Lock]:
        def planner(machine: Machine, tag: str, brought: str) -> Plan:
            return _plan(engine, spec if tag == "auto" else _tagged(spec, tag), machine, builds, brought)

        return parting.resolved(engine, planner(machine, "auto", ""), machine, planner, preferences)

    try:
        plan, lock = locked(())
    except _UNFIT:
        if not names:
            raise
        run.tell(f"there is no way with wheels alone: {', '.join(sorted(names))} may be built")
        plan, lock = locked(tuple(sorted(names)))
    return Asked(steps=wish.steps, python=wish.python, plan=plan, lock=lock)


def _plan(engine: Engine, spec: Spec, machine: Machine, builds: tuple[str, ...], brought: str) -> Plan:
    variable = engine.environ.get("UV_TORCH_BACKEND", "")
    policy = _policy(engine.policy, spec)
    brought = parting.version(brought)
    made = planning.plan(spec, machine, policy, torch_backend=variable, brought_torch=brought)
    return msgspec.structs.replace(made, builds=builds)


def _tagged(spec: Spec, tag: str) -> Spec:
    return msgspec.structs.replace(spec, accelerator=tag)


def _spec(wish: Wish, former: Asked | None, path: str) -> Spec:
    """The steps as a Spec for uv; a Python that was chosen stays until another one is asked for."""
    indexes = {url: _index(url) for step in wish.steps if (url := step.index)}
    pins = [(step.key.partition(";")[0], indexes[step.index].name) for step in wish.steps if step.index]
    stays = former is not None and former.python == wish.python and Path(former.plan.python.path).exists()
    chosen = former.plan.python.minor if former and stays else ""
    return Spec(
        requirements=tuple(step.requirement for step in wish.steps),
        python=wish.python or chosen,
        accelerator=_accelerator(wish.steps) or "auto",
        backend="uv",
        indexes=tuple(indexes.values()),
        pins=tuple(pins),
        origin=Origin(kind="application", path=path),
    )


def _accelerator(steps: Iterable[Step]) -> str:
    """What the steps say of an accelerator, "" where none does. Raises `SpecError` (`accelerator-contradicts`)."""
    said = list(dict.fromkeys(step.accelerator for step in steps if step.accelerator))
    tags = [each for each in said if each != "auto"]
    if len(tags) > 1:
        raise SpecError(
            "accelerator-contradicts",
            "cannot plan an environment",
            f"the steps ask for the builds {' and '.join(tags)}",
            "ask for one of them",
        )
    return (tags or said or [""])[0]


def _index(url: str) -> Index:
    """An index that the author names: it serves only what is bound to it. Raises `SpecError` (`credentials-in-index`)."""
    if "@" in urlsplit(url).netloc:
        raise SpecError(
            "credentials-in-index",
            f"cannot use the index at {comparable(url)}",
            "its url holds a user name or a password, which would end up in locks and logs",
            "keep them in netrc or the keyring",
        )
    host = re.sub(r"[^a-z0-9]+", "-", (urlsplit(url).hostname or "index").lower())
    return Index(name=f"{host}-{digest({'index': comparable(url)})[:6]}", url=url.rstrip("/"), explicit=True)


def _policy(policy: Policy, spec: Spec) -> Policy:
    """The policy for an application: no kernel, nothing that nobody asked for, and the author's own indexes.

    Where an administrator has locked the indexes, another one is refused by the planning.
    """
    indexes = list(policy.indexes)
    if "indexes" not in policy.locked:
        there = {comparable(index.url) for index in indexes}
        indexes += [
            index
            for index in spec.indexes
            if comparable(index.url) not in there and not torch_tag(index.url, policy)
        ]
    return msgspec.structs.replace(policy, companions=(), packages=(), indexes=tuple(indexes))


def _allowed(policy: Policy) -> None:
    """Raise where somebody has said that nothing is built here."""
    where = policy.source_of("source_builds")
    if policy.source_builds == "never" and where != "default":
        raise ImpossibleError(
            "builds-not-allowed",
            "cannot build from source",
            f"the application names packages to build, and source-builds is `never` ({where})",
            "ask for versions that have wheels, or take `source-builds` out of the policy",
        )


def lay(engine: Engine, folder: Folder, asked: Asked, writer: logs.Writer) -> Prefix:
    """Make the environment hold what is asked: in place where it is whole and its Python stays, else from nothing.

    In the turn of who calls (`Folder.turn`), with nothing running from it (`Folder.idle`). Where it fails, it is not there,
    and what it is to hold is what it held. Raises what the backend raises.
    """
    machine = preparing.machine_here(engine)
    part = asked.lock.part(machine.tag, asked.plan.accelerator)
    if part is None:
        raise ImpossibleError(
            "no-part-for-this-machine", "cannot realise the environment's lock",
            f"it has no part for {machine.tag}", "remove the environment, and make it again here",
        )  # fmt: skip
    audit(engine, "realised", str(folder.path), folder.key)
    inner, there, former = _telling(engine, folder, writer), folder.ready(), folder.asked()
    writer.begin(folder.key)
    try:
        concrete = fitting.with_python(inner, asked.plan)
        asked = msgspec.structs.replace(asked, plan=concrete)
        folder.begin()
        folder.write(asked)
        run = inner.run("realise", folder.key)
        run.holding = (writer.handle,)
        now = there[1].lock.part(machine.tag, there[1].plan.accelerator) if there else None
        if there and now and there[0].version == concrete.python.version:
            uv.edit(concrete, part, str(folder.path), run, former=now)
            python = there[0].python
        else:
            folder.clear()
            python = uv.realise(concrete, part, str(folder.path), run)
        roles = fitting.roles(concrete, asked.lock)
        packages = (
            msgspec.structs.replace(each, role=roles.get(each.name, "")) for each in uv.inspect(python, run)
        )
        prefix = Prefix(
            key=folder.key, path=str(folder.path), python=python, version=concrete.python.version, backend="uv",
            owner="application", lock=asked.lock.digest(), plan=concrete.digest(), accelerator=concrete.accelerator,
            packages=tuple(packages), made=time.time(),
        )  # fmt: skip
        drifting.record(prefix, machine)
        folder.commit(prefix)
    except BaseException as error:
        if former is not None:
            folder.write(former)
        failed: dict[str, object] = {"what": "ended without it"}
        failed = error.to_json() if isinstance(error, IsoError) else failed
        writer.add(Event(phase=logs.PHASE, key=folder.key, at=time.time(), text="failed", error=failed))
        raise
    writer.add(Event(phase=logs.PHASE, key=folder.key, at=time.time(), text=logs.READY))
    return prefix


def _telling(engine: Engine, folder: Folder, writer: logs.Writer) -> Engine:
    """The engine whose events who waits is told too."""

    def tell(event: Event) -> None:
        writer.add(event)
        engine.emit(event)

    return engine.with_emit(tell)
