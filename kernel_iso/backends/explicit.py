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

from kernel_iso.condarc.addresses import bare
from kernel_iso.errors import SpecError
from kernel_iso.model import Package

_BASE = re.compile(r"[a-z0-9+.-]+://[^\s#?\\]+", re.ASCII | re.IGNORECASE)
_SUBDIR = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
_VERSION = re.compile(r"[\w.!+~]+", re.ASCII)
_BUILD = re.compile(r"[\w.+]+", re.ASCII)
_HASH = re.compile(r"(?:sha256:|md5:)?([0-9a-f]{64}|[0-9a-f]{32})", re.IGNORECASE)
_FORMATS = (".conda", ".tar.bz2")
_OURS = "# kernel-iso: "

LIMIT = 8 * 2**20
"""Characters of the longest list that is read: 20,000 packages."""

LONGEST = 2048
"""Characters of the longest address: a URL that is longer is no server's."""


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
    # Not `splitlines`: what looks like a part of a comment is one.
    for number, line in enumerate((line.strip(" \t\r") for line in text.split("\n")), 1):
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
        plan=plan if isinstance(plan := ours.get("plan", ""), str) else "", table=ours,
    )  # fmt: skip


def _artefact(line: str, number: int) -> Artefact:
    """The package that an address names. A login or a token in it is nobody's business, and is dropped."""
    address, mark, digest = line.partition("#")
    base, _, rest = address.rpartition("/")
    base, _, subdir = base.rpartition("/")
    kind = next((each for each in _FORMATS if rest.lower().endswith(each)), "")
    parts = rest[: len(rest) - len(kind)].rsplit("-", 2)
    hashed = _HASH.fullmatch(digest)
    if (
        len(line) > LONGEST
        or not kind
        or len(parts) != 3
        or (mark and not hashed)
        or not _BASE.fullmatch(base)
        or not _SUBDIR.fullmatch(subdir)
        or not all(each.fullmatch(part) for each, part in zip((_NAME, _VERSION, _BUILD), parts, strict=True))
    ):
        raise _bad(f"line {number} is no address of a conda package")
    given = hashed[1].lower() if hashed else ""
    return Artefact(
        base=bare(base), subdir=subdir, name=parts[0].lower(), version=parts[1], build=parts[2], format=kind,
        sha256=given if len(given) == 64 else "",
    )  # fmt: skip


def _dressed(each: Artefact, said: Mapping[str, Any]) -> Artefact:
    """The artefact with what our comment says of it."""
    requires, size, role = said.get("requires", ()), said.get("size", 0), said.get("role", "")
    return Artefact(
        base=each.base, subdir=each.subdir, name=each.name, version=each.version, build=each.build,
        format=each.format, sha256=each.sha256, role=role if role in ("asked", "companion") else "",
        requires=_readable(requires), size=size if isinstance(size, int) and 0 <= size < 2**53 else 0,
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
    return _readable(ours.get(key, ()))


def _readable(found: object) -> tuple[str, ...]:
    """The texts of a list that a person may be shown: nothing in them moves a terminal's cursor."""
    return (
        tuple(each[:1000] for each in found if isinstance(each, str) and each.isprintable())
        if isinstance(found, list)
        else ()
    )


def _bad(because: str) -> SpecError:
    return SpecError(
        "bad-lock",
        "cannot read the conda lock",
        because,
        "make it again with `kernel-iso lock`, or with `conda list --explicit --sha256`",
    )
