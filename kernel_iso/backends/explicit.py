"""Conda's explicit lists: exact packages by address and SHA-256, and what our own locks say beside them. Pure.

    # platform: linux-64
    # kernel-iso: {"packages":{"numpy":{"requires":["python"],"role":"asked","size":8123456}},…}
    @EXPLICIT
    https://conda.anaconda.org/conda-forge/linux-64/numpy-2.1.0-py312h1103770_0.conda#sha256:7c18…

Every tool of conda's world installs such a list. It names no dependencies, so that ours stand in a comment.
Source: conda's `conda.misc.explicit` (a `#` and then an MD5, or a SHA-256 with or without `sha256:`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from kernel_iso.errors import SpecError
from kernel_iso.model import Package

_LINE = re.compile(
    r"(?P<base>[a-z0-9+.-]+://[^\s#]+)/(?P<subdir>[a-z0-9_-]+)/"
    r"(?P<name>[A-Za-z0-9_][\w.-]*?)-(?P<version>[\w.!+~]+)-(?P<build>[\w.+]+)(?P<format>\.conda|\.tar\.bz2)"
    r"(?:#(?:sha256:)?(?P<hash>[0-9a-f]{64}|[0-9a-f]{32}))?",
    re.ASCII | re.IGNORECASE,
)
_OURS = "# kernel-iso: "

LIMIT = 8 * 2**20
"""Characters of the longest list that is read: 20,000 packages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """One package: the channel's URL (`base`), its folder there, its parts and its SHA-256 ("": it has none)."""

    base: str
    subdir: str
    name: str
    version: str
    build: str
    format: str
    sha256: str
    role: str = ""
    requires: tuple[str, ...] = ()
    size: int = 0

    @property
    def filename(self) -> str:
        """The name of the file: "numpy-2.1.0-py312h1103770_0.conda"."""
        return f"{self.name}-{self.version}-{self.build}{self.format}"

    @property
    def url(self) -> str:
        """Where the channel has it."""
        return f"{self.base}/{self.subdir}/{self.filename}"

    @property
    def channel(self) -> str:
        """The channel, as people name it."""
        return channel(self.base)


def channel(url: str) -> str:
    """A channel's URL as people name it: its path where it is a server's, all of it where it is a folder.

    >>> channel("https://conda.anaconda.org/conda-forge/"), channel("file:///srv/channel")
    ('conda-forge', 'file:///srv/channel')
    """
    parts = urlsplit(url)
    return (parts.path.strip("/") if parts.scheme in ("http", "https") else "") or url


@dataclass(frozen=True, slots=True, kw_only=True)
class Explicit:
    """A list: its artefacts in order, its platform ("linux-64"), and what a machine must have (`virtual`).

    `virtual` are specs of virtual packages ("__cuda >=12.6"), `notes` sentences that a person should read.
    """

    artefacts: tuple[Artefact, ...]
    platform: str = ""
    virtual: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    plan: str = ""
    table: Mapping[str, Any] = field(default_factory=dict)

    @property
    def packages(self) -> tuple[Package, ...]:
        """The packages by name, with roles and direct dependencies."""
        return tuple(
            Package(
                name=each.name, version=each.version, role=each.role, requires=each.requires, size=each.size,
                build=each.build, channel=each.channel,
            )
            for each in sorted(self.artefacts, key=lambda each: each.name)
        )  # fmt: skip


def write(
    artefacts: Iterable[Artefact],
    *,
    platform: str,
    plan: str = "",
    virtual: Iterable[str] = (),
    notes: Iterable[str] = (),
) -> str:
    """The list's text; equal artefacts in the same order give an equal text.

    >>> one = read("@EXPLICIT\\nhttps://x.org/c/noarch/a-1-0.conda#" + 64 * "0").artefacts
    >>> read(write(one, platform="linux-64", virtual=["__cuda >=12"])).virtual
    ('__cuda >=12',)
    """
    artefacts = tuple(artefacts)
    packages = {
        each.name: {
            key: value
            for key, value in (("role", each.role), ("requires", list(each.requires)), ("size", each.size))
            if value
        }
        for each in artefacts
    }
    ours = {"plan": plan, "virtual": sorted(virtual), "notes": list(notes), "packages": packages}
    said = json.dumps(
        {key: value for key, value in ours.items() if value}, sort_keys=True, separators=(",", ":")
    )
    lines = [
        "# This file may be used to create an environment using:",
        "# $ conda create --name <env> --file <this file>",
        f"# platform: {platform}",
        _OURS + said,
        "@EXPLICIT",
        *(each.url + (f"#sha256:{each.sha256}" if each.sha256 else "") for each in artefacts),
    ]
    return "\n".join(lines) + "\n"


def read(text: str) -> Explicit:
    """The list in a text, whoever wrote it. An MD5 is no hash that anybody vouches with, and is dropped.

    Raises `SpecError` (`bad-lock`) that names the line.
    """
    if len(text) > LIMIT:
        raise _bad(f"it has more than {LIMIT} characters")
    platform, ours, artefacts, began = "", {}, [], False
    for number, line in enumerate((line.strip() for line in text.splitlines()), 1):
        if line.startswith(_OURS):
            ours = _table(line.removeprefix(_OURS), number)
        elif found := re.fullmatch(r"# platform: ([a-z0-9_-]+)", line):
            platform = found[1]
        elif line == "@EXPLICIT":
            began = True
        elif line and not line.startswith("#"):
            artefacts.append(_artefact(line, number))
    if not began:
        raise _bad("it has no line `@EXPLICIT`")
    if len({each.name for each in artefacts}) != len(artefacts):
        raise _bad("it names a package twice")
    said = _packages(ours)
    return Explicit(
        artefacts=tuple(_dressed(each, said.get(each.name, {})) for each in artefacts),
        platform=platform, virtual=_words(ours, "virtual"), notes=_words(ours, "notes"),
        plan=str(ours.get("plan", "")), table=ours,
    )  # fmt: skip


def _artefact(line: str, number: int) -> Artefact:
    found = _LINE.fullmatch(line)
    if found is None:
        raise _bad(f"line {number} is no address of a conda package")
    given = (found["hash"] or "").lower()
    return Artefact(
        base=found["base"].rstrip("/"), subdir=found["subdir"], name=found["name"].lower(),
        version=found["version"], build=found["build"], format=found["format"].lower(),
        sha256=given if len(given) == 64 else "",
    )  # fmt: skip


def _dressed(each: Artefact, said: Mapping[str, Any]) -> Artefact:
    """The artefact with what our comment says of it."""
    requires, size = said.get("requires", ()), said.get("size", 0)
    return Artefact(
        base=each.base, subdir=each.subdir, name=each.name, version=each.version, build=each.build,
        format=each.format, sha256=each.sha256, role=str(said.get("role", "")),
        requires=tuple(str(name) for name in requires) if isinstance(requires, list) else (),
        size=size if isinstance(size, int) else 0,
    )  # fmt: skip


def _table(text: str, number: int) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise _bad(f"line {number}: the comment of kernel-iso is no JSON") from None
    if not isinstance(data, dict):
        raise _bad(f"line {number}: the comment of kernel-iso is no table")
    return data


def _packages(ours: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found = ours.get("packages", {})
    return (
        {name: each for name, each in found.items() if isinstance(each, dict)}
        if isinstance(found, dict)
        else {}
    )


def _words(ours: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = ours.get(key, ())
    return tuple(str(each) for each in found) if isinstance(found, list) else ()


def _bad(because: str) -> SpecError:
    return SpecError(
        "bad-lock",
        "cannot read the conda lock",
        because,
        "make it again with `kernel-iso lock`, or with `conda list --explicit --sha256`",
    )
