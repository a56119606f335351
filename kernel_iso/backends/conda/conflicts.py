"""The solver's explanation, a tree drawn in characters, in a sentence. Pure.

    The following packages are incompatible
    ├─ cyan * can be installed with any of the following options:
    │  └─ cyan 1.0 would require
    │     └─ green <2, which can be installed with any of the following options:
    │        └─ green 1.0
    └─ blue >=2 cannot be installed because there are no viable options:
       └─ blue 2.0 would require
          └─ green >=2, which cannot be installed because there are no viable options:
             └─ green 2.0, which conflicts with the versions reported above.

So rattler 0.28 writes it. What is not understood is left out of the sentence; the whole is shown below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST = 4
"""Culprits that are named in a sentence; a person cannot do more with a longer list."""

_LINE = re.compile(r"(?P<drawn>(?:[│ ] {2}|[├└]─ )*)(?P<text>\S.*)")
_ROOT = re.compile(r"(?P<spec>.+?) (?:can|cannot) be installed (?:with|because)")
_MISSING = re.compile(r"(?P<spec>.+), for which no candidates were found")
_CONTESTED = re.compile(
    r"(?P<name>[\w.-]+) .*(?:which conflicts with (?:the versions|any installable)|is locked, but)"
)
_EXCLUDED = re.compile(r"(?P<what>.+) is excluded because (?P<why>.+)")
_BOUND = re.compile(r"the constraint (?P<spec>.+) cannot be fulfilled")
_TOP = "The following packages are incompatible"


def lines(words: str) -> list[tuple[int, str]]:
    """The lines with how deep they stand.

    >>> lines("a\\n├─ b\\n│  └─ c")
    [(0, 'a'), (1, 'b'), (2, 'c')]
    """
    matched = (_LINE.fullmatch(line) for line in words.splitlines())
    return [(len(each["drawn"]) // 3, each["text"].rstrip(".")) for each in matched if each]


def missing(words: str) -> tuple[str, ...]:
    """The specs that something needs, and that nothing answers, each once.

    >>> missing("x * cannot be installed because\\n└─ x 1 would require\\n   └─ y >=9, for which no candidates were found.")
    ('y >=9',)
    """
    found = (_MISSING.fullmatch(text) for _, text in lines(words))
    return tuple(dict.fromkeys(_shown(each["spec"]) for each in found if each))


def contested(words: str) -> tuple[str, ...]:
    """The packages that are needed in versions which exclude one another, each once."""
    found = (_CONTESTED.match(text) for _, text in lines(words))
    return tuple(dict.fromkeys(each["name"] for each in found if each))


def sentence(words: str, asked: Iterable[str]) -> str:
    """Who cannot live with whom, and about what; specs are written as in `asked`.

    >>> sentence(_SAMPLE, ["blue>=2", "cyan"])
    '`blue>=2` and `cyan` cannot live together: they need different versions of green'
    >>> sentence("a cannot be installed with\\n└─ a 1 would require\\n   └─ b >=9, for which no candidates were found.", [])
    '`a` cannot be installed: it needs `b >=9`, and there is none that fits the rest'
    """
    found = lines(words)
    written: dict[str, str] = {}
    for text in asked:
        written.setdefault(_name(text), text)
    roots = _roots(found)
    culprits = _named(roots, written)
    limits = tuple(dict.fromkeys(each["spec"] for _, text in found if (each := _BOUND.fullmatch(text))))
    about = _about(found, limits, contested(words))
    if not culprits:
        return ""
    if len(culprits) > 1:
        *most, last = (f"`{each}`" for each in culprits)
        return f"{', '.join(most)} and {last} cannot live together" + (f": {about}" if about else "")
    return f"`{culprits[0]}` cannot be installed" + (f": {about}" if about else "")


def _roots(found: list[tuple[int, str]]) -> list[str]:
    """What was asked for and cannot be: below the heading where there is one."""
    heading = next((number for number, line in enumerate(found) if line == (0, _TOP)), None)
    if heading is None:
        return [text for depth, text in found if depth == 0]
    return [text for depth, text in found[heading:] if depth == 1]


def _named(roots: list[str], written: dict[str, str]) -> tuple[str, ...]:
    specs = [each["spec"] for text in roots if (each := _ROOT.match(text))]
    names = {_name(spec): spec for spec in specs if not spec.startswith("__")}
    order = {name: number for number, name in enumerate(written)}
    ordered = sorted(names, key=lambda name: order.get(name, len(order)))
    return tuple(written.get(name, _shown(names[name])) for name in ordered)[:MOST]


def _name(spec: str) -> str:
    """The name in a spec, as a person or the solver writes it.

    >>> _name("conda-forge::Blue>=2"), _name('blue [channel="x"]')
    ('blue', 'blue')
    """
    return re.split(r"[ =<>!~\[]", spec.rpartition("::")[2], maxsplit=1)[0].lower()


def _about(found: list[tuple[int, str]], limits: tuple[str, ...], quarrel: tuple[str, ...]) -> str:
    """What the quarrel is about: a limit, an excluded package, a package in two versions, or one that is not there."""
    if limits:
        return f"the limit `{limits[0]}` leaves nothing"
    for _, text in found:
        if each := _EXCLUDED.fullmatch(text):
            return f"{each['what']} is left out, because {each['why']}"
    if quarrel:
        return f"they need different versions of {', '.join(quarrel[:MOST])}"
    none = [each["spec"] for _, text in found if (each := _MISSING.fullmatch(text))]
    # Builds for other Pythons are the least of it.
    none.sort(key=lambda spec: (not spec.startswith("__"), _name(spec) == "python"))
    return f"it needs `{_shown(none[0])}`, and there is none that fits the rest" if none else ""


def _shown(spec: str) -> str:
    """A spec without what says nothing.

    >>> _shown("__cuda *"), _shown("blue >=2")
    ('__cuda', 'blue >=2')
    """
    return spec.removesuffix(" *")


_SAMPLE = "\n".join(line[4:] for line in (__doc__ or "").splitlines() if line.startswith("    "))
