"""Turn a ready prefix into the command and the environment of a kernel."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.version import Version

from kernel_iso.engine import activating, borrowing, discovered
from kernel_iso.engine.fitting import CONDA, GUEST
from kernel_iso.engine.preparing import Ready
from kernel_iso.model import Package
from kernel_iso.planning.environments import kernel_environment


def command(ready: Ready, arguments: Sequence[str]) -> list[str]:
    """The command that starts a kernel in a prefix; `arguments` are ipykernel's ("-f", connection file)."""
    return [ready.prefix.python, str(Path(ready.prefix.path) / GUEST / "boot.py"), *arguments]


def environment(ready: Ready, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a kernel, or of a command, in a prefix: `environ` without what leads elsewhere.

    The project's own code is put on `sys.path` by the guest (see `fitting.write_launch`), not through `PYTHONPATH`:
    that would stand before the standard library, and reach programs of other environments.
    """
    if ready.target.kind == discovered.KIND:
        return borrowing.environment(ready, environ)
    system = "windows" if os.name == "nt" else "posix"
    made = kernel_environment(
        environ, prefix=ready.prefix.path, python=ready.prefix.python, os=system, env=ready.plan.env
    )
    conda = ready.prefix.backend == CONDA
    return activating.activated(made, ready.prefix.path, system) if conda else made


def cannot_encrypt(packages: Iterable[Package]) -> str:
    """The version of an ipykernel that cannot encrypt its connection (CurveZMQ came with 7.3), "" where it can.

    >>> cannot_encrypt([Package(name="ipykernel", version="6.31.0")])
    '6.31.0'
    """
    found = next((package.version for package in packages if package.name == "ipykernel"), "")
    return found if found and Version(found) < Version("7.3") else ""
