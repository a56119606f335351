"""The conda backend: py-rattler solves, downloads and links; no conda is needed. Satisfies `kernel_iso.model.Backend`.

py-rattler is called in a child process only (`worker`): a panic there is an exit status, and cancelling kills it. What is
asked from PyPI as well is locked and installed by uv, on top of conda's packages (`on_top`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

from kernel_iso.backends.conda import locking, prefixes, realising
from kernel_iso.backends.explicit import Artefact
from kernel_iso.model import Lock, Machine, Package, Part, Plan, Run

name = "conda"

MINIMUM = "0.28.0"
"""The oldest py-rattler whose functions are called here."""


@cache
def _missing() -> str:
    try:
        there = version("py-rattler")
    except PackageNotFoundError:
        return "the py-rattler package is not installed beside kernel-iso"
    return (
        f"py-rattler {there} is too old: {MINIMUM} or newer is needed"
        if Version(there) < Version(MINIMUM)
        else ""
    )


def ready(machine: Machine) -> str:
    """ "" where py-rattler is there and new enough, or one sentence why not."""
    return _missing()


def lock(plan: Plan, run: Run, *, preferences: tuple[str, ...] = ()) -> Lock:
    """Solve the plan into conda packages with hashes, and what is asked from PyPI beside them, for each platform.

    Raises `ConflictError` (`no-versions-fit`, `no-such-version`), `SpecError` (`no-such-package`,
    `bad-conda-dependency`), `ImpossibleError` (`machine-lacks`, `no-such-platform`), `ToolError`
    (`channel-unreachable`, `channel-refused`, `not-in-cache`, `no-hash`, `lock-failed`), and what the uv backend raises for
    what comes from PyPI.
    """
    return locking.lock(plan, run, preferences)


def adopt(plan: Plan, artefacts: Sequence[Artefact], run: Run) -> Lock:
    """The lock that answers the plan with exactly these conda packages, and what of it they have not: from PyPI on top.

    Raises `ToolError` (`no-hash`), and what the uv backend raises.
    """
    return locking.adopt(plan, artefacts, run)


def realise(plan: Plan, part: Part, at: str, run: Run) -> str:
    """Make the folder `at` a prefix that holds the part; return its interpreter.

    Every package is checked against its SHA-256 before it is unpacked, wherever it comes from. Raises `SpecError`
    (`bad-lock`), `ImpossibleError` (`lock-not-allowed`, `lock-does-not-fit`, `no-space`), `ToolError` (`hash-mismatch`,
    `no-hash`, `package-gone`, `package-broken`, `download-broken`, `channel-unreachable`, `channel-refused`,
    `not-in-cache`, `conda-cache-read-only`, `install-failed`, `prefix-incomplete`), `ConflictError`
    (`would-replace-conda`), and what the uv backend raises.
    """
    return realising.realise(plan, part, at, run)


def link_scripts(plan: Plan, part: Part, run: Run) -> tuple[str, ...]:
    """The packages of a part that bring scripts which run as they are linked, by name; little of them is fetched.

    Raises what `realise` raises before it installs.
    """
    return realising.link_scripts(plan, part, run)


def versions(name: str, plan: Plan, run: Run) -> tuple[dict[str, str], ...]:
    """What the plan's channels have of a package, newest first: `version`, `build`, `channel` (URL), `uploaded`, `license`.

    Raises what `lock` raises where a channel does not answer.
    """
    return locking.versions(name, plan, run)


def inspect(python: str, run: Run) -> tuple[Package, ...]:
    """The packages of a conda prefix by name: conda's, and what a pip or uv put there."""
    return prefixes.inspect(python)
