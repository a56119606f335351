"""Kernels to type `%iso` in: started as any client starts them, with an index of small packages beside the default one."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from wheelhouse import Wheelhouse

from kernel_iso.model import PYPI


@dataclass
class Ran:
    """What came of a cell: what was printed, what was shown (MIME types to texts), and an error's lines."""

    printed: str = ""
    shown: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        """The texts that were shown."""
        return "\n".join(bundle["text/plain"] for bundle in self.shown)


@dataclass
class Kernel:
    """A running kernel and its client."""

    manager: KernelManager
    client: BlockingKernelClient

    def run(self, code: str) -> Ran:
        return self.ended(self.client.execute(code))

    def ended(self, message_id: str) -> Ran:
        """What came of a cell that was sent, when it is over."""
        ran = Ran()
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "stream":
                ran.printed += content["text"]
            elif kind in ("display_data", "execute_result", "update_display_data"):
                ran.shown.append(content["data"])
            elif kind == "error":
                ran.error, ran.name = "\n".join(content["traceback"]), content["ename"]
            elif kind == "status" and content["execution_state"] == "idle":
                return ran

    def restart(self) -> None:
        self.manager.restart_kernel()
        self.client.wait_for_ready(timeout=120)


@contextlib.contextmanager
def kernel(environ: dict[str, str], cwd: Path, name: str = "iso") -> Iterator[Kernel]:
    """A kernel by its kernelspec's name, as a console or a script starts it."""
    manager = KernelManager(kernel_name=name)
    manager.start_kernel(cwd=str(cwd), env=environ)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=180)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.context.destroy()


def served(house: Wheelhouse) -> str:
    """A policy with this index before the default one."""
    house.wheel("blue", "1.0", requires=["green"])
    house.wheel("blue", "2.0", requires=["green"])
    house.wheel("green", "1.0")
    house.wheel("red", "1.0", files={"red/deep.py": "depth = 1\n"})
    indexes = f'[{{name = "local", url = "{house.url}"}}, {{name = "pypi", url = "{PYPI.url}"}}]'
    return f"indexes = {indexes}\n"


def write(path: Path, requirements: list[str], *cells: str, python: str = "") -> Path:
    """A notebook with a PEP 723 cell."""
    block = f"# /// script\n# dependencies = {json.dumps(requirements)}\n"
    block += f'# requires-python = "{python}"\n# ///' if python else "# ///"
    sources = [{"cell_type": "code", "source": text, "metadata": {}, "outputs": [], "execution_count": None}
               for text in (block, *cells)]  # fmt: skip
    kernelspec = {"name": "iso", "display_name": "Isolated Python", "language": "python"}
    metadata = {"kernelspec": kernelspec}
    path.write_text(json.dumps({"cells": sources, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}))
    return path
