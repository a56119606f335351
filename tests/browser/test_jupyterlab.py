"""A real JupyterLab in a real browser: one notebook prepares while others work, and a foreign one is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from wheelhouse import Wheelhouse

pytestmark = [pytest.mark.browser, pytest.mark.network]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def write(path: Path, kernel: str, *cells: str) -> None:
    """A notebook on a kernel."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    made.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    nbformat.write(made, path)


def block(*requirements: str) -> str:
    """A PEP 723 cell."""
    return f"# /// script\n# dependencies = {json.dumps(requirements)}\n# ///"


@pytest.fixture
def lab(environ: dict[str, str], tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A running JupyterLab with notebooks in its root, and an index that takes eight seconds for one wheel."""
    root = tmp_path / "root"
    root.mkdir()
    write(root / "slow.ipynb", "iso", block("slowpkg"), "import slowpkg; print('slow', 6 * 7)")
    write(root / "plain.ipynb", "python3", "print('plain', 6 * 7)")
    write(root / "foreign.ipynb", "iso", block("six"), "import six")
    settings = tmp_path / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )
    with Wheelhouse() as index, socket.socket() as free:
        index.wheel("slowpkg", "1.0")
        index.slow = 8
        policy = tmp_path / "policy.toml"
        indexes = [
            f'{{name = "slow", url = "{index.url}"}}',
            '{name = "pypi", url = "https://pypi.org/simple"}',
        ]
        policy.write_text(f"indexes = [{', '.join(indexes)}]\n")
        environ = {
            **environ,
            "KERNEL_ISO_CONFIG": str(policy),
            "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
        }
        subprocess.run(
            [sys.executable, "-m", "kernel_iso", "trust", "slow.ipynb"], cwd=root, env=environ, check=True
        )
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
            f"--ServerApp.root_dir={root}", "--IdentityProvider.token=t", "--ServerApp.port_retries=0",
            "--LabApp.expose_app_in_browser=True",
        ]  # fmt: skip
        with (tmp_path / "server.log").open("w") as log:
            server = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
            try:
                _wait_for(f"http://127.0.0.1:{port}/api?token=t")
                yield f"http://127.0.0.1:{port}/lab?token=t&reset", root
            finally:
                server.send_signal(signal.SIGTERM)
                try:
                    server.wait(15)
                except subprocess.TimeoutExpired:
                    server.kill()
                    server.wait()


def _wait_for(url: str) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_one_notebook_prepares_while_others_work(lab: tuple[str, Path], tmp_path: Path) -> None:
    """A cell run while the environment is made waits and then runs; a stock kernel and a refusal do not wait for it."""
    playwright = pytest.importorskip("playwright.sync_api")
    url, _ = lab
    shots = Path(os.environ.get("SCREENSHOTS") or tmp_path / "screenshots")
    shots.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.goto(url)
        page.wait_for_function("() => window.jupyterapp && window.jupyterapp.started")
        page.evaluate("() => window.jupyterapp.restored")

        def run(path: str) -> None:
            page.evaluate(
                """async path => {
                    const app = window.jupyterapp;
                    const widget = await app.commands.execute('docmanager:open', {path});
                    await widget.context.ready;
                    await widget.sessionContext.ready;
                    app.shell.activateById(widget.id);
                    void app.commands.execute('notebook:run-all-cells');
                }""",
                path,
            )

        def shows(text: str, timeout: float) -> None:
            page.locator(".jp-OutputArea-output", has_text=text).first.wait_for(timeout=timeout * 1000)

        run("slow.ipynb")
        page.screenshot(path=shots / "preparing.png")
        run("plain.ipynb")
        shows("plain 42", 20)
        assert page.locator(".jp-OutputArea-output", has_text="slow 42").count() == 0
        run("foreign.ipynb")
        shows("[not-approved]", 20)
        page.screenshot(path=shots / "not-approved.png")
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:open', {path: 'slow.ipynb'})")
        shows("slow 42", 120)
        page.screenshot(path=shots / "ready.png")
        browser.close()
