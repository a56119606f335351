"""The conda and virtual environments on this machine."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from kernel_iso.discovery.places import VARIABLES, Place, places
from kernel_iso.discovery.reading import Discovered, read
from kernel_iso.discovery.remembering import Disk, Memory
from kernel_iso.guest import probe

T = TypeVar("T")

DEPTH, FOLDERS = 3, 500
"""How far below the notebooks' folder is looked, and into how many folders at most, the nearest first."""

_PASSED_OVER = {"node_modules", "site-packages", "__pycache__", "build", "dist"}


class Environments:
    """Finds environments, and reads again only what has changed since the last time. Threads may share one."""

    def __init__(self) -> None:
        self.memory = Memory()
        self._turn = threading.Lock()

    def find(
        self,
        environ: Mapping[str, str],
        *,
        home: Path,
        beside: str = "",
        folders: Sequence[str] = (),
        system: str = "",
        root: Path = Path("/"),
    ) -> tuple[Discovered, ...]:
        """Every environment in the usual places, in `folders`, and in and below the folder `beside`.

        An environment that is reached in several ways is told once. Those of kernel-iso itself are left out.
        `system` and `root` are this machine's unless given.
        """
        system = system or probe.os_name(sys.platform)
        with self._turn:
            return tuple(self._each(environ, home, beside, folders, system, root))

    def read(self, path: str, *, system: str = "") -> Discovered | None:
        """The environment at a path, None where there is none."""
        with self._turn:
            return self._read(path, "", system or probe.os_name(sys.platform))

    def recall(self, key: str, make: Callable[[Disk], T]) -> T:
        """Another answer from files, remembered with these (see `Memory`)."""
        with self._turn:
            return self.memory.recall(key, make)

    def _each(
        self,
        environ: Mapping[str, str],
        home: Path,
        beside: str,
        folders: Sequence[str],
        system: str,
        root: Path,
    ) -> Iterator[Discovered]:
        named = [(name, environ.get(name, "")) for name in VARIABLES]
        usual = self.memory.recall(
            f"places {home} {root} {system} {named}",
            lambda disk: places(disk, environ, home=home, system=system, root=root),
        )
        seen: set[str] = set()
        chosen = [Place("", folder) for folder in folders]
        standing = [item for place in (*chosen, *usual) for item in self._standing(place.folder, place)]
        for path, tool in (*self._below(beside), *standing):
            found = self._read(path, tool, system)
            if found is not None and found.path not in seen:
                seen.add(found.path)
                yield found

    def _standing(self, folder: str, place: Place, depth: int = 0) -> Iterator[tuple[str, str]]:
        """The folders of one place that may be environments, with the place's tool."""
        if depth == place.depth:
            yield folder, place.tool
            return
        for name in self.memory.recall(f"folders {folder}", lambda disk: disk.folders(folder)):
            yield from self._standing(f"{folder}{os.sep}{name}", place, depth + 1)

    def _below(self, top: str) -> Iterator[tuple[str, str]]:
        """The folders in and below a folder of notebooks that may be environments, whatever they are called."""
        waiting = deque([(top, 0)] if top else [])
        looked = 0
        while waiting and looked < FOLDERS:
            folder, depth = waiting.popleft()
            looked += 1
            is_one, inside, further = self.memory.recall(f"below {folder}", lambda disk: _look(disk, folder))  # noqa: B023
            yield from ((path, "") for path in ((folder,) if is_one else inside))
            if depth < DEPTH and not is_one:
                waiting += [(path, depth + 1) for path in further]

    def _read(self, path: str, tool: str, system: str) -> Discovered | None:
        return self.memory.recall(f"environment {tool} {path}", lambda disk: read(disk, path, tool, system))


def _look(disk: Disk, folder: str) -> tuple[bool, list[str], list[str]]:
    """Whether a folder is an environment; the paths in it that may be ones; the folders to look into."""
    names = disk.folders(folder, links=False)
    if "conda-meta" in names or disk.stamp(f"{folder}{os.sep}pyvenv.cfg"):
        return True, [], []
    inside = [f"{folder}{os.sep}{name}" for name in names if name in (".venv", ".env", ".virtualenv")]
    if ".pixi" in names:
        pixi = f"{folder}{os.sep}.pixi{os.sep}envs"
        inside += [f"{pixi}{os.sep}{name}" for name in disk.folders(pixi)]
    further = [name for name in names if not name.startswith(".") and name not in _PASSED_OVER]
    return False, inside, [f"{folder}{os.sep}{name}" for name in further]
