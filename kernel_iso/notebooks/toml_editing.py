"""Change what is declared in TOML: a script block or `pyproject.toml`; what is not touched keeps its form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import tomli_w
import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array

from kernel_iso.errors import SpecError
from kernel_iso.model import Spec
from kernel_iso.notebooks import checking, pyproject, tables
from kernel_iso.notebooks.shown import clean


def by_hand(place: str, because: str, line: str) -> NoReturn:
    """Raise the `SpecError` about a file that a person has to edit, with the line to type."""
    raise SpecError("edit-by-hand", f"cannot edit {clean(place)} safely", because, clean(line))


def not_declared(name: str, place: str, declared: Sequence[str]) -> NoReturn:
    """Raise the `SpecError` about a name to remove that is not declared."""
    raise SpecError(
        "not-declared",
        f"cannot remove `{clean(name)}` from {clean(place)}",
        "it is not declared there; declared are: " + (clean(", ".join(declared)) or "no packages"),
        f"kernel-iso tree --why {clean(name)}   shows what needs it",
    )


def edit_block(content: str, place: str, add: Sequence[str], remove: Sequence[str]) -> str:
    r"""The TOML of a script block with requirements added (in place of one of that name) and removed.

    Raises `SpecError`: `not-declared`, `edit-by-hand`.

    >>> edit_block('dependencies = [\n  "a",  # why\n]\n', "cell 1", ["a>=2", "b"], [])
    'dependencies = [\n  "a>=2",  # why\n  "b",\n]\n'
    """
    return _edited(content, place, [("dependencies",)], ("dependencies",), (add, remove))


def edit_pyproject(
    text: str,
    place: str,
    add: Sequence[str],
    remove: Sequence[str],
    *,
    groups: Sequence[str] = (),
    extras: Sequence[str] = (),
    group: str = "",
) -> str:
    """A `pyproject.toml` with requirements changed in the lists that count with these groups and extras.

    What is declared nowhere goes to `group`, or to `[project] dependencies`. Raises like `edit_block`.
    """
    found = pyproject.read(text, place)
    if found.project and "dependencies" in found.project.dynamic:
        files = ", ".join(found.dynamic_files) or "the project's build"
        by_hand(place, f"its dependencies are dynamic, and come from {files}", f"change them in {files}")
    lists = pyproject.lists(text, place, groups, extras)
    target: tuple[str, ...] = ("project", "dependencies")
    if group or found.project is None:
        own = group or next(iter(groups), "")
        if not own:
            by_hand(place, "it has no [project] table", f"[project] with dependencies = {[*add]!r}")
        raw = {checking.group_name(name, place): name for name in found.groups}
        target = ("dependency-groups", raw.get(checking.group_name(own, place), own))
        lists = [*lists, target] if target not in lists else lists
    return _edited(text, place, lists, target, (add, remove))


OURS = ("tool", "kernel-iso")
"""The table of ours."""


def choose_in_block(content: str, place: str, python: str | None, accelerator: str | None) -> str:
    r"""The TOML of a script block with another Python and accelerator.

    None leaves what is there, "" and `auto` take it away. Python is written where the block says it: in
    `[tool.kernel-iso]`, else as `requires-python`, which other tools know too. Raises `SpecError` (`edit-by-hand`).

    >>> choose_in_block("dependencies = []\n", "cell 1", "3.12", None)
    'dependencies = []\nrequires-python = "==3.12.*"\n'
    """
    ours = tables.toml(content, place).get("tool", {}).get("kernel-iso", {})
    if python is None or (python and (python == "self" or "python" in ours)):
        return choose_in_project(content, place, python, accelerator)
    values = {("requires-python",): specifier(python), (*OURS, "python"): ""}
    return _put_all(choose_in_project(content, place, None, accelerator), place, values)


def choose_in_project(text: str, place: str, python: str | None, accelerator: str | None) -> str:
    """A `pyproject.toml` with another Python and accelerator in `[tool.kernel-iso]`; like `choose_in_block`.

    What the project itself requires (`[project] requires-python`) is said to everybody who installs it, and stays.
    """
    values: dict[tuple[str, ...], str] = {} if python is None else {(*OURS, "python"): python}
    if accelerator is not None:
        values[*OURS, "accelerator"] = "" if accelerator == "auto" else accelerator
    return _put_all(text, place, values)


def specifier(python: str) -> str:
    """A wish for a Python as PEP 440 writes it.

    >>> specifier("3.12"), specifier("3.12.1"), specifier(">=3.11"), specifier("")
    ('==3.12.*', '==3.12.1', '>=3.11', '')
    """
    if python[:1].isdigit():
        return f"=={python}" if python.count(".") == 2 else f"=={python}.*"
    return python


def _put_all(text: str, place: str, values: Mapping[tuple[str, ...], str]) -> str:
    """The text with these values at their key paths; one that is "" is taken away, and tables that are empty then."""
    try:
        document = tomlkit.parse(text)
        for path, value in values.items():
            (_put if value else _take)(document, path, value)
        changed = tomlkit.dumps(document)
    except (TOMLKitError, RecursionError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        wanted = (f'{".".join(path)} = "{value}"' for path, value in values.items() if value)
        by_hand(place, "its form is too unusual", ", ".join(wanted) or "take the key away")
    if not text.endswith("\n\n"):
        changed = changed.rstrip("\n") + "\n"  # the empty line above a table that has gone
    return _line_ends(text, changed)


def _put(document: Any, path: Sequence[str], value: str) -> None:
    *above, last = path
    at = document
    for step in above:
        if step not in at:
            at.add(step, tomlkit.table(is_super_table=step != above[-1]))
        at = at[step]
    if at.get(last) != value:
        at[last] = value


def _take(document: Any, path: Sequence[str], _: str) -> None:
    nodes = [document]
    for step in path[:-1]:
        if step not in nodes[-1]:
            return
        nodes.append(nodes[-1][step])
    nodes[-1].pop(path[-1], None)
    for parent, step in reversed([*zip(nodes[:-1], path[:-1], strict=True)]):
        if not parent[step].unwrap():
            del parent[step]


def _line_ends(before: str, after: str) -> str:
    """The text with the line ends that it had before it was changed."""
    if before.count("\r\n") == before.count("\n") > 0:
        return after.replace("\r\n", "\n").replace("\n", "\r\n")
    return after


def block_content(spec: Spec, place: str) -> str:
    """The TOML of a new script block that asks what a Spec asks.

    Raises `SpecError` (`not-a-block`) for what such a block cannot say: constraints and hashes.
    """
    if spec.constraints or spec.hashes:
        because = "constraints and hashes have no place in a script block"
        raise SpecError(
            "not-a-block", f"cannot write a script block for {clean(place)}", because, "use the metadata"
        )
    ours = {
        "accelerator": spec.accelerator if spec.accelerator != "auto" else "",
        "backend": spec.backend,
        "own-code": spec.own_code if spec.own_code != "path" else "",
        "env": dict(spec.env),
        "apt": [*spec.apt],
        "conda": [*spec.conda],
        "channels": [*spec.channels],
        "system-site-packages": spec.system_site_packages,
        "exclude-newer": spec.exclude_newer,
    }
    data: dict[str, Any] = {"dependencies": [*spec.requirements]}
    if spec.python[:1] in ("<", ">", "=", "!", "~"):
        data = {"requires-python": spec.python, **data}
    elif spec.python:
        ours = {"python": spec.python, **ours}
    tool: dict[str, Any] = {"kernel-iso": {key: value for key, value in ours.items() if value}}
    if spec.indexes:
        indexes = [{"name": item.name, "url": item.url, "explicit": item.explicit} for item in spec.indexes]
        tool["uv"] = {"index": indexes, "sources": {name: {"index": to} for name, to in spec.pins}}
    data["tool"] = {key: value for key, value in tool.items() if value}
    return tomli_w.dumps(
        {key: value for key, value in data.items() if value or key == "dependencies"}, indent=2
    )


def _edited(
    text: str,
    place: str,
    lists: Sequence[tuple[str, ...]],
    target: tuple[str, ...],
    change: tuple[Sequence[str], Sequence[str]],
) -> str:
    """The text after the change; new requirements go to the list at `target`."""
    add, remove = change
    tables.toml(text, place)  # bounds what the slower parser that keeps the form is given
    try:
        document = tomlkit.parse(text)
        found = [array for path in lists if (array := _array(document, path)) is not None]
        for item in add:
            if not _replace(found, item, place):
                _make(document, target, place).append(item)
        for name in remove:
            if not _drop(found, checking.name_of(name), place):
                not_declared(name, place, [str(value) for array in found for value in array.unwrap()])
        changed = tomlkit.dumps(document)
    except (TOMLKitError, RecursionError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        wanted = [*(f"+{item}" for item in add), *(f"-{name}" for name in remove)]
        by_hand(place, "its form is too unusual", " ".join(wanted))
    return _line_ends(text, changed)


def _array(document: Mapping[str, Any], path: Sequence[str]) -> Array | None:
    at: Any = document
    for step in path:
        at = at.get(step) if isinstance(at, Mapping) else None
    return at if isinstance(at, Array) else None


def _make(document: Any, path: Sequence[str], place: str) -> Array:
    """The list at a key path, made where it is missing."""
    if (found := _array(document, path)) is not None:
        return found
    *above, last = path
    at = document
    for step in above:
        if step not in at:
            at[step] = tomlkit.table()
        at = at[step]
    if last in at:
        by_hand(place, f"`{'.'.join(path)}` is not a list", f"make {'.'.join(path)} a list")
    array = tomlkit.array()
    at.add(last, array)
    made = _array(document, path)
    return array if made is None else made


def _replace(found: Sequence[Array], item: str, place: str) -> bool:
    """Put a requirement in the place of the first one of its name, if any, and take out the others."""
    name, done = checking.name_of(item), False
    for array in found:
        for position in reversed(_positions(array, name, place)[1 if not done else 0 :]):
            del array[position]
        if not done and (places := _positions(array, name, place)):
            if checking.requirement(str(array[places[0]]), place) != item:
                array[places[0]] = item
            done = True
    return done


def _drop(found: Sequence[Array], name: str, place: str) -> bool:
    done = False
    for array in found:
        for position in reversed(_positions(array, name, place)):
            del array[position]
            done = True
    return done


def _positions(array: Array, name: str, place: str) -> list[int]:
    values = array.unwrap()
    return [
        number
        for number, value in enumerate(values)
        if isinstance(value, str) and checking.name_of(value, place) == name
    ]
