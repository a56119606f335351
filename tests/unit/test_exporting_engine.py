"""Exports of real environments: made by kernel-iso, found on the machine, with conda's packages and without."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel_iso import backends, cli
from kernel_iso.backends import condalocks
from kernel_iso.engine import environments, exporting, freezing, preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.targets import Target
from kernel_iso.engine.verbs import TABLE
from kernel_iso.errors import ImpossibleError, NotApprovedError, SpecError
from kernel_iso.exporting import FORMATS, Exported
from kernel_iso.model import Accelerator, Event, Machine, Part
from kernel_iso.notebooks import environment_yml

if TYPE_CHECKING:
    from conda_channel import Served

LABEL = Target(kind="environment", name="lab")


@pytest.fixture
def engine(tmp_path: Path, served_channel: Served, conda_cache: Path) -> Engine:
    """An engine whose only channel is the tiny one over HTTP, and whose kernels need nothing of their own."""
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "policy.toml").write_text(
        f'channels = ["{served_channel.url}"]\ncompanions = []\ncache = "{conda_cache}"\nplatforms = []\n',
        encoding="utf-8",
    )
    environ = {
        **os.environ, "KERNEL_ISO_CONFIG": str(folder / "policy.toml"), "KERNEL_ISO_STORE": str(tmp_path / "store"),
    }  # fmt: skip
    return Engine.open(environ)


def _lab(engine: Engine) -> None:
    environments.create(engine, "lab", ["python=3.11", "blue"], conda=True)


def test_a_conda_environment_in_every_form(engine: Engine, served_channel: Served) -> None:
    """What is exported is what was installed, and comes back through our own readers."""
    _lab(engine)
    prefix = engine.store.prefixes()[0]
    there = {(each.name, each.version, each.build) for each in prefix.packages}

    full = exporting.export(engine, LABEL, "environment.yml").files["environment.yml"]
    read = environment_yml.parse(full, "environment.yml")
    assert read.conda == ("blue=2.0=pyhiso_0", "green=2.0=pyhiso_0")
    assert read.python == next(each.version for each in prefix.packages if each.name == "python")

    asked = exporting.export(engine, LABEL, "environment.yml", history=True).files["environment.yml"]
    read = environment_yml.parse(asked, "environment.yml")
    assert (read.python, read.conda, read.channels) == ("3.11", ("blue",), (served_channel.url,))

    for form in ("explicit", "conda-lock", "pixi.lock"):
        made = exporting.export(engine, LABEL, form)
        assert made == exporting.export(engine, LABEL, form)
        ((name, text),) = made.files.items()
        found = condalocks.read(name, text, "linux-64", engine.run("read"))
        assert {(each.name, each.version, each.build) for each in found.artefacts} == there
        assert {each.base for each in found.artefacts} == {served_channel.url}
        assert any("is not a public channel" in note for note in made.notes)


def test_an_export_for_another_machine_is_of_the_builds_that_run_there(engine: Engine) -> None:
    """A login node writes for a GPU node: the lock gets its part, and this machine's stays as it is."""
    environments.create(engine, "lab", ["python=3.11", "pytorch=2.9"], conda=True)
    gpu = Accelerator(kind="cuda", name="A100", architecture="8.0", driver="580.95.05", cuda="13.0")
    node = Machine(os="linux", arch="x86_64", libc="glibc 2.36", accelerators=(gpu,))
    here = exporting.export(engine, LABEL, "explicit").files["explicit.txt"]
    there = exporting.export(engine, LABEL, "explicit", elsewhere=node).files["explicit.txt"]
    assert ("pytorch-2.9.1-cpu_" in here, "pytorch-2.9.1-cuda" in there) == (True, True)
    assert exporting.export(engine, LABEL, "explicit").files["explicit.txt"] == here


def test_a_list_that_was_exported_is_installed_as_the_same_prefix(engine: Engine, tmp_path: Path) -> None:
    """By our own backend, which reads it as any other explicit list."""
    _lab(engine)
    text = exporting.export(engine, LABEL, "explicit").files["explicit.txt"]
    plan = preparing.make_plan(engine, preparing.read(engine, LABEL))
    backend, run = backends.find("conda"), engine.run("test")
    python = backend.realise(plan, Part(text=text, kind="conda"), str(tmp_path / "again"), run)
    assert [(each.name, each.version, each.build, each.channel) for each in backend.inspect(python, run)] == [
        (each.name, each.version, each.build, each.channel) for each in engine.store.prefixes()[0].packages
    ]


def test_an_unapproved_notebook_tells_its_wishes_only(engine: Engine, tmp_path: Path) -> None:
    """Nothing is resolved for a stranger's notebook."""
    path = tmp_path / "theirs.ipynb"
    cell = {
        "cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": [],
        "source": '# /// script\n# dependencies = ["six"]\n# ///',
    }  # fmt: skip
    document = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(document), encoding="utf-8")
    target = Target(kind="notebook", path=str(path))
    with pytest.raises(NotApprovedError):
        exporting.export(engine, target, "pylock.toml")
    made = exporting.export(engine, target, "requirements.txt", minimal=True)
    assert made.files["requirements.txt"].splitlines()[-1] == "six"
    made = exporting.export(engine, target, "environment.yml", history=True)
    assert made.files["environment.yml"].startswith("name: theirs\n")


def test_the_verb_offers_every_format() -> None:
    (form,) = (each for each in TABLE["export"].arguments if each.name == "form")
    assert form.choices == FORMATS


def test_what_pip_put_over_condas_package_is_named_too(
    engine: Engine, tiny_prefix: Path, tmp_path: Path
) -> None:
    """Whoever installs the file gets what is there: conda's package first, and pip's over it."""
    folder = tmp_path / "changed"
    shutil.copytree(tiny_prefix, folder, symlinks=True)
    (info,) = folder.glob("lib/python*/site-packages/blue-*.dist-info")
    (info / "INSTALLER").write_text("pip", encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: blue\nVersion: 3.0\n", encoding="utf-8")
    made = exporting.export(engine, Target(kind="discovered", name=str(folder)), "environment.yml")
    assert "- blue=2.0=pyhiso_0\n" in made.files["environment.yml"]
    assert "  - blue==3.0\n" in made.files["environment.yml"]
    assert "blue was put over conda's by pip, and both are named" in made.notes


def test_what_needs_the_channels_is_refused_without_them(engine: Engine, served_channel: Served) -> None:
    """An MD5 is nowhere but in a channel's list; what a package needs stands in the prefix too."""
    from conda_channel import Fault

    _lab(engine)
    off = Engine.open({**engine.environ, "KERNEL_ISO_CACHE": "off"})
    served_channel.faults["repodata"] = Fault(status=404)
    with pytest.raises(ImpossibleError) as caught:
        exporting.export(off, LABEL, "conda-lock")
    assert (caught.value.code, "has none on record" in caught.value.because) == ("format-cannot-hold", True)
    assert "blue-2.0-pyhiso_0.conda" in exporting.export(off, LABEL, "pixi.lock").files["pixi.lock"]


def test_an_environment_that_was_found_is_exported_and_not_changed(engine: Engine, tiny_prefix: Path) -> None:
    """Its packages come from a folder here, so that nothing that names addresses can be written."""
    before = sorted(path.name for path in tiny_prefix.rglob("*"))
    target = Target(kind="discovered", name=str(tiny_prefix))
    made = exporting.export(engine, target, "environment.yml")
    assert "blue=2.0=pyhiso_0" in made.files["environment.yml"]
    assert str(tiny_prefix.parent) not in made.files["environment.yml"]
    asked = exporting.export(engine, target, "environment.yml", history=True)
    read = environment_yml.parse(asked.files["environment.yml"], "e.yml")
    assert read.conda == ("activating=1.0", "blue=2.0", "greeting=1.0")
    assert any("nobody recorded" in note for note in asked.notes)
    with pytest.raises(ImpossibleError) as caught:
        exporting.export(engine, target, "explicit")
    assert caught.value.code == "local-address"
    assert sorted(path.name for path in tiny_prefix.rglob("*")) == before


def test_what_conda_was_asked_for_is_in_its_history(tmp_path: Path) -> None:
    """The last word on each package counts."""
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "history").write_text(
        "==> 2026-01-01 00:00:00 <==\n# cmd: conda create -n x python=3.11 numpy\n"
        "+conda-forge/linux-64::numpy-2.1.0-py311_0\n# update specs: ['numpy', 'python=3.11', 'scipy']\n"
        '==> 2026-01-02 00:00:00 <==\n# update specs: ["numpy[version=\'>=2\']", "conda-forge::gdal"]\n'
        "# remove specs: ['scipy']\n# update specs: ['https://x.org/c/noarch/a-1-0.conda']\n"
        "# update specs: ['numpy>=2,<3']\n",
        encoding="utf-8",
    )
    assert freezing.history(tmp_path) == ("conda-forge::gdal", "numpy>=2,<3", "python=3.11")
    assert freezing.history(tmp_path / "nowhere") == ()


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A virtual environment with packages that are nothing but their metadata."""
    folder = tmp_path / "my env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    for name, version, files in (
        ("blue", "1.0", {"REQUESTED": "", "INSTALLER": "pip"}),
        ("green", "2.0+local", {"INSTALLER": "pip"}),
        ("mine", "0.1", {"direct_url.json": json.dumps({"url": "file:///home/ada/mine", "dir_info": {"editable": True}})}),
        ("git-one", "3.0", {"REQUESTED": "", "direct_url.json": json.dumps({
            "url": "https://ada:hunter2@example.org/one", "vcs_info": {"vcs": "git", "commit_id": "abc123"}})}),
    ):  # fmt: skip
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        needs = "Requires-Dist: green\n" if name == "blue" else ""
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}", encoding="utf-8"
        )
        for file, text in files.items():
            (info / file).write_text(text, encoding="utf-8")
    return folder


def test_a_virtual_environment_that_was_found(engine: Engine, venv: Path) -> None:
    """What came from a folder is left out and said, what came from a repository is named without its login."""
    target = Target(kind="discovered", name=str(venv))
    made = exporting.export(engine, target, "environment.yml")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert made.files["environment.yml"] == (
        f"name: my-env\nchannels:\n- conda-forge\ndependencies:\n- python={version}\n- pip\n- pip:\n"
        "  - blue==1.0\n  - git-one @ git+https://example.org/one@abc123\n  - green==2.0+local\n"
    )
    assert made.notes == ("left out: mine, which is installed from a folder of this machine",)
    asked = exporting.export(engine, target, "requirements.txt", minimal=True).files["requirements.txt"]
    assert asked.splitlines()[1:] == ["blue==1.0", "git-one @ git+https://example.org/one@abc123"]
    with pytest.raises(ImpossibleError) as caught:
        exporting.export(engine, target, "pylock.toml")
    assert caught.value.code == "format-cannot-hold"


# The command line -----------------------------------------------------------------------------------------

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Types a command line; gives its status, what it says and what it tells beside."""
    monkeypatch.setenv("KERNEL_ISO_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        status = cli.main(list(words))
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_export_prints_the_file_and_tells_what_is_left_out_beside_it(say: Say, venv: Path) -> None:
    status, out, err = say("export", "--prefix", str(venv))
    assert status == 0
    assert out.startswith("name: my-env\n")
    assert "left out: mine" in err
    assert "left out" not in out


def test_env_export_knows_the_words_of_conda(say: Say, venv: Path, tmp_path: Path) -> None:
    status, out, _ = say("env", "export", str(venv), "--no-builds", "--file", "out.yml")
    assert (status, out) == (0, "wrote out.yml\n")
    assert (tmp_path / "out.yml").read_text(encoding="utf-8").startswith("name: my-env\n")


def test_export_of_a_folder_that_is_an_environment(say: Say, venv: Path) -> None:
    status, out, _ = say("export", str(venv), "--as", "requirements.txt", "--minimal", "--json")
    assert status == 0
    assert list(json.loads(out.splitlines()[-1])["result"]["files"]) == ["requirements.txt"]


def test_export_of_nothing_is_refused(say: Say, tmp_path: Path) -> None:
    status, _, err = say("export", "--prefix", str(tmp_path / "nowhere"))
    assert (status, "[no-environment]" in err) == (4, True)
    status, _, err = say("export", "--as", "word")
    assert (status, "environment.yml" in err) == (2, True)


def test_several_files_go_into_a_folder(tmp_path: Path) -> None:
    made = Exported(files={"pylock.toml": "a", "pylock.cpu.toml": "b"})
    assert exporting.write(made, tmp_path / "locks") == [
        tmp_path / "locks" / "pylock.toml", tmp_path / "locks" / "pylock.cpu.toml",
    ]  # fmt: skip
    assert (tmp_path / "locks" / "pylock.cpu.toml").read_text(encoding="utf-8") == "b"
    one = Exported(files={"explicit.txt": "c"})
    assert exporting.write(one, tmp_path / "locks") == [tmp_path / "locks" / "explicit.txt"]
    assert exporting.write(one, tmp_path / "list.txt") == [tmp_path / "list.txt"]
    with pytest.raises(SpecError) as caught:
        exporting.write(one, tmp_path / "no" / "where" / "list.txt")
    assert caught.value.code == "no-folder"


@pytest.mark.network
def test_a_virtual_environment_of_kernel_iso_in_every_form(engine: Engine) -> None:
    """Hashes and addresses are those of the index, and uv takes the lock."""
    environments.create(engine, "plain", ["six", "requests[socks]"], conda=False)
    target, told = Target(kind="environment", name="plain"), list[Event]()
    made = exporting.export(engine.with_emit(told.append), target, "pylock.toml")
    assert 'name = "pysocks"' in made.files["pylock.toml"]
    hashed = exporting.export(engine, target, "requirements.txt").files["requirements.txt"]
    asked = exporting.export(engine, target, "requirements.txt", minimal=True).files["requirements.txt"]
    assert asked.splitlines()[-2:] == ["six", "requests[socks]"]
    assert hashed.count("--hash=sha256:") >= hashed.count("==")
    assert (
        "- requests[socks]"
        in exporting.export(engine, target, "environment.yml", history=True).files["environment.yml"]
    )
    with pytest.raises(ImpossibleError):
        exporting.export(engine, target, "explicit")
