"""Give a lock a part for each accelerator that is asked for: the same torch, everything outside its family identical."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import msgspec
from packaging.version import InvalidVersion, Version

from kernel_iso import accelerators, backends, planning
from kernel_iso.backends import explicit
from kernel_iso.engine import held
from kernel_iso.engine.context import Engine
from kernel_iso.engine.fitting import CONDA, pinned_versions
from kernel_iso.errors import ConflictError, IsoError, SpecError
from kernel_iso.model import Lock, Machine, Part, Plan

FOLLOWS = re.compile(
    r"(nvidia|cuda|rocm|intel|dpcpp|onemkl|mkl|impi|tbb|tcmlib|umf|pytorch-triton|triton|lib(cu|nv)\w*|nccl|cudnn|magma)(-|$).*"
)
"""What a build of torch brings along; it differs from build to build."""

Planner = Callable[[Machine, str, str], Plan]
"""Plans for a machine, an accelerator ("auto": what the machine gets by itself), and `Lock.brought_torch`."""


def usual(plan: Plan) -> tuple[str, ...]:
    """The accelerators that a lock is also made for unless others are asked for: the CPU, beside a GPU's build."""
    return ("cpu",) if (plan.build_index or plan.virtual) and plan.accelerator != "cpu" else ()


def resolved(
    engine: Engine, plan: Plan, machine: Machine, planner: Planner, preferences: tuple[str, ...]
) -> tuple[Plan, Lock]:
    """A new lock with the usual parts, and the plan that it answers.

    Where torch turns out to come along with packages that are not known to need it, its build is chosen after all,
    and everything resolved again; both plans ask the same question, so that their digests are equal.
    """
    run = engine.run("lock", plan.digest()[:12])
    backend = backends.find(plan.backend)
    made = backend.lock(_own(plan, machine), run, preferences=preferences)
    unforeseen = not plan.accelerator or (plan.backend == CONDA and not plan.build_index)
    text = held.wheels(made.parts[0])
    found = pinned_versions(text).get("torch", "") if unforeseen and text else ""
    if found:
        again = planner(machine, "auto", Version(found).public)
        if again.accelerator and again != plan:
            run.tell(f"torch {found} comes along: choosing its build")
            plan = again
            made = backend.lock(_own(plan, machine), run, preferences=preferences)
    made = msgspec.structs.replace(made, python=plan.python.minor, brought_torch=plan.brought_torch)
    wanted = [(machine, tag) for tag in usual(plan)] + [*_elsewhere(plan, machine)]
    return plan, widened(engine, plan, made, wanted, planner, required=False)


def _own(plan: Plan, machine: Machine) -> Plan:
    """The plan for this machine alone where a build is bound: another platform has other builds and indexes."""
    return msgspec.structs.replace(plan, platforms=(machine.tag,)) if plan.accelerator else plan


def _elsewhere(plan: Plan, machine: Machine) -> Iterator[tuple[Machine, str]]:
    """The plan's other platforms: the same build where torch has it there, and what a machine without GPUs gets."""
    if not plan.accelerator:
        return
    for platform in plan.platforms:
        system, _, arch = platform.partition("-")
        there = Machine(os=system, arch=arch, pythons=machine.pythons)
        if platform == machine.tag:
            continue
        if any(plan.accelerator in each.tags.get(platform, ()) for each in accelerators.table().releases):
            yield there, plan.accelerator
        yield there, "auto"


def version(text: str) -> str:
    """A version that a lock tells; raises `SpecError` (`bad-lock`) for what is none: the lock may be a stranger's.

    >>> version("2.15.0"), version("")
    ('2.15.0', '')
    """
    try:
        return str(Version(text)) if text else ""
    except InvalidVersion as error:
        raise SpecError(
            "bad-lock", "cannot read the lock", str(error).lower(), "make it again with `kernel-iso lock`"
        ) from None


def widened(
    engine: Engine,
    plan: Plan,
    locked: Lock,
    wanted: Sequence[tuple[Machine, str]],
    planner: Planner,
    *,
    required: bool,
) -> Lock:
    """The lock with a part for each machine and accelerator of `wanted` too.

    Where a part cannot be made, it is left out and told, or, if `required`, raises `ConflictError` (`parts-differ`).
    """
    first = locked.parts[0]
    parts, companions = list(locked.parts), set(locked.companions)
    for machine, tag in wanted:
        if _has(parts, machine, tag):
            continue
        run = engine.run("lock", plan.digest()[:12])
        name = f"the {tag} build" if tag not in ("", "auto") else "a part"
        name += f" for {machine.tag}" if machine.tag != locked.parts[0].platform else ""
        run.tell(f"locking {name} too")
        try:
            other = planner(machine, tag, plan.brought_torch)
            if _has(parts, machine, other.accelerator):
                continue
            bound = msgspec.structs.replace(
                other,
                constraints=(*other.constraints, *same(held.wheels(first), first.accelerator)),
                conda_limits=same_of_conda(first),
                platforms=(machine.tag,),
            )
            made = backends.find(plan.backend).lock(bound, run)
        except IsoError as error:
            if required:
                raise ConflictError(
                    "parts-differ",
                    f"cannot lock the {tag} build beside {plan.accelerator}",
                    f"with everything else as it is locked, {error.because}",
                    f"lock for {tag} alone, or ask for a torch that has both builds",
                    tail=error.tail,
                ) from None
            run.tell(f"left {name} out: {error.because}")
            continue
        parts += made.parts
        companions |= set(made.companions)
    return msgspec.structs.replace(locked, parts=tuple(parts), companions=tuple(sorted(companions)))


def at_hand(plan: Plan, locks: Sequence[Lock], machine: Machine) -> str:
    """The accelerator of a part at hand that computes here as the plan's choice would; "" where that is at hand, or none is.

    What one person ran stays what another runs: a newer build is no reason to resolve again.
    """
    for lock in locks:
        if lock.part(machine.tag, plan.accelerator):
            return ""
        parts = [
            (part.accelerator, Version(found).public)
            for part in lock.parts
            if part.platform in ("", machine.tag) and (found := held.versions(part).get("torch"))
        ]
        if tag := planning.enough(parts, plan.accelerator, machine, accelerators.table()):
            return tag
    return ""


def _has(parts: Sequence[Part], machine: Machine, tag: str) -> bool:
    """True where there is such a part, or one of conda's that is for every accelerator."""
    return any(
        part.platform in ("", machine.tag)
        and (part.accelerator == tag or (part.kind == CONDA and not part.accelerator))
        for part in parts
    )


def same_of_conda(part: Part) -> tuple[str, ...]:
    """What another part must hold of conda's packages: the same versions, of whatever has no build for each accelerator.

    >>> same_of_conda(Part(text="@EXPLICIT\\nhttps://x.org/c/noarch/a-2024a-0.conda", kind="conda"))
    ('a ==2024a',)
    """
    if part.kind != CONDA:
        return ()
    found = (each for each in explicit.read(part.text).artefacts if not FOLLOWS.fullmatch(each.name))
    return tuple(f"{each.name} =={each.version}" for each in found)


def same(text: str, tag: str) -> tuple[str, ...]:
    """What another part must hold: the same releases of torch's family, and the same versions of everything else.

    >>> text = '[[packages]]\\nname="torch"\\nversion="2.14.1+cu126"\\n[[packages]]\\nname="nvidia-nccl"\\nversion="2"'
    >>> same(text, "cu126")
    ('torch==2.14.1',)
    """
    family = set(accelerators.table().family(tag))
    found = pinned_versions(text) if text else {}
    return tuple(
        f"{name}=={Version(version).public if name in family else version}"
        for name, version in sorted(found.items())
        if not FOLLOWS.fullmatch(name)
    )
