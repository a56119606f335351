"""Look for what is broken, and say what it means and the one thing to type."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kernel_iso import backends
from kernel_iso.engine import fitting, inspecting, preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.targets import Target
from kernel_iso.errors import IsoError
from kernel_iso.model import Prefix, Record

LOW_SPACE = 2_000_000_000
"""Bytes: a scientific stack with a CPU torch takes about this much."""

LEADING_ELSEWHERE = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "PYTHONUSERBASE")
"""Variables that change what an interpreter imports or keeps; kernels are started without them."""


class Finding(Record, frozen=True, kw_only=True):
    """One finding: `level` is `ok`, `note` or `problem`; what was `seen`, what it `means`, and the one thing to `type`."""

    level: str
    check: str
    seen: str
    means: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What an examination found, and what it repaired."""

    findings: tuple[Finding, ...]
    repaired: tuple[str, ...] = ()


def doctor(engine: Engine, target: Target | None, *, repair: bool = False) -> Examined:
    """Examine the machine and the store, and a target's prefix where one is given.

    With `repair` a prefix with tampered or missing files is made again from its lock.
    """
    findings = [*_machine(engine)]
    repaired: list[str] = []
    if target is not None:
        try:
            found = [*_target(engine, target)]
        except IsoError as error:
            found = [
                Finding(
                    level="problem", check=error.code, seen=error.what, means=error.because, type=error.hint
                )
            ]
        findings += found
        if repair and any(
            item.level == "problem" and item.check in ("files", "interpreter") for item in found
        ):
            ready = preparing.realise(engine, target, fresh=True)
            repaired.append(f"made {ready.prefix.key} again from its lock")
    return Examined(findings=tuple(findings), repaired=tuple(repaired))


def _machine(engine: Engine) -> Iterator[Finding]:
    machine = preparing.machine_here(engine)
    for name in engine.policy.backends:
        try:
            why = backends.find(name).ready(machine)
        except IsoError as error:
            why = error.because
        level, means = ("note", f"{name} cannot be used: {why}") if why else ("ok", "")
        yield Finding(level=level, check="backend", seen=f"backend {name}", means=means)
    minors = ", ".join(f"{python.version} ({python.source})" for python in machine.pythons)
    yield Finding(level="ok", check="pythons", seen=f"Pythons: {minors}")
    yield from _store(engine)
    for name in LEADING_ELSEWHERE:
        if engine.environ.get(name):
            means = "kernels are started without it; other programs on this terminal still see it"
            yield Finding(level="note", check="environment", seen=f"{name} is set", means=means)


def _store(engine: Engine) -> Iterator[Finding]:
    root = engine.store.root
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    if not os.access(there, os.W_OK):
        yield Finding(
            level="problem", check="store", seen=f"the store {root} cannot be written",
            means="ready environments start, new ones cannot be made", type="set KERNEL_ISO_STORE to a folder of yours",
        )  # fmt: skip
    free = shutil.disk_usage(there).free
    if free < LOW_SPACE:
        yield Finding(
            level="problem", check="space", seen=f"{free / 1e9:.1f} GB are free beside the store",
            means="a new environment may not fit", type="kernel-iso clean",
        )  # fmt: skip
    else:
        yield Finding(level="ok", check="space", seen=f"{free / 1e9:.1f} GB are free beside the store")


def _target(engine: Engine, target: Target) -> Iterator[Finding]:
    state = inspecting.inspect(engine, target)
    prefix = state.prefix
    if prefix is None:
        means = (
            "nothing is installed for it here" if state.state == "not-made" else "it was not approved here"
        )
        fix = "realise" if state.state == "not-made" else "trust"
        yield Finding(
            level="note", check="prefix", seen=f"no environment of `{target.label}` is there", means=means,
            type=f'kernel-iso {fix} "{target.path or target.name}"',
        )  # fmt: skip
        return
    yield Finding(level="ok", check="prefix", seen=f"environment {prefix.key} in {inspecting.where(prefix)}")
    again = f'kernel-iso realise --fresh "{target.path or target.name}"'
    if not Path(prefix.python).exists():
        yield Finding(
            level="problem", check="interpreter", seen=f"{prefix.python} leads nowhere",
            means="the Python it was made with was removed or moved", type=again,
        )  # fmt: skip
        return
    yield from _files(prefix, again)
    if state.drift:
        listed = ", ".join(str(item) for item in state.drift[:5])
        yield Finding(
            level="note", check="drift", seen=f"{len(state.drift)} packages differ from what was made: {listed}",
            means="something installed into it by hand, with pip for example", type=again,
        )  # fmt: skip


def _files(prefix: Prefix, again: str) -> Iterator[Finding]:
    site = fitting.site_packages(Path(prefix.path), prefix.version)
    wrong = [*tampered(site)]
    if wrong:
        shown = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        yield Finding(
            level="problem", check="files", seen=f"files that are not what was installed: {shown}",
            means="they were changed, cut off or deleted after the installation", type=again,
        )  # fmt: skip
    else:
        yield Finding(level="ok", check="files", seen="every installed file has the hash in its RECORD")
    for name in running_pth(site):
        yield Finding(
            level="note", check="pth", seen=f"{name} runs code at every start of this Python",
            means="some packages need that; malware uses it too", type=f"read {site / name}",
        )  # fmt: skip


def tampered(site: Path) -> Iterator[str]:
    """The files below `site` whose SHA-256 is not the one in their package's RECORD, or that are missing.

    RECORD: https://packaging.python.org/en/latest/specifications/recording-installed-packages/ (rows of path,
    `sha256=` urlsafe base64 without padding, size).
    """
    for record in sorted(site.glob("*.dist-info/RECORD")):
        with record.open(newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.reader(stream) if len(row) >= 2 and row[1].startswith("sha256=")]
        for name, expected, *_ in rows:
            if name.startswith(".."):
                continue  # scripts: their first line is written by the installer
            try:
                found = hashlib.sha256((site / name).read_bytes()).digest()
            except OSError:
                yield name
                continue
            if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != expected.removeprefix("sha256="):
                yield name


def running_pth(site: Path) -> list[str]:
    """The `.pth` files that run code: `site` executes their lines that begin with `import`."""
    found = []
    for path in sorted(site.glob("*.pth")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if path.name != "_virtualenv.pth" and any(line.startswith(("import ", "import\t")) for line in lines):
            found.append(path.name)
    return found
