"""What of torch is asked for, and which releases of it the wish and the Python allow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from kernel_iso.accelerators import Release, Table, numbers
from kernel_iso.model import Plan
from kernel_iso.planning.rules import Case

_SYSTEMS = {"linux": ("linux", "Linux", "posix"), "macos": ("darwin", "Darwin", "posix")}
_WINDOWS = ("win32", "Windows", "nt")

# More than any release had.
_PATCHES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked: the `names` that need torch, what bounds the three that go together, a pinned local version."""

    names: tuple[str, ...]
    bounds: dict[str, SpecifierSet]
    local: str = ""

    @property
    def text(self) -> str:
        """How the releases are bounded, for a sentence: "torch==2.15.0", or "torch"."""
        bounded = [f"{name}{bound}" for name, bound in self.bounds.items() if str(bound)]
        return " with ".join(bounded) or "torch"

    def allows(self, release: Release) -> bool:
        """True where some patch of a release, with a torchvision and a torchaudio of its own, is allowed."""
        minors = {
            "torch": (release.release,),
            "torchvision": release.torchvision,
            "torchaudio": release.torchaudio,
        }
        return all(
            any(
                bound.contains(version, prereleases=True)
                for minor in minors[name]
                for version in _patches(minor)
            )
            for name, bound in self.bounds.items()
        )

    def allows_newer(self, release: Release) -> bool:
        """True where a release after this one would be allowed."""
        major, minor = release.key[:2]
        later = [f"{major}.{minor + step}" for step in range(1, 60)] + [
            f"{major + 1}.{step}" for step in range(9)
        ]
        return any(
            self.bounds["torch"].contains(version, prereleases=True)
            for name in later
            for version in _patches(name)
        )


def _patches(minor: str) -> Iterator[str]:
    return (f"{minor}.{patch}" for patch in range(_PATCHES))


def wish(plan: Plan, case: Case, table: Table) -> Wish | None:
    """What of torch is asked for, or None where nothing that is asked for needs it."""
    asked = [*applicable(plan.requirements, plan, case)]
    if case.brought_torch:
        asked.append(Requirement(f"torch<={case.brought_torch}"))
    names = tuple(dict.fromkeys(name for each in asked if (name := _needing(each, table))))
    if not names:
        return None
    bounds: dict[str, SpecifierSet] = {"torch": SpecifierSet()}
    local = ""
    for each in (*asked, *applicable(plan.constraints, plan, case)):
        name = canonicalize_name(each.name)
        if name in ("torch", "torchvision", "torchaudio"):
            plain = ",".join(str(part).split("+")[0] for part in each.specifier)
            bounds[name] = bounds.get(name, SpecifierSet()) & SpecifierSet(plain)
        if name in table.family("cu126"):
            pinned = [
                part.version.partition("+")[2] for part in each.specifier if part.operator in ("==", "===")
            ]
            local = local or next(filter(None, pinned), "")
    return Wish(names=names, bounds=bounds, local=local)


def _needing(asked: Requirement, table: Table) -> str:
    """The name of a requirement that needs torch, or ""."""
    name = canonicalize_name(asked.name)
    if name in (*table.family("cu126"), *table.directml):
        return name
    for each in map(Requirement, table.dependents):
        if name == each.name and each.extras <= asked.extras:
            return name
    return ""


def applicable(texts: Iterable[str], plan: Plan, case: Case) -> Iterator[Requirement]:
    """The requirements whose markers hold on the machine, with the chosen Python."""
    for requirement in map(Requirement, texts):
        if requirement.marker is None or _holds(requirement.marker, plan, case):
            yield requirement


def _holds(marker: Marker, plan: Plan, case: Case) -> bool:
    platform, system, name = _SYSTEMS.get(case.machine.os, _WINDOWS)
    arch = {"windows-x86_64": "AMD64", "windows-arm64": "ARM64"}.get(case.machine.tag, case.machine.arch)
    full = plan.python.version if plan.python.version.count(".") > 1 else f"{plan.python.version}.0"
    return marker.evaluate(
        {
            "python_version": plan.python.minor,
            "python_full_version": full,
            "implementation_name": "cpython",
            "implementation_version": full,
            "platform_python_implementation": "CPython",
            "sys_platform": platform,
            "platform_system": system,
            "platform_machine": arch,
            "platform_release": "",
            "platform_version": "",
            "os_name": name,
            "extra": "",
        }
    )


def for_python(releases: Iterable[Release], python: str, machine: str, table: Table) -> tuple[Release, ...]:
    """The releases with wheels for a Python ("3.12"); one newer than the table's newest counts as that one."""
    newest = max((each.pythons(machine)[1] for each in table.torch), key=numbers)
    minor = min(numbers(python), numbers(newest))
    return tuple(
        each
        for each in releases
        if numbers(each.pythons(machine)[0]) <= minor <= numbers(each.pythons(machine)[1])
    )


def is_tag(text: str) -> bool:
    """True for the local version of a published build.

    >>> is_tag("cu126"), is_tag("rocm7.2"), is_tag("computecanada")
    (True, True, False)
    """
    return re.fullmatch(r"cpu|cu\d+|rocm\d+(\.\d+)+|xpu", text) is not None
