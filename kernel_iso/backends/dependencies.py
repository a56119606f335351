"""Who directly needs whom, from the Requires-Dist of a set of packages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar, cast

from packaging.markers import Environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

Name = TypeVar("Name", bound=str)


def edges(
    wishes: Mapping[Name, Iterable[str]],
    values: Environment,
    asked: Iterable[str] = (),
) -> dict[Name, frozenset[str]]:
    """What each package of `wishes` (canonical name → Requires-Dist) needs, under these marker values.

    Extras count where another package, or one of the requirements `asked`, asks for them. A line that is no
    requirement (there are some in old releases, which nobody can mend) is passed over.

    >>> from packaging.markers import default_environment
    >>> edges({"a": ["b[x]"], "b": ["c; extra == 'x'", "d; extra == 'y'"]}, default_environment())["b"]
    frozenset({'c'})
    """
    read = {name: tuple(_read(texts)) for name, texts in wishes.items()}
    extras = _extras([*read.values(), tuple(_read(asked))], values)
    return {
        name: frozenset(
            canonicalize_name(wish.name)
            for wish in each
            if _applies(wish, extras.get(name, frozenset()), values)
        )
        for name, each in read.items()
    }


def _read(texts: Iterable[str]) -> Iterator[Requirement]:
    for text in texts:
        try:
            yield Requirement(text)
        except InvalidRequirement:
            continue


def _applies(wish: Requirement, extras: frozenset[str], values: Environment) -> bool:
    if wish.marker is None:
        return True
    return any(
        wish.marker.evaluate(cast("dict[str, str]", {**values, "extra": extra})) for extra in ("", *extras)
    )


def _extras(all_wishes: Iterable[Iterable[Requirement]], values: Environment) -> dict[str, frozenset[str]]:
    """The extras of each package that are asked for."""
    found: dict[str, frozenset[str]] = {}
    for wishes in all_wishes:
        for wish in wishes:
            if wish.extras and _applies(wish, frozenset(), values):
                name = canonicalize_name(wish.name)
                found[name] = found.get(name, frozenset()) | wish.extras
    return found
