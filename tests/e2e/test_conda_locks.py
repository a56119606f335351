"""Locks of conda packages: where they lie, what another machine makes of them, and their parts for GPUs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conda_face import Iso, face, notebook, project
from wheelhouse import Wheelhouse

from kernel_iso.engine import Engine, editing, laying, targets
from kernel_iso.model import Lock
from kernel_iso.notebooks import read


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    """What stands for PyPI."""
    with Wheelhouse() as house:
        house.wheel("red", "1.0")
        yield house


@pytest.fixture
def iso(
    tiny_channel: Path, conda_cache: Path, tmp_path: Path, environ: dict[str, str], index: Wheelhouse
) -> Iso:
    return face(tiny_channel, conda_cache, tmp_path / "work", environ, index=index.url)


RED = "  - pip:\n      - red\n"
GPU = {"CONDA_OVERRIDE_CUDA": "12.8", "CONDA_OVERRIDE_CUDA_ARCH": "8.6"}


def gpu(cuda: str) -> dict[str, str]:
    """A machine whose driver has this CUDA."""
    return {**GPU, "CONDA_OVERRIDE_CUDA": cuda}


def ask(iso: Iso, *dependencies: str, more: str = "") -> Path:
    """A notebook beside an environment.yml, approved."""
    project(iso.cwd, iso.url, *dependencies, more=more)
    path = notebook(iso.cwd / "a.ipynb")
    assert iso("trust", "a.ipynb")["status"] == 0
    return path


def elsewhere(iso: Iso, tmp_path: Path) -> dict[str, str]:
    """Another machine: its store is empty, no channel can be reached; the cache of packages came along."""
    return {"KERNEL_ISO_STORE": str(tmp_path / "elsewhere"), "KERNEL_ISO_OFFLINE": "1"}


def torch_of(ready: dict[str, Any]) -> str:
    """The torch that the prefix's own interpreter imports, with its CUDA."""
    code = "import torch; print(torch.__version__, torch.version.cuda)"
    return subprocess.check_output([ready["python"], "-I", "-c", code], text=True).strip()


def test_an_embedded_lock_is_made_elsewhere_exactly(iso: Iso, tmp_path: Path) -> None:
    """In the notebook's metadata, with hashes, wheels and roles; no list of packages of a channel is read again."""
    path = ask(iso, "python", "blue<2", more=RED)
    locked = iso("lock", "a.ipynb")
    assert (locked["where"], locked["packages"]["blue"]) == (str(path), "1.0")
    here = iso("realise", "a.ipynb")
    there = iso("realise", "a.ipynb", "--trust", **elsewhere(iso, tmp_path))
    assert there["status"] == 0, there
    assert (there["lock"], there["packages"]) == (locked["digest"], here["packages"])
    names = ("build", "channel", "role")
    rows = [
        [{key: row.get(key) for key in names} for row in iso("packages", "a.ipynb", **where)["packages"]]
        for where in ({}, elsewhere(iso, tmp_path))
    ]
    assert rows[0] == rows[1]


def test_a_lock_beside_the_notebook_is_a_list_that_conda_reads(iso: Iso, tmp_path: Path) -> None:
    """`conda.<stem>.lock`, and the wheels in `pylock.<stem>.toml`; found by the same look-up, and taken as it is."""
    path = ask(iso, "python", "blue", more=RED)
    locked = iso("lock", "a.ipynb", "--beside")
    assert locked["where"] == str(iso.cwd / "conda.a.lock")
    assert "lock" not in nbformat.read(path, as_version=4).metadata.get("kernel_iso", {})
    lines = (iso.cwd / "conda.a.lock").read_text().splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    assert listed[0] == "@EXPLICIT"
    assert [line.split("#sha256:")[0].rsplit("/", 1)[1].split("-")[0] for line in listed[1:]] == [
        "blue", "green", "python",
    ]  # fmt: skip
    assert 'name = "red"' in (iso.cwd / "pylock.a.toml").read_text()
    assert iso("realise", "a.ipynb")["lock"] == locked["digest"]
    there = iso("realise", "a.ipynb", "--trust", **elsewhere(iso, tmp_path))
    assert (there["status"], there.get("lock")) == (0, locked["digest"]), there


def test_a_large_lock_lies_beside_by_itself(iso: Iso, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the size at which a notebook would be heavy to render."""
    path = ask(iso, "python", "blue")
    monkeypatch.setattr(laying, "EMBED_LIMIT", 100)
    engine = Engine.open(iso.environ)
    locked = editing.lock_in_place(engine, targets.named(str(path), "", cwd=str(iso.cwd), root=""))
    assert Path(locked.where).name == "conda.a.lock"
    (found,) = read(path).locks
    assert Lock.from_text(found.text) == locked.lock


def test_a_foreign_lock_beside_is_refused_what_the_policy_does_not_allow(iso: Iso, tmp_path: Path) -> None:
    """A channel that the policy does not have, another hash, and wheels that are missing."""
    ask(iso, "python", "green", more=RED)
    iso("lock", "a.ipynb", "--beside")
    side = iso.cwd / "conda.a.lock"
    text = side.read_text()
    far = elsewhere(iso, tmp_path)
    side.write_text(text.replace(iso.url, "https://evil.example.org/channel"))
    assert iso("realise", "a.ipynb", **far)["code"] == "not-approved"
    assert iso("realise", "a.ipynb", "--trust", **far)["code"] == "lock-not-allowed"
    digest = text.split("#sha256:")[1][:64]
    side.write_text(text.replace(digest, "0" * 64))
    changed = iso("realise", "a.ipynb", "--trust", KERNEL_ISO_STORE=str(tmp_path / "elsewhere"))
    assert changed["code"] == "hash-mismatch"
    side.write_text(text)
    (iso.cwd / "pylock.a.toml").unlink()
    assert iso("realise", "a.ipynb", "--trust", **far)["code"] == "bad-lock"


def test_a_gpu_gets_a_build_for_it_and_a_machine_without_one_the_same_release(
    iso: Iso, tmp_path: Path
) -> None:
    """The newest release with a build for this driver is taken, its CPU part is locked along, nothing is solved again."""
    ask(iso, "python", "pytorch")
    planned = iso("plan", "a.ipynb", **gpu("12.8"))["plan"]
    assert (planned["accelerator"], planned["virtual"]) == ("cu128", ["__cuda=12.8", "__cuda_arch=8.6"])
    locked = iso("lock", "a.ipynb", "--for", "cpu,cu128", **gpu("12.8"))
    assert locked["status"] == 0, locked
    assert sorted(part["accelerator"] for part in locked["parts"]) == ["cpu", "cu128"]
    made = iso("realise", "a.ipynb", **gpu("12.8"))
    version, cuda = torch_of(made).split()
    assert cuda != "None"
    told = iso.text("inspect", "a.ipynb", **gpu("12.8"))
    assert "conda's packages for cu128, of a lock for " in told
    laptop = elsewhere(iso, tmp_path) | {"KERNEL_ISO_OFFLINE": "0", "CONDA_OVERRIDE_CUDA": ""}
    there = iso("realise", "a.ipynb", "--trust", **laptop)
    assert there["lock"] == locked["digest"]
    assert torch_of(there) == f"{version} None"


def test_another_driver_that_runs_the_part_takes_it(iso: Iso, tmp_path: Path) -> None:
    """A newer driver is no reason to solve again; an older one is."""
    ask(iso, "python", "pytorch")
    locked = iso("lock", "a.ipynb", **gpu("12.8"))
    newer = elsewhere(iso, tmp_path) | gpu("12.9")
    made = iso("realise", "a.ipynb", "--trust", **newer)
    assert (made["status"], made.get("lock")) == (0, locked["digest"]), made
    inspected = iso("inspect", "a.ipynb", **newer)
    assert inspected["state"] == "ready"


def test_what_falls_to_the_cpu_is_said(iso: Iso) -> None:
    """conda says nothing of it: `inspect` does, with the driver's CUDA."""
    made = iso("create", "-n", "old", "python", "pytorch", "--conda", **gpu("11.8"))
    assert torch_of(made).split()[1] == "None"
    (note,) = iso("inspect", "-n", "old", **gpu("11.8"))["notes"]
    assert note.startswith("pytorch 2.10.0 is the CPU build (cpu_generic_")
    assert "although the GPU's driver has CUDA 11.8" in note
    assert note in iso.text("inspect", "-n", "old", **gpu("11.8"))


def test_a_machine_that_was_recorded_is_solved_for(iso: Iso) -> None:
    """--machine FILE: a login node solves for the node with the GPU."""
    ask(iso, "python", "pytorch")
    machine = iso("probe", **gpu("12.8"))
    machine.pop("status")
    (iso.cwd / "node.json").write_text(json.dumps(machine))
    locked = iso("lock", "a.ipynb", "--machine", "node.json")
    assert locked["status"] == 0, locked
    assert "cu128" in [part["accelerator"] for part in locked["parts"]]
    made = iso("realise", "a.ipynb", **gpu("12.8"))
    assert made["lock"] == locked["digest"]
    assert torch_of(made).split()[1] != "None"
