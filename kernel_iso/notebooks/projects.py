"""The nearest project file: the walk upward, the order in a folder, and what lower ones say differently."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel_iso.errors import SpecError
from kernel_iso.model import Origin, Record, Spec
from kernel_iso.notebooks import (
    checking,
    environment_yml,
    files,
    own_code,
    pyproject,
    requirements,
    side_locks,
)
from kernel_iso.notebooks.files import Files
from kernel_iso.notebooks.shown import clean
from kernel_iso.notebooks.side_locks import FoundLock


class Question(Record, frozen=True, kw_only=True):
    """What the caller chose: the folder that the walk does not leave, a profile, groups and extras."""

    root: str = ""
    profile: str = ""
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    @property
    def selects(self) -> bool:
        """True where a part of a project was chosen."""
        return bool(self.profile or self.groups or self.extras)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project: its folder, what it asks, its lock files, and where its own code lies ("" is nowhere)."""

    folder: Path
    spec: Spec
    pylocks: tuple[tuple[Path, str], ...] = ()
    own_path: str = ""

    def locks(self, disk: Files) -> list[FoundLock]:
        """The project's locks: PEP 751 ones, then `uv.lock` where the Spec is that of `pyproject.toml`."""
        found = side_locks.load(self.pylocks, disk)
        if Path(self.spec.origin.path).name == "pyproject.toml":
            found += side_locks.uv_lock(self.folder, disk)
        return found


def walk(start: Path, root: Path | None) -> tuple[list[Path], Path | None]:
    """The folders to look into, from `start` upward, and the last one where something bounds them.

    It ends at the server's root, at a repository's root (a folder with `.git` or `.hg`), and before a folder
    where anybody may write, such as `/tmp`. Outside of the root only a repository bounds it, else `start` is
    all.
    """
    found: list[Path] = []
    real_root = os.path.realpath(root) if root else ""
    for folder in (start, *start.parents):
        if found and _anybodys(folder):
            break
        found.append(folder)
        if os.path.realpath(folder) == real_root or any(_exists(folder / mark) for mark in (".git", ".hg")):
            return found, folder
    return (found[:1] if root else found), None


def nearest(start: Path, question: Question, disk: Files) -> Project | None:
    """The project of the nearest folder that has one, or None; raises `SpecError` like the parsers."""
    folders, bound = walk(start, Path(question.root) if question.root else None)
    for folder in folders:
        if found := _at(folder, Includes(bound or folder, disk), question, disk):
            return found
    return None


def one_file(path: Path, question: Question, disk: Files) -> Project | None:
    """The project that one named file describes, None where its name is not that of a project file."""
    includes = Includes(path.parent, disk)
    if path.name.startswith("pylock.") and path.suffix == ".toml":
        spec = _lock_only(path)
        return Project(folder=path.parent, spec=spec, pylocks=((path, ""),))
    spec_or_none = _reader(path, includes, question, disk)()
    return Project(folder=path.parent, spec=spec_or_none) if spec_or_none is not None else None


class Includes:
    """Gives the files that a project file includes, none from outside of `bound`."""

    def __init__(self, bound: Path, disk: Files) -> None:
        self._bound = Path(os.path.realpath(bound))
        self._disk = disk

    def __call__(self, place: str, name: str) -> tuple[str, str]:
        """The place and text of `name`, as the file `place` means it (`include-outside`)."""
        if "\0" in name:
            checking.refuse("include-outside", name, place, "it is no name", "correct it")
        path = Path(os.path.normpath(Path(place).parent / name))
        if not Path(os.path.realpath(path)).is_relative_to(self._bound):
            because = f"it lies outside of {clean(str(self._bound))}"
            checking.refuse("include-outside", name, place, because, "move the file into the project")
        return str(path), self._disk.text(path)


def disagrees(winner: Spec, lower: Spec) -> bool:
    """True where `lower` asks for something that `winner` asks differently or not at all.

    >>> disagrees(Spec(requirements=("a", "b"), python="3.12"), Spec(requirements=("b", "a")))
    False
    """
    mine = winner.meaning()
    for key, value in lower.meaning().items():
        other = mine.get(key)
        if isinstance(value, (list, tuple)) and isinstance(other, (list, tuple)):
            if sorted(map(str, value)) != sorted(map(str, other)):
                return True
        elif value != other:
            return True
    return False


Read = Callable[[], Spec | None]


def _at(folder: Path, includes: Includes, question: Question, disk: Files) -> Project | None:
    """The project in one folder. A lock counts first, and what it was made from beside it is the Spec."""
    names = (question.profile, *question.groups, *question.extras)
    pylocks = tuple(side_locks.of_project(folder, names=[name for name in names if name]))
    present = [folder / name for name in _NAMES if files.is_file(folder / name)]
    # A conda environment is not what a PEP 751 lock was made from, so the lock comes before it.
    of_lock = [path for path in present if not pylocks or path.suffix not in (".yml", ".yaml")]
    spec, rest = None, list(present)
    for path in of_lock:
        rest.remove(path)
        if (spec := _reader(path, includes, question, disk)()) is not None:
            break
    if spec is None:
        if not pylocks:
            return None
        spec = _lock_only(pylocks[0][0])
    if question.selects and Path(spec.origin.path).name != "pyproject.toml":
        refuse_selection(spec.origin.path)
    lower = [_lower(path, _reader(path, includes, Question(), disk), spec) for path in rest]
    spec = msgspec.structs.replace(spec, overruled=tuple(item for item in lower if item))
    return Project(folder=folder, spec=spec, pylocks=pylocks, own_path=_own_path(folder, disk))


_NAMES = ("pyproject.toml", "environment.yml", "environment.yaml", "requirements.txt")


def _reader(path: Path, includes: Includes, question: Question, disk: Files) -> Read:
    """How a project file is read, by its name."""

    def read() -> Spec | None:
        if path.suffix in (".yml", ".yaml"):
            return environment_yml.parse(disk.text(path), str(path), includes)
        if path.suffix == ".txt":
            return requirements.parse(disk.text(path), str(path), includes)
        if path.name != "pyproject.toml":
            return None
        return pyproject.parse(
            disk.text(path),
            str(path),
            includes,
            profile=question.profile,
            groups=question.groups,
            extras=question.extras,
        )

    return read


def _lower(path: Path, read: Read, winner: Spec) -> Origin | None:
    """Where a lower source disagrees; one that cannot be read is told, and stops nobody."""
    try:
        lower = read()
    except SpecError as error:
        return Origin(kind="project", path=str(path), detail=f"cannot be read ({error.code})")
    return lower.origin if lower is not None and disagrees(winner, lower) else None


def _lock_only(path: Path) -> Spec:
    detail = "the lock is all that is declared"
    return Spec(origin=Origin(kind="project", path=str(path), detail=detail))


def _own_path(folder: Path, disk: Files) -> str:
    name = folder.name
    path = folder / "pyproject.toml"
    if files.is_file(path):
        try:
            project = pyproject.read(disk.text(path), str(path)).project
        except SpecError:
            project = None
        name = project.name if project and project.name else name
    return own_code.source_folder(folder, name)


def refuse_selection(place: str) -> None:
    """Raise the `SpecError` where a profile, group or extra was chosen and there is no project to have it."""
    raise SpecError(
        "no-groups-here",
        "cannot choose a profile, group or extra",
        f"{clean(place) or 'nothing'} decides here, and only a pyproject.toml has them",
        "leave the choice out",
    )


def names_selected(question: Question, spec: Spec) -> Question:
    """The question with what a notebook's metadata selects of its project."""
    return msgspec.structs.replace(
        question,
        profile=question.profile or spec.profile,
        groups=_both(spec.groups, question.groups),
        extras=_both(spec.extras, question.extras),
    )


def _both(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _anybodys(folder: Path) -> bool:
    """True for a folder where anybody may write: a project file there may be a stranger's."""
    try:
        return os.name == "posix" and bool(folder.stat().st_mode & 0o002)
    except (OSError, ValueError):
        return False
