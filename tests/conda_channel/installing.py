"""A prefix from a channel, by py-rattler itself: what the channel is tried with, and prefixes that others made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import rattler

from conda_channel.packing import SUBDIR


def virtual_packages(**versions: str) -> list[rattler.GenericVirtualPackage]:
    """What a machine is: a glibc of 2.36 and no GPU, unless told (`cuda="12.6"`).

    >>> [each.name.normalized for each in virtual_packages(cuda="12.6")]
    ['__unix', '__linux', '__glibc', '__cuda']
    """
    told = {"unix": "0", "linux": "6.1", "glibc": "2.36", **versions}
    return [
        rattler.GenericVirtualPackage(
            rattler.PackageName(f"__{name}"), rattler.Version(version), rattler.BuildString("0")
        )
        for name, version in told.items()
    ]


def solved(
    channel: str | Path,
    *specs: str,
    cache: Path,
    virtual: Sequence[rattler.GenericVirtualPackage] = (),
    exclude_newer: datetime | None = None,
) -> list[rattler.RepoDataRecord]:
    """The records that answer the specs, sorted by name. `channel` is a URL, or a folder."""
    return asyncio.run(
        _solve(_url(channel), specs, cache, list(virtual or virtual_packages()), exclude_newer)
    )


def installed(
    channel: str | Path,
    prefix: Path,
    *specs: str,
    cache: Path,
    virtual: Sequence[rattler.GenericVirtualPackage] = (),
    link_scripts: bool = False,
) -> Path:
    """Solve and install; the prefix. What is there already and is not asked for any more is removed."""

    async def both() -> None:
        records = await _solve(_url(channel), specs, cache, list(virtual or virtual_packages()))
        await rattler.install(
            records,
            # A relative path would be written into every file that names its prefix.
            target_prefix=prefix.absolute(),
            cache_dir=cache / "pkgs",
            show_progress=False,
            execute_link_scripts=link_scripts,
        )

    asyncio.run(both())
    return prefix


def _url(channel: str | Path) -> str:
    return channel.as_uri() if isinstance(channel, Path) else channel


async def _solve(
    channel: str,
    specs: Sequence[str],
    cache: Path,
    virtual: list[rattler.GenericVirtualPackage],
    exclude_newer: datetime | None = None,
) -> list[rattler.RepoDataRecord]:
    records = await rattler.solve(
        [rattler.Channel(channel)],
        list(specs),
        gateway=rattler.Gateway(cache_dir=cache / "repodata"),
        platforms=[SUBDIR, "noarch"],
        virtual_packages=virtual,
        exclude_newer=exclude_newer,
    )
    return sorted(records, key=lambda record: record.name.normalized)
