r"""Requirements files, as pip reads them.

    # a comment
    -r base.txt                      (also -c)
    numpy>=2 ; python_version >= "3.11" \
        --hash=sha256:…
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from kernel_iso.errors import SpecError
from kernel_iso.model import PYPI, Origin, Spec
from kernel_iso.notebooks import checking
from kernel_iso.notebooks.shown import clean

FILES_LIMIT = 100
"""Files that may include each other."""
LINES_LIMIT = 20_000
"""Requirements that they may have together."""

Load = Callable[[str, str], tuple[str, str]]
"""Gives (place, text) of the file that is included as `name` by the file at `place`; raises `SpecError`."""

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$")
_LOCATION = re.compile(
    r"(?i)^(?:[a-z+]+://|git\+|\.{0,2}[/\\]|[a-z]:\\|\.$|\.\[|[^ ]+\.(?:whl|zip|tar\.gz)$)"
)
_HASH = re.compile(r"--hash(?:=|\s+)(\S+)")
_GLUED = re.compile(r"-[rceif](?=[^\s=-])")

_SAME = {
    "--requirement": "-r",
    "--constraint": "-c",
    "--index-url": "-i",
    "--editable": "-e",
    "--find-links": "-f",
}
# Locks are of wheels only and always hashed, so these ask for what is done anyway.
_DONE_ANYWAY = {"--require-hashes", "--prefer-binary", "--only-binary"}
_HINTS = {
    "-i": "take the line out, and let the policy's `indexes` name that index",
    "--extra-index-url": "take the line out, and let the policy's `indexes` name that index",
    "--no-index": "take the line out, and set `offline` in the policy",
    "-f": "take the line out, and let the policy's `indexes` name that place",
    "--trusted-host": "take the line out; only an administrator's policy has `trusted_hosts`",
    "-e": "take the line out; the project's own code is importable, other code comes from an index",
    "--pre": "take the line out, and write the pre-release: name>=2.0rc1",
    "--no-binary": "take the line out; the policy's `source_builds` says whether wheels may be built",
}


@dataclass(frozen=True, slots=True)
class Declared:
    """One requirement: its normal form, the file that has it, and its lines there (from 0)."""

    text: str
    name: str
    place: str
    first: int
    end: int
    hashes: tuple[str, ...] = ()


@dataclass(slots=True)
class Contents:
    """What a requirements file and the files it includes declare, in order."""

    requirements: list[Declared] = field(default_factory=list)
    constraints: list[Declared] = field(default_factory=list)

    def spec(self, origin: Origin) -> Spec:
        """The Spec that they ask for."""
        found: dict[str, dict[str, None]] = {}
        for item in (*self.requirements, *self.constraints):
            if item.hashes:
                found.setdefault(item.name, {}).update(dict.fromkeys(item.hashes))
        return Spec(
            requirements=tuple(dict.fromkeys(item.text for item in self.requirements)),
            constraints=tuple(dict.fromkeys(item.text for item in self.constraints)),
            hashes=tuple((name, tuple(values)) for name, values in found.items()),
            origin=origin,
        )


def parse(text: str, place: str, load: Load | None = None) -> Spec:
    r"""What a requirements file asks; `place` names it in messages, `load` gives the files it includes.

    Raises `SpecError`, with the file and line: `requirement-option`, `requirement-url`, `include-cycle`,
    `too-many-includes`, `too-many-requirements`, `include-outside`, what `load` raises, and the
    codes of `checking`.

    >>> parse("numpy>=2  # arrays\n\nPandas[Excel]==2.*\n", "requirements.txt").requirements
    ('numpy>=2', 'pandas[excel]==2.*')
    """
    return contents(text, place, load).spec(Origin(kind="project", path=place))


def contents(text: str, place: str, load: Load | None = None) -> Contents:
    """What a requirements file declares, with the lines; raises like `parse`."""
    found = Contents()
    _Reader(load, found).read(text, place, constraint=False)
    return found


def lines(items: list[str], place: str, load: Load | None = None) -> Contents:
    """What requirement lines declare that stand in another file (the `pip` part of environment.yml)."""
    found = Contents()
    reader = _Reader(load, found)
    for item in items:
        reader.line(_COMMENT.sub("", item).strip(), (place, 0, 0), constraint=False)
    return found


def logical_lines(text: str) -> Iterator[tuple[int, int, str]]:
    r"""The lines of a requirements file: first, end, and their text joined and without comments.

    >>> list(logical_lines("a \\\n  ==1 # why\n# only a comment\n"))
    [(0, 2, 'a   ==1')]
    """
    joined, first = "", 0
    physical = [line.removesuffix("\r") for line in text.split("\n")]
    for number, line in enumerate(physical):
        comment = line.lstrip().startswith("#")
        if not joined:
            first = number
        if line.endswith("\\") and not comment and number + 1 < len(physical):
            joined += line[:-1]
            continue
        # pip: a comment ends what was continued, and is a comment even there.
        whole = _COMMENT.sub("", joined + (" " if comment else "") + line).strip()
        joined = ""
        if whole:
            yield first, number + 1, whole


class _Reader:
    """Reads a file and what it includes, each file once."""

    def __init__(self, load: Load | None, found: Contents) -> None:
        self._load = load
        self._found = found
        self._open: list[str] = []
        self._seen: set[tuple[str, bool]] = set()

    def read(self, text: str, place: str, *, constraint: bool) -> None:
        self._seen.add((place, constraint))
        self._open.append(place)
        for first, end, line in logical_lines(text):
            self.line(line, (place, first, end), constraint=constraint)
        self._open.pop()

    def line(self, line: str, at: tuple[str, int, int], *, constraint: bool) -> None:
        if not line:
            return
        where = f"{at[0]}, line {at[1] + 1}" if at[2] else at[0]
        if line.startswith("-"):
            self._option(line, at[0], where, constraint=constraint)
            return
        if _LOCATION.match(line.partition(" ")[0]) and " @ " not in line:
            hint = "name the package, and let an index of the policy serve it"
            checking.refuse(
                "requirement-url", line, where, "it is a place and not a package of an index", hint
            )
        text, hashes = _with_hashes(line, where)
        item = checking.parsed(text, where)
        kept = self._found.constraints if constraint else self._found.requirements
        if len(kept) >= LINES_LIMIT:
            because = f"there are more than {LINES_LIMIT}"
            checking.refuse("too-many-requirements", line, where, because, "take out what is not needed")
        kept.append(Declared(str(item), item.name, *at, hashes))

    def _option(self, line: str, place: str, where: str, *, constraint: bool) -> None:
        option, values = _option(line, where)
        if option in ("-r", "-c") and len(values) == 1:
            self._include(values[0], place, where, constraint=constraint or option == "-c")
        elif option == "-i" and [value.rstrip("/") for value in values] == [PYPI.url]:
            return  # pip-compile writes the default index into every file
        elif option not in _DONE_ANYWAY:
            hint = _HINTS.get(option, "take the line out")
            checking.refuse(
                "requirement-option", line, where, "an option of pip changes what may be fetched", hint
            )

    def _include(self, name: str, place: str, where: str, *, constraint: bool) -> None:
        if self._load is None or "://" in name:
            hint = "put those requirements into this file"
            checking.refuse("include-outside", name, where, "other places are not read", hint)
        inner, text = self._load(place, name)
        if inner in self._open:
            hint = "take one of the two lines out"
            checking.refuse("include-cycle", name, where, "the files include each other without end", hint)
        if (inner, constraint) in self._seen:
            return
        if len(self._seen) >= FILES_LIMIT:
            because = f"more than {FILES_LIMIT} files are included"
            checking.refuse(
                "too-many-includes", name, where, because, "put the requirements into fewer files"
            )
        self.read(text, inner, constraint=constraint)


def _option(line: str, where: str) -> tuple[str, list[str]]:
    """An option in its short form, and its values; `-r x`, `-rx`, `--requirement=x` are one."""
    try:
        # A backslash is a folder's separator on Windows, and no escape.
        words = shlex.split(line.replace("\\", "\\\\"))
    except ValueError:
        _refuse_quotes(line, where)
    first, *values = words
    if _GLUED.match(first):
        first, values = first[:2], [first[2:], *values]
    elif "=" in first:
        first, _, value = first.partition("=")
        values = [value, *values]
    return _SAME.get(first, first), values


def _with_hashes(line: str, where: str) -> tuple[str, tuple[str, ...]]:
    """A requirement without its options, and its hashes."""
    option = re.search(r"(?<=\s)--?[A-Za-z]", line)
    if option is None:
        return line, ()
    options = line[option.start() :]
    if rest := _HASH.sub("", options).strip():
        hint = "take it out; only --hash may follow a requirement"
        checking.refuse("requirement-option", rest, where, "it would change how the package is built", hint)
    return line[: option.start()].strip(), checking.hashes(_HASH.findall(options), where)


def _refuse_quotes(line: str, where: str) -> NoReturn:
    what = f"cannot read `{clean(line)}` in {clean(where)}"
    raise SpecError("requirement-option", what, "a quote is open", "close it")
