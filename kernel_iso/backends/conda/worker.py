"""Calls py-rattler, in a process of its own: run by `Run.worker`.

Some of its exceptions are no `Exception` (a panic of its Rust code), and it may crash at the interpreter's end: the answer
is out by then, and this process ends without the usual farewell.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from kernel_iso.backends.conda import explaining
from kernel_iso.errors import IsoError
from kernel_iso.processes import serve
from kernel_iso.processes.serving import Tell


def handle(request: dict[str, Any], tell: Tell) -> object:
    """Do what `request["do"]` says: `solve`, `install`, `versions`, `scripts`, `lockfile` or `records`.

    Raises `IsoError`.
    """
    from kernel_iso.backends.conda import installing, lockfiles, solving

    acts = {
        "solve": solving.solve,
        "install": installing.install,
        "versions": solving.versions,
        "scripts": installing.scripts,
        "lockfile": lockfiles.lockfile,
        "records": lockfiles.records,
    }
    try:
        return asyncio.run(acts[request["do"]](request, tell))
    except (IsoError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise explaining.fault(error, request["do"]) from None


if __name__ == "__main__":
    status: object = 0
    try:
        serve(handle)
    except SystemExit as end:
        status = end.code
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 1)
