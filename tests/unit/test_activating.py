"""What activation does for a conda environment, with a real bash and a real interpreter."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from kernel_iso.discovery import Environments
from kernel_iso.engine import activating
from kernel_iso.engine.borrowing import environment
from kernel_iso.engine.discovered import target
from kernel_iso.engine.preparing import Ready
from kernel_iso.model import Plan, Prefix, Python, Spec
from kernel_iso.processes import Tools


@pytest.fixture
def ml(tmp_path: Path) -> Path:
    """A conda environment as far as activation looks at it: its interpreter is a link to this one."""
    path = tmp_path / "envs" / "ml"
    for folder in (
        "conda-meta",
        "bin",
        "lib/python3.12/site-packages",
        "etc/conda/activate.d",
        "etc/conda/env_vars.d",
    ):
        (path / folder).mkdir(parents=True)
    (path / "conda-meta/python-3.12.4-h1_cpython.json").touch()
    (path / "bin/python").symlink_to(sys.executable)
    return path


def variables(path: Path) -> dict[str, str]:
    found = Environments().read(str(path))
    assert found is not None
    return dict(activating.variables(path, found.name, found.python, Tools(os.environ)))


def test_variables_that_are_kept_in_files_are_set(ml: Path) -> None:
    """Packages keep theirs in env_vars.d, `conda env config vars set` in the state, which goes before."""
    (ml / "etc/conda/env_vars.d/p.json").write_text(json.dumps({"A": "package", "B": "package"}))
    state = {"version": 1, "env_vars": {"B": "person", "C": "***unset***"}}
    (ml / "conda-meta/state").write_text(json.dumps(state))
    (ml / "etc/conda/env_vars.d/broken.json").write_text("{")
    assert variables(ml) == {
        "CONDA_PREFIX": str(ml), "CONDA_DEFAULT_ENV": "ml", "CONDA_SHLVL": "1", "A": "package", "B": "person",
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash runs these scripts")
def test_the_scripts_of_packages_are_run(ml: Path) -> None:
    """What they set is set; what they say, and one that fails, changes nothing else."""
    scripts = ml / "etc/conda/activate.d"
    (scripts / "a.sh").write_text('echo noise; export GDAL_DATA="$CONDA_PREFIX/share/gdal"\n')
    (scripts / "b.sh").write_text("export TWO=$'2\\n2'; false\n")
    found = variables(ml)
    assert (found["GDAL_DATA"], found["TWO"]) == (f"{ml}/share/gdal", "2\n2")
    assert set(found) == {"CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_SHLVL", "GDAL_DATA", "TWO"}
    (scripts / "c.sh").write_text("exit 3\n")
    assert set(variables(ml)) == {"CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_SHLVL"}


@pytest.mark.parametrize(("env", "conda"), [((), False), ((("CONDA_PREFIX", "/e"),), True)])
def test_a_kernel_is_in_its_environment_and_in_no_other(
    env: tuple[tuple[str, str], ...], conda: bool
) -> None:
    """The server's own environment does not leak in; a conda environment is no virtual one."""
    prefix = Prefix(key="k", path="/s", python="/e/bin/python", version="3.12.1", backend="uv", owner="o")
    plan = Plan(backend="uv", python=Python(version="3.12.1", path=""), env=env)
    ready = Ready(prefix=prefix, plan=plan, spec=Spec(), owner="o", target=target("/e"))
    outer = {"PATH": "/usr/bin", "VIRTUAL_ENV": "/server", "CONDA_PREFIX": "/base", "PYTHONPATH": "/x"}
    made = environment(ready, outer, system="posix")
    own = {"CONDA_PREFIX": "/e"} if conda else {"VIRTUAL_ENV": "/e"}
    assert made == {"PATH": "/e/bin:/usr/bin", "PYTHONNOUSERSITE": "1", **own}
