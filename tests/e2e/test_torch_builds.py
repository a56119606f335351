"""From a GPU to the torch in the kernel: stand-in drivers, a served index of stand-in builds, everything else real."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import uv
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


def ada(driver: Path, folder: Path, number: str = "595.71.05", cuda: str = "13020") -> dict[str, str]:
    """Another GPU on another driver; in a folder of its own, so that no answer about the former one is remembered."""
    folder.mkdir()
    for file in driver.iterdir():
        shutil.copy(file, folder)
    card = "NVIDIA L4,GPU-99999999-2222-3333-4444-555555555555,8.9,23034"
    return {
        "LD_LIBRARY_PATH": str(folder), "FAKE_GPUS": card, "FAKE_DRIVER": number, "FAKE_CUDA": cuda,
    }  # fmt: skip


def test_another_driver_and_gpu_are_told_until_the_part_that_fits_is_taken(
    iso: Iso, settings: dict[str, str], driver: Path, tmp_path: Path
) -> None:
    """What was seen when the prefix was prepared against what is here; the same torch, its other build."""
    write(tmp_path / "a.ipynb", "torch<2.15")
    gpu, other = ada(driver, tmp_path / "other"), pascal(driver)
    iso("realise", "a.ipynb", "--trust", **gpu)
    before = iso("inspect", "a.ipynb", **gpu)
    assert (before["state"], before["machine_drift"]) == ("ready", [])
    assert (before["accelerator"], before["accelerators"]) == ("cu132", ["cu132", "cpu"])

    changed = iso("inspect", "a.ipynb", **other)
    assert changed["state"] == "out-of-date"
    assert changed["machine_drift"][:3] == [
        "NVIDIA L4 (sm_89) is here no more",
        "NVIDIA GeForce GTX 1080 Ti (sm_61) is new here",
        "the driver was 595.71.05 (CUDA 13.2), and is 580.95.05 (CUDA 13.0) now",
    ]
    assert changed["machine_drift"][3].startswith(
        "the cu132 build of torch 2.14.1 does not compute here: GPU 0"
    )
    assert changed["machine_drift"][4].startswith(
        "it has the build cu132, and would get cu126 now: cu126 of torch 2.14"
    )

    shown = subprocess.check_output(
        [sys.executable, "-m", "kernel_iso", "inspect", "a.ipynb"],
        env={**settings, **other},
        cwd=tmp_path,
        text=True,
    )
    assert "the cu132 build of torch, of a lock for cu132, cpu\n" in shown
    assert "since it was prepared:\n  NVIDIA L4 (sm_89) is here no more\n" in shown

    ready = iso("realise", "a.ipynb", **other)
    assert torch_of(ready) == "2.14.1+cu126"
    after = iso("inspect", "a.ipynb", **other)
    assert (after["state"], after["machine_drift"], after["accelerator"]) == ("ready", [], "cu126")


def test_a_part_at_hand_that_computes_is_taken_although_a_newer_build_would_be_chosen(
    iso: Iso, driver: Path, index: Wheelhouse, tmp_path: Path
) -> None:
    """Another GPU and driver, for which cu132 is the newest: cu126 of the lock has code for it, and nothing is resolved."""
    write(tmp_path / "a.ipynb", "torch")
    gpu, other = pascal(driver), ada(driver, tmp_path / "other")
    made = iso("realise", "a.ipynb", "--trust", **gpu)
    index.wheel("filelock", "9.0")
    changed = iso("inspect", "a.ipynb", **other)
    assert changed["state"] == "ready"
    assert len(changed["machine_drift"]) == 3
    again = iso("realise", "a.ipynb", **other)
    assert (again["key"], again["made"]) == (made["key"], False)
    planned = iso("plan", "a.ipynb", **other)["plan"]
    assert planned["accelerator"] == "cu126"
    assert [reason["text"] for reason in planned["reasons"] if reason["rule"] == "lock"] == [
        "the lock's cu126 part computes here, so nothing is resolved again (`kernel-iso upgrade` takes cu132)"
    ]
    upgraded = iso("upgrade", "a.ipynb", **other)
    assert torch_of(upgraded["ready"]) == "2.15.0+cu132"


def test_a_driver_that_takes_the_same_build_is_told_until_the_next_start(
    iso: Iso, driver: Path, tmp_path: Path
) -> None:
    """The prefix stays as it is; what it was prepared for is written down again."""
    write(tmp_path / "a.ipynb", "torch<2.15")
    first = ada(driver, tmp_path / "first", "580.95.05", "13000")
    second = ada(driver, tmp_path / "second", "590.48.01", "13010")
    ready = iso("realise", "a.ipynb", "--trust", **first)
    changed = iso("inspect", "a.ipynb", **second)
    assert changed["state"] == "ready"
    assert changed["machine_drift"] == [
        "the driver was 580.95.05 (CUDA 13.0), and is 590.48.01 (CUDA 13.1) now"
    ]
    assert iso("realise", "a.ipynb", **second)["key"] == ready["key"]
    assert iso("inspect", "a.ipynb", **second)["machine_drift"] == []


def test_a_gpu_that_is_gone_and_a_torch_that_was_exchanged_are_told(
    iso: Iso, driver: Path, index: Wheelhouse, tmp_path: Path
) -> None:
    """The build computes on nothing here, and what `!pip` put in its place is named."""
    write(tmp_path / "a.ipynb", "torch")
    ready = iso("realise", "a.ipynb", "--trust", **pascal(driver))
    subprocess.run(
        [uv.find_uv_bin(), "pip", "install", "--quiet", "--python", ready["python"], "--no-deps",
         "--default-index", f"{index.builds}/cpu", "torch==2.15.0"], check=True, cwd=tmp_path,
    )  # fmt: skip
    assert iso("inspect", "a.ipynb")["machine_drift"] == [
        "NVIDIA GeForce GTX 1080 Ti (sm_61) is here no more",
        "the cu126 build of torch 2.14.1 does not compute here: this machine has no NVIDIA GPU that the kernel sees",
        (
            "it has the build cu126, and would get cpu now: the CPU build of torch; no GPU was found that the kernel "
            f"could use; torch and its family only from pytorch-cpu ({index.builds}/cpu)"
        ),
        (
            "torch 2.15.0+cpu is in the place of 2.14.1+cu126: something else than kernel-iso changed it "
            "(`!pip` in a cell does that)"
        ),
    ]


def test_a_login_node_locks_for_a_gpu_node_that_resolves_nothing(
    iso: Iso, driver: Path, index: Wheelhouse, tmp_path: Path
) -> None:
    """The output of `probe --json` is the file; the part made for it is the one that is taken there."""
    write(tmp_path / "a.ipynb", "torch")
    gpu = pascal(driver)
    machine = iso("probe", **gpu)
    machine.pop("status")
    (tmp_path / "node.json").write_text(json.dumps({"event": {}}) + "\n" + json.dumps({"result": machine}))
    iso("trust", "a.ipynb")
    locked = iso("lock", "a.ipynb", "--machine", "node.json")
    assert [part["accelerator"] for part in locked["parts"]] == ["cu126", "cpu"], locked
    index.wheel("filelock", "9.0")
    ready = iso("realise", "a.ipynb", "--trust", KERNEL_ISO_STORE=str(tmp_path / "node"), **gpu)
    assert torch_of(ready) == "2.14.1+cu126"
    assert ready["packages"]["filelock"] == "3.0"
    assert ready["lock"] == locked["digest"]


def test_a_lock_for_another_node_is_added_to_the_one_that_is_there(
    iso: Iso, driver: Path, tmp_path: Path
) -> None:
    """What the login node has itself stays in the lock, with the same torch."""
    write(tmp_path / "a.ipynb", "torch<2.15")
    machine = iso("probe", **pascal(driver))
    machine.pop("status")
    (tmp_path / "node.json").write_text(json.dumps(machine, indent=1))
    iso("trust", "a.ipynb")
    assert [part["accelerator"] for part in iso("lock", "a.ipynb")["parts"]] == ["cpu"]
    locked = iso("lock", "a.ipynb", "--machine", "node.json")
    assert [part["accelerator"] for part in locked["parts"]] == ["cpu", "cu126"]


def test_a_lock_is_made_for_a_machine_of_another_kind(iso: Iso, driver: Path, tmp_path: Path) -> None:
    """The platform is the recorded machine's, and so is the build."""
    write(tmp_path / "a.ipynb", "torch<2.15")
    machine = iso("probe", **pascal(driver))
    machine.pop("status")
    machine |= {"os": "windows", "arch": "x86_64", "libc": ""}
    (tmp_path / "pc.json").write_text(json.dumps({"result": machine}), encoding="utf-16")
    iso("trust", "a.ipynb")
    locked = iso("lock", "a.ipynb", "--machine", "pc.json")
    assert locked["parts"] == [
        {"platform": "windows-x86_64", "accelerator": "cu126"},
        {"platform": "windows-x86_64", "accelerator": "cpu"},
    ]


def test_the_variable_of_uv_chooses_the_build(iso: Iso, tmp_path: Path) -> None:
    """`UV_TORCH_BACKEND` counts where the notebook leaves the choice open, and the plan says so."""
    write(tmp_path / "a.ipynb", "torch<2.15")
    planned = iso("plan", "a.ipynb", UV_TORCH_BACKEND="cu126")["plan"]
    assert planned["accelerator"] == "cu126"
    assert any("UV_TORCH_BACKEND" in reason["text"] for reason in planned["reasons"])
    assert torch_of(iso("realise", "a.ipynb", "--trust", UV_TORCH_BACKEND="cu126")) == "2.14.1+cu126"
    assert torch_of(iso("realise", "a.ipynb")) == "2.14.1+cpu"


def test_torch_that_comes_along_unforeseen_gets_its_build_too(
    iso: Iso, index: Wheelhouse, driver: Path, tmp_path: Path
) -> None:
    """Resolved twice at first; the next start knows from the lock, and another machine takes a part of its own."""
    index.wheel("unlisted-net", "1.0", requires=["torch<2.15"])
    write(tmp_path / "a.ipynb", "unlisted-net")
    first = iso("realise", "a.ipynb", "--trust")
    assert torch_of(first) == "2.14.1+cpu"
    asked = len(index.requests)
    again = iso("realise", "a.ipynb")
    assert (again["key"], again["made"], len(index.requests)) == (first["key"], False, asked)
    planned = iso("plan", "a.ipynb")["plan"]
    assert (planned["accelerator"], planned["brought_torch"]) == ("cpu", "2.14.1")
    assert iso("inspect", "a.ipynb")["state"] == "ready"
    assert torch_of(iso("realise", "a.ipynb", **pascal(driver))) == "2.14.1+cu126"


def test_an_upgrade_looks_anew_at_the_torch_that_comes_along(
    iso: Iso, index: Wheelhouse, tmp_path: Path
) -> None:
    """The torch of the former lock holds nothing back, and the parts are made again."""
    index.wheel("unlisted-net", "1.0", requires=["torch<2.15"])
    write(tmp_path / "a.ipynb", "unlisted-net")
    iso("realise", "a.ipynb", "--trust")
    index.wheel("unlisted-net", "2.0", requires=["torch"])
    assert torch_of(iso("upgrade", "--notebook", "a.ipynb")["ready"]) == "2.15.0+cpu"
    assert iso("plan", "a.ipynb")["plan"]["brought_torch"] == "2.15.0"


def test_the_index_that_uvs_own_guide_names_is_the_one_of_the_build(
    iso: Iso, index: Wheelhouse, tmp_path: Path
) -> None:
    """`[[tool.uv.index]]` below the policy's `torch-index` is allowed, and asks for that build of the whole family."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "p"\nversion = "0"\ndependencies = ["torch"]\n'
        '[tool.uv.sources]\ntorch = { index = "pytorch-cu126" }\n'
        f'[[tool.uv.index]]\nname = "pytorch-cu126"\nurl = "{index.builds}/cu126"\nexplicit = true\n'
    )
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "a.ipynb")
    ready = iso("realise", "a.ipynb", "--trust")
    assert ready.get("code") is None, ready
    assert torch_of(ready) == "2.14.1+cu126"
    (tmp_path / "pyproject.toml").write_text(
        (tmp_path / "pyproject.toml")
        .read_text()
        .replace(f"{index.builds}/cu126", "https://example.org/cu126")
    )
    assert iso("plan", "a.ipynb")["code"] == "index-not-allowed"


def test_a_lock_for_linux_and_a_mac_takes_torch_from_where_each_has_it(
    iso: Iso, index: Wheelhouse, tmp_path: Path
) -> None:
    """Wheels with the machines in their names: the builds' indexes have none for a Mac, the ordinary one has."""
    index.artefacts[:] = [each for each in index.artefacts if each.project != "torch"]
    for tag in ("cpu", "cu126"):
        linux = f"py3-none-linux_{platform.machine()}"
        index.wheel("torch", f"2.14.1+{tag}", requires=["filelock"], tag=linux)
    index.wheel("torch", "2.14.1", requires=["filelock"], tag="py3-none-macosx_14_0_arm64")
    index.wheel("torch", "2.14.0", requires=["filelock"], tag="py3-none-macosx_14_0_arm64")
    write(tmp_path / "a.ipynb", "torch")
    here = f"linux-{platform.machine()}"
    both = {"UV_TORCH_BACKEND": "cu126", "KERNEL_ISO_PLATFORMS": f"{here},macos-arm64"}
    iso("trust", "a.ipynb")
    locked = iso("lock", "a.ipynb", **both)
    assert locked["parts"] == [
        {"platform": here, "accelerator": "cu126"},
        {"platform": here, "accelerator": "cpu"},
        {"platform": "macos-arm64", "accelerator": "mps"},
    ]
    lock = nbformat.read(tmp_path / "a.ipynb", as_version=4).metadata["kernel_iso"]["lock"]
    assert 'version = "2.14.1"' in lock["parts"][2]["text"]
    assert "macosx_14_0_arm64" in lock["parts"][2]["text"]
    assert torch_of(iso("realise", "a.ipynb", **both)) == "2.14.1+cu126"
