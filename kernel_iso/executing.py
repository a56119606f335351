"""The worker that executes a notebook on the kernel Isolated Python and writes the executed one.

`python -m kernel_iso.executing` reads one request from stdin and answers as every worker does:

    {"notebook": absolute path, "output": path, "timeout": seconds for a cell (0: none),
     "allow_errors": false, "trust": digest that is approved for this run, "stamp": what enters metadata.kernel_iso.run,
     "env": variables for the kernel, "kernel": name of the kernelspec, "folder": where it runs (default: the notebook's)}

With `command` (the words that start a kernel), `launcher` (the provisioner that starts them) and `encrypts` (whether that
kernel can) no kernelspec is looked for, and `env` is all of the kernel's environment.

The result is `{"output": path, "cells": executed, "failed": null, "failures": []}`, or in `failed` the cell that ended the
run: `cell` (its number among all cells, from 1), `ename`, `evalue` and `text` as nbclient tells it. `failures` are all
cells with an error that is not expected there. Either way the notebook is written up to there, so that the outputs
that led to the error can be read.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.v4.rwbase import split_lines, strip_transient

from kernel_iso.errors import SpecError, ToolError
from kernel_iso.processes import serve
from kernel_iso.processes.serving import Tell


def execute(request: Mapping[str, Any], tell: Tell) -> dict[str, object]:
    """Do what a request asks. `tell` gets each cell that begins.

    Raises what the start of the kernel raised, `SpecError` (`not-a-notebook-file`) and `ToolError`
    (`kernelspec-missing`, `cannot-write-notebook`).
    """
    source, output = Path(request["notebook"]), Path(request["output"] or request["notebook"])
    text, notebook = _read(source)
    client = _client(request, notebook, source, tell)
    failed = None
    try:
        client.execute(env=_environ(request, source))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        failed = _failure(client, error)
    except NoSuchKernel as error:
        raise ToolError(
            "kernelspec-missing",
            f"cannot run `{source.name}`",
            f"Jupyter finds no kernel called `{error.name}` from this installation",
            "install kernel-iso again into the environment that the command belongs to",
        ) from None
    if request.get("stamp"):
        notebook.metadata.setdefault("kernel_iso", {})["run"] = dict(request["stamp"])
    _write(output, notebook, indent=indent_of(text))
    failures = _failures(notebook.cells)
    if failed and failed["cell"] not in [each["cell"] for each in failures]:
        failures.append(failed)
    return {
        "output": str(output),
        "cells": client.code_cells_executed,
        "failed": failed,
        "failures": failures,
    }


def _read(source: Path) -> tuple[str, Any]:
    try:
        text = source.read_text(encoding="utf-8")
        return text, nbformat.reads(text, as_version=4)
    except (OSError, ValueError, AttributeError, KeyError) as error:
        raise SpecError(
            "not-a-notebook-file",
            f"cannot run `{source.name}`",
            f"it cannot be read as a notebook: {error}",
            "open it in JupyterLab, or give another file",
        ) from None


def _client(request: Mapping[str, Any], notebook: Any, source: Path, tell: Tell) -> NotebookClient:
    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    begun = 0

    def begin(cell: Any, cell_index: int) -> None:
        nonlocal begun
        if cell.cell_type == "code":
            tell(f"cell {cell_index + 1}", begun, total, "cells")
            begun += 1

    return NotebookClient(
        notebook,
        km=_manager(request),
        kernel_name=str(request.get("kernel") or "iso"),
        timeout=request.get("timeout") or None,
        allow_errors=bool(request.get("allow_errors")),
        record_timing=False,  # two runs that give the same are the same file
        resources={"metadata": {"path": str(request.get("folder") or source.parent)}},
        on_cell_start=begin,
    )


class OneKernel(KernelSpecManager):
    """Knows one kernel, by whatever name: the one that a command starts."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        super().__init__()
        metadata = {
            "kernel_provisioner": {"provisioner_name": request["launcher"]},
            "supported_encryption": ["curve"] if request["encrypts"] else [],
        }
        self._spec = KernelSpec(
            argv=list(request["command"]), display_name="Python", language="python", metadata=metadata
        )

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The one."""
        return self._spec


def _manager(request: Mapping[str, Any]) -> AsyncKernelManager | None:
    """The manager of a kernel that a command starts, None where Jupyter's own finds a kernelspec."""
    if not request.get("command"):
        return None
    return AsyncKernelManager(kernel_name="python", kernel_spec_manager=OneKernel(request))


def _environ(request: Mapping[str, Any], source: Path) -> dict[str, str]:
    """What the kernel's start is given: who it is for, and what is approved for this run."""
    if request.get("command"):
        return dict(request["env"])
    environ = {**os.environ, **request.get("env", {}), "KERNEL_ISO_NOTEBOOK": str(source)}
    if request.get("trust"):
        environ["KERNEL_ISO_TRUST"] = str(request["trust"])
    return environ


def _failure(client: NotebookClient, error: Exception) -> dict[str, object]:
    """The cell that failed: the last one that has an error among its outputs, or that was being executed."""
    cells = list(client.nb.cells)
    wrong = [
        i for i, cell in enumerate(cells) if any(o.output_type == "error" for o in cell.get("outputs", ()))
    ]
    # nbclient passes over empty cells, and counts a cell when it is sent.
    sent = [i for i, cell in enumerate(cells) if cell.cell_type == "code" and cell.source.strip()]
    number = (wrong or sent[: client.code_cells_executed] or [0])[-1] + 1
    ename = getattr(error, "ename", "") or type(error).__name__
    evalue = getattr(error, "evalue", "") or str(error).strip().splitlines()[0]
    return {"cell": number, "ename": ename, "evalue": evalue, "text": str(error)}


def _failures(cells: Sequence[Any]) -> list[dict[str, object]]:
    """Every cell with an error among its outputs, but for those that say by a tag that they raise one."""
    found: list[dict[str, object]] = []
    for number, cell in enumerate(cells, 1):
        wrong = [output for output in cell.get("outputs", ()) if output.output_type == "error"]
        if wrong and "raises-exception" not in cell.metadata.get("tags", ()):
            error = wrong[-1]
            text = "\n".join(error.get("traceback", ()))
            found.append({"cell": number, "ename": error.ename, "evalue": error.evalue, "text": text})
    return found


def indent_of(text: str) -> int | str | None:
    """How a notebook file is indented: a number of spaces, a tab, or None for a single line.

    >>> indent_of('{\\n  "cells": []}'), indent_of('{"cells": []}')
    (2, None)
    """
    found = re.match(r"\s*\{[ ]*\r?\n([ \t]*)", text)
    if found is None:
        return None
    return "\t" if found[1].startswith("\t") else len(found[1])


def _write(output: Path, notebook: Any, *, indent: int | str | None) -> None:
    """Write the executed notebook: wholly, or not at all."""
    # As nbformat writes (5.11), but for the indent and the order of keys, which it would choose itself.
    plain = strip_transient(split_lines(deepcopy(notebook)))
    text = json.dumps(plain, indent=indent, ensure_ascii=False, separators=(",", ": ")) + "\n"
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}-")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(output.stat().st_mode & 0o777 if output.exists() else 0o666 & ~_umask())
        Path(temporary).replace(output)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True) if temporary else None
        raise ToolError(
            "cannot-write-notebook",
            f"cannot write `{output}`",
            f"{error.strerror or error}",
            "give another place with -o",
        ) from None


def _umask() -> int:
    present = os.umask(0)
    os.umask(present)
    return present


if __name__ == "__main__":
    serve(execute)
