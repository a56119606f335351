"""From a GPU to the torch in the kernel: stand-in drivers, a served index of stand-in builds, everything else real."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from fakes import COMPILER, library
from wheelhouse import Wheelhouse

Iso = Callable[..., dict[str, Any]]

PASCAL = "NVIDIA GeForce GTX 1080 Ti,GPU-11111111-2222-3333-4444-555555555555,6.1,11264"
BUILDS = {"2.14.1": ("cpu", "cu126", "cu130", "cu132"), "2.15.0": ("cpu", "cu130", "cu132")}


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    """An index with the builds of two torches, each of which knows its own version."""
    with Wheelhouse() as house:
        house.wheel("filelock", "3.0")
        house.wheel("nvidia-nccl", "2.0")
        for version, tags in BUILDS.items():
            for tag in tags:
                needs = ["filelock", *([] if tag == "cpu" else ["nvidia-nccl"])]
                house.wheel("torch", f"{version}+{tag}", requires=needs)
        yield house


@pytest.fixture
def settings(
    environ: dict[str, str], index: Wheelhouse, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """An environment whose policy knows these indexes alone."""
    policy = tmp_path_factory.mktemp("policy") / "policy.toml"
    policy.write_text(
        f'companions = []\nindexes = [{{name = "local", url = "{index.url}"}}]\ntorch-index = "{index.builds}"\n'
    )
    return {**environ, "KERNEL_ISO_CONFIG": str(policy)}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a stand-in driver, for LD_LIBRARY_PATH."""
    if COMPILER is None:
        pytest.skip("there is no C compiler to make the stand-in driver with")
    folder = tmp_path_factory.mktemp("driver")
    library("libnvidia-ml.so.1", folder)
    library("libcuda.so.1", folder)
    return folder


@pytest.fixture
def iso(settings: dict[str, str], tmp_path: Path) -> Iso:
    """Run a verb with `--json` and return its result or its error."""

    def call(verb: str, *arguments: str, **extra: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "kernel_iso", verb, "--json", *arguments],
            env={**settings, **extra}, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        last = json.loads(done.stdout.splitlines()[-1])
        return {"status": done.returncode, **(last.get("result") or last["error"])}

    return call


def pascal(driver: Path) -> dict[str, str]:
    """The trap: a driver with CUDA 13 for a GPU that no CUDA 13 build has code for."""
    return {
        "LD_LIBRARY_PATH": str(driver), "FAKE_GPUS": PASCAL, "FAKE_DRIVER": "580.95.05", "FAKE_CUDA": "13000",
    }  # fmt: skip


def write(path: Path, *requirements: str) -> None:
    """A notebook with a PEP 723 cell."""
    block = f"# /// script\n# dependencies = {json.dumps(requirements)}\n# ///"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(block)]), path)


def torch_of(ready: dict[str, Any]) -> str:
    """The version that the prefix's own interpreter imports."""
    code = "import torch; print(torch.__version__)"
    return subprocess.check_output([ready["python"], "-I", "-c", code], text=True).strip()


def test_without_a_gpu_it_is_the_cpu_build(iso: Iso, tmp_path: Path) -> None:
    """The newest torch, and nothing of CUDA comes along."""
    write(tmp_path / "a.ipynb", "torch")
    ready = iso("realise", "a.ipynb", "--trust")
    assert torch_of(ready) == "2.15.0+cpu"
    assert sorted(ready["packages"]) == ["filelock", "torch"]


def test_an_old_gpu_gets_the_newest_build_that_has_its_code(iso: Iso, driver: Path, tmp_path: Path) -> None:
    """torch 2.15 and every CUDA 13 build are passed over, and the plan says why with the numbers."""
    write(tmp_path / "a.ipynb", "torch")
    gpu = pascal(driver)
    planned = iso("plan", "a.ipynb", **gpu)
    assert planned["plan"]["accelerator"] == "cu126", planned
    reasons = " ".join(reason["text"] for reason in planned["plan"]["reasons"])
    assert "sm_61" in reasons
    assert "580.95.05" in reasons
    ready = iso("realise", "a.ipynb", "--trust", **gpu)
    assert torch_of(ready) == "2.14.1+cu126"
    assert "nvidia-nccl" in ready["packages"]


def test_one_lock_serves_the_gpu_and_a_laptop_with_the_same_torch(
    iso: Iso, driver: Path, index: Wheelhouse, tmp_path: Path
) -> None:
    """Locked on the GPU machine, realised on a laptop from the lock in the notebook: nothing is resolved again."""
    write(tmp_path / "a.ipynb", "torch")
    gpu = pascal(driver)
    iso("trust", "a.ipynb", **gpu)
    locked = iso("lock", "a.ipynb", **gpu)
    assert [part["accelerator"] for part in locked["parts"]] == ["cu126", "cpu"]
    index.wheel("filelock", "9.0")
    laptop = iso("realise", "a.ipynb", "--trust", KERNEL_ISO_STORE=str(tmp_path / "laptop"))
    assert torch_of(laptop) == "2.14.1+cpu"
    assert laptop["packages"]["filelock"] == "3.0"
    assert laptop["lock"] == locked["digest"]
    assert torch_of(iso("realise", "a.ipynb", **gpu)) == "2.14.1+cu126"


def test_a_lock_is_made_for_the_builds_that_are_asked_for(iso: Iso, tmp_path: Path) -> None:
    """On a laptop for the cluster: the same torch in each part, or a clear error."""
    write(tmp_path / "a.ipynb", "torch<2.15")
    iso("trust", "a.ipynb")
    locked = iso("lock", "a.ipynb", "--for", "cpu,cu126,cu130")
    assert [part["accelerator"] for part in locked["parts"]] == ["cpu", "cu126", "cu130"]
    lock = nbformat.read(tmp_path / "a.ipynb", as_version=4).metadata["kernel_iso"]["lock"]
    builds = [
        text.split('name = "torch"\nversion = "')[1].split('"')[0]
        for text in (part["text"] for part in lock["parts"])
    ]
    assert builds == ["2.14.1+cpu", "2.14.1+cu126", "2.14.1+cu130"]
    write(tmp_path / "b.ipynb", "torch==2.15.0")
    iso("trust", "b.ipynb")
    assert iso("lock", "b.ipynb", "--for", "cu126")["code"] == "parts-differ"
    write(tmp_path / "c.ipynb", "filelock")
    iso("trust", "c.ipynb")
    assert iso("lock", "c.ipynb", "--for", "cu126")["code"] == "no-builds-to-choose"


def test_a_recorded_machine_is_planned_for(iso: Iso, driver: Path, tmp_path: Path) -> None:
    """A login node prepares for a GPU node."""
    write(tmp_path / "a.ipynb", "torch")
    machine = iso("probe", **pascal(driver))
    assert [item["architecture"] for item in machine["accelerators"]] == ["6.1"]
    machine.pop("status")
    (tmp_path / "node.json").write_text(json.dumps(machine))
    planned = iso("plan", "a.ipynb", "--machine", "node.json")
    assert planned["plan"]["accelerator"] == "cu126"
    assert iso("plan", "a.ipynb")["plan"]["accelerator"] == "cpu"
