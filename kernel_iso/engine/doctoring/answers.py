"""What `guest/gpu.py` answers, and how it is asked: in the environment that the kernel gets, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from kernel_iso.engine.context import Engine
from kernel_iso.engine.doctoring.findings import Finding, problem
from kernel_iso.errors import SpecError, ToolError
from kernel_iso.guest import gpu as guest
from kernel_iso.model import Record


class Gpu(Record, frozen=True, kw_only=True):
    """A GPU as a library of the driver tells it; `code` is its error where NVML refuses it."""

    index: int = 0
    name: str = ""
    uuid: str = ""
    architecture: str = ""
    memory: int = 0
    mig: bool = False
    parts: tuple[str, ...] = ()
    code: int = 0


class Driver(Record, frozen=True, kw_only=True):
    """What a library of the driver tells: `code` of its start, None where there is no such library.

    `cuda` is the newest CUDA that it supports, `path` the file that was loaded, `failure` how its process ended
    where it did not end well, and `said` its last words.
    """

    code: int | None = None
    driver: str = ""
    cuda: str = ""
    cuda_code: int = 0
    devices: tuple[Gpu, ...] = ()
    path: str = ""
    failure: str = ""
    said: tuple[str, ...] = ()


class Computed(Record, frozen=True, kw_only=True):
    """A device that a framework sees; `error` is "" where it computed rightly."""

    device: str
    name: str = ""
    architecture: str = ""
    error: str = ""


class Framework(Record, frozen=True, kw_only=True):
    """A framework that is installed: its build (`cuda`, `hip`, `archs`), devices, and NVIDIA's `libraries` that it loaded.

    `error` is why it cannot be imported, `failure` how its process ended where it did not end well.
    """

    name: str
    version: str = ""
    cuda: str = ""
    hip: str = ""
    archs: tuple[str, ...] = ()
    devices: tuple[Computed, ...] = ()
    libraries: tuple[str, ...] = ()
    error: str = ""
    failure: str = ""
    said: tuple[str, ...] = ()


class DeviceFile(Record, frozen=True, kw_only=True):
    """A device file, and the group that may open it where this user may not."""

    path: str
    refused: str = ""


class Answer(Record, frozen=True, kw_only=True):
    """All of it. `module` is the version of NVIDIA's kernel module, `cudnn` are the system's own cuDNNs.

    `unhidden` is what the driver tells without `CUDA_VISIBLE_DEVICES`, where it tells of nothing with it.
    """

    python: str
    nvml: Driver
    driver: Driver
    unhidden: Driver | None = None
    variables: dict[str, str] = msgspec.field(default_factory=dict)
    module: str = ""
    files: tuple[DeviceFile, ...] = ()
    cudnn: tuple[str, ...] = ()
    frameworks: tuple[Framework, ...] = ()

    def framework(self, name: str) -> Framework | None:
        """The framework called `name`, where it is installed."""
        return next((each for each in self.frameworks if each.name == name), None)


def ask(
    engine: Engine, python: str, environment: Mapping[str, str], what: str, key: str = ""
) -> Answer | Finding:
    """The answer of an interpreter in exactly this environment, or a finding that there is none.

    `what` is `machine` or `prefix`. Raises `CancelledError`.
    """
    # Tools take variables away that the kernel has; so they are given both times.
    run = replace(engine, environ=environment).run("doctor", key)
    run.tell(
        "asking the driver" if what == "machine" else "computing, in the environment that the kernel gets"
    )
    try:
        done = run([python, str(Path(guest.__file__)), what], env=environment)
        last = done.stdout.splitlines()[-1:] or [""]
        return Answer.from_text(last[0])
    except ToolError as error:
        because = error.because
    except SpecError as error:
        words = done.stderr.splitlines()[-1:] or [error.because]
        because = f"it ended with status {done.status}: {words[0]}"
    return problem(
        "interpreter", f"{python} does not run: {because}",
        "no kernel starts with it either", "kernel-iso realise --fresh" if what == "prefix" else "kernel-iso probe",
    )  # fmt: skip
