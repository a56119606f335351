"""Refuse an edit in words that say what to do instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from kernel_iso.errors import SpecError
from kernel_iso.notebooks.shown import clean


def by_hand(place: str, because: str, line: str) -> NoReturn:
    """Raise the `SpecError` about a file that a person has to edit, with the line to type."""
    raise SpecError("edit-by-hand", f"cannot edit {clean(place)} safely", because, clean(line))


def not_declared(name: str, place: str, declared: Sequence[str]) -> NoReturn:
    """Raise the `SpecError` about a name to remove that is not declared."""
    raise SpecError(
        "not-declared",
        f"cannot remove `{clean(name)}` from {clean(place)}",
        "it is not declared there; declared are: " + (clean(", ".join(declared)) or "no packages"),
        f"kernel-iso tree --why {clean(name)}   shows what needs it",
    )
