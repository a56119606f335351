"""Change lists in YAML line by line: an item that has a line of its own, and nothing else, is changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import yaml

from kernel_iso.notebooks.refusals import by_hand


def root(text: str, place: str, hint: str) -> Any:
    """The document's nodes, with their places; refuses (`edit-by-hand`, with the hint) what lines cannot be told of."""
    # What YAML takes for further line ends would make its line numbers differ from ours.
    if re.search("[\x85\u2028\u2029]|\r(?!\n)", text):
        by_hand(place, "its line ends are unusual", hint)
    try:
        if any(getattr(event, "anchor", None) for event in yaml.parse(text, Loader=yaml.BaseLoader)):
            by_hand(place, "it has anchors, which stand for lines elsewhere", hint)
        return yaml.compose(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        by_hand(place, "its form is too unusual", hint)


def value(node: Any, key: str) -> Any:
    """The value of a key, None where the node is no mapping or has no such key."""
    return pair(node, key)[1]


def pair(node: Any, key: str) -> tuple[Any, Any]:
    """The nodes of a key and its value, twice None where there is none."""
    if not isinstance(node, yaml.MappingNode):
        return None, None
    return next((row for row in node.value if getattr(row[0], "value", None) == key), (None, None))


def is_list(node: Any) -> bool:
    """True for a list with items that is not written in brackets."""
    return isinstance(node, yaml.SequenceNode) and not node.flow_style and bool(node.value)


def is_empty(node: Any, lines: Sequence[str]) -> bool:
    """True for a value that was left out, with nothing but a comment in its line."""
    if not isinstance(node, yaml.ScalarNode) or node.value or node.style:
        return False
    return bool(re.fullmatch(r"\s*[\w-]+:\s*(#.*)?", lines[node.start_mark.line]))


def is_scalar(node: Any) -> bool:
    """True for an item that is text."""
    return isinstance(node, yaml.ScalarNode)


def is_plain(node: Any, lines: Sequence[str]) -> bool:
    """True for an item of text that has a line of its own."""
    if not is_scalar(node) or node.start_mark.line != node.end_mark.line or not node.value:
        return False
    line = lines[node.start_mark.line]
    before, after = line[: node.start_mark.column], line[node.end_mark.column :].strip()
    return bool(re.fullmatch(r"\s*-\s+", before)) and (not after or after.startswith("#"))


def lead(node: Any, lines: Sequence[str]) -> str:
    """How the line of an item begins, up to its text; a new item beside it begins so too."""
    mark = node.start_mark
    return str(lines[mark.line][: mark.column])


def replaced(lines: Sequence[str], node: Any, item: str) -> list[str]:
    """The lines with another text for an item; its comment stays."""
    number, start, stop = node.start_mark.line, node.start_mark.column, node.end_mark.column
    line = lines[number]
    return [*lines[:number], line[:start] + scalar(item) + line[stop:], *lines[number + 1 :]]


def inserted(text: str, lines: Sequence[str], at: int, new: Iterable[str]) -> list[str]:
    """The lines of `text` with others before number `at`, which end like the rest."""
    end = "\r" if text.count("\r\n") == text.count("\n") > 0 else ""
    made = [line + end for line in new]
    if at < len(lines):
        return [*lines[:at], *made, *lines[at:]]
    # The last line had no end; now it is not the last one any more.
    return [*lines[:-1], lines[-1] + end, *made, ""]


def changed(
    text: str,
    place: str,
    nodes: Sequence[Any],
    item: str,
    about: Callable[[str], bool],
    last: Callable[[Any], bool],
) -> str:
    """The text with an item in the place of those that it is `about`, or a new line below the others.

    `last` is true for items that stay below what is new.
    """
    lines = text.split("\n")
    same = [node for node in nodes if is_scalar(node) and about(node.value)]
    if same:
        require_plain(same, lines, place, f"- {scalar(item)}")
        kept = replaced(lines, same[0], item)
        gone = {node.start_mark.line for node in same[1:]}
        return "\n".join(line for number, line in enumerate(kept) if number not in gone)
    above = [node for node in nodes if is_scalar(node) and not last(node)]
    beside = above[-1] if above else nodes[0]
    if is_scalar(beside):
        require_plain([beside], lines, place, f"- {scalar(item)}")
    elif not re.fullmatch(r"\s*-\s+", lead(beside, lines)):
        by_hand(place, "its list is not one item a line", f"- {scalar(item)}")
    at = beside.start_mark.line + bool(above)
    return "\n".join(inserted(text, lines, at, [lead(beside, lines) + scalar(item)]))


def removed(text: str, place: str, nodes: Sequence[Any], hint: str) -> str:
    """The text without these items."""
    lines = text.split("\n")
    require_plain(nodes, lines, place, hint)
    gone = {node.start_mark.line for node in nodes}
    return "\n".join(line for number, line in enumerate(lines) if number not in gone)


def require_plain(nodes: Iterable[Any], lines: Sequence[str], place: str, hint: str) -> None:
    """Refuse (`edit-by-hand`) to change items that share a line with others, or take several."""
    for node in nodes:
        if not is_plain(node, lines):
            by_hand(place, f"`{node.value.strip()}` in its list has no line of its own", hint)


def scalar(item: str) -> str:
    """A text as an item of a YAML list, in quotes where it needs them.

    >>> [scalar(item) for item in ("numpy>=2", "conda-forge::gdal", "3.10", 'six; python_version < "3.13"')]
    ['numpy>=2', 'conda-forge::gdal', "'3.10'", 'six; python_version < "3.13"']
    """
    quoted = "'" + item.replace("'", "''") + "'"
    if not re.fullmatch(r"[A-Za-z0-9_][^#\n]*", item):
        return quoted
    try:
        # The whole loader: what is a number or a date to another tool would be no text there.
        return item if yaml.safe_load(f"- {item}") == [item] else quoted
    except (yaml.YAMLError, ValueError):
        return quoted
