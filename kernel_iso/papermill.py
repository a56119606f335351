"""papermill's engine that tells the kernel which notebook it runs: `papermill --engine kernel-iso IN OUT`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

try:
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine
    from papermill.iorw import papermill_io
    from papermill.log import logger
    from papermill.utils import merge_kwargs, remove_args
except ImportError as error:  # pragma: no cover - papermill loads this module itself
    raise ImportError("kernel_iso.papermill needs papermill: pip install 'kernel-iso[papermill]'") from error


class IsoEngine(NBClientEngine):
    """Executes as papermill's own engine does, on Isolated Python, in the environment of the input notebook.

    The notebook that papermill executes is a copy with parameters in it; what counts is the file it was
    read from. A kernel that was named (`-k`) is taken; what the notebook's metadata name is not, because
    choosing this engine chooses an environment of the notebook's own.
    """

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """The kernel to execute on: the one that was named, a named environment, or `iso`."""
        chosen = str(nb.metadata.get("kernelspec", {}).get("name", ""))
        return name or (chosen if chosen.startswith("iso-") else "iso")

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """Python, whatever the notebook's metadata leave out."""
        return language or str(nb.metadata.get("language_info", {}).get("name") or "python")

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Execute as `NBClientEngine` does (papermill 2.7), and name the notebook to the kernel's start.

        papermill's engine gives the client's `execute` no arguments, and a variable of this whole process
        would reach notebooks that other threads execute.
        """
        options = merge_kwargs(
            remove_args(["timeout", "startup_timeout", "input_path"], **kwargs),
            timeout=execution_timeout or kwargs.get("timeout"),
            startup_timeout=start_timeout,
            kernel_name=kernel_name,
            log=logger,
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
        )
        environ = dict(os.environ)
        if source := _source(nb_man.nb, str(kwargs.get("input_path") or "")):
            environ["KERNEL_ISO_NOTEBOOK"] = source
        return PapermillNotebookClient(nb_man, **options).execute(env=environ)


def _source(nb: Any, given: str) -> str:
    """The absolute path of the file that was read; "" where it is not one on this machine.

    papermill has changed to `--cwd` by now, and remembers in its file handler where relative paths begin.
    """
    name = given or str(nb.metadata.get("papermill", {}).get("input_path") or "")
    base = getattr(papermill_io.get_handler(name), "_cwd", None) or Path.cwd()
    path = Path(base, name).expanduser()
    return os.path.abspath(path) if path.is_file() else ""  # noqa: PTH100 - the address counts, not the link's end
