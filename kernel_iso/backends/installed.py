"""What is in an environment, read from its files: no interpreter is started."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.markers import Environment
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from kernel_iso.backends.dependencies import edges
from kernel_iso.backends.wheels import environment
from kernel_iso.errors import ToolError
from kernel_iso.model import Package, Run

_LAYOUTS = {"posix": ("bin", "python"), "nt": ("Scripts", "python.exe")}


def python_of(prefix: str, system: str = os.name) -> str:
    """The interpreter of an environment.

    >>> python_of("/store/x", "posix")
    '/store/x/bin/python'
    """
    folder, name = _LAYOUTS.get(system, _LAYOUTS["posix"])
    return str(Path(prefix) / folder / name)


def site_packages(python: str) -> Path | None:
    """The folder of the packages of the environment that `python` belongs to; None where it is none.

    A conda prefix on Windows has its interpreter at its top.
    """
    above = Path(python).parent
    prefix = above if (above / "conda-meta").is_dir() else above.parent
    if not (prefix / "pyvenv.cfg").is_file() and not (prefix / "conda-meta").is_dir():
        return None
    folders = [prefix / "Lib" / "site-packages", *sorted(prefix.glob("lib/python*/site-packages"))]
    return next((folder for folder in folders if folder.is_dir()), None)


def version_of(python: str) -> str:
    """The version of an environment's interpreter as its pyvenv.cfg says it, "" where it does not.

    `uv venv` and virtualenv write `version_info`, the standard library writes `version`. conda has it in a file's name.
    """
    for folder in (Path(python).parent, Path(python).parent.parent):
        for record in (folder / "conda-meta").glob("python-*.json"):
            if named := re.fullmatch(r"python-(\d+\.\d+\.\d+)\w*-[^-]+", record.stem):
                return named[1]
    try:
        text = (Path(python).parent.parent / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+(?:\.\d+)?)", text, re.MULTILINE)
    return found[1] if found else ""


_ASK = "import platform, sysconfig; print(platform.python_version()); print(sysconfig.get_path('purelib'))"


def inspect(python: str, run: Run) -> tuple[Package, ...]:
    """The packages in an environment's own folder by name, with what they directly need there.

    Read from files; an interpreter that is no environment's (conda's, the system's) is asked where its
    packages are. Raises `ToolError` (`python-broken`).
    """
    folder, version = site_packages(python), version_of(python)
    if folder is None or not version:
        done = run([python, "-I", "-c", _ASK])
        if done.status:
            raise ToolError(
                "python-broken",
                f"cannot inspect `{python}`",
                f"the interpreter ended with status {done.status}",
                "choose another Python (`kernel-iso probe` lists them), or install it again",
                tail=tuple(done.stderr.splitlines()[-10:]),
            )
        version, place = done.stdout.splitlines()[:2]
        folder = Path(place)
    return packages(folder, environment(version))


def packages(folder: Path, values: Environment) -> tuple[Package, ...]:
    """The packages in a site-packages folder, their dependencies judged by these marker values."""
    found: dict[str, Distribution] = {}
    for distribution in distributions(path=[str(folder)]):
        if name := distribution.metadata["Name"]:
            found.setdefault(canonicalize_name(name), distribution)
    needed = edges({name: each.requires or () for name, each in found.items()}, values)
    return tuple(
        Package(
            name=name,
            version=distribution.version,
            requires=tuple(sorted(needed[name])),
            installer=(distribution.read_text("INSTALLER") or "").strip(),
        )
        for name, distribution in sorted(found.items())
    )


def verify(python: str, versions: Mapping[str, str]) -> None:
    """Raise `ToolError` (`prefix-incomplete`) unless every package is there in its version.

    Read from the names of the dist-info folders, which hold name and version (PEP 427, PEP 376).
    """
    there: dict[str, str] = {}
    folder = site_packages(python)
    for each in folder.iterdir() if folder else ():
        if found := re.fullmatch(r"(.+)-([^-]+)\.dist-info", each.name):
            there[canonicalize_name(found[1])] = found[2]
    wrong = [
        f"{name} {version}" + (f" (there is {there[name]})" if name in there else "")
        for name, version in sorted(versions.items())
        if not _same(there.get(name, ""), version)
    ]
    if wrong:
        raise ToolError(
            "prefix-incomplete",
            "has not finished the environment",
            f"these are not as locked: {', '.join(wrong[:5])}"
            + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""),
            "try again; if it happens again, clear the tool's cache",
        )


def _same(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other
