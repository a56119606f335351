"""The Pythons on this machine, found by looking at files: no tool is run, so it takes milliseconds.

Left out, because no prefix can be made from them or files do not tell their version: broken links, what
cannot be executed, PyPy and GraalPy, free-threaded (`3.13t`) and debug builds, pre-releases, 32-bit builds on
Windows, virtual environments among pyenv's versions, pyenv's shims, builds for another processor or C library
in a uv folder that machines share, `/usr/bin/python3` of macOS (a stub that offers to install Xcode) and the
stubs of the Microsoft Store.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kernel_iso.guest import probe
from kernel_iso.model import Python

_FINAL = re.compile(r"\d+\.\d+\.\d+")
_PY_VERSION = re.compile(r'^#define\s+PY_VERSION\s+"([^"+]+)\+?"', re.MULTILINE)

# How the entries of the different folders are named; the groups are the version.
_PYENV_VERSION = re.compile(r"(\d+\.\d+\.\d+)")
_FILE = re.compile(r"python(3\.\d+)")
_FRAMEWORK = re.compile(r"(3\.\d+)")
_INSTALLER = re.compile(r"Python(3)(\d+)", re.IGNORECASE)
_INSTALL_MANAGER = re.compile(r"pythoncore-(3\.\d+)-64", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder in which interpreters stand.

    Its entries whose whole name matches `entry` count; the groups of the match, joined by dots, are the
    version. `tails` are tried in order below the entry ("": the entry is the interpreter itself), with
    `{minor}` filled in.
    """

    source: str
    folder: Path
    entry: re.Pattern[str]
    tails: tuple[str, ...]


def pythons(
    environ: Mapping[str, str],
    *,
    home: Path,
    own: str = sys.executable,
    system: str = "",
    arch: str = "",
    root: Path = Path("/"),
) -> tuple[Python, ...]:
    """The interpreters on this machine: uv's, pyenv's, the system's, and at last `self`, the engine's own.

    Within a source the newest is first. An interpreter that is reached in two ways counts for the first
    source; `self` is told again even so, because it is asked for by its name. `own` is the interpreter that
    the engine runs on; in a virtual environment the base interpreter is told instead. The patch version of a
    system's Python is read from its headers; without them the version is the minor only ("3.11"). `system`,
    `arch` (the `os` and `arch` of `Machine`) and `root` are this machine's unless given. A folder that cannot
    be read holds nothing.
    """
    system = system or probe.os_name(sys.platform)
    arch = arch or probe.arch_name(platform.machine(), system)
    found: list[Python] = []
    seen: set[Path] = set()
    by_source: dict[str, list[Python]] = {"uv": [], "pyenv": [], "system": []}
    for shelf in shelves(environ, home=home, system=system, arch=arch, root=root):
        by_source[shelf.source] += _stand_on(shelf)
    for source in by_source.values():
        for python in sorted(source, key=lambda python: python.sort_key, reverse=True):
            real = Path(python.path).resolve()
            if real not in seen:
                seen.add(real)
                found.append(python)
    return (*found, *_engine(own))


def shelves(
    environ: Mapping[str, str],
    *,
    home: Path,
    system: str,
    arch: str,
    root: Path = Path("/"),
    musl: bool | None = None,
) -> tuple[Shelf, ...]:
    """Every folder in which interpreters may stand, in the order of the sources.

    `musl`: builds for musl are wanted instead of those for glibc (what the engine itself is, unless given).
    """
    musl = "musl" in getattr(sys.implementation, "_multiarch", "") if musl is None else musl
    return (
        *_uv(environ, home, system, arch, musl),
        _pyenv(environ, home, system),
        *_usual(environ, system, root),
    )


def _uv(environ: Mapping[str, str], home: Path, system: str, arch: str, musl: bool) -> tuple[Shelf, ...]:
    """uv's folders: `cpython-3.12.1-linux-x86_64-gnu`, or `cpython-3.13.0+freethreaded-…` for another build.

    Places: https://docs.astral.sh/uv/reference/storage/ (on Windows there are two, by uv's age).
    """
    libc = ("musl" if musl else "gnu") if system == "linux" else "none"
    name = rf"cpython-(\d+\.\d+\.\d+)-{system}-{arch.replace('arm64', 'aarch64')}-{libc}"
    tails = ("python.exe",) if system == "windows" else ("bin/python{minor}",)
    return tuple(
        Shelf("uv", folder, re.compile(name), tails) for folder in _uv_folders(environ, home, system)
    )


def _uv_folders(environ: Mapping[str, str], home: Path, system: str) -> tuple[Path, ...]:
    if environ.get("UV_PYTHON_INSTALL_DIR"):
        return (Path(environ["UV_PYTHON_INSTALL_DIR"]),)
    if system == "windows":
        roaming = Path(environ.get("APPDATA") or home / "AppData" / "Roaming")
        return (roaming / "uv" / "python", roaming / "uv" / "data" / "python")
    # XDG on macOS too.
    return (Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "uv" / "python",)


def _pyenv(environ: Mapping[str, str], home: Path, system: str) -> Shelf:
    """pyenv's versions, never its shims: a shim asks the working folder which Python it is."""
    if system == "windows":
        root = environ.get("PYENV_ROOT") or environ.get("PYENV") or home / ".pyenv" / "pyenv-win"
        return Shelf("pyenv", Path(root) / "versions", _PYENV_VERSION, ("python.exe",))
    root = environ.get("PYENV_ROOT") or home / ".pyenv"
    return Shelf("pyenv", Path(root) / "versions", _PYENV_VERSION, ("bin/python", "bin/python{minor}"))


def _usual(environ: Mapping[str, str], system: str, root: Path) -> tuple[Shelf, ...]:
    """The usual folders of the system's Pythons; the names of Windows' folders come from its variables."""
    if system == "windows":
        local, programs = environ.get("LOCALAPPDATA", ""), environ.get("PROGRAMFILES", "")
        drive = environ.get("SYSTEMDRIVE", "")
        candidates = (
            (local, "Programs/Python", _INSTALLER),
            (local, "Python", _INSTALL_MANAGER),
            (programs, "", _INSTALLER),
            (drive and drive + os.sep, "", _INSTALLER),
        )
        return tuple(
            Shelf("system", Path(base, below), name, ("python.exe",))
            for base, below, name in candidates
            if base
        )
    folders = {"macos": ("opt/homebrew/bin", "usr/local/bin")}.get(system, ("usr/bin", "usr/local/bin"))
    found = tuple(Shelf("system", root / folder, _FILE, ("",)) for folder in folders)
    if system == "macos":
        framework = root / "Library/Frameworks/Python.framework/Versions"
        found += (Shelf("system", framework, _FRAMEWORK, ("bin/python{minor}",)),)
    return found


def _stand_on(shelf: Shelf) -> Iterator[Python]:
    """The interpreters on one shelf, by name."""
    try:
        # Names only: a system's folder of programs holds thousands that are none of ours.
        names = os.listdir(shelf.folder)  # noqa: PTH208
    except OSError:
        return
    for match in sorted(filter(None, map(shelf.entry.fullmatch, names)), key=lambda match: match[0]):
        version = ".".join(match.groups())
        path = _interpreter(shelf.folder.absolute() / match[0], version, shelf.tails)
        if path is not None and shelf.source == "system":
            version = _with_patch(path, version)
        if path is not None and version:
            yield Python(version=version, path=str(path), source=shelf.source)


def _interpreter(entry: Path, version: str, tails: tuple[str, ...]) -> Path | None:
    minor = ".".join(version.split(".")[:2])
    for tail in tails:
        path = entry / tail.format(minor=minor)
        try:
            if path.is_file() and os.access(path, os.X_OK) and "shims" not in path.resolve().parts:
                return path
        except OSError:
            continue
    return None


def _with_patch(path: Path, minor: str) -> str:
    """The version with its patch number where the headers are installed; "" for a pre-release.

    `patchlevel.h` holds `#define PY_VERSION "3.11.2"` (a trailing `+` stands for commits after the release).
    """
    for interpreter in (path, path.resolve()):
        for header in (
            interpreter.parent.parent / "include" / f"python{minor}" / "patchlevel.h",
            interpreter.parent / "include" / "patchlevel.h",
        ):
            try:
                match = _PY_VERSION.search(header.read_text(encoding="utf-8", errors="replace"))
            except OSError:
                continue
            if match and match[1].startswith(f"{minor}."):
                return match[1] if _FINAL.fullmatch(match[1]) else ""
    return minor


def _engine(own: str) -> tuple[Python, ...]:
    """The engine's own interpreter, unless it is of a kind that a prefix cannot hold."""
    if not own or sys.implementation.name != "cpython" or "free-threading build" in sys.version:
        return ()
    path = getattr(sys, "_base_executable", own) if own == sys.executable else own
    return (Python(version=".".join(map(str, sys.version_info[:3])), path=path, source="self"),)
