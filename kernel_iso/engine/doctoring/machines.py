"""What is wrong with the machine: tools, Pythons, the store, and what the probe found."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator

from kernel_iso import backends
from kernel_iso.engine.context import Engine
from kernel_iso.engine.doctoring.answers import Answer, ask
from kernel_iso.engine.doctoring.findings import Finding, note, ok, problem
from kernel_iso.errors import IsoError
from kernel_iso.model import Machine
from kernel_iso.planning.environments import kernel_environment

LOW_SPACE = 2_000_000_000
"""Bytes: a scientific stack with a CPU torch takes about this much."""

LEADING_ELSEWHERE = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "PYTHONUSERBASE")
"""Variables that change what an interpreter imports or keeps; kernels are started without them."""

# `drivers` says these better, from what the driver answers in the kernel's own environment.
_TOLD_BY_DRIVER = re.compile(
    r".*((NVML|libcuda) error \d+\)|hides every NVIDIA GPU|NVIDIA library)|NVIDIA's library .*|this container sees .*"
)


def machine(engine: Engine, here: Machine) -> Iterator[Finding]:
    """The findings about the machine that need no interpreter but ours."""
    for name in engine.policy.backends:
        try:
            why = backends.find(name).ready(here)
        except IsoError as error:
            why = error.because
        seen = f"backend {name}"
        yield note("backend", seen, f"{name} cannot be used: {why}") if why else ok("backend", seen)
    minors = ", ".join(f"{python.version} ({python.source})" for python in here.pythons)
    yield ok("pythons", f"Pythons: {minors}")
    yield from _store(engine)
    for name in LEADING_ELSEWHERE:
        if engine.environ.get(name):
            means = "kernels are started without it; other programs on this terminal still see it"
            yield note("environment", f"{name} is set", means)
    for sentence in here.findings:
        if not _TOLD_BY_DRIVER.fullmatch(sentence):
            yield note("accelerators", sentence, "the plan goes by it", "kernel-iso probe")


def _store(engine: Engine) -> Iterator[Finding]:
    root = engine.store.root
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    if not os.access(there, os.W_OK):
        yield problem(
            "store", f"the store {root} cannot be written",
            "ready environments start, new ones cannot be made", "set KERNEL_ISO_STORE to a folder of yours",
        )  # fmt: skip
    free = shutil.disk_usage(there).free
    seen = f"{free / 1e9:.1f} GB are free beside the store"
    if free < LOW_SPACE:
        yield problem("space", seen, "a new environment may not fit", "kernel-iso clean")
    else:
        yield ok("space", seen)


def driver_here(engine: Engine) -> Answer | Finding:
    """What the driver answers to our own interpreter, in the environment that a kernel of it would get."""
    system = "windows" if os.name == "nt" else "posix"
    environment = kernel_environment(engine.environ, prefix=sys.prefix, python=sys.executable, os=system)
    return ask(engine, sys.executable, environment, "machine")
