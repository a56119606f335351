"""Reviews that may be followed by an approval: each has a number that is good once."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from kernel_iso.errors import NotApprovedError

LASTS = 600.0
"""Seconds for which a review can be followed by an approval."""

MOST = 1000
"""Reviews that are remembered; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Review:
    """What was shown: the notebook, the digest of its wishes, to whom, and until when that counts."""

    path: str
    digest: str
    user: str
    until: float


class Nonces:
    """The reviews that were shown and not answered yet, by their one-time numbers. In memory only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: dict[str, Review] = {}
        self._turn = threading.Lock()

    def make(self, path: str, digest: str, user: str) -> str:
        """A number for the review that `user` is shown."""
        nonce = secrets.token_urlsafe(32)
        with self._turn:
            self._shown[nonce] = Review(path, digest, user, self._clock() + LASTS)
            for old in list(self._shown)[:-MOST]:
                del self._shown[old]
        return nonce

    def spend(self, nonce: str, *, path: str, digest: str, user: str) -> None:
        """Return where this number was given to this user for this notebook and digest; it is good no more.

        Raises `NotApprovedError` (`not-reviewed`); a number that was tried with anything else is spent too.
        """
        with self._turn:
            shown = self._shown.pop(nonce, None)
        if shown is None or self._clock() > shown.until:
            raise not_reviewed(path)
        pairs = ((shown.path, path), (shown.digest, digest), (shown.user, user))
        # `all` over a list: every pair is compared, whichever differs.
        if not all([hmac.compare_digest(one.encode(), other.encode()) for one, other in pairs]):
            raise not_reviewed(path)


def not_reviewed(path: str) -> NotApprovedError:
    """The refusal of an approval without a review of exactly this."""
    return NotApprovedError(
        "not-reviewed",
        f"has not approved `{path}`",
        "nobody was shown what it asks now: the review is too old, was answered, or the notebook has changed",
        "review it again, and approve what is shown",
    )
