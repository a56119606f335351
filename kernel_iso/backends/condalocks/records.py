"""What a foreign lock of conda's world holds, checked piece by piece: nothing in it is believed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from kernel_iso import condarc
from kernel_iso.backends import explicit
from kernel_iso.backends.explicit import Artefact
from kernel_iso.errors import ImpossibleError, SpecError

PACKAGES = 20_000
"""Packages that one lock may name."""

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A package from an index, pinned: `sha256` is that of the one file which is meant."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """What a lock holds for one platform: conda's packages, those from PyPI, the version of Python, and the channels."""

    artefacts: tuple[Artefact, ...]
    wheels: tuple[Wheel, ...] = ()
    python: str = ""
    channels: tuple[str, ...] = ()
    platform: str = ""

    @property
    def pins(self) -> tuple[str, ...]:
        """What comes from PyPI, as requirements: "name==version"."""
        return tuple(f"{each.name}=={each.version}" for each in self.wheels)

    @property
    def hashes(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The only hashes allowed for it, as `Spec.hashes` has them."""
        return tuple((each.name, (f"sha256:{each.sha256}",)) for each in self.wheels)


def artefact(url: str, sha256: str, where: str, name: str) -> Artefact:
    """The package at an address, without the login that may be in it; raises `SpecError` (`bad-lock`)."""
    clean = condarc.bare(url)
    if not clean.isprintable() or " " in clean or "$" in clean:
        bad(name, f"{where}: its address is none, or has variables in it")
    try:
        (made,) = explicit.read(f"@EXPLICIT\n{clean}{f'#sha256:{sha256}' if sha256 else ''}").artefacts
    except (SpecError, ValueError):
        bad(name, f"{where}: its address is none of a conda package")
    return made


def wheel(title: str, version: str, sha256: str, where: str, name: str) -> Wheel:
    """A pinned package; raises `SpecError` (`bad-lock`) for what is no name, version or hash."""
    if not _NAME.fullmatch(title) or len(title) > 200:
        bad(name, f"{where}: its name is none of a package")
    if not _SHA256.fullmatch(sha256):
        bad(name, f"{where}: {title} has no SHA-256, or a broken one")
    try:
        parsed = Version(version)
    except InvalidVersion:
        bad(name, f"{where}: `{version[:80]}` is no version")
    return Wheel(name=str(canonicalize_name(title)), version=str(parsed), sha256=sha256)


def foreign(
    artefacts: Iterable[Artefact], wheels: Sequence[Wheel], channels: Iterable[str], subdir: str, name: str
) -> Foreign:
    """The whole, each name once, every dependency that is no virtual package among what is there."""
    found: dict[str, Artefact] = {}
    for each in artefacts:
        if found.setdefault(each.name, each) is not each:
            bad(name, f"it names the package {each.name} twice")
    kept = tuple(found[key] for key in sorted(found))
    for each in kept:
        if each.subdir not in (subdir, "noarch"):
            unfit(name, f"{each.name} is for {each.subdir}", subdir)
    if len({each.name for each in wheels}) != len(wheels):
        bad(name, "it names a package from PyPI twice")
    dressed = tuple(
        replace(each, requires=tuple(need for need in each.requires if need in found)) for each in kept
    )
    used = dict.fromkeys([*(condarc.bare(each) for each in channels), *(each.base for each in kept)])
    return Foreign(
        artefacts=dressed, wheels=tuple(sorted(wheels, key=lambda each: each.name)),
        python=found["python"].version if "python" in found else "", channels=_distinct(used), platform=subdir,
    )  # fmt: skip


def _distinct(channels: Iterable[str]) -> tuple[str, ...]:
    """Channels by name and by the address of the same one count once.

    >>> _distinct(["conda-forge", "https://conda.anaconda.org/conda-forge"])
    ('conda-forge',)
    """
    return tuple(
        dict.fromkeys(
            each.rstrip("/").removeprefix("https://conda.anaconda.org/") for each in channels if each
        )
    )


def bad(name: str, because: str) -> NoReturn:
    """Raise `SpecError` (`bad-lock`)."""
    shown = "".join(each if each.isprintable() else "?" for each in because)[:300]
    raise SpecError(
        "bad-lock", f"cannot read `{name[:80]}`", shown, "make it again with the tool that wrote it"
    )


def unfit(name: str, because: str, subdir: str) -> NoReturn:
    """Raise `ImpossibleError` (`lock-does-not-fit`)."""
    raise ImpossibleError(
        "lock-does-not-fit", f"cannot use `{name[:80]}`", f"{because}, and {subdir} is needed here",
        f"lock for {subdir} too, with the tool that wrote it",
    )  # fmt: skip


def address(title: str, name: str) -> NoReturn:
    """Raise `ImpossibleError` (`url-not-allowed`)."""
    raise ImpossibleError(
        "url-not-allowed", f"cannot use `{name[:80]}`", f"it takes {title[:80]} from an address instead of an index",
        "ask for a release of it, and lock again with the tool that wrote it",
    )  # fmt: skip
