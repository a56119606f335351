"""Change the requirements in a `requirements.txt`, line by line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kernel_iso.notebooks import checking, requirements
from kernel_iso.notebooks.refusals import by_hand, not_declared
from kernel_iso.notebooks.requirements import Declared, Load

_PARTS = re.compile(r"(?P<lead>\s*)(?P<body>.*?)(?P<tail>(\s+#.*)?\s*)", re.DOTALL)


def edit_requirements(
    text: str, place: str, add: Sequence[str], remove: Sequence[str], load: Load | None
) -> str:
    r"""A requirements file with requirements added (in place of one of that name) and removed, line by line.

    Raises `SpecError`: `not-declared`, and `edit-by-hand` where a hash or an included file is in the way.

    >>> edit_requirements("numpy>=1  # arrays\npandas\n", "requirements.txt", ["numpy>=2"], ["pandas"], None)
    'numpy>=2  # arrays\n'
    """
    found = requirements.contents(text, place, load).requirements
    if add and any(item.hashes for item in found):
        because = "it holds hashes, so a tool compiled it"
        by_hand(place, because, "change the file it was compiled from, and compile it again")
    lines: list[str | None] = list(text.split("\n"))
    for item in add:
        same = _here(found, checking.name_of(item), place, item)
        for old in same[1:]:
            _replace(lines, old, "")
        if same and same[0].text != item:
            _replace(lines, same[0], item)
        if not same:
            _append(lines, item)
    for name in remove:
        same = _here(found, checking.name_of(name), place, name)
        if not same:
            not_declared(name, place, [item.text for item in found])
        for old in same:
            _replace(lines, old, "")
    return "\n".join(line for line in lines if line is not None)


def _here(found: list[Declared], name: str, place: str, wanted: str) -> list[Declared]:
    """The declarations of a name, all in this very file (`edit-by-hand` else)."""
    same = [item for item in found if item.name == name]
    for item in same:
        if item.place != place:
            because = f"`{name}` is declared in a file that {place} includes"
            by_hand(item.place, because, f"{wanted}   (line {item.first + 1})")
    return same


def _replace(lines: list[str | None], old: Declared, new: str) -> None:
    """Put `new` ("" removes) in the place of a declaration; its comment and line end stay."""
    last = lines[old.end - 1] or ""
    first = lines[old.first] or ""
    for number in range(old.first, old.end):
        lines[number] = None
    if new:
        lead = _PARTS.fullmatch(first)
        tail = _PARTS.fullmatch(last)
        lines[old.first] = (lead["lead"] if lead else "") + new + (tail["tail"] if tail else "")


def _append(lines: list[str | None], item: str) -> None:
    """Add a line below the last one that says something."""
    end = "\r" if any(line and line.endswith("\r") for line in lines) else ""
    filled = [number for number, line in enumerate(lines) if line and line.strip()]
    at = filled[-1] + 1 if filled else 0
    if at and at == len(lines):
        # The last line had no end; now it is not the last one any more.
        lines[-1] = (lines[-1] or "") + end
        lines += [item + end, ""]
    else:
        lines.insert(at, item + end)
        if at + 1 == len(lines):
            lines.append("")
