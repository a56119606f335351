"""Turn a ready prefix into the command and the environment of a kernel."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from kernel_iso.engine import borrowing, discovered
from kernel_iso.engine.fitting import GUEST
from kernel_iso.engine.preparing import Ready
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
    return kernel_environment(
        environ,
        prefix=ready.prefix.path,
        python=ready.prefix.python,
        os="windows" if os.name == "nt" else "posix",
        env=ready.plan.env,
    )
