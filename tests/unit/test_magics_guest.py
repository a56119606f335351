"""The guest behind `%iso`, in every Python from 3.9 that is here: its protocol, and that no kernel hangs or dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kernel_iso

GUEST = Path(kernel_iso.__file__).parent / "guest"
HERE = Path(__file__).parents[1] / "magics"
PYTHONS = [
    sys.executable,
    *(str(path) for path in sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
      if int(path.parts[-3].split(".")[1]) >= 9),
]  # fmt: skip


@pytest.fixture(params=PYTHONS, ids=lambda path: Path(path).parts[-3])
def python(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def prefix(tmp_path: Path, python: str) -> Path:
    """The folder of a prefix whose engine is the one of these tests."""
    return made(tmp_path / "first", [python, str(HERE / "engine.py")])


def made(prefix: Path, cli: list[str]) -> Path:
    folder = prefix / ".kernel-iso"
    folder.mkdir(parents=True)
    for name in ("boot.py", "magics.py", "widgets.py"):
        (folder / name).write_bytes((GUEST / name).read_bytes())
    about = {"cli": cli, "notebook": "/home/ada/a.ipynb", "environment": ""}
    (folder / "launch.json").write_text(json.dumps(about))
    return prefix


def drive(python: str, prefix: Path, *lines: str, **environ: str) -> dict[str, Any]:
    """What came of each line."""
    done = subprocess.run(
        [python, str(HERE / "drive.py"), str(prefix), *lines], env=os.environ | environ,
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_engine_is_handed_the_line_and_what_is_loaded(python: str, prefix: Path) -> None:
    """One request on stdin; what makes the kernel's Python what it is does not reach the engine's; nothing is importable."""
    path = os.pathsep.join([str(prefix / "bin"), os.environ["PATH"]])
    found = drive(
        python, prefix, "asked", PATH=path, VIRTUAL_ENV=str(prefix), PYTHONNOUSERSITE="1", HELLO="1"
    )
    seen = json.loads(found["told"][0]["shown"][0]["text/plain"])
    assert seen["argv"] == ["cell", "--json"]
    assert seen["asked"] == {
        "do": "line", "line": "asked", "cell": None, "modules": {}, "protocol": 1, "prefix": str(prefix)
    }  # fmt: skip
    assert {"VIRTUAL_ENV", "PYTHONNOUSERSITE", "HELLO"} & set(seen["environ"]) == {"HELLO"}
    assert found["importable"] == []


def test_events_and_results_are_done_and_unknown_ones_passed_over(python: str, prefix: Path) -> None:
    """Output is printed, texts are shown in order, a value is bound, the status is kept; plain text is printed too."""
    (told,) = drive(python, prefix, "events")["told"]
    assert told["printed"] == "out\nplain text\n"
    assert [bundle["text/plain"] for bundle in told["shown"]] == ["before", "after"]
    assert told["names"] == {"_exit_code": 3, "x": [1]}


def test_an_error_is_three_lines_and_no_traceback(python: str, prefix: Path) -> None:
    (told,) = drive(python, prefix, "fails")["told"]
    assert told["error"]["text"] == "kernel-iso cannot  [no-such-thing]"
    assert told["error"]["lines"] == [
        "\x1b[1;31mkernel-iso cannot  [no-such-thing]\x1b[0m", "because: it is not", "hint:    do",
        "\x1b[2m    t\x1b[0m",
    ]  # fmt: skip


def test_a_kernel_takes_its_packages_from_another_generation(
    python: str, prefix: Path, tmp_path: Path
) -> None:
    """`sys.path`, PATH, prefix and executable move together; the new prefix is held, and links in it are read."""
    later = made(tmp_path / "second", ["nothing"])
    packages, extra = later / "lib" / "site-packages", tmp_path / "extra"
    for folder in (packages, prefix / "lib" / "site-packages", extra):
        folder.mkdir(parents=True)
    (packages / "new.pth").write_text(str(extra))
    path, site = os.pathsep.join([str(prefix / "bin"), "/usr/bin"]), str(prefix / "lib" / "site-packages")
    state = drive(python, prefix, f"switch {later}", PATH=path, PACKAGES=site)["state"]
    assert state["path"][-2:] == [str(packages), str(extra)]
    assert (state["prefix"], state["executable"]) == (str(later), str(later / "bin" / "python"))
    assert state["PATH"] == os.pathsep.join([str(later / "bin"), "/usr/bin"])
    assert (later / ".kernel-iso" / "in-use").exists()


def test_an_interrupt_ends_the_engine_and_the_kernel_lives(python: str, prefix: Path) -> None:
    """What the engine says of it is shown; one that does not listen is killed; the next line works."""
    polite, stubborn, after = drive(python, prefix, "interrupted", "stubborn", "events")["told"]
    assert polite["error"]["text"] == "kernel-iso stopped `x`  [cancelled]"
    assert stubborn["error"]["text"] == "kernel-iso stopped  [cancelled]"
    assert after["error"] is None


def test_an_engine_that_cannot_be_reached_is_told_with_what_to_type(python: str, tmp_path: Path) -> None:
    """It is gone, or dies without an answer: three lines, and its last words."""
    gone = made(tmp_path / "gone", [str(tmp_path / "no-such-python"), "-m", "kernel_iso"])
    dies = made(tmp_path / "dies", [python, str(HERE / "engine.py")])
    (first,), (second,) = drive(python, gone, "add polars")["told"], drive(python, dies, "dies")["told"]
    assert (
        first["error"]["text"] == "kernel-iso cannot reach its engine from this kernel  [engine-unreachable]"
    )
    typed = "KERNEL_ISO_NOTEBOOK='/home/ada/a.ipynb' kernel-iso add polars"
    assert first["error"]["lines"][2] == f"hint:    type this where kernel-iso is installed: {typed}"
    assert second["error"]["lines"][1] == "because: the engine ended with status 1 and no answer"
    assert second["error"]["lines"][3] == "\x1b[2m    Segmentation fault, or so\x1b[0m"


def test_a_child_that_outlives_the_engine_does_not_keep_the_cell(python: str, prefix: Path) -> None:
    """It holds the pipe; the answer was given, and the line ends."""
    (told,) = drive(python, prefix, "leaves a child")["told"]
    assert told["error"] is None
    os.kill(int(told["shown"][0]["text/plain"]), 9)


def test_verbs_options_packages_and_environments_are_completed(python: str, prefix: Path) -> None:
    """From a table that the engine gives; another one for cells."""
    lines = ["%iso ", "%iso add ", "%iso add po", "%iso add -n ", "%iso env ", "%%iso "]
    assert drive(python, prefix, *(f"TAB {line}" for line in lines))["told"] == [
        ["add", "env"], ["--dry-run", "polars"], ["--dry-run", "polars"], ["vision"], ["list"], ["run"],
    ]  # fmt: skip
