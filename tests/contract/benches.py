"""A backend with everything it needs to be tried."""

from __future__ import annotations

import platform
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from wheelhouse import Wheelhouse

from kernel_iso.backends import pylocks
from kernel_iso.model import Backend, Event, Index, Lock, Plan, Python
from kernel_iso.processes import Tools

PYTHON = Python(version=platform.python_version(), path=sys.executable, source="self")


Say = Callable[[str, str], str]
"""Runs a line in an interpreter; what it printed."""

# What pip cannot do and refuses (`TestWhatPipCannot`), or what both do with the same code of ours.
only_uv = pytest.mark.parametrize("bench", ["uv"], indirect=True)
only_virtualenv = pytest.mark.parametrize("bench", ["virtualenv"], indirect=True)


@dataclass
class Bench:
    """A backend with everything it needs. `events` is all that it said."""

    name: str
    backend: Backend
    index: Wheelhouse
    cache: Path
    folder: Path
    environ: dict[str, str]
    cancelled: threading.Event = field(default_factory=threading.Event)
    events: list[Event] = field(default_factory=list)

    @property
    def run(self) -> Tools:
        return Tools(self.environ, emit=self.events.append, phase="test", cancelled=self.cancelled)

    @property
    def said(self) -> str:
        return "\n".join(event.to_text() for event in self.events)

    def plan(self, *requirements: str, **more: Any) -> Plan:
        fields = {"indexes": (Index(name="main", url=self.index.url),), "cache": str(self.cache), **more}
        return Plan(backend=self.name, python=PYTHON, requirements=requirements, **fields)

    def lock(self, *requirements: str, **more: Any) -> Lock:
        return self.backend.lock(self.plan(*requirements, **more), self.run)

    def realise(self, plan: Plan, lock: Lock, name: str = "prefix") -> str:
        return self.backend.realise(plan, lock.parts[0], str(self.folder / name), self.run)

    def make(self, *requirements: str, name: str = "prefix", **more: Any) -> str:
        """Lock and realise; the interpreter."""
        plan = self.plan(*requirements, **more)
        return self.realise(plan, self.backend.lock(plan, self.run), name)

    def site(self, name: str = "prefix") -> Path:
        return next((self.folder / name).glob("[Ll]ib*/**/site-packages"))


def versions(lock: Lock) -> dict[str, str]:
    return {each.name: each.version for each in pylocks.packages(lock.parts[0].text)}


def allowed(bench: Bench, start: str) -> tuple[str, ...]:
    return tuple(f"sha256:{each.sha256}" for each in bench.index.artefacts if each.filename.startswith(start))
