"""From a plan to a lock: conda's packages first, and what comes from PyPI on top of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kernel_iso.backends import explicit
from kernel_iso.backends.conda import on_top, specs
from kernel_iso.backends.explicit import Artefact
from kernel_iso.backends.pylocks import Pick, reachable
from kernel_iso.backends.wheels import here
from kernel_iso.errors import ConflictError, ImpossibleError, IsoError, SpecError, ToolError
from kernel_iso.model import Lock, Part, Plan, Run
from kernel_iso.model.conda_specs import conda_name
from kernel_iso.planning.cooldown import limit

WORKER = "kernel_iso.backends.conda.worker"

_UNFIT = (ConflictError, ImpossibleError, SpecError)

GPU = ("pytorch", "libtorch", "jaxlib", "tensorflow", "tensorflow-base", "onnxruntime", "libxgboost", "faiss")
"""Packages with builds for the CPU and for CUDA under one name: conda takes the former where the latter does not fit."""


# conda-forge says in the build string of what has several: `cpu_generic_py312_0`, `py312h0_1_cpu`, `cuda126_mkl_py312_0`.
_BUILT_FOR = re.compile(r"(^|_)(cpu|gpu|cuda\d*|cu\d{2,3})(_|$)")

# Who wishes for the processor writes `pytorch-cpu`, `cpuonly`, `pytorch=*=cpu*`; `py-cpuinfo` is something else.
_FOR_CPU = re.compile(r"(^|[-\s_=*'\"])cpu(only)?([\s_*=<>\]'\"]|$)")


def subdir(machine: str) -> str:
    """conda's name for a machine. Raises `ImpossibleError` (`no-such-platform`)."""
    if machine not in specs.SUBDIRS:
        raise ImpossibleError(
            "no-such-platform", f"cannot lock for the platform `{machine}`",
            f"conda has packages for {', '.join(sorted(specs.SUBDIRS))}",
            "take it out of `platforms` in the policy",
        )  # fmt: skip
    return specs.SUBDIRS[machine]


def common(plan: Plan) -> dict[str, Any]:
    """What every request to the worker has."""
    return {"channels": list(plan.channels), "cache": plan.cache, "offline": plan.offline}


def asked(plan: Plan, artefacts: Iterable[Artefact]) -> dict[str, str]:
    """The specs that were asked for, by name, of what is there."""
    there = {each.name for each in artefacts}
    return {name: text for text in plan.conda if (name := conda_name(text)) in there}


def lock(plan: Plan, run: Run, preferences: tuple[str, ...]) -> Lock:
    """A part for each platform of the plan. `detached` is for the first one."""
    made: list[Lock] = []
    for machine in [name or here() for name in plan.platforms] or [here()]:
        picks, left = _settled(plan, run, machine, preferences)
        if fallen := _fallen(plan, picks):
            picks, left = _with_gpu(plan, run, machine, preferences, fallen) or (picks, left)
        made.append(_locked(plan, run, machine, picks, left, preferences))
    return replace(
        made[0], parts=tuple(part for each in made for part in each.parts),
        companions=tuple(sorted({name for each in made for name in each.companions})),
        detached=next((each.detached for each in made if each.detached), ""),
    )  # fmt: skip


def adopt(plan: Plan, artefacts: Sequence[Artefact], run: Run) -> Lock:
    """The lock of exactly these packages for this machine; the kernel's own that are not among them come from PyPI."""
    picks = [
        {
            "base": each.base, "subdir": each.subdir, "name": each.name, "version": each.version, "build": each.build,
            "file": each.filename, "sha256": each.sha256, "size": each.size, "depends": list(each.requires),
            # An explicit list does not tell; a name that is no Python package's binds nothing.
            "constrains": [], "python": not each.requires or "python" in each.requires,
        }
        for each in artefacts
    ]  # fmt: skip
    there = set(on_top.provides(picks))
    left = tuple(each for each in plan.companions if canonicalize_name(Requirement(each).name) not in there)
    return _locked(plan, run, here(), picks, left, ())


def _locked(
    plan: Plan,
    run: Run,
    machine: str,
    picks: Sequence[Mapping[str, Any]],
    left: tuple[str, ...],
    preferences: tuple[str, ...],
) -> Lock:
    """The lock of these conda packages for one machine, with what comes from PyPI: what is asked there, and `left`."""
    roots = {conda_name(text) for text in plan.conda}
    own = {str(each["name"]) for each in picks} - _reachable(picks, roots)
    kernel, wheels = set(own), None
    if plan.requirements or left:
        kept = tuple(each for each in preferences if each.count("=") == 2)
        wheels = on_top.lock(plan, picks, left, machine, run, kept)
        kernel |= {*wheels.companions}
    return Lock(
        plan=plan.digest(), parts=(_part(plan, machine, picks, roots, own, wheels),), python=plan.python.minor,
        companions=tuple(sorted(kernel)), detached=wheels.detached if wheels else "", source=plan.backend,
    )  # fmt: skip


def _part(
    plan: Plan,
    machine: str,
    picks: Sequence[Mapping[str, Any]],
    roots: set[str],
    own: set[str],
    wheels: Lock | None,
) -> Part:
    """The part for a machine; where nothing in it depends on a GPU, it is for every accelerator."""
    names = {each["name"] for each in picks}
    needs = {each for pick in picks for each in pick["depends"] if each.startswith("__")}
    # conda-forge's `cuda-version` says which drivers it bears as a constraint, beside a bare `__cuda` of what needs one.
    needs |= {each for pick in picks for each in pick["constrains"] if each.startswith("__cuda")}
    artefacts = [
        Artefact(
            base=each["base"], subdir=each["subdir"], name=each["name"], version=each["version"], build=each["build"],
            format=".conda" if each["file"].endswith(".conda") else ".tar.bz2", sha256=_hashed(each),
            role="asked" if each["name"] in roots else "companion" if each["name"] in own else "",
            requires=tuple(sorted({_name(text) for text in each["depends"]} & names)), size=each["size"],
        )
        for each in sorted(picks, key=lambda each: str(each["name"]))
    ]  # fmt: skip
    notes = _notes(plan, picks)
    tied = (
        plan.build_index
        or any(need.startswith("__cuda") for need in needs)
        or any(_BUILT_FOR.search(each["build"]) for each in picks)
    )
    text = explicit.write(artefacts, platform=subdir(machine), plan=plan.digest(), virtual=needs, notes=notes)
    pypi = wheels.parts[0].text if wheels else ""
    return Part(
        text=text, kind="conda", pypi=pypi, platform=machine, accelerator=plan.accelerator if tied else ""
    )


def _fallen(plan: Plan, picks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What is a CPU build although there is a GPU and nobody asked for it: conda says nothing of it."""
    wished = any(_FOR_CPU.search(text) for text in (*plan.conda, *plan.conda_limits))
    if wished or not any(each.startswith("__cuda=") for each in plan.virtual):
        return []
    return [
        each
        for each in picks
        if each["name"] in GPU and "cpu" in each["build"] and "cuda" not in each["build"]
    ]


def _notes(plan: Plan, picks: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """A sentence for each package that is a CPU build although there is a GPU."""
    cuda = next((each.partition("=")[2] for each in plan.virtual if each.startswith("__cuda=")), "")
    return tuple(
        f"{each['name']} {each['version']} is the CPU build ({each['build']}), although the GPU's driver has CUDA {cuda}: "
        "no CUDA build fits everything that is asked for"
        for each in _fallen(plan, picks)
    )


def _with_gpu(
    plan: Plan, run: Run, machine: str, preferences: tuple[str, ...], fallen: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], tuple[str, ...]] | None:
    """What fits together where these packages must be CUDA builds, None where nothing does.

    The solver takes the newest release, and where that has no build for the driver, the CPU's: an older one with a build
    that computes on the GPU is what a person wants who has one.
    """
    wanted = tuple(f"{each['name']} * *cuda*" for each in fallen)
    bound = replace(plan, conda_limits=(*plan.conda_limits, *wanted))
    try:
        picks, left = _settled(bound, run, machine, preferences)
    except _UNFIT:
        return None
    there = {each["name"]: each for each in picks}
    told = [
        f"{there[each['name']]['version']} for CUDA instead of {each['version']} for the CPU"
        for each in fallen
        if each["name"] in there
    ]
    run.tell(f"takes {', '.join(told)}: the GPU's driver runs that")
    return picks, left


def _hashed(each: Mapping[str, Any]) -> str:
    if each["sha256"]:
        return str(each["sha256"])
    raise ToolError(
        "no-hash", f"cannot lock {each['name']} {each['version']}",
        "the channel has no SHA-256 of it: nobody could tell whether it is the same next time",
        "use a channel that publishes SHA-256 hashes (`conda index` writes them)",
    )  # fmt: skip


def _settled(
    plan: Plan, run: Run, machine: str, preferences: tuple[str, ...]
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """conda's packages with the kernel's own where these fit in, and the companions that do not."""
    able = specs.plain(plan.companions)
    rest = tuple(each for each in plan.companions if each not in able)
    if not able:
        return _solved(plan, run, machine, (), preferences), rest
    try:
        return _solved(plan, run, machine, able, preferences), rest
    except _UNFIT as error:
        why: IsoError = error
    # If what is asked cannot be had alone either, this raises what the person can mend.
    picks = _solved(plan, run, machine, (), preferences)
    fitting: tuple[str, ...] = ()
    for each in able:
        try:
            picks = _solved(plan, run, machine, (*fitting, each), preferences)
        except _UNFIT:
            continue
        fitting = (*fitting, each)
    left = tuple(each for each in plan.companions if each not in fitting)
    run.tell(f"{' and '.join(left)} cannot come from the channels: {why.because[:200]}")
    return picks, left


def _solved(
    plan: Plan, run: Run, machine: str, companions: Sequence[str], preferences: tuple[str, ...]
) -> list[dict[str, Any]]:
    newest = limit(plan.exclude_newer, datetime.now(UTC)).isoformat() if plan.exclude_newer else ""
    request = {
        "do": "solve", **common(plan), "specs": [*plan.conda, *map(specs.companion, companions)],
        "limits": list(plan.conda_limits), "subdir": subdir(machine), "here": machine == here(),
        "virtual": list(plan.virtual), "libc": plan.libc if machine == here() else "", "newest": newest,
        "prefer": [each for each in preferences if each.count("=") == 3],
    }  # fmt: skip
    return cast("list[dict[str, Any]]", run.worker(WORKER, request))


def _name(spec: str) -> str:
    return spec.split()[0] if spec.strip() else ""


def _reachable(picks: Sequence[Mapping[str, Any]], roots: Iterable[str]) -> frozenset[str]:
    """The names that `roots` need, themselves included."""
    edges = [
        Pick(name=each["name"], version="", requires=frozenset(map(_name, each["depends"]))) for each in picks
    ]
    return reachable(edges, roots)


def versions(name: str, plan: Plan, run: Run) -> tuple[dict[str, str], ...]:
    """What the channels have of a package for this machine."""
    request = {"do": "versions", **common(plan), "subdir": subdir(here()), "name": name}
    return tuple(cast("list[dict[str, str]]", run.worker(WORKER, request)))
