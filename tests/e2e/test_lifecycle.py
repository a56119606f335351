"""The life of an environment through the command line: identity, edits, names, kills, damage, clean-up.

The index is local and the policy has no companions, so that each environment is made in a fraction of a second.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from wheelhouse import Wheelhouse

Iso = Callable[..., dict[str, Any]]


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    """An index with a few packages, one of them in two versions."""
    with Wheelhouse() as house:
        house.wheel("blue", "1.0", requires=["green"])
        house.wheel("blue", "2.0", requires=["green"])
        house.wheel("green", "1.0")
        house.wheel("red", "1.0", requires=["green<1"])
        yield house


@pytest.fixture
def settings(
    environ: dict[str, str], index: Wheelhouse, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """An environment whose policy knows this index alone."""
    policy = tmp_path_factory.mktemp("policy") / "policy.toml"
    policy.write_text(f'companions = []\nindexes = [{{name = "local", url = "{index.url}"}}]\n')
    return {**environ, "KERNEL_ISO_CONFIG": str(policy)}


@pytest.fixture
def iso(settings: dict[str, str], tmp_path: Path) -> Iso:
    """Run a verb with `--json` and return its result, or its error under "code"."""

    def call(*arguments: str, **extra: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "kernel_iso", *arguments[:1], "--json", *arguments[1:]]
            if arguments[0] != "env"
            else [sys.executable, "-m", "kernel_iso", *arguments[:2], "--json", *arguments[2:]],
            env={**settings, **extra}, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        last = json.loads(done.stdout.splitlines()[-1])
        return {"status": done.returncode, **(last.get("result") or last["error"])}

    return call


def write(path: Path, requirements: list[str], **metadata: object) -> Path:
    """A notebook with a PEP 723 cell."""
    block = f"# /// script\n# dependencies = {json.dumps(requirements)}\n# ///"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(block)])
    made.metadata.update(metadata)
    nbformat.write(made, path)
    return path


def test_a_renamed_notebook_keeps_its_prefix_and_a_copy_gets_its_own(iso: Iso, tmp_path: Path) -> None:
    """The id in the notebook is the identity, the path only an address."""
    write(tmp_path / "a.ipynb", ["green"])
    iso("trust", "a.ipynb")
    first = iso("lock", "a.ipynb")
    assert first["where"].endswith("a.ipynb")
    key = iso("realise", "a.ipynb")["key"]
    (tmp_path / "a.ipynb").rename(tmp_path / "b.ipynb")
    assert iso("realise", "b.ipynb")["key"] == key
    shutil.copy(tmp_path / "b.ipynb", tmp_path / "copy.ipynb")
    assert iso("realise", "copy.ipynb")["key"] != key
    assert iso("realise", "b.ipynb")["key"] == key


def test_two_notebooks_never_share_a_prefix(iso: Iso, tmp_path: Path) -> None:
    """Equal wishes in two notebooks are two prefixes."""
    write(tmp_path / "a.ipynb", ["green"])
    write(tmp_path / "b.ipynb", ["green"])
    assert iso("realise", "a.ipynb", "--trust")["key"] != iso("realise", "b.ipynb")["key"]


def test_an_edit_shows_what_changes_and_makes_the_next_generation(iso: Iso, tmp_path: Path) -> None:
    """A dry run writes nothing; the edit changes exactly the block's lines and makes another prefix beside the first."""
    path = write(tmp_path / "a.ipynb", ["green"])
    first = iso("realise", "a.ipynb", "--trust")
    before = path.read_text()
    dry = iso("add", "a.ipynb", "blue<2", "--dry-run")
    assert dry["changes"] == [{"name": "blue", "after": "1.0"}]
    assert path.read_text() == before
    done = iso("add", "a.ipynb", "blue<2")
    assert done["ready"]["packages"] == {"blue": "1.0", "green": "1.0"}
    assert done["ready"]["generation"] == 2
    assert Path(first["path"]).exists()
    assert '"blue<2"' in nbformat.read(path, as_version=4).cells[0].source
    assert iso("realise", "a.ipynb")["key"] == done["ready"]["key"]
    assert iso("upgrade", "a.ipynb")["changes"] == []
    assert iso("remove", "a.ipynb", "blue")["ready"]["packages"] == {"green": "1.0"}


def test_an_edit_that_cannot_be_resolved_changes_nothing(iso: Iso, tmp_path: Path) -> None:
    """The clash is told in the person's terms, and notebook and prefix stay as they were."""
    path = write(tmp_path / "a.ipynb", ["green>=1"])
    first = iso("realise", "a.ipynb", "--trust")
    before = path.read_bytes()
    error = iso("add", "a.ipynb", "red")
    assert (error["code"], error["status"]) == ("no-versions-fit", 5)
    assert "red" in error["because"]
    assert "green" in error["because"]
    assert path.read_bytes() == before
    assert iso("realise", "a.ipynb")["key"] == first["key"]


def test_a_named_environment_is_created_cloned_renamed_edited_and_removed(
    iso: Iso, settings: dict[str, str]
) -> None:
    """The words of conda and pip, and a kernelspec that Jupyter lists at once."""
    kernels = Path(settings["JUPYTER_DATA_DIR"]) / "kernels"
    made = iso("env", "create", "vision", "blue==1.0")
    assert made["packages"] == {"blue": "1.0", "green": "1.0"}
    spec = json.loads((kernels / "iso-vision" / "kernel.json").read_text())
    assert spec["display_name"] == "Isolated: vision"
    assert iso("env", "create", "vision")["code"] == "environment-exists"
    assert iso("env", "clone", "vision", "twin")["packages"] == made["packages"]
    assert iso("env", "rename", "twin", "other")["status"] == 0
    assert [item["name"] for item in iso("env", "list")["environments"]] == ["other", "vision"]
    assert sorted(path.name for path in kernels.iterdir()) == ["iso-other", "iso-vision"]
    edited = iso("add", "-n", "vision", "blue>=2")
    assert edited["changes"] == [{"name": "blue", "before": "1.0", "after": "2.0"}]
    assert iso("realise", "-n", "other")["packages"] == made["packages"]
    ran = iso(
        "exec", "-n", "vision", "--capture", "--", "python", "-c", "import blue; print(blue.__version__)"
    )
    assert ran["stdout"] == "2.0\n"
    assert iso("env", "remove", "vision")["freed_bytes"] > 0
    assert iso("realise", "-n", "vision")["code"] == "no-environment"
    assert [path.name for path in kernels.iterdir()] == ["iso-other"]


def test_an_environment_in_a_folder_of_the_person_keeps_its_path(iso: Iso, tmp_path: Path) -> None:
    """`--prefix`: the path always shows the current generation."""
    made = iso("env", "create", "mine", "blue==1.0", "--prefix", "envs/mine")
    assert made["status"] == 0, made
    python = tmp_path / "envs" / "mine" / "bin" / "python"
    show = [str(python), "-c", "import blue, sys; print(blue.__version__, sys.prefix)"]
    assert subprocess.check_output(show, text=True).split() == ["1.0", str(tmp_path / "envs" / "mine")]
    iso("add", "-n", "mine", "blue==2.0")
    assert subprocess.check_output(show, text=True).split()[0] == "2.0"
    assert iso("realise", "-n", "./envs/mine")["packages"]["blue"] == "2.0"
    assert iso("env", "create", "bad", "--prefix", "/usr/lib")["code"] == "protected-folder"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    assert iso("env", "create", "bad", "--prefix", "full")["code"] == "not-ours"
    assert (tmp_path / "full" / "thesis.tex").read_text() == "years of work"


def test_an_in_place_edit_reaches_no_other_prefix_and_not_the_cache(iso: Iso, tmp_path: Path) -> None:
    """A file of one prefix is changed where it lies; another prefix, and one made afterwards, have the original."""
    write(tmp_path / "a.ipynb", ["green"])
    write(tmp_path / "b.ipynb", ["green"])
    write(tmp_path / "c.ipynb", ["green"])
    module = "lib/python*/site-packages/green/__init__.py"
    first = next(Path(iso("realise", "a.ipynb", "--trust")["path"]).glob(module))
    second = next(Path(iso("realise", "b.ipynb")["path"]).glob(module))
    original = second.read_bytes()
    with first.open("r+b") as stream:
        stream.write(b"evil = 1  #")
    third = next(Path(iso("realise", "c.ipynb")["path"]).glob(module))
    assert second.read_bytes() == original
    assert third.read_bytes() == original


def test_doctor_finds_tampered_files_and_repairs_them(iso: Iso, tmp_path: Path) -> None:
    """The file is named, the status says that there is a problem, and `--repair` makes the prefix again."""
    write(tmp_path / "a.ipynb", ["green"])
    module = next(
        Path(iso("realise", "a.ipynb", "--trust")["path"]).glob("lib/python*/site-packages/green/__init__.py")
    )
    assert iso("doctor", "a.ipynb")["status"] == 0
    original = module.read_bytes()
    module.write_bytes(b"evil = 1\n")
    found = iso("doctor", "a.ipynb")
    problems = [item["seen"] for item in found["findings"] if item["level"] == "problem"]
    assert (found["status"], problems) == (1, ["files that are not what was installed: green/__init__.py"])
    assert iso("doctor", "a.ipynb", "--repair")["status"] == 0
    assert module.read_bytes() == original


def test_killing_a_start_at_any_moment_leaves_a_whole_prefix_or_none(
    iso: Iso, settings: dict[str, str], index: Wheelhouse, tmp_path: Path
) -> None:
    """SIGKILL of the process group at random moments: the next start always ends with a prefix that imports."""
    files = {f"many/file{number}.py": "x = 1\n" * 50 for number in range(400)}
    index.wheel("many", "1.0", files=files)
    write(tmp_path / "a.ipynb", ["many", "blue"])
    iso("trust", "a.ipynb")
    started = time.monotonic()
    iso("realise", "a.ipynb")
    whole = time.monotonic() - started
    chance = random.Random(7)
    command = [sys.executable, "-m", "kernel_iso", "realise", "a.ipynb", "--fresh"]
    moments = sorted(chance.uniform(0.1, 1.1) * whole for _ in range(20))
    ends = []
    for moment in moments:
        process = subprocess.Popen(
            command, env=settings, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        ends.append(process.wait())
        ready = iso("realise", "a.ipynb")
        code = "import blue, many.file0, many.file399, green; print(blue.__version__)"
        shown = subprocess.run([ready["python"], "-I", "-c", code], capture_output=True, text=True)
        assert shown.stdout == "2.0\n", (moment, shown.stderr)
    assert -signal.SIGKILL in ends


def test_two_processes_that_want_one_prefix_share_one_build(
    settings: dict[str, str], iso: Iso, index: Wheelhouse, tmp_path: Path
) -> None:
    """The second follows the first one's log, and both end with the same prefix."""
    write(tmp_path / "a.ipynb", ["green"])
    iso("trust", "a.ipynb")
    iso("lock", "a.ipynb")
    index.slow = 1.5
    command = [sys.executable, "-m", "kernel_iso", "realise", "a.ipynb", "--json"]
    both = [
        subprocess.Popen(command, env=settings, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in "12"
    ]
    lines = [[json.loads(line) for line in process.communicate()[0].splitlines()] for process in both]
    results = [item[-1]["result"] for item in lines]
    assert results[0]["key"] == results[1]["key"]
    served = [path for path, _ in index.requests if path.endswith(".whl")]
    assert len(served) == 1


def test_clean_tells_what_it_frees_and_spares_what_was_just_used(iso: Iso, tmp_path: Path) -> None:
    """A prefix of a notebook that is gone goes when it is asked for; one in use stays."""
    write(tmp_path / "a.ipynb", ["green"])
    prefix = Path(iso("realise", "a.ipynb", "--trust")["path"])
    assert iso("clean")["removed"] == []
    used = prefix / ".kernel-iso" / "used"
    os.utime(used, (1, 1))
    assert iso("clean", "--dry-run")["freed_bytes"] > 0
    assert prefix.exists()
    assert iso("clean")["freed_bytes"] > 0
    assert not prefix.exists()
    assert iso("realise", "a.ipynb")["made"] is True


def test_clean_up_happens_by_itself_once_a_day(iso: Iso, settings: dict[str, str], tmp_path: Path) -> None:
    """A start that makes something sweeps in the background, if the last sweep was a day ago."""
    lost = Path(iso("realise", str(write(tmp_path / "a.ipynb", ["green"])), "--trust")["path"])
    (tmp_path / "a.ipynb").unlink()
    for old in (lost / ".kernel-iso" / "used", Path(settings["KERNEL_ISO_STORE"]) / "swept"):
        os.utime(old, (1, 1))
    iso("realise", str(write(tmp_path / "b.ipynb", ["green"])), "--trust")
    for _ in range(200):
        if not lost.exists():
            break
        time.sleep(0.1)
    assert not lost.exists()


def test_offline_what_was_fetched_once_is_made_again(iso: Iso, index: Wheelhouse, tmp_path: Path) -> None:
    """The cache serves; what is not in it is said so."""
    write(tmp_path / "a.ipynb", ["green"])
    iso("realise", "a.ipynb", "--trust")
    index.failure = "drop"
    assert iso("realise", "a.ipynb", "--fresh", KERNEL_ISO_OFFLINE="1")["made"] is True
    write(tmp_path / "b.ipynb", ["blue"])
    assert iso("realise", "b.ipynb", "--trust", KERNEL_ISO_OFFLINE="1")["code"] == "not-in-cache"


def test_project_files_and_their_locks_decide_where_a_notebook_says_nothing(iso: Iso, tmp_path: Path) -> None:
    """The nearest project file counts, its lock pins, and the project's own code is importable."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "p"\nversion = "1"\ndependencies = ["blue<2"]\n'
    )
    (tmp_path / "src" / "p").mkdir(parents=True)
    (tmp_path / "src" / "p" / "__init__.py").write_text("")
    (tmp_path / "notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "notebooks" / "a.ipynb")
    planned = iso("plan", "notebooks/a.ipynb")
    assert planned["spec"]["origin"]["kind"] == "project"
    assert planned["plan"]["own_paths"] == [str(tmp_path / "src")]
    assert planned["approved"] is False
    assert iso("realise", "notebooks/a.ipynb", "--trust")["packages"] == {"blue": "1.0", "green": "1.0"}


@pytest.mark.parametrize("lock", ["uv.lock", "pylock.toml"])
def test_a_projects_lock_pins_what_its_notebooks_get(
    iso: Iso, settings: dict[str, str], index: Wheelhouse, tmp_path: Path, lock: str
) -> None:
    """A newer release that the declaration would allow is not taken; a lock that contradicts it is passed over."""
    project = '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["blue"]\n'
    (tmp_path / "pyproject.toml").write_text(project.replace('"blue"', '"blue<2"'))
    uv = [
        sys.executable,
        "-m",
        "uv",
        *(["lock"] if lock == "uv.lock" else ["pip", "compile", "pyproject.toml"]),
    ]
    command = [*uv, "--default-index", index.url, *([] if lock == "uv.lock" else ["-o", lock])]
    subprocess.run(command, cwd=tmp_path, env=settings, check=True, capture_output=True)
    (tmp_path / "pyproject.toml").write_text(project)
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "a.ipynb")
    assert iso("realise", "a.ipynb", "--trust")["packages"]["blue"] == "1.0"
    (tmp_path / "pyproject.toml").write_text(project.replace('"blue"', '"blue>=2"'))
    done = iso("realise", "a.ipynb", "--trust")
    assert done["packages"]["blue"] == "2.0"
    assert any("out of date" in reason["text"] for reason in iso("plan", "a.ipynb")["plan"]["reasons"])


def test_the_audit_log_has_approvals_and_installs(iso: Iso, tmp_path: Path) -> None:
    """One line for each, and nothing happens that cannot be recorded."""
    write(tmp_path / "a.ipynb", ["green"])
    log = tmp_path / "audit.ndjson"
    assert iso("realise", "a.ipynb", "--trust", KERNEL_ISO_AUDIT_LOG=str(log))["status"] == 0
    assert iso("realise", "a.ipynb", KERNEL_ISO_AUDIT_LOG=str(log))["status"] == 0
    assert [json.loads(line)["phase"] for line in log.read_text().splitlines()] == ["approved", "realised"]
    lost = str(tmp_path / "nowhere" / "audit.ndjson")
    write(tmp_path / "b.ipynb", ["blue"])
    assert iso("trust", "b.ipynb", KERNEL_ISO_AUDIT_LOG=lost)["code"] == "audit-log-unwritable"


def test_a_lock_for_a_machine_with_an_older_libc_takes_what_runs_there(
    iso: Iso, index: Wheelhouse, tmp_path: Path
) -> None:
    """A new login node in front of old compute nodes; musl is another matter, and told to be."""
    arch = platform.machine()
    index.wheel("native", "1.0", tag=f"py3-none-manylinux_2_17_{arch}")
    index.wheel("native", "2.0", tag=f"py3-none-manylinux_2_28_{arch}")
    write(tmp_path / "a.ipynb", ["native"])
    iso("trust", "a.ipynb")
    machine = iso("probe")
    machine.pop("status")
    node = tmp_path / "node.json"
    node.write_text(json.dumps(machine | {"libc": "glibc 2.17"}))
    assert iso("lock", "a.ipynb", "--machine", "node.json")["packages"]["native"] == "1.0"
    node.write_text(json.dumps(machine | {"libc": "musl 1.2"}))
    assert iso("lock", "a.ipynb", "--machine", "node.json")["code"] == "no-such-platform"
    iso("upgrade", "--notebook", "a.ipynb")
    assert iso("lock", "a.ipynb")["packages"]["native"] == "2.0"
