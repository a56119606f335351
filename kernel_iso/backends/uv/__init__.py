"""The uv backend: fast, wheels only, no package's code runs. Satisfies `kernel_iso.model.Backend`."""

from __future__ import annotations

from functools import cache

from packaging.version import Version

from kernel_iso.backends import explaining, installed
from kernel_iso.backends.uv import locking, realising
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Lock, Machine, Package, Part, Plan, Run

name = "uv"

MINIMUM = "0.9.0"
"""The oldest uv whose words and options are in the recorded transcripts."""


@cache
def _found() -> tuple[str, str]:
    """uv's path and why it cannot be used ("" where it can)."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        import uv

        path, there = uv.find_uv_bin(), version("uv")
    except (ImportError, PackageNotFoundError, FileNotFoundError):
        return "", "the uv package is not installed beside kernel-iso"
    if Version(there) < Version(MINIMUM):
        return path, f"uv {there} is too old: {MINIMUM} or newer is needed"
    return path, ""


def path() -> str:
    """The uv that belongs to the `uv` package. Raises `ImpossibleError` (`uv-missing`)."""
    found, why = _found()
    if why:
        raise ImpossibleError(
            "uv-missing",
            "cannot use uv",
            why,
            "python -m pip install -U uv   (beside kernel-iso), or allow the virtualenv backend",
        )
    return found


def ready(machine: Machine) -> str:
    """ "" where uv is there and new enough, or one sentence why not."""
    return _found()[1]


def lock(plan: Plan, run: Run, *, preferences: tuple[str, ...] = ()) -> Lock:
    """Resolve the plan into wheels with hashes, for each of its platforms.

    Raises `ConflictError` (`no-versions-fit`, `no-such-version`, `hash-not-allowed`), `SpecError`
    (`no-such-package`, `bad-requirement`), `ImpossibleError` (`needs-build`, `no-matching-wheel`,
    `no-wheel-here`, `no-such-platform`, `url-not-allowed`) and `ToolError` (`index-unreachable`,
    `index-refused`, `index-untrusted`, `not-in-cache`, `no-hash`, `lock-failed`, and the machine's own).
    """
    with explaining.faults(explaining.LOCK):
        return locking.lock(path(), plan, run, preferences)


def realise(plan: Plan, part: Part, at: str, run: Run) -> str:
    """Make the folder `at` an environment that holds the part; return its interpreter.

    Raises what `vetting` and `installed.verify` raise, `ImpossibleError` (`no-space`), and `ToolError`
    (`hash-mismatch`, `download-broken`, `install-failed`, and those of the index and the machine); `BuildError`
    (`build-failed`) where the plan lets something be built.
    """
    with explaining.faults(explaining.INSTALL):
        return realising.realise(path(), plan, part, at, run)


def extend(plan: Plan, part: Part, python: str, run: Run) -> None:
    """Install the wheels of a part beside what an environment of another tool holds; nothing there is removed.

    Raises what `realise` raises.
    """
    with explaining.faults(explaining.INSTALL):
        realising.extend(path(), plan, part, python, run)


def edit(plan: Plan, part: Part, at: str, run: Run, *, former: Part) -> None:
    """Make the environment in the folder `at`, which holds what `former` says, hold the part, in place.

    Killed on the way, it is neither the one nor the other: who calls sees to it that nobody takes it for whole.
    Raises what `realise` raises.
    """
    with explaining.faults(explaining.INSTALL):
        realising.edit(path(), plan, part, at, run, former)


def inspect(python: str, run: Run) -> tuple[Package, ...]:
    """The packages in the own folder of an environment, by name."""
    return installed.inspect(python, run)
