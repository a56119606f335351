"""Where environments lie: conda's registry and folders, and those of the tools that make virtual environments.

Left out: what holds tools and not work (`uv tool`, pipx), and plain interpreters (pyenv's versions themselves).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kernel_iso import condarc
from kernel_iso.discovery.remembering import Disk

VARIABLES = (
    *condarc.VARIABLES, "WORKON_HOME", "POETRY_CACHE_DIR", "POETRY_VIRTUALENVS_PATH", "HATCH_DATA_DIR", "PYENV_ROOT",
    "PYENV", "XDG_DATA_HOME", "XDG_CACHE_HOME",
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
    installed = tuple(dict.fromkeys(condarc.roots(environ, home, system=system, root=root)))
    for folder in installed:
        yield Place("conda", folder, 0)
        yield Place("conda", os.path.join(folder, "envs"))  # noqa: PTH118
    yield Place("conda", str(home / ".conda" / "envs"))
    # Environments are found whichever installation has made them.
    configured = condarc.read(
        environ, home, system=system, root=root, installed=installed, files=_Folders(disk)
    )
    for folder in configured.envs_dirs:
        yield Place("conda", folder)
    pixi = environ.get("PIXI_HOME") or str(home / ".pixi")
    yield Place("pixi", str(Path(pixi, "envs")))


class _Folders:
    """Configuration files that name folders of environments: most name none, and to parse YAML takes 10 ms."""

    def __init__(self, disk: Disk) -> None:
        self.names = disk.names
        self._disk = disk

    def text(self, path: str) -> str:
        text = self._disk.text(path)
        return text if "envs_dirs" in text or "envs_path" in text else ""


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
