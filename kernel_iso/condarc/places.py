"""Where conda, mamba, pixi and rattler look for their configuration.

conda: https://docs.conda.io/projects/conda/en/stable/user-guide/configuration/use-condarc.html (searching for .condarc)
mamba: https://mamba.readthedocs.io/en/latest/user_guide/configuration.html (multiple rc files)
pixi: https://pixi.sh/latest/reference/pixi_configuration/
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

LIMIT = 2**20
"""Characters of the largest file that is read; a real one has a few hundred."""

ROOTS = (
    "miniconda3",
    "anaconda3",
    "miniforge3",
    "mambaforge",
    "micromamba",
    "miniconda",
    "anaconda",
    "conda",
)
"""What the folders of conda, mamba and micromamba are called by their installers."""

VARIABLES = (
    "CONDA_EXE", "CONDA_ROOT", "CONDA_PREFIX", "CONDARC", "MAMBARC", "MAMBA_ROOT_PREFIX", "PIXI_HOME", "XDG_CONFIG_HOME",
    "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
    *(
        f"{tool}_{name}"
        for tool in ("CONDA", "MAMBA")
        for name in (
            "CHANNELS", "CHANNEL_ALIAS", "DEFAULT_CHANNELS", "CHANNEL_PRIORITY", "ALLOWLIST_CHANNELS", "DENYLIST_CHANNELS",
            "SSL_VERIFY", "OFFLINE", "PKGS_DIRS", "ENVS_DIRS", "ENVS_PATH", "ADD_ANACONDA_TOKEN",
        )
    ),
)  # fmt: skip
"""The variables on which an answer depends, besides those that the files name."""


class Files(Protocol):
    """The way to files. Where there is no such file, `text` is "" or raises an `OSError`."""

    def text(self, path: str) -> str: ...

    def names(self, folder: str) -> list[str]: ...


class Disk:
    """The files themselves; what is no regular file, or is larger than `LIMIT`, is refused."""

    def text(self, path: str) -> str:
        """The text of a small file; raises `OSError`."""
        # Dozens of places are looked at, and there is nothing in most.
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
            raise OSError(0, "it is no file", path)
        with Path(path).open(encoding="utf-8", errors="replace") as stream:
            text = stream.read(LIMIT + 1)
        if len(text) > LIMIT:
            raise OSError(0, f"it has more than {LIMIT} characters", path)
        return text

    def names(self, folder: str) -> list[str]:
        """The names in a folder, none where there is none."""
        try:
            return os.listdir(folder)  # noqa: PTH208 - names are all that is wanted
        except OSError:
            return []


def roots(environ: Mapping[str, str], home: Path, *, system: str, root: Path = Path("/")) -> Iterator[str]:
    """Where installations of conda, mamba and micromamba may be: those that variables name, then the usual folders."""
    yield from _named(environ)
    above = [home, home / ".local" / "share", root / "opt"]
    if system == "windows":
        known = [environ.get(name, "") for name in ("LOCALAPPDATA", "PROGRAMDATA")]
        above = [home, *(Path(folder) for folder in known if folder)]
    for folder in above:
        yield from (str(folder / name) for name in ROOTS)
    yield str(home / ".local" / "share" / "mamba")


def _named(environ: Mapping[str, str]) -> Iterator[str]:
    if executable := environ.get("CONDA_EXE"):
        yield str(Path(executable).parent.parent)
    for variable in ("MAMBA_ROOT_PREFIX", "CONDA_ROOT"):
        if environ.get(variable):
            yield environ[variable]
    # Activation names the environment, and older ones nothing else.
    if (prefix := Path(environ.get("CONDA_PREFIX", ""))).parent.name == "envs":
        yield str(prefix.parent.parent)


def chosen_roots(
    environ: Mapping[str, str], home: Path, *, system: str, root: Path = Path("/")
) -> tuple[str, ...]:
    """The installations whose configuration counts: those that variables name, or else the first that is there.

    conda itself reads the file of the installation that it runs from. Nobody runs here.
    """
    if named := tuple(dict.fromkeys(_named(environ))):
        return named
    for folder in roots(environ, home, system=system, root=root):
        if os.path.isdir(f"{folder}{os.sep}conda-meta"):  # noqa: PTH112 - two dozen of them for every answer
            return (folder,)
    return ()


def condarcs(
    files: Files, environ: Mapping[str, str], home: Path, *, system: str, root: Path, installed: Sequence[str]
) -> Iterator[str]:
    """The files of conda and mamba that may be there, the one that counts most last.

    In a folder `condarc.d` every YAML file counts, by name.
    """
    shared: tuple[Path, ...] = (root / "etc" / "conda", root / "var" / "lib" / "conda")
    if system == "windows":
        shared = (Path(environ.get("PROGRAMDATA") or root / "ProgramData") / "conda",)
    settings = environ.get("XDG_CONFIG_HOME")
    folders = [
        *((folder, True) for folder in shared),
        *((Path(folder), True) for folder in installed),
        *([(Path(settings) / "conda", False)] if settings else []),
        (home / ".config" / "conda", False),
        (home / ".conda", False),
        (home, True),
        *([(Path(environ["CONDA_PREFIX"]), True)] if environ.get("CONDA_PREFIX") else []),
    ]
    for folder, mamba in dict(folders).items():
        yield str(folder / ".condarc")
        if folder != home:
            yield str(folder / "condarc")
            yield from _yaml_files(files, folder / "condarc.d")
        if mamba:
            yield str(folder / ".mambarc")
    yield from (environ[name] for name in ("CONDARC", "MAMBARC") if environ.get(name))


def _yaml_files(files: Files, folder: Path) -> Iterator[str]:
    for name in sorted(files.names(str(folder))):
        if name.endswith((".yml", ".yaml")):
            yield str(folder / name)


def tomls(environ: Mapping[str, str], home: Path, *, system: str, root: Path) -> Iterator[str]:
    """The `config.toml` of rattler and pixi that may be there, the one that counts most last."""
    if system == "windows":
        shared = Path(environ.get("PROGRAMDATA") or root / "ProgramData")
        own = [Path(environ.get("APPDATA") or home / "AppData" / "Roaming")]
    else:
        shared = root / "etc"
        own = [home / "Library" / "Application Support"] if system == "macos" else []
        own.insert(0, Path(environ.get("XDG_CONFIG_HOME") or home / ".config"))
    for tool in ("rattler", "pixi"):
        yield from (str(folder / tool / "config.toml") for folder in (shared, *own))
    yield str(Path(environ.get("PIXI_HOME") or home / ".pixi") / "config.toml")
