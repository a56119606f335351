"""Say what is there: packages, what pulled them in, and the state of a target's environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name

from kernel_iso import backends
from kernel_iso.backends import explicit
from kernel_iso.discovery import Discovered
from kernel_iso.engine import borrowing, drifting, fitting, preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.differences import Change, difference, versions
from kernel_iso.engine.preparing import Wish
from kernel_iso.engine.targets import Target
from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.model import Lock, Machine, Package, Plan, Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The state of a target's environment.

    `state` is `ready`, `in-use`, `out-of-date` (it answers a former plan, or has another build of torch than the next
    start takes), `not-made` or `not-approved`. `drift` are the packages that differ from what was made (`!pip install`
    does that), `machine_drift` sentences on what differs on the machine (driver, GPUs, the build that fits),
    `accelerators` those that the prefix's lock has parts for, `unique` and `shared` the bytes on disk that only this
    prefix holds, and the others. `notes` are what its lock wants a person to know, `locked` the versions that it
    installs, `installed` what is there.

    A notebook may have chosen an environment that was `found` on this machine: then `state` is `found`, there is no
    plan, and nothing of it is ours.
    """

    wish: Wish
    plan: Plan | None
    state: str
    machine: Machine
    prefix: Prefix | None = None
    found: Discovered | None = None
    locked: Mapping[str, str] = field(default_factory=dict)
    installed: tuple[Package, ...] = ()
    drift: tuple[Change, ...] = ()
    machine_drift: tuple[str, ...] = ()
    accelerators: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unique: int = 0
    shared: int = 0


def current(engine: Engine, wish: Wish) -> Prefix | None:
    """The prefix of the owner's current generation, where it is there."""
    owner = engine.store.owner(wish.owner)
    return engine.store.find(owner.now.key) if owner and owner.now else None


def required(engine: Engine, target: Target) -> tuple[Wish, Prefix]:
    """The target's wish and its prefix; raises `ImpossibleError` (`not-made-yet`) where there is none."""
    wish = preparing.read(engine, target)
    found = borrowing.chosen(engine, wish)
    prefix = borrowing.as_prefix(engine, found) if found else current(engine, wish)
    if prefix is None:
        raise ImpossibleError(
            "not-made-yet",
            f"cannot look into the environment of `{target.label}`",
            "it was not made yet on this machine",
            f'kernel-iso realise "{target.path}"' if target.path else "kernel-iso realise",
        )
    return wish, prefix


def packages(engine: Engine, target: Target) -> tuple[Package, ...]:
    """The packages installed in a target's prefix at present, with their roles."""
    _, prefix = required(engine, target)
    return installed(engine, prefix)


def installed(engine: Engine, prefix: Prefix) -> tuple[Package, ...]:
    """The packages in a prefix at present; those that were not made by us have the role `added`."""
    known = {item.name: item.role for item in prefix.packages}
    found = backends.find(prefix.backend).inspect(prefix.python, engine.run("inspect", prefix.key))
    return tuple(
        Package(
            name=item.name, version=item.version, role=known.get(item.name, "added"), requires=item.requires,
            size=item.size, installer=item.installer, build=item.build, channel=item.channel,
        )
        for item in found
    )  # fmt: skip


def tree(found: Sequence[Package], name: str = "") -> list[str]:
    """The dependency tree as lines: from what was asked downward, or from `name` upward to what pulled it in.

    A package that was shown above is not opened again. Raises `SpecError` (`not-installed`).

    >>> asked = Package(name="a", version="1", role="asked", requires=("b",))
    >>> print("\\n".join(tree([asked, Package(name="b", version="2")])))
    a 1
    └── b 2
    >>> print("\\n".join(tree([asked, Package(name="b", version="2")], "b")))
    b 2
    └── a 1  (asked)
    """
    by_name = {item.name: item for item in found}
    if not name:
        roots = [item.name for item in found if item.role in ("asked", "companion", "added")]
        inner = {need for item in found for need in item.requires}
        roots = [root for root in roots if by_name[root].role == "asked" or root not in inner]
        edges = {item.name: [need for need in item.requires if need in by_name] for item in found}
        return [line for root in roots for line in _branch(root, edges, by_name, upward=False)]
    wanted = canonicalize_name(name)
    if wanted not in by_name:
        raise SpecError(
            "not-installed",
            f"cannot show what needs `{name}`",
            "it is not installed here",
            "kernel-iso packages",
        )
    edges = {item.name: [other.name for other in found if item.name in other.requires] for item in found}
    return _branch(wanted, edges, by_name, upward=True)


def _branch(
    root: str, edges: dict[str, list[str]], by_name: dict[str, Package], *, upward: bool
) -> list[str]:
    seen: set[str] = set()
    lines: list[str] = []

    def visit(name: str, lead: str, joint: str) -> None:
        item = by_name[name]
        role = (
            f"  ({item.role})"
            if (item.role and (upward or joint == "") and item.role != "asked") or (upward and item.role)
            else ""
        )
        lines.append(f"{lead}{joint}{item.name} {item.version}{role}")
        if name in seen:
            return
        seen.add(name)
        below = lead + {"": "", "├── ": "│   ", "└── ": "    "}[joint]
        for position, need in enumerate(edges[name]):
            visit(need, below, "└── " if position == len(edges[name]) - 1 else "├── ")

    visit(root, "", "")
    return lines


def inspect(engine: Engine, target: Target) -> State:
    """The state of a target's environment, without changing anything."""
    wish = preparing.read(engine, target)
    machine = preparing.machine_here(engine)
    if found := borrowing.chosen(engine, wish):
        there_now = borrowing.as_prefix(engine, found)
        packages = installed(engine, there_now)
        return State(
            wish=wish,
            plan=None,
            state="found",
            machine=machine,
            prefix=there_now,
            found=found,
            installed=packages,
        )
    plan = preparing.make_plan(engine, wish, machine)
    prefix = current(engine, wish)
    if prefix is None:
        state = "not-made" if preparing.is_approved(engine, wish) else "not-approved"
        return State(wish=wish, plan=plan, state=state, machine=machine)
    made = {item.name: item.version for item in prefix.packages}
    packages = installed(engine, prefix)
    there = {item.name: item.version for item in packages}
    size = engine.store.sizes(prefix.key)
    stale = prefix.plan != plan.digest() or other_build(prefix, plan)
    locked = engine.store.lock(prefix.lock)
    tags = dict.fromkeys(part.accelerator for part in locked.parts if part.accelerator) if locked else ()
    state = "in-use" if engine.store.in_use(prefix.key) else "ready"
    return State(
        wish=wish, plan=plan, state="out-of-date" if stale else state, machine=machine, prefix=prefix,
        locked=versions(locked, machine.tag, prefix.accelerator), installed=packages, drift=difference(made, there),
        machine_drift=drifting.drift(prefix, plan, machine, there, drifting.recorded(prefix)), accelerators=tuple(tags),
        notes=notes(locked, machine.tag, prefix.accelerator), unique=size.unique, shared=size.shared,
    )  # fmt: skip


def notes(locked: Lock | None, platform: str, accelerator: str) -> tuple[str, ...]:
    """What a lock's part wants a person to know: conda's silent fall to a CPU build, for one."""
    part = locked.part(platform, accelerator) if locked else None
    return explicit.read(part.text).notes if part and part.kind == fitting.CONDA else ()


def other_build(prefix: Prefix, plan: Plan) -> bool:
    """True where the plan has another build in mind; conda's packages are often for every accelerator ("")."""
    every = prefix.backend == fitting.CONDA and not prefix.accelerator
    return not every and prefix.accelerator != plan.accelerator


def where(prefix: Prefix) -> str:
    """The folder of a prefix, with `~` for the person's home."""
    path = Path(prefix.path)
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except ValueError:
        return str(path)
