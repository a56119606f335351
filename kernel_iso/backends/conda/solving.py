"""Which conda packages fit together: py-rattler's solver, asked in the worker."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from rattler import (
    BuildString,
    ChannelPriority,
    Gateway,
    GenericVirtualPackage,
    MatchSpec,
    PackageName,
    RepoDataRecord,
    Version,
    VirtualPackage,
)
from rattler import solve as rattler_solve
from rattler.exceptions import InvalidMatchSpecError

from kernel_iso import condarc
from kernel_iso.backends.conda import caches, explaining, specs
from kernel_iso.backends.conda.places import Place, place
from kernel_iso.errors import SpecError
from kernel_iso.processes.serving import Tell

_ELSEWHERE = {
    "linux": ("__unix=0", "__linux=5.10", "__glibc=2.28"),
    "osx": ("__unix=0", "__osx=14.0"),
    "win": ("__win=0",),
}
"""What a machine is taken for that is not this one, by the beginning of its subdir: what most people run in 2026."""

DAY = 86400.0

_ARCHSPECS = {"64": "x86_64", "aarch64": "aarch64", "arm64": "arm64", "ppc64le": "ppc64le"}

_PRIORITIES = {"flexible": ChannelPriority.Disabled, "disabled": ChannelPriority.Disabled}


async def solve(request: dict[str, Any], tell: Tell) -> list[dict[str, Any]]:
    """The packages that `specs` need, each as a table, with the canonical address of its channel (`base`).

    The request has `channels` (names or URLs, in order), `specs`, `limits`, `subdir`, `here` (whether the machine is this
    one), `virtual`, `libc`, `prefer` ("name==version=build"), `newest` (an ISO time or ""). Raises `IsoError`.
    """
    tell("asking " + ", ".join(request["channels"]))
    with place(request) as where:
        bases = [base for name in request["channels"] for base in where.bases(name)]
        asked = [_spec(text, where) for text in request["specs"]]
        limits = [_spec(text, where) for text in request["limits"]]
        gateway = where.gateway

        async def solved(virtual: list[GenericVirtualPackage]) -> list[RepoDataRecord]:
            return await rattler_solve(
                bases, asked, gateway=gateway, platforms=[request["subdir"], "noarch"],
                locked_packages=await _preferred(request, gateway, bases), virtual_packages=virtual,
                channel_priority=_PRIORITIES.get(where.rc.channel_priority, ChannelPriority.Strict),
                exclude_newer=datetime.fromisoformat(request["newest"]) if request["newest"] else None,
                timestamp_policy="allow-missing", constraints=limits,
            )  # fmt: skip

        try:
            records = await solved(virtual_packages(request))
        except BaseException as error:
            lacks = await _lacking(error, request, solved)
            there = await _there(error, request, gateway, bases)
            raise explaining.unsolved(error, request | there, lacks) from None
        await _remember_names(where, gateway, bases, [request["subdir"], "noarch"])
        return [_table(record, where) for record in records]


async def _lacking(
    error: BaseException, request: dict[str, Any], solved: Callable[[list[GenericVirtualPackage]], Any]
) -> str:
    """What the machine lacks for the packages to fit, "" where that would not help: it is tried where it is not sure."""
    found, alone = explaining.lacking(error)
    missed = {each.split()[0]: each for each in found}
    if not missed or alone:
        return ", ".join(missed.values())
    has = [each for each in virtual_packages(request) if each.name.normalized not in missed]
    try:
        await solved(has + _generic(f"{name}={_least(spec)}" for name, spec in missed.items()))
    except Exception:
        return ""
    return ", ".join(missed.values())


def _least(spec: str) -> str:
    """A version that answers a spec of a virtual package: what is asked for, or one that is high.

    >>> _least("__glibc >=99"), _least("__cuda"), _least("__cuda >=12,<13")
    ('99', '99', '12')
    """
    found = re.search(r" [=>~]*(\d[\w.]*)", spec)
    return found[1] if found else "99"


async def _there(
    error: BaseException, request: dict[str, Any], gateway: Gateway, bases: list[str]
) -> dict[str, Any]:
    """The versions that there are of what the solver did not find, the newest first."""
    name = explaining.unknown(error)
    if not name:
        return {}
    try:
        queried = await gateway.query(bases, [request["subdir"], "noarch"], [name], recursive=False)
    except Exception:
        return {}
    found = sorted({each.version for records in queried for each in records}, reverse=True)
    return {"there": [str(version) for version in found[:5]]}


async def versions(request: dict[str, Any], tell: Tell) -> list[dict[str, Any]]:
    """What the channels have of the package `name`, newest first: tables with `version`, `build`, `channel`, `uploaded`.

    Of a package that several channels have, the first one's. Raises `IsoError`.
    """
    with place(request) as where:
        bases = [base for name in request["channels"] for base in where.bases(name)]
        platforms = [request["subdir"], "noarch"]
        queried = await where.gateway.query(bases, platforms, [request["name"]], recursive=False)
        first: list[RepoDataRecord] = next((found for found in queried if found), [])
        newest = sorted(first, key=lambda each: (each.version, each.build_number), reverse=True)
        return [
            {
                "version": str(each.version), "build": str(each.build), "channel": _table(each, where)["base"],
                "uploaded": each.timestamp.isoformat() if each.timestamp else "", "license": each.license or "",
            }
            for each in newest
        ]  # fmt: skip


async def _remember_names(where: Place, gateway: Gateway, bases: list[str], platforms: list[Any]) -> None:
    """Keep the names in the channels for completion, once a day. It is only a memory, and may fail."""
    digest = hashlib.sha256(" ".join([*bases, *platforms]).encode()).hexdigest()[:16]
    target = where.cache / caches.NAMES / f"{digest}.json"
    with contextlib.suppress(Exception):
        if where.offline or (target.exists() and time.time() - target.stat().st_mtime < DAY):
            return
        found = await gateway.names(bases, platforms)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(sorted({name.normalized for name in found})), encoding="utf-8")
        partial.replace(target)


def _spec(text: str, where: Place) -> MatchSpec:
    """A spec that was checked already; the channel that it names is meant as it is reached from here."""
    channel, mark, rest = text.rpartition("::")
    if mark and not where.bases(channel):
        raise SpecError(
            "bad-conda-dependency", f"cannot read the conda dependency `{text}`", f"`{channel}` is no channel here",
            'write it as conda does, for example "conda-forge::numpy>=2"',
        )  # fmt: skip
    rest = _exact(rest)
    try:
        return MatchSpec(f"{where.bases(channel)[0]}::{rest}" if mark else rest)
    except InvalidMatchSpecError as error:
        raise SpecError(
            "bad-conda-dependency", f"cannot read the conda dependency `{text}`", str(error).splitlines()[0],
            'write it as conda does, for example "numpy>=2" or "numpy=2.1"',
        ) from None  # fmt: skip


def _exact(text: str) -> str:
    """A bare version is exact, as conda means it; py-rattler refuses some of them (0.28).

    >>> _exact("python 3.13.0"), _exact("python 3.13.*"), _exact("numpy 2.1.0 py312_0"), _exact("numpy")
    ('python ==3.13.0', 'python 3.13.*', 'numpy ==2.1.0 py312_0', 'numpy')
    """
    return re.sub(r"^([\w.-]+) (\d[\w.+!]*)(?=$| )", r"\1 ==\2", text)


async def _preferred(request: dict[str, Any], gateway: Gateway, bases: list[str]) -> list[RepoDataRecord]:
    """The records of what a former lock held: the solver keeps them where they still fit."""
    wanted = {tuple(text.replace("==", "=").split("=")) for text in request["prefer"]}
    if not wanted:
        return []
    queried = await gateway.query(
        bases,
        [request["subdir"], "noarch"],
        [name for name, _, _ in sorted(wanted)],
        recursive=False,
    )
    return [record for found in queried for record in found if _key(record) in wanted]


def _key(record: RepoDataRecord) -> tuple[str, str, str]:
    return record.name.normalized, str(record.version), str(record.build)


def virtual_packages(request: dict[str, Any]) -> list[GenericVirtualPackage]:
    """What the machine has: found out here for this one, and what is usual for another; the GPUs as the plan says."""
    if request["here"]:
        generic = [each.into_generic() for each in VirtualPackage.detect()]
        found = {
            each.name.normalized: each for each in generic if not each.name.normalized.startswith("__cuda")
        }
    else:
        system, _, arch = request["subdir"].partition("-")
        usual = (*_ELSEWHERE.get(system, ()), f"__archspec=1={_ARCHSPECS.get(arch, arch)}")
        found = {each.name.normalized: each for each in _generic(usual)}
    libc = request["libc"].split()
    if len(libc) == 2 and libc[0] == "glibc":
        found["__glibc"] = _generic([f"__glibc={libc[1]}"])[0]
    found |= {each.name.normalized: each for each in _generic(request["virtual"])}
    return list(found.values())


def _generic(texts: Iterable[str]) -> list[GenericVirtualPackage]:
    split = (specs.virtual(text) for text in texts)
    return [
        GenericVirtualPackage(PackageName(name), Version(version), BuildString(build))
        for name, version, build in split
    ]


def _table(record: RepoDataRecord, where: Place) -> dict[str, Any]:
    folder = record.url.rpartition("/")[0].rpartition("/")[0]
    return {
        "base": condarc.canonical(folder, where.rc), "subdir": record.subdir, "name": record.name.normalized,
        "version": str(record.version), "build": str(record.build), "file": record.file_name,
        "sha256": record.sha256.hex() if record.sha256 else "", "size": record.size or 0, "depends": record.depends,
        "constrains": record.constrains,
        "python": record.noarch.python or any(each.split()[0] == "python" for each in record.depends if each.strip()),
    }  # fmt: skip
