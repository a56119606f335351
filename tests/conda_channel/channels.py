"""Channels on disk: made from packages, kept from run to run, copied to be changed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path

import outside
import platformdirs
from filelock import FileLock
from rattler.index import index_fs

from conda_channel import made_up
from conda_channel.downloading import EXCLUDE_NEWER, download
from conda_channel.packing import Package
from conda_channel.pythons import Installation, abi_package, installation, python_package, usable
from conda_channel.wheels import Target, repacked
from kernel_iso import discovery

_KEPT = 7 * 24 * 3600
_CODE = ("packing", "pythons", "made_up", "wheels", "downloading", "channels")
_OLDEST = (3, 11)
# What the Python that runs has, and what the others have.
_FULL = ("ipykernel", "numpy", "pandas", "matplotlib", "six", "pip", "setuptools", "wheel")
_SMALL = ("ipykernel", "numpy", "pip", "setuptools")
# More versions of what is there.
_OLDER = ("numpy<2.3", "six==1.16.0")
# Written as `.tar.bz2`: some that are pure, one with a command, one for the platform.
_OLD_FORMAT = {"six", "comm", "traitlets", "pygments", "tornado"}


def make_channel(folder: Path, packages: Iterable[Package | Path]) -> Path:
    """Write packages, or copy those that are written already, and index them; the channel's folder.

    It may be called again for the same folder: then it adds to it.
    """
    for each in packages:
        if isinstance(each, Package):
            each.write(folder)
        else:
            _copied(each, folder / each.parent.name / each.name)
    (folder / "noarch").mkdir(parents=True, exist_ok=True)
    # force: a package may have been replaced.
    asyncio.run(index_fs(folder, force=True, write_zst=False, write_shards=False))
    _dated(folder)
    asyncio.run(index_fs(folder))
    return folder


def _dated(folder: Path) -> None:
    """Let every package have been indexed when it was built.

    py-rattler dates it now, and solves by that date where only what is older is wanted. What the indexer finds
    in `repodata.json` it keeps, and writes into the other kinds of repodata.
    """
    for path in folder.glob("*/repodata.json"):
        data = json.loads(path.read_text(encoding="utf-8"))
        for entry in (*data["packages"].values(), *data["packages.conda"].values()):
            entry["indexed_timestamp"] = entry["timestamp"]
        path.write_text(json.dumps(data), encoding="utf-8")
        shutil.rmtree(path.with_name("shards"), ignore_errors=True)


def tiny() -> Path:
    """The channel of small made-up packages, and `python` of this machine; needs no index. It is shared: copy it.

    Raises `NoPython` where no Python here can be repacked.
    """
    pythons = usable(_found())

    def make(folder: Path) -> None:
        make_channel(folder, _tiny(pythons))

    return kept("tiny", _meaning(pythons), make)


def scientific() -> Path:
    """The tiny channel and real packages: ipykernel, numpy (two versions), pandas, matplotlib and all they need.

    The Python that runs has all of them, the others ipykernel and numpy. Its wheels come from the package index
    when it is made for the first time. It is shared: copy it.
    """
    pythons = usable(_found())
    targets = [Target(each.version) for each in pythons]

    def make(folder: Path) -> None:
        make_channel(folder, chain(_tiny(pythons), _real(targets)))

    return kept("scientific", [EXCLUDE_NEWER, *_meaning(pythons)], make)


def _meaning(pythons: Sequence[Installation]) -> list[str]:
    """What the tiny channel is made from, beside the code."""
    return [made_up.STANDIN, *(each.identity for each in pythons)]


def _tiny(pythons: Sequence[Installation]) -> Iterator[Package | Path]:
    yield from made_up.modules()
    yield from made_up.curiosities()
    yield from made_up.torches(pythons)
    for one in pythons:
        yield from repacked_python(one)


def _wheels(target: Target, asked: Sequence[str], older: Sequence[str]) -> Path:
    """A folder of the wheels for one Python, kept by itself: other code here is no reason to download them again."""

    def make(folder: Path) -> None:
        download(folder, asked, target.minor)
        for each in older:
            download(folder, [each], target.minor, alone=True)

    return kept(f"wheels-{target.minor}", [EXCLUDE_NEWER, *asked, *older], make, code=())


def _real(targets: Sequence[Target]) -> Iterator[Package]:
    """Real packages for these Pythons: all of them for the first."""
    first, *others = targets
    with ThreadPoolExecutor() as pool:
        jobs = [(first, pool.submit(_wheels, first, _FULL, _OLDER))]
        jobs += [(each, pool.submit(_wheels, each, _SMALL, ())) for each in others]
    for target, job in jobs:
        for wheel in sorted(job.result().glob("*.whl")):
            package = repacked(wheel, target, targets)
            yield replace(package, old=package.name in _OLD_FORMAT)


def repacked_python(one: Installation) -> tuple[Path, ...]:
    """`python` and `python_abi` of an installation, as files that are kept from run to run."""

    def make(folder: Path) -> None:
        python_package(one).write(folder)
        abi_package(one).write(folder)

    folder = kept(f"python-{one.version}", [one.identity], make, code=("packing", "pythons"))
    return tuple(sorted((*folder.rglob("*.conda"),)))


def kept(
    name: str, meaning: Iterable[str], make: Callable[[Path], None], *, code: Sequence[str] = _CODE
) -> Path:
    """The folder that `make` fills: made once for each meaning, and for each version of these modules of `code`.

    It is filled under another name and renamed: killed on the way, it is made again. What was not asked for
    in a week is removed.
    """
    digest = hashlib.sha256()
    for text in (*(Path(__file__).with_name(f"{each}.py").read_text("utf-8") for each in code), *meaning):
        digest.update(text.encode() + b"\0")
    root = platformdirs.user_cache_path("kernel-iso-tests") / "conda"
    root.mkdir(parents=True, exist_ok=True)
    folder = root / f"{name}-{digest.hexdigest()[:16]}"
    with FileLock(root / f"{name}.lock"):
        if not folder.exists():
            _swept(root)
            making = root / f"{name}.making"
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            make(making)
            making.rename(folder)
        os.utime(folder)
    return folder


def copied(channel: Path, folder: Path) -> Path:
    """A copy of a channel, to be changed."""
    for path in sorted(path for path in channel.rglob("*") if path.is_file()):
        _copied(path, folder / path.relative_to(channel))
    return folder


def packages(channel: Path, name: str) -> list[Path]:
    """The files of the packages of this name, as "green", or "green-1.0"."""
    found = []
    for path in (*channel.glob("*/*.conda"), *channel.glob("*/*.tar.bz2")):
        own, version, _ = path.name.rsplit("-", 2)
        if name in (own, f"{own}-{version}"):
            found.append(path)
    return sorted(found)


def tampered(channel: Path, folder: Path, name: str, package: Package | None = None) -> Path:
    """A copy of a channel in which the one package of this name ("green-2.0") is another, whole and sound, of equal size.

    What the channel says of it stays: the hash is the one of the package that was there. Unless told, the other one
    brings nothing but `share/tampered.txt`.
    """
    (path,) = packages(copied(channel, folder), name)
    own, version, build = path.name.removesuffix(".conda").rsplit("-", 2)
    package = package or Package(
        name=own, version=version, build=build, noarch="generic", files={"share/tampered.txt": "x"}
    )
    path.write_bytes(padded(package.to_bytes(level=19), path.stat().st_size))
    return folder


def padded(archive: bytes, size: int) -> bytes:
    """A `.conda` of just this size: a zip file may end with a comment, whose length stands before it."""
    rest = size - len(archive)
    if not 0 <= rest < 65536:
        raise ValueError(f"it has {len(archive)} bytes and cannot get {size}")
    return archive[:-2] + rest.to_bytes(2, "little") + b" " * rest


def _found() -> Iterator[str]:
    """Interpreters to repack: the one that runs, then the others of this machine."""
    own = installation(sys.executable)
    yield str(own.executable)
    for python in discovery.pythons(outside.OUTSIDE, home=Path.home()):
        if tuple(int(part) for part in python.version.split(".")[:2]) >= _OLDEST:
            yield python.path


def _copied(path: Path, at: Path) -> None:
    # Never a link: the indexer writes into the files that it finds.
    at.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, at)


def _swept(root: Path) -> None:
    for folder in root.iterdir():
        if folder.is_dir() and folder.stat().st_mtime < time.time() - _KEPT:
            shutil.rmtree(folder, ignore_errors=True)
