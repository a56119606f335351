"""Read what a notebook, a script or a folder asks: the first source that is found decides."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel_iso.errors import SpecError
from kernel_iso.model import Origin, Record, Spec
from kernel_iso.notebooks import files, ipynb, pep723, projects, side_locks
from kernel_iso.notebooks.files import Files
from kernel_iso.notebooks.ipynb import Notebook
from kernel_iso.notebooks.projects import Project, Question
from kernel_iso.notebooks.shown import clean
from kernel_iso.notebooks.side_locks import FoundLock

SCRIPTS = (".py", ".pyw")
PROJECT_SUFFIXES = (".txt", ".yml", ".yaml", ".toml")


class Reading(Record, frozen=True, kw_only=True):
    """What was read: the Spec, the notebook's id and kernel ("" for none), and the locks in lookup order.

    `path` is the absolute address that was read, and `question` what the caller chose: an edit reads again.
    """

    spec: Spec
    id: str = ""
    kernel: str = ""
    locks: tuple[FoundLock, ...] = ()
    language: str = ""
    path: str = ""
    question: Question = Question()


@dataclass(frozen=True, slots=True)
class _Document:
    """A notebook or script: its own Specs in order, its locks, and the facts about it."""

    specs: tuple[Spec, ...] = ()
    locks: tuple[FoundLock, ...] = ()
    id: str = ""
    kernel: str = ""
    language: str = ""


def read(
    path: Path,
    *,
    root: Path | None = None,
    profile: str = "",
    groups: tuple[str, ...] = (),
    extras: tuple[str, ...] = (),
    disk: Files | None = None,
) -> Reading:
    """What the notebook, script, project file or folder at `path` asks; nothing is resolved, fetched or run.

    The first found decides: a PEP 723 block in a code cell, `metadata.kernel_iso.spec`, the nearest project
    file from the folder upward (not past `root` or a repository's root), nothing. A Spec in the metadata that
    only chooses a profile, groups or extras chooses them of the project. Locks are the notebook's, then the
    project's where the project decides. `disk` may hold an open document in place of its file. Raises `SpecError`:
    `no-notebook`, and the codes of every parser.
    """
    question = Question(root=str(root) if root else "", profile=profile, groups=groups, extras=extras)
    return read_again(absolute(path), question, disk or Files())


def read_id(path: Path) -> str:
    """The id that a notebook carries, "" where it has none; raises `SpecError` where it cannot be read."""
    place = absolute(path)
    if place.suffix in SCRIPTS or place.is_dir():
        return ""
    return ipynb.notebook_id(ipynb.parse(Files().text(place, files.NOTEBOOK_LIMIT), str(place)), str(place))


def absolute(path: Path) -> Path:
    """The absolute address of something that exists; raises `SpecError` (`no-notebook`)."""
    try:
        place = Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow links, and the address counts
        place.stat()
    except (OSError, ValueError) as error:
        because = getattr(error, "strerror", None) or str(error)
        raise SpecError(
            "no-notebook",
            f"cannot find `{clean(str(path))}`",
            clean(because),
            "give the path of a notebook, a script or a folder",
        ) from None
    return place


def read_again(path: Path, question: Question, disk: Files) -> Reading:
    """Like `read`, with a disk on which some files may already be changed."""
    folder = path if path.is_dir() else path.parent
    if path.is_dir():
        document, project = _Document(), projects.nearest(folder, question, disk)
    elif path.suffix in PROJECT_SUFFIXES:
        document, project = _Document(), projects.one_file(path, question, disk)
        if project is None:
            hint = "name a notebook, a folder, or a project file that declares something"
            raise SpecError("says-nothing", f"cannot read `{clean(str(path))}`", "it declares nothing", hint)
    else:
        document = _script(path, disk) if path.suffix in SCRIPTS else _notebook(path, disk)
        return _decided(path, document, question, disk)
    spec = project.spec if project else Spec()
    if not project and question.selects:
        projects.refuse_selection("")
    return _reading(path, document, spec, question, project, disk)


def _decided(path: Path, document: _Document, question: Question, disk: Files) -> Reading:
    """The reading of a notebook or script: its own Spec, else the project's."""
    asked, specs = question, list(document.specs)
    if specs and specs[-1].meaning().keys() <= {"profile", "groups", "extras"} and specs[-1].meaning():
        asked = projects.names_selected(question, specs.pop())
    if not specs:
        project = projects.nearest(path.parent, asked, disk)
        if project is None and asked.selects:
            projects.refuse_selection("")
        return _reading(path, document, project.spec if project else Spec(), question, project, disk)
    winner, *lower = specs
    if asked.selects:
        projects.refuse_selection(winner.origin.path)
    overruled = [item.origin for item in lower if projects.disagrees(winner, item)]
    project = None
    try:
        project = projects.nearest(path.parent, Question(root=question.root), disk)
    except SpecError as error:
        overruled.append(
            Origin(kind="project", path=str(path.parent), detail=f"cannot be read ({error.code})")
        )
    if project and projects.disagrees(winner, project.spec):
        overruled.append(project.spec.origin)
    winner = msgspec.structs.replace(winner, overruled=tuple(overruled))
    return _reading(path, document, winner, question, project, disk)


def _reading(
    path: Path, document: _Document, spec: Spec, question: Question, project: Project | None, disk: Files
) -> Reading:
    locks = list(document.locks)
    if project and spec.origin.kind == "project":
        # A project's lock answers the project's Spec, and not what a notebook asks for itself.
        locks += project.locks(disk)
    if project and project.own_path and spec.own_code == "path":
        spec = msgspec.structs.replace(spec, own_paths=(project.own_path,))
    return Reading(
        spec=spec,
        id=document.id,
        kernel=document.kernel,
        locks=tuple(locks),
        language=document.language,
        path=str(path),
        question=question,
    )


def _script(path: Path, disk: Files) -> _Document:
    text = disk.text(path)
    block = pep723.script(text, str(path))
    if block is None:
        return _Document(language="python", locks=tuple(side_locks.beside(path, disk)))
    origin = Origin(kind="pep723", path=str(path), detail=f"line {block.first + 1}")
    spec = pep723.parse(block.content, str(path), origin=origin)
    return _Document(specs=(spec,), language="python", locks=tuple(side_locks.beside(path, disk)))


def _notebook(path: Path, disk: Files) -> _Document:
    place = str(path)
    notebook = ipynb.parse(disk.text(path, files.NOTEBOOK_LIMIT), place)
    specs = []
    if found := ipynb.script_cell(notebook, place):
        number, block = found
        origin = Origin(kind="pep723", path=place, detail=f"cell {number + 1}")
        specs.append(pep723.parse(block.content, f"{place}, cell {number + 1}", origin=origin))
    if (spec := ipynb.metadata_spec(notebook, place)) is not None:
        specs.append(spec)
    metadata = notebook.metadata
    return _Document(
        specs=tuple(specs),
        locks=tuple(_locks(path, notebook, disk)),
        id=ipynb.notebook_id(notebook, place),
        kernel=metadata.kernelspec.name,
        language=metadata.kernelspec.language or metadata.language_info.name,
    )


def _locks(path: Path, notebook: Notebook, disk: Files) -> list[FoundLock]:
    """The notebook's own locks: ours in the metadata, files beside it, juv's in the metadata."""
    place, found = str(path), []
    if lock := ipynb.metadata_lock(notebook, place):
        text = lock.to_text()
        found.append(FoundLock(text=text, kind="kernel-iso", where="metadata.kernel_iso.lock", path=place))
    found += side_locks.beside(path, disk)
    if notebook.metadata.uv_lock:
        text = notebook.metadata.uv_lock
        found.append(FoundLock(text=text, kind="uv.lock", where='metadata["uv.lock"]', path=place))
    return found
