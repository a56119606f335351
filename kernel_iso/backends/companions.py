"""The kernel's own packages: beside what is asked where they can live there, apart where not."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from kernel_iso.backends import clashes, pylocks
from kernel_iso.backends.pylocks import Pick
from kernel_iso.backends.wheels import here
from kernel_iso.errors import ConflictError, ImpossibleError, IsoError, SpecError
from kernel_iso.model import Lock, Part, Plan, Run

Resolve = Callable[[Plan, str], tuple[Pick, ...]]
"""What `requirements` and `constraints` of a plan need on a machine, with wheels."""

FLOORS = {"ipykernel": "6.0"}
"""Below these a companion does not count as fitting: ipykernel 5 has no control thread, no debugger."""

_UNFIT = (ConflictError, ImpossibleError, SpecError)


def lock(plan: Plan, run: Run, resolve: Resolve) -> Lock:
    """A part for each platform of the plan; the companions that do not fit in are locked apart.

    `detached` is for the first platform. Raises what `resolve` raises: for what is asked alone,
    wherever that is what fails.
    """
    parts: list[Part] = []
    kernel: set[str] = set()
    detached = ""
    asked = pylocks.names(plan.requirements)
    for machine in [name or here() for name in plan.platforms] or [here()]:
        picks, apart = _settled(plan, run, resolve, machine)
        own = {pick.name for pick in picks} - pylocks.reachable(picks, asked)
        kernel |= own
        detached = detached or apart
        text = pylocks.text(picks, plan, machine, asked=asked, companions=own)
        parts.append(Part(text=text, platform=machine, accelerator=plan.accelerator))
    return Lock(
        plan=plan.digest(),
        parts=tuple(parts),
        python=plan.python.minor,
        companions=tuple(sorted(kernel)),
        detached=detached,
        source=plan.backend,
    )


def _settled(plan: Plan, run: Run, resolve: Resolve, machine: str) -> tuple[tuple[Pick, ...], str]:
    """The packages of a part, and the text of a lock for the companions that must live apart."""
    if not plan.companions:
        return _alone(plan, resolve, machine), ""
    try:
        return resolve(_beside(plan, plan.companions), machine), ""
    except _UNFIT as error:
        if not plan.requirements:
            raise
        why = error
    # If what is asked cannot be had alone either, this raises what the person can mend.
    picks = _alone(plan, resolve, machine)
    fitting: tuple[str, ...] = ()
    for companion in plan.companions:
        try:
            picks = resolve(_beside(plan, (*fitting, companion)), machine)
        except _UNFIT:
            continue
        fitting = (*fitting, companion)
    apart = tuple(companion for companion in plan.companions if companion not in fitting)
    if not apart:
        return picks, ""
    run.tell(f"{' and '.join(apart)} cannot live beside what is asked: {_short(why)}")
    alone = replace(plan, requirements=(), constraints=(), hashes=(), provided=(), companions=apart)
    found = resolve(_beside(alone, apart), machine)
    return picks, pylocks.text(found, plan, machine, companions=[pick.name for pick in found])


def _beside(plan: Plan, companions: tuple[str, ...]) -> Plan:
    """The plan that asks for these companions too, none of them too old; one asked by name is as asked."""
    asked = pylocks.names(plan.requirements)
    floors = [f"{name}>={least}" for name, least in FLOORS.items() if name not in asked]
    return replace(
        plan,
        requirements=(*plan.requirements, *companions),
        constraints=(*plan.constraints, *(floors if companions else ())),
        companions=(),
    )


def _alone(plan: Plan, resolve: Resolve, machine: str) -> tuple[Pick, ...]:
    """What is asked, without the kernel; a conflict that the tool's words do not explain is narrowed by trying."""
    try:
        return resolve(replace(plan, companions=()), machine)
    except ConflictError as error:
        if error.because:
            raise
        words = error.tail

    def fits(part: tuple[str, ...]) -> bool:
        try:
            resolve(replace(plan, requirements=part, companions=()), machine)
        except _UNFIT:
            return False
        return True

    clash = clashes.smallest(plan.requirements, fits)
    listed = ", ".join(f"`{each}`" for each in clash)
    raise ConflictError(
        "no-versions-fit",
        "cannot find versions that fit together",
        f"these cannot live together: {listed}" if len(clash) > 1 else f"{listed} cannot be had",
        "loosen or leave out one of them" if len(clash) > 1 else "loosen it",
        tail=words,
    )


def _short(error: IsoError) -> str:
    return error.because if len(error.because) < 300 else error.because[:300] + "…"
