"""(e) Which kernels there are: what a server takes for its list with hundreds of environments on the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

from benchmarks.grounds import Ground
from benchmarks.measuring import Candidate, Section, interleave

ENVIRONMENTS = 300
PEER = "nb_venv_kernels"
OLD = 1_700_000_000

STOCK = "from jupyter_client.kernelspec import KernelSpecManager as Manager"
OURS = """
import os
from jupyter_client.kernelspec import KernelSpecManager
from kernel_iso.kernelspecs.managers import listing
Manager = listing(KernelSpecManager, os.environ, {"kernel-limit": 0})
"""
PEERS = "from nb_venv_kernels.manager import VEnvKernelSpecManager as Manager"

# Answers a line `new` (a manager that has seen nothing) or `again` with the number of kernels that it lists.
LOOP = """
import sys
manager = None
for line in sys.stdin:
    manager = Manager() if line.strip() == "new" or manager is None else manager
    print(len(manager.get_all_specs()), flush=True)
"""


def measure(ground: Ground) -> list[Section]:
    """A new server's first list, and the next one: jupyter_client's, ours, and a peer's."""
    home = ground.folder / "home"
    for number in range(ENVIRONMENTS):
        environment(home / ".virtualenvs" / f"project{number}")
    registry = home / ".venv" / "environments.txt"  # the peer lists what is registered there
    registry.parent.mkdir(parents=True)
    registry.write_text(
        "".join(f"{path}\n" for path in sorted((home / ".virtualenvs").iterdir())), encoding="utf-8"
    )
    # Bytecode in the worker's own modules, page cache: `new` is a manager that has seen nothing, not a new process.
    workers = {"jupyter_client": Worker(ground, home, sys.executable, STOCK), "kernel-iso": Worker(
        ground, home, sys.executable, OURS)}  # fmt: skip
    notes = [f"{ENVIRONMENTS} virtual environments of 150 packages, ipykernel among them."]
    notes.append("nb_conda_kernels asks conda, which is not to be had here.")
    if python := peer(ground):
        workers[PEER] = Worker(ground, home, python, PEERS)
    else:
        notes.append(f"{PEER} could not be installed here.")
    try:
        listed = ", ".join(f"{name} {worker.ask('new')}" for name, worker in workers.items())
        notes.append(f"Kernels listed: {listed}. The peer looks again after a minute, kernel-iso every time.")
        rounds = ground.options.rounds
        first = interleave({name: worker.candidate("new") for name, worker in workers.items()}, rounds)
        again = interleave({name: worker.candidate("again") for name, worker in workers.items()}, rounds)
    finally:
        for worker in workers.values():
            worker.close()
    goal = "milliseconds, and no process started"
    return [
        Section(
            title="First list of kernels", baseline="jupyter_client", seconds=first, goal=goal, notes=notes
        ),
        Section(title="Every further list of kernels", baseline="jupyter_client", seconds=again, goal=goal),
    ]


def environment(path: Path) -> None:
    """The files of a virtual environment that a list looks at."""
    site = path / "lib" / "python3.12" / "site-packages"
    for number in range(148):
        (site / f"package{number}-1.0.dist-info").mkdir(parents=True)
    for name in ("torch-2.9.1+cu126", "ipykernel-7.4.0"):
        (site / f"{name}.dist-info").mkdir()
    (path / "bin").mkdir()
    (path / "bin" / "python").symlink_to(sys.executable)
    (path / "pyvenv.cfg").write_text("home = /usr/bin\nversion_info = 3.12.1\n", encoding="utf-8")
    spec = path / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(
        '{"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Python 3",'
        ' "language": "python"}',
        encoding="utf-8",
    )
    for folder in (site, path / "lib", path):
        os.utime(folder, (OLD, OLD))
    os.utime(path / "pyvenv.cfg", (OLD, OLD))


def peer(ground: Ground) -> str:
    """The interpreter of an environment with the peer, "" where it cannot be had."""
    home = ground.folder / "peer"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    try:
        for words in (("venv", "-q", str(home)), ("pip", "install", "-q", "--python", str(python), PEER)):
            subprocess.run([find_uv_bin(), *words], env=ground.environ, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return str(python)


class Worker:
    """A process that lists kernels when it is asked."""

    def __init__(self, ground: Ground, home: Path, python: str, manager: str) -> None:
        self.process = subprocess.Popen(
            [python, "-c", manager + LOOP], env=ground.environ | {"HOME": str(home)}, cwd=home, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, word: str) -> int:
        """The number of kernels."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def candidate(self, word: str) -> Candidate:
        """One list."""
        return Candidate(run=lambda: self.ask(word))

    def close(self) -> None:
        """End the process."""
        self.process.communicate()
