"""What goes to the guest that calls a function in an application's environment, and what comes back. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernel_iso.errors import SpecError, ToolError

GUEST = Path(__file__).parents[1] / "guest" / "calling.py"
"""Run by path with the environment's own interpreter."""


class CallError(ToolError):
    """The function that was called raised: `type` is its exception's name, `traceback` the whole text."""

    def __init__(self, code: str, what: str, because: str, hint: str, *, type: str, traceback: str) -> None:
        super().__init__(code, what, because, hint, tail=tuple(traceback.rstrip().splitlines()[-20:]))
        self.type = type
        self.traceback = traceback


def request(target: str, args: Sequence[Any], kwargs: Mapping[str, Any], paths: Sequence[str]) -> bytes:
    """What the guest reads. Raises `SpecError` (`bad-call`, `not-json`).

    >>> request("json:dumps", [1], {}, [])
    b'{"target": "json:dumps", "args": [1], "kwargs": {}, "paths": []}'
    """
    module, _, name = target.partition(":")
    if not (module and name):
        raise SpecError(
            "bad-call",
            f"cannot call `{target}`",
            "it names no function of a module",
            "write it as `module:function`",
        )
    wanted = {"target": target, "args": [*args], "kwargs": {**kwargs}, "paths": [*paths]}
    try:
        return json.dumps(wanted).encode()
    except (TypeError, ValueError) as error:
        raise SpecError(
            "not-json",
            f"cannot call `{target}`",
            f"its arguments are no JSON: {error}",
            "give texts, numbers, lists and dictionaries",
        ) from None


def answer(target: str, out: bytes, status: int) -> Any:
    """What the function returned, from what the guest wrote and how it ended.

    Raises `CallError` (`call-raised`) and `ToolError` (`call-died`).
    """
    try:
        said = json.loads(out)
    except ValueError:
        raise ToolError(
            "call-died",
            f"lost the process that called `{target}`",
            f"it ended with status {status} and no answer",
            "look at what it printed on standard error",
        ) from None
    if "result" in said:
        return said["result"]
    error = said["error"]
    raise CallError(
        "call-raised",
        f"called `{target}`, which failed",
        f"it raised {error['type']}: {error['message']}".rstrip(": "),
        "the traceback in the environment is below",
        type=error["type"],
        traceback=error["traceback"],
    )
