"""Change part of a string, or of a list of lines, inside a JSON text: the rest keeps its very characters."""

from __future__ import annotations

import re

from kernel_iso.notebooks import documents
from kernel_iso.notebooks.documents import KeyPath, Member

_UNITS = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|[^\\]+", re.DOTALL)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def replace_in_string(text: str, path: KeyPath, old: str, new: str) -> str:
    r"""The document whose string, or list of strings, at the path changes from `old` to `new`.

    Only what differs is written: the lines of a list, the characters of a string. A list stays a list of
    lines. Raises `SpecError`: `bad-json`, `bad-notebook`.

    >>> replace_in_string('["a\\n", "\\u0062\\n", "c"]', (), "a\nb\nc", "a\nb\nC")
    '["a\\n", "\\u0062\\n", "C"]'
    """
    at = documents.reach(text, path)
    first, last = changed(old, new)
    middle = new[first : len(new) - (len(old) - last)]
    if text[at] != '"':
        return _replace_lines(text, at, documents.members(text, at, path), (first, last, middle))
    start, end = _raw_offsets(text, at, first, last)
    return text[:start] + documents.style(text).dumps(middle)[1:-1] + text[end:]


def changed(old: str, new: str) -> tuple[int, int]:
    """The smallest range of `old` outside of which `new` is the same.

    >>> changed("abcd", "abXd")
    (2, 3)
    """
    first = _common(old, new)
    return first, len(old) - _common(old[first:][::-1], new[first:][::-1])


def _common(one: str, other: str) -> int:
    """The length of the common beginning, found by halves: slices compare fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _raw_offsets(text: str, at: int, first: int, last: int) -> tuple[int, int]:
    """Where two decoded offsets of the string that begins at `at` lie in the text, escapes counted."""
    end = documents.value_at(text, at)[1]
    wanted, places, seen = [first, last], [], 0
    for unit in _UNITS.finditer(text, at + 1, end - 1):
        length = 1 if unit[0].startswith("\\") else len(unit[0])
        while wanted and wanted[0] < seen + length:
            places.append(unit.start() + wanted.pop(0) - seen)
        seen += length
    places += [end - 1] * len(wanted)
    return places[0], places[1]


def _replace_lines(text: str, at: int, items: list[Member], change: tuple[int, int, str]) -> str:
    """Replace decoded characters of a list of strings, writing anew only the items they touch."""
    first, last, new = change
    if not items:
        documents.refuse((), "there is no line to change")
    texts = [documents.value_at(text, item.start)[0] for item in items]
    ends, seen = [], 0
    for value in texts:
        seen += len(value)
        ends.append(seen)
    low = next((number for number, end in enumerate(ends) if first < end), len(items) - 1)
    high = max(low, next((number for number, end in enumerate(ends) if last <= end), len(items) - 1))
    base = ends[low] - len(texts[low])
    joined = "".join(texts[low : high + 1])
    joined = joined[: first - base] + new + joined[last - base :]
    how = documents.style(text)
    # A line that is only moved keeps the escapes it had.
    known = {value: text[item.start : item.end] for value, item in zip(texts, items, strict=True)}
    lines = [known.get(line) or how.dumps(line) for line in _LINE.findall(joined)] or ['""']
    body = documents.gap(text, at, items, how).join(lines)
    return text[: items[low].start] + body + text[items[high].end :]
