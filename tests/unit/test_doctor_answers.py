"""What the doctor makes of each symptom: recorded answers of the child in, findings out. Nothing is run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from kernel_iso.engine.doctoring import drivers, symptoms
from kernel_iso.engine.doctoring.answers import Answer
from kernel_iso.engine.doctoring.findings import Finding
from kernel_iso.engine.doctoring.symptoms import Case

H100 = {"index": 0, "name": "NVIDIA H100", "uuid": "GPU-aa", "architecture": "9.0", "memory": 85899345920}
V100 = {"index": 0, "name": "Tesla V100", "uuid": "GPU-bb", "architecture": "7.0", "memory": 34359738368}
CU130 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]
SITE = "/p/lib/python3.12/site-packages"
OWN = [
    f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9",
    f"{SITE}/nvidia/cublas/lib/libcublas.so.13",
    "/usr/lib/libcuda.so.580.95.05",
]


def answer(*gpus: dict[str, Any], **changes: Any) -> Answer:
    """What the child answers on a machine with these GPUs, driver 580 and CUDA 13.0; `driver` and `nvml` are merged."""
    asked = {"code": 0, "cuda": "13.0", "cuda_code": 0, "driver": "", "devices": list(gpus)}
    data = {
        "python": "3.12.1", "variables": {}, "module": "580.95.05", "cudnn": [],
        "files": [{"path": f"/dev/{name}", "refused": ""} for name in ("nvidia0", "nvidiactl")],
    }  # fmt: skip
    data |= {key: value for key, value in changes.items() if key not in ("driver", "nvml")}
    data["driver"] = {**asked, "path": "/usr/lib/libcuda.so.580.95.05", **changes.get("driver", {})}
    data["nvml"] = {**asked, "driver": "580.95.05", **changes.get("nvml", {})}
    return Answer.from_json(data)


def torch(version: str = "2.14.1+cu130", **changes: Any) -> dict[str, Any]:
    """What the step of torch answers where all is well."""
    devices = [
        {"device": "cpu", "name": "the processor"},
        {"device": "cuda:0", "name": "NVIDIA H100", "architecture": "9.0"},
    ]
    good = {
        "name": "torch",
        "version": version,
        "cuda": "13.0",
        "hip": "",
        "archs": CU130,
        "devices": devices,
        "libraries": OWN,
    }
    return {**good, **changes}


def fails(error: str, **changes: Any) -> dict[str, Any]:
    """torch that says this when it computes on the GPU."""
    return torch(devices=[{"device": "cuda:0", "name": "NVIDIA H100", "error": error}], **changes)


def problems(found: Iterable[Finding]) -> list[Finding]:
    return [each for each in found if each.level == "problem"]


DRIVERS: dict[str, tuple[Answer, str, str, str]] = {
    # what the child answers; the check; a part of what was seen; a part of what to type
    "802": (answer(driver={"code": 802}), "fabric-manager", "CUDA error 802", "nvidia-fabricmanager   (version 580.95.05)"),
    "803": (
        answer(driver={"code": 803, "path": "/usr/lib/libcuda.so.590.44.01"}),
        "driver-mismatch", "kernel module 580.95.05, library 590.44.01", "sudo reboot",
    ),
    "NVML 18": (answer(H100, nvml={"code": 18}), "driver-mismatch", "NVML error 18", "sudo reboot"),
    "804": (
        answer(
            driver={"code": 804, "path": "/opt/cuda/compat/libcuda.so.590.44.01"},
            variables={"LD_LIBRARY_PATH": "/opt/cuda/compat:/opt/mine"},
        ),
        "compat", "/opt/cuda/compat/libcuda.so.590.44.01", 'export LD_LIBRARY_PATH="/opt/mine"',
    ),
    "a compat libcuda with another code": (
        answer(driver={"code": 3, "path": "/usr/local/cuda-13/compat/libcuda.so.590"}),
        "compat", "CUDA error 3", "ldconfig -p | grep libcuda",
    ),
    "34": (answer(driver={"code": 34}), "stub", "CUDA error 34", "ldconfig -p"),
    "999": (answer(driver={"code": 999}), "driver-unknown", "CUDA error 999", "rmmod nvidia_uvm"),
    "an unknown code": (answer(driver={"code": 46}), "driver", "CUDA error 46", "reboot"),
    "a hang": (
        answer(driver={"code": None, "failure": "did not answer within 30 seconds"}), "driver", "did not answer", "reboot",
    ),
    "an empty variable": (
        answer(driver={"code": 100}, variables={"CUDA_VISIBLE_DEVICES": ""}, unhidden={"code": 0, "devices": [H100]}),
        "visible-devices", 'CUDA_VISIBLE_DEVICES="" CUDA shows no GPU (error 100); without it: NVIDIA H100 (GPU-aa)',
        "unset CUDA_VISIBLE_DEVICES",
    ),
    "a variable that names no GPU": (
        answer(driver={"code": 101}, variables={"CUDA_VISIBLE_DEVICES": "7"}, unhidden={"code": 0, "devices": [H100]}),
        "visible-devices", 'CUDA_VISIBLE_DEVICES="7" CUDA shows no GPU (error 101)', "unset CUDA_VISIBLE_DEVICES",
    ),
    "a device that may not be opened": (
        answer(H100, files=[{"path": "/dev/nvidia0", "refused": "video"}]),
        "device-files", "may not open /dev/nvidia0", "usermod -aG video",
    ),
    "a container with libraries and no device": (
        answer(driver={"code": 100}, files=[]), "container", "no /dev/nvidia*", "--gpus all",
    ),
    "a device that a scheduler keeps back": (
        answer(driver={"code": 100}), "container", "though there is /dev/nvidia0", "srun",
    ),
    "a device without libraries": (
        answer(driver={"code": None}), "driver", "no libcuda.so.1", "NVIDIA_DRIVER_CAPABILITIES",
    ),
    "a GPU that fell off the bus": (
        answer(H100, nvml={"devices": [H100, {"index": 1, "code": 15}]}), "gpu", "GPU 1", "reboot",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", DRIVERS.values(), ids=DRIVERS)
def test_each_symptom_of_the_driver_has_one_finding(row: tuple[Answer, str, str, str]) -> None:
    """What was seen has the numbers, and there is something to type."""
    told, check, seen, typed = row
    (found,) = problems(drivers.driver(told))
    assert found.check == check
    assert seen in found.seen
    assert typed in found.type
    assert found.means != ""


NOTES: dict[str, tuple[Answer, list[tuple[str, str]]]] = {
    "no NVIDIA at all": (answer(driver={"code": None}, files=[], module=""), [("ok", "driver")]),
    "a container that sees its host's module": (answer(driver={"code": None}, files=[]), [("note", "container")]),
    "all is well": (answer(H100), [("ok", "driver")]),
    "an entry that names none": (
        answer(H100, variables={"CUDA_VISIBLE_DEVICES": "0,9"}), [("ok", "driver"), ("note", "visible-devices")],
    ),
    "forward compatibility that works": (
        answer(H100, driver={"path": "/usr/local/cuda/compat/libcuda.so.590.44.01"}), [("ok", "driver"), ("note", "compat")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", NOTES.values(), ids=NOTES)
def test_what_need_not_be_wrong_is_no_problem(row: tuple[Answer, list[tuple[str, str]]]) -> None:
    """A laptop, a container for the CPU, and a chosen GPU are as they should be."""
    told, expected = row
    assert [(each.level, each.check) for each in drivers.driver(told)] == expected


def case(told: dict[str, Any], *gpus: dict[str, Any], wants: str = "cu130", **changes: Any) -> Case:
    """torch's answer on a machine, in the prefix /p, where the plan wants this build."""
    return Case(
        answer=answer(*(gpus or (H100,)), frameworks=[told], **changes), target="a.ipynb", folders=("/p",),
        accelerator=wants, why="the plan's reason",
    )  # fmt: skip


ALONE: dict[str, Any] = {"cuda": "", "archs": [], "devices": [{"device": "cpu", "name": "the processor"}]}
SECOND = [*OWN, "/usr/local/cuda/lib64/libcudnn_graph.so.9"]
REPAIR = "kernel-iso doctor --repair a.ipynb"
PLAN = "kernel-iso plan a.ipynb"

FRAMEWORKS: dict[str, tuple[Case, str, str, str]] = {
    "the CPU build on a GPU machine": (
        case(torch("2.15.0+cpu", **ALONE)), "build", "torch 2.15.0+cpu is the CPU build", REPAIR,
    ),
    "the CPU build where AMD's is wanted": (
        case(torch("2.14.1+cpu", **ALONE), driver={"code": None, "devices": []}, wants="rocm7.2"),
        "build", "the plan wants rocm7.2", REPAIR,
    ),
    "a driver too old": (
        case(torch(**{**ALONE, "cuda": "13.0"}), driver={"cuda": "12.4"}, nvml={"driver": "550.54.15"}, wants="cu126"),
        "driver-too-old", "built for CUDA 13, and driver 550.54.15 has CUDA 12.4", REPAIR,
    ),
    "a driver too old for the build that is asked for": (
        case(torch(**{**ALONE, "cuda": "13.0"}), driver={"cuda": "12.4"}),
        "driver-too-old", "CUDA 12.4", "install driver 580 or newer",
    ),
    "no code for the GPU": (
        case(torch(), V100, wants="cu126"),
        "architecture", "sm_75, sm_80, sm_86, sm_90, sm_100, sm_120, compute_120; Tesla V100 is sm_70", REPAIR,
    ),
    "no code, in torch's words": (
        case(fails("RuntimeError: CUDA error: no kernel image is available for execution on the device", archs=[])),
        "architecture", "no kernel image", PLAN,
    ),
    "two cuDNNs, one from LD_LIBRARY_PATH": (
        case(torch(libraries=SECOND), variables={"LD_LIBRARY_PATH": "/usr/local/cuda/lib64:/x"}),
        "cudnn", f"cuDNN from {SITE}/nvidia/cudnn/lib and /usr/local/cuda/lib64", 'export LD_LIBRARY_PATH="/x"',
    ),
    "two cuDNNs, one of the system": (case(torch(libraries=SECOND)), "cudnn", "/usr/local/cuda/lib64", "/etc/ld.so.conf.d"),
    "two cuDNNs, both of pip": (
        case(torch(libraries=[*OWN, f"{SITE}/other/lib/libcudnn.so.8"])),
        "cudnn", f"{SITE}/other/lib", "kernel-iso tree a.ipynb --why",
    ),
    "a toolkit before the wheels": (
        case(fails("undefined symbol: __nvJitLinkComplete_12_4", libraries=["/opt/cuda/lib64/libnvJitLink.so.12"])),
        "library-path", "__nvJitLinkComplete_12_4", "LD_LIBRARY_PATH",
    ),
    "conda's libstdc++": (
        case(torch(error="ImportError: version `GLIBCXX_3.4.32' not found", devices=[])),
        "library-path", "GLIBCXX_3.4.32", "conda",
    ),
    "a missing nvidia wheel": (
        case(torch(error="OSError: libcudart.so.12: cannot open shared object file: No such file or directory", devices=[])),
        "missing", "libcudart.so.12", "kernel-iso realise --fresh a.ipynb",
    ),
    "a cuDNN of another version": (
        case(fails("RuntimeError: CUDNN_STATUS_VERSION_MISMATCH")), "cudnn", "CUDNN_STATUS", "LD_LIBRARY_PATH",
    ),
    "no memory": (case(fails("torch.OutOfMemoryError: CUDA out of memory.")), "memory", "out of memory", "nvidia-smi"),
    "a crash": (
        case({"name": "torch", "failure": "crashed (signal 11)", "said": ["Fatal"]}),
        "crash", 'signal 11) when it computed; its last words: "Fatal"',
        "realise --fresh",
    ),
    "a wrong product": (
        case(fails("a product of two matrices came out wrong")),
        "computed", "fails on NVIDIA H100 (cuda:0): a product", "realise --fresh",
    ),
    "a GPU that torch does not see": (
        case(torch(devices=[], said=["UserWarning: CUDA initialization: CUDA unknown error"])),
        "computed", "torch 2.14.1+cu130 sees no GPU, and CUDA shows NVIDIA H100: UserWarning", "realise --fresh",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", FRAMEWORKS.values(), ids=FRAMEWORKS)
def test_each_symptom_of_a_framework_has_its_finding(row: tuple[Case, str, str, str]) -> None:
    """The first problem is the cause; the words of the framework come with it."""
    judged, check, seen, typed = row
    found = problems(symptoms.frameworks(judged))[0]
    assert found.check == check
    assert seen in found.seen
    assert typed in found.type
    assert found.means != ""


QUIET: dict[str, tuple[Case, list[tuple[str, str]]]] = {
    "computed": (case(torch()), [("ok", "computed"), ("ok", "computed")]),
    "a wheel of PyPI, whose version does not tell its build": (
        case(torch("2.14.1")), [("ok", "computed"), ("ok", "computed")],
    ),
    "the CPU build that the plan wants": (
        case(torch("2.14.1+cpu", **ALONE), wants="cpu"), [("note", "build"), ("ok", "computed")],
    ),
    "a CUDA build without a GPU": (
        case(torch(**{**ALONE, "cuda": "13.0"}), driver={"code": None, "devices": []}, wants="cpu"), [("note",
        "build-size"), ("ok", "computed")],
    ),
    "a build that works, though the plan has a better one": (
        case(torch("2.14.1+cu126", cuda="12.6", archs=["sm_90"])),
        [("note", "build"), ("ok", "computed"), ("ok", "computed")],
    ),
    "a stranger's library that does no harm": (
        case(torch(libraries=["/opt/cuda/lib64/libnvrtc.so.13"])),
        [("ok", "computed"), ("ok", "computed"), ("note", "library-path")],
    ),
    "a cuDNN of the system that was not loaded": (
        case(torch(), cudnn=["/usr/lib/x86_64-linux-gnu/libcudnn.so.9"]),
        [("ok", "computed"), ("ok", "computed"), ("note", "cudnn-system")],
    ),
    "jax for the CPU": (
        case({"name": "jax", "version": "0.10", "devices": [{"device": "TFRT_CPU_0", "name": "cpu"}]}),
        [("ok", "devices"), ("note", "devices-unseen")],
    ),
    "jax for the GPU": (
        case({"name": "jax", "version": "0.10", "devices": [{"device": "cuda:0", "name": "H100"}]}), [("ok", "devices")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", QUIET.values(), ids=QUIET)
def test_what_computes_is_no_problem(row: tuple[Case, list[tuple[str, str]]]) -> None:
    """Nothing is called wrong that works, or that the plan wants so."""
    judged, expected = row
    assert [(each.level, each.check) for each in symptoms.frameworks(judged)] == expected


def test_the_proof_names_the_build_and_the_gpu() -> None:
    """Also for a wheel whose version does not name it."""
    seen = [each.seen for each in symptoms.frameworks(case(torch("2.14.1")))]
    assert seen == [
        "torch 2.14.1+cu130 computed on the processor",
        "torch 2.14.1+cu130 computed on NVIDIA H100 (cuda:0)",
    ]
