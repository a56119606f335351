"""Write what a notebook asks where it was read: exactly that place changes, or nothing does."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from kernel_iso.errors import SpecError, ToolError
from kernel_iso.model import Spec
from kernel_iso.notebooks import (
    changes,
    document_strings,
    documents,
    environment_editing,
    files,
    ipynb,
    line_editing,
    pep723,
    projects,
    reading,
    toml_editing,
)
from kernel_iso.notebooks.changes import Change
from kernel_iso.notebooks.files import Files
from kernel_iso.notebooks.reading import SCRIPTS, Reading
from kernel_iso.notebooks.refusals import by_hand
from kernel_iso.notebooks.shown import clean
from kernel_iso.notebooks.writing import OURS, Written, set_metadata


def edit_requirements(
    path: Path,
    found: Reading,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    *,
    conda: Sequence[str] = (),
    conda_remove: Sequence[str] = (),
    channels: Sequence[str] = (),
    channels_remove: Sequence[str] = (),
    python: str | None = None,
    accelerator: str | None = None,
    here: bool = False,
    cell: bool = False,
    group: str = "",
    id: str = "",
    dry: bool = False,
    disk: Files | None = None,
) -> Written:
    """Add requirements (in place of one of that name) and remove names, where the Spec was read.

    `conda` and `conda_remove` are the same for conda packages; `channels` are added below those that are there, and
    `channels_remove` taken out.
    `python` ("" for none any more) and `accelerator` (`auto` for any) are what is asked from now on, where they are given.
    In a script block only its lines change; a project file keeps its form and comments; a notebook that
    declares nothing gets `metadata.kernel_iso.spec`, or with `cell` a new cell with a script block. `here`
    keeps the change in the notebook where a project decides: its Spec is copied there first. `group` is where
    a project declares what is new. A notebook that is written also gets `id`. `dry` writes nothing. The
    result is read again before it is written. Raises `SpecError`: `not-declared`, `edit-by-hand` with the
    line to type, `edit-elsewhere`, `nowhere-to-write`, what reading raises; and what `files.write` raises.
    `disk` may hold an open document in place of its file, and gets what is written.
    """
    place = reading.absolute(path)
    change = changes.change(
        add, remove, conda=conda, conda_remove=conda_remove, channels=channels, channels_remove=channels_remove,
        python=python, accelerator=accelerator,
    )  # fmt: skip
    kind = found.spec.origin.kind
    if kind not in ("pep723", "metadata", "project", "default"):
        _elsewhere(place, kind)
    in_project = kind == "project" and not here
    target = Path(found.spec.origin.path) if in_project else place
    if not in_project:
        _require_document(place, found)
    disk = disk or Files()
    before = disk.read(target, files.NOTEBOOK_LIMIT)
    text, encoding = files.decoded(before, str(target))
    if in_project:
        text = _edit_project(text, target, found, change, group)
    elif target.suffix in SCRIPTS:
        text = _edit_script(text, str(target), found.spec, change)
    else:
        text = _edit_notebook(text, str(target), found.spec, change, cell)
        text = set_metadata(text, (OURS, "id"), id) if id else text
    after = files.encoded(text, encoding, str(target))
    # In the notebook the project's groups are requirements now, and cannot be chosen any more.
    question = found.question if in_project else projects.Question(root=found.question.root)
    asked = reading.read_again(place, question, disk.replaced(target, after)).spec
    changes.check(asked, str(target), change, elsewhere=in_project, group=group)
    if not dry and after != before:
        disk.write(target, before, after)
    return Written(path=str(target), before=before, after=after, origin=asked.origin, spec=asked, dry=dry)


def _edit_notebook(text: str, place: str, spec: Spec, change: Change, cell: bool) -> str:
    notebook = ipynb.parse(text, place)
    if spec.origin.kind == "pep723":
        found = ipynb.script_cell(notebook, place)
        if found is None:
            _changed_meanwhile(place)
        number, block = found
        source = notebook.cells[number].text
        where = f"{place}, cell {number + 1}"
        new = pep723.replaced(source, block, _edit_block(block.content, where, change))
        return document_strings.replace_in_string(text, ("cells", number, "source"), source, new)
    asked = _for_document(spec, change, place)
    if not (notebook.metadata.kernel_iso.spec or {}).get("backend") and spec.origin.kind == "metadata":
        # The conda packages ask for the backend, which was not written and goes with the last of them.
        asked = msgspec.structs.replace(asked, backend="")
    if cell and spec.origin.kind != "metadata":
        return documents.insert_item(text, ("cells",), 0, _cell(notebook, asked, place))
    return set_metadata(text, (OURS, "spec"), asked.meaning())


def _edit_block(content: str, where: str, change: Change) -> str:
    content = toml_editing.edit_block(content, where, *change.requirements)
    content = toml_editing.edit_conda(content, where, change.conda_packages, change.conda_channels)
    return toml_editing.choose_in_block(content, where, change.python, change.accelerator)


def _for_document(spec: Spec, change: Change, place: str) -> Spec:
    """The Spec to write into a notebook or script."""
    # The choices of a project are in the requirements now; outside of a project they name nothing.
    return msgspec.structs.replace(changes.edited(spec, change, place), groups=(), extras=(), profile="")


def _cell(notebook: ipynb.Notebook, spec: Spec, place: str) -> dict[str, Any]:
    """A new code cell with a script block, hidden as juv hides it."""
    lines = pep723.block(toml_editing.block_content(spec, place)).splitlines(keepends=True)
    made: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"jupyter": {"source_hidden": True}},
        "outputs": [],
        "source": lines,
    }
    # Cells have ids from nbformat 4.5 on, and must not have them before.
    return (
        made | {"id": uuid.uuid4().hex[:8]}
        if (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
        else made
    )


def _edit_script(text: str, place: str, spec: Spec, change: Change) -> str:
    block = pep723.script(text, place)
    if block is not None:
        return pep723.replaced(text, block, _edit_block(block.content, place, change))
    return pep723.inserted(text, toml_editing.block_content(_for_document(spec, change, place), place))


def _edit_project(text: str, path: Path, found: Reading, change: Change, group: str) -> str:
    place, spec = str(path), found.spec
    if path.name == "pyproject.toml":
        if change.add or change.remove:
            text = toml_editing.edit_pyproject(
                text, place, *change.requirements, groups=spec.groups, extras=spec.extras, group=group
            )
        text = toml_editing.edit_conda(
            text, place, change.conda_packages, change.conda_channels, profile=spec.profile
        )
        return toml_editing.choose_in_project(text, place, change.python, change.accelerator)
    if path.suffix in (".yml", ".yaml"):
        return _edit_environment(text, place, change)
    if path.suffix != ".txt":
        _only_a_lock(place)
    hint = "keep it in the notebook (--here), or declare in a pyproject.toml"
    if change.python is not None or change.accelerator is not None:
        by_hand(place, "Python and accelerator cannot be chosen in such a file", hint)
    if change.is_condas:
        by_hand(place, "conda packages and channels have no place in such a file", hint)
    root = Path(found.question.root) if found.question.root else None
    bound = projects.walk(Path(found.path).parent, root)[1] or path.parent
    includes = projects.Includes(bound, Files())
    return line_editing.edit_requirements(text, place, *change.requirements, includes)


def _edit_environment(text: str, place: str, change: Change) -> str:
    if change.accelerator is not None:
        by_hand(place, "an accelerator cannot be chosen in such a file", "keep it in the notebook: --here")
    return environment_editing.edit_environment(
        text, place, *change.requirements,
        conda=change.conda_packages, channels=change.conda_channels, python=change.python,
    )  # fmt: skip


def _require_document(path: Path, found: Reading) -> None:
    """Refuse to keep an edit where there is no notebook or script to keep it in."""
    if path.is_dir() or path.suffix in reading.PROJECT_SUFFIXES:
        raise SpecError(
            "nowhere-to-write",
            f"cannot keep the change for `{clean(str(path))}`",
            "there is neither a notebook nor a project file to write it into",
            "name a notebook, or make a requirements.txt or pyproject.toml",
        )
    origin = found.spec.origin
    if origin.kind == "project" and Path(origin.path).name.startswith("pylock"):
        _only_a_lock(origin.path)


def _only_a_lock(place: str) -> NoReturn:
    hint = "declare what is asked in a pyproject.toml or requirements.txt beside it"
    by_hand(place, "the lock is all that is declared", hint)


def _elsewhere(path: Path, kind: str) -> NoReturn:
    raise SpecError(
        "edit-elsewhere",
        f"cannot edit the file `{clean(str(path))}`",
        "its Spec is that of a named environment"
        if kind == "environment"
        else "its Spec is written in no file",
        "edit the environment with `-n NAME`",
    )


def _changed_meanwhile(place: str) -> NoReturn:
    because, hint = "something else has just changed it", "try again; nothing was written"
    raise ToolError("changed-meanwhile", f"cannot edit `{clean(place)}`", because, hint)
