"""Which wheel runs where: machine tags, wheel tags and marker environments."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import cast

from packaging.markers import Environment, default_environment
from packaging.tags import Tag, compatible_tags, cpython_tags, platform_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

_ARCHITECTURES = {"amd64": "x86_64", "x64": "x86_64"}
_SYSTEMS = {"darwin": "macos"}

# Wheel platforms that can run on each kind of machine, whatever the version of its libc or system.
_FAMILIES = {
    "linux": r"(linux|manylinux\w*)_{arch}",
    "musl": r"(linux|musllinux\w*)_{arch}",
    "macos": r"macosx_\d+_\d+_({arch}|universal2?|intel|fat64)",
    "windows": r"win_({windows})",
}
_WINDOWS = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "x86": "32"}


def here() -> str:
    """The tag of this machine, as `Machine.tag` has it: "linux-x86_64"."""
    return tag(platform.system(), platform.machine())


@cache
def glibc() -> int:
    """The minor version of this machine's glibc (36 of "2.36"), 0 where it has none."""
    return glibc_of(" ".join(platform.libc_ver()))


def glibc_of(text: str) -> int:
    """The minor version of a glibc, as `Machine.libc` tells it.

    >>> glibc_of("glibc 2.17"), glibc_of("musl 1.2"), glibc_of("")
    (17, 0, 0)
    """
    found = re.fullmatch(r"glibc 2\.(\d+)(\.\d+)?", text)
    return int(found[1]) if found else 0


def tag(system: str, machine: str) -> str:
    """A machine's tag from Python's words for it.

    >>> tag("Darwin", "arm64"), tag("Windows", "AMD64")
    ('macos-arm64', 'windows-x86_64')
    """
    system, machine = system.lower(), machine.lower()
    return f"{_SYSTEMS.get(system, system)}-{_ARCHITECTURES.get(machine, machine)}"


def fits(filename: str, minor: str, machine: str) -> bool:
    """Whether a wheel can run under CPython `minor` on a machine with this tag, its libc being new enough.

    >>> fits("x-1-cp312-cp312-manylinux_2_28_x86_64.whl", "3.12", "linux-x86_64")
    True
    >>> fits("x-1-cp311-cp311-manylinux_2_28_x86_64.whl", "3.12", "linux-x86_64")
    False
    """
    try:
        found = parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return False
    system, _, arch = machine.partition("-")
    family = _FAMILIES.get("musl" if machine == here() and _musl() else system, "(?!)")
    pattern = family.format(arch=re.escape(arch), windows=_WINDOWS.get(arch, "(?!)"))
    return any(
        (each.interpreter, each.abi) in _interpreters(minor)
        and (each.platform == "any" or bool(re.fullmatch(pattern, each.platform)))
        for each in found
    )


@cache
def _musl() -> bool:
    return any(each.startswith("musllinux") for each in platform_tags())


@cache
def _interpreters(minor: str) -> frozenset[tuple[str, str]]:
    return frozenset((each.interpreter, each.abi) for each in _tags(minor, ("any",)))


def _tags(minor: str, platforms: Sequence[str]) -> Iterator[Tag]:
    version = tuple(int(part) for part in minor.split("."))
    flat = "cp" + minor.replace(".", "")
    yield from cpython_tags(version, abis=[flat], platforms=platforms)
    yield from compatible_tags(version, interpreter=flat, platforms=platforms)


@cache
def tags_here(minor: str) -> tuple[Tag, ...]:
    """The wheel tags that CPython `minor` takes on this machine, best first."""
    return tuple(_tags(minor, tuple(platform_tags())))


def environment(version: str) -> Environment:
    """The marker environment of CPython `version` (in full) on this machine."""
    return cast(
        "Environment",
        {
            **default_environment(),
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "implementation_version": version,
            "python_full_version": version,
            "python_version": ".".join(version.split(".")[:2]),
        },
    )
