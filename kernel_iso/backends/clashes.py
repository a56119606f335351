"""Which of the declared requirements cannot live together, found by trying."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

TRIES = 24
SECONDS = 30.0


def smallest(
    requirements: Sequence[str],
    fits: Callable[[tuple[str, ...]], bool],
    *,
    tries: int = TRIES,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[str, ...]:
    """A part of `requirements`, which do not fit together, that still does not fit.

    It is as small as leaving out one at a time makes it; where `tries` or `seconds` run out, it is larger.

    >>> smallest(["a", "b", "c", "d"], lambda part: not {"b", "d"} <= {*part})
    ('b', 'd')
    """
    kept = tuple(requirements)
    began = clock()
    for each in requirements:
        if tries <= 0 or clock() - began > seconds:
            break
        tries -= 1
        without = tuple(other for other in kept if other != each)
        if without and not fits(without):
            kept = without
    return kept
