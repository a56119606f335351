"""Errors: few kinds, one for each thing a caller does differently; a kebab-case code for every raise site.

Every error is three lines, the same in a terminal, a cell, the panel and over HTTP: what, because, hint.
Each code has a heading of its own in `docs/errors.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class IsoError(Exception):
    """Something kernel-iso cannot do, told in three lines.

    `code` is the kebab-case name under which `docs/errors.md` explains it. `what` is what could not be
    done, `because` the reason with its numbers, `hint` the one thing to type or do next. `tail` holds the
    last lines of the tool that failed, without secrets, and `log` the path of the full log.

    >>> print(SpecError("bad-requirement", "cannot read `numpy>=`", "a version is missing", "write numpy>=2"))
    kernel-iso cannot read `numpy>=`  [bad-requirement]
    because: a version is missing
    hint:    write numpy>=2
    """

    kind: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1

    def __init__(
        self, code: str, what: str, because: str, hint: str, *, tail: tuple[str, ...] = (), log: str = ""
    ) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.because = because
        self.hint = hint
        self.tail = tail
        self.log = log

    def __str__(self) -> str:
        lines = [
            f"kernel-iso {self.what}  [{self.code}]",
            f"because: {self.because}",
            f"hint:    {self.hint}",
        ]
        lines += [f"    {line}" for line in self.tail]
        if self.log:
            lines.append(f"log:     {self.log}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The error as it travels: every field, and the kind."""
        return {
            "kind": self.kind,
            "code": self.code,
            "what": self.what,
            "because": self.because,
            "hint": self.hint,
            "tail": list(self.tail),
            "log": self.log,
        }


class SpecError(IsoError):
    """What was asked is wrong: the person changes what the notebook, a file or the command line says."""

    kind = "spec"
    exit_status = 3


class ImpossibleError(IsoError):
    """What was asked is well formed, but cannot be had on this machine or under this policy."""

    kind = "impossible"
    exit_status = 4


class ConflictError(IsoError):
    """No set of versions satisfies everything that was declared."""

    kind = "conflict"
    exit_status = 5


class ToolError(IsoError):
    """A tool, the network, the disk or the machine failed: trying again may help."""

    kind = "tool"
    exit_status = 6


class BuildError(IsoError):
    """A wheel could not be built."""

    kind = "build"
    exit_status = 7


class NotApprovedError(IsoError):
    """The notebook's wishes were not approved on this machine."""

    kind = "not-approved"
    exit_status = 8


class CancelledError(IsoError):
    """The person cancelled."""

    kind = "cancelled"
    exit_status = 130


KINDS: dict[str, type[IsoError]] = {
    cls.kind: cls
    for cls in (
        IsoError, SpecError, ImpossibleError, ConflictError, ToolError, BuildError, NotApprovedError, CancelledError,
    )
}  # fmt: skip


def from_json(data: Mapping[str, Any]) -> IsoError:
    """The error that `to_json` described, of the same kind (`IsoError` where the kind is not known)."""
    kind = KINDS.get(str(data.get("kind", "")), IsoError)
    return kind(
        str(data.get("code", "unknown")),
        str(data.get("what", "failed")),
        str(data.get("because", "no reason was given")),
        str(data.get("hint", "look at the log")),
        tail=tuple(str(line) for line in data.get("tail", ())),
        log=str(data.get("log", "")),
    )
