"""What the probe reads of accelerators in files, shown stand-in trees of /sys and /dev; no driver is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes import tree

from kernel_iso.guest import probe
from kernel_iso.model import Accelerator


def looked(
    root: Path, environ: dict[str, str] | None = None, system: str = "linux"
) -> tuple[list[dict[str, Any]], list[str]]:
    """What is told of a tree without asking any library."""
    return probe.accelerators(str(root), environ or {}, system, "x86_64", seconds=0)


# ---- containers


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"sys/module/nvidia/version": "580.95.05", "proc/driver/nvidia/version": "NVRM"},
            "was given no GPU",
        ),
        (
            {"sys/class/kfd/kfd/topology/nodes/1/properties": "gfx_target_version 90402"},
            "/dev/kfd cannot be used",
        ),
        ({}, ""),
    ],
)
def test_a_container_that_only_sees_its_host_has_no_gpu(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    """Nothing is visible, and a finding says why; nothing at all is no finding."""
    devices, findings = looked(tree(tmp_path, files))
    assert [device for device in devices if device["visible"]] == []
    assert bool(said) == bool(findings)
    assert said in " ".join(findings)


def test_only_files_are_read_without_a_time(tmp_path: Path) -> None:
    """Traces of NVIDIA are there to be asked for, and nobody asks."""
    root = tree(tmp_path, {"dev/nvidiactl": "", "dev/nvidia0": ""})
    assert looked(root) == ([], [])
    assert [Path(path).name for path in probe.traces(str(root), {}, "linux")] == ["nvidia0", "nvidiactl"]


def test_windows_has_its_libraries_where_the_installers_put_them(tmp_path: Path) -> None:
    """The newer place comes first; without the variables there is none."""
    old, new = "Program Files/NVIDIA Corporation/NVSMI/nvml.dll", "Windows/System32/nvml.dll"
    root = tree(tmp_path, {old: "", new: ""})
    environ = {"SystemRoot": str(root / "Windows"), "ProgramFiles": str(root / "Program Files")}
    found = probe.library_files("libnvidia-ml.so.1", "/", environ, "windows")
    assert [root / new, root / old] == [Path(path) for path in found]
    assert probe.traces("/", {}, "windows") == []


# ---- AMD

NODES = "sys/class/kfd/kfd/topology/nodes"
CPU = {f"{NODES}/0/properties": "cpu_cores_count 16\nsimd_count 0\ngfx_target_version 0\n"}
MI300 = {
    f"{NODES}/1/properties": "simd_count 304\ngfx_target_version 90402\nunique_id 255\n",
    f"{NODES}/1/mem_banks/0/properties": "heap_type 1\nsize_in_bytes 206141652992\n",
}
RAPHAEL = {f"{NODES}/10/properties": "simd_count 4\ngfx_target_version 100306\nunique_id 0\n"}
NAVI31 = {f"{NODES}/2/properties": "simd_count 192\ngfx_target_version 110000\nunique_id 258\n"}
KFD = {"dev/kfd": ""}


def test_amd_devices_are_read_from_the_kernel(tmp_path: Path) -> None:
    """A processor's node is none, and one that is part of a processor is never chosen."""
    root = tree(
        tmp_path, {**CPU, **MI300, **NAVI31, **RAPHAEL, **KFD, "sys/module/amdgpu/version": "6.10.5\n"}
    )
    devices, findings = looked(root)
    read = [Accelerator.from_json(device) for device in devices]
    assert [each.architecture for each in read] == ["gfx942", "gfx1100", "gfx1036"]
    assert ([each.visible for each in read], findings) == ([True, True, False], [])
    first = read[0]
    assert (first.uuid, first.memory, first.driver) == ("GPU-00000000000000ff", 206141652992, "6.10.5")
    assert read[2].name == "AMD gfx1036 (integrated)"


@pytest.mark.parametrize(
    ("environ", "visible"),
    [
        ({"ROCR_VISIBLE_DEVICES": "1"}, ["gfx1100"]),
        ({"ROCR_VISIBLE_DEVICES": "GPU-0000000000000102"}, ["gfx1100"]),
        ({"ROCR_VISIBLE_DEVICES": "1,0", "HIP_VISIBLE_DEVICES": "0"}, ["gfx1100"]),
        ({"HIP_VISIBLE_DEVICES": "0"}, ["gfx942"]),
        ({"CUDA_VISIBLE_DEVICES": "0"}, ["gfx942"]),
        ({"HIP_VISIBLE_DEVICES": "-1"}, []),
        ({"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}, ["gfx1030", "gfx1030"]),
    ],
)
def test_amd_devices_are_hidden_as_rocm_does(
    tmp_path: Path, environ: dict[str, str], visible: list[str]
) -> None:
    """One variable filters, the other counts what is left."""
    devices, _ = looked(tree(tmp_path, {**MI300, **NAVI31, **RAPHAEL, **KFD}), environ)
    assert visible == [device["architecture"] for device in devices if device["visible"]]


def test_graphics_in_a_processor_count_only_where_a_person_insists(tmp_path: Path) -> None:
    """Alone it stays hidden, until HSA_OVERRIDE_GFX_VERSION says what it is to be taken for."""
    root = tree(tmp_path, {**CPU, **RAPHAEL, **KFD})
    assert [device["visible"] for device in looked(root)[0]] == [False]
    devices, findings = looked(root, {"HSA_OVERRIDE_GFX_VERSION": "10.3.0"})
    assert [(device["visible"], device["architecture"]) for device in devices] == [(True, "gfx1030")]
    assert "HSA_OVERRIDE_GFX_VERSION" in findings[0]


# ---- Intel


def pci(number: str, kind: str = "0x030000", vendor: str = "0x8086") -> dict[str, str]:
    folder = "sys/bus/pci/devices/0000:03:00.0"
    return {f"{folder}/class": kind, f"{folder}/vendor": vendor, f"{folder}/device": number}


ZE = {"usr/lib/x86_64-linux-gnu/libze_loader.so.1": ""}
RENDER = {"dev/dri/renderD128": ""}


@pytest.mark.parametrize(
    ("files", "expected", "said"),
    [
        ({**pci("0x56a0"), **ZE, **RENDER}, [("alchemist", True)], ""),
        ({**pci("0x0bd5", "0x038000"), **ZE, **RENDER}, [("ponte-vecchio", True)], ""),
        ({**pci("0x56a0"), **RENDER}, [("alchemist", False)], "Level Zero"),
        ({**pci("0x56a0"), **ZE}, [("alchemist", False)], "renderD"),
        ({**pci("0x9bc5"), **ZE, **RENDER}, [], ""),
        ({**pci("0x56a0", "0x020000"), **ZE, **RENDER}, [], ""),
        ({**pci("0x56a0", vendor="0x10de"), **ZE, **RENDER}, [], ""),
    ],
)
def test_intel_needs_a_supported_gpu_and_level_zero(
    tmp_path: Path, files: dict[str, str], expected: list[tuple[str, bool]], said: str
) -> None:
    """Old UHD graphics are none, nor is a network card; what is missing is said."""
    devices, findings = looked(tree(tmp_path, files))
    assert expected == [(device["architecture"], device["visible"]) for device in devices]
    assert bool(said) == bool(findings)
    assert said in " ".join(findings)


# ---- what a person says instead


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"UV_CUDA_DRIVER_VERSION": "550.144.03"}, [("cuda", "", "550.144.03", "12.4")]),
        ({"CONDA_OVERRIDE_CUDA": "12.6", "CONDA_OVERRIDE_CUDA_ARCH": "9.0"}, [("cuda", "9.0", "", "12.6")]),
        ({"UV_AMD_GPU_ARCHITECTURE": "gfx1100"}, [("rocm", "gfx1100", "", "")]),
        ({"CONDA_OVERRIDE_CUDA": "soon"}, []),
        ({"CONDA_OVERRIDE_CUDA_ARCH": ""}, []),
    ],
)
def test_a_person_may_name_an_accelerator_that_is_not_here(
    tmp_path: Path, environ: dict[str, str], expected: list[tuple[str, ...]]
) -> None:
    """A login node prepares for another one; each variable is told of."""
    devices, findings = looked(tmp_path, environ)
    read = [Accelerator.from_json(device) for device in devices]
    assert expected == [(each.kind, each.architecture, each.driver, each.cuda) for each in read]
    assert len(environ) == len(findings)
    assert all(each.visible for each in read)
