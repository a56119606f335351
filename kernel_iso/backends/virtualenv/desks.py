"""Where pip works: a private folder with an environment of its own, whose pip is virtualenv's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from kernel_iso.backends.virtualenv import commands
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Done, Plan, Run

WORKER = "kernel_iso.backends.virtualenv.worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A private folder, the interpreter that has pip, the one of the prefix ("": none), and pip's cache."""

    plan: Plan
    run: Run
    folder: Path
    python: str
    prefix: str
    cache: str
    preferences: Sequence[str] = ()

    def write(self, name: str, lines: Iterable[str]) -> str:
        """Write a file of lines; return its path."""
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return str(path)

    def pip(self, command: Sequence[str], on_line: Callable[[str], None] | None = None) -> Done:
        """Run pip; its words are in `stderr`."""
        return self.run(command, cwd=str(self.folder), env=commands.ENVIRON, on_line=on_line)


@contextmanager
def desk(plan: Plan, run: Run, preferences: Sequence[str] = (), *, prefix: str = "") -> Iterator[Desk]:
    """A desk, cleared afterwards; and the environment `prefix` without pip, which stays.

    Raises `ImpossibleError` (`no-interpreter`) and `ToolError` (`python-broken`).
    """
    if not plan.python.path:
        raise ImpossibleError(
            "no-interpreter",
            "cannot make an environment",
            f"Python {plan.python.version} is not on this machine, and virtualenv fetches none",
            "install that Python, or use the uv backend, which can fetch it",
        )
    with tempfile.TemporaryDirectory(prefix="kernel-iso-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        root = {"on": None, "off": folder}.get(plan.cache, Path(plan.cache))
        environments = [{"at": str(folder / "pip"), "pip": True, "system": False}]
        if prefix:
            environments.append({"at": prefix, "pip": False, "system": plan.system_site_packages})
        request = {
            "python": plan.python.path,
            "data": str(root / "virtualenv") if root else "",
            "environments": environments,
        }
        pythons = cast("list[str]", run.worker(WORKER, request))
        yield Desk(
            plan=plan,
            run=run,
            folder=folder,
            python=pythons[0],
            prefix=pythons[-1] if prefix else "",
            cache=str(root / "pip") if root else "",
            preferences=preferences,
        )
