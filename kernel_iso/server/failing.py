"""Failures as pages get them: the three lines, and an HTTP status for their kind."""

from __future__ import annotations

import logging

from kernel_iso.errors import (
    BuildError,
    CancelledError,
    ConflictError,
    ImpossibleError,
    IsoError,
    NotApprovedError,
    SpecError,
    ToolError,
)
from kernel_iso.processes import redact

STATUSES: dict[type[IsoError], int] = {
    SpecError: 422,
    ImpossibleError: 409,
    ConflictError: 409,
    CancelledError: 409,
    NotApprovedError: 403,
    ToolError: 502,
    BuildError: 502,
}

log = logging.getLogger("jupyter_server.kernel_iso")


class NotFoundError(SpecError):
    """Nothing is under the address that was asked for."""


def status(error: IsoError) -> int:
    """The HTTP status of an error.

    >>> status(NotApprovedError("not-approved", "a", "b", "c")), status(IsoError("internal-error", "a", "b", "c"))
    (403, 500)
    """
    if isinstance(error, NotFoundError):
        return 404
    return next((number for kind, number in STATUSES.items() if isinstance(error, kind)), 500)


def as_error(error: BaseException) -> IsoError:
    """What was raised as three lines; what nobody expected goes to the server's log."""
    if isinstance(error, IsoError):
        return error
    log.error("kernel-iso: an internal error", exc_info=error)
    return IsoError(
        "internal-error",
        "failed in a way that is its own fault",
        redact(f"{type(error).__name__}: {error}")[:300],
        "report it with the server's log",
    )
