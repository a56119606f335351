"""Calls virtualenv's own Python interface, in a process of its own: run by `Run.worker`."""

from __future__ import annotations

import os
from typing import Any

from kernel_iso.errors import ToolError
from kernel_iso.processes import serve
from kernel_iso.processes.serving import Tell


def make(request: dict[str, Any], tell: Tell) -> list[str]:
    """Make the environments of the request with the interpreter `python`; return their interpreters.

    `data` is where virtualenv keeps what it knows of interpreters ("": its own place). Nothing is fetched.
    Raises `ToolError` (`python-broken`).
    """
    common = ["--python", request["python"], "--no-download", "--no-periodic-update"]
    common += ["--app-data", request["data"]] if request["data"] else []
    try:
        return [_made([*common, *_options(each)]) for each in request["environments"]]
    except (RuntimeError, SystemExit) as error:
        raise ToolError(
            "python-broken",
            "cannot make an environment",
            f"virtualenv cannot use {request['python']}: {error}",
            "choose another Python (`kernel-iso probe` lists them), or install it again",
        ) from None


def _options(each: dict[str, Any]) -> list[str]:
    """An environment at `at`, with virtualenv's own `pip` or without, seeing the `system` packages or not."""
    options = ["--system-site-packages"] if each["system"] else []
    if not each["pip"]:
        options += ["--no-seed"]
    elif os.name != "nt":
        # It is thrown away soon. Linked to virtualenv's copy, pip's bytecode is kept: it starts in a third of the time.
        options += ["--symlink-app-data"]
    return [*options, each["at"]]


def _made(arguments: list[str]) -> str:
    import virtualenv

    # The person's virtualenv.ini must not change what is made here.
    environ = {**os.environ, "VIRTUALENV_CONFIG_FILE": os.devnull}
    return str(virtualenv.cli_run(arguments, setup_logging=False, env=environ).creator.exe)


if __name__ == "__main__":
    serve(make)
