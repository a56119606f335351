"""conda's `python` and `python_abi`, repacked from a CPython that is installed on this machine.

Left out is what conda keeps elsewhere or nobody needs here: tests, IDLE, headers, compiled modules, installed
packages. Libraries of the system (OpenSSL, SQLite) stay where they are: the package is good for this machine only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from conda_channel.packing import PLACEHOLDER, File, Package

_ASK = """\
import json, os, platform, sys, sysconfig
print(json.dumps({
    "version": platform.python_version(), "implementation": platform.python_implementation(),
    "root": os.path.realpath(sys.base_prefix), "stdlib": os.path.realpath(sysconfig.get_path("stdlib")),
    "library": sysconfig.get_config_var("INSTSONAME") if sysconfig.get_config_var("Py_ENABLE_SHARED") else "",
    "libraries": sysconfig.get_config_var("LIBDIR") or "", "abi": getattr(sys, "abiflags", ""),
    "executable": os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
}))
"""
_LEFT_OUT = {
    "__pycache__", "test", "tests", "idlelib", "turtledemo", "idle_test", "lib2to3", "site-packages", "dist-packages",
    "EXTERNALLY-MANAGED", "sitecustomize.py", "_distutils_system_mod.py",
}  # fmt: skip
# Debian's `site` looks into `dist-packages` only, where it is no virtual environment; it is part of the binary.
_SITE = """\
import os, site, sys

if sys.prefix == sys.base_prefix:
    _own = [os.path.join(sys.prefix, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")]
    site.getsitepackages = lambda prefixes=None: _own
    site.addsitedir(_own[0])
"""


class NoPython(Exception):
    """No interpreter of this machine can be repacked; the text says why."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What an interpreter says of its installation."""

    version: str
    implementation: str
    root: Path
    stdlib: Path
    library: str
    libraries: Path
    abi: str
    executable: Path

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])

    @property
    def cp(self) -> str:
        return "cp" + self.minor.replace(".", "")

    @property
    def identity(self) -> str:
        """Another text where another interpreter stands at the same path."""
        about = self.executable.stat()
        return f"{self.executable} {self.version} {about.st_size} {about.st_mtime_ns}"

    @property
    def refused(self) -> str:
        """Why it cannot be repacked, or ""."""
        if not sys.platform.startswith("linux"):
            return f"Pythons are repacked on Linux only, not on {sys.platform}"
        if self.implementation != "CPython" or self.abi:
            return f"{self.executable} is {self.implementation}{self.abi}, not a usual CPython"
        if self.stdlib != self.root / "lib" / f"python{self.minor}":
            return f"the standard library of {self.executable} is in {self.stdlib}, not in its lib folder"
        if not (self.stdlib / "lib-dynload").is_dir() or not (self.stdlib / "venv").is_dir():
            return f"the standard library in {self.stdlib} is not whole"
        return ""


def installation(python: str | Path) -> Installation:
    """What `python` stands on: in a virtual environment that is its base."""
    # -I: nothing of the folder or the environment; -S would hide a distribution's paths.
    done = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    paths = {name: Path(said[name]) for name in ("root", "stdlib", "libraries", "executable")}
    return Installation(**{**said, **paths})


def usable(found: Iterable[str | Path]) -> tuple[Installation, ...]:
    """One installation for each minor version, the first that can be repacked; at least one.

    Raises `NoPython` with every reason where there is none.
    """
    chosen: dict[str, Installation] = {}
    refused = []
    for python in found:
        try:
            one = installation(python)
        except (OSError, subprocess.SubprocessError) as error:
            refused.append(str(error))
            continue
        if one.refused:
            refused.append(one.refused)
        else:
            chosen.setdefault(one.minor, one)
    if not chosen:
        raise NoPython("no Python here can be repacked for conda: " + "; ".join(refused))
    return tuple(chosen.values())


def python_package(one: Installation) -> Package:
    """conda's `python`: its libraries have the placeholder in their search path, its texts where they name it."""
    return Package(
        name="python",
        version=one.version,
        build="hiso_0_cpython",
        depends=["__glibc >=2.17,<3.0.a0"],
        constrains=[f"python_abi {one.minor}.* *_{one.cp}"],
        files=dict(_files(one)),
        index={"python_site_packages_path": f"lib/python{one.minor}/site-packages"},
    )


def abi_package(one: Installation) -> Package:
    return Package(
        name="python_abi",
        version=one.minor,
        build=f"8_{one.cp}",
        number=8,
        noarch="generic",
        constrains=[f"python {one.minor}.* *_cpython"],
    )


def _files(one: Installation) -> Iterator[tuple[str, File]]:
    name = f"python{one.minor}"
    with tempfile.TemporaryDirectory() as work:
        root = Path(work)
        shutil.copytree(one.stdlib, root / "lib" / name, symlinks=False, ignore=_ignored)
        (root / "bin").mkdir()
        shutil.copy(one.executable, root / "bin" / name)
        if one.library:
            shutil.copy(one.libraries / one.library, root / "lib" / one.library)
        _relocatable(root, name)
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            inside = path.relative_to(root).as_posix()
            data = _rewritten(path.read_bytes(), inside, one)
            yield inside, File(data, executable=os.access(path, os.X_OK))
    for alias in ("bin/python", "bin/python3"):
        yield alias, File(link=name)
    if b"dist-packages" in (one.stdlib / "site.py").read_bytes():
        yield f"lib/{name}/sitecustomize.py", File(_SITE.encode())
    # conda's python brings the folder; it is made by what lies in it.
    yield f"lib/{name}/site-packages/README.txt", File(b"What is installed lies here.\n")


def _ignored(folder: str, names: list[str]) -> list[str]:
    del folder
    return [
        name
        for name in names
        if name in _LEFT_OUT
        or name.endswith((".a", ".o", ".pyc"))
        or name.startswith(("config-", "_test", "_ctypes_test"))
    ]


def _relocatable(root: Path, name: str) -> None:
    """Let the interpreter find its library from where it lies, and the libraries each other by the prefix.

    As in conda's own build: the interpreter's search path is relative, so that a packed prefix can start it.
    """
    libraries = [str(path) for path in root.rglob("*.so*") if path.is_file()]
    # Copies of files that only root may write are not writable.
    for path in (*libraries, str(root / "bin" / name)):
        Path(path).chmod(0o755)
    if strip := shutil.which("strip"):
        subprocess.run([strip, "-S", *libraries, root / "bin" / name], check=True, capture_output=True)
    _patchelf("$ORIGIN/../lib", str(root / "bin" / name))
    _patchelf(f"{PLACEHOLDER}/lib", *libraries)


def _patchelf(search: str, *files: str) -> None:
    # The package of this name brings its command only; a virtual environment need not be on PATH.
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    tool = shutil.which("patchelf", path=beside)
    if tool is None:
        raise NoPython("patchelf is not installed")
    subprocess.run([tool, "--set-rpath", search, *files], check=True, capture_output=True)


def _rewritten(data: bytes, inside: str, one: Installation) -> bytes:
    """A file with the placeholder for the old prefix, and with conda's folders where a distribution has its own."""
    if b"\0" in data:
        return data
    root = str(one.root).encode()
    if len(one.root.parts) > 2:
        data = data.replace(root, PLACEHOLDER.encode())
    elif "/_sysconfigdata" in inside:
        # "/usr" is in many texts that do not mean the prefix, and in these settings as a word of its own.
        data = re.sub(rb"(?<=['\s])" + re.escape(root) + rb"(?=[/'\s])", PLACEHOLDER.encode(), data)
    if inside.endswith(("/sysconfig.py", "/sysconfig/__init__.py")):
        data = _undistributed(data)
    return data


def _undistributed(text: bytes) -> bytes:
    """`sysconfig` as it is released, of Debian's, which tells of `dist-packages` where it is no virtual environment.

    >>> _undistributed(b"prefix_scheme = 'posix_local'")
    b"prefix_scheme = 'posix_prefix'"
    """
    return text.replace(b"prefix_scheme = 'posix_local'", b"prefix_scheme = 'posix_prefix'")
