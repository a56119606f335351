"""What an examination finds."""

from __future__ import annotations

from kernel_iso.model import Record


class Finding(Record, frozen=True, kw_only=True):
    """One finding: `level` is `ok`, `note` or `problem`; what was `seen`, what it `means`, and the one thing to `type`.

    `check` names what was looked at; `repairing` goes by it.
    """

    level: str
    check: str
    seen: str
    means: str = ""
    type: str = ""


def ok(check: str, seen: str) -> Finding:
    """Something that is as it should be."""
    return Finding(level="ok", check=check, seen=seen)


def note(check: str, seen: str, means: str, type: str = "") -> Finding:
    """Something to know, which need not be wrong."""
    return Finding(level="note", check=check, seen=seen, means=means, type=type)


def problem(check: str, seen: str, means: str, type: str) -> Finding:
    """Something that is wrong."""
    return Finding(level="problem", check=check, seen=seen, means=means, type=type)
