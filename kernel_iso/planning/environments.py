"""The environment variables of a kernel: what was there, without what would lead out of its prefix."""

from __future__ import annotations

import ntpath
import os
import posixpath
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase

DROPPED = (
    # Where Python looks for code, and how it starts. PYTHONDONTWRITEBYTECODE from outside would compile every
    # package again at every start, for prefixes are made without bytecode.
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "PYTHONPLATLIBDIR",
    "PYTHONEXECUTABLE", "PYTHONUSERBASE", "__PYVENV_LAUNCHER__",
    # Which environment is active.
    "VIRTUAL_ENV*", "CONDA_*", "_CE_CONDA", "_CE_M", "PYENV_VERSION", "PYENV_VIRTUAL_ENV", "PIPENV_ACTIVE",
    "POETRY_ACTIVE",
    # Where `!pip install` and `!uv pip install` would put packages instead of into the prefix.
    "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON", "PIP_REQUIRE_VIRTUALENV",
    "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX",
)  # fmt: skip
"""Patterns of the variables that a kernel does not inherit."""

# Libraries of a CUDA toolkit, and those that only come with the driver: a toolkit's `stubs` have no version.
_TOOLKIT = ("libcud*", "libcublas*", "libnv*")
_DRIVER = ("libcuda.so.1*", "libnvidia-ml.so.*")
_WSL_DRIVER = "/usr/lib/wsl/lib"

Listing = Callable[[str], Iterable[str]]
"""The names in a folder; () where it cannot be read."""


def names_in(folder: str) -> Iterable[str]:
    """The names in a folder of this machine."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are all that is wanted, of thousands of libraries
    except OSError:
        return ()


def kernel_environment(
    environ: Mapping[str, str],
    *,
    prefix: str,
    python: str,
    os: str,
    env: Iterable[tuple[str, str]] = (),
    own_paths: Iterable[str] = (),
    listing: Listing = names_in,
) -> dict[str, str]:
    """The environment in which `!pip`, `!python` and `sys.executable` mean the prefix, and nothing leaks in.

    `environ` is what the kernel would inherit, `prefix` and `python` are its folder and its interpreter, and
    `os` is `windows` or anything else. `env` are the variables of the Plan, which cannot undo the rest; a `PATH` among
    them comes behind the prefix's own and before the inherited one.
    `own_paths` become `PYTHONPATH`, so that processes which a cell starts import the project's code too.
    `listing` is called for the folders of `LD_LIBRARY_PATH`. On Windows, where the case of names does not
    count, they become upper case.

    >>> result = kernel_environment(
    ...     {"PATH": "/usr/bin", "PYTHONPATH": "/x", "HOME": "/home/ada"},
    ...     prefix="/p", python="/p/bin/python", os="linux",
    ... )
    >>> sorted(result.items())
    [('HOME', '/home/ada'), ('PATH', '/p/bin:/usr/bin'), ('PYTHONNOUSERSITE', '1'), ('VIRTUAL_ENV', '/p')]
    """
    windows = os == "windows"
    path = ntpath if windows else posixpath
    inherited = {(name.upper() if windows else name): value for name, value in environ.items()}
    result = {name: value for name, value in inherited.items() if not dropped(name)}
    set_here = {(name.upper() if windows else name): value for name, value in env}
    paths = [set_here.pop("PATH", ""), result.get("PATH", "")]
    result |= set_here
    if not windows and "LD_LIBRARY_PATH" in result:
        active = tuple(inherited[name] for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if inherited.get(name))
        result["LD_LIBRARY_PATH"] = without_toolkits(result["LD_LIBRARY_PATH"], listing, active)
        if not result["LD_LIBRARY_PATH"]:
            del result["LD_LIBRARY_PATH"]
    bins = dict.fromkeys((path.dirname(python), path.join(prefix, "Scripts" if windows else "bin")))
    entries = path.pathsep.join(paths).split(path.pathsep)
    rest = [entry for entry in entries if entry and entry not in bins]
    result["PATH"] = path.pathsep.join((*bins, *rest))
    result["VIRTUAL_ENV"] = prefix
    result["PYTHONNOUSERSITE"] = "1"
    if own := path.pathsep.join(own_paths):
        result["PYTHONPATH"] = own
    return result


def dropped(name: str) -> bool:
    """True for a variable that a kernel does not inherit.

    >>> dropped("CONDA_PREFIX"), dropped("PIP_INDEX_URL"), dropped("SSL_CERT_FILE")
    (True, False, False)
    """
    return any(fnmatchcase(name, pattern) for pattern in DROPPED)


def without_toolkits(value: str, listing: Listing, active: tuple[str, ...] = ()) -> str:
    """`LD_LIBRARY_PATH` without the folders whose libraries would win over those inside wheels.

    A second cuDNN or nvJitLink from a CUDA toolkit ends in version mismatches and undefined symbols (pytorch
    issues 80637, 111469, 188892), a second libstdc++ from an environment that was `active` in missing ones.
    A folder of the driver stays: it holds libcuda.so.1, or is WSL's. An empty entry, which means the working
    folder, goes too.

    >>> has = {"/cuda/lib64": ["libcudart.so.12"], "/usr/lib/x86_64": ["libcuda.so.1", "libcudart.so.12"]}
    >>> without_toolkits("/cuda/lib64:/opt/lib::/usr/lib/x86_64", lambda folder: has.get(folder, ()))
    '/opt/lib:/usr/lib/x86_64'
    """
    return ":".join(
        entry
        for entry in value.split(":")
        if entry and not _is_inside(entry, active) and not _is_toolkit(entry, listing)
    )


def _is_inside(folder: str, parents: tuple[str, ...]) -> bool:
    path = posixpath.normpath(folder) + "/"
    return any(path.startswith(posixpath.normpath(parent) + "/") for parent in parents)


def _is_toolkit(folder: str, listing: Listing) -> bool:
    if posixpath.normpath(folder) == _WSL_DRIVER:
        return False
    names = list(listing(folder))
    return _any(names, _TOOLKIT) and not _any(names, _DRIVER)


def _any(names: list[str], patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
