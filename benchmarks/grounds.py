"""The ground that all measurements stand on: a store, a notebook, its lock and its ready prefix."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel_iso.engine import Engine
from kernel_iso.engine.preparing import Ready, Target, realise
from kernel_iso.model import Event
from kernel_iso.processes import scrub

PACKAGES = ("numpy", "pandas", "matplotlib")
"""Beside ipykernel, which every prefix has."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A folder to work in, the engine on its store, and the notebook with its ready prefix."""

    folder: Path
    engine: Engine
    environ: dict[str, str]
    notebook: Path
    ready: Ready
    options: argparse.Namespace

    @classmethod
    def prepare(cls, folder: Path, options: argparse.Namespace) -> Ground:
        """Write the notebook, lock it and make its prefix. Downloads what the caches do not have."""
        environ = scrub(os.environ) | {
            "KERNEL_ISO_STORE": str(folder / "store"),
            # The peers get ipykernel and nothing else; so do we.
            "KERNEL_ISO_COMPANIONS": "ipykernel",
            "JUPYTER_PLATFORM_DIRS": "1",
            "JUPYTER_DATA_DIR": str(folder / "jupyter"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        }
        os.environ.clear()  # the provisioner and jupyter_client read the process's own
        os.environ.update(environ)
        notebook = folder / "bench.ipynb"
        block = f"# /// script\n# dependencies = {json.dumps(PACKAGES)}\n# ///"
        notebook.write_text(json.dumps(notebook_of([block, "import pandas"])), encoding="utf-8")
        engine = Engine.open(environ, emit=_tell)
        ready = realise(engine, Target(kind="notebook", path=str(notebook)), trust="yes")
        return cls(
            folder=folder,
            engine=engine,
            environ=environ,
            notebook=notebook,
            ready=ready,
            options=options,
        )

    @property
    def target(self) -> Target:
        """The notebook."""
        return Target(kind="notebook", path=str(self.notebook), why="it is measured")


def notebook_of(cells: list[str]) -> dict[str, Any]:
    """A notebook with these code cells, for the kernel `iso`."""
    return {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"c{at}",
                "metadata": {},
                "outputs": [],
                "source": text,
            }
            for at, text in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": "iso", "display_name": "Isolated Python", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _tell(event: Event) -> None:
    if event.unit != "log" and event.text:
        print(f"  {event.phase}: {event.text}", file=sys.stderr, flush=True)
