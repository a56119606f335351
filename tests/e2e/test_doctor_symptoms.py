"""The doctor at work: stand-in drivers and a stand-in torch in real prefixes, asked by the real child.

The index is local; the drivers are compiled. What each finding says from an answer alone is in `tests/unit`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from fakes import COMPILER, library, torch_files
from outside import OUTSIDE
from wheelhouse import Wheelhouse

from kernel_iso.engine.doctoring.answers import Answer
from kernel_iso.guest import gpu

Iso = Callable[..., dict[str, Any]]

PASCAL = "NVIDIA GeForce GTX 1080 Ti,GPU-11111111-2222-3333-4444-555555555555,6.1,11264"
ADA = "NVIDIA GeForce RTX 4090,GPU-22222222-2222-3333-4444-555555555555,8.9,24564"
ARCHS = {
    "cpu": (),
    "cu126": ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"),
    "cu130": ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"),
}


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    """An index with the builds of a torch and of its torchvision."""
    with Wheelhouse() as house:
        house.wheel("nvidia-cuda-runtime-cu12", "12.6")
        house.wheel("nvidia-cuda-runtime", "13.0")
        house.wheel("jax-cuda12", "0.9", requires=["nvidia-cuda-runtime-cu12"])
        for tag, archs in ARCHS.items():
            needs = {"cpu": [], "cu126": ["nvidia-cuda-runtime-cu12"], "cu130": ["nvidia-cuda-runtime"]}[tag]
            version = f"2.14.1+{tag}"
            house.wheel("torch", version, requires=needs, files=torch_files(version, *archs))
            house.wheel("torchvision", f"0.29.1+{tag}", requires=["torch==2.14.1"])
        yield house


@pytest.fixture
def settings(
    environ: dict[str, str], index: Wheelhouse, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """An environment whose policy knows these indexes alone, and a cache of uv's own."""
    folder = tmp_path_factory.mktemp("policy")
    (folder / "policy.toml").write_text(
        f'companions = []\ncache = "{folder / "cache"}"\n'
        f'indexes = [{{name = "local", url = "{index.url}"}}]\ntorch-index = "{index.builds}"\n'
    )
    return {**environ, "KERNEL_ISO_CONFIG": str(folder / "policy.toml")}


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


def machine(driver: Path, gpus: str = ADA, **extra: str) -> dict[str, str]:
    """The variables of a made-up GPU machine."""
    base = {
        "LD_LIBRARY_PATH": str(driver),
        "FAKE_GPUS": gpus,
        "FAKE_DRIVER": "580.95.05",
        "FAKE_CUDA": "13000",
    }
    return {**base, **extra}


def write(path: Path, *requirements: str) -> None:
    """A notebook with a PEP 723 cell."""
    block = f"# /// script\n# dependencies = {json.dumps(requirements)}\n# ///"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(block)]), path)


def levels(found: dict[str, Any], level: str = "problem") -> dict[str, str]:
    """What was seen, by check, of one level."""
    return {item["check"]: item["seen"] for item in found["findings"] if item["level"] == level}


def test_it_computes_on_each_gpu_in_the_kernels_own_environment(
    iso: Iso, driver: Path, tmp_path: Path
) -> None:
    """With the driver's folder and without the toolkit's; the processor and both GPUs come out right."""
    write(tmp_path / "a.ipynb", "torch", "torchvision")
    toolkit = tmp_path / "cuda-11" / "lib64"
    toolkit.mkdir(parents=True)
    (toolkit / "libcudnn.so.8").touch()
    gpu = machine(driver, f"{ADA};{ADA.replace('4090', '4080').replace('GPU-2', 'GPU-3')}")
    gpu["LD_LIBRARY_PATH"] = f"{toolkit}:{driver}"
    iso("realise", "a.ipynb", "--trust", **gpu)
    found = iso("doctor", "a.ipynb", **gpu)
    assert (found["status"], levels(found)) == (0, {})
    computed = [item["seen"] for item in found["findings"] if item["check"] == "computed"]
    assert computed == [
        "torch 2.14.1+cu130 computed on the processor",
        "torch 2.14.1+cu130 computed on NVIDIA GeForce RTX 4090 (cuda:0)",
        "torch 2.14.1+cu130 computed on NVIDIA GeForce RTX 4080 (cuda:1)",
    ]
    assert found["answer"]["variables"]["LD_LIBRARY_PATH"] == str(driver)
    assert levels(found, "note")["library-path-removed"] == f"LD_LIBRARY_PATH has {toolkit}"
    assert found["answer"]["driver"]["path"] == str(driver / "libcuda.so.1")


@pytest.mark.parametrize(
    ("code", "check", "typed"),
    [
        ("802", "fabric-manager", "nvidia-fabricmanager"),
        ("803", "driver-mismatch", "sudo reboot"),
        ("804", "compat", "unset LD_LIBRARY_PATH"),
        ("999", "driver-unknown", "rmmod nvidia_uvm"),
        ("100", "container", "--gpus all"),
        ("34", "stub", "unset LD_LIBRARY_PATH"),
    ],
)
def test_a_driver_that_does_not_start_is_named_by_its_code(
    iso: Iso, driver: Path, code: str, check: str, typed: str
) -> None:
    """The real child asks the compiled library; no notebook is needed."""
    found = iso("doctor", **machine(driver, FAKE_CUDA_CODE=code))
    assert found["status"] == 1
    (problem,) = [item for item in found["findings"] if item["level"] == "problem"]
    assert problem["check"] == check
    assert f"error {code}" in problem["seen"]
    assert typed in problem["type"]


def test_a_driver_that_crashes_ends_one_process_only(iso: Iso, driver: Path) -> None:
    """The signal is told."""
    found = iso("doctor", **machine(driver, FAKE_FAULT="cuda-crash"))
    assert levels(found)["driver"] == "NVIDIA's library libcuda crashed (signal 6)"


@pytest.mark.parametrize("value", ["", "7"])
def test_a_variable_that_hides_every_gpu_is_shown_with_both_answers(
    iso: Iso, driver: Path, value: str
) -> None:
    """Asked again without the variable, CUDA tells what there is."""
    found = iso("doctor", **machine(driver, CUDA_VISIBLE_DEVICES=value))
    seen = levels(found)["visible-devices"]
    assert f'CUDA_VISIBLE_DEVICES="{value}" CUDA shows no GPU' in seen
    assert "NVIDIA GeForce RTX 4090 (GPU-22222222-2222-3333-4444-555555555555)" in seen


def test_a_cpu_build_on_a_gpu_machine_is_replaced_with_its_whole_family(
    iso: Iso, driver: Path, tmp_path: Path
) -> None:
    """Prepared on a laptop, opened on a workstation: torch and torchvision change together, in a new generation."""
    write(tmp_path / "a.ipynb", "torch", "torchvision")
    first = iso("realise", "a.ipynb", "--trust")
    assert first["packages"] == {"torch": "2.14.1+cpu", "torchvision": "0.29.1+cpu"}
    found = iso("doctor", "a.ipynb", **machine(driver))
    assert "torch 2.14.1+cpu is the CPU build" in levels(found)["build"]
    assert next(item["type"] for item in found["findings"] if item["check"] == "build").startswith(
        "kernel-iso doctor --repair"
    )
    mended = iso("doctor", "a.ipynb", "--repair", **machine(driver))
    assert (mended["status"], levels(mended)) == (0, {})
    assert mended["packages"] == {
        "torch": "2.14.1+cu130", "torchvision": "0.29.1+cu130", "nvidia-cuda-runtime": "13.0",
    }  # fmt: skip
    (told,) = mended["repaired"]
    assert "generation 2" in told
    assert iso("doctor", "a.ipynb", **machine(driver))["repaired"] == []


def test_one_member_of_the_family_exchanged_by_hand_is_put_back(
    iso: Iso, driver: Path, tmp_path: Path
) -> None:
    """As `pip install torch` does; uv stands for pip here."""
    write(tmp_path / "a.ipynb", "torch", "torchvision")
    ready = iso("realise", "a.ipynb", "--trust", **machine(driver))
    site = next(Path(ready["path"]).glob("lib/python*/site-packages"))
    info = site / "torch-2.14.1+cu130.dist-info"
    (info / "METADATA").write_text((info / "METADATA").read_text().replace("+cu130", "+cpu"))
    (site / "torch" / "_build.py").write_text("VERSION, CUDA, ARCHS = '2.14.1+cpu', '', []\n")
    found = iso("doctor", "a.ipynb", **machine(driver))
    assert {"build", "family", "files"} <= {*levels(found)}
    mended = iso("doctor", "a.ipynb", "--repair", **machine(driver))
    assert (mended["status"], mended["packages"]["torch"]) == (0, "2.14.1+cu130")


@pytest.mark.parametrize(
    ("gpus", "cuda", "check", "words"),
    [
        (PASCAL, "13000", "architecture", "sm_61"),
        (ADA, "12040", "driver-too-old", "built for CUDA 13, and driver 550.54.15 has CUDA 12.4"),
    ],
)
def test_a_build_that_cannot_run_here_is_replaced_by_one_that_can(
    iso: Iso, driver: Path, tmp_path: Path, gpus: str, cuda: str, check: str, words: str
) -> None:
    """The notebook was prepared for another GPU, or before the driver went back; the proof is the computing after."""
    write(tmp_path / "a.ipynb", "torch")
    assert iso("realise", "a.ipynb", "--trust", **machine(driver))["packages"]["torch"] == "2.14.1+cu130"
    here = machine(driver, gpus, FAKE_CUDA=cuda, FAKE_DRIVER="550.54.15" if cuda == "12040" else "580.95.05")
    found = iso("doctor", "a.ipynb", **here)
    assert words in levels(found)[check]
    mended = iso("doctor", "a.ipynb", "--repair", **here)
    assert (mended["status"], mended["packages"]["torch"]) == (0, "2.14.1+cu126")
    assert f"torch 2.14.1+cu126 computed on {gpus.split(',')[0]} (cuda:0)" in [
        item["seen"] for item in mended["findings"]
    ]


def test_what_torch_says_when_it_computes_decides_the_finding(iso: Iso, driver: Path, tmp_path: Path) -> None:
    """A crash, a cuDNN of another version, no memory: each has its own meaning."""
    write(tmp_path / "a.ipynb", "torch")
    iso("realise", "a.ipynb", "--trust", **machine(driver))
    told = {}
    for fault in ("crash", "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH", "CUDA out of memory"):
        told |= levels(iso("doctor", "a.ipynb", **machine(driver, FAKE_TORCH=fault)))
    assert [*told] == ["crash", "cudnn", "memory"]
    assert "torch crashed (signal 6) when it computed" in told["crash"]
    assert "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH" in told["cudnn"]


def test_two_cudas_and_a_missing_one_are_named_with_who_wants_them(
    iso: Iso, driver: Path, tmp_path: Path
) -> None:
    """One framework for CUDA 12, one for CUDA 13, in one prefix; then a package of NVIDIA's is deleted."""
    write(tmp_path / "a.ipynb", "torch", "jax-cuda12")
    ready = iso("realise", "a.ipynb", "--trust", **machine(driver))
    seen = levels(iso("doctor", "a.ipynb", **machine(driver)))["two-cudas"]
    assert "CUDA 12: nvidia-cuda-runtime-cu12 (for jax-cuda12)" in seen
    assert "CUDA 13: nvidia-cuda-runtime (for torch)" in seen
    for path in sorted(
        next(
            Path(ready["path"]).glob("lib/python*/site-packages/nvidia_cuda_runtime-13.0.dist-info")
        ).iterdir()
    ):
        path.unlink()
    found = iso("doctor", "a.ipynb", **machine(driver))
    assert levels(found)["missing"] == "not installed: nvidia-cuda-runtime (needed by torch)"


def test_damaged_entries_of_the_cache_are_fetched_again(
    iso: Iso, settings: dict[str, str], index: Wheelhouse, tmp_path: Path
) -> None:
    """A prefix made again from a damaged cache would be damaged again."""
    write(tmp_path / "a.ipynb", "torch")
    ready = iso("realise", "a.ipynb", "--trust")
    module = next(Path(ready["path"]).glob("lib/python*/site-packages/torch/_build.py"))
    original = module.read_bytes()
    cached = [*(Path(settings["KERNEL_ISO_CONFIG"]).parent / "cache").rglob("torch/_build.py")]
    for path in (module, *cached):
        path.write_bytes(b"raise SystemExit('evil')\n")
    assert cached != []
    found = iso("doctor", "a.ipynb")
    assert {"files", "computed"} <= {*levels(found)}
    mended = iso("doctor", "a.ipynb", "--repair")
    assert (mended["status"], levels(mended), module.read_bytes()) == (0, {}, original)
    assert "fetched torch again" in " ".join(mended["repaired"])


def test_nothing_of_a_notebook_that_is_not_approved_is_run_or_mended(
    iso: Iso, driver: Path, tmp_path: Path
) -> None:
    """The driver is asked by our own interpreter; a repair needs the approval that every verb needs."""
    write(tmp_path / "a.ipynb", "torch")
    found = iso("doctor", "a.ipynb", **machine(driver))
    assert levels(found, "note")["prefix"] == "no environment of `a.ipynb` is there"
    assert found["answer"].get("frameworks") is None
    ready = iso("realise", "a.ipynb", "--trust")
    write(tmp_path / "a.ipynb", "torch", "torchvision")
    found = iso("doctor", "a.ipynb", "--repair", **machine(driver))
    assert levels(found, "note")["approval"] == "`a.ipynb` asks for something else since it was approved"
    assert (found["answer"].get("frameworks"), found["packages"]) == (None, {"torch": "2.14.1+cpu"})
    site = next(Path(ready["path"]).glob("lib/python*/site-packages"))
    (site / "torch" / "_build.py").write_text("raise SystemExit('evil')\n")
    assert iso("doctor", "a.ipynb", "--repair", **machine(driver))["code"] == "not-approved"


def test_its_data_holds_neither_home_nor_credentials(iso: Iso, tmp_path: Path) -> None:
    """It is made to be pasted into an issue."""
    write(tmp_path / "a.ipynb", "torch")
    iso("realise", "a.ipynb", "--trust")
    found = iso("doctor", "a.ipynb", LD_LIBRARY_PATH="/opt/x?token=hunter2")
    assert str(Path.home()) not in json.dumps(found)
    assert "hunter2" not in json.dumps(found)
    assert {"versions", "machine", "plan", "answer", "packages"} <= {*found}
    assert found["plan"]["accelerator"] == "cpu"


@pytest.mark.torch
@pytest.mark.slow
def test_the_real_torch_answers_as_the_stand_in_does(tmp_path: Path) -> None:
    """The CPU build that pip offers on this machine computes on the processor, through the same child."""
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    command = [python, "-m", "pip", "install", "-q", "--only-binary", ":all:", "torch==2.13.0+cpu"]
    done = subprocess.run(command, env=OUTSIDE, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip offers no CPU build of torch here: {done.stderr[-200:]}")
    told = subprocess.run([python, gpu.__file__, "prefix"], capture_output=True, text=True, check=True)
    (torch,) = Answer.from_text(told.stdout).frameworks
    assert (torch.version, torch.cuda, torch.error) == ("2.13.0+cpu", "", "")
    assert [(each.device, each.error) for each in torch.devices] == [("cpu", "")]
