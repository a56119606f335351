"""(b) Making an environment of ipykernel, numpy, pandas and matplotlib from a lock, with warm caches."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from uv import find_uv_bin

from benchmarks.grounds import Ground, notebook_of
from benchmarks.measuring import Candidate, Section, file_count, interleave
from kernel_iso.engine.preparing import Target, realise

SCRIPTS = "Scripts" if os.name == "nt" else "bin"


def measure(ground: Ground) -> list[Section]:
    """Ours, the floor (hard links), a plain copy, and what people do by hand, all with equal versions."""
    packages = ground.ready.prefix.packages
    requirements = ground.folder / "requirements.txt"
    requirements.write_text("\n".join(f"{item.name}=={item.version}" for item in packages), encoding="utf-8")
    peers = Peers(ground, requirements)
    candidates = {
        "cp -al of the finished prefix (the floor)": peers.copy("-al"),
        "kernel-iso, in the engine": Candidate(
            before=peers.another_notebook,
            run=lambda: realise(ground.engine, Target(kind="notebook", path=str(peers.notebook))),
        ),
        "kernel-iso realise": Candidate(
            before=peers.another_notebook,
            run=lambda: peers.tool(sys.executable, "-m", "kernel_iso", "realise", str(peers.notebook)),
        ),
        "uv venv + uv pip install": peers.made(peers.uv),
        "cp -a of the finished prefix": peers.copy("-a"),
        "virtualenv + pip": peers.made(peers.virtualenv, slow=True),
        "python -m venv + pip": peers.made(peers.venv, slow=True),
    }
    juv = peers.juv()
    notes = [f"{len(packages)} packages, {file_count(Path(ground.ready.prefix.path))} files."]
    if juv is None:
        notes.append("juv could not be installed here.")
    else:
        candidates["juv exec"] = juv
        notes.append(
            "juv: `juv exec` of a notebook that does nothing; it has no verb that only makes an environment."
        )
    if os.name == "nt":
        candidates = {name: item for name, item in candidates.items() if not name.startswith("cp ")}
    seconds = interleave(candidates, min(7, ground.options.rounds))
    baseline = next(iter(candidates))
    goal = "as near the floor as files that are never shared for writing let it be"
    return [
        Section(
            title="Realise from a lock, warm caches",
            baseline=baseline,
            seconds=seconds,
            goal=goal,
            notes=notes,
        )
    ]


class Peers:
    """What others do to get the same packages."""

    def __init__(self, ground: Ground, requirements: Path) -> None:
        self.ground = ground
        self.requirements = requirements
        self._made = 0
        self.notebook = ground.notebook

    @property
    def place(self) -> Path:
        """Where the present environment is made: on the store's file system, since links do not cross them.

        A new one each time, and none is deleted before the end: ext4 passes over inodes that were just freed,
        and makes new files many times slower meanwhile.
        """
        return self.ground.folder / f"peer-{self._made}"

    def another(self) -> None:
        """Go on to the next place."""
        self._made += 1

    def another_notebook(self) -> None:
        """A copy of the notebook, which has an environment of its own."""
        self._made += 1
        self.notebook = self.ground.notebook.with_name(f"bench-{self._made}.ipynb")
        shutil.copy(self.ground.notebook, self.notebook)

    def tool(self, *argv: str, **environ: str) -> None:
        """Run a tool to its end."""
        subprocess.run(
            argv,
            env=self.ground.environ | environ,
            cwd=self.ground.folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def made(self, make: Callable[[], None], *, slow: bool = False) -> Candidate:
        """A candidate that makes an environment at `place`."""
        rounds = self.ground.options.slow_rounds if slow else min(7, self.ground.options.rounds)
        return Candidate(run=make, before=self.another, rounds=rounds)

    def copy(self, how: str) -> Candidate:
        """A copy of the finished prefix."""
        return self.made(lambda: self.tool("cp", how, self.ground.ready.prefix.path, str(self.place)))

    @property
    def python(self) -> str:
        """The interpreter of the environment at `place`."""
        return str(self.place / SCRIPTS / "python")

    def uv(self) -> None:
        """What a person types who knows uv."""
        self.tool(find_uv_bin(), "venv", "-q", "-p", self._base(), str(self.place))
        self.tool(
            find_uv_bin(), "pip", "install", "-q", "--python", self.python, "-r", str(self.requirements)
        )

    def venv(self) -> None:
        """What the standard library documents."""
        self.tool(self._base(), "-m", "venv", str(self.place))
        self._pip()

    def virtualenv(self) -> None:
        """What virtualenv documents."""
        self.tool(sys.executable, "-m", "virtualenv", "-q", "-p", self._base(), str(self.place))
        self._pip()

    def _pip(self) -> None:
        self.tool(
            self.python,
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "-r",
            str(self.requirements),
        )

    def _base(self) -> str:
        """The interpreter from which the prefix was made."""
        return self.ground.ready.plan.python.path

    def juv(self) -> Candidate | None:
        """juv in an environment of its own, or None where it cannot be installed or does not work."""
        home = self.ground.folder / "juv"
        uv = find_uv_bin()
        wanted = json.dumps(self.requirements.read_text(encoding="utf-8").split())
        block = f"# /// script\n# dependencies = {wanted}\n# ///"
        notebook = self.ground.folder / "juv.ipynb"
        notebook.write_text(json.dumps(notebook_of([block])), encoding="utf-8")
        argv = (str(home / SCRIPTS / "juv"), "exec", "--quiet", f"--python={self._base()}", str(notebook))
        cache = self.ground.folder / "juv-cache"
        path = os.pathsep.join([str(Path(uv).parent), self.ground.environ["PATH"]])

        def execute() -> None:
            self.tool(*argv, UV_CACHE_DIR=str(cache), PATH=path)

        def forget() -> None:
            # uv keeps the environments of `uv run --with` in its cache: the second run would make nothing.
            for folder in cache.glob("environments-*"):
                shutil.rmtree(folder)

        try:
            self.tool(uv, "venv", "-q", str(home))
            self.tool(uv, "pip", "install", "-q", "--python", str(home / SCRIPTS / "python"), "juv")
            execute()
        except (OSError, subprocess.CalledProcessError):
            return None
        return Candidate(run=execute, before=forget)
