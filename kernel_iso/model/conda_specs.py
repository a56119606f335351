"""Conda's dependencies: one line of text each, as `conda-forge::numpy>=2,<3`; parsed strictly, nothing else is one.

The form is conda's MatchSpec (CEP 29) without what would take a package from elsewhere than a channel, and without
regular expressions and globs of names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from kernel_iso.errors import SpecError

LONGEST = 500
"""Characters that one dependency may have: real ones have below 100."""

CHANNEL = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)*", re.ASCII)
"""A channel by its name, as `conda-forge` or `conda-forge/label/dev`."""

_NAME = r"[A-Za-z0-9_][\w.-]*"
# A version without any digit would be a second package, typed within the same quotes.
_CLAUSE = r"(?:[=!~<>]=|[=<>])?(?:[0-9*]|[A-Za-z_]+[0-9])[\w.*+!-]*"
_VERSION = re.compile(rf"{_CLAUSE}(?:[,|]{_CLAUSE})*", re.ASCII)
_BUILD = re.compile(r"[A-Za-z0-9_*][\w.*+]*", re.ASCII)
_SPEC = re.compile(
    rf"(?:(?P<channel>[^:\s\[]*)::)?(?P<name>{_NAME})"
    rf"(?:(?=[ =!~<>]) ?(?P<version>{_VERSION.pattern})(?:[ =](?P<build>{_BUILD.pattern}))?)?"
    r"(?P<keys>\[[^\[\]]*\])?",
    re.ASCII,
)
_KEY = re.compile(r"""(?P<key>[a-z_0-9]+)=(?P<value>'[^'"]*'|"[^'"]*"|[^'",]*)(?:,|$)""", re.ASCII)
_KEYS = {
    "version": _VERSION, "build": _BUILD, "build_number": re.compile(r"([=!<>]=|[=<>])?\d{1,9}"), "channel": CHANNEL,
    "subdir": re.compile(r"[a-z0-9]+(-[a-z0-9_]+)?"),
}  # fmt: skip
_SUBDIR = re.compile(r"/(noarch|(linux|osx|win|freebsd|zos|emscripten|wasi)-[a-z0-9_]+)$")
_FILE = re.compile(r"(?i)\.(conda|tar\.bz2)$")
# Operators and separators mean the same with and without spaces around them.
_AROUND = re.compile(r"[ \t]*([=!~<>]+|[,|])[ \t]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaSpec:
    """One dependency: its name in lower case, and what it asks besides ("": nothing). `text` is its normal form."""

    name: str
    channel: str
    version: str
    build: str
    text: str


def parsed(text: str) -> CondaSpec:
    """The parts of a dependency; raises `SpecError` (`bad-conda-dependency`).

    >>> found = parsed("conda-forge/linux-64::NumPy >= 1.26, < 2 py312_0")
    >>> found.name, found.channel, found.version, found.build
    ('numpy', 'conda-forge', '>=1.26,<2', 'py312_0')
    """
    text = _AROUND.sub(r"\1", re.sub(r"[ \t]+", " ", text[: LONGEST + 1].strip(" \t")))
    match = _SPEC.fullmatch(text)
    if match is None or len(text) > LONGEST or _FILE.search(text) or _FILE.search(match["name"]):
        _refuse(
            text, "it is not a name with versions, and files and web addresses are no packages of a channel"
        )
    channel, keys = match["channel"], _keys(match["keys"] or "", text)
    if channel is not None and not CHANNEL.fullmatch(channel):
        _refuse(text, "what stands before `::` is not the plain name of a channel")
    both = [key for key in ("channel", "version", "build") if match[key] and key in keys]
    if both:
        _refuse(text, f"it names its {both[0]} twice")
    where, name = channel or keys.get("channel", ""), match["name"].lower()
    head = f"{channel}::{name}" if channel is not None else name
    start = match.end("name")
    return CondaSpec(
        name=name,
        channel=_SUBDIR.sub("", where),
        version=match["version"] or keys.get("version", ""),
        build=match["build"] or keys.get("build", ""),
        text=head + text[start:],
    )


def conda_name(text: str) -> str:
    """The name of the package that a dependency is about; raises like `parsed`.

    >>> conda_name("conda-forge::numpy=1.26=py312_0"), conda_name("gdal 3.9.*")
    ('numpy', 'gdal')
    """
    return parsed(text).name


def conda_channel(text: str) -> str:
    """The channel that a dependency must come from, "" where it names none; raises like `parsed`.

    >>> conda_channel("conda-forge::numpy"), conda_channel("numpy"), conda_channel("numpy[channel=bioconda]")
    ('conda-forge', '', 'bioconda')
    """
    return parsed(text).channel


def conda_text(text: str) -> str:
    """A dependency in normal form: what means the same is written the same; raises like `parsed`.

    >>> conda_text(" NumPy >= 2, < 3"), conda_text("gdal  3.9.*")
    ('numpy>=2,<3', 'gdal 3.9.*')
    """
    return parsed(text).text


def replaced(declared: Sequence[str], added: Iterable[str]) -> tuple[str, ...]:
    """The dependencies with others added, each in the place of the first one of its name.

    >>> replaced(("numpy", "gdal", "numpy<3"), ["numpy>=2", "proj"])
    ('numpy>=2', 'gdal', 'proj')
    """
    found = list(declared)
    for item in added:
        places = [place for place, old in enumerate(found) if conda_name(old) == conda_name(item)]
        found[slice(places[0], places[0] + 1) if places else slice(len(found), None)] = [item]
        found = [old for place, old in enumerate(found) if place not in places[1:]]
    return tuple(found)


def without(declared: Sequence[str], names: Iterable[str]) -> tuple[str, ...]:
    """The dependencies that are about none of these packages.

    >>> without(("numpy>=2", "gdal"), ["NumPy"])
    ('gdal',)
    """
    gone = {conda_name(name) for name in names}
    return tuple(item for item in declared if conda_name(item) not in gone)


def _keys(brackets: str, text: str) -> dict[str, str]:
    """The keys in the brackets of a dependency, those that choose among a channel's packages only."""
    rest, found = brackets[1:-1].replace(" ", ""), {}
    while rest:
        item = _KEY.match(rest)
        key = item["key"] if item else ""
        if item is None or key not in _KEYS:
            because = (
                f"`{key}` in brackets is not one of {', '.join(_KEYS)}"
                if key
                else "its brackets hold no key=value"
            )
            _refuse(text, because)
        value = item["value"].strip("'\"")
        if key in found or not _KEYS[key].fullmatch(value):
            _refuse(text, f"the value of `{key}` in its brackets is not plain")
        found[key], rest = value, rest[item.end() :]
    if brackets and not found:
        _refuse(text, "its brackets are empty")
    return found


def _refuse(text: str, because: str) -> NoReturn:
    # What is no dependency may be a URL with a password in it.
    shown = text[:80] if text.isprintable() and "://" not in text else "this"
    raise SpecError(
        "bad-conda-dependency",
        f"cannot read `{shown}` as a conda dependency",
        because,
        "write numpy, numpy=1.26, numpy>=1.26 or conda-forge::numpy",
    )
