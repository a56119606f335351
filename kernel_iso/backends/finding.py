"""Find a backend by its name, through entry points: so one may ask for another without knowing it."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import cast

from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Backend

GROUP = "kernel_iso.backends"


@cache
def find(name: str) -> Backend:
    """The backend called `name`: the module that an entry point of the group `kernel_iso.backends` names.

    Raises `ImpossibleError` (`no-backend`) where there is none, or where it cannot be imported.
    """
    known = {point.name: point for point in entry_points(group=GROUP)}
    if name not in known:
        raise ImpossibleError(
            "no-backend",
            f"cannot use the backend `{name}`",
            f"these are installed: {', '.join(sorted(known)) or 'none'}",
            'set `backend = "uv"`, or install the package that brings it',
        )
    try:
        return cast("Backend", known[name].load())
    except ImportError as error:
        raise ImpossibleError(
            "no-backend",
            f"cannot use the backend `{name}`",
            f"it cannot be imported: {error}",
            f"reinstall the package that brings `{known[name].value}`",
        ) from None
