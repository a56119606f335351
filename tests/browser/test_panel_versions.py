"""The panel below a base URL, in the notebook of its own page, in older JupyterLabs, and in another language."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from wheelhouse import Wheelhouse

pytest.importorskip("playwright.sync_api")

from lab import PATIENCE, Desk, Lab
from playwright.sync_api import Browser, expect

pytestmark = [pytest.mark.browser, pytest.mark.network]

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "labextension" / "src"
Running = Callable[..., AbstractContextManager[Lab]]


def looked_at(desk: Desk) -> None:
    """A notebook's environment becomes ready, and the panel says what it runs on."""
    desk.lab.notebook("work/n.ipynb", "print(6 * 7)")
    desk.open("work/n.ipynb")
    desk.chip("ready")
    panel = desk.show_panel()
    expect(panel).to_contain_text("What it runs on")
    expect(panel).to_contain_text("of its own", timeout=PATIENCE * 1000)
    desk.run_cell("print('ran', 6 * 7)")
    desk.outputs("ran 42")


def test_the_panel_works_below_a_base_url(browser: Browser, another: Running, wheels: Wheelhouse) -> None:
    """As under a hub: inspect, a job with its events, and the launcher's logo come from below it."""
    wheels.wheel("walkbase", "1.0")
    with another(base="/user/me/") as lab:
        desk = Desk(browser.new_page(), lab)
        outside = []
        desk.page.on("request", lambda request: outside.append(request.url))
        desk.start()
        looked_at(desk)
        desk.add("walkbase")
        desk.button("Apply").click()
        expect(desk.button("Restart Kernel")).to_be_visible(timeout=PATIENCE * 1000)
        desk.page.close()
        assert [url for url in outside if url.startswith("http") and "/user/me/" not in url] == []
        assert desk.errors == []


@pytest.mark.slow
@pytest.mark.parametrize("release", ["4.2", "4.4"])
def test_an_older_jupyterlab_shows_the_panel(
    browser: Browser, another: Running, python: Callable[..., str], release: str
) -> None:
    """Chip, panel and inspect in the oldest JupyterLab that is supported, and in one between."""
    with another(python=python(f"jupyterlab=={release}.*")) as lab:
        desk = Desk(browser.new_page(viewport={"width": 1200, "height": 800}), lab)
        desk.start()
        assert desk.page.evaluate("() => window.jupyterapp.version").startswith(release)
        looked_at(desk)
        desk.page.close()
        assert desk.errors == []


@pytest.mark.slow
def test_a_notebook_page_shows_chip_and_panel(
    browser: Browser, another: Running, python: Callable[..., str], shots: Path | None
) -> None:
    """Notebook 7: one notebook for each page, the panel beside it."""
    with another(python=python("notebook>=7"), module="notebook") as lab:
        lab.notebook("n.ipynb", "print('ran', 6 * 7)")
        desk = Desk(browser.new_page(viewport={"width": 1200, "height": 800}), lab, shots)
        desk.page.goto(f"{lab.url}/notebooks/n.ipynb?token=t")
        desk.chip("ready").click()
        expect(desk.panel).to_contain_text("What it runs on")
        expect(desk.panel).to_contain_text("of its own", timeout=PATIENCE * 1000)
        if shots:
            desk.page.screenshot(path=shots / "notebook-7.png")
        desk.page.close()
        assert desk.errors == []


def test_the_settings_editor_shows_ours(desk: Desk) -> None:
    """Both groups with their titles; what is chosen there is followed at once."""
    desk.command("settingeditor:open", query="Environment")
    editor = desk.page.locator("#setting-editor")
    expect(editor.get_by_text("Side of the panel")).to_be_visible()
    expect(editor.get_by_text("Where a lock is kept")).to_be_visible()
    expect(editor.get_by_text("Show the state", exact=True)).to_be_visible()
    desk.shoot("settings")
    tabs = desk.page.locator(".jp-SideBar.jp-mod-left .lm-TabBar-tab[data-id=kernel-iso-panel]")
    expect(tabs).to_have_count(0)
    editor.locator("select[id$=_side]").select_option("left")
    expect(tabs).to_have_count(1)
    editor.locator("select[id$=_side]").select_option("right")
    expect(tabs).to_have_count(0)


# What may stand in JSX without being translated: signs, and names that are the same in every language.
_SAME = re.compile(r"[^A-Za-z]*|Python|kernel-iso")


@pytest.mark.parametrize(
    "path", sorted([*SOURCES.glob("*.tsx"), *SOURCES.glob("components/*.tsx")]), ids=lambda path: path.name
)
def test_every_visible_text_is_translated(path: Path) -> None:
    """No text stands bare between tags or in an attribute that people read; `trans` hands out all of it."""
    source = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    between = re.findall(r"(?<![=\-])>\s*([^<>{}()=;]+?)\s*</", source)
    attributes = re.findall(r"""\b(?:title|placeholder|alt|aria-label|label)=["']([^"'{]+)["']""", source)
    assert [text for text in [*between, *attributes] if not _SAME.fullmatch(text)] == []
