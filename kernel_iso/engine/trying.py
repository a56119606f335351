"""Try an environment by a run: a copy of the notebook is executed in it and thrown away."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernel_iso.engine import launching
from kernel_iso.engine.context import Engine
from kernel_iso.engine.preparing import Ready
from kernel_iso.engine.targets import Target

MOST = 50
"""Failed cells that are told."""

KEPT = 1000
"""Characters of an error that are told."""


def tried(engine: Engine, target: Target, ready: Ready) -> dict[str, Any]:
    """Run every cell of a copy in the prefix, from the first one on, also after one that fails.

    The notebook and its outputs stay as they are, and the kernel that runs now goes on. The cells do what they do:
    they run in the notebook's folder, and a file that they write is written. Returns the number of `cells` that ran,
    the first that `failed` (None where none did), and the `failures`, each with `cell` (its number among all cells, from
    1), `ename` and `evalue`. Raises what the start of the kernel raises.
    """
    path = Path(target.path)
    with tempfile.TemporaryDirectory(prefix="kernel-iso-") as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(whole(target.document.read(path)) if target.document else path.read_bytes())
        request = {
            "notebook": str(copy),
            "output": str(copy),
            "folder": str(path.parent),
            "allow_errors": True,
            "command": launching.command(ready, ["-f", "{connection_file}"]),
            "launcher": engine.policy.launcher,
            "encrypts": not launching.cannot_encrypt(ready.prefix.packages),
            "env": launching.environment(ready, engine.environ),
        }
        with engine.store.using(ready.prefix.key):
            result = engine.run("try", ready.prefix.key).worker("kernel_iso.executing", request)
    assert isinstance(result, dict)
    failures = [
        {"cell": each["cell"], "ename": each["ename"][:KEPT], "evalue": each["evalue"][:KEPT]}
        for each in result["failures"][:MOST]
    ]
    return {"cells": result["cells"], "failed": failures[0] if failures else None, "failures": failures}


def whole(document: bytes) -> bytes:
    """A page's document, which comes without outputs, with all that the format asks of a notebook."""
    notebook = json.loads(document)
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        code: dict[str, object] = {"outputs": [], "execution_count": None}
        own = code if cell.get("cell_type") == "code" else dict[str, object]()
        cells.append({"id": f"cell-{number}", "metadata": {}, **own, **cell})
    return json.dumps({**notebook, "cells": cells, "nbformat": 4, "nbformat_minor": 5}).encode()


def lines(found: Mapping[str, Any]) -> list[str]:
    """The outcome for a terminal.

    >>> lines({"cells": 2, "failures": [{"cell": 2, "ename": "KeyError", "evalue": "'a'"}]})
    ["tried: cell 2 failed: KeyError: 'a'"]
    """
    failures = found["failures"]
    if not failures:
        return [f"tried: all {found['cells']} cells ran"]
    return [f"tried: cell {each['cell']} failed: {each['ename']}: {each['evalue']}" for each in failures]
