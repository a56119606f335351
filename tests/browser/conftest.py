"""One JupyterLab and one Chromium for all walks, a page for each; pictures where they are asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from wheelhouse import Wheelhouse

# Where playwright is missing, only these walks are: it is imported where it is used.
if TYPE_CHECKING:
    from lab import Desk, Lab
    from playwright.sync_api import Browser, BrowserContext

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def shots(request: pytest.FixtureRequest) -> Path | None:
    """Where pictures go, None where none were asked for."""
    given = request.config.getoption("--shots")
    if given is None:
        return None
    folder = Path(given).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# Playwright's loop runs as long as it does: no longer than a module, for other tests run loops of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium without a window."""
    from lab import CHROMIUM
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def wheels() -> Iterator[Wheelhouse]:
    """The index that the server's policy asks first."""
    with Wheelhouse() as index:
        yield index


@pytest.fixture(scope="session")
def lab(
    wheels: Wheelhouse, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Lab]:
    """A JupyterLab with a store of its own, for all walks."""
    from lab import running

    page = Path(request.config.getoption("--page")).absolute()
    if not (page / "package.json").exists():
        pytest.skip(f"the extension is not built: {page}")
    folder = tmp_path_factory.mktemp("lab")
    environ = {**os.environ, "KERNEL_ISO_STORE": str(folder / "store")}
    with running(folder, wheels, environ, page) as running_lab:
        yield running_lab


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of one walk: its pages know each other."""
    made = browser.new_context(viewport={"width": 1200, "height": 800})
    made.set_default_timeout(30_000)
    yield made
    made.close()


@pytest.fixture
def desk(context: BrowserContext, lab: Lab, shots: Path | None, tmp_path: Path) -> Iterator[Desk]:
    """A page with an empty workspace; what it leaves running is ended, and its console must not name our code."""
    from lab import Desk

    made = Desk(context.new_page(), lab, shots)
    made.start()
    yield made
    made.page.screenshot(path=tmp_path / "end.png")
    made.page.evaluate(
        """async () => {
            const sessions = window.jupyterapp.serviceManager.sessions;
            await sessions.shutdownAll();
        }"""
    )
    assert made.errors == []


@pytest.fixture
def another(
    tmp_path: Path, wheels: Wheelhouse, request: pytest.FixtureRequest
) -> Callable[..., AbstractContextManager[Lab]]:
    """Run another server than the one of all walks, with options of `lab.running`."""
    from lab import running

    page = Path(request.config.getoption("--page")).absolute()
    environ = {**os.environ, "KERNEL_ISO_STORE": str(tmp_path / "store")}

    @contextmanager
    def run(*options: str, **more: str) -> Iterator[Lab]:
        with running(tmp_path, wheels, environ, page, *options, **more) as lab:
            yield lab

    return run


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., str]:
    """Make a throw-away environment with kernel-iso and these requirements; return its interpreter."""

    from kernel_iso import backends

    def make(*requirements: str) -> str:
        folder = tmp_path / "venv"
        uv = backends.uv_path()
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
        made = str(folder / "bin" / "python")
        subprocess.run([uv, "pip", "install", "-q", "--python", made, str(ROOT), *requirements], check=True)
        return made

    return make
