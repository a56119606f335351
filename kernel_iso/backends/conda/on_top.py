"""What comes from PyPI on top of conda's packages: locked and installed by uv, which never replaces what conda installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace
from packaging.version import InvalidVersion, Version

from kernel_iso.backends import finding, pylocks
from kernel_iso.backends.conda import prefixes
from kernel_iso.backends.conda.specs import pypi_name
from kernel_iso.errors import ConflictError, ImpossibleError, IsoError, SpecError
from kernel_iso.model import Lock, Part, Plan, Python, Run

UNFIT = (ConflictError, ImpossibleError, SpecError)
"""What says that something cannot be had, or not together."""


def lock(
    plan: Plan, conda: Sequence[Mapping[str, Any]], companions: tuple[str, ...], machine: str, run: Run,
    preferences: tuple[str, ...],
) -> Lock:  # fmt: skip
    """The lock of wheels beside conda's packages (tables of `solving`); what conda has keeps its version, and is left out.

    `companions` are those that conda cannot provide. Raises what the uv backend raises, and `ConflictError`
    (`pypi-needs-other`) where a wheel needs another version of what conda installs.
    """
    provided = provides(conda)
    python = next((str(each["version"]) for each in conda if each["name"] == "python"), plan.python.version)
    wanted = _plan(plan, Python(version=python, path=""), companions, machine)
    wanted = replace(
        wanted, provided=tuple(f"{name}=={version}" for name, version in sorted(provided.items()))
    )
    try:
        made = finding.find("uv").lock(wanted, run, preferences=preferences)
    except UNFIT as error:
        if not plan.requirements:
            return _apart(wanted, provided, run, preferences, error)
        raise _clashing(error, provided) from None
    return _beside(made, provided)


def _beside(made: Lock, provided: Mapping[str, str]) -> Lock:
    """The lock without what conda has."""
    parts = tuple(replace(part, text=pylocks.without(part.text, provided)) for part in made.parts)
    return replace(
        made, parts=parts, companions=tuple(name for name in made.companions if name not in provided)
    )


def _apart(
    wanted: Plan, provided: Mapping[str, str], run: Run, preferences: tuple[str, ...], why: IsoError
) -> Lock:
    """The kernel's own packages where they cannot all live beside conda's: those that can there, the others apart.

    Nothing is asked from PyPI but them. Raises what the uv backend raises where they do not even fit alone.
    """
    uv = finding.find("uv")
    fitting: tuple[str, ...] = ()
    made = uv.lock(replace(wanted, companions=()), run, preferences=preferences)
    for each in wanted.companions:
        try:
            made = uv.lock(replace(wanted, companions=(*fitting, each)), run, preferences=preferences)
        except UNFIT:
            continue
        fitting = (*fitting, each)
    left = tuple(each for each in wanted.companions if each not in fitting)
    if not left:
        return _beside(made, provided)
    run.tell(f"{' and '.join(left)} cannot live beside what is asked: {why.because[:300]}")
    alone = uv.lock(replace(wanted, companions=left, constraints=(), hashes=(), provided=()), run)
    return replace(_beside(made, provided), detached=alone.parts[0].text)


def _clashing(error: IsoError, provided: Mapping[str, str]) -> IsoError:
    """The error, which names what conda installs where that is the quarrel."""
    told = "\n".join(error.tail)
    named = [name for name in provided if f"`{name}" in error.because or f"{name}==" in told]
    if not named or not isinstance(error, ConflictError):
        return error
    return ConflictError(
        "pypi-needs-other", "cannot find versions from PyPI that fit conda's packages",
        f"conda installs {', '.join(f'{name} {provided[name]}' for name in named[:5])}, and {error.because}",
        "ask for these from conda too, or for other versions of conda's packages", tail=error.tail,
    )  # fmt: skip


def _plan(plan: Plan, python: Python, companions: tuple[str, ...], machine: str) -> Plan:
    return replace(
        plan, backend="uv", python=python, companions=companions, conda=(), channels=(), virtual=(), conda_limits=(),
        platforms=(machine,),
    )  # fmt: skip


def provides(conda: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The Python packages among conda's, by their names on PyPI; those without a version of PEP 440 are left out.

    >>> provides([{"name": "pytorch", "version": "2.5.1", "python": True}, {"name": "zlib", "version": "1"}])
    {'torch': '2.5.1'}
    """
    found = {}
    for each in conda:
        try:
            version = str(Version(str(each["version"])))
        except InvalidVersion:
            continue
        if each.get("python"):
            found[pypi_name(str(each["name"]))] = version
    return found


def install(plan: Plan, part: Part, at: str, run: Run) -> int:
    """Install the wheels of a part into a conda prefix; return how many.

    The names by which a lock knew conda's packages were guessed; what conda really installed counts here. Raises
    `ConflictError` (`would-replace-conda`), and what the uv backend raises.
    """
    prefix = Path(at)
    there = {each.name: each.version for each in prefixes.distributions(prefix)}
    wanted = {each.name: each.version for each in pylocks.packages(part.pypi)}
    clashing = [
        f"{name} {there[name]}, and the lock has {version}"
        for name, version in wanted.items()
        if there.get(name, version) != version
    ]
    if clashing:
        raise ConflictError(
            "would-replace-conda", "does not replace what conda installed", f"conda installed {clashing[0]} from PyPI",
            "ask for it from conda only, or from PyPI only; then lock again",
        )  # fmt: skip
    text = pylocks.without(part.pypi, there)
    if not text:
        return 0
    python = prefixes.python_of(at)
    concrete = _plan(
        plan, Python(version=prefixes.version(prefix), path=python, source="conda"), (), part.platform
    )
    uv = cast("Any", finding.find("uv"))
    uv.extend(concrete, Part(text=text, platform=part.platform, accelerator=part.accelerator), python, run)
    return len(wanted.keys() - there.keys())
