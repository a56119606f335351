"""Conda prefixes: to solve, to install cold and warm, and to start a kernel in one; over the channel that the tests make.

conda, mamba and pixi are on no package index, so that the peer is py-rattler itself, called as its documentation has it: the
same solver and linker, without our verification, our parted files and our process.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import starting
from benchmarks.grounds import Ground, notebook_of
from benchmarks.measuring import Candidate, Section, file_count, interleave
from kernel_iso import backends
from kernel_iso.backends.conda import prefixes
from kernel_iso.engine import Engine, preparing
from kernel_iso.engine.preparing import Target
from kernel_iso.model import Lock, Plan

TESTS = Path(__file__).parent.parent / "tests"
PACKAGES = ("numpy", "pandas", "matplotlib")


def measure(ground: Ground) -> list[Section]:
    """Ours against py-rattler alone, hard links, and the bare interpreter of the prefix."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    import conda_channel

    try:
        channel = conda_channel.scientific()
    except conda_channel.NoPython as error:
        print(f"  conda is left out: {error}", file=sys.stderr)
        return []
    here = _ground(ground, channel)
    peers = Peers(here, channel)
    starting.stock(here)
    start = interleave(starting.candidates(here), 2 * here.options.rounds, warm_up=2)
    return [
        Section(
            title="Conda: solve", baseline="py-rattler, in a process of its own",
            seconds=interleave(peers.solving(), here.options.rounds),
            goal="what the solver itself takes, and a process",
        ),
        peers.section("Conda: install from a lock, warm cache", peers.warm()),
        peers.section("Conda: install from a lock, empty cache, channel in a folder", peers.cold()),
        Section(title="Conda: start of a ready kernel", baseline="stock ipykernel", seconds=start, goal=starting.GOAL),
    ]  # fmt: skip


def _ground(ground: Ground, channel: Path) -> Ground:
    """A notebook with conda packages in a store of its own, and its ready prefix."""
    folder = ground.folder / "conda"
    folder.mkdir()
    environ = ground.environ | {
        "KERNEL_ISO_STORE": str(folder / "store"), "KERNEL_ISO_CACHE": str(folder / "cache"),
        "KERNEL_ISO_CHANNELS": channel.as_uri(), "JUPYTER_DATA_DIR": str(folder / "jupyter"),
    }  # fmt: skip
    os.environ.update(environ)
    asked = {"metadata": {"kernel_iso": {"spec": {"conda": list(PACKAGES), "backend": "conda"}}}}
    notebook = folder / "bench.ipynb"
    notebook.write_text(json.dumps(notebook_of(["import pandas"]) | asked), encoding="utf-8")
    engine = Engine.open(environ)
    ready = preparing.realise(engine, Target(kind="notebook", path=str(notebook)), trust="yes")
    return replace(ground, folder=folder, engine=engine, environ=environ, notebook=notebook, ready=ready)


@dataclass
class Peers:
    """What is timed. Nothing is deleted between runs: ext4 is slow for a while after many inodes were freed."""

    ground: Ground
    channel: Path
    made: int = 0

    def section(self, title: str, candidates: dict[str, Candidate]) -> Section:
        """A table against the floor."""
        prefix = Path(self.ground.ready.prefix.path)
        records = prefixes.records(prefix)
        return Section(
            title=title, baseline=next(iter(candidates)),
            seconds=interleave(candidates, min(7, self.ground.options.rounds)),
            goal="as near the floor as files that are never shared for writing let it be",
            notes=[f"{len(records)} packages, {file_count(prefix)} files."],
        )  # fmt: skip

    @property
    def place(self) -> Path:
        """Where the present prefix is made."""
        return self.ground.folder / f"peer-{self.made}"

    def another(self) -> None:
        """Go on to the next place."""
        self.made += 1

    def solving(self) -> dict[str, Candidate]:
        """A new lock, which nobody kept."""
        plan = self.ground.ready.plan
        backend, run = backends.find("conda"), self.ground.engine.run("lock")
        return {
            "py-rattler, in a process of its own": Candidate(run=lambda: self._rattler("solve")),
            "kernel-iso, in the engine": Candidate(run=lambda: backend.lock(plan, run)),
        }

    def warm(self) -> dict[str, Candidate]:
        """From packages that are unpacked already."""
        prefix = self.ground.ready.prefix.path
        return {
            "cp -al of the finished prefix (the floor)": self._made(
                lambda: self._tool("cp", "-al", prefix, str(self.place))
            ),
            "kernel-iso, in the engine": self._made(self._realise),
            "py-rattler, in a process of its own": self._made(lambda: self._rattler("install")),
            "cp -a of the finished prefix": self._made(lambda: self._tool("cp", "-a", prefix, str(self.place))),
        }  # fmt: skip

    def cold(self) -> dict[str, Candidate]:
        """With everything to be fetched, verified and unpacked."""
        return {
            "py-rattler, in a process of its own": self._made(lambda: self._rattler("install", cold=True)),
            "kernel-iso, in the engine": self._made(lambda: self._realise(cold=True)),
        }

    def _made(self, run: object) -> Candidate:
        assert callable(run)
        return Candidate(run=run, before=self.another)

    def _realise(self, *, cold: bool = False) -> None:
        plan, lock = self._locked()
        if cold:
            plan = _with_cache(plan, str(self.place) + "-cache")
        part = lock.parts[0]
        backends.find("conda").realise(plan, part, str(self.place), self.ground.engine.run("realise"))

    def _locked(self) -> tuple[Plan, Lock]:
        lock = self.ground.engine.store.lock(self.ground.ready.prefix.lock)
        assert lock is not None
        return self.ground.ready.plan, lock

    def _rattler(self, what: str, *, cold: bool = False) -> None:
        cache = Path(str(self.place) + "-rattler") if cold else self.ground.folder / "rattler"
        words = [
            what,
            self.channel.as_uri(),
            str(self.place),
            str(cache),
            self.ground.ready.plan.python.minor,
        ]
        self._tool(sys.executable, __file__, *words)

    def _tool(self, *argv: str) -> None:
        subprocess.run(
            argv, check=True, env=self.ground.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def _with_cache(plan: Plan, folder: str) -> Plan:
    from msgspec.structs import replace as changed

    return changed(plan, cache=folder)


async def _alone(what: str, channel: str, place: str, cache: str, minor: str) -> None:
    """py-rattler alone, as its own documentation has it."""
    from rattler import Gateway, VirtualPackage, install, solve

    asked = [f"python {minor}.*", *PACKAGES, "ipykernel"]
    records = await solve(
        [channel],
        asked,
        gateway=Gateway(cache_dir=Path(cache, "repodata")),
        virtual_packages=VirtualPackage.detect(),
    )
    if what == "install":
        await install(records, target_prefix=place, cache_dir=Path(cache, "pkgs"), show_progress=False)


if __name__ == "__main__":
    # Without the usual farewell: py-rattler 0.28 may crash at the interpreter's end.
    asyncio.run(_alone(*sys.argv[1:]))
    os._exit(0)
