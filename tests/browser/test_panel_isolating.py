"""A notebook of a shared kernel gets an environment of its own: proposed, tried by a run, applied, in a real JupyterLab."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")

from lab import PATIENCE, Desk
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.network]

LONG = PATIENCE * 1000
KERNEL = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.name"
DOCUMENT = "() => window.jupyterapp.shell.currentWidget.context.model.toJSON()"


def proposed(desk: Desk, path: str) -> None:
    """Open a notebook, and have its environment proposed."""
    desk.open(path)
    desk.open_panel()
    desk.kernel_runs()
    desk.button("Isolate This Notebook…").click()
    expect(desk.button("Try")).to_be_enabled(timeout=LONG)


def outcome(desk: Desk) -> Locator:
    """How the try went."""
    return desk.panel.locator(".jp-kernelIso-tried")


def test_a_notebook_of_a_shared_kernel_is_isolated(desk: Desk) -> None:
    """What it imports becomes a proposal with the versions at hand, is declared when a person says so, and runs."""
    path = desk.lab.notebook(
        "isolate/messy.ipynb", "import msgspec; print('msgspec', msgspec.__version__)", kernel="python3"
    )
    desk.open("isolate/messy.ipynb")
    desk.open_panel()
    expect(desk.panel).to_contain_text("Not an isolated notebook")
    expect(desk.notebook.locator(".jp-kernelIso-chip")).to_have_count(0)
    desk.kernel_runs()
    desk.run_all()
    version = desk.outputs("msgspec").inner_text().split()[1]
    desk.shoot("not-isolated")
    desk.button("Isolate This Notebook…").click()
    expect(desk.panel.locator(".jp-kernelIso-changes")).to_contain_text("msgspec", timeout=LONG)
    expect(desk.panel.locator(".jp-kernelIso-changes")).to_contain_text(version)
    assert "kernel_iso" not in path.read_text()
    desk.shoot("isolate", desk.panel)
    desk.button("Apply").click()
    desk.chip("ready")
    assert desk.page.evaluate(KERNEL) == "iso"
    desk.run_cell("import sys; print('isolated', msgspec.__version__ if 'msgspec' in dir() else 'anew')")
    desk.outputs("isolated anew")
    desk.run_all()
    desk.outputs(f"msgspec {version}")
    assert f"msgspec~={version}" in path.read_text()


def test_a_proposal_is_tried_by_a_run_that_changes_nothing(desk: Desk) -> None:
    """Which cells fail is told, also after a reload; outputs, kernel and file are as they were, and then it is applied."""
    path = desk.lab.notebook(
        "isolate/tried.ipynb",
        "import msgspec, missing_here",
        "\n".join(["# far above"] * 40),
        "print('ran', msgspec.__version__); open('written', 'w').close()",
        "{}['no such key']",
        kernel="python3",
    )
    proposed(desk, "isolate/tried.ipynb")
    before, document = path.read_bytes(), desk.page.evaluate(DOCUMENT)
    expect(desk.panel).to_contain_text("Nothing that is installed gives missing_here.")
    desk.button("Try").click()
    expect(outcome(desk)).to_contain_text("2 cells of 4 failed", timeout=LONG)
    failed = outcome(desk).locator("li")
    expect(failed).to_have_text(
        [
            re.compile(r"^Cell 1\s*ModuleNotFoundError: No module named 'missing_here'$"),
            re.compile(r"^Cell 4\s*KeyError: 'no such key'$"),
        ]
    )
    desk.shoot("tried", desk.panel.locator(".jp-kernelIso-sections"))
    expect(desk.notebook.locator(".jp-OutputArea-output")).to_have_count(0)
    assert (path.read_bytes(), desk.page.evaluate(KERNEL)) == (before, "python3")
    assert desk.page.evaluate(DOCUMENT) == document
    failed.last.get_by_role("button", name="Cell 4").click()
    expect(desk.notebook.locator(".jp-Notebook-cell").last).to_have_class(re.compile("jp-mod-active"))
    expect(desk.notebook.locator(".jp-Notebook-cell").last).to_be_in_viewport()
    desk.reload()
    desk.open("isolate/tried.ipynb")
    desk.open_panel()
    expect(outcome(desk)).to_contain_text("2 cells of 4 failed", timeout=LONG)
    desk.kernel_runs()
    # What is typed in the page counts, though it is not saved.
    cell = desk.notebook.locator(".jp-Notebook-cell .cm-content").first
    cell.click()
    desk.page.keyboard.press("Control+a")
    desk.page.keyboard.insert_text("import msgspec")
    desk.notebook.locator(".jp-Notebook-cell .cm-content").last.click()
    desk.page.keyboard.press("Control+a")
    desk.page.keyboard.insert_text("6 * 7")
    desk.button("Isolate This Notebook…").click()
    expect(desk.button("Try")).to_be_enabled(timeout=LONG)
    expect(desk.panel).not_to_contain_text("Nothing that is installed gives")
    desk.button("Try").click()
    expect(outcome(desk)).to_contain_text("all 4 cells ran", timeout=LONG)
    assert path.read_bytes() == before
    desk.button("Apply").click()
    desk.chip("ready")
    assert desk.page.evaluate(KERNEL) == "iso"
    desk.run_all()
    desk.outputs("42")
    assert "msgspec~=" in path.read_text()


def test_a_try_shows_its_progress_and_is_cancelled(desk: Desk) -> None:
    """Its kernel ends with it; after a reload it still goes on, and nothing of it stays in the notebook."""
    path = desk.lab.notebook(
        "isolate/slow.ipynb",
        "import os, time; open('slow.pid', 'w').write(str(os.getpid()))",
        "time.sleep(3600)",
        kernel="python3",
    )
    before = json.loads(path.read_text())["cells"]
    proposed(desk, "isolate/slow.ipynb")
    desk.button("Try").click()
    progress = desk.panel.locator(".jp-kernelIso-progress")
    expect(progress).to_contain_text("cell 2", timeout=LONG)
    expect(progress).to_contain_text("1 of 2 cells")
    expect(desk.button("Apply")).to_be_disabled()
    desk.shoot("trying", desk.panel.locator(".jp-kernelIso-sections"))
    desk.reload()
    desk.open("isolate/slow.ipynb")
    desk.open_panel()
    expect(progress).to_contain_text("cell 2", timeout=LONG)
    expect(desk.section("Log").locator(".jp-kernelIso-log")).to_contain_text("cell 1")
    progress.get_by_role("button", name="Cancel").click()
    expect(progress).to_have_count(0, timeout=LONG)
    kernel = int((Path(path).parent / "slow.pid").read_text())
    desk.page.wait_for_timeout(1500)
    with pytest.raises(ProcessLookupError):
        os.kill(kernel, 0)
    after = json.loads(path.read_text())
    assert (after["cells"], "kernel_iso" in after["metadata"]) == (before, False)
