"""Bytecode of conda's noarch packages, which come without: compiled once the prefix is there, off the way of its kernel."""

from __future__ import annotations

from pathlib import Path

from kernel_iso.backends.conda import prefixes
from kernel_iso.engine.context import Engine
from kernel_iso.engine.fitting import CONDA
from kernel_iso.model import Prefix
from kernel_iso.planning.environments import dropped
from kernel_iso.processes import detach


def compile_later(engine: Engine, prefix: Prefix) -> bool:
    """Begin to compile in a process of its own, behind everything else that runs. True where it began.

    It writes nothing but `__pycache__` folders, and ends by itself where the prefix goes.
    """
    if prefix.backend != CONDA:
        return False
    files = prefixes.sources(Path(prefix.path))
    if not files:
        return False
    command = [prefix.python, "-I", "-m", "compileall", "-q", "-i", "-"]
    environ = {name: value for name, value in engine.environ.items() if not dropped(name)}
    return detach(command, environ, text="".join(f"{file}\n" for file in files), nice=True)
