"""Environments of made-up machines, as trees of files: what is found, and what is read again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kernel_iso.discovery import Discovered, Environments, remembering

LONG_AGO = 1_700_000_000


def virtual(path: Path, version: str = "3.12.1", *packages: str, extra: str = "", threads: str = "") -> Path:
    """A virtual environment as its files tell it; nothing in it can be run."""
    minor = ".".join(version.split(".")[:2]) + threads
    site = path / "lib" / f"python{minor}" / "site-packages"
    site.mkdir(parents=True)
    for package in packages:
        (site / f"{package}.dist-info").mkdir()
    (path / "bin").mkdir()
    (path / "bin" / "python").write_text("#!/bin/false\n")
    (path / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion_info = {version}\n{extra}")
    return path


def conda(path: Path, *metas: str, packages: tuple[str, ...] = (), version: str = "3.12") -> Path:
    """A conda environment as its files tell it."""
    (path / "conda-meta").mkdir(parents=True)
    for name in metas:
        (path / "conda-meta" / f"{name}.json").write_text("{}")
    site = path / "lib" / f"python{version}" / "site-packages"
    site.mkdir(parents=True)
    for package in packages:
        (site / f"{package}.dist-info").mkdir()
    (path / "bin").mkdir()
    (path / "bin" / "python").write_text("#!/bin/false\n")
    return path


def settle(folder: Path) -> None:
    """Make every file and folder old: what has just changed is never taken from memory."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)


def find(home: Path, environ: dict[str, str] | None = None, **more: object) -> dict[str, Discovered]:
    """What is found, by its path below `home`."""
    root = {"root": home / "nowhere", "system": "linux"}
    found = Environments().find(environ or {}, home=home, **root | more)  # type: ignore[arg-type]
    return {Path(each.path).relative_to(home).as_posix(): each for each in found}


def test_every_usual_place_is_looked_at(tmp_path: Path) -> None:
    """The registry, conda's roots and folders, and the folders of the tools that make virtual environments."""
    conda(tmp_path / "miniforge3", "python-3.12.4-h1_cpython")
    conda(tmp_path / "miniforge3/envs/ml", "python-3.11.9-h1_cpython", version="3.11")
    conda(tmp_path / "far/away", "python-3.10.2-h1_cpython", version="3.10")
    (tmp_path / ".conda").mkdir()
    (tmp_path / ".conda/environments.txt").write_text(f"{tmp_path}/far/away\n{tmp_path}/gone\n\n")
    (tmp_path / ".condarc").write_text("envs_dirs:\n  - ~/big/envs\n")
    conda(tmp_path / "big/envs/data", "python-3.9.1-h1_cpython", version="3.9")
    conda(tmp_path / ".local/share/mamba/envs/mm", "python-3.12.0-h1_cpython")
    virtual(tmp_path / ".virtualenvs/plain")
    virtual(tmp_path / ".local/share/virtualenvs/site-AbC_1234")
    virtual(tmp_path / ".cache/pypoetry/virtualenvs/my-app-x1_3abcd-py3.12")
    virtual(tmp_path / ".local/share/hatch/env/virtual/lib/Xy12/lib")
    virtual(tmp_path / ".local/share/hatch/env/virtual/lib/Xy12/docs")
    virtual(tmp_path / ".pyenv/versions/work")
    virtual(tmp_path / ".local/share/uv/tools/ruff")
    (tmp_path / ".pyenv/versions/3.12.1/bin").mkdir(parents=True)
    found = {(each.tool, each.name, each.minor) for each in find(tmp_path).values()}
    assert found == {
        ("conda", "base", "3.12"), ("conda", "ml", "3.11"), ("conda", "away", "3.10"), ("conda", "data", "3.9"),
        ("conda", "mm", "3.12"), ("virtualenv", "plain", "3.12"), ("pipenv", "site", "3.12"),
        ("poetry", "my-app", "3.12"), ("hatch", "lib", "3.12"), ("hatch", "lib:docs", "3.12"), ("pyenv", "work", "3.12"),
    }  # fmt: skip


def test_variables_move_the_places(tmp_path: Path) -> None:
    """Those by which each tool is told of another folder."""
    conda(tmp_path / "a/envs/one", "python-3.12.4-h1_cpython")
    conda(tmp_path / "b/two", "python-3.12.4-h1_cpython")
    conda(tmp_path / "m/envs/three", "python-3.12.4-h1_cpython")
    virtual(tmp_path / "w/four")
    virtual(tmp_path / "p/virtualenvs/five")
    virtual(tmp_path / "h/env/virtual/six/d/six")
    environ = {
        "CONDA_EXE": "a/bin/conda", "CONDA_ENVS_PATH": "b", "MAMBA_ROOT_PREFIX": "m", "WORKON_HOME": "w",
        "POETRY_CACHE_DIR": "p", "HATCH_DATA_DIR": "h",
    }  # fmt: skip
    found = find(tmp_path, {name: str(tmp_path / value) for name, value in environ.items()})
    assert sorted(each.name for each in found.values()) == ["five", "four", "one", "six", "three", "two"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (".venv", "home"),
        ("ml/.venv", "ml"),
        ("ml/deep/venv", "deep"),
        ("ml/a/called", "called"),
        ("ml/.pixi/envs/default", "ml"),
        ("ml/.pixi/envs/gpu", "ml:gpu"),
    ],
)
def test_environments_beside_the_notebooks_are_found(tmp_path: Path, path: str, name: str) -> None:
    """Whatever their folder is called, three folders down at most."""
    work = tmp_path / "home"
    if ".pixi" in path:
        conda(work / path, "python-3.12.4-h1_cpython")
    else:
        virtual(work / path)
    (found,) = find(tmp_path, beside=str(work)).values()
    assert (found.name, found.path) == (name, str(work / path))


@pytest.mark.parametrize("path", ["a/b/c/venv", ".hidden/venv", "node_modules/x/venv", "linked/venv"])
def test_what_lies_too_deep_or_out_of_the_way_is_not_looked_for(tmp_path: Path, path: str) -> None:
    """Neither hidden folders, nor links to elsewhere, nor what a tool fills with thousands of folders."""
    work = tmp_path / "work"
    work.mkdir()
    if path.startswith("linked"):
        virtual(tmp_path / "elsewhere/venv")
        (work / "linked").symlink_to(tmp_path / "elsewhere")
    else:
        virtual(work / path)
    assert find(tmp_path, beside=str(work)) == {}


@pytest.mark.parametrize(
    ("metas", "packages", "torch"),
    [
        (("pytorch-2.5.1-py3.12_cuda12.4_cudnn9.1.0_0",), (), "2.5.1+cu124"),
        (("pytorch-2.9.0-cuda129_mkl_py312_h1_300",), ("torch-2.9.0",), "2.9.0+cu129"),
        (("pytorch-2.9.0-cpu_generic_py312_h1_0",), (), "2.9.0+cpu"),
        ((), ("torch-2.9.1+cu126",), "2.9.1+cu126"),
        ((), (), ""),
    ],
)
def test_the_torch_of_a_conda_environment_is_in_its_file_names(
    tmp_path: Path, metas: tuple[str, ...], packages: tuple[str, ...], torch: str
) -> None:
    """conda's own package first; a wheel that pip has installed otherwise."""
    conda(tmp_path / "miniforge3/envs/ml", "python-3.12.4-h1_cpython", *metas, packages=packages)
    (found,) = find(tmp_path).values()
    assert (found.kind, found.version, found.torch) == ("conda", "3.12.4", torch)


def test_a_virtual_environment_tells_python_torch_and_the_kernels_packages(tmp_path: Path) -> None:
    """From pyvenv.cfg, in each way it is written, and from the names in site-packages."""
    packages = ("torch-2.9.1+cu126", "ipykernel-7.4.0", "jupyter_client-8.10.0", "numpy-2.4.6")
    virtual(tmp_path / ".virtualenvs/a", "3.12.1", *packages)
    old = virtual(tmp_path / ".virtualenvs/b", "3.9.18")
    (old / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.9.18\n")
    virtual(tmp_path / ".virtualenvs/c", "3.13.2", threads="t")
    found = {each.name: each for each in find(tmp_path).values()}
    a, b, c = found["a"], found["b"], found["c"]
    assert (a.version, a.torch, a.ipykernel) == ("3.12.1", "2.9.1+cu126", "7.4.0")
    assert a.kernel == (("ipykernel", "7.4.0"), ("jupyter-client", "8.10.0"))
    assert (b.version, b.torch, b.ipykernel, c.minor) == ("3.9.18", "", "", "3.13t")


def test_what_is_no_environment_for_a_kernel_is_left_out(tmp_path: Path) -> None:
    """PyPy, folders with half an environment, and those of kernel-iso itself."""
    virtual(tmp_path / ".virtualenvs/pypy", extra="implementation = PyPy\n")
    conda(tmp_path / "miniforge3/envs/pypy", "python-3.9.18-0_73_pypy", version="3.9")
    conda(tmp_path / "miniforge3/envs/r", "r-base-4.4.1-h1")
    (tmp_path / ".virtualenvs/empty").mkdir()
    (tmp_path / ".virtualenvs/half").mkdir()
    (tmp_path / ".virtualenvs/half/pyvenv.cfg").write_text("version = 3.12.1\n")
    ours = virtual(tmp_path / ".virtualenvs/ours")
    (ours / ".kernel-iso").mkdir()
    assert find(tmp_path) == {}


def test_an_environment_is_told_once_and_a_broken_one_says_so(tmp_path: Path) -> None:
    """By links, by the registry and by a folder it is the same; a dangling interpreter is no interpreter."""
    real = virtual(tmp_path / "work/.venv")
    (tmp_path / ".virtualenvs").mkdir()
    (tmp_path / ".virtualenvs/link").symlink_to(real)
    (tmp_path / ".conda").mkdir()
    (tmp_path / ".conda/environments.txt").write_text(f"{real}\n")
    (real / "bin/python").unlink()
    (real / "bin/python").symlink_to("/gone/python3.12")
    (found,) = find(tmp_path, beside=str(tmp_path / "work"), folders=[str(tmp_path / "work")]).values()
    assert (found.path, found.broken) == (str(real), "the Python that it was made from is gone")


def test_names_that_would_mislead_are_shown_plain(tmp_path: Path) -> None:
    """Folder names and prompts are anybody's: what cannot be printed is left out."""
    virtual(tmp_path / ".virtualenvs/evil\u202e\n\x1b[31m", extra="prompt = x\u200b\n")
    (found,) = find(tmp_path).values()
    assert found.name == "evil[31m"


def test_on_windows_the_layout_is_its_own(tmp_path: Path) -> None:
    """`Scripts` and `Lib`; conda's interpreter lies at the top."""
    home = tmp_path / "ada"
    for path, python in (
        (home / ".virtualenvs/v", "Scripts/python.exe"),
        (home / "miniconda3/envs/c", "python.exe"),
    ):
        (path / "Lib/site-packages/torch-2.9.1+cu126.dist-info").mkdir(parents=True)
        (path / python).parent.mkdir(exist_ok=True)
        (path / python).touch()
    (home / ".virtualenvs/v/pyvenv.cfg").write_text("version = 3.12.1\n")
    (home / "miniconda3/envs/c/conda-meta").mkdir()
    (home / "miniconda3/envs/c/conda-meta/python-3.12.4-h1_cpython.json").touch()
    found = find(tmp_path / "ada", system="windows")
    assert [(each.torch, Path(each.python).relative_to(each.path).as_posix(), each.broken) for each in found.values()] == [
        ("2.9.1+cu126", "python.exe", ""), ("2.9.1+cu126", "Scripts/python.exe", "")]  # fmt: skip


class Reads:
    """Counts what is read from the disk: folders and files, not the times of either."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for module, name in ((remembering.os, "listdir"), (remembering.os, "scandir"), (Path, "open")):
            monkeypatch.setattr(module, name, self._counted(getattr(module, name)))

    def _counted(self, function):  # type: ignore[no-untyped-def]
        def counted(*arguments, **named):  # type: ignore[no-untyped-def]
            self.count += 1
            return function(*arguments, **named)

        return counted


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process may be started."""

    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError(f"a process was started: {arguments}")

    for module, name in ((subprocess, "Popen"), (os, "system"), (os, "posix_spawn"), (os, "fork")):
        monkeypatch.setattr(module, name, refuse)


def test_three_hundred_environments_are_listed_again_without_reading_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first time a few reads each, and no process; then only their times are looked at."""
    for number in range(150):
        virtual(tmp_path / f".virtualenvs/v{number}", "3.12.1", "torch-2.9.1", "ipykernel-7.4.0")
        conda(tmp_path / f"miniforge3/envs/c{number}", "python-3.12.4-h1_cpython")
    settle(tmp_path)
    forbid(monkeypatch)
    reads = Reads(monkeypatch)
    environments = Environments()

    def look() -> tuple[int, int]:
        before = reads.count
        found = environments.find({}, home=tmp_path, system="linux", root=tmp_path / "nowhere")
        return len(found), reads.count - before

    count, first = look()
    assert (count, first < 300 * 3 + 20) == (300, True)
    assert look() == (300, 0)
    virtual(tmp_path / ".virtualenvs/new")
    count, again = look()
    assert (count, again < 6) == (301, True)
    site = tmp_path / ".virtualenvs/v7/lib/python3.12/site-packages"
    (site / "torch-2.9.1.dist-info").rename(site / "torch-2.10.0.dist-info")
    found = environments.find({}, home=tmp_path, system="linux", root=tmp_path / "nowhere")
    assert [each.torch for each in found if each.name == "v7"] == ["2.10.0"]


def test_what_has_just_changed_is_read_again(tmp_path: Path) -> None:
    """A second change within the same tick of the clock would leave the time as it is."""
    site = virtual(tmp_path / ".virtualenvs/v") / "lib/python3.12/site-packages"
    environments = Environments()

    def torch() -> str:
        (found,) = environments.find({}, home=tmp_path, system="linux", root=tmp_path / "nowhere")
        return found.torch

    stamp = site.stat()
    assert torch() == ""
    (site / "torch-2.9.1.dist-info").mkdir()
    os.utime(site, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert torch() == "2.9.1"
