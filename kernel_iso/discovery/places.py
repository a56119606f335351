"""Where environments lie: conda's registry and folders, and those of the tools that make virtual environments.

Left out: what holds tools and not work (`uv tool`, pipx), and plain interpreters (pyenv's versions themselves).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kernel_iso.discovery.remembering import Disk

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
    "CONDA_EXE", "CONDARC", "CONDA_ENVS_PATH", "CONDA_ENVS_DIRS", "CONDA_ROOT", "MAMBA_ROOT_PREFIX", "PIXI_HOME",
    "WORKON_HOME", "POETRY_CACHE_DIR", "POETRY_VIRTUALENVS_PATH", "HATCH_DATA_DIR", "PYENV_ROOT", "PYENV",
    "XDG_DATA_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "PROGRAMDATA",
)  # fmt: skip
"""The variables that `places` looks at."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in which environments of one `tool` stand, `depth` folders down; at 0 it is one itself."""

    tool: str
    folder: str
    depth: int = 1


def places(
    disk: Disk, environ: Mapping[str, str], *, home: Path, system: str, root: Path = Path("/")
) -> tuple[Place, ...]:
    """The usual places on a machine, the registry first. `system` is `os` of a Machine, `root` its file system's."""
    found = (*conda(disk, environ, home, system, root), *virtual(environ, home, system))
    return tuple(dict.fromkeys(found))


def conda(disk: Disk, environ: Mapping[str, str], home: Path, system: str, root: Path) -> Iterator[Place]:
    """conda's registry of every environment that it made, its roots, and the folders of environments.

    conda, mamba and micromamba add a line to `~/.conda/environments.txt`:
    https://docs.conda.io/projects/conda/en/stable/dev-guide/api/conda/core/envs_manager/
    """
    for line in disk.text(str(home / ".conda" / "environments.txt")).splitlines():
        if line.strip():
            yield Place("conda", line.strip(), 0)
    roots = list(_roots(environ, home, system, root))
    for folder in roots:
        yield Place("conda", folder, 0)
        yield Place("conda", os.path.join(folder, "envs"))  # noqa: PTH118
    yield Place("conda", str(home / ".conda" / "envs"))
    listed = environ.get("CONDA_ENVS_PATH") or environ.get("CONDA_ENVS_DIRS") or ""
    for folder in (*listed.split(os.pathsep), *_configured(disk, environ, home, roots)):
        if folder:
            yield Place("conda", str(home / Path(folder.replace("~", str(home), 1))))
    pixi = environ.get("PIXI_HOME") or str(home / ".pixi")
    yield Place("pixi", str(Path(pixi, "envs")))


def _roots(environ: Mapping[str, str], home: Path, system: str, root: Path) -> Iterator[str]:
    if executable := environ.get("CONDA_EXE"):
        yield str(Path(executable).parent.parent)
    for variable in ("MAMBA_ROOT_PREFIX", "CONDA_ROOT"):
        if environ.get(variable):
            yield environ[variable]
    above = [home, home / ".local" / "share", root / "opt"]
    if system == "windows":
        known = [environ.get(name, "") for name in ("LOCALAPPDATA", "PROGRAMDATA")]
        above = [home, *(Path(folder) for folder in known if folder)]
    for folder in above:
        yield from (str(folder / name) for name in ROOTS)
    yield str(home / ".local" / "share" / "mamba")


def _configured(disk: Disk, environ: Mapping[str, str], home: Path, roots: list[str]) -> Iterator[str]:
    """`envs_dirs` of the configuration files; one that cannot be read says nothing."""
    files = [home / ".condarc", home / ".conda" / ".condarc", home / ".config" / "conda" / ".condarc"]
    files += [home / ".mambarc", *(Path(folder, ".condarc") for folder in roots)]
    if environ.get("CONDARC"):
        files.append(Path(environ["CONDARC"]))
    for file in files:
        text = disk.text(str(file))
        if "envs_dirs" not in text and "envs_path" not in text:
            continue
        import yaml  # only here: most people have no such line, and it takes 10 ms

        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError:
            continue
        given = (data.get("envs_dirs") or data.get("envs_path")) if isinstance(data, dict) else None
        for folder in [given] if isinstance(given, str) else given or []:
            yield str(folder)


def virtual(environ: Mapping[str, str], home: Path, system: str) -> Iterator[Place]:
    """The folders in which tools keep virtual environments apart from the projects."""
    local = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    shared, caches = {
        "windows": (local, local),
        "macos": (home / "Library" / "Application Support", home / "Library" / "Caches"),
    }.get(
        system,
        (
            Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share"),
            Path(environ.get("XDG_CACHE_HOME") or home / ".cache"),
        ),
    )
    if work := environ.get("WORKON_HOME"):
        yield Place("virtualenv", work)
    yield Place("virtualenv", str(home / ".virtualenvs"))
    yield Place("virtualenv", str(home / ".venvs"))
    # pipenv keeps to ~/.local/share on macOS too: https://pipenv.pypa.io/en/latest/virtualenv.html
    yield Place("pipenv", str(Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share", "virtualenvs")))
    # https://python-poetry.org/docs/configuration/#virtualenvspath
    cache = Path(environ.get("POETRY_CACHE_DIR") or (
        caches / "pypoetry" / "Cache" if system == "windows" else caches / "pypoetry"))  # fmt: skip
    yield Place("poetry", environ.get("POETRY_VIRTUALENVS_PATH") or str(cache / "virtualenvs"))
    # `env/virtual/<project>/<digest>/<environment>`: https://hatch.pypa.io/latest/config/hatch/
    data = Path(environ.get("HATCH_DATA_DIR") or shared / "hatch")
    yield Place("hatch", str(data / "env" / "virtual"), 3)
    pyenv = environ.get("PYENV_ROOT") or environ.get("PYENV") or str(
        home / ".pyenv" / "pyenv-win" if system == "windows" else home / ".pyenv")  # fmt: skip
    yield Place("pyenv", str(Path(pyenv, "versions")))
