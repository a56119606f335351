"""A backend with everything it needs to be tried."""

from __future__ import annotations

import platform
import sys
import threading
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from channelhouse import Channelhouse, spec
from msgspec.structs import replace
from wheelhouse import Wheelhouse

from kernel_iso import backends
from kernel_iso.backends import explicit, pylocks
from kernel_iso.model import Backend, Event, Index, Lock, Package, Part, Plan, Python
from kernel_iso.processes import Tools

PYTHON = Python(version=platform.python_version(), path=sys.executable, source="self")


Say = Callable[[str, str], str]
"""Runs a line in an interpreter; what it printed."""


def _only(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("bench", names, indirect=True)


# What pip cannot do and refuses (`TestWhatPipCannot`), or what both do with the same code of ours.
only_uv = _only("uv")
only_virtualenv = _only("virtualenv")
# pip keeps no memory of an index that works without the network; uv and py-rattler do.
only_with_a_memory = _only("uv", "conda")
# conda knows no extras, markers, source distributions, wheel tags, nor another Python's packages; its locks are other texts.
only_of_wheels = _only("uv", "virtualenv")


@dataclass
class Bench:
    """A backend with everything it needs. `events` is all that it said; `apart` is an index of wheels beside a channel."""

    name: str
    backend: Backend
    index: Wheelhouse
    apart: Wheelhouse
    cache: Path
    folder: Path
    environ: dict[str, str]
    cancelled: threading.Event = field(default_factory=threading.Event)
    events: list[Event] = field(default_factory=list)
    kind = "pylock"

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

    def realise_apart(self, plan: Plan, lock: Lock) -> str:
        """Realise what could not be locked beside what is asked."""
        return self.backend.realise(plan, Part(text=lock.detached), str(self.folder / "apart"), self.run)

    def make(self, *requirements: str, name: str = "prefix", **more: Any) -> str:
        """Lock and realise; the interpreter."""
        plan = self.plan(*requirements, **more)
        return self.realise(plan, self.backend.lock(plan, self.run), name)

    def site(self, name: str = "prefix") -> Path:
        return next((self.folder / name).glob("[Ll]ib*/**/site-packages"))

    def words(self, *requirements: str) -> tuple[str, ...]:
        """Requirements as this backend writes them."""
        return requirements

    def kept(self, *pins: str) -> tuple[str, ...]:
        """What a former lock held, as the backend takes preferences."""
        return pins

    def code(self, code: str) -> str:
        """The code of an error of an index."""
        return code

    def packages(self, part: Part) -> list[Package]:
        """What a part holds beside Python."""
        return list(pylocks.packages(part.text))

    def artefacts(self, part: Part) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Where each package of a part is from, and its hashes."""
        found = tomllib.loads(part.text)["packages"]
        return {
            each["name"]: (each["index"], tuple(wheel["hashes"]["sha256"] for wheel in each["wheels"]))
            for each in found
        }

    def answers(self, part: Part) -> tuple[str, str]:
        """The digest of the plan that a part answers, and the Python that it is for."""
        data = tomllib.loads(part.text)
        return data["tool"]["kernel-iso"]["plan"], data["requires-python"]

    def installed(self, python: str) -> list[Package]:
        """What is in a prefix beside Python."""
        return list(self.backend.inspect(python, self.run))

    def fetched(self) -> list[str]:
        """The artefacts that were asked for."""
        return [path for path, _ in self.index.requests if path.endswith((".whl", ".conda"))]

    def part(self, text: str) -> Part:
        """A part with this text."""
        return Part(text=text, kind=self.kind)

    def versions(self, lock: Lock) -> dict[str, str]:
        return {each.name: each.version for each in self.packages(lock.parts[0])}


class CondaBench(Bench):
    """conda: requirements are specs, the index is a channel, and Python is one of its packages."""

    kind = "conda"

    def plan(self, *requirements: str, **more: Any) -> Plan:
        specs = (f"python =={PYTHON.version}", *map(spec, requirements))
        limits = tuple(map(spec, more.pop("constraints", ())))
        fields: dict[str, Any] = {
            "channels": (self.index.url,), "indexes": (Index(name="apart", url=self.apart.url),),
            "cache": str(self.cache), "conda_limits": limits, **more,
        }  # fmt: skip
        return Plan(backend=self.name, python=replace(PYTHON, path=""), conda=specs, **fields)

    def realise_apart(self, plan: Plan, lock: Lock) -> str:
        python = self.realise(plan, lock, "beside")
        wheels = replace(
            plan, backend="uv", conda=(), channels=(), python=replace(PYTHON, path=python, source="conda")
        )
        return backends.find("uv").realise(
            wheels, Part(text=lock.detached), str(self.folder / "apart"), self.run
        )

    def words(self, *requirements: str) -> tuple[str, ...]:
        return tuple(map(spec, requirements))

    def kept(self, *pins: str) -> tuple[str, ...]:
        return tuple(f"{pin}=pyhiso_0" for pin in pins)

    def code(self, code: str) -> str:
        return code.replace("index-", "channel-")

    def packages(self, part: Part) -> list[Package]:
        return _without_python(explicit.read(part.text).packages)

    def artefacts(self, part: Part) -> dict[str, tuple[str, tuple[str, ...]]]:
        held = explicit.read(part.text).artefacts
        return {each.name: (each.base, (each.sha256,)) for each in held if each.name != "python"}

    def answers(self, part: Part) -> tuple[str, str]:
        held = explicit.read(part.text)
        (python,) = (each for each in held.artefacts if each.name == "python")
        return held.plan, f"=={'.'.join(python.version.split('.')[:2])}.*"

    def installed(self, python: str) -> list[Package]:
        return _without_python(self.backend.inspect(python, self.run))


def _without_python(packages: tuple[Package, ...]) -> list[Package]:
    """conda's packages name Python, which is one of them; the others' stand on one that was there."""
    return [
        replace(each, requires=tuple(name for name in each.requires if name != "python"))
        for each in packages
        if each.name != "python"
    ]


def bench(name: str, **fields: Any) -> Bench:
    """The bench for a backend."""
    return (CondaBench if name == "conda" else Bench)(name=name, backend=backends.find(name), **fields)


def house(name: str) -> Wheelhouse:
    """The index for a backend, still empty."""
    return Channelhouse() if name == "conda" else Wheelhouse()


def allowed(bench: Bench, start: str) -> tuple[str, ...]:
    return tuple(f"sha256:{each.sha256}" for each in bench.apart.artefacts if each.filename.startswith(start))
