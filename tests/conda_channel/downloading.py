"""Wheels from the configured package index: the same ones on every day and on every machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

import uv
from packaging.pylock import PackageWheel, Pylock
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from conda_channel.packing import SUBDIR

# What was uploaded later is not looked at: what is downloaded changes when this line does.
EXCLUDE_NEWER = "2026-10-01T00:00:00Z"
# Found once: threads that ask `sysconfig` for the first time at the same time get half an answer.
_UV = uv.find_uv_bin()
_ARCH = {"linux-64": "x86_64", "linux-aarch64": "aarch64"}[SUBDIR]


def download(folder: Path, requirements: Sequence[str], minor: str, *, alone: bool = False) -> list[Path]:
    """Resolve and download for a Python ("3.12"); `alone`: without what they need. The files, sorted."""
    lock = Pylock.from_dict(tomllib.loads(_resolved(requirements, minor, alone=alone)))
    lock.validate()
    chosen = [_best(each.wheels or (), minor) for each in lock.packages]
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(4) as pool:
        return sorted(pool.map(lambda wheel: _fetched(wheel, folder), chosen))


def _resolved(requirements: Sequence[str], minor: str, *, alone: bool) -> str:
    # The universal name of a machine is of the oldest C library that is still around.
    command = [
        _UV, "pip", "compile", "-", "--quiet", "--no-header", "--format", "pylock.toml",
        "--python", sys.executable, "--python-version", minor, "--python-platform", f"{_ARCH}-manylinux_2_28",
        "--only-binary", ":all:", "--exclude-newer", EXCLUDE_NEWER,
    ]  # fmt: skip
    done = subprocess.run(
        command + ["--no-deps"] * alone,
        input="\n".join(requirements),
        capture_output=True,
        text=True,
        env={**os.environ, "UV_NO_CONFIG": "1"},
    )
    if done.returncode:
        raise OSError(f"uv cannot resolve {', '.join(requirements)}: {done.stderr[-2000:]}")
    return done.stdout


def _tags(minor: str) -> list[Tag]:
    """The wheels that fit, the best first."""
    version = [int(part) for part in minor.split(".")]
    platforms = [f"manylinux_2_{number}_{_ARCH}" for number in range(28, 4, -1)]
    platforms += [f"manylinux2014_{_ARCH}", f"manylinux2010_{_ARCH}", f"manylinux1_{_ARCH}"]
    return [
        *cpython_tags(version, platforms=platforms),
        *compatible_tags(version, f"cp{minor.replace('.', '')}", platforms),
    ]


def _best(wheels: Sequence[PackageWheel], minor: str) -> PackageWheel:
    rank = {tag: place for place, tag in enumerate(_tags(minor))}

    def place(wheel: PackageWheel) -> int:
        return min(rank.get(tag, len(rank)) for tag in parse_wheel_filename(_filename(wheel))[3])

    return min(wheels, key=place)


def _filename(wheel: PackageWheel) -> str:
    return wheel.name or unquote(urlsplit(wheel.url or "").path.rpartition("/")[2])


def _fetched(wheel: PackageWheel, folder: Path) -> Path:
    path = folder / _filename(wheel)
    with urllib.request.urlopen(str(wheel.url), timeout=60) as response:
        content = response.read()
    if hashlib.sha256(content).hexdigest() != wheel.hashes["sha256"]:
        raise OSError(f"{path.name} is not what the index announced")
    path.write_bytes(content)
    return path
