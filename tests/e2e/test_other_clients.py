"""Clients that know only a kernelspec's command and a working folder, and a real server session, with the real engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

pytestmark = pytest.mark.network

SHARE = Path(__file__).parents[2] / "share" / "kernels" / "iso" / "kernel.json"


def plain_spec(environ: Mapping[str, str], name: str, spec: dict[str, object]) -> None:
    """Write a kernelspec without its metadata: a client that ignores provisioners sees the command alone."""
    folder = Path(environ["JUPYTER_DATA_DIR"]) / "kernels" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps({**spec, "metadata": {}}))


def outputs(name: str, environ: dict[str, str], cwd: Path, code: str) -> str:
    """Start a kernel by its command in a working folder, run code, and return what it printed."""
    manager = KernelManager(kernel_name=name)
    manager.start_kernel(cwd=str(cwd), env=environ)
    client = manager.blocking_client()
    client.start_channels()
    printed: list[str] = []
    try:
        client.wait_for_ready(timeout=180)
        client.execute_interactive(
            code, timeout=60, output_hook=lambda message: printed.append(message["content"].get("text", ""))
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return "".join(printed).strip()


CODE = "import sys, six; print(sys.prefix, six.__version__)"


def test_the_argv_form_uses_the_project_of_the_working_folder(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """VS Code gives neither notebook nor session: the nearest project file of the folder decides."""
    (tmp_path / "requirements.txt").write_text("six==1.16.0\n")
    plain_spec(environ, "plain-iso", json.loads(SHARE.read_text()))
    subprocess.run([sys.executable, "-m", "kernel_iso", "trust", "."], cwd=tmp_path, env=environ, check=True)
    prefix, version = outputs("plain-iso", environ, tmp_path, CODE).split()
    assert prefix.startswith(environ["KERNEL_ISO_STORE"])
    assert version == "1.16.0"


def test_the_kernelspec_of_a_named_environment_needs_nothing_else(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Its argv form names the environment, so that any client gets it, from any folder."""
    create = [sys.executable, "-m", "kernel_iso", "env", "create", "tools", "six==1.17.0"]
    subprocess.run(create, cwd=tmp_path, env=environ, check=True)
    folder = Path(environ["JUPYTER_DATA_DIR"]) / "kernels" / "iso-tools"
    plain_spec(environ, "plain-tools", json.loads((folder / "kernel.json").read_text()))
    assert outputs("plain-tools", environ, tmp_path, CODE).split()[1] == "1.17.0"
    assert outputs("iso-tools", environ, tmp_path, CODE).split()[1] == "1.17.0"


def test_a_console_without_a_project_says_that_it_cannot_know(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Nothing is guessed: the start fails with the three lines."""
    with pytest.raises(Exception, match="which-notebook"):
        outputs("iso", environ, tmp_path, CODE)
