"""On a machine with an NVIDIA GPU: what the probe tells against `nvidia-smi`, and a kernel that computes on the GPU.

The kernel's prefix lies over the torch that is installed there (the policy allows `system-site-packages`), so that nothing
of CUDA has to be fetched.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

pytestmark = pytest.mark.gpu

QUERY = ["nvidia-smi", "--query-gpu=name,uuid,driver_version,compute_cap", "--format=csv,noheader"]
COMPUTE = """
import json, sys, torch
left, right = torch.rand(256, 256), torch.rand(256, 256)
close = torch.allclose((left.cuda() @ right.cuda()).cpu(), left @ right, rtol=1e-3, atol=1e-3)
print(json.dumps({"close": close, "device": torch.cuda.get_device_name(0), "prefix": sys.prefix}))
"""


@pytest.fixture
def cards() -> list[list[str]]:
    """Name, UUID, driver and compute capability of each GPU, as NVIDIA's own tool tells them."""
    if shutil.which("nvidia-smi") is None:
        pytest.skip("there is no nvidia-smi, so no NVIDIA GPU that could be compared with")
    done = subprocess.run(QUERY, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"nvidia-smi tells of no GPU: {done.stdout.strip() or done.stderr.strip()}")
    return [[field.strip() for field in row] for row in csv.reader(done.stdout.splitlines())]


def iso(environ: dict[str, str], folder: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "kernel_iso", words[0], "--json", *words[1:]], env=environ, cwd=folder,
        capture_output=True, text=True,
    )  # fmt: skip
    last = json.loads(done.stdout.splitlines()[-1])
    assert "result" in last, last
    result: dict[str, Any] = last["result"]
    return result


def test_the_probe_tells_what_nvidias_own_tool_does(
    environ: dict[str, str], cards: list[list[str]], tmp_path: Path
) -> None:
    """Every GPU by name, UUID, driver and compute capability."""
    told = [
        [item["name"], item["uuid"], item["driver"], item["architecture"]]
        for item in iso(environ, tmp_path, "probe")["accelerators"]
        if item["kind"] == "cuda"
    ]
    assert sorted(told) == sorted(cards)


def test_a_kernel_in_its_own_prefix_multiplies_matrices_on_the_gpu(
    environ: dict[str, str], cards: list[list[str]], tmp_path: Path
) -> None:
    """Over the torch of this machine's Python; the doctor proves the same by computing in a child process."""
    python = shutil.which("python3") or sys.executable
    asked = "import sys, torch; print('%d.%d' % sys.version_info[:2], torch.version.cuda or '')"
    done = subprocess.run([python, "-c", asked], capture_output=True, text=True)
    words = done.stdout.split()
    if len(words) != 2:
        pytest.skip(f"{python} has no torch with CUDA: {(done.stderr or done.stdout).strip()[-200:]}")
    policy = tmp_path / "policy.toml"
    policy.write_text('companions = ["ipykernel"]\nsystem-site-packages = true\n')
    settings = {**environ, "KERNEL_ISO_CONFIG": str(policy)}
    spec = {"python": words[0], "system_site_packages": True}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(COMPUTE)])
    notebook.metadata["kernel_iso"] = {"spec": spec}
    nbformat.write(notebook, tmp_path / "a.ipynb")
    iso(settings, tmp_path, "run", "a.ipynb", "-o", "out.ipynb", "--trust")
    (output,) = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[0].outputs
    seen = json.loads(output.text)
    ready = iso(settings, tmp_path, "realise", "a.ipynb")
    assert (seen["close"], seen["prefix"]) == (True, ready["path"])
    assert seen["device"] in {name for name, *_ in cards}
    examined = subprocess.run(
        [sys.executable, "-m", "kernel_iso", "doctor", "a.ipynb"], env=settings, cwd=tmp_path,
        capture_output=True, text=True,
    )  # fmt: skip
    assert f"computed on {seen['device']}" in examined.stdout
