"""The Pythons of made-up machines, as trees of files, and of this one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kernel_iso import discovery
from kernel_iso.model import Python


def interpreter(path: Path) -> Path:
    """An executable file that nothing may run: it would fail."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/false\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def found(root: Path, environ: dict[str, str] | None = None, **more: str) -> list[tuple[str, str, str]]:
    """What is found on a machine whose files lie below `root`, as (source, version, path below the root)."""
    machine = {"system": "linux", "arch": "x86_64", "own": ""} | more
    pythons = discovery.pythons(environ or {}, home=root / "home", root=root, **machine)  # type: ignore[arg-type]
    return [(each.source, each.version, Path(each.path).relative_to(root).as_posix()) for each in pythons]


def test_uvs_come_before_pyenvs_and_the_systems(tmp_path: Path) -> None:
    """The sources are in this order, and the newest of each is first."""
    interpreter(tmp_path / "usr/bin/python3.13")
    for version in ("3.9.18", "3.10.13"):
        interpreter(tmp_path / f"home/.pyenv/versions/{version}/bin/python")
    for version in ("3.9.5", "3.12.10", "3.12.9"):
        minor = version.rpartition(".")[0]
        folder = tmp_path / f"home/.local/share/uv/python/cpython-{version}-linux-x86_64-gnu"
        interpreter(folder / f"bin/python{minor}")
    uv = "home/.local/share/uv/python/cpython"
    assert found(tmp_path) == [
        ("uv", "3.12.10", f"{uv}-3.12.10-linux-x86_64-gnu/bin/python3.12"),
        ("uv", "3.12.9", f"{uv}-3.12.9-linux-x86_64-gnu/bin/python3.12"),
        ("uv", "3.9.5", f"{uv}-3.9.5-linux-x86_64-gnu/bin/python3.9"),
        ("pyenv", "3.10.13", "home/.pyenv/versions/3.10.13/bin/python"),
        ("pyenv", "3.9.18", "home/.pyenv/versions/3.9.18/bin/python"),
        ("system", "3.13", "usr/bin/python3.13"),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "uv/python/pypy-3.10.14-linux-x86_64-gnu/bin/python3.10",
        "uv/python/cpython-3.13.0+freethreaded-linux-x86_64-gnu/bin/python3.13",
        "uv/python/cpython-3.13.0+debug-linux-x86_64-gnu/bin/python3.13",
        "uv/python/cpython-3.14.0rc1-linux-x86_64-gnu/bin/python3.14",
        "uv/python/cpython-3.13-linux-x86_64-gnu/bin/python3.13",
        "uv/python/cpython-3.13.0-linux-aarch64-gnu/bin/python3.13",
        "uv/python/cpython-3.13.0-linux-x86_64-musl/bin/python3.13",
        "uv/python/.temp/cpython-3.13.0-linux-x86_64-gnu/bin/python3.13",
        "pyenv/versions/3.13.0t/bin/python",
        "pyenv/versions/3.14-dev/bin/python",
        "pyenv/versions/pypy3.10-7.3.15/bin/python",
        "pyenv/versions/teaching/bin/python",
        "pyenv/shims/python",
        "usr/bin/python3",
        "usr/bin/python3.13t",
        "usr/bin/python3.13-config",
        "usr/bin/python2.7",
        "usr/bin/pypy3.10",
    ],
)
def test_what_no_prefix_can_be_made_from_is_left_out(tmp_path: Path, path: str) -> None:
    """Other implementations, builds, processors, pre-releases, environments and shims are not found."""
    interpreter(tmp_path / path)
    environ = {"XDG_DATA_HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path / "pyenv")}
    assert found(tmp_path, environ) == []


def test_broken_links_and_files_that_do_not_run_are_left_out(tmp_path: Path) -> None:
    """Neither a dangling link, nor a loop, nor a file without permission, nor a folder is an interpreter."""
    interpreter(tmp_path / "usr/bin/python3.9").chmod(0o644)
    (tmp_path / "usr/bin/python3.10").symlink_to(tmp_path / "gone")
    (tmp_path / "usr/bin/python3.11").symlink_to("python3.11")
    (tmp_path / "usr/bin/python3.12").mkdir()
    (tmp_path / "home/.pyenv/versions/3.13.0/bin").mkdir(parents=True)
    assert found(tmp_path) == []


def test_a_link_to_a_pyenv_shim_is_no_interpreter(tmp_path: Path) -> None:
    """A shim asks the working folder which Python it is, by whatever path it is reached."""
    shim = interpreter(tmp_path / "home/.pyenv/shims/python3.12")
    (tmp_path / "usr/local/bin").mkdir(parents=True)
    (tmp_path / "usr/local/bin/python3.12").symlink_to(shim)
    assert found(tmp_path) == []


def test_an_interpreter_counts_once_for_the_first_source_that_has_it(tmp_path: Path) -> None:
    """A link in /usr/local/bin to one of pyenv's is pyenv's."""
    real = interpreter(tmp_path / "home/.pyenv/versions/3.12.1/bin/python3.12")
    real.with_name("python").symlink_to("python3.12")
    (tmp_path / "usr/local/bin").mkdir(parents=True)
    (tmp_path / "usr/local/bin/python3.12").symlink_to(real)
    assert found(tmp_path) == [("pyenv", "3.12.1", "home/.pyenv/versions/3.12.1/bin/python")]


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ('#define PY_VERSION      \t"3.11.2"', "3.11.2"),
        ('#define PY_VERSION "3.11.2+"', "3.11.2"),
        ('#define PY_VERSION "3.12.0"', "3.11"),
        ("/* nothing */", "3.11"),
    ],
)
def test_the_patch_version_of_a_systems_python_is_in_its_headers(
    tmp_path: Path, header: str, version: str
) -> None:
    """The headers of the same minor version tell it; without them it stays unknown."""
    interpreter(tmp_path / "usr/bin/python3.11")
    folder = tmp_path / "usr/include/python3.11"
    folder.mkdir(parents=True)
    (folder / "patchlevel.h").write_text(f"/* Version */\n{header}\n", encoding="utf-8")
    assert found(tmp_path) == [("system", version, "usr/bin/python3.11")]


def test_a_systems_pre_release_is_left_out(tmp_path: Path) -> None:
    """Headers that tell a release candidate exclude the interpreter."""
    interpreter(tmp_path / "usr/bin/python3.15")
    folder = tmp_path / "usr/include/python3.15"
    folder.mkdir(parents=True)
    (folder / "patchlevel.h").write_text('#define PY_VERSION "3.15.0rc1"\n', encoding="utf-8")
    assert found(tmp_path) == []


def test_uvs_folder_can_be_set(tmp_path: Path) -> None:
    """UV_PYTHON_INSTALL_DIR replaces the usual folder."""
    interpreter(tmp_path / "mine/cpython-3.12.1-linux-x86_64-gnu/bin/python3.12")
    interpreter(tmp_path / "home/.local/share/uv/python/cpython-3.11.7-linux-x86_64-gnu/bin/python3.11")
    environ = {"UV_PYTHON_INSTALL_DIR": str(tmp_path / "mine")}
    assert [version for _, version, _ in found(tmp_path, environ)] == ["3.12.1"]


def test_a_relative_folder_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found can be started from any folder."""
    interpreter(tmp_path / "mine/cpython-3.12.1-linux-x86_64-gnu/bin/python3.12")
    monkeypatch.chdir(tmp_path)
    environ = {"UV_PYTHON_INSTALL_DIR": "mine"}
    assert found(tmp_path, environ) == [
        ("uv", "3.12.1", "mine/cpython-3.12.1-linux-x86_64-gnu/bin/python3.12")
    ]


def test_macos_has_homebrew_and_the_framework(tmp_path: Path) -> None:
    """Apple's names for the processor, Homebrew's patch version behind its links, python.org's framework."""
    cellar = "opt/homebrew/Cellar/python@3.12/3.12.7/Frameworks/Python.framework/Versions/3.12"
    real = interpreter(tmp_path / cellar / "bin/python3.12")
    header = tmp_path / cellar / "include/python3.12/patchlevel.h"
    header.parent.mkdir(parents=True)
    header.write_text('#define PY_VERSION "3.12.7"\n', encoding="utf-8")
    (tmp_path / "opt/homebrew/bin").mkdir()
    (tmp_path / "opt/homebrew/bin/python3.12").symlink_to(real)
    framework = "Library/Frameworks/Python.framework/Versions"
    interpreter(tmp_path / framework / "3.13/bin/python3.13")
    (tmp_path / framework / "Current").symlink_to("3.13")
    interpreter(tmp_path / "usr/bin/python3.9")
    uv = interpreter(
        tmp_path / "home/.local/share/uv/python/cpython-3.11.9-macos-aarch64-none/bin/python3.11"
    )
    assert found(tmp_path, system="macos", arch="arm64") == [
        ("uv", "3.11.9", uv.relative_to(tmp_path).as_posix()),
        ("system", "3.13", f"{framework}/3.13/bin/python3.13"),
        ("system", "3.12.7", "opt/homebrew/bin/python3.12"),
    ]


def test_windows_has_its_own_folders(tmp_path: Path) -> None:
    """pyenv-win, the installer's folders for one and for all, the install manager, and no 32-bit builds."""
    environ = {
        "APPDATA": str(tmp_path / "Roaming"),
        "LOCALAPPDATA": str(tmp_path / "Local"),
        "PROGRAMFILES": str(tmp_path / "Programs"),
        "SYSTEMDRIVE": str(tmp_path / "C"),
    }
    for path in (
        "Roaming/uv/python/cpython-3.12.1-windows-x86_64-none/python.exe",
        "Roaming/uv/data/python/cpython-3.10.9-windows-x86_64-none/python.exe",
        "home/.pyenv/pyenv-win/versions/3.11.7/python.exe",
        "home/.pyenv/pyenv-win/versions/3.11.8-win32/python.exe",
        "Local/Programs/Python/Python313/python.exe",
        "Local/Programs/Python/Python312-32/python.exe",
        "Local/Python/pythoncore-3.14-64/python.exe",
        "Local/Microsoft/WindowsApps/python3.12.exe",
        "Programs/Python310/python.exe",
        "C/Python39/python.exe",
    ):
        interpreter(tmp_path / path)
    header = tmp_path / "Programs/Python310/include/patchlevel.h"
    header.parent.mkdir()
    header.write_text('#define PY_VERSION "3.10.11"\n', encoding="utf-8")
    assert found(tmp_path, environ, system="windows") == [
        ("uv", "3.12.1", "Roaming/uv/python/cpython-3.12.1-windows-x86_64-none/python.exe"),
        ("uv", "3.10.9", "Roaming/uv/data/python/cpython-3.10.9-windows-x86_64-none/python.exe"),
        ("pyenv", "3.11.7", "home/.pyenv/pyenv-win/versions/3.11.7/python.exe"),
        ("system", "3.14", "Local/Python/pythoncore-3.14-64/python.exe"),
        ("system", "3.13", "Local/Programs/Python/Python313/python.exe"),
        ("system", "3.10.11", "Programs/Python310/python.exe"),
        ("system", "3.9", "C/Python39/python.exe"),
    ]


def test_a_machine_with_musl_takes_builds_for_musl(tmp_path: Path) -> None:
    """A uv folder in a home that machines share holds builds for both C libraries."""
    shelf, *_ = discovery.shelves({}, home=tmp_path, system="linux", arch="x86_64", musl=True)
    assert shelf.entry.fullmatch("cpython-3.12.1-linux-x86_64-musl")
    assert not shelf.entry.fullmatch("cpython-3.12.1-linux-x86_64-gnu")


def test_the_engines_own_is_the_base_of_its_virtual_environment(tmp_path: Path) -> None:
    """`self` is last, has this process's version, and is an interpreter outside every virtual environment."""
    *_, own = discovery.pythons({}, home=tmp_path, root=tmp_path)
    assert own == Python(
        version=".".join(map(str, sys.version_info[:3])), path=sys._base_executable, source="self"
    )
    prefixes = subprocess.run(
        [own.path, "-I", "-c", "import sys; print(sys.prefix == sys.base_prefix)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert prefixes.stdout.strip() == "True"


def test_an_engine_that_is_not_told_has_no_self(tmp_path: Path) -> None:
    """An embedded interpreter has no path of its own."""
    assert discovery.pythons({}, home=tmp_path, root=tmp_path, own="") == ()


def test_this_machines_pythons_are_what_they_are_said_to_be() -> None:
    """Each interpreter that is found here tells the version under which it was found."""
    pythons = discovery.pythons(os.environ, home=Path.home())
    assert pythons
    for python in pythons:
        answer = subprocess.run(
            [python.path, "-E", "-s", "-c", "import platform; print(platform.python_version())"],
            capture_output=True,
            text=True,
            check=True,
        )
        told = answer.stdout.strip()
        assert told == python.version or told.startswith(f"{python.version}."), python


def test_discovery_takes_milliseconds() -> None:
    """No tool is run: the best of five looks at this machine takes less than 50 ms."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        discovery.pythons(os.environ, home=Path.home())
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05
