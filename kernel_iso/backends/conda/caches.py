"""The folder of unpacked conda packages: what is whole in it, what runs scripts, what nobody uses."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import platformdirs

_SCRIPT = re.compile(r"(bin/\.|Scripts/\.)[\w.-]+-(pre-link|post-link|pre-unlink)\.(sh|bat)", re.ASCII)

NAMES = "names"
"""The folder of the names that channels have, beside the packages."""


def root(cache: str) -> Path:
    """The folder for what conda downloads: `cache` is a folder, or `on` for the person's own."""
    return (platformdirs.user_cache_path("kernel-iso") if cache == "on" else Path(cache)) / "conda"


def is_script(path: str) -> bool:
    """True for a script that conda runs as a package is linked or unlinked.

    >>> is_script("bin/.font-post-link.sh"), is_script("bin/font.sh"), is_script("Scripts/.x-pre-unlink.bat")
    (True, False, True)
    """
    return bool(_SCRIPT.fullmatch(path.replace("\\", "/")))


def scripts(package: Path) -> bool:
    """True where an unpacked package brings link scripts."""
    return any(is_script(name) for name, _ in _files(package))


def heal(packages: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Take those of these packages out of the cache that are not whole; return them.

    After a panic or a kill py-rattler (0.28) takes a half-unpacked package for a whole one, at every later try.
    """
    broken = tuple(name for name in names if (packages / name).exists() and not whole(packages / name))
    for name in broken:
        drop(packages, name)
    return broken


def drop(packages: Path, name: str) -> None:
    """Take a package out of the cache, its lock file first: without it nobody takes what is left for a package."""
    with contextlib.suppress(OSError):
        (packages / f"{name}.lock").unlink()
    shutil.rmtree(packages / name, ignore_errors=True)


def whole(package: Path) -> bool:
    """True where every file that an unpacked package names is there with the hash that it names."""
    try:
        return all(
            (package / name).is_symlink() or not sha256 or _sum(package / name) == sha256
            for name, sha256 in _files(package)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _files(package: Path) -> Iterator[tuple[str, str]]:
    """The names and SHA-256 in `info/paths.json`; in old packages only `info/files` is there."""
    about = package / "info" / "paths.json"
    if about.is_file():
        for entry in json.loads(about.read_bytes())["paths"]:
            yield entry["_path"], entry.get("sha256") or ""
        return
    for line in (package / "info" / "files").read_text(encoding="utf-8").splitlines():
        yield line, ""


def _sum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def forgotten(packages: Path, before: float) -> list[Path]:
    """The folders of packages that were being unpacked by who was killed, from before a time (seconds since the epoch).

    rattler (0.28) unpacks into a folder whose name begins with a dot, and renames it.
    """
    found = (folder for folder in packages.glob(".*-*-*") if folder.is_dir())
    return [folder for folder in found if folder.stat().st_mtime < before]


def unused(packages: Path, used: Iterable[str], before: float) -> list[Path]:
    """The unpacked packages that no prefix of `used` (package names, "name-version-build") holds, last used before a time.

    `before` is in seconds since the epoch: what another process links at present is younger.
    """
    kept = set(used)
    if not packages.is_dir():
        return []
    return [
        folder
        for folder in sorted(packages.iterdir())
        if folder.is_dir() and folder.name not in kept and _time(folder) < before
    ]


def _time(folder: Path) -> float:
    """When a package was last unpacked or asked for: the later time of its folder and its lock file."""
    times = [folder.stat().st_mtime]
    with contextlib.suppress(OSError):
        times.append(folder.with_name(f"{folder.name}.lock").stat().st_mtime)
    return max(times)


def size(folder: Path) -> int:
    """The bytes that go with a package: those of files that nobody else links to."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            status = (Path(root) / name).lstat()
            total += status.st_blocks * 512 if status.st_nlink == 1 else 0
    return total
