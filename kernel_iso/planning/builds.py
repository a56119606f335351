"""Which build of torch serves which devices, and which of those that do is taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kernel_iso.accelerators import Code, Release, Table, cuda_of, kind, loadable, numbers, sm
from kernel_iso.model import Accelerator, Machine

NAMES = {"cuda": "NVIDIA GPU", "rocm": "AMD GPU", "xpu": "Intel GPU"}
"""What people call the devices of each kind, in the order in which a kind is chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device that the kernel may see: its place among those of its kind, and its driver's CUDA."""

    number: int
    facts: Accelerator
    cuda: str

    @property
    def text(self) -> str:
        """The device as sentences call it: "GPU 0 (Tesla T4)"."""
        return f"GPU {self.number}" + (f" ({self.facts.name})" if self.facts.name else "")

    @property
    def code(self) -> str:
        """Its architecture as compilers write it."""
        return sm(self.facts.architecture) or "of unknown architecture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A release of torch with a tag, for the machine."""

    release: Release
    tag: str
    code: Code | None

    @property
    def text(self) -> str:
        """The build as sentences call it: "torch 2.14 (cu126)"."""
        return f"torch {self.release.release} ({self.tag})"


def devices(machine: Machine, table: Table, of: str) -> tuple[tuple[Device, ...], tuple[Device, ...]]:
    """The devices of a kind: those that the kernel sees, and those hidden from it."""
    found = [
        Device(number=number, facts=each, cuda=each.cuda or table.driver_cuda(each.driver))
        for number, each in enumerate(one for one in machine.accelerators if one.kind == of)
    ]
    return (
        tuple(each for each in found if each.facts.visible),
        tuple(each for each in found if not each.facts.visible),
    )


def builds(
    releases: Iterable[Release], machine: str, table: Table, *, of: str = "", tag: str = ""
) -> tuple[Build, ...]:
    """The builds of a kind, or those of one tag, newest first."""
    return tuple(
        Build(release=release, tag=each, code=table.code_of(release.release, each, machine))
        for release in releases
        for each in sorted(release.tags.get(machine, ()), key=numbers, reverse=True)
        if each == tag or (not tag and kind(each) == of and each not in release.only_asked)
    )


def runs(build: Build, device: Device, table: Table) -> bool:
    """True where the build has code for the device, whatever the driver loads."""
    architecture = device.facts.architecture
    if not architecture or kind(build.tag) == "xpu":
        return True
    if build.code is None:
        return False
    if kind(build.tag) == "rocm":
        return architecture in build.code.gfx
    if table.newer_than_known(architecture):
        # Nobody knows yet: the newest release with its newest CUDA is the best there is.
        return build.release == table.releases[0]
    return table.runs(build.code, architecture, device.cuda, build.tag)


def serves(build: Build, device: Device, table: Table) -> bool:
    """True where the build is loadable by the device's driver, and runnable on the device."""
    if kind(build.tag) != device.facts.kind:
        return False
    return (kind(build.tag) != "cuda" or loadable(build.tag, device.cuda)) and runs(build, device, table)


def served(found: Sequence[Device], among: Sequence[Build], table: Table) -> tuple[Device, ...]:
    """The devices that one build can serve together: the most capable first, then what goes with it."""
    together: tuple[Device, ...] = ()
    for device in sorted(found, key=lambda each: (*_capability(each), -each.number), reverse=True):
        wanted = (*together, device)
        if any(all(serves(build, each, table) for each in wanted) for build in among):
            together = wanted
    return tuple(sorted(together, key=lambda each: each.number))


def _capability(device: Device) -> tuple[int, ...]:
    return (*numbers(device.facts.architecture), 0)[:2]


def best(wanted: Sequence[Device], among: Sequence[Build], table: Table) -> Build:
    """Of the builds that serve the devices: the newest release, then the newest CUDA that the driver has.

    Where the driver's CUDA is older than every one of the release, the nearest.
    """
    able = [build for build in among if all(serves(build, each, table) for each in wanted)]
    newest = max(build.release.key for build in able)
    able = [build for build in able if build.release.key == newest]
    if kind(able[0].tag) != "cuda":
        return max(able, key=lambda build: numbers(build.tag))
    driver = numbers(least(wanted))
    exact = [build for build in able if cuda_of(build.tag) <= driver]
    return (
        max(exact, key=lambda each: cuda_of(each.tag))
        if exact
        else min(able, key=lambda each: cuda_of(each.tag))
    )


def unfit(tag: str, release: str, machine: Machine, table: Table) -> str:
    """Why a build of a torch ("2.14.1") computes on no device of a machine, with the numbers; "" where it does.

    "" also for what is built for no device, and for what the table does not know.
    """
    of = kind(tag)
    if of not in NAMES:
        return ""
    found, _ = devices(machine, table, of)
    if not found:
        return f"this machine has no {NAMES[of]} that the kernel sees"
    every = builds(table.releases, machine.tag, table, tag=tag)
    build = next((each for each in every if each.release.key == numbers(release)[:2]), None)
    if build is None or any(serves(build, each, table) for each in found):
        return ""
    return obstacle(build, found, builds(table.releases, machine.tag, table, of=of), table)


def enough(parts: Sequence[tuple[str, str]], chosen: str, machine: Machine, table: Table) -> str:
    """Of builds that are at hand (tag, torch's version), one that serves what the `chosen` tag would; "" where none does.

    Devices that are left out by the choice too do not count. The nearest to the driver's CUDA is taken.
    """
    of = kind(chosen)
    found, _ = devices(machine, table, of)
    known = {
        tag: builds(table.releases, machine.tag, table, tag=tag)
        for tag in {chosen, *(tag for tag, _ in parts)}
    }
    wanted = [each for each in found if any(serves(build, each, table) for build in known[chosen])]
    among = [
        build
        for tag, version in parts
        for build in known[tag]
        if kind(tag) == of and build.release.key == numbers(version)[:2]
    ]
    able = [build for build in among if all(serves(build, each, table) for each in wanted)]
    return best(wanted, able, table).tag if wanted and able else ""


def least(found: Sequence[Device]) -> str:
    """The oldest CUDA of the devices' drivers."""
    return min((each.cuda for each in found), key=numbers, default="")


def obstacle(build: Build, found: Sequence[Device], among: Sequence[Build], table: Table) -> str:
    """Why a build does not serve the devices, with the numbers; "" where it does."""
    for device in found:
        if serves(build, device, table):
            continue
        if kind(build.tag) == "cuda" and not loadable(build.tag, device.cuda):
            return needs_driver(cuda_of(build.tag)[0], device, table)
        major = cuda_of(build.tag)[0]
        alike = [
            each for each in among if cuda_of(each.tag)[0] == major and kind(each.tag) == kind(build.tag)
        ]
        if kind(build.tag) == "cuda" and not any(runs(each, device, table) for each in alike):
            return f"{device.text} is {device.code}, and no CUDA {major} build of torch has code for it"
        return f"{device.text} is {device.code}, and {build.text} has code for {codes(build)}"
    return ""


def needs_driver(major: int, device: Device, table: Table) -> str:
    """What a CUDA major asks of the driver, and what it finds."""
    pair = table.drivers.get(str(major), ("", ""))
    number = f" ({pair[0]}; Windows {pair[1]})" if pair[0] != pair[1] else f" ({pair[0]})" if pair[0] else ""
    have = f"{device.facts.driver or 'the driver'} has CUDA {device.cuda or 'of an unknown version'}"
    return f"CUDA {major} needs a newer driver{number}: {have}"


def codes(build: Build) -> str:
    """What a build has code for, in a few words."""
    if build.code is None:
        return "nothing that is known"
    return ", ".join((*map(sm, build.code.sm), *build.code.gfx))
