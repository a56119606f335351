"""A real JupyterLab and what a person does in its page, for the walks in this folder.

lab = Lab(...)                       # the fixture `lab`: one server for all walks
lab.notebook("walk/a.ipynb", "import six", packages=["six"])
desk = Desk(page, lab)               # the fixture `desk`: a page of one walk
desk.open("walk/a.ipynb")
desk.chip("ready")
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import ConsoleMessage, Error, Locator, Page, expect
from wheelhouse import Wheelhouse

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# A prefix is made in seconds; a machine that is busy takes its time (seconds).
PATIENCE = 90

# What the page of a server says by itself, and is none of ours.
_NOISE = ("favicon", "sourcemap", "404 (Not Found)", "/lsp/", "net::ERR_", "WebSocket connection to")


def block(*requirements: str) -> str:
    """A PEP 723 cell."""
    return f"# /// script\n# dependencies = {json.dumps(requirements)}\n# ///"


@dataclass
class Lab:
    """A running JupyterLab: its address, the folder it serves, and the environment of its processes."""

    url: str
    root: Path
    index: Wheelhouse
    environ: dict[str, str]

    def notebook(self, path: str, *cells: str, packages: tuple[str, ...] = (), kernel: str = "iso") -> Path:
        """Write a notebook below the root; with `packages` its first cell declares them."""
        sources = [block(*packages), *cells] if packages else list(cells)
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in sources])
        made.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, file)
        return file

    def engine(self, *words: str) -> str:
        """Do a verb on the command line, in the root."""
        command = [sys.executable, "-m", "kernel_iso", *words]
        done = subprocess.run(
            command, cwd=self.root, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def running(
    folder: Path,
    index: Wheelhouse,
    environ: dict[str, str],
    page: Path,
    *options: str,
    python: str = sys.executable,
    module: str = "jupyterlab",
    base: str = "/",
) -> Iterator[Lab]:
    """Run a JupyterLab whose policy asks `index` first; `page` is the built extension. It ends with the block.

    `module` is what `python` runs, `base` the base URL.
    """
    root = folder / "root"
    root.mkdir()
    extensions = folder / "share" / "labextensions"
    extensions.mkdir(parents=True)
    (extensions / "kernel-iso").symlink_to(page, target_is_directory=True)
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    policy = folder / "policy.toml"
    policy.write_text(
        f'indexes = [{{name = "local", url = "{index.url}"}}, {{name = "pypi", url = "https://pypi.org/simple"}}]\n'
    )
    environ = {
        **environ,
        "KERNEL_ISO_CONFIG": str(policy),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_PATH": str(folder / "share"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    port = free_port()
    command = [
        python, "-m", module, "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        f"--ServerApp.root_dir={root}", "--IdentityProvider.token=t", "--ServerApp.port_retries=0",
        f"--ServerApp.base_url={base}", "--LabApp.expose_app_in_browser=True", *options,
    ]  # fmt: skip
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}{base}api?token=t")
            yield Lab(f"http://127.0.0.1:{port}{base.rstrip('/')}", root, index, environ)
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(url: str) -> None:
    """Wait until a server answers, for at most half a minute."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


@dataclass
class Desk:
    """One page of a JupyterLab, and what a person does there. `errors` are what its console said of our code."""

    page: Page
    lab: Lab
    shots: Path | None = None
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", self._page_error)
        self.page.on("console", self._console)

    def start(self) -> None:
        """Load the page, with an empty workspace."""
        self.page.goto(f"{self.lab.url}/lab?token=t&reset")
        self._loaded()

    def reload(self) -> None:
        """Load the page anew, as a person does."""
        self.page.reload()
        self._loaded()

    def open(self, path: str) -> None:
        """Open a notebook, which is in front then."""
        self.page.evaluate(
            """async path => {
                const app = window.jupyterapp;
                const widget = await app.commands.execute('docmanager:open', {path});
                await widget.context.ready;
                await widget.sessionContext.ready;
                app.shell.activateById(widget.id);
            }""",
            path,
        )
        expect(self.notebook.locator(".jp-Notebook-cell").first).to_be_visible()

    def command(self, name: str, **arguments: object) -> Any:
        """Execute a command of JupyterLab."""
        return self.page.evaluate(
            "([name, args]) => { void window.jupyterapp.commands.execute(name, args); }", [name, arguments]
        )

    @property
    def notebook(self) -> Locator:
        """The notebook in front."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    @property
    def panel(self) -> Locator:
        """Our panel."""
        return self.page.locator("#kernel-iso-panel")

    def chip(self, text: str, timeout: float = PATIENCE) -> Locator:
        """The chip in the toolbar of the notebook in front, when it says `text`."""
        found = self.notebook.locator(".jp-kernelIso-chip", has_text=text)
        expect(found).to_be_visible(timeout=timeout * 1000)
        return found

    def show_panel(self) -> Locator:
        """Open the panel by a click on the chip."""
        if not self.panel.is_visible():
            self.notebook.locator(".jp-kernelIso-chip").click()
        expect(self.panel).to_be_visible()
        return self.panel

    def open_panel(self) -> None:
        """Open the panel by its command: there may be no chip."""
        self.command("kernel-iso:open-panel")
        expect(self.panel).to_be_visible()

    def kernel_runs(self) -> None:
        """Wait until the kernel of the notebook in front answers: on another kernel a cell that is run before is dropped."""
        expect(self.notebook.locator(".jp-Notebook-cell").first).to_be_visible()
        self.page.evaluate(
            """async () => {
                const {sessionContext} = window.jupyterapp.shell.currentWidget;
                await sessionContext.ready;
                await sessionContext.session.kernel.info;
            }"""
        )

    def button(self, name: str) -> Locator:
        """A button of the panel, by the name that a person reads."""
        return self.panel.get_by_role("button", name=name, exact=True)

    def section(self, name: str) -> Locator:
        """A section of the panel, which is opened if it is closed."""
        found = self.panel.locator(".jp-kernelIso-section").filter(
            has=self.page.get_by_role("button", name=name, exact=True)
        )
        head = found.locator(".jp-kernelIso-sectionTitle button")
        if head.get_attribute("aria-expanded") == "false":
            head.click()
        return found

    def add(self, package: str) -> None:
        """Type a package and press *Add*: its preview is there then."""
        self.show_panel().get_by_role("combobox", name="Package to look up or add").fill(package)
        self.panel.locator(".jp-kernelIso-lookup").get_by_role("button", name="Add").click()
        expect(self.button("Apply")).to_be_visible(timeout=PATIENCE * 1000)

    def run_cell(self, source: str) -> Locator:
        """Type a new last cell and run it; returns its prompt."""
        page = self.page
        cells = self.notebook.locator(".jp-Notebook-cell")
        last = cells.last
        last.locator(".cm-content").click()
        if last.locator(".cm-content").inner_text().strip():
            page.keyboard.press("Escape")
            page.keyboard.press("b")
            expect(cells.last).not_to_have_text(source)
            cells.last.locator(".cm-content").click()
        page.keyboard.insert_text(source)
        place = cells.count() - 1
        page.keyboard.press("Control+Enter")
        return cells.nth(place).locator(".jp-InputPrompt")

    def run_all(self) -> None:
        """Run every cell of the notebook in front."""
        self.command("notebook:run-all-cells")

    def outputs(self, text: str, timeout: float = PATIENCE) -> Locator:
        """An output of the notebook in front that shows `text`."""
        found = self.notebook.locator(".jp-OutputArea-output", has_text=text).first
        expect(found).to_be_visible(timeout=timeout * 1000)
        return found

    def save(self) -> None:
        """Save the notebook in front, and wait until its file is written."""
        self.page.evaluate(
            """async () => {
                const app = window.jupyterapp;
                await app.commands.execute('docmanager:save');
            }"""
        )

    def shoot_chip(self, name: str) -> None:
        """The chip alone, in its toolbar."""
        self.shoot(f"chip-{name}", self.notebook.locator(".jp-kernelIso-chip"))

    def theme(self, name: str) -> None:
        """Choose JupyterLab's "Light" or "Dark" theme."""
        self.page.evaluate(
            "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})",
            f"JupyterLab {name}",
        )
        attribute = "true" if name == "Light" else "false"
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", attribute)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)

    def shoot(self, name: str, what: Locator | None = None, *, height: int = 0) -> None:
        """Save pictures of the page or of a part, in dark and light, where pictures were asked for; `height` of the page."""
        if self.shots is None:
            return
        size = self.page.viewport_size or {"width": 1200, "height": 800}
        if height:
            self.page.set_viewport_size({"width": size["width"], "height": height})
        self.page.mouse.move(0, 0)  # nothing is hovered
        for theme in ("Dark", "Light"):
            self.theme(theme)
            path = self.shots / f"{name}-{theme.lower()}.png"
            (self.page if what is None else what).screenshot(path=path, animations="disabled", scale="css")
        self.page.set_viewport_size(size)

    def _loaded(self) -> None:
        page = self.page
        page.wait_for_function("() => window.jupyterapp && window.jupyterapp.started")
        page.evaluate("async () => { await window.jupyterapp.restored; }")

    def _console(self, message: ConsoleMessage) -> None:
        text = message.text
        where = str((message.location or {}).get("url", ""))
        ours = "kernel-iso" in where or "kernel-iso" in text
        if message.type in ("error", "warning") and ours and not any(noise in text for noise in _NOISE):
            self.errors.append(f"{message.type}: {text} ({where})")

    def _page_error(self, error: Error) -> None:
        # A restart before the kernel has answered for the first time: JupyterLab gives its own question up.
        own = "Canceled future for kernel_info_request" in error.message
        if "kernel-iso" in (error.stack or "") and not own:
            self.errors.append(f"uncaught: {error.message}\n{error.stack}")
