"""A stranger's YAML: strings, lists and tables only, not deep, and no larger than it looks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kernel_iso.backends.condalocks.records import bad

DEEPEST = 20
"""Levels of the deepest YAML; a real one has five."""
MOST = 800_000
"""Values, and starts and ends of lists and tables: 20,000 packages have fewer."""


def loaded(text: str, name: str) -> object:
    """The document; what a scalar is, whoever reads it says. Aliases are references: nobody may walk it without end."""
    return _guarded(text, name, aliases=True, load=True)


def check(text: str, name: str) -> None:
    """Raise `SpecError` (`bad-lock`) for what is no YAML, nests deeply, or refers to itself: another parser comes next."""
    _guarded(text, name, aliases=False, load=False)


def _guarded(text: str, name: str, *, aliases: bool, load: bool) -> object:
    import yaml  # only here: it takes 10 ms

    # The base loader makes strings only: `3.10` stays "3.10", and nothing can be constructed.
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        _check_events(yaml.parse(text, Loader=loader), aliases=aliases)
        return yaml.load(text, Loader=loader) if load else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        bad(name, at + str(getattr(error, "problem", "") or error).partition("\n")[0][:200])
    except (ValueError, RecursionError, TypeError) as error:
        bad(name, str(error)[:200])


def _check_events(events: Iterable[object], *, aliases: bool) -> None:
    """Refuse deep nesting: the loader made of C would end the whole process there, the events do not."""
    depth = 0
    for number, event in enumerate(events):
        if number > MOST:
            raise ValueError(f"it has more than {MOST} values")
        kind = type(event).__name__
        depth += kind in ("SequenceStartEvent", "MappingStartEvent")
        depth -= kind in ("SequenceEndEvent", "MappingEndEvent")
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")
        if kind == "AliasEvent" and not aliases:
            raise ValueError("it refers to parts of itself")
