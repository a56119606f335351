"""conda-lock's file, version 1 (CEP 37).

version: 1
metadata:
  channels: [{url: conda-forge, used_env_vars: []}]
  platforms: [linux-64]
package:
- {name: numpy, version: 2.1.0, manager: conda, platform: linux-64, dependencies: {python: '>=3.12'},
   url: 'https://…/numpy-2.1.0-py312h1103770_0.conda', hash: {md5: …, sha256: …}, category: main, optional: false}
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TypeVar

import msgspec

from kernel_iso.backends.condalocks import yamls
from kernel_iso.backends.condalocks.records import (
    PACKAGES,
    Foreign,
    Wheel,
    address,
    artefact,
    bad,
    foreign,
    unfit,
    wheel,
)
from kernel_iso.backends.explicit import Artefact

T = TypeVar("T")

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)


class _Hash(msgspec.Struct, frozen=True, kw_only=True):
    md5: str = ""
    sha256: str = ""


class _Locked(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: str
    manager: str
    platform: str
    url: str
    hash: _Hash
    dependencies: dict[str, str] = {}
    category: str = "main"
    optional: str = "false"
    source: dict[str, str] | None = None


class _Channel(msgspec.Struct, frozen=True, kw_only=True):
    url: str


class _Meta(msgspec.Struct, frozen=True, kw_only=True):
    channels: tuple[_Channel | str, ...] = ()
    platforms: tuple[str, ...] = ()


def conda_lock(text: str, subdir: str, name: str) -> Foreign:
    """Its main packages for the platform; those of other categories, and optional ones, are left out."""
    items, metadata = _document(text, name)
    artefacts: list[Artefact] = []
    wheels: list[Wheel] = []
    platforms = {*metadata.platforms}
    for number, item in enumerate(items, 1):
        where = f"package {number}"
        entry = _converted(item, _Locked, name, where)
        platforms.add(entry.platform)
        # Older conda-locks also wrote the virtual packages of the machine that was meant.
        wanted = entry.platform == subdir and entry.optional.lower() != "true" and entry.category == "main"
        if wanted and not entry.name.startswith("__"):
            _take(entry, artefacts, wheels, where, name)
    if subdir not in platforms:
        unfit(name, f"it is for {', '.join(sorted(platforms))[:200] or 'no platform'}", subdir)
    channels = (each if isinstance(each, str) else each.url for each in metadata.channels)
    return foreign(artefacts, wheels, channels, subdir, name)


def _document(text: str, name: str) -> tuple[list[object], _Meta]:
    data = yamls.loaded(text, name)
    if not isinstance(data, dict) or not isinstance(data.get("package"), list):
        bad(name, "it has no list `package`")
    if data.get("version") != "1":
        bad(name, f"it is version {str(data.get('version'))[:20]} of conda-lock's format, and 1 is read")
    if len(data["package"]) > PACKAGES:
        bad(name, f"it names more than {PACKAGES} packages")
    return data["package"], _converted(data.get("metadata", {}), _Meta, name, "metadata")


def _take(entry: _Locked, artefacts: list[Artefact], wheels: list[Wheel], where: str, name: str) -> None:
    if entry.manager == "conda":
        artefacts.append(_artefact(entry, where, name))
    elif entry.manager != "pip":
        bad(name, f"{where}: `manager` is neither conda nor pip")
    elif entry.source is not None:
        address(entry.name, name)
    else:
        wheels.append(wheel(entry.name, entry.version, entry.hash.sha256, where, name))


def _artefact(entry: _Locked, where: str, name: str) -> Artefact:
    """A conda package; its address must be what its name and version say."""
    if not (
        _SHA256.fullmatch(entry.hash.sha256) or (not entry.hash.sha256 and _MD5.fullmatch(entry.hash.md5))
    ):
        bad(name, f"{where}: it has no hash")
    made = artefact(entry.url, entry.hash.sha256, where, name)
    if made.name != entry.name.lower() or made.version != entry.version:
        bad(name, f"{where}: its address is not that of {entry.name[:80]} {entry.version[:80]}")
    return replace(
        made, requires=tuple(sorted(each for each in entry.dependencies if not each.startswith("__")))
    )


def _converted(data: object, kind: type[T], name: str, where: str) -> T:
    try:
        return msgspec.convert(_plain(data), kind)
    except (msgspec.ValidationError, RecursionError, TypeError, ValueError) as error:
        bad(name, f"{where}: {error}")


def _plain(data: object) -> object:
    """A table without what the base loader leaves empty (`sha256:` with nothing behind it), two levels deep.

    Not deeper: aliases can make a small text a tree without end.
    """
    if not isinstance(data, dict):
        return data
    found = {key: value for key, value in data.items() if value not in ("", "null")}
    for key in {"hash", "source"} & found.keys():
        if isinstance(inner := found[key], dict):
            found[key] = {name: value for name, value in inner.items() if value not in ("", "null")}
    return found
