"""Fetch conda packages, each checked against its SHA-256: py-rattler's downloader, called in the worker.

py-rattler (0.28) believes a channel that is a folder, whatever the hash.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

from rattler.package_streaming import download_to_writer

from kernel_iso import condarc
from kernel_iso.backends.conda import explaining
from kernel_iso.backends.conda.places import Place
from kernel_iso.errors import IsoError, ToolError
from kernel_iso.processes.serving import Tell

AT_ONCE = 8
"""Downloads at one time: what channels' servers bear, and what fills a usual line."""

TRIES = 3

_FINAL = ("package-gone", "channel-refused", "no-space")
"""What asking the same place again does not change."""


async def fetch(missing: Sequence[dict[str, Any]], where: Place, folder: Path, tell: Tell) -> dict[str, Path]:
    """Fetch and verify what is missing; return the files by name of the package."""
    if missing and where.offline and not all(_nearby(each, where) for each in missing):
        raise ToolError(
            "not-in-cache", explaining.INSTALL,
            f"the network is off, and {missing[0]['name']} {missing[0]['version']} was never fetched here",
            "go online once, or take `offline` out of the policy",
        )  # fmt: skip
    progress = Download(tell, sum(each["size"] for each in missing))
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(each: dict[str, Any]) -> tuple[str, Path]:
        async with gate:
            return each["name"], await _verified(each, where, folder, progress)

    tasks = [asyncio.ensure_future(one(each)) for each in missing]
    try:
        return dict(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def _nearby(each: dict[str, Any], where: Place) -> bool:
    return any(url.startswith("file:") for url in urls(each, where))


def urls(each: dict[str, Any], where: Place) -> tuple[str, ...]:
    """Where an artefact is fetched from here, the first to be tried first."""
    return condarc.local(f"{each['base']}/{each['subdir']}/{each['file']}", where.rc)


async def _verified(each: dict[str, Any], where: Place, folder: Path, progress: Download) -> Path:
    """The file of an artefact, with the bytes that its hash says; a mirror that fails is followed by the next."""
    target: Path = folder / each["sha256"] / each["file"]
    target.parent.mkdir(exist_ok=True)
    last: IsoError | None = None
    for url in urls(each, where):
        for _ in range(1 if url.startswith("file:") else TRIES):
            try:
                found = await _bytes(url, target, each, where, progress)
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
                    raise
                last = explaining.unfetched(error, each, url)
                if last.code in _FINAL:
                    break
                continue
            if found == each["sha256"]:
                return target
            progress.back(target.stat().st_size)
            last = ToolError(
                "hash-mismatch", explaining.INSTALL,
                f"{each['file']} is not what was locked: its SHA-256 is {found[:16]}…, expected {each['sha256'][:16]}…",
                "nothing was installed; lock again if the channel published it anew, and ask its owner if it did not",
            )  # fmt: skip
    assert last is not None
    raise last


async def _bytes(url: str, target: Path, each: dict[str, Any], where: Place, progress: Download) -> str:
    """Write what a URL gives; return its SHA-256."""
    with target.open("wb") as stream:
        writer = Hashing(stream, progress, each["name"])
        try:
            if url.startswith("file:"):
                await asyncio.to_thread(_copied, path_of(url), writer)
            else:
                await download_to_writer(where.client, url, writer)
        except BaseException:
            progress.back(writer.count)
            raise
    return writer.sum.hexdigest()


def path_of(url: str) -> Path:
    """The file that a `file:` URL names.

    >>> path_of("file:///srv/my%20channel/noarch/a-1-0.conda").as_posix()
    '/srv/my channel/noarch/a-1-0.conda'
    """
    return Path(url2pathname(urlsplit(url).path))


def _copied(source: Path, writer: Hashing) -> None:
    with source.open("rb") as stream:
        while data := stream.read(1 << 20):
            writer.write(data)


class Hashing:
    """Writes on, and hashes and counts what it writes."""

    def __init__(self, stream: BinaryIO, progress: Download, name: str) -> None:
        self._stream = stream
        self._progress = progress
        self._name = name
        self.sum = hashlib.sha256()
        self.count = 0

    def write(self, data: bytes) -> int:
        """Write some bytes."""
        self.sum.update(data)
        self.count += len(data)
        self._progress.on(self._name, len(data))
        return self._stream.write(data)


class Download:
    """Tells how many bytes are there, at most ten times a second's worth of lines for a gigabyte."""

    def __init__(self, tell: Tell, total: int) -> None:
        self._tell = tell
        self._total = total
        self._done = 0
        self._told = -1

    def on(self, name: str, count: int) -> None:
        """More of a package is there."""
        self._done += count
        step = self._done * 100 // max(self._total, 1)
        if step != self._told:
            self._told = step
            self._tell(f"downloading {name}", min(self._done, self._total), self._total, "bytes")

    def back(self, count: int) -> None:
        """So many bytes were for nothing."""
        self._done -= count
