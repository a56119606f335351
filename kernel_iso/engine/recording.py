"""A machine that was recorded elsewhere: what `kernel-iso probe --json` printed there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.model import Machine


def read(path: Path) -> Machine:
    """The machine in a file: its JSON, the line `{"result": …}`, or ndjson whose last line that is.

    Raises `SpecError` (`no-file`, `bad-machine`).
    """
    try:
        raw = path.read_bytes()
        # A shell of Windows writes UTF-16 where output is sent to a file.
        data = _last(raw.decode(json.detect_encoding(raw)))
        if isinstance(data, dict) and "error" in data:
            error = data["error"]
            told = error.get("because", "") if isinstance(error, dict) else error
            raise ValueError(f"the probe failed on that machine: {told}")
        return Machine.from_json(data.get("result", data) if isinstance(data, dict) else data)
    except FileNotFoundError:
        raise SpecError(
            "no-file",
            f"cannot find the machine `{path.name}`",
            f"there is no file `{path}`",
            "write it on that machine: kernel-iso probe --json > node.json",
        ) from None
    except (OSError, ValueError, SpecError) as error:
        because = error.because if isinstance(error, SpecError) else str(error)
        raise SpecError(
            "bad-machine",
            f"cannot read the machine in `{path.name}`",
            because,
            "make it again on that machine: kernel-iso probe --json > node.json",
        ) from None


def _last(text: str) -> Any:
    """The JSON of a whole text, or of its last line. Raises `ValueError`."""
    try:
        return json.loads(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines:
            raise ValueError("the file is empty") from None
        return json.loads(lines[-1])


def resolvable(machine: Machine, here: Machine) -> Machine:
    """The machine with its Pythons where they lie on this one, so that this one can resolve for it.

    One that is not here has no path: the backend resolves for its minor version with another interpreter.
    Raises `ImpossibleError` (`no-such-platform`): which wheels run under another libc only that machine knows.
    """
    if machine.libc.startswith("musl") and not here.libc.startswith("musl"):
        raise ImpossibleError(
            "no-such-platform",
            f"cannot lock for {machine.tag} with {machine.libc}",
            f"wheels for musl are chosen on a machine that has it, and this one has {here.libc or 'another libc'}",
            "lock on that machine",
        )
    paths = {each.minor: each.path for each in here.pythons}
    pythons = (msgspec.structs.replace(each, path=paths.get(each.minor, "")) for each in machine.pythons)
    return msgspec.structs.replace(machine, pythons=tuple(pythons))
