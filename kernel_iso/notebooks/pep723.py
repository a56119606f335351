"""The `# /// script` block of inline script metadata (PEP 723), in a cell or a script."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from kernel_iso.errors import SpecError
from kernel_iso.model import Origin, Spec
from kernel_iso.notebooks import checking, tables
from kernel_iso.notebooks.shown import clean

_OPEN = re.compile(r"# /// (?P<type>[a-zA-Z0-9-]+)")
# Cell magics that run the cell as Python; behind any other one the cell is not the notebook's own Python.
_PYTHON_MAGIC = re.compile(r"\s*%%(?!(?:time|timeit|capture|prun)\b)")


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its type, the numbers (from 0) of its first and last line, and the TOML inside it."""

    type: str
    first: int
    last: int
    content: str


class Script(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """The keys of a script block; others are left to later versions of the standard."""

    dependencies: tuple[str, ...] = ()
    requires_python: str = ""
    tool: dict[str, Any] = {}


def blocks(text: str) -> list[Block]:
    r"""Every block of inline metadata in a text, as PEP 723's expression finds them, in linear time.

    A block ends at the last `# ///` of its run of comment lines. Line ends may be Windows'.

    >>> blocks("x = 1\n# /// script\n# dependencies = []\n# ///\n")
    [Block(type='script', first=1, last=3, content='dependencies = []\n')]
    """
    lines = text.split("\n")
    lines = [line.removesuffix("\r") for line in lines]
    found, at = [], 0
    run_end, close = -1, -1  # where the present run of comment lines ends, and its last closing line
    while at < len(lines):
        opening = _OPEN.fullmatch(lines[at])
        if opening is None:
            at += 1
            continue
        if run_end <= at:
            run_end, close = _run(lines, at)
        # At least one line of content stands between: `# ///` right after the opening is content itself.
        if close > at + 1:
            content = "".join(line[2:] + "\n" for line in lines[at + 1 : close])
            found.append(Block(opening["type"], at, close, content))
            at = close + 1
        else:
            at += 1
    return found


def _run(lines: list[str], at: int) -> tuple[int, int]:
    """Where the comment lines that follow end, and the last of them that closes a block (-1: none)."""
    close = -1
    at += 1
    while at < len(lines) and (lines[at] == "#" or lines[at].startswith("# ")):
        if lines[at] == "# ///":
            close = at
        at += 1
    return at, close


def script(text: str, where: str) -> Block | None:
    """The one script block of a cell or script, or None.

    Raises `SpecError`: `two-script-blocks`, and `script-not-closed` where a block begins and never ends.
    """
    if "# /// script" not in text or _PYTHON_MAGIC.match(text):
        return None
    found = [block for block in blocks(text) if block.type == "script"]
    if len(found) > 1:
        two_blocks(where, f"lines {found[0].first + 1} and {found[1].first + 1}")
    if found:
        return found[0]
    for number, line in enumerate(text.split("\n"), 1):
        if line.rstrip("\r") == "# /// script":
            raise SpecError(
                "script-not-closed",
                f"cannot read the script block in {clean(where)}",
                f"it begins in line {number} and has no end",
                "end it with a line `# ///`; every line between begins with `# `",
            )
    return None


def two_blocks(where: str, places: str) -> None:
    """Raise the `SpecError` about a second script block (PEP 723 allows one of each type)."""
    raise SpecError(
        "two-script-blocks",
        f"cannot tell which script block of {clean(where)} counts",
        f"there is one in each of {places}",
        "keep one, and remove the others",
    )


def parse(content: str, where: str, *, origin: Origin | None = None) -> Spec:
    r"""What the TOML in a script block asks.

    Raises `SpecError`: `bad-toml`, `bad-table`, and the codes of `checking`.

    >>> parse('dependencies = ["numpy>=2"]\nrequires-python = ">=3.11"\n', "cell 1").requirements
    ('numpy>=2',)
    """
    block = tables.convert(tables.toml(content, where), Script, where)
    choices = tables.convert(
        block.tool.get("kernel-iso", {}), tables.Choices, f"[tool.kernel-iso] in {where}"
    )
    uv = tables.convert(block.tool.get("uv", {}), tables.Uv, f"[tool.uv] in {where}")
    spec = Spec(requirements=block.dependencies, python=block.requires_python)
    spec = tables.bound(tables.chosen(spec, choices), uv, where)
    return checking.checked(spec, where, origin=origin or Origin(kind="pep723", detail=where))


def block(content: str, newline: str = "\n") -> str:
    r"""A script block with this TOML inside, without a line end after it.

    >>> block('dependencies = []\n')
    '# /// script\n# dependencies = []\n# ///'
    """
    lines = content.removesuffix("\n").split("\n")
    return newline.join(["# /// script", *(f"# {line}" if line else "#" for line in lines), "# ///"])


def replaced(text: str, found: Block, content: str) -> str:
    """The cell or script with other TOML in its block; lines that stay keep their very characters."""
    lines = text.split("\n")
    old = {line.removesuffix("\r")[2:]: line for line in lines[found.first + 1 : found.last]}
    end = "\r" if lines[found.first].endswith("\r") else ""
    fresh = [line.removesuffix("\r") for line in content.removesuffix("\n").split("\n")]
    new = [old.get(line) or (f"# {line}" if line else "#") + end for line in fresh]
    return "\n".join([*lines[: found.first + 1], *new, *lines[found.last :]])


def inserted(text: str, content: str) -> str:
    r"""The script with a new block at its top, below `#!` and an encoding line.

    >>> inserted("#!/usr/bin/env python\nprint()\n", "dependencies = []\n")
    '#!/usr/bin/env python\n# /// script\n# dependencies = []\n# ///\n\nprint()\n'
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.split("\n")
    top = 0
    while top < min(2, len(lines) - 1) and re.match(r"#!|#.*coding[:=]", lines[top]):
        top += 1
    made = block(content, newline) + newline
    return "\n".join([*lines[:top], made + newline.removesuffix("\n"), *lines[top:]])
