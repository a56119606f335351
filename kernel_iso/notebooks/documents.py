"""Surgery on the text of a JSON document: one value changes, every other character stays.

A round trip through `json` keeps neither numbers (`1e-05`), escapes, blank lines nor duplicate keys, and a
notebook's history is read as a diff. So the value's place is found in the text, and only that is replaced.
Values are skipped by the C scanner of `json`, so a large notebook costs milliseconds. All functions are pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from json.decoder import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

from kernel_iso.errors import SpecError

KeyPath = Sequence[str | int]
"""Member names and list positions, from the root down."""

# Numbers are not converted: Python refuses very long ones, and nobody asks for their values here.
value_at = JSONDecoder(parse_int=str, parse_float=str).raw_decode
"""The value that begins at a place of a text, and where it ends."""

_BLANK = re.compile(r"[ \t\r\n]*")
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\u(?:00[89a-fA-F]|0[1-9a-fA-F]|[1-9a-fA-F])")


@dataclass(frozen=True, slots=True)
class Member:
    """Where one member of an object, or one item of a list (`name` is None), stands in the text."""

    name: str | None
    name_start: int
    name_end: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Style:
    """How a document is written: its indent (None: all on one line), line end and habit of escapes."""

    indent: str | None
    newline: str
    ascii: bool
    comma: str
    colon: str

    def dumps(self, value: Any, margin: str = "") -> str:
        """A value in this style, names sorted as nbformat sorts them; `margin` begins each further line."""
        body = json.dumps(
            value,
            indent=self.indent,
            separators=(self.comma.rstrip() if self.indent is not None else self.comma, self.colon),
            sort_keys=True,
            ensure_ascii=self._escapes(value),
        )
        return body.replace("\n", self.newline + margin)

    def _escapes(self, value: Any) -> bool:
        """Whether to escape what is not ASCII: the document's habit, and where UTF-8 could not hold it."""
        if self.ascii:
            return True
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return True
        return False


def style(text: str) -> Style:
    r"""How `text` is written, as far as it shows; raises like `set_value`.

    >>> style('{\r\n "a": 1,\r\n "b": 2}')
    Style(indent=' ', newline='\r\n', ascii=False, comma=',', colon=': ')
    """
    at = skip_blank(text, 0)
    first = list(islice(walk(text, at), 2)) if text[at : at + 1] in ("{", "[") else []
    lead = text[at + 1 : first[0].name_start] if first else ""
    colon = text[first[0].name_end : first[0].start] if first and first[0].name is not None else ": "
    comma = text[first[0].end : first[1].name_start] if len(first) > 1 else ", " if " " in colon else ","
    return Style(
        # A JSON string holds no line end, so the first one shows the habit, and what follows it the indent.
        indent=lead.rpartition("\n")[2] if "\n" in lead else None,
        newline="\r\n" if "\r\n" in lead else "\n",
        ascii=text.isascii() and _ESCAPED.search(text) is not None,
        comma="," if "\n" in lead or "\n" in comma else comma,
        colon=colon if "\n" not in colon else ": ",
    )


def set_value(text: str, path: KeyPath, value: Any) -> str:
    r"""The document with `value` at the key path; objects that are missing on the way are made.

    A new member goes where its name sorts to if the object's names are sorted (as nbformat writes them), else
    to the end. Raises `SpecError`: `bad-json` with line and column, `bad-notebook` where something else than
    an object lies on the path.

    >>> print(set_value('{\n "a": 1e-05,\n "m": {}\n}', ("m", "x"), [1]))
    {
     "a": 1e-05,
     "m": {
      "x": [
       1
      ]
     }
    }
    """
    at, how = skip_blank(text, 0), style(text)
    for depth, step in enumerate(path):
        inside = members(text, at, path[:depth])
        found = _find(inside, step)
        if found is None:
            for missing in reversed(path[depth + 1 :]):
                value = {missing: value}
            return _insert(text, at, inside, (step, value), path[:depth], how)
        at, end = found.start, found.end
    if value_at(text, at)[0] == value_at(json.dumps(value), 0)[0]:
        return text
    return text[:at] + how.dumps(value, _margin(text, at)) + text[end:]


def drop_value(text: str, path: KeyPath) -> str:
    """The document without the member at the key path, if it is there; raises like `set_value`.

    >>> drop_value('{"a": 1, "b": 2}', ("b",))
    '{"a": 1}'
    """
    at = skip_blank(text, 0)
    for depth, step in enumerate(path):
        inside = members(text, at, path[:depth])
        found = _find(inside, step)
        if found is None:
            return text
        if depth == len(path) - 1:
            return _without(text, at, inside, found)
        at = found.start
    return text


def insert_item(text: str, path: KeyPath, position: int, value: Any) -> str:
    """The document with a new item in the list at the key path, before the item that is at `position` now.

    >>> insert_item('{"cells": ["b"]}', ("cells",), 0, "a")
    '{"cells": ["a", "b"]}'
    """
    at = reach(text, path)
    return _insert(text, at, members(text, at, path), (position, value), path, style(text))


def reach(text: str, path: KeyPath) -> int:
    """Where the value at the key path begins; raises like `set_value`, also where there is none."""
    at = skip_blank(text, 0)
    for depth, step in enumerate(path):
        found = _find(members(text, at, path[:depth]), step)
        if found is None:
            refuse(path[: depth + 1], "it is not there")
        at = found.start
    return at


def members(text: str, at: int, path: KeyPath) -> list[Member]:
    """The members of the object or list at `at` (`path` is for messages); raises like `set_value`."""
    if text[at : at + 1] not in ("{", "["):
        refuse(path, "it is neither an object nor a list")
    return list(walk(text, at))


def walk(text: str, at: int) -> Iterator[Member]:
    """The members of the container that begins at `at`, in the order they are written."""
    try:
        yield from _walk(text, at)
    except JSONDecodeError as error:
        broken(f"{error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        broken("it is nested too deeply")


def _walk(text: str, at: int) -> Iterator[Member]:
    keyed = text[at] == "{"
    closing = "}" if keyed else "]"
    at = skip_blank(text, at + 1)
    if text[at : at + 1] == closing:
        return
    while True:
        name, name_start, name_end = None, at, at
        if keyed:
            _expect(text, at, '"')
            name, name_end = value_at(text, at)
            at = skip_blank(text, name_end)
            _expect(text, at, ":")
            at = skip_blank(text, at + 1)
        end = value_at(text, at)[1]
        yield Member(name, name_start, name_end, at, end)
        at = skip_blank(text, end)
        if text[at : at + 1] == closing:
            return
        _expect(text, at, ",")
        at = skip_blank(text, at + 1)


def skip_blank(text: str, at: int) -> int:
    """The first place from `at` on that is not white space of JSON."""
    match = _BLANK.match(text, at)
    return match.end() if match else at


def broken(because: str) -> NoReturn:
    """Raise the `SpecError` about a text that is not JSON."""
    hint = "it may be cut off or hold marks of a merge; restore it"
    raise SpecError("bad-json", "cannot read the notebook", because, hint)


def refuse(path: KeyPath, because: str) -> NoReturn:
    """Raise the `SpecError` about the place at a key path."""
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    hint = "open it with Jupyter and save it again"
    raise SpecError("bad-notebook", f"cannot edit the notebook at {where or 'its root'}", because, hint)


def _expect(text: str, at: int, what: str) -> None:
    if text[at : at + 1] != what:
        raise JSONDecodeError(f"expected `{what}`", text, at)


def _find(inside: list[Member], step: str | int) -> Member | None:
    """The member a step names; the last one of that name, as every JSON parser takes it."""
    if isinstance(step, int):
        return inside[step] if inside and inside[0].name is None and step < len(inside) else None
    return next((member for member in reversed(inside) if member.name == step), None)


def _insert(
    text: str, at: int, inside: list[Member], new: tuple[str | int, Any], path: KeyPath, how: Style
) -> str:
    """The text with a new member in the container at `at`, with the white space its neighbours have."""
    step, value = new
    if (text[at] == "{") != isinstance(step, str):
        refuse(path, "it is not " + ("an object" if isinstance(step, str) else "a list"))
    name = how.dumps(step) + how.colon if isinstance(step, str) else ""
    if not inside:
        rest = text[skip_blank(text, at + 1) :]
        if how.indent is None:
            return text[: at + 1] + name + how.dumps(value) + rest
        margin = _margin(text, at)
        inner = margin + how.indent
        body = how.newline + inner + name + how.dumps(value, inner) + how.newline + margin
        return text[: at + 1] + body + rest
    body = name + how.dumps(value, _margin(text, inside[0].name_start))
    before = _place(inside, step)
    if before == len(inside):
        end = inside[-1].end
        return text[:end] + gap(text, at, inside, how) + body + text[end:]
    place = inside[before].name_start
    between = text[inside[before - 1].end : place] if before else gap(text, at, inside, how)
    return text[:place] + body + between + text[place:]


def _place(inside: list[Member], step: str | int) -> int:
    """Before which member a new one goes."""
    if isinstance(step, int):
        return min(step, len(inside))
    names = [member.name or "" for member in inside]
    if names != sorted(names):
        return len(inside)
    return next((position for position, name in enumerate(names) if name > step), len(inside))


def gap(text: str, at: int, inside: list[Member], how: Style) -> str:
    """What stands between two members of the container at `at`, the comma included."""
    if len(inside) > 1:
        return text[inside[0].end : inside[1].name_start]
    lead = text[at + 1 : inside[0].name_start]
    return "," + lead if "\n" in lead else (", " if how.indent is not None else how.comma)


def _without(text: str, at: int, inside: list[Member], found: Member) -> str:
    position = inside.index(found)
    if position:
        return text[: inside[position - 1].end] + text[found.end :]
    if len(inside) > 1:
        return text[: found.name_start] + text[inside[1].name_start :]
    return text[: at + 1] + text[skip_blank(text, found.end) :]


def _margin(text: str, at: int) -> str:
    """The white space that begins the line on which `at` lies ("" on the first line)."""
    line = text.rfind("\n", 0, at) + 1
    match = re.compile(r"[ \t]*").match(text, line, at)
    return match[0] if match and line else ""
