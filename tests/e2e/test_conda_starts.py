"""Starts of conda environments: activation, what a project brings along, offline, and being killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conda_face import Iso, face, notebook, project


@pytest.fixture(scope="module")
def extra_channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A channel with `pathing`, whose activation script puts a folder of programs on `PATH`."""
    import conda_channel

    script = (
        'export PATH="$CONDA_PREFIX/share/pathing/bin:$PATH"\nexport PATHING_SEES="$(command -v python)"\n'
    )
    files = {
        "etc/conda/activate.d/pathing.sh": script,
        "share/pathing/bin/pathing-tool": conda_channel.File(b"#!/bin/sh\necho pathing\n", executable=True),
        "share/pathing/bin/python": conda_channel.File(b"#!/bin/sh\necho wrong\n", executable=True),
    }
    package = conda_channel.Package(name="pathing", noarch="generic", files=files)
    return conda_channel.make_channel(tmp_path_factory.mktemp("extra"), [package])


@pytest.fixture
def iso(
    tiny_channel: Path, extra_channel: Path, conda_cache: Path, tmp_path: Path, environ: dict[str, str]
) -> Iso:
    return face(tiny_channel, conda_cache, tmp_path / "work", environ, extra_channel)


@pytest.fixture
def witness(iso: Iso, tmp_path: Path) -> Path:
    """A file to which every start of bash adds a line."""
    real, folder, file = shutil.which("bash"), tmp_path / "witness", tmp_path / "bash-ran"
    folder.mkdir()
    (folder / "bash").write_text(f'#!/bin/sh\necho >> {file}\nexec {real} "$@"\n')
    (folder / "bash").chmod(0o755)
    file.touch()
    iso.environ["PATH"] = f"{folder}:{iso.environ['PATH']}"
    return file


SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


def variables(iso: Iso, *words: str, **extra: str) -> dict[str, str]:
    """The variables of a command in an environment."""
    found: dict[str, str] = json.loads(iso.said("exec", *words, "--", "python", "-c", SHOW, **extra))
    return found


def test_activation_is_found_out_once_and_again_where_its_files_change(iso: Iso, witness: Path) -> None:
    """The variables of packages and of their scripts; a later start runs no shell."""
    prefix = Path(iso("create", "-n", "maps", "python", "activating", "--conda")["path"])
    found = variables(iso, "-n", "maps", CONDA_PREFIX="/base", CONDA_EXE="/base/bin/conda")
    wanted = {
        "CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": "maps", "CONDA_SHLVL": "1", "ACTIVATING_MODE": "quiet",
        "ACTIVATING_HOME": f"{prefix}/share/activating", "ACTIVATING_WORDS": 'two words; $HOME and "quotes"',
    }  # fmt: skip
    assert wanted.items() <= found.items()
    assert {"VIRTUAL_ENV", "CONDA_EXE"} & found.keys() == set()
    assert len(witness.read_text()) == 1
    for _ in range(2):
        assert variables(iso, "-n", "maps") == variables(iso, "-n", "maps")
        assert iso("realise", "-n", "maps")["made"] is False
    assert len(witness.read_text()) == 1
    (prefix / "etc/conda/activate.d/mine.sh").write_text("export MINE=1\n")
    assert variables(iso, "-n", "maps")["MINE"] == "1"
    assert len(witness.read_text()) == 2


def test_an_environment_without_scripts_needs_no_shell(iso: Iso, witness: Path) -> None:
    iso("create", "-n", "maps", "python", "--conda")
    assert variables(iso, "-n", "maps")["CONDA_DEFAULT_ENV"] == "maps"
    assert witness.read_text() == ""


def test_programs_that_activation_puts_on_the_path_are_found(iso: Iso) -> None:
    """Behind the environment's own, and before everything else."""
    prefix = iso("create", "-n", "maps", "python", "pathing", "--conda")["path"]
    found = variables(iso, "-n", "maps")
    assert found["PATH"].split(":")[:2] == [f"{prefix}/bin", f"{prefix}/share/pathing/bin"]
    assert found["PATH"].endswith(iso.environ["PATH"])
    assert iso.said("exec", "-n", "maps", "--", "pathing-tool") == "pathing\n"
    assert found["PATHING_SEES"] == f"{prefix}/share/pathing/bin/python"
    assert iso.said("exec", "-n", "maps", "--", "python", "-c", "print('right')") == "right\n"


def test_a_project_brings_variables_its_own_code_and_notes(iso: Iso) -> None:
    """`variables` of environment.yml, the project's folder, and what [tool.kernel-iso] says of the system's packages."""
    more = "variables:\n  OMP_NUM_THREADS: 3\n"
    project(iso.cwd, iso.url, "python", "blue", more=more)
    (iso.cwd / "src" / "mine").mkdir(parents=True)
    (iso.cwd / "src" / "mine" / "__init__.py").touch()
    notebook(iso.cwd / "a.ipynb")
    assert iso("realise", "a.ipynb", "--trust")["status"] == 0
    assert variables(iso, "-b", "a.ipynb")["OMP_NUM_THREADS"] == "3"
    assert iso("plan", "a.ipynb")["plan"]["own_paths"] == [str(iso.cwd / "src")]
    (iso.cwd / "environment.yml").unlink()
    (iso.cwd / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\ndependencies = []\n[tool.kernel-iso]\n'
        f'conda = ["blue"]\nchannels = ["{iso.url}"]\napt = ["graphviz"]\n'
    )
    planned = iso("plan", "a.ipynb")["plan"]
    assert planned["backend"] == "conda"
    reasons = " ".join(reason["text"] for reason in planned["reasons"])
    assert "which kernel-iso does not install: graphviz" in reasons
    assert iso("realise", "a.ipynb", "--trust")["packages"]["blue"] == "2.0"


def test_a_second_start_needs_no_network(iso: Iso, tiny_channel: Path, tmp_path: Path) -> None:
    """And neither does making it again: from the lock and the packages that are there. What was never fetched is said."""
    import conda_channel

    with conda_channel.served(tiny_channel) as house:
        iso.environ |= {"KERNEL_ISO_CHANNELS": house.url, "KERNEL_ISO_CACHE": str(tmp_path / "cache")}
        project(iso.cwd, house.url, "python", "green")
        notebook(iso.cwd / "a.ipynb")
        made = iso("realise", "a.ipynb", "--trust")
        assert made["status"] == 0, made
    assert iso("realise", "a.ipynb")["key"] == made["key"]
    again = iso("realise", "a.ipynb", "--fresh", KERNEL_ISO_OFFLINE="1")
    assert (again["status"], again["packages"]) == (0, made["packages"])
    project(iso.cwd, house.url, "python", "blue")
    missing = iso("realise", "a.ipynb", "--trust", KERNEL_ISO_OFFLINE="1")
    assert (missing["status"], missing["code"]) == (6, "not-in-cache")
    gone = iso("add", "-b", "a.ipynb", "blue", "--here", KERNEL_ISO_CHANNELS="http://127.0.0.1:9/none")
    assert gone["status"] != 0


@pytest.mark.slow
def test_killing_a_start_at_any_moment_leaves_a_whole_prefix_or_none(iso: Iso, tmp_path: Path) -> None:
    """SIGKILL of everything that works, at random moments, with a cache that is filled meanwhile."""
    chance = random.Random(11)
    ends = []
    for number in range(10):
        cache = tmp_path / f"cache-{number % 3}"
        iso.environ["KERNEL_ISO_CACHE"] = str(cache)
        if number % 3 == 0:
            shutil.rmtree(cache, ignore_errors=True)
        project(iso.cwd, iso.url, "python", "blue", "greeting", "activating")
        notebook(iso.cwd / "a.ipynb")
        iso("trust", "a.ipynb")
        command = iso.command("realise", "a.ipynb", "--fresh")
        process = subprocess.Popen(
            command, env=iso.environ, cwd=iso.cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        time.sleep(chance.uniform(0.1, 1.6))
        os.killpg(process.pid, signal.SIGKILL)
        ends.append(process.wait())
        ready = iso("realise", "a.ipynb")
        assert ready["status"] == 0, (number, ready)
        shown = subprocess.run(
            [ready["python"], "-I", "-c", "import blue, green; print(blue.__version__, green.__version__)"],
            capture_output=True, text=True,
        )  # fmt: skip
        assert shown.stdout == "2.0 2.0\n", (number, shown.stderr)
        place = Path(ready["path"]) / "share/greeting/place.txt"
        assert place.read_text() == f"{ready['path']}/share/greeting\n"
    assert -signal.SIGKILL in ends
