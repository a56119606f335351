"""What conda's activation would do for a kernel: variables, folders of programs, and packages' own scripts."""

from __future__ import annotations

import contextlib
import json
import ntpath
from collections.abc import Mapping
from pathlib import Path

from kernel_iso.engine.fitting import write_changed
from kernel_iso.errors import ToolError
from kernel_iso.model import Run

_WINDOWS = ("", "Library\\mingw-w64\\bin", "Library\\usr\\bin", "Library\\bin", "Scripts", "bin")
"""The folders that conda puts before the others on Windows, in its order; elsewhere `bin` is the only one."""

MEMORY = "activation.json"
"""The file in which an activation is remembered."""

# Variables that a shell makes for itself.
_SHELLS = ("PWD", "OLDPWD", "SHLVL", "_")

_SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
_SOURCE = """
export PATH="$CONDA_PREFIX/bin:$PATH"
for script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do . "$script" >/dev/null 2>&1; done
exec "$0" -I -c "$1"
"""


def kept(folder: Path, prefix: Path, name: str, python: str, run: Run) -> tuple[tuple[str, str], ...]:
    """The variables of an activated conda environment, found out once, and again only where its files have changed.

    What was found lies in `folder`, which is ours; the environment itself is only read.
    """
    memory, stamp = folder / MEMORY, _stamp(prefix)
    try:
        told = json.loads(memory.read_bytes())
        if told["stamp"] == stamp:
            return tuple((key, value) for key, value in told["variables"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = variables(prefix, name, python, run)
    with contextlib.suppress(OSError):  # a read-only store: it is only a memory
        write_changed(memory, json.dumps({"stamp": stamp, "variables": found}))
    return found


def _stamp(prefix: Path) -> list[list[object]]:
    """The files that decide, with their times and sizes, and the prefix itself: it may have been moved."""
    files = [*sorted(prefix.glob("etc/conda/*.d/*")), prefix / "conda-meta" / "state"]
    there = [(file, file.stat()) for file in files if file.is_file()]
    return [[str(prefix)], *([str(file), status.st_mtime_ns, status.st_size] for file, status in there)]


def variables(path: Path, name: str, python: str, run: Run) -> tuple[tuple[str, str], ...]:
    """The variables of an activated conda environment, by name.

    Those that `conda env config vars` and packages keep in files, and those that the packages' scripts in
    `activate.d` set (gdal and compilers have some): these are run where there are any, by bash. A script that fails
    is passed over, as conda does. `PATH` is what they put before what was there: the folders alone.
    """
    known = {"CONDA_PREFIX": str(path), "CONDA_DEFAULT_ENV": name, "CONDA_SHLVL": "1"}
    for file in (*sorted(path.glob("etc/conda/env_vars.d/*.json")), path / "conda-meta" / "state"):
        known |= _kept(file)
    if any(path.glob("etc/conda/activate.d/*.sh")):
        known |= _set_by_scripts(python, run, known)
    return tuple(sorted(known.items()))


def _kept(file: Path) -> dict[str, str]:
    """The variables in a file: a table of them, or conda's state with one under `env_vars`."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    data = data.get("env_vars", {}) if isinstance(data, dict) and file.name == "state" else data
    # conda keeps a variable that was unset under a word that no value is.
    return {
        str(name): str(value)
        for name, value in (data.items() if isinstance(data, dict) else ())
        if value != "***unset***"
    }


def _set_by_scripts(python: str, run: Run, known: dict[str, str]) -> dict[str, str]:
    try:
        done = run([python, "-I", "-c", _SHOW], env=known)
        after = run(["bash", "-c", _SOURCE, python, _SHOW], env=known)
    except ToolError:  # there is no bash
        return {}
    if done.status or after.status:
        run.tell("the environment's activation scripts failed, and are passed over")
        return {}
    before, now = json.loads(done.stdout.splitlines()[-1]), json.loads(after.stdout.splitlines()[-1])
    changed = {
        name: value for name, value in now.items() if before.get(name) != value and name not in _SHELLS
    }
    there = {f"{known['CONDA_PREFIX']}/bin", *before.get("PATH", "").split(":")}
    added = [entry for entry in changed.pop("PATH", "").split(":") if entry and entry not in there]
    return changed | ({"PATH": ":".join(dict.fromkeys(added))} if added else {})


def activated(environ: Mapping[str, str], prefix: str, system: str) -> dict[str, str]:
    """A kernel's environment as an activated conda environment has it: no virtual environment, and its own folders first."""
    made = {name: value for name, value in environ.items() if name != "VIRTUAL_ENV"}
    return made | {"PATH": path(made.get("PATH", ""), prefix, system)}


def path(value: str, prefix: str, system: str) -> str:
    """`PATH` with the folders of a conda environment's programs before the others.

    >>> path("C:\\\\w;D:\\\\c\\\\Scripts", "D:\\\\c", "windows").split(";")[:3]
    ['D:\\\\c', 'D:\\\\c\\\\Library\\\\mingw-w64\\\\bin', 'D:\\\\c\\\\Library\\\\usr\\\\bin']
    """
    if system != "windows":
        return value
    own = [ntpath.join(prefix, folder) if folder else prefix for folder in _WINDOWS]
    return ";".join((*own, *(entry for entry in value.split(";") if entry not in own)))
