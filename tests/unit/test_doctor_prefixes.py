"""What the doctor reads from a prefix's own files and variables; and its child, in every Python that a prefix may have."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import COMPILER, library, torch_files

import kernel_iso
from kernel_iso.engine.doctoring import machines, prefixes
from kernel_iso.engine.doctoring.answers import Answer
from kernel_iso.guest import gpu
from kernel_iso.model import Package
from kernel_iso.planning.environments import kernel_environment

GPU = Path(kernel_iso.__file__).parent / "guest" / "gpu.py"
PYTHONS = [
    sys.executable,
    *(str(path) for path in sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
      if int(path.parts[-3].split(".")[1]) >= 9),
]  # fmt: skip


def package(name: str, version: str = "1", *requires: str) -> Package:
    return Package(name=name, version=version, requires=requires)


def test_libraries_of_two_cudas_are_named_with_the_packages_that_pulled_them() -> None:
    """Through other packages of NVIDIA's too; a CUDA alone is as it should be."""
    twelve = [package("tensorflow", "2.21", "nvidia-cudnn-cu12"), package("nvidia-cudnn-cu12", "9.1", "nvidia-cublas-cu12"),
              package("nvidia-cublas-cu12", "12.6")]  # fmt: skip
    thirteen = [
        package("torch", "2.15", "cuda-toolkit"),
        package("cuda-toolkit", "13.2", "nvidia-cufft"),
        package("nvidia-cufft", "12.0"),
    ]
    (found,) = prefixes.majors([*twelve, *thirteen, package("nvidia-ml-py", "13.0")])
    assert found.seen == (
        "libraries of two CUDAs are installed: CUDA 12: nvidia-cudnn-cu12, nvidia-cublas-cu12 (for tensorflow); "
        "CUDA 13: nvidia-cufft (for torch)"
    )
    assert found.type.startswith("kernel-iso env create tensorflow-alone tensorflow ")
    assert [*prefixes.majors(twelve), *prefixes.majors(thirteen)] == []


def test_two_cudnns_of_pip_are_libraries_of_two_cudas() -> None:
    """They write the same folder."""
    both = [package("nvidia-cudnn-cu12", "9.1"), package("nvidia-cudnn-cu13", "9.2")]
    assert [found.check for found in prefixes.majors(both)] == ["two-cudas"]


def test_missing_requirements_are_problems_where_they_are_nvidias() -> None:
    """Others are told; what is there is not."""
    found = [
        *prefixes.missing(
            [package("torch", "2", "nvidia-nccl-cu12", "filelock"), package("filelock")], "again"
        )
    ]
    assert [(each.level, each.check, each.seen) for each in found] == [
        ("problem", "missing", "not installed: nvidia-nccl-cu12 (needed by torch)")
    ]
    (told,) = prefixes.missing([package("blue", "1", "green")], "again")
    assert (told.level, told.seen) == ("note", "not installed: green (needed by blue)")


def test_torchs_family_is_of_one_build() -> None:
    """Members without a build in their version do not count."""
    good = [
        package("torch", "2.14.1+cu126"),
        package("torchvision", "0.29.1+cu126"),
        package("torchdata", "1.0"),
    ]
    assert [*prefixes.family(good, "repair")] == []
    (found,) = prefixes.family([*good, package("torchaudio", "2.11+cpu")], "repair")
    assert "torchaudio 2.11+cpu" in found.seen


def test_what_the_kernel_does_not_get_of_ld_library_path_is_told(tmp_path: Path) -> None:
    """A toolkit is taken out; what lies beside the driver and in conda is a problem that we cannot mend."""
    for name in (
        "toolkit/libcudart.so.12",
        "driver/libcuda.so.1",
        "mixed/libcuda.so.1",
        "mixed/libcudnn.so.8",
        "conda/lib/libstdc++.so.6",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "conda" / "conda-meta").mkdir()
    folders = {name: str(tmp_path / name) for name in ("toolkit", "driver", "mixed", "conda/lib")}
    before = ":".join(folders.values())
    after = kernel_environment({"LD_LIBRARY_PATH": before}, prefix="/p", python="/p/bin/python", os="posix")[
        "LD_LIBRARY_PATH"
    ]
    gone, mixed, conda = prefixes.library_path(before, after)
    assert gone.seen == f"LD_LIBRARY_PATH has {folders['toolkit']}"
    assert f"{folders['mixed']}, which holds the driver and also libcudnn" in mixed.seen
    assert mixed.type.startswith(f'export LD_LIBRARY_PATH="{folders["driver"]}:{folders["conda/lib"]}"')
    assert f"{folders['conda/lib']}, the libraries of a conda environment" in conda.seen
    assert [*prefixes.library_path("", "")] == []


def test_files_are_named_with_their_package(tmp_path: Path) -> None:
    """The cache is cleared by packages' names."""
    info = tmp_path / "Some_Thing-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("gone.py,sha256=abc,3\n../bin/tool,sha256=abc,3\n")
    assert [*prefixes.damaged(tmp_path)] == [("some-thing", ["gone.py"])]


@pytest.mark.parametrize(
    "sentence",
    [
        "the NVIDIA driver fails (libcuda error 46)",
        "CUDA_VISIBLE_DEVICES= hides every NVIDIA GPU",
        "NVIDIA's library NVML did not answer within 30 seconds: restart the machine or the driver",
        "this container sees the host's NVIDIA driver but was given no GPU (`--gpus all` gives them)",
    ],
)
def test_what_the_driver_itself_tells_is_not_told_twice(sentence: str) -> None:
    """The probe's sentences that the driver's findings say better."""
    assert machines._TOLD_BY_DRIVER.fullmatch(sentence) is not None
    assert (
        machines._TOLD_BY_DRIVER.fullmatch("CONDA_OVERRIDE_CUDA=12.4 stands instead of what was found")
        is None
    )


# ---- the child


@pytest.mark.parametrize("python", PYTHONS)
def test_the_child_answers_in_every_python_of_a_prefix(python: str, tmp_path: Path) -> None:
    """What lies beside the guest is not importable for it; a framework that prints does not spoil the answer."""
    files = torch_files("2.14.1+cpu")
    files["torch/__init__.py"] = (
        "import sys; print('hello')\n" + files["torch/__init__.py"].split('"""', 2)[2]
    )
    files["jax/__init__.py"] = "import probe\n"
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [python, str(GPU), "prefix"],
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    answer = Answer.from_text(done.stdout)
    torch, jax = answer.frameworks
    assert [(each.device, each.error) for each in torch.devices] == [("cpu", "")]
    assert jax.error == "ModuleNotFoundError: No module named 'probe'"


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler to make the stand-in driver with")
def test_a_library_that_hangs_ends_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is killed, and the answer goes on."""
    library("libcuda.so.1", tmp_path)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.setenv("FAKE_FAULT", "cuda-hang")
    assert gpu.step("driver", 2)["failure"] == "did not answer within 2 seconds"
    assert gpu.step("driver", 60, FAKE_FAULT=None)["code"] == 100


def test_the_matrices_are_exact_in_every_precision() -> None:
    """TF32 has eleven bits for a factor, float32 twenty-four for a sum."""
    rows = gpu.rows()
    assert max(map(max, rows)) < 2**11
    assert max(map(max, gpu.product(rows))) < 2**24
    assert gpu.product([[1.0, 2.0], [3.0, 4.0]]) == [[7.0, 10.0], [15.0, 22.0]]
    assert json.loads(json.dumps(rows)) == rows
