"""One step's report."""

from __future__ import annotations

from collections.abc import Callable

from kernel_iso.model.records import Record


class Event(Record, frozen=True, kw_only=True):
    """One step's report: `phase` is the verb ("lock", "realise"), `key` what it is about, `at` seconds since the epoch.

    `done` of `total` (packages or bytes, as `unit` says) where there is a count, `error` an error's JSON at the
    end of a failed step.
    """

    phase: str
    key: str = ""
    at: float = 0
    text: str = ""
    done: int | None = None
    total: int | None = None
    unit: str = ""
    error: dict[str, object] | None = None


Emit = Callable[[Event], None]


def quiet(event: Event) -> None:
    """Drop the event."""
