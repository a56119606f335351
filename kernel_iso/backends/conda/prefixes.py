"""What is in a conda prefix, read from its files: `conda-meta`, and what a pip or uv put beside it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec.structs import replace

from kernel_iso.backends import explicit, installed
from kernel_iso.backends.conda.specs import pypi_name
from kernel_iso.backends.wheels import environment
from kernel_iso.errors import ToolError
from kernel_iso.model import Package

INSTALLER = "conda"


def python_of(prefix: str, system: str = os.name) -> str:
    """The interpreter of a conda prefix: on Windows it lies in the prefix itself.

    >>> python_of("/p", "posix")
    '/p/bin/python'
    """
    return str(Path(prefix) / "python.exe") if system == "nt" else str(Path(prefix) / "bin" / "python")


def prefix_of(python: str, system: str = os.name) -> Path:
    """The prefix of an interpreter.

    >>> prefix_of("/p/bin/python", "posix").as_posix()
    '/p'
    """
    return Path(python).parent if system == "nt" else Path(python).parent.parent


def records(prefix: Path) -> dict[str, dict[str, object]]:
    """What `conda-meta` says of each package, by name; a file that cannot be read says nothing."""
    found = {}
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        try:
            data = json.loads(path.read_bytes())
            found[str(data["name"])] = data
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def version(prefix: Path) -> str:
    """The version of a prefix's Python, "" where it has none.

    It is in the name of the file that conda keeps for it.
    """
    for path in (prefix / "conda-meta").glob("python-*.json"):
        if found := re.fullmatch(r"python-(\d+\.\d+\.\d+\w*)-[^-]+", path.stem):
            return found[1]
    return ""


def inspect(python: str) -> tuple[Package, ...]:
    """The packages of the prefix by name. What was installed over conda's package counts in its place.

    `installer` is "conda", or the one that its own files name.
    """
    prefix = prefix_of(python)
    known = records(prefix)
    found = {name: _package(name, data, known.keys()) for name, data in known.items()}
    names = {pypi_name(name): name for name in found}
    for each in _others(prefix):
        name = names.get(each.name, each.name)
        kept = found.get(name)
        found[name] = (
            replace(each, name=name)
            if kept is None
            else replace(kept, version=each.version, installer=each.installer, build="", channel="")
        )
    return tuple(found[name] for name in sorted(found))


def distributions(prefix: Path) -> tuple[Package, ...]:
    """The Python packages of a prefix, whoever installed them, as pip sees them."""
    there = version(prefix)
    minor = ".".join(there.split(".")[:2])
    folder = (
        prefix / "Lib" / "site-packages"
        if os.name == "nt"
        else prefix / "lib" / f"python{minor}" / "site-packages"
    )
    return installed.packages(folder, environment(there)) if there and folder.is_dir() else ()


def _others(prefix: Path) -> Iterable[Package]:
    return (each for each in distributions(prefix) if each.installer != INSTALLER)


def _package(name: str, data: Mapping[str, object], there: Iterable[str]) -> Package:
    depends, size = data.get("depends"), data.get("size")
    wanted = (
        {str(each).split()[0] for each in depends if str(each).strip()}
        if isinstance(depends, list)
        else set()
    )
    channel = str(data.get("channel") or "")
    return Package(
        name=name, version=str(data.get("version", "")), build=str(data.get("build", "")),
        channel=explicit.channel(channel), requires=tuple(sorted(wanted & {*there})),
        size=size if isinstance(size, int) else 0, installer=INSTALLER,
    )  # fmt: skip


def verify(prefix: Path, wanted: Mapping[str, str]) -> None:
    """Raise `ToolError` (`prefix-incomplete`) unless `conda-meta` has each package ("name-version-build" by name)."""
    wrong = [file for file in wanted.values() if not (prefix / "conda-meta" / f"{file}.json").is_file()]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ToolError(
            "prefix-incomplete", "has not finished the environment",
            f"these are not as locked: {', '.join(sorted(wrong)[:5])}{more}",
            "try again; if it happens again, clear the tool's cache",
        )  # fmt: skip


def collisions(prefix: Path) -> tuple[tuple[str, str, str], ...]:
    """What several packages bring: the path, the package whose file is there, and one whose file was put aside.

    rattler puts it into the folder `__clobbers__` (0.28), and conda's records say where it belonged.
    """
    if not (prefix / "__clobbers__").is_dir():
        return ()
    known = records(prefix)
    owners = {path: name for name, data in known.items() for path in _listed(data)}
    found = [
        (str(each["original_path"]), str(owners.get(each["original_path"], "")), name)
        for name, data in known.items()
        for each in _paths(data)
        if each.get("original_path")
    ]
    return tuple(sorted(found))


def _paths(data: Mapping[str, object]) -> list[dict[str, object]]:
    told = data.get("paths_data")
    found = told.get("paths") if isinstance(told, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def sources(prefix: Path) -> tuple[str, ...]:
    """The Python files of the noarch packages of a prefix: packages for one Python bring their bytecode along."""
    return tuple(
        str(prefix / str(name))
        for data in records(prefix).values()
        if data.get("noarch") == "python"
        for name in _listed(data)
        if str(name).endswith(".py") and "site-packages" in str(name)
    )


def _listed(data: Mapping[str, object]) -> list[object]:
    files = data.get("files")
    return files if isinstance(files, list) else []
