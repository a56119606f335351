"""The life of a conda environment through the command line, as conda's cheat sheet has it.

The channel is made by the suite, of real Pythons and made-up packages; nothing is asked of a network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conda_face import Iso, face, files, notebook, project
from wheelhouse import Wheelhouse

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    """What stands for PyPI; it does not have the versions of conda's packages."""
    with Wheelhouse() as house:
        house.wheel("red", "1.0", requires=["green"])
        house.wheel("red", "2.0", requires=["green>=5"])
        house.wheel("green", "9.0")
        yield house


@pytest.fixture
def iso(
    tiny_channel: Path, conda_cache: Path, tmp_path: Path, environ: dict[str, str], index: Wheelhouse
) -> Iso:
    return face(tiny_channel, conda_cache, tmp_path / "work", environ, index=index.url)


VERSIONS = (
    "import importlib.metadata as m; print(*sorted(f'{d.name}={d.version}' for d in m.distributions()))"
)


def has(iso: Iso, name: str) -> list[str]:
    """The packages of an environment as its own Python sees them."""
    return iso.said("exec", "-n", name, "--", "python", "-c", VERSIONS).split()


def test_create_by_name_with_a_python_and_packages(iso: Iso) -> None:
    """conda create -n blue python=3.12 blue -c CHANNEL"""
    made = iso("create", "-n", "maps", f"python={HERE}", "blue", "-c", iso.url)
    assert (made["status"], made["backend"]) == (0, "conda")
    assert made["version"].startswith(f"{HERE}.")
    assert {"blue": "2.0", "green": "2.0"}.items() <= made["packages"].items()
    assert has(iso, "maps") == ["blue=2.0", "green=2.0"]
    (row,) = iso("env", "list")["environments"]
    assert (row["name"], row["backend"]) == ("maps", "conda")
    assert f"Python {made['version']}, conda, 3 packages" in iso.text("env", "list")
    assert iso("create", "-n", "maps", "blue", "-c", iso.url)["code"] == "environment-exists"


def test_create_in_a_folder_keeps_its_path(iso: Iso) -> None:
    """conda create --prefix ./envs/maps blue: activation, scripts and packages name a place that stays."""
    made = iso("create", "--prefix", "envs/maps", "blue=1", "--conda")
    assert made["status"] == 0, made
    python = iso.cwd / "envs" / "maps" / "bin" / "python"
    show = [str(python), "-c", "import blue, sys; print(blue.__version__, sys.version_info[1] > 8)"]
    assert subprocess.check_output(show, text=True).split() == ["1.0", "True"]
    assert iso("add", "-n", "maps", "blue=2")["status"] == 0
    assert subprocess.check_output(show, text=True).split() == ["2.0", "True"]
    command = [str(python.with_name("blue"))]
    assert subprocess.check_output(command, text=True) == "blue 2.0\n"
    assert iso("env", "remove", "maps")["freed_bytes"] > 0
    assert not python.parent.parent.is_symlink()


def test_create_from_an_environment_yml(iso: Iso) -> None:
    """conda env create -f environment.yml: its name, channels, packages, pip part and variables."""
    more = "  - pip:\n      - red<2\nvariables:\n  OMP_NUM_THREADS: 3\n"
    project(iso.cwd, iso.url, f"python={HERE}", "blue<2", more=more)
    made = iso("env", "create", "-f", "environment.yml")
    assert made["status"] == 0, made
    assert (made["name"], made["backend"]) == ("study", "conda")
    # conda's green is what red needs: it is not fetched from the index again.
    assert has(iso, "study") == ["blue=1.0", "green=2.0", "red=1.0"]
    variable = iso.said(
        "exec", "-n", "study", "--", "python", "-c", "import os; print(os.environ['OMP_NUM_THREADS'])"
    )
    assert variable == "3\n"


def test_install_list_tree_and_remove(iso: Iso) -> None:
    """conda install, conda list (with build and channel), what needs what, conda remove."""
    iso("create", "-n", "maps", "green=1", "--conda")
    added = iso("install", "-n", "maps", "greeting", "cyan")
    assert added["changes"] == [{"name": "cyan", "after": "1.0"}, {"name": "greeting", "after": "1.0"}]
    rows = {row["name"]: row for row in iso("packages", "-n", "maps")["packages"]}
    assert rows["cyan"] | {"size": 0} == {
        "name": "cyan", "version": "1.0", "build": "pyhiso_0", "channel": iso.url, "role": "asked", "installer": "conda",
        "requires": ["green", "python"], "size": 0,
    }  # fmt: skip
    line = next(line for line in iso.text("packages", "-n", "maps").splitlines() if line.startswith("cyan"))
    assert line.split() == ["cyan", "1.0", "pyhiso_0", iso.url, "asked"]
    assert iso("tree", "-n", "maps", "--why", "green")["tree"][1] == "└── cyan 1.0  (asked)"
    gone = iso("uninstall", "-n", "maps", "cyan", "greeting")
    assert gone["changes"] == [{"name": "cyan", "before": "1.0"}, {"name": "greeting", "before": "1.0"}]
    assert has(iso, "maps") == ["green=1.0"]


def test_packages_of_the_index_stand_on_condas(iso: Iso) -> None:
    """--pypi beside conda's: what conda has is never replaced, and what cannot be is said in both words."""
    iso("create", "-n", "maps", "blue=1", "--conda")
    assert iso("add", "-n", "maps", "--pypi", "red")["ready"]["packages"]["red"] == "1.0"
    rows = {row["name"]: row for row in iso("packages", "-n", "maps")["packages"]}
    assert (rows["green"]["installer"], rows["green"]["channel"]) == ("conda", iso.url)
    assert (rows["red"]["installer"], rows["red"].get("channel", ""), rows["red"]["role"]) == (
        "uv",
        "",
        "asked",
    )
    refused = iso("add", "-n", "maps", "--pypi", "red==2.0")
    assert refused["code"] == "pypi-needs-other"
    assert "conda installs green 2.0" in refused["because"]
    assert has(iso, "maps") == ["blue=1.0", "green=2.0", "red=1.0"]


def test_upgrade_and_undo(iso: Iso) -> None:
    """conda update; and back to the former generation, as it was."""
    made = iso("create", "-n", "maps", "blue=1", "green=1", "--conda")
    assert iso("upgrade", "-n", "maps")["changes"] == []
    wider = iso("add", "-n", "maps", "blue", "green")
    assert wider["changes"] == []
    assert iso("update", "-n", "maps", "blue", "--dry-run")["changes"] != []
    newer = iso("update", "-n", "maps")
    assert newer["changes"] == [
        {"name": "blue", "before": "1.0", "after": "2.0"}, {"name": "green", "before": "1.0", "after": "2.0"},
    ]  # fmt: skip
    assert has(iso, "maps") == ["blue=2.0", "green=2.0"]
    assert iso("undo", "-n", "maps")["status"] == 0
    assert iso("undo", "-n", "maps")["status"] == 0
    assert iso("realise", "-n", "maps")["key"] == made["key"]


def names_itself(prefix: Path) -> None:
    """Everything in a prefix that names its place names this one."""
    assert (prefix / "share/greeting/place.txt").read_text() == f"{prefix}/share/greeting\n"
    assert f"{prefix}/lib".encode() + b"\0" in (prefix / "share/greeting/place.bin").read_bytes()
    script = subprocess.run([prefix / "bin" / "greeting"], capture_output=True, text=True, check=True)
    assert script.stdout == f"hello from {prefix}/share/greeting\n"
    first = (prefix / "bin" / "blue").read_text().splitlines()[0]
    assert str(prefix) in first or "/bin/sh" in first
    assert subprocess.check_output([prefix / "bin" / "blue"], text=True) == "blue 2.0\n"


def test_a_clone_and_a_rename_are_relocated(iso: Iso) -> None:
    """Scripts' first lines, texts and binaries that name the prefix, and activation all name the new one."""
    first = Path(iso("create", "-n", "maps", "blue", "greeting", "activating", "--conda")["path"])
    names_itself(first)
    second = Path(iso("clone", "maps", "twin")["path"])
    assert second != first
    names_itself(second)
    names_itself(first)
    assert iso("packages", "-n", "twin")["packages"] == iso("packages", "-n", "maps")["packages"]
    third = Path(iso("rename", "twin", "other")["path"])
    names_itself(third)
    assert [row["name"] for row in iso("env", "list")["environments"]] == ["maps", "other"]
    code = "import os; print(os.environ['ACTIVATING_HOME'], os.environ['CONDA_PREFIX'])"
    shown = iso.said("exec", "-n", "other", "--", "python", "-c", code)
    assert shown.split() == [f"{third}/share/activating", str(third)]
    texts = [path for path in third.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in texts if str(second).encode() in path.read_bytes()] == []


def test_clean_takes_cached_packages_that_no_prefix_uses(iso: Iso, tmp_path: Path) -> None:
    """conda clean: it says what is freed; what a prefix holds stays, be it linked or not."""
    cache = tmp_path / "cache"
    iso.environ["KERNEL_ISO_CACHE"] = str(cache)
    iso("create", "-n", "maps", "blue=1", "--conda")
    iso("create", "-n", "lost", "cyan", "tail", "--conda")
    iso("env", "remove", "lost")
    there = cache / "conda" / "pkgs"
    assert iso("clean")["removed"] == []  # they are young: somebody may be linking them
    for path in there.iterdir():
        os.utime(path, (1, 1))
    names = ["cyan-1.0-pyhiso_0", "green-1.0-pyhiso_0", "tail-1.0-pyhiso_0"]
    dry = iso("clean", "--dry-run")
    assert [key for key, _ in dry["removed"]] == names
    assert dry["freed_bytes"] > 0
    assert (there / "cyan-1.0-pyhiso_0").exists()
    assert iso("clean")["freed_bytes"] == dry["freed_bytes"]
    left = sorted(path.name for path in there.iterdir() if path.is_dir())
    assert [name.split("-")[0] for name in left] == ["blue", "green", "python"]
    assert iso("realise", "-n", "maps", "--fresh", KERNEL_ISO_OFFLINE="1")["status"] == 0
    assert iso("create", "-n", "again", "tail", "--conda")["status"] == 0


def test_a_shell_is_activated(iso: Iso, tmp_path: Path) -> None:
    """conda activate: the person's shell has the variables and programs of the environment."""
    prefix = iso("create", "-n", "maps", "blue", "activating", "--conda")["path"]
    shell = tmp_path / "shell"
    shell.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$CONDA_PREFIX" "$CONDA_DEFAULT_ENV" "$ACTIVATING_WORDS" "$(blue)"\n'
    )
    shell.chmod(0o755)
    words = [sys.executable, "-m", "kernel_iso", "shell", "-n", "maps"]
    done = subprocess.run(words, env={**iso.environ, "SHELL": str(shell)}, capture_output=True, text=True)
    assert done.stdout.splitlines() == [prefix, "maps", 'two words; $HOME and "quotes"', "blue 2.0"]


def test_a_folder_that_is_not_ours_is_never_written(iso: Iso, tiny_channel: Path, conda_cache: Path) -> None:
    """--prefix at a prefix that conda made, at `base`, at a frozen one (CEP 22): refused, and nothing there changes."""
    import conda_channel

    mine = conda_channel.installed(tiny_channel, iso.cwd / "mine", "python", "green", cache=conda_cache)
    frozen = conda_channel.installed(tiny_channel, iso.cwd / "frozen", "green", cache=conda_cache)
    (frozen / "conda-meta" / "frozen").write_text('{"message": "of the department"}')
    base = iso.cwd / "miniforge3"
    (base / "conda-meta").mkdir(parents=True)
    (base / "condabin").mkdir()
    (base / "conda-meta" / "history").touch()
    before = [files(each) for each in (mine, frozen, base)]
    for each in (mine, frozen, base):
        refused = iso("create", "-n", "x", "--prefix", str(each), "blue", "--conda")
        assert (refused["status"], refused["code"]) == (3, "not-ours"), refused
    assert [files(each) for each in (mine, frozen, base)] == before
    assert iso("env", "list")["environments"] == []


def test_search_asks_the_channels(iso: Iso) -> None:
    """conda search: where conda packages are declared, its channels are asked."""
    iso("create", "-n", "maps", "blue", "--conda")
    found = iso("search", "green", "-n", "maps")
    assert found["status"] == 0, found
    assert "2.0" in json.dumps(found)


def test_what_no_channel_has_is_said(iso: Iso) -> None:
    """And nothing is left of an environment that could not be made."""
    missing = iso("create", "-n", "maps", "nowhere", "--conda")
    assert (missing["status"], missing["code"]) == (3, "no-such-package")
    clash = iso("create", "-n", "maps", "blue=2", "cyan", "--conda")
    assert (clash["status"], clash["code"]) == (5, "no-versions-fit")
    assert iso("env", "list")["environments"] == []


def test_an_edit_in_one_prefix_reaches_no_other_and_not_the_cache(iso: Iso) -> None:
    """A module is changed where it lies: the clone, and what is made afterwards, have the original; doctor finds it."""
    first = Path(iso("create", "-n", "maps", "blue", "greeting", "--conda")["path"])
    second = Path(iso("clone", "maps", "twin")["path"])
    names = ["lib/python*/site-packages/blue/__init__.py", "share/greeting/place.txt", "bin/greeting"]
    pairs = [(next(first.glob(name)), next(second.glob(name))) for name in names]
    originals = [other.read_bytes().replace(str(second).encode(), b"HERE") for _, other in pairs]
    for mine, _ in pairs:
        with mine.open("r+b") as stream:
            stream.write(b"evil")
    third = Path(iso("clone", "maps", "third")["path"])
    for prefix in (second, third):
        found = [
            next(prefix.glob(name)).read_bytes().replace(str(prefix).encode(), b"HERE") for name in names
        ]
        assert found == originals
    examined = iso("doctor", "-n", "maps")
    problems = [item["seen"] for item in examined["findings"] if item["level"] == "problem"]
    assert examined["status"] == 1
    assert "blue/__init__.py" in " ".join(problems)
    assert iso("doctor", "-n", "maps", "--repair")["status"] == 0
    assert pairs[0][0].read_bytes() == originals[0]


def test_a_notebook_of_its_own_asks_for_conda_packages(iso: Iso) -> None:
    """Without any project, in its metadata; in a script block, in its table; and undone there."""
    path = notebook(iso.cwd / "a.ipynb")
    before = path.read_text()
    added = iso("add", "a.ipynb", "--conda", "blue<2", "python=3.12", "-c", iso.url)
    assert (added["status"], added["ready"]["backend"]) == (0, "conda"), added
    assert added["ready"]["version"].startswith("3.12.")
    spec = json.loads(path.read_text())["metadata"]["kernel_iso"]["spec"]
    assert (spec["conda"], spec["channels"], spec["python"]) == (["blue<2"], [iso.url], "3.12")
    assert iso("add", "a.ipynb", "red<2")["code"] == "no-such-package"
    assert iso("add", "a.ipynb", "--pypi", "red<2")["ready"]["packages"]["red"] == "1.0"
    gone = iso("remove", "a.ipynb", "blue", "red")
    assert gone["status"] == 0, gone
    assert "blue" not in gone["ready"]["packages"]
    assert iso("undo", "a.ipynb")["status"] == 0
    assert json.loads(path.read_text())["metadata"]["kernel_iso"]["spec"]["conda"] == ["blue<2"]
    table = f'# [tool.kernel-iso]\n# conda = ["green<2"]\n# channels = ["{iso.url}"]\n'
    block = f"# /// script\n# dependencies = []\n#\n{table}# ///"
    other = notebook(iso.cwd / "b.ipynb", block)
    assert iso("realise", "b.ipynb", "--trust")["packages"]["green"] == "1.0"
    assert iso("add", "b.ipynb", "tail")["status"] == 0
    assert '"tail"' in json.loads(other.read_text())["cells"][0]["source"]
    assert before != path.read_text()
