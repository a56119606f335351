"""Facts about the machine on which a kernel will run: asked there, and remembered until its next boot."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from kernel_iso.errors import SpecError, ToolError
from kernel_iso.guest import probe as guest
from kernel_iso.model import Done, Machine, Python, Run, canonical

_SOURCE = Path(guest.__file__)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_DAY = 24 * 3600
"""Seconds for which an answer is good at most."""

_MOST = 16
"""Answers that one cache holds: notebooks with different variables must not drive each other out."""

_SOON = 600
"""Seconds after which a machine that told of something broken is asked again."""


def here(
    pythons: tuple[Python, ...] = (),
    *,
    run: Run | None = None,
    cache: Path | None = None,
    environ: Mapping[str, str] | None = None,
    root: str = "/",
) -> Machine:
    """The machine that the engine itself runs on, with the accelerators that a kernel with `environ` would see.

    Only where there are traces of an NVIDIA driver is a process started, through `run`: its libraries may hang
    or crash. Its answer is remembered in the file `cache` until the machine is booted, the probe, a driver, a
    device or a variable that counts changes, or a day has passed (ten minutes where something was broken).
    Without `run` these devices are not told. A probe that fails is a finding; only being cancelled is raised.
    `root` is the folder that holds /sys, /proc and /dev.
    """
    environ = environ or {}
    facts = guest.host()
    system, arch = str(facts["os"]), str(facts["arch"])
    if run is not None and guest.traces(root, environ, system):
        key = _here_key(root, environ, system)
        return _machine(_recall(cache, key) or _asked_here(run, environ, cache, key, facts), pythons)
    facts["accelerators"], facts["findings"] = guest.accelerators(root, environ, system, arch, seconds=0)
    return _machine(facts, pythons)


def _asked_here(
    run: Run, environ: Mapping[str, str], cache: Path | None, key: str, facts: dict[str, object]
) -> object:
    """The answer of a process of its own, which is given the variables that tools are not."""
    told = {name: environ[name] for name in guest.VARIABLES if name in environ}
    answer: object
    try:
        answer = _ask(run, sys.executable, _SOURCE.read_text(encoding="utf-8"), told)
    except ToolError as error:
        answer = {**facts, "findings": [f"the accelerators are not known: {error.because}"]}
    _remember(cache, key, answer)
    return answer


def _here_key(root: str, environ: Mapping[str, str], system: str) -> str:
    parts = [_key(_SOURCE.read_text(encoding="utf-8"), sys.executable)]
    return _digest(parts + guest.print_of(root, environ, system))


def probe(run: Run, *, python: str, cache: Path | None, pythons: tuple[Python, ...] = ()) -> Machine:
    """The machine on which `run` runs tools, told by its interpreter `python`; `pythons` are added.

    `cache` is a file that remembers the answer, for a day at most, until the machine is booted again, the probe
    itself changes, or another interpreter is asked. A cache that is damaged or cannot be written is passed
    over. Raises `ToolError` (`probe-failed`) when the interpreter fails or does not answer with a machine.
    """
    source = _SOURCE.read_text(encoding="utf-8")
    key = _key(source, python)
    remembered = _recall(cache, key)
    if remembered is not None:
        return _machine(remembered, pythons)
    facts = _ask(run, python, source, {})
    machine = _machine(facts, pythons)
    _remember(cache, key, facts)
    return machine


def _ask(run: Run, python: str, source: str, env: Mapping[str, str]) -> object:
    # -I: neither the person's PYTHON* variables nor a json.py in the working folder may change the answer.
    return _answer(run([python, "-I", "-"], input=source, env=env), python)


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
    return _digest((boot(), platform.node(), hashlib.sha256(source.encode()).hexdigest(), python))


def _digest(parts: Iterable[str]) -> str:
    # A file system may hand out names that are no Unicode.
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def boot(boot_id: Path = _BOOT_ID) -> str:
    """What changes when the machine is booted again: the kernel's boot id, or else the time of the boot."""
    try:
        return boot_id.read_text(encoding="ascii").strip()
    except OSError:
        import psutil

        # Computed from the clock, so it wavers by a second or two where the clock is corrected.
        return f"booted at {round(psutil.boot_time(), -2):.0f}"


def _recall(cache: Path | None, key: str) -> object | None:
    """The answer that is remembered under `key` and still good."""
    try:
        facts: object = next(entry["machine"] for entry in _entries(cache) if entry["key"] == key)
        Machine.from_json(facts)
    except (StopIteration, SpecError):
        return None
    return facts


def _entries(cache: Path | None) -> list[dict[str, Any]]:
    """What the cache holds and is still good, the newest first; nothing of one that is damaged."""
    try:
        entries = msgspec.json.decode(cache.read_bytes()) if cache else []
        # A clock that was set back must not keep an entry for ever.
        return [
            entry
            for entry in entries
            if 0 < entry["until"] - time.time() <= _DAY and {"key", "machine"} <= {*entry}
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _remember(cache: Path | None, key: str, facts: object) -> None:
    """Write the cache whole or not at all; where that is not possible, the next start probes again."""
    if cache is None:
        return
    machine = Machine.from_json(facts)
    # Nothing that is compared changes when a broken driver is mended without a boot.
    broken = bool(machine.findings) and not machine.accelerators
    until = int(time.time()) + (_SOON if broken else _DAY)
    others = [entry for entry in _entries(cache) if entry["key"] != key]
    entries = [{"key": key, "machine": facts, "until": until}, *others[: _MOST - 1]]
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=cache.parent, prefix=cache.name, suffix=".new")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(canonical(entries))
            Path(name).replace(cache)
        except OSError:
            Path(name).unlink(missing_ok=True)
