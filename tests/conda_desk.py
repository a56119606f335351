"""The conda backend with all it needs to be tried: a channel, a cache, a home, and hands that remember."""

from __future__ import annotations

import os
import platform
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kernel_iso.backends import conda, explicit
from kernel_iso.backends.explicit import Artefact
from kernel_iso.model import Event, Lock, Package, Part, Plan, Python
from kernel_iso.processes import Tools

MINOR = ".".join(platform.python_version().split(".")[:2])
PYTHON = Python(version=platform.python_version(), path="", source="conda")


@dataclass
class Desk:
    """`channel` is asked unless a plan says otherwise; `events` is all that was said; `home` is the person's."""

    channel: str
    folder: Path
    cache: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.cache = self.cache or str(self.folder / "cache")
        kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        self.environ = {**kept, "HOME": str(self.home), **self.environ}

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def run(self) -> Tools:
        return Tools(self.environ, emit=self.events.append, phase="test", cancelled=self.cancelled)

    @property
    def said(self) -> str:
        return "\n".join(event.to_text() for event in self.events)

    @property
    def packages(self) -> Path:
        """Where the cache has packages, unpacked."""
        return Path(self.cache) / "conda" / "pkgs"

    def condarc(self, text: str) -> None:
        """What the person has configured."""
        (self.home / ".condarc").write_text(text, encoding="utf-8")

    def plan(self, *specs: str, **more: Any) -> Plan:
        """A plan for these specs, and this suite's Python unless a spec names one."""
        own = () if any(each.startswith("python") for each in specs) else (f"python {MINOR}.*",)
        fields: dict[str, Any] = {"channels": (self.channel,), "cache": self.cache, **more}
        return Plan(backend="conda", python=PYTHON, conda=(*own, *specs), **fields)

    def lock(self, *specs: str, preferences: tuple[str, ...] = (), **more: Any) -> Lock:
        return conda.lock(self.plan(*specs, **more), self.run, preferences=preferences)

    def realise(self, plan: Plan, lock: Lock | Part, name: str = "prefix") -> str:
        part = lock if isinstance(lock, Part) else lock.parts[0]
        return conda.realise(plan, part, str(self.folder / name), self.run)

    def make(self, *specs: str, name: str = "prefix", **more: Any) -> str:
        """Lock and realise; the interpreter."""
        plan = self.plan(*specs, **more)
        return self.realise(plan, conda.lock(plan, self.run), name)

    def inspect(self, python: str) -> dict[str, Package]:
        return {each.name: each for each in conda.inspect(python, self.run)}


def artefacts(lock: Lock, number: int = 0) -> dict[str, Artefact]:
    """What a part holds, by name."""
    return {each.name: each for each in explicit.read(lock.parts[number].text).artefacts}


def versions(lock: Lock, number: int = 0) -> dict[str, str]:
    """The versions of a part's packages beside Python."""
    return {name: each.version for name, each in artefacts(lock, number).items() if name != "python"}


def say(python: str, code: str) -> str:
    """Run a line in an interpreter; what it printed."""
    done = subprocess.run([python, "-B", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A small disk of its own; skips where this process may not have one."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
