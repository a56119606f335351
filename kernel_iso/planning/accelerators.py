"""Which build of torch: the newest that is allowed, and that every device which the kernel sees can run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from kernel_iso.accelerators import Release, Table, cuda_of, kind, loadable, numbers, table
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Plan
from kernel_iso.planning import torches
from kernel_iso.planning.asking import VARIABLE, Asked, asked
from kernel_iso.planning.builds import (
    NAMES,
    Build,
    Device,
    best,
    builds,
    devices,
    least,
    obstacle,
    served,
    serves,
)
from kernel_iso.planning.indexes import torch_index, torch_tag
from kernel_iso.planning.others import others
from kernel_iso.planning.rules import Case, attempt, decided, listed
from kernel_iso.planning.stepping_aside import aside
from kernel_iso.planning.torches import Wish

_SELECT = {"cuda": "CUDA_VISIBLE_DEVICES", "rocm": "HIP_VISIBLE_DEVICES", "xpu": "ZE_AFFINITY_MASK"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A tag, why, and what keeps the resolver at it."""

    tag: str
    why: tuple[str, ...]
    constraints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one choice is made from: `able` has releases for the Spec and the Python, `here` those of the machine."""

    wish: Wish
    plan: Plan
    case: Case
    table: Table
    able: tuple[Release, ...]
    here: tuple[Release, ...]
    notes: tuple[str, ...] = ()

    @property
    def machine(self) -> str:
        return self.case.machine.tag

    def builds(self, *, of: str = "", tag: str = "") -> tuple[Build, ...]:
        return builds(self.here, self.machine, self.table, of=of, tag=tag)


def accelerator(plan: Plan, case: Case) -> Plan:
    """Choose the build of torch, and bind its family to that build's index; nothing where torch is not needed.

    Raises `ImpossibleError` (`no-such-accelerator-build`, `no-torch-build-fits`, `no-torch-for-python`,
    `no-torch-for-machine`, `no-torch-index`) and `SpecError` (`accelerator-contradicts`).
    Source of the rule: `accelerators.toml`, and NVIDIA's compatibility guides as `kernel_iso.accelerators` says.
    """
    data = table()
    plan = msgspec.structs.replace(plan, brought_torch=case.brought_torch)
    wish = torches.wish(plan, case, data)
    if wish is None:
        asked = case.spec.accelerator
        unused = (
            ()
            if asked in ("", "auto")
            else (f"the build `{asked}` is asked for; nothing here depends on one",)
        )
        return decided(plan, "accelerator", "; ".join((*unused, *others(plan, case, data, ""))))
    left = aside(wish, plan, case, data)
    if left is not None:
        tag, text = left
        passed = (f"{VARIABLE} is passed over",) if case.torch_backend not in ("", "auto") else ()
        return decided(
            plan, "accelerator", "; ".join((text, *passed, *others(plan, case, data, tag))), accelerator=tag
        )
    choice = _choice(_question(wish, plan, case, data))
    plan = _unbound(plan, case, data)
    why = "; ".join((*choice.why, *others(plan, case, data, choice.tag)))
    limits = choice.constraints
    if case.machine.os == "macos" or not choice.tag:
        # There the default index has the one build there is.
        return decided(plan, "accelerator", why, accelerator=choice.tag, build_limits=limits)
    index = torch_index(choice.tag, case.policy)
    bound = {name for name, _ in plan.pins}
    pins = tuple((name, index.name) for name in data.family(choice.tag) if name not in bound)
    indexes = plan.indexes if index in plan.indexes else (*plan.indexes, index)
    return decided(
        plan,
        "accelerator",
        f"{why}; torch and its family only from {index.name} ({index.url})",
        accelerator=choice.tag,
        build_index=index.name,
        build_limits=limits,
        indexes=indexes,
        pins=(*plan.pins, *pins),
    )


def _unbound(plan: Plan, case: Case, data: Table) -> Plan:
    """The plan without the wish's own bindings of the family to indexes of torch's builds: they said which build."""
    tags = {index.name: torch_tag(index.url, case.policy) for index in plan.indexes}
    family = {name for tag in tags.values() if tag for name in data.family(tag)}
    pins = tuple(pin for pin in plan.pins if not (pin[0] in family and tags.get(pin[1])))
    freed = {index for _, index in plan.pins} - {index for _, index in pins}
    indexes = tuple(index for index in plan.indexes if not (index.explicit and index.name in freed))
    return msgspec.structs.replace(plan, pins=pins, indexes=indexes)


def _question(wish: Wish, plan: Plan, case: Case, data: Table) -> Question:
    """The releases that may be chosen from; raises where there is none for this Python or this machine."""
    machine, python = case.machine.tag, plan.python.minor
    fit = tuple(each for each in data.releases if wish.allows(each))
    notes = []
    if not fit:
        fit = data.releases[:1]
        notes.append(
            f"{wish.text} is newer than the table of {data.checked}, so it is judged as torch {fit[0].release}"
        )
    able = torches.for_python(fit, python, machine, data)
    if not able:
        ranges = listed(f"{each.release} is for Python {'-'.join(each.pythons(machine))}" for each in fit[:3])
        hints = [each.release for each in torches.for_python(data.releases, python, machine, data)]
        raise ImpossibleError(
            "no-torch-for-python",
            attempt(case.spec),
            f"{wish.text} has no build for Python {python}: torch {ranges}",
            f'ask for python = "{fit[0].pythons(machine)[1]}"'
            + (f", or torch=={hints[0]}.*" if hints else ""),
        )
    here = tuple(each for each in able if machine in each.tags)
    if not here or case.machine.libc.startswith("musl"):
        last = [each.release for each in data.releases if machine in each.tags]
        where = f"{machine} with musl" if case.machine.libc.startswith("musl") else machine
        raise ImpossibleError(
            "no-torch-for-machine",
            attempt(case.spec),
            f"{wish.text} has no build for {where} and Python {python}"
            + ("" if "musl" in where else f"; torch {last[-1]} to {last[0]} have builds for that machine"),
            "run it on a system with glibc"
            if "musl" in where
            else f"ask for torch=={last[0]}.*, or use another machine",
        )
    newest = max((each.pythons(machine)[1] for each in data.torch), key=numbers)
    if numbers(python) > numbers(newest):
        notes.append(
            f"Python {python} is newer than the table of {data.checked}, so it is judged as {newest}"
        )
    return Question(wish=wish, plan=plan, case=case, table=data, able=able, here=here, notes=tuple(notes))


def _choice(ask: Question) -> Choice:
    wanted = asked(ask.wish, ask.plan, ask.case, ask.table)
    choice = _explicit(ask, wanted) if wanted.tag else _automatic(ask)
    brought = ask.case.brought_torch
    along = (f"nothing that is asked for is known to need torch, and it brings torch up to {brought} along",)
    return replace(choice, why=(*choice.why, *ask.notes, *wanted.notes, *(along if brought else ())))


def _explicit(ask: Question, wanted: Asked) -> Choice:
    """The newest release that has the tag, with a warning where this machine cannot run it."""
    tag, text = wanted.tag, wanted.text
    among = ask.builds(tag=tag)
    if not among:
        return _unknown(ask, wanted)
    found, _ = devices(ask.case.machine, ask.table, kind(tag))
    able = served(found, among, ask.table)
    pick = best(able, among, ask.table) if able else among[0]
    why = [text]
    if kind(tag) in NAMES and not found:
        why.append(
            f"this machine has no {NAMES[kind(tag)]} that the kernel sees, so it computes on the CPU here"
        )
    why += _left_out(ask, pick, found, able)
    return Choice(tag=tag, why=(*why, *_caveats(ask, pick, able)), constraints=_limits(ask, pick, able))


def _unknown(ask: Question, wanted: Asked) -> Choice:
    """A tag newer than the table is tried; every other one does not exist."""
    tag, text = wanted.tag, wanted.text
    known = builds(ask.table.releases, ask.machine, ask.table, tag="") + tuple(
        build
        for of in ("cpu", "mps", *NAMES)
        for build in builds(ask.table.releases, ask.machine, ask.table, of=of)
    )
    alike = [
        numbers(build.tag)
        for build in known
        if kind(build.tag) == kind(tag) and kind(tag) in ("cuda", "rocm")
    ]
    if alike and numbers(tag) > max(alike):
        why = f"the table of {ask.table.checked} does not know it, so nothing here says whether it runs"
        return Choice(tag=tag, why=(text, why))
    have = [build.release.release for build in builds(ask.table.releases, ask.machine, ask.table, tag=tag)]
    tags = ask.here[0].tags[ask.machine]
    range_ = f"torch {have[-1]} to {have[0]} have it" if have else f"no torch for {ask.machine} has it"
    raise ImpossibleError(
        "no-such-accelerator-build",
        attempt(ask.case.spec),
        f"{text}, which {ask.wish.text} has not for {ask.machine} and Python {ask.plan.python.minor}; {range_}",
        f"torch {ask.here[0].release} has {listed(tags)}: ask for one of these, or {wanted.undo}"
        + (f", or ask for torch=={have[0]}.*" if have else ""),
    )


def _automatic(ask: Question) -> Choice:
    """The first kind of device that some build serves; the CPU build where there is none."""
    if ask.case.machine.os == "macos":
        return _apple(ask)
    why: list[str] = []
    for of, name in NAMES.items():
        found, hidden = devices(ask.case.machine, ask.table, of)
        if hidden:
            why.append(f"hidden from the kernel: {listed(each.text for each in hidden)}")
        among = ask.builds(of=of)
        wanted = served(found, among, ask.table)
        if wanted:
            return _for_devices(ask, found, wanted, among, why)
        if found:
            _refuse(ask, found, among)
            loads = (build for build in among if of != "cuda" or loadable(build.tag, least(found)))
            top = next(loads, among[0] if among else None)
            reason = (
                obstacle(top, found[:1], among, ask.table) if top else f"no {name} is served on {ask.machine}"
            )
            why.append(f"no build serves {listed(each.text for each in found)}: {reason}")
    if not why:
        why.append("no GPU was found that the kernel could use")
    pick = ask.builds(tag="cpu")[0]
    return Choice(tag="cpu", why=("the CPU build of torch", *why), constraints=_limits(ask, pick, ()))


def _apple(ask: Question) -> Choice:
    tag = "mps" if ask.case.machine.arch == "arm64" else "cpu"
    text = {
        "mps": "the default index's build of torch computes on Apple's GPU (MPS)",
        "cpu": f"the last torch for macOS on Intel is {ask.here[0].release}, on the CPU",
    }[tag]
    return Choice(tag=tag, why=(text,), constraints=_limits(ask, ask.builds(tag=tag)[0], ()))


def _for_devices(
    ask: Question,
    found: Sequence[Device],
    wanted: Sequence[Device],
    among: Sequence[Build],
    before: list[str],
) -> Choice:
    pick = best(wanted, among, ask.table)
    constraints = _limits(ask, pick, wanted)
    shown = listed(f"{each.text}, {each.code}" for each in wanted)
    driver = wanted[0].facts.driver
    why = [
        f"{pick.tag} of torch {pick.release.release} for {shown}" + (f", driver {driver}" if driver else "")
    ]
    if kind(pick.tag) == "cuda":
        why[0] += f" with CUDA {least(wanted)}"
    over = _passed_over(ask, pick, wanted, among)
    why += [over] if over else []
    why += [f"so that it stays there, {listed(constraints)}"] if constraints else []
    why += _left_out(ask, pick, found, wanted)
    return Choice(tag=pick.tag, why=(*why, *_caveats(ask, pick, wanted), *before), constraints=constraints)


def _passed_over(ask: Question, pick: Build, wanted: Sequence[Device], among: Sequence[Build]) -> str:
    """Why not the newest build: the one that the driver would load, where there is one."""
    driver = numbers(least(wanted))
    newer = [
        build
        for build in among
        if (build.release.key, numbers(build.tag)) > (pick.release.key, numbers(pick.tag))
        and obstacle(build, wanted, among, ask.table)
    ]
    if not newer:
        return ""
    top = max(newer, key=lambda each: (cuda_of(each.tag) <= driver, each.release.key, numbers(each.tag)))
    over = top.text if top.tag == pick.tag else top.tag
    return f"chose {pick.tag} over {over}: {obstacle(top, wanted, among, ask.table)}"


def _left_out(ask: Question, pick: Build, found: Sequence[Device], wanted: Sequence[Device]) -> list[str]:
    """What the build does not serve, why, and how to select what it does serve."""
    of = kind(pick.tag)
    among = ask.builds(of=of) if of in NAMES else ()
    texts = []
    for device in found:
        if device in wanted:
            continue
        text = f"{device.text} is left out: {obstacle(pick, (device,), among, ask.table)}"
        if wanted:
            chosen = ",".join(each.facts.uuid or str(each.number) for each in wanted)
            text += f" (hide it: {_SELECT[of]}={chosen})"
        texts.append(text)
    return texts


def _caveats(ask: Question, pick: Build, wanted: Sequence[Device]) -> list[str]:
    """What holds only in part: an older driver of the same major, and what is newer than the table."""
    texts = []
    data, driver = ask.table, least(wanted)
    if kind(pick.tag) == "cuda" and wanted and cuda_of(pick.tag) > numbers(driver):
        texts.append(
            f"the driver's CUDA {driver} is older than {pick.tag}'s: minor-version compatibility, "
            "without code compiled by the driver (PTX) and features of newer drivers"
        )
    if numbers(driver) > numbers(data.newest_cuda):
        texts.append(
            f"the driver's CUDA {driver} is newer than {data.newest_cuda}, the newest in the table of {data.checked}"
        )
    for device in wanted:
        if kind(pick.tag) == "cuda" and not device.facts.architecture:
            texts.append(f"the architecture of {device.text} is not known, so only the driver decided")
        elif kind(pick.tag) == "cuda" and data.newer_than_known(device.facts.architecture):
            texts.append(f"{device.text} is {device.code}, newer than the table of {data.checked}")
    return texts


def _limits(ask: Question, pick: Build, wanted: Sequence[Device]) -> tuple[str, ...]:
    """Bounds on torch, where a release that the wish allows would not serve, or has no such build."""
    ascending = sorted((each.key, each.release) for each in ask.table.torch)
    parts = []
    for older in (each for each in ask.here if each.key < pick.release.key):
        same = builds((older,), ask.machine, ask.table, tag=pick.tag)
        if same and not all(serves(same[0], each, ask.table) for each in wanted):
            parts.append(f">={next(name for key, name in ascending if key > older.key)}")
            break
    if any(each.key > pick.release.key for each in ask.able):
        parts.append(f"<{next(name for key, name in ascending if key > pick.release.key)}")
    return (f"torch{','.join(parts)}",) if parts else ()


def _refuse(ask: Question, found: Sequence[Device], among: Sequence[Build]) -> None:
    """Raise where another torch would serve these devices, and the wish does not allow it."""
    data, machine = ask.table, ask.machine
    able = torches.for_python(data.releases, ask.plan.python.minor, machine, data)
    for releases, python in ((able, ""), (data.releases, "with another Python, ")):
        every = builds(releases, machine, data, of=found[0].facts.kind)
        wanted = served(found, every, data)
        if wanted:
            pick = best(wanted, every, data)
            because = obstacle(among[0], wanted, every, data) if among else f"it has none for {machine}"
            raise ImpossibleError(
                "no-torch-build-fits",
                attempt(ask.case.spec),
                f"{ask.wish.text} has no build that {listed(each.text for each in wanted)} can run: {because}",
                f"{python}{pick.text} runs there: ask for torch=={pick.release.release}.*, "
                'or set accelerator = "cpu"',
            )
