"""What conda's activation would do for a kernel: variables, folders of programs, and packages' own scripts."""

from __future__ import annotations

import json
import ntpath
from pathlib import Path

from kernel_iso.discovery import Discovered
from kernel_iso.errors import ToolError
from kernel_iso.model import Run

_WINDOWS = ("", "Library\\mingw-w64\\bin", "Library\\usr\\bin", "Library\\bin", "Scripts", "bin")
"""The folders that conda puts before the others on Windows, in its order; elsewhere `bin` is the only one."""

# Variables that a shell makes for itself.
_SHELLS = ("PWD", "OLDPWD", "SHLVL", "_")

_SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
_SOURCE = """
for script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do . "$script" >/dev/null 2>&1; done
exec "$0" -I -c "$1"
"""


def variables(found: Discovered, run: Run) -> tuple[tuple[str, str], ...]:
    """The variables of an activated conda environment, by name.

    Those that `conda env config vars` and packages keep in files, and those that the packages' scripts in
    `activate.d` set (gdal and compilers have some): these are run where there are any, by bash. A script that fails
    is passed over, as conda does.
    """
    path = Path(found.path)
    known = {"CONDA_PREFIX": found.path, "CONDA_DEFAULT_ENV": found.name, "CONDA_SHLVL": "1"}
    for file in (*sorted(path.glob("etc/conda/env_vars.d/*.json")), path / "conda-meta" / "state"):
        known |= _kept(file)
    if any(path.glob("etc/conda/activate.d/*.sh")):
        known |= _set_by_scripts(found, run, known)
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


def _set_by_scripts(found: Discovered, run: Run, known: dict[str, str]) -> dict[str, str]:
    try:
        done = run([found.python, "-I", "-c", _SHOW], env=known)
        after = run(["bash", "-c", _SOURCE, found.python, _SHOW], env=known)
    except ToolError:  # there is no bash
        return {}
    if done.status or after.status:
        run.tell("the environment's activation scripts failed, and are passed over")
        return {}
    before, now = json.loads(done.stdout.splitlines()[-1]), json.loads(after.stdout.splitlines()[-1])
    changed = {name: value for name, value in now.items() if before.get(name) != value}
    return {name: value for name, value in changed.items() if name not in (*_SHELLS, "PATH")}


def path(value: str, prefix: str, system: str) -> str:
    """`PATH` with the folders of a conda environment's programs before the others.

    >>> path("C:\\\\w;D:\\\\c\\\\Scripts", "D:\\\\c", "windows").split(";")[:3]
    ['D:\\\\c', 'D:\\\\c\\\\Library\\\\mingw-w64\\\\bin', 'D:\\\\c\\\\Library\\\\usr\\\\bin']
    """
    if system != "windows":
        return value
    own = [ntpath.join(prefix, folder) if folder else prefix for folder in _WINDOWS]
    return ";".join((*own, *(entry for entry in value.split(";") if entry not in own)))
