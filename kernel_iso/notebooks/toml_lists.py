"""Change lists in TOML: requirements, conda packages, channels; what is not touched keeps its form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.container import OutOfOrderTableProxy
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array

from kernel_iso.model import conda_specs
from kernel_iso.notebooks import checking, tables
from kernel_iso.notebooks.refusals import by_hand, not_declared

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a list holds: the name that an item is about, and its normal form; each raises `SpecError` with the place.

    `kept` says that an empty list stays.
    """

    name: Callable[[str, str], str]
    normal: Callable[[str, str], str]
    kept: bool = False


def _conda_name(text: str, place: str) -> str:
    return conda_specs.conda_name(checking.conda_dependency(text, place))


PYPI = Kind(name=checking.name_of, normal=checking.requirement, kept=True)
CONDA = Kind(name=_conda_name, normal=checking.conda_dependency)
CHANNELS = Kind(name=checking.channel, normal=checking.channel)


def edited(
    text: str,
    place: str,
    lists: Sequence[Path],
    target: Path,
    change: tuple[Sequence[str], Sequence[str]],
    kind: Kind = PYPI,
) -> str:
    """The text with items added and names removed in `lists`; new ones go to the list at `target`.

    Raises `SpecError`: `not-declared`, `edit-by-hand`.
    """
    add, remove = change
    tables.toml(text, place)  # bounds what the slower parser that keeps the form is given
    try:
        document = parsed(text, target[:-1] if add else ())
        found = {path: array for path in lists if (array := _array(document, path)) is not None}
        arrays = [*found.values()]
        for item in add:
            if not _replace(arrays, item, place, kind):
                _make(document, target, place).append(item)
        for name in remove:
            if not _drop(arrays, kind.name(name, place), place, kind):
                not_declared(name, place, [str(value) for array in arrays for value in array.unwrap()])
        gone = [path for path, array in found.items() if not kind.kept and remove and not array.unwrap()]
        for path in gone:
            take(document, path)
        changed = tomlkit.dumps(document)
    except (TOMLKitError, RecursionError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        wanted = [*(f"+{item}" for item in add), *(f"-{name}" for name in remove)]
        by_hand(place, "its form is too unusual", f"{'.'.join(target)}: {' '.join(wanted)}")
    return like_before(text, changed) if gone else _line_ends(text, changed)


def parsed(text: str, path: Sequence[str]) -> Any:
    """The document, with an empty table at a key path where it has none, and the tables beside it stand apart.

    The library cannot add to such tables, and would put a new one between others. Raises what it raises.
    """
    document: Any = tomlkit.parse(text)
    beside = document.get(path[0]) if len(path) == 2 else None
    if isinstance(beside, OutOfOrderTableProxy) and path[1] not in beside:
        document = tomlkit.parse(f"{text.rstrip()}\n\n[{'.'.join(path)}]\n")
    return document


def take(document: Any, path: Sequence[str]) -> None:
    """Take a key away, and the tables that are empty then."""
    nodes = [document]
    for step in path[:-1]:
        if step not in nodes[-1]:
            return
        nodes.append(nodes[-1][step])
    nodes[-1].pop(path[-1], None)
    for parent, step in reversed([*zip(nodes[:-1], path[:-1], strict=True)]):
        if not parent[step].unwrap():
            del parent[step]


def table(document: Any, path: Sequence[str]) -> Any:
    """The table at a key path, made where it is missing."""
    at = document
    for step in path:
        if step not in at:
            at.add(step, tomlkit.table(is_super_table=step != path[-1]))
        at = at[step]
    return at


def like_before(before: str, after: str) -> str:
    """A changed text with the line ends that it had, and without the empty line above a table that has gone."""
    if not before.endswith(("\n\n", "\n\r\n")):
        after = after.rstrip("\r\n") + "\n"
    return _line_ends(before, after)


def _line_ends(before: str, after: str) -> str:
    if before.count("\r\n") == before.count("\n") > 0:
        return after.replace("\r\n", "\n").replace("\n", "\r\n")
    return after


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
    at = table(document, above)
    if last in at:
        by_hand(place, f"`{'.'.join(path)}` is not a list", f"make {'.'.join(path)} a list")
    array = tomlkit.array()
    at.add(last, array)
    made = _array(document, path)
    return array if made is None else made


def _replace(found: Sequence[Array], item: str, place: str, kind: Kind) -> bool:
    """Put an item in the place of the first one of its name, if any, and take out the others."""
    name, done = kind.name(item, place), False
    for array in found:
        for position in reversed(_positions(array, name, place, kind)[1 if not done else 0 :]):
            del array[position]
        if not done and (places := _positions(array, name, place, kind)):
            if kind.normal(str(array[places[0]]), place) != item:
                array[places[0]] = item
            done = True
    return done


def _drop(found: Sequence[Array], name: str, place: str, kind: Kind) -> bool:
    done = False
    for array in found:
        for position in reversed(_positions(array, name, place, kind)):
            del array[position]
            done = True
    return done


def _positions(array: Array, name: str, place: str, kind: Kind) -> list[int]:
    values = array.unwrap()
    return [
        number
        for number, value in enumerate(values)
        if isinstance(value, str) and kind.name(value, place) == name
    ]
