"""`IsolatedEnvironment`: an environment of its own for a tool that an application runs, at a path of the application's.

tool = IsolatedEnvironment(HERE / "whisper-env")
tool.pip_install("torch==2.9.1", accelerator="auto")
tool.pip_install("openai-whisper", allow_build=["openai-whisper"])
tool.run(["whisper", "--help"], check=True)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernel_iso.engine import calling
from kernel_iso.engine.calling import CallError
from kernel_iso.errors import SpecError, ToolError
from kernel_iso.model import Emit, Prefix, quiet
from kernel_iso.model.applications import Application, Asked, Step
from kernel_iso.planning.environments import kernel_environment
from kernel_iso.processes import redact
from kernel_iso.store import guards
from kernel_iso.store.applications import Folder, forget, register

if TYPE_CHECKING:
    from kernel_iso.engine import Engine

__all__ = ["CallError", "IsolatedEnvironment"]

_PIP = ("pip", "pip3", "pip.exe", "pip3.exe")

_Ready = tuple[Prefix, Asked]


class IsolatedEnvironment:
    """An environment at a path of yours, empty at first and filled step by step; made, mended and brought up to date.

    `path` is a folder that does not exist yet, is empty, or is such an environment; it may lie in your own package's
    folder. `python` is a version ("3.11") or specifier, "" for any. `distribution` is the name of the distribution that
    the environment belongs to: once that is uninstalled, `kernel-iso clean` deletes the environment. Where `path` lies in
    an installed package, it is found out. `own_code` is a folder whose modules `call` finds too. `patience` is how many
    seconds a change waits for commands that run from the environment, `progress` gets an Event for each step, and
    `environ` stands for `os.environ`.

    Any number of processes and threads may use one path: one changes it, the others wait. Whatever is killed in the middle
    is made again by the next call. Each method raises `IsoError`s.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        python: str = "",
        distribution: str = "",
        own_code: str | Path = "",
        patience: float = 600,
        progress: Emit = quiet,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.path = Path(os.path.realpath(Path(path).expanduser()))
        self._folder = Folder(self.path)
        self._python = python
        self._distribution = distribution
        self._own_code = str(Path(own_code).absolute()) if own_code else ""
        self._patience = patience
        self._progress = progress
        self._environ = environ
        self._certain: set[str] = set()
        self._cancelled = threading.Event()

    @cached_property
    def _engine(self) -> Engine:
        from kernel_iso.engine import Engine

        return Engine.open(self._outside(), emit=self._progress, cancelled=self._cancelled)

    def _outside(self) -> Mapping[str, str]:
        return os.environ if self._environ is None else self._environ

    # Making it

    def install_environment(self) -> bool:
        """Make the environment, empty, where it is not there; True where it had to be made."""
        return self._ensure(())

    def pip_install(
        self,
        package: str | Sequence[str],
        index_url: str = "",
        *,
        accelerator: str = "",
        allow_build: Sequence[str] = (),
    ) -> bool:
        """Have a package (PEP 508), or several, in the environment; True where something had to be done for it.

        A requirement takes the place of a former one for the same package. These packages come from `index_url` where one
        is given, and nothing else does. `accelerator` says which build of torch and its family: `auto` (the newest that
        this machine's GPUs can run, as where nothing is said), `cpu`, or a tag. What has no wheel is built from source
        only where `allow_build` names it.
        """
        from packaging.utils import canonicalize_name

        wanted = (package,) if isinstance(package, str) else tuple(package)
        builds = tuple(sorted({str(canonicalize_name(name)) for name in allow_build}))
        steps = [
            Step(requirement=_requirement(each), index=index_url, accelerator=accelerator, builds=builds)
            for each in wanted
        ]
        return self._ensure(steps)

    def remove(self) -> None:
        """Delete the environment; waits for what runs from it. Nothing happens where there is none."""
        if not self._folder.ours:
            return
        with self._alone():
            self._folder.remove()
        forget(self._engine.store.places, self.path)

    def _ensure(self, steps: Sequence[Step]) -> bool:
        self._certain |= {step.key for step in steps}
        if self._settled(steps):
            return False
        from kernel_iso.engine import applying

        self._check()
        with self._folder.turn(emit=self._progress, cancelled=self._cancelled) as writer:
            if self._settled(steps):  # another process has been here meanwhile
                return False
            former = self._folder.asked()
            wish = applying.Wish.merged(former, steps, self._python, frozenset(self._certain))
            self._register()
            if former is None or not applying.unchanged(wish, former):
                former = applying.settle(self._engine, self._folder, wish, former)
            with self._idle():
                applying.lay(self._engine, self._folder, former, writer)
        return True

    def _settled(self, steps: Sequence[Step]) -> bool:
        """True where there is nothing to do: no more than two files are read, unless the machine has a say."""
        ready = self._folder.ready()
        if ready is None or not ready[1].holds(steps, self._python):
            return False
        if not ready[1].automatic:
            return True
        from kernel_iso.engine import applying

        return applying.fits(self._engine, *ready)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._folder.turn(emit=self._progress, cancelled=self._cancelled), self._idle():
            yield

    def _idle(self) -> Any:
        return self._folder.idle(emit=self._progress, cancelled=self._cancelled, patience=self._patience)

    def _check(self) -> None:
        """Refuse a folder that holds something else, or that nobody should fill."""
        from kernel_iso.engine import owning

        owning.check(self.path, self._folder, store=self._engine.store.root)

    def _register(self) -> None:
        from kernel_iso.engine import owning

        distribution, site = owning.owner(self.path, self._distribution)
        known = Application(path=str(self.path), distribution=distribution, site=site)
        register(self._engine.store.places, known)

    def _whole(self) -> _Ready:
        """The environment, mended where it was left half-made. Raises `SpecError` (`environment-not-made`)."""
        ready = self._folder.ready()
        if ready is None and self._folder.asked() is not None:
            self._ensure(())
            ready = self._folder.ready()
        if ready is None:
            raise SpecError(
                "environment-not-made",
                f"cannot use the environment {self.path}",
                "nothing was installed there yet",
                "call install_environment() or pip_install(…) first",
            )
        return ready

    # Using it

    @property
    def python(self) -> str:
        """The path of the environment's interpreter."""
        return self._whole()[0].python

    def packages(self) -> dict[str, str]:
        """What is installed: versions by canonical name."""
        return {package.name: package.version for package in self._whole()[0].packages}

    def reasons(self) -> tuple[str, ...]:
        """Why the environment is as it is: which Python, which indexes, which build of torch, each in a sentence."""
        return tuple(reason.text for reason in self._whole()[1].plan.reasons)

    def environment(self) -> dict[str, str]:
        """The variables for `subprocess.run(…, env=…)`: yours, without what would lead out of the environment.

        What is started so is not known to us: before a change, see to it that it has ended; `run` does.
        """
        prefix = self._whole()[0]
        return kernel_environment(
            self._outside(),
            prefix=prefix.path,
            python=prefix.python,
            os="windows" if os.name == "nt" else "posix",
        )

    def run(self, command: Sequence[str] | str, **options: Any) -> subprocess.CompletedProcess[Any]:
        """`subprocess.run` in the environment, with its options; variables in `env` are added to the environment's.

        The program is looked for in the environment, then on `PATH`. Raises `SpecError`: `no-such-program`,
        `no-pip-inside` where pip would be that of another Python.
        """
        with self._using():
            environment = {**self.environment(), **(options.pop("env", None) or {})}
            if not options.get("shell") and not isinstance(command, str):
                command = [self._program(str(command[0]), environment), *command[1:]]
            return subprocess.run(command, env=environment, **options)

    def call(self, target: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call `module:function` in a process of the environment; what goes in and comes back is JSON.

        What it prints goes to standard error. Raises `CallError` (`call-raised`) with the traceback where the function
        raised, `SpecError` (`bad-call`, `not-json`), and `ToolError` (`call-died`) where the process ended without an
        answer.
        """
        request = calling.request(target, args, kwargs, [self._own_code] if self._own_code else [])
        command = [self.python, "-I", str(calling.GUEST)]
        done = self.run(command, input=request, stdout=subprocess.PIPE)
        return calling.answer(target, done.stdout, done.returncode)

    @contextmanager
    def _using(self) -> Iterator[None]:
        """Run from the environment: nobody changes it meanwhile."""
        while True:
            self._whole()
            try:
                with guards.held(self._folder.in_use):
                    if self._folder.ready() is None:
                        continue
                    _touch(self._folder.used)
                    yield
                    return
            except ToolError as error:
                if error.code != "prefix-going":
                    raise  # else it is just being changed: wait for that

    def _program(self, name: str, environment: Mapping[str, str]) -> str:
        """The path of a program."""
        found = shutil.which(name, path=environment["PATH"])
        inside = found is not None and Path(found).is_relative_to(self.path)
        if name in _PIP and not inside:
            raise SpecError(
                "no-pip-inside",
                f"cannot run `{name}` in {self.path}",
                "there is no pip in it, and another Python's would install elsewhere",
                'use pip_install(…), or pip_install("pip") to have one there',
            )
        if found is None:
            raise SpecError(
                "no-such-program",
                f"cannot run `{name}`",
                f"it is neither in {self.path} nor on PATH",
                "pip_install(…) the package that brings it",
            )
        return found


def _requirement(text: str) -> str:
    """A requirement as PEP 508 has it. Raises `SpecError` (`bad-requirement`)."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return str(Requirement(text.strip()))
    except InvalidRequirement as error:
        raise SpecError(
            "bad-requirement",
            f"cannot read the requirement `{redact(text)}`",
            str(error).splitlines()[0].lower(),
            'write it as PEP 508 says, for example "numpy>=2,<3"; an index is the second argument',
        ) from None


def _touch(path: Path) -> None:
    with suppress(OSError):
        os.utime(path)
