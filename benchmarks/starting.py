"""(a) From the start of a kernel to its first `kernel_info` reply, in a prefix that is ready."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

from benchmarks.grounds import Ground
from benchmarks.measuring import Candidate, Section, interleave

GOAL = "at most 1.05 of stock ipykernel in the same prefix"


def measure(ground: Ground) -> list[Section]:
    """Ours against the stock kernelspec of the same prefix: from a client, and through a server."""
    stock(ground)
    seconds = interleave(candidates(ground), 2 * ground.options.rounds, warm_up=2)
    from_client = Section(
        title="Start of a ready kernel", baseline="stock ipykernel", seconds=seconds, goal=GOAL
    )
    from benchmarks import serving

    return [from_client, serving.measure(ground)]


def candidates(ground: Ground) -> dict[str, Candidate]:
    """Both kernels of one prefix."""
    return {"stock ipykernel": _start(ground, "stock"), "kernel-iso": _start(ground, "iso")}


def stock(ground: Ground) -> None:
    """Write the kernelspec that ipykernel itself would install for the prefix."""
    folder = Path(ground.environ["JUPYTER_DATA_DIR"], "kernels", "stock")
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "argv": [ground.ready.prefix.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Stock",
        "language": "python",
        "metadata": {"debugger": True},
    }
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


def _start(ground: Ground, name: str) -> Candidate:
    running: list[tuple[Any, Any]] = []

    def start() -> None:
        manager = KernelManager(kernel_name=name)
        manager.start_kernel(
            cwd=str(ground.folder), env=ground.environ | {"KERNEL_ISO_NOTEBOOK": str(ground.notebook)}
        )
        client = manager.blocking_client()
        client.start_channels(iopub=False, stdin=False, hb=False, control=False)
        running.append((manager, client))
        client.kernel_info()
        reply = client.get_shell_msg(timeout=120)
        assert reply["msg_type"] == "kernel_info_reply"

    return Candidate(run=start, after=lambda: _stop(running))


def _stop(running: list[tuple[Any, Any]]) -> None:
    for manager, client in running:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    running.clear()
