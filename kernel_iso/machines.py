"""Facts about the machine on which a kernel will run: asked there, and remembered until its next boot."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import tempfile
from pathlib import Path

import msgspec

from kernel_iso.errors import SpecError, ToolError
from kernel_iso.guest import probe as guest
from kernel_iso.model import Done, Machine, Python, Run, canonical

_SOURCE = Path(guest.__file__)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def here(pythons: tuple[Python, ...] = ()) -> Machine:
    """The machine that the engine itself runs on, without a subprocess."""
    return _machine(guest.facts(), pythons)


def probe(run: Run, *, python: str, cache: Path | None, pythons: tuple[Python, ...] = ()) -> Machine:
    """The machine on which `run` runs tools, told by its interpreter `python`; `pythons` are added.

    `cache` is a file that remembers the answer until the machine is booted again, the probe itself changes,
    or another interpreter is asked. A cache that is damaged or cannot be written is passed over. Raises
    `ToolError` (`probe-failed`) when the interpreter fails or does not answer with a machine.
    """
    source = _SOURCE.read_text(encoding="utf-8")
    key = _key(source, python)
    remembered = _recall(cache, key)
    if remembered is not None:
        return _machine(remembered, pythons)
    # -I: neither the person's PYTHON* variables nor a json.py in the working folder may change the answer.
    facts = _answer(run([python, "-I", "-"], input=source), python)
    machine = _machine(facts, pythons)
    _remember(cache, key, facts)
    return machine


def _machine(facts: object, pythons: tuple[Python, ...]) -> Machine:
    return msgspec.structs.replace(Machine.from_json(facts), pythons=pythons)


def _answer(done: Done, python: str) -> object:
    """The JSON of the probe's last line, checked to be a machine."""
    lines = done.stdout.splitlines()
    try:
        if done.status != 0:
            raise ValueError(f"it ended with status {done.status}")
        facts: object = json.loads(lines[-1] if lines else "")
        Machine.from_json(facts)
    except (ValueError, SpecError) as error:
        raise ToolError(
            "probe-failed",
            "cannot learn about the machine",
            f"`{python} -I -` did not answer with its facts: {getattr(error, 'because', error)}",
            "check that this interpreter starts, or choose another one",
            tail=tuple((done.stderr or done.stdout).splitlines()[-10:]),
        ) from None
    return facts


def _key(source: str, python: str) -> str:
    """What an answer is good for: one boot of one machine or container, one probe, one interpreter."""
    parts = (boot(), platform.node(), hashlib.sha256(source.encode()).hexdigest(), python)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def boot(boot_id: Path = _BOOT_ID) -> str:
    """What changes when the machine is booted again: the kernel's boot id, or else the time of the boot."""
    try:
        return boot_id.read_text(encoding="ascii").strip()
    except OSError:
        import psutil

        # Computed from the clock, so it wavers by a second or two where the clock is corrected.
        return f"booted at {round(psutil.boot_time(), -2):.0f}"


def _recall(cache: Path | None, key: str) -> object | None:
    if cache is None:
        return None
    try:
        entry = msgspec.json.decode(cache.read_bytes())
        facts: object = entry["machine"] if entry["key"] == key else None
        if facts is not None:
            Machine.from_json(facts)
    except (OSError, ValueError, KeyError, TypeError, SpecError):
        return None
    return facts


def _remember(cache: Path | None, key: str, facts: object) -> None:
    """Write the cache whole or not at all; where that is not possible, the next start probes again."""
    if cache is None:
        return
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=cache.parent, prefix=cache.name, suffix=".new")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(canonical({"key": key, "machine": facts}))
            Path(name).replace(cache)
        except OSError:
            Path(name).unlink(missing_ok=True)
