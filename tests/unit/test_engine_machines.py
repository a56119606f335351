"""Machines that were recorded elsewhere, and what has changed on one since a prefix was prepared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kernel_iso import planning
from kernel_iso.accelerators import table
from kernel_iso.engine import drifting, fitting, parting, recording
from kernel_iso.errors import SpecError
from kernel_iso.model import Accelerator, Machine, Package, Plan, Prefix, Python, Reason

T4 = Accelerator(
    kind="cuda", name="Tesla T4", uuid="GPU-1", architecture="7.5", driver="580.95.05", cuda="13.0"
)
L4 = Accelerator(kind="cuda", name="L4", uuid="GPU-2", architecture="8.9", driver="580.95.05", cuda="13.0")
GPU = Machine(os="linux", arch="x86_64", libc="glibc 2.36", accelerators=(T4,))
LINE = json.dumps({"result": GPU.to_json()})


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(GPU.to_text().encode(), id="the machine itself"),
        pytest.param(json.dumps(GPU.to_json(), indent=2).encode(), id="the same over several lines"),
        pytest.param(LINE.encode(), id="the result's line"),
        pytest.param(
            f'{{"event": {{"phase": "probe"}}}}\n{LINE}\n\n'.encode(), id="ndjson that ends with it"
        ),
        pytest.param(f'{{"event": {{}}}}\r\n{LINE}\r\n'.encode("utf-16"), id="what PowerShell writes"),
        pytest.param(b"\xef\xbb\xbf" + LINE.encode(), id="with a byte order mark"),
    ],
)
def test_a_recorded_machine_is_read_in_every_form_that_the_probe_prints(raw: bytes, tmp_path: Path) -> None:
    """The output of `kernel-iso probe --json`, sent to a file or cut out by hand."""
    (tmp_path / "node.json").write_bytes(raw)
    assert recording.read(tmp_path / "node.json") == GPU


@pytest.mark.parametrize(
    ("raw", "because"),
    [
        (b"", "the file is empty"),
        (b"linux x86_64\n", "Expecting value"),
        (LINE.encode()[:-20], "Expecting"),
        (b'{"result": {"os": "linux"}}', "missing required field `arch`"),
        (b"[1, 2]", "Expected `object`, got `array`"),
        (b'{"result": {"os": "linux", "arch": "x", "gpus": []}}', "it contains unknown field `gpus`"),
        (b'{"error": {"code": "x", "because": "no Python"}}', "the probe failed on that machine: no Python"),
        (b"\x80\x81\x82\x83\x84", "can't decode"),
    ],
)
def test_a_file_that_is_no_machine_is_an_error_of_three_lines(
    raw: bytes, because: str, tmp_path: Path
) -> None:
    """It says what is wrong with the file, and how to make it again."""
    (tmp_path / "node.json").write_bytes(raw)
    with pytest.raises(SpecError) as caught:
        recording.read(tmp_path / "node.json")
    assert caught.value.code == "bad-machine"
    assert because in caught.value.because
    assert caught.value.hint == "make it again on that machine: kernel-iso probe --json > node.json"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A spelling mistake is not taken for a broken file."""
    with pytest.raises(SpecError) as caught:
        recording.read(tmp_path / "nod.json")
    assert caught.value.code == "no-file"


def test_another_machine_is_resolved_for_with_the_pythons_of_this_one() -> None:
    """A path of that machine may be another program here; a version that is not here has no path."""
    there = Machine(
        os="linux",
        arch="x86_64",
        pythons=(Python(version="3.12.4", path="/opt/a"), Python(version="3.9.1", path="/opt/b")),
    )
    here = Machine(os="linux", arch="x86_64", pythons=(Python(version="3.12.1", path="/usr/bin/python3.12"),))
    found = recording.resolvable(there, here).pythons
    assert [(each.version, each.path) for each in found] == [
        ("3.12.4", "/usr/bin/python3.12"),
        ("3.9.1", ""),
    ]


def prefix(folder: Path, accelerator: str = "cu130", torch: str = "2.14.1+cu130") -> Prefix:
    """A prefix that holds torch and a package of no family."""
    (folder / fitting.GUEST).mkdir(parents=True, exist_ok=True)
    held = (Package(name="torch", version=torch), Package(name="numpy", version="2.0"))
    return Prefix(
        key="k", path=str(folder), python="", version="3.12.1", backend="uv", owner="o",
        accelerator=accelerator, packages=held,
    )  # fmt: skip


def drift(tmp_path: Path, before: Machine | None, now: Machine, **changes: Any) -> tuple[str, ...]:
    """What is told of a prefix with cu130."""
    tag = changes.pop("tag", "cu130")
    plan = Plan(
        backend="uv",
        python=Python(version="3.12.1", path=""),
        accelerator=tag,
        reasons=(Reason(rule="accelerator", text="so it is"),),
    )
    there = {"torch": "2.14.1+cu130", "numpy": "2.0"} | changes
    return drifting.drift(prefix(tmp_path), plan, now, there, before)


def on(*devices: Accelerator) -> Machine:
    """This machine with other devices."""
    return Machine(os="linux", arch="x86_64", libc="glibc 2.36", accelerators=devices)


def changed(device: Accelerator, **fields: Any) -> Accelerator:
    """A device with other facts."""
    return Accelerator(**{**device.to_json(), **fields})


def test_the_machine_of_a_prefix_is_remembered_without_what_does_not_count(tmp_path: Path) -> None:
    """Its Pythons and tools come and go without a word about the prefix."""
    made = prefix(tmp_path)
    assert drifting.recorded(made) is None
    drifting.record(made, Machine(**{**GPU.to_json(), "findings": ("x",), "accelerators": (T4,)}))
    assert drifting.recorded(made) == GPU
    (tmp_path / fitting.GUEST / drifting.RECORD).write_text("{")
    assert drifting.recorded(made) is None


def test_the_same_machine_has_no_drift(tmp_path: Path) -> None:
    """Another device of the same model is the same: nothing hangs on its number."""
    assert drift(tmp_path, GPU, GPU) == ()
    assert drift(tmp_path, GPU, on(changed(T4, uuid="GPU-9", memory=16, index=3))) == ()


def test_devices_that_came_and_went_are_counted_by_model(tmp_path: Path) -> None:
    """Added, removed, exchanged; one that is hidden from the kernel is gone for it."""
    assert drift(tmp_path, GPU, on(T4, L4, L4)) == ("2 × L4 (sm_89) is new here",)
    assert drift(tmp_path, on(T4, L4), on(L4)) == ("Tesla T4 (sm_75) is here no more",)
    assert drift(tmp_path, GPU, on(L4)) == ("Tesla T4 (sm_75) is here no more", "L4 (sm_89) is new here")
    assert drift(tmp_path, on(T4, L4), on(changed(T4, visible=False), L4)) == (
        "Tesla T4 (sm_75) is here no more",
    )


def test_another_driver_is_told_with_its_cuda(tmp_path: Path) -> None:
    """A newer one that takes the build is a fact and no more; an older one that does not is told to be in the way."""
    newer = on(changed(T4, driver="595.71.05", cuda="13.2"))
    told = "the driver was 580.95.05 (CUDA 13.0), and is 595.71.05 (CUDA 13.2) now"
    assert drift(tmp_path, GPU, newer) == (told,)
    needs = "CUDA 13 needs a newer driver (580): 570.124.06 has CUDA 12.8"
    older = on(changed(T4, driver="570.124.06", cuda="12.8"))
    assert drift(tmp_path, GPU, older, tag="cu126") == (
        "the driver was 580.95.05 (CUDA 13.0), and is 570.124.06 (CUDA 12.8) now",
        f"the cu130 build of torch 2.14.1 does not compute here: {needs}",
        "it has the build cu130, and would get cu126 now: so it is",
    )


def test_a_prefix_of_an_older_version_tells_what_can_be_known(tmp_path: Path) -> None:
    """Nobody wrote down its machine; the build is in its manifest."""
    assert drift(tmp_path, None, GPU) == ()
    assert drift(tmp_path, None, GPU, tag="cu132") == (
        "it has the build cu130, and would get cu132 now: so it is",
    )


def test_another_machine_with_the_same_store_is_told(tmp_path: Path) -> None:
    """A shared home has one store for nodes of several kinds."""
    arm = Machine(os="linux", arch="aarch64", accelerators=(T4,))
    assert drift(tmp_path, GPU, arm)[0] == "it was prepared on linux-x86_64, and this is linux-aarch64"


def test_a_torch_that_something_else_exchanged_is_told(tmp_path: Path) -> None:
    """Other packages are no matter of the machine's."""
    why = "something else than kernel-iso changed it (`!pip` in a cell does that)"
    assert drift(tmp_path, GPU, GPU, torch="2.15.0", numpy="1.0") == (
        f"torch 2.15.0 is in the place of 2.14.1+cu130: {why}",
    )
    assert drift(tmp_path, GPU, GPU, torch="") == (f"torch is gone: {why}",)


@pytest.mark.parametrize(
    ("tag", "torch", "devices", "expected"),
    [
        ("cu130", "2.14.1", (T4,), ""),
        ("cu126", "2.14.1", (), "this machine has no NVIDIA GPU that the kernel sees"),
        ("cu130", "2.14.1", (changed(T4, architecture="6.1"), L4), ""),
        (
            "cu130",
            "2.14.1",
            (changed(T4, architecture="6.1"),),
            "GPU 0 (Tesla T4) is sm_61, and no CUDA 13 build of torch has code for it",
        ),
        ("cu139", "2.99.0", (T4,), ""),
        ("cpu", "2.14.1", (), ""),
        ("mps", "2.14.1", (), ""),
        ("", "2.14.1", (), ""),
    ],
)
def test_a_build_that_computes_on_no_device_is_told_why(
    tag: str, torch: str, devices: tuple[Accelerator, ...], expected: str
) -> None:
    """One device that it serves is enough; builds for none, and those that nobody knows, are not judged."""
    assert planning.unfit(tag, torch, on(*devices), table()) == expected


def test_a_version_in_a_strangers_lock_is_a_version() -> None:
    """It becomes a bound of torch, so nothing else may stand there."""
    with pytest.raises(SpecError) as caught:
        parting.version("2.15; os_name == 'x'")
    assert caught.value.code == "bad-lock"
