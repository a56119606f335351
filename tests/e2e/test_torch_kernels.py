"""Kernels on made-up machines: what a cell sees of torch is the build that the lock has for the machine.

The drivers are stand-ins, and so are the builds, which a local index serves; the kernels, their ipykernel and the
clients are real.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from fakes import COMPILER, LIBRARIES, library, tool
from jupyter_client.manager import KernelManager
from wheelhouse import Wheelhouse

pytestmark = pytest.mark.network

Iso = Callable[..., dict[str, Any]]

BUILDS = {
    ("2.14.1", "0.29.1"): ("cpu", "cu126", "cu130"),
    ("2.15.0", "0.30.0"): ("cpu", "cu130"),
}
TOLD = """
import json, os, torch, torchvision
print(json.dumps({
    "torch": torch.__version__, "file": torch.__file__, "torchvision": torchvision.__version__,
    "libraries": os.environ.get("LD_LIBRARY_PATH", ""),
}))
"""


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    """An index with the builds of two torches, and the torchvisions that go with them."""
    with Wheelhouse() as house:
        for (torch, vision), tags in BUILDS.items():
            for tag in tags:
                house.wheel("torch", f"{torch}+{tag}")
                house.wheel("torchvision", f"{vision}+{tag}", requires=[f"torch=={torch}"])
        yield house


@pytest.fixture
def settings(
    environ: dict[str, str], index: Wheelhouse, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """An environment whose policy has torch's builds from this index; the kernel comes from the ordinary one."""
    policy = tmp_path_factory.mktemp("policy") / "policy.toml"
    policy.write_text(f'companions = ["ipykernel"]\ntorch-index = "{index.builds}"\n')
    return {**environ, "KERNEL_ISO_CONFIG": str(policy)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders for a machine's variables: a driver's libraries, ones that cannot be loaded, its tool, a toolkit."""
    if COMPILER is None:
        pytest.skip("there is no C compiler to make the stand-in drivers with")
    folder = tmp_path_factory.mktemp("machines")
    for each in ("broken", "toolkit"):
        (folder / each).mkdir()
    for name in LIBRARIES:
        library(name, folder / "driver")
        (folder / "broken" / name).touch()
    tool(folder / "bin")
    (folder / "toolkit" / "libcudnn.so.9").touch()
    return folder


def pascal(folders: Path) -> dict[str, str]:
    """A GTX 1080 Ti, told by the driver's libraries; a toolkit's come before them."""
    return {
        "LD_LIBRARY_PATH": f"{folders / 'toolkit'}:{folders / 'driver'}",
        "FAKE_GPUS": "NVIDIA GeForce GTX 1080 Ti,GPU-11111111-2222-3333-4444-555555555555,6.1,11264",
        "FAKE_DRIVER": "580.95.05",
        "FAKE_CUDA": "13000",
    }


def ada(folders: Path) -> dict[str, str]:
    """An RTX 4090, told by `nvidia-smi` alone."""
    uuid = "GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    return {
        "LD_LIBRARY_PATH": str(folders / "broken"),
        "PATH": f"{folders / 'bin'}:{os.environ['PATH']}",
        "FAKE_SMI_LINES": f"0, NVIDIA GeForce RTX 4090, {uuid}, 595.71.05, 24564, [N/A], 8.9",
        "FAKE_SMI_TABLE": "| NVIDIA-SMI 595.71.05   KMD Version: 595.71.05   CUDA UMD Version: 13.2 |",
    }


@pytest.fixture
def iso(settings: dict[str, str], tmp_path: Path) -> Iso:
    """Run a verb with `--json` and return its result; an error fails."""

    def call(verb: str, *arguments: str, **extra: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "kernel_iso", verb, "--json", *arguments],
            env={**settings, **extra}, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["result"]
        return result

    return call


def write(path: Path) -> Path:
    """A notebook that declares torch and torchvision, and prints what it gets."""
    block = '# /// script\n# dependencies = ["torch", "torchvision"]\n# ///'
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in (block, TOLD)])
    made.metadata["kernelspec"] = {"name": "iso", "display_name": "Isolated Python", "language": "python"}
    nbformat.write(made, path)
    return path


def told(path: Path, environ: dict[str, str]) -> dict[str, str]:
    """What the cell prints in a kernel that a Jupyter client starts for the notebook."""
    manager = KernelManager(kernel_name="iso")
    manager.start_kernel(cwd=str(path.parent), env={**environ, "KERNEL_ISO_NOTEBOOK": str(path)})
    client = manager.blocking_client()
    client.start_channels()
    printed: list[str] = []
    try:
        client.wait_for_ready(timeout=180)
        client.execute_interactive(
            TOLD, timeout=60, output_hook=lambda message: printed.append(message["content"].get("text", ""))
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    seen: dict[str, str] = json.loads("".join(printed))
    return seen


def locked(path: Path) -> dict[str, tuple[str, str]]:
    """The versions of torch and torchvision in each part of the lock in a notebook, by accelerator."""
    found = {}
    for part in nbformat.read(path, as_version=4).metadata["kernel_iso"]["lock"]["parts"]:
        versions = {each["name"]: each["version"] for each in tomllib.loads(part["text"])["packages"]}
        found[part["accelerator"]] = (versions["torch"], versions["torchvision"])
    return found


def test_the_kernel_has_the_build_that_the_lock_names_for_the_gpu(
    iso: Iso, settings: dict[str, str], folders: Path, tmp_path: Path
) -> None:
    """From lock through realise to the cell; the toolkit's libraries are gone there, the driver's are not."""
    path = write(tmp_path / "a.ipynb")
    gpu = pascal(folders)
    iso("trust", "a.ipynb", **gpu)
    iso("lock", "a.ipynb", **gpu)
    assert locked(path) == {
        "cu126": ("2.14.1+cu126", "0.29.1+cu126"),
        "cpu": ("2.14.1+cpu", "0.29.1+cpu"),
    }
    ready = iso("realise", "a.ipynb", **gpu)
    seen = told(path, {**settings, **gpu})
    assert (seen["torch"], seen["torchvision"]) == locked(path)["cu126"]
    assert Path(seen["file"]).is_relative_to(ready["path"])
    assert seen["libraries"] == str(folders / "driver")


def test_another_machine_takes_its_part_where_nothing_can_be_resolved(
    iso: Iso, settings: dict[str, str], index: Wheelhouse, folders: Path, tmp_path: Path
) -> None:
    """Locked on one GPU for another; there, with a store of its own, only the wheels are fetched."""
    path = write(tmp_path / "a.ipynb")
    gpu, other = pascal(folders), {**ada(folders), "KERNEL_ISO_STORE": str(tmp_path / "other")}
    iso("trust", "a.ipynb", **gpu)
    lock = iso("lock", "a.ipynb", "--for", "cpu,cu126,cu130", **gpu)
    first = told(path, {**settings, **gpu})
    index.requests.clear()
    index.failure, index.failing = 403, ("simple", "whl")
    ready = iso("realise", "a.ipynb", "--trust", **other)
    second = told(path, {**settings, **other})
    assert ready["lock"] == lock["digest"]
    parts = locked(path)
    assert parts["cu130"] == ("2.14.1+cu130", "0.29.1+cu130")
    assert ((first["torch"], first["torchvision"]), (second["torch"], second["torchvision"])) == (
        parts["cu126"],
        parts["cu130"],
    )
    assert Path(second["file"]).is_relative_to(ready["path"])
    assert {asked.split("/")[1] for asked, _ in index.requests} == {"files"}


def test_without_a_gpu_the_kernel_computes_with_the_cpu_build(iso: Iso, tmp_path: Path) -> None:
    """`run` executes the notebook on the newest torch, for the CPU."""
    path = write(tmp_path / "a.ipynb")
    iso("trust", "a.ipynb")
    iso("lock", "a.ipynb")
    assert locked(path) == {"cpu": ("2.15.0+cpu", "0.30.0+cpu")}
    iso("run", "a.ipynb", "-o", "out.ipynb")
    out = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    seen = json.loads(out.cells[1].outputs[0]["text"])
    assert (seen["torch"], seen["torchvision"]) == locked(path)["cpu"]
    assert Path(seen["file"]).is_relative_to(iso("realise", "a.ipynb")["path"])
    assert seen["libraries"] == ""
