"""The virtualenv backend: virtualenv and its pip, where uv is not allowed. Satisfies `kernel_iso.model.Backend`.

What pip cannot do, it refuses: several indexes in order, packages bound to an index, other platforms, offline.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

from kernel_iso.backends import explaining, installed
from kernel_iso.backends.virtualenv import locking, realising
from kernel_iso.model import Lock, Machine, Package, Part, Plan, Run

name = "virtualenv"

MINIMUM = "20.26"


def ready(machine: Machine) -> str:
    """ "" where virtualenv is there and new enough, or one sentence why not."""
    try:
        there = version("virtualenv")
    except PackageNotFoundError:
        return "the virtualenv package is not installed beside kernel-iso"
    if Version(there) < Version(MINIMUM):
        return f"virtualenv {there} is too old: {MINIMUM} or newer is needed"
    return ""


def lock(plan: Plan, run: Run, *, preferences: tuple[str, ...] = ()) -> Lock:
    """Resolve the plan into wheels with hashes, for this machine.

    Raises what the uv backend raises, and `ImpossibleError` (`one-index-only`, `no-interpreter`).
    """
    with explaining.faults(explaining.LOCK):
        return locking.lock(plan, run, preferences)


def realise(plan: Plan, part: Part, at: str, run: Run) -> str:
    """Make the folder `at` an environment that holds the part; return its interpreter.

    Raises what the uv backend raises, and `ImpossibleError` (`no-interpreter`).
    """
    with explaining.faults(explaining.INSTALL):
        return realising.realise(plan, part, at, run)


def inspect(python: str, run: Run) -> tuple[Package, ...]:
    """The packages in the own folder of an environment, by name."""
    return installed.inspect(python, run)
