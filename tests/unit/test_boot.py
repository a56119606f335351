"""The guest that becomes the kernel: as stock ipykernel in everything, in every Python from 3.9."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

import kernel_iso

BOOT = Path(kernel_iso.__file__).parent / "guest" / "boot.py"
# This interpreter, and every one from 3.9 that pyenv has here.
PYTHONS = [
    sys.executable,
    *(str(path) for path in sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
      if int(path.parts[-3].split(".")[1]) >= 9),
]  # fmt: skip

# What ipykernel's own launcher does to sys.path (ipykernel 7.4), and then it tells what it sees.
LAUNCHER = """
import json, os, sys
from pathlib import Path
if __name__ == "__main__":
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]
    main = sys.modules["__main__"]
    print(json.dumps({
        "argv": sys.argv, "path": sys.path, "file": main.__file__, "spec": main.__spec__.name,
        "ours": [name for name, module in sys.modules.items() if ".kernel-iso" in str(getattr(module, "__file__", ""))],
        "importers": [entry for entry in sys.path_importer_cache if ".kernel-iso" in entry],
    }), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    """The guest as the engine puts it into a prefix."""
    folder = tmp_path / "prefix" / ".kernel-iso"
    folder.mkdir(parents=True)
    shutil.copy(BOOT, folder)
    return folder / "boot.py"


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder of packages with a launcher that tells what it sees."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "ipykernel_launcher.py").write_text(LAUNCHER)
    return folder


def seen(argv: list[str], packages: Path, **environ: str) -> dict[str, Any]:
    done = subprocess.run(
        argv, env=os.environ | {"PYTHONPATH": str(packages)} | environ, cwd=packages.parent,
        capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize("safe", ["", "1"])
@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: Path(path).parts[-3])
def test_the_launcher_sees_what_it_sees_with_minus_m(
    guest: Path, packages: Path, python: str, safe: str
) -> None:
    """Arguments, path and `__main__` are the same; the guest's folder is on no path and it is no module."""
    stock = seen(
        [python, "-m", "ipykernel_launcher", "-f", "/run/k.json", "--debug"], packages, PYTHONSAFEPATH=safe
    )
    ours = seen([python, str(guest), "-f", "/run/k.json", "--debug"], packages, PYTHONSAFEPATH=safe)
    assert stock == ours
    assert (ours["ours"], ours["importers"]) == ([], [])


def test_a_prefix_without_ipykernel_says_so(guest: Path, tmp_path: Path) -> None:
    """The process ends with one sentence and what to do, not with a traceback."""
    empty = [sys.executable, "-I", "-S", str(guest), "-f", "/run/k.json"]
    done = subprocess.run(empty, capture_output=True, text=True)
    assert done.returncode == 1
    assert "kernel-iso cannot start a kernel: ipykernel is not importable in " in done.stderr
    assert "kernel-iso realise --fresh" in done.stderr.splitlines()[-1]


def test_it_holds_the_prefix_while_it_runs(guest: Path, packages: Path) -> None:
    """Nobody gets the exclusive lock until the process has ended; children do not inherit it."""
    fcntl = pytest.importorskip(
        "fcntl", reason="Windows has no shared lock; an open file cannot be moved there"
    )
    in_use = guest.parent / "in-use"
    process = subprocess.Popen(
        [sys.executable, str(guest)], env=os.environ | {"PYTHONPATH": str(packages)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    with in_use.open() as stream:
        with pytest.raises(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process.communicate()
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_prefix_that_is_being_removed_starts_no_kernel(guest: Path, packages: Path) -> None:
    """Whoever removes it holds the lock alone: the kernel gives up after a second and says why."""
    fcntl = pytest.importorskip(
        "fcntl", reason="Windows has no shared lock; an open file cannot be moved there"
    )
    with (guest.parent / "in-use").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        done = subprocess.run(
            [sys.executable, str(guest)], env=os.environ | {"PYTHONPATH": str(packages)},
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "this environment is being removed" in done.stderr


def test_a_prefix_that_cannot_be_written_starts(guest: Path, packages: Path) -> None:
    """Where the lock's file cannot be made, nothing can remove the prefix either."""
    (guest.parent / "in-use").symlink_to(guest.parent / "no-such-folder" / "in-use")
    assert str(packages) in seen([sys.executable, str(guest)], packages)["path"]


LOOK = """
import json, sys, __main__
print(json.dumps({
    "argv": sys.argv[0], "path": sys.path, "main": sorted(vars(__main__).keys() - {"_i2", "_i3"}),
    "modules": sorted(sys.modules), "spec": str(__main__.__spec__),
}))
"""


def in_kernel(argv: list[str], cwd: Path, code: str = LOOK) -> dict[str, Any]:
    """Run code in a real kernel."""
    manager = KernelManager()
    manager._kernel_spec = KernelSpec(argv=argv, display_name="k", language="python")
    manager.start_kernel(cwd=str(cwd), stderr=subprocess.DEVNULL)
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=30)
        text: list[str] = []
        client.execute_interactive(code, output_hook=lambda m: text.append(m["content"].get("text", "")))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.context.destroy()
    return json.loads("".join(text))


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a cell sees in a stock kernel."""
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return in_kernel(command, tmp_path_factory.mktemp("stock"))


def test_a_cell_sees_what_it_sees_in_a_stock_kernel(
    guest: Path, tmp_path: Path, stock: dict[str, Any]
) -> None:
    """Path, arguments, every loaded module and the names in `__main__` are those of stock ipykernel."""
    assert stock == in_kernel([sys.executable, str(guest), "-f", "{connection_file}"], tmp_path)


def test_own_code_comes_after_the_notebooks_folder_and_companions_last(
    guest: Path, tmp_path: Path, stock: dict[str, Any]
) -> None:
    """A module of the project that is called like one of ipykernel's does not get in the kernel's way."""
    own, companions = tmp_path / "src", tmp_path / "companions"
    for folder in (own, companions):
        folder.mkdir()
    (own / "tornado.py").write_text("raise SystemExit('this is the project')")
    settings = {"own_paths": [str(own)], "companions": str(companions), "companions_first": False}
    (guest.parent / "launch.json").write_text(json.dumps(settings))
    path = in_kernel([sys.executable, str(guest), "-f", "{connection_file}"], tmp_path)["path"]
    place = stock["path"].index("") + 1
    assert [*stock["path"][:place], str(own), *stock["path"][place:], str(companions)] == path


def test_companions_can_come_before_the_prefixs_packages(guest: Path, tmp_path: Path) -> None:
    """Where the prefix holds versions that ipykernel cannot work with, its own set is found first."""
    companions = tmp_path / "companions"
    companions.mkdir()
    (companions / "ipykernel_launcher.py").write_text(LAUNCHER)
    settings = {"companions": str(companions), "companions_first": True}
    (guest.parent / "launch.json").write_text(json.dumps(settings))
    path = seen([sys.executable, str(guest)], tmp_path)["path"]
    packages = [index for index, entry in enumerate(path) if entry.endswith("site-packages")]
    assert path.index(str(companions)) + 1 == packages[0]


def test_a_cell_that_uses_no_magic_pays_nothing_for_them(
    guest: Path, tmp_path: Path, stock: dict[str, Any]
) -> None:
    """With `%iso` at hand nothing more is loaded, nothing is in the names of a cell, and its file is not even read."""
    (guest.parent / "launch.json").write_text(json.dumps({"cli": ["no-such-engine"]}))
    assert stock == in_kernel([sys.executable, str(guest), "-f", "{connection_file}"], tmp_path)


def test_magics_that_cannot_be_loaded_say_so_and_the_kernel_works(guest: Path, tmp_path: Path) -> None:
    """A damaged file is one sentence in the cell that asks for it."""
    (guest.parent / "launch.json").write_text(json.dumps({"cli": ["no-such-engine"]}))
    (guest.parent / "magics.py").write_text("def magic(line, cell=None:")
    code = """
import contextlib, io, json
said = io.StringIO()
with contextlib.redirect_stderr(said):
    get_ipython().run_line_magic("iso", "status")
print(json.dumps({"said": said.getvalue()}))
"""
    said = in_kernel([sys.executable, str(guest), "-f", "{connection_file}"], tmp_path, code)["said"]
    assert said.startswith("kernel-iso cannot load %iso: SyntaxError")
    assert said.endswith("the kernel works without it\n")
