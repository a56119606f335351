"""What the probe tells of accelerators: asked of stand-in drivers, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fakes import COMPILER, library, tool, tree

from kernel_iso import discovery
from kernel_iso.guest import probe
from kernel_iso.model import Accelerator, Machine, Python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the stand-in drivers are those of Linux")

SOURCE = Path(probe.__file__).read_text(encoding="utf-8")
PASCAL = "NVIDIA GeForce GTX 1080 Ti,GPU-11111111-2222-3333-4444-555555555555,6.1,11264"
ADA = "NVIDIA GeForce RTX 4090,GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee,8.9,24564"
A100 = "NVIDIA A100-SXM4-80GB,GPU-cccccccc-bbbb-cccc-dddd-eeeeeeeeeeee,8.0,81920,1"
PYTHONS = [each for each in discovery.pythons(os.environ, home=Path.home()) if each.sort_key[:2] >= (3, 6)]
WITHOUT = {name: value for name, value in os.environ.items() if name not in probe.VARIABLES}

# The probe as it is sent, but with the folder that holds /sys and /dev, and a time for the driver.
ASKED = SOURCE.replace(
    "print(json.dumps(facts()))", "print(json.dumps(facts(sys.argv[1], None, float(sys.argv[2]))))"
)
assert ASKED != SOURCE


@pytest.fixture(scope="module")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `both`, `nvml`, `cuda` and `none`, for LD_LIBRARY_PATH: the libraries that there are.

    Those that are not there are empty files, so that the loader does not find this machine's own.
    """
    if COMPILER is None:
        pytest.skip("there is no C compiler to make the stand-in drivers with")
    folder = tmp_path_factory.mktemp("drivers")
    made = {
        "nvml": library("libnvidia-ml.so.1", folder / "both"),
        "cuda": library("libcuda.so.1", folder / "both"),
    }
    for name in ("nvml", "cuda", "none"):
        (folder / name).mkdir()
        for each, path in made.items():
            if each == name:
                (folder / name / path.name).symlink_to(path)
            else:
                (folder / name / path.name).touch()
    return folder


def asked(
    environ: dict[str, str],
    root: Path | str = "/nowhere",
    *,
    python: str = sys.executable,
    seconds: float = 20,
) -> Machine:
    """The machine that the probe tells of in a process of its own, as `python -`."""
    done = subprocess.run(
        [python, "-I", "-", str(root), str(seconds)],
        input=ASKED,
        capture_output=True,
        text=True,
        env={**WITHOUT, **environ},
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return Machine.from_json(json.loads(done.stdout))


# ---- NVIDIA's libraries


@pytest.mark.parametrize("python", PYTHONS, ids=lambda each: f"{each.version}-{each.source}")
def test_every_python_here_asks_the_driver(drivers: Path, python: Python) -> None:
    """One GPU with all its facts, from 3.6 on."""
    environ = {
        "LD_LIBRARY_PATH": str(drivers / "both"),
        "FAKE_GPUS": ADA,
        "FAKE_DRIVER": "580.95.05",
        "FAKE_CUDA": "13000",
    }
    machine = asked(environ, python=python.path)
    ada = Accelerator(
        kind="cuda",
        name="NVIDIA GeForce RTX 4090",
        uuid="GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        architecture="8.9",
        driver="580.95.05",
        cuda="13.0",
        memory=24564 << 20,
    )
    assert ((ada,), ()) == (machine.accelerators, machine.findings)


@pytest.mark.parametrize(
    ("variables", "visible", "said"),
    [
        ({}, [True, True], ""),
        ({"CUDA_VISIBLE_DEVICES": "0"}, [False, True], ""),
        ({"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, [True, False], ""),
        ({"CUDA_VISIBLE_DEVICES": "0", "FAKE_CUDA_CODE": "999"}, [False, True], "fastest first"),
        ({"CUDA_VISIBLE_DEVICES": "0", "FAKE_FAULT": "cuda-crash"}, [False, True], "fastest first"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-111"}, [True, False], ""),
        ({"CUDA_VISIBLE_DEVICES": ""}, [False, False], "hides every NVIDIA GPU"),
    ],
)
def test_two_gpus_are_told_apart_as_cuda_does(
    drivers: Path, variables: dict[str, str], visible: list[bool], said: str
) -> None:
    """Numbers count in CUDA's own order, which libcuda tells; where it cannot, the guess is owned up to."""
    environ = {"LD_LIBRARY_PATH": str(drivers / "both"), "FAKE_GPUS": f"{PASCAL};{ADA}", **variables}
    machine = asked({"FAKE_CUDA_GPUS": f"{ADA};{PASCAL}", **environ})
    assert [(each.index, each.architecture) for each in machine.accelerators] == [(0, "6.1"), (1, "8.9")]
    assert visible == [each.visible for each in machine.accelerators]
    assert bool(said) == bool(machine.findings)
    assert said in " ".join(machine.findings)


@pytest.mark.parametrize(
    ("instances", "value", "visible"),
    [
        ("MIG-01+MIG-02", None, True),
        ("MIG-01+MIG-02", "MIG-02", True),
        ("MIG-01+MIG-02", "MIG-0", False),
        ("MIG-01", "MIG-GPU-cccccccc-bbbb-cccc-dddd-eeeeeeeeeeee/1/0", True),
        ("", None, False),
    ],
)
def test_the_instances_of_a_divided_gpu_are_told(
    drivers: Path, instances: str, value: str | None, visible: bool
) -> None:
    """MIG mode, the instances, and which of them a process may see."""
    environ = {"LD_LIBRARY_PATH": str(drivers / "nvml"), "FAKE_GPUS": f"{A100},{instances}"}
    machine = asked(environ if value is None else {**environ, "CUDA_VISIBLE_DEVICES": value})
    (gpu,) = machine.accelerators
    assert (True, tuple(filter(None, instances.split("+")))) == (gpu.mig, gpu.parts)
    assert visible == gpu.visible
    assert visible != bool(machine.findings)


def test_a_driver_without_devices_has_none(drivers: Path) -> None:
    """NVML that counts none is no finding."""
    machine = asked({"LD_LIBRARY_PATH": str(drivers / "both")})
    assert (machine.accelerators, machine.findings) == ((), ())


def test_one_gpu_that_is_lost_does_not_hide_the_others(drivers: Path) -> None:
    """The one that fell off the bus is a finding."""
    machine = asked({"LD_LIBRARY_PATH": str(drivers / "both"), "FAKE_GPUS": f"Lost,GPU-0,0.0,0;{ADA}"})
    assert [each.architecture for each in machine.accelerators] == ["8.9"]
    assert "GPU 0 cannot be used: a GPU has fallen off the bus" in machine.findings[0]


def test_without_libcuda_no_gpu_is_of_use(drivers: Path) -> None:
    """A container that was given NVML only: the GPU is told, and not visible."""
    machine = asked({"LD_LIBRARY_PATH": str(drivers / "nvml"), "FAKE_GPUS": ADA, "FAKE_CUDA": "0"})
    assert [(each.visible, each.cuda) for each in machine.accelerators] == [(False, "")]
    assert "NVIDIA_DRIVER_CAPABILITIES" in machine.findings[0]


@pytest.mark.parametrize(
    ("libraries", "fault", "said"),
    [
        (
            "both",
            {"FAKE_NVML_CODE": "18"},
            "driver/library version mismatch): restart the machine (NVML error 18)",
        ),
        ("both", {"FAKE_NVML_CODE": "9"}, "not loaded: load it (`modprobe nvidia`)"),
        ("both", {"FAKE_NVML_CODE": "77"}, "the NVIDIA driver fails (NVML error 77)"),
        ("both", {"FAKE_FAULT": "nvml-crash"}, "NVML crashed (signal 6)"),
        ("cuda", {"FAKE_CUDA_CODE": "802"}, "nvidia-fabricmanager"),
        ("cuda", {"FAKE_CUDA_CODE": "803"}, "restart the machine (libcuda error 803)"),
        ("cuda", {"FAKE_CUDA_CODE": "804"}, "cuda-compat"),
        ("cuda", {"FAKE_CUDA_CODE": "999"}, "nvidia_uvm"),
        ("cuda", {"FAKE_GPUS": ""}, "finds no GPU"),
    ],
)
def test_a_broken_driver_is_a_finding(
    drivers: Path, libraries: str, fault: dict[str, str], said: str
) -> None:
    """One sentence about what is wrong and what to do, and no device."""
    machine = asked({"LD_LIBRARY_PATH": str(drivers / libraries), "FAKE_GPUS": ADA, **fault})
    assert (machine.accelerators, len(machine.findings)) == ((), 1)
    assert said in machine.findings[0]


@pytest.mark.parametrize(("libraries", "fault"), [("both", "nvml-hang"), ("cuda", "cuda-hang")])
def test_a_driver_that_hangs_is_left(drivers: Path, libraries: str, fault: str) -> None:
    """The answer comes after the time that it is given, without it."""
    start = time.monotonic()
    environ = {"LD_LIBRARY_PATH": str(drivers / libraries), "FAKE_GPUS": ADA, "FAKE_FAULT": fault}
    machine = asked(environ, seconds=0.3)
    assert time.monotonic() - start < 5
    assert "did not answer within 0.3 seconds" in machine.findings[0]


def test_libcuda_is_asked_where_there_is_no_nvml(drivers: Path) -> None:
    """Jetson: every device with its facts, in CUDA's order, and those not visible too."""
    machine = asked(
        {
            "LD_LIBRARY_PATH": str(drivers / "cuda"),
            "FAKE_GPUS": f"{ADA};{PASCAL}",
            "CUDA_VISIBLE_DEVICES": "1",
        }
    )
    ada, pascal = machine.accelerators
    assert (
        ada.architecture,
        ada.uuid,
        ada.memory,
    ) == ("8.9", "GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", 24564 << 20)
    assert (ada.cuda, [ada.visible, pascal.visible]) == ("12.8", [False, True])


@pytest.mark.parametrize("code", ["3", "12"])
def test_libcuda_is_asked_where_nvml_knows_no_device(drivers: Path, code: str) -> None:
    """An NVML that does not serve the device is no broken driver."""
    machine = asked({"LD_LIBRARY_PATH": str(drivers / "both"), "FAKE_GPUS": ADA, "FAKE_NVML_CODE": code})
    assert ([each.architecture for each in machine.accelerators], machine.findings) == (["8.9"], ())


def test_wsl_has_its_libraries_in_a_folder_of_its_own(drivers: Path, tmp_path: Path) -> None:
    """WSL2: no /proc/driver/nvidia, the library is taken before a stub with the same name."""
    root = tree(tmp_path, {"dev/dxg": "", "usr/lib/wsl/lib/": ""})
    (root / "usr/lib/wsl/lib/libnvidia-ml.so.1").symlink_to(drivers / "nvml" / "libnvidia-ml.so.1")
    machine = asked({"FAKE_GPUS": ADA, "FAKE_DRIVER": "581.29", "FAKE_CUDA": "13000"}, root)
    assert [(each.driver, each.cuda) for each in machine.accelerators] == [("581.29", "13.0")]


def test_where_processes_cannot_be_forked_a_thread_asks() -> None:
    """Windows: an answer, a failure and a hang are told apart too."""
    held = threading.Event()
    assert probe._in_thread(lambda paths: paths, ["a"], 5) == (["a"], "")
    assert probe._in_thread(lambda paths: paths[1], ["a"], 5) == (None, "ended without an answer")
    assert probe._in_thread(lambda paths: held.wait(20), [], 0.1) == (
        None,
        "did not answer within 0.1 seconds",
    )
    held.set()


# ---- NVIDIA's tool

LINE = "0, NVIDIA GeForce RTX 4090, GPU-aaaa, 610.43.02, 24564, [N/A], 8.9"
OLD = "0, Tesla V100-SXM2-16GB, GPU-bbbb, 450.80.02, 16160, [N/A]"
NEW_TABLE = "CUDA UMD Version                      : 13.3"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"FAKE_SMI_LINES": LINE, "FAKE_SMI_TABLE": NEW_TABLE}, ("8.9", "13.3", "610.43.02")),
        (
            {"FAKE_SMI_LINES": OLD, "FAKE_SMI_TABLE": "CUDA Version : 11.0", "FAKE_SMI_OLD": "1"},
            ("", "11.0", "450.80.02"),
        ),
    ],
)
def test_the_tool_is_asked_last(
    drivers: Path, tmp_path: Path, variables: dict[str, str], expected: tuple[str, ...]
) -> None:
    """Without libraries, `nvidia-smi` on PATH tells; old drivers do not know a GPU's architecture."""
    path = f"{tool(tmp_path / 'bin').parent}{os.pathsep}{os.environ['PATH']}"
    (gpu,) = asked(
        {"PATH": path, "LD_LIBRARY_PATH": str(drivers / "none"), **variables}, tmp_path
    ).accelerators
    assert expected == (gpu.architecture, gpu.cuda, gpu.driver)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"FAKE_SMI_FAILURE": "Failed to initialize NVML: Driver/library version mismatch"},
            "library version mismatch",
        ),
        ({"FAKE_SMI_HANG": "1"}, "did not answer within 0.5 seconds"),
    ],
)
def test_a_tool_that_fails_is_a_finding(
    drivers: Path, tmp_path: Path, variables: dict[str, str], said: str
) -> None:
    """In its own words, which it prints on its standard output."""
    path = f"{tool(tmp_path / 'bin').parent}{os.pathsep}{os.environ['PATH']}"
    machine = asked(
        {"PATH": path, "LD_LIBRARY_PATH": str(drivers / "none"), **variables}, tmp_path, seconds=0.5
    )
    assert machine.accelerators == ()
    assert said in machine.findings[0]


def test_devices_without_libraries_are_a_finding(drivers: Path, tmp_path: Path) -> None:
    """A container that was given device files by hand."""
    machine = asked(
        {"PATH": "", "LD_LIBRARY_PATH": str(drivers / "none")},
        tree(tmp_path, {"dev/nvidiactl": "", "dev/nvidia0": ""}),
    )
    assert "no NVIDIA library" in machine.findings[0]


def test_what_a_person_names_stands_instead_of_what_was_found(drivers: Path) -> None:
    """The found GPUs keep the rest of their facts; an empty value asks the driver for nothing."""
    environ = {"LD_LIBRARY_PATH": str(drivers / "both"), "FAKE_GPUS": f"{PASCAL};{ADA}"}
    machine = asked({**environ, "CONDA_OVERRIDE_CUDA": "11.8"})
    assert [(each.architecture, each.cuda) for each in machine.accelerators] == [
        ("6.1", "11.8"),
        ("8.9", "11.8"),
    ]
    none = asked({**environ, "CONDA_OVERRIDE_CUDA": "", "FAKE_FAULT": "nvml-hang"}, seconds=5)
    assert (
        none.accelerators,
        none.findings,
    ) == ((), ("CONDA_OVERRIDE_CUDA is empty: no cuda device is counted",))
