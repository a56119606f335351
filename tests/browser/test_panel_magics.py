"""`%iso` in a real JupyterLab: what a cell changes reaches the open page, and the running kernel."""

from __future__ import annotations

import json

import pytest
from wheelhouse import Wheelhouse

pytest.importorskip("playwright.sync_api")

from lab import PATIENCE, Desk
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.network]


def test_a_magic_adds_a_package_that_the_next_cell_imports(desk: Desk, wheels: Wheelhouse) -> None:
    """Without a restart; the page writes what is declared into its own document, and the panel knows it."""
    wheels.wheel("walkmagic", "3.0")
    file = desk.lab.notebook("magics/add.ipynb", "print('ready', 6 * 7)")
    desk.open("magics/add.ipynb")
    desk.chip("ready")
    desk.run_all()
    desk.outputs("ready 42")
    desk.run_cell("%iso")
    shown = desk.notebook.locator(".jp-RenderedHTMLCommon", has_text="add.ipynb: in-use")
    expect(shown.first).to_be_visible(timeout=PATIENCE * 1000)
    desk.shoot("magic")
    desk.run_cell("%iso add walkmagic")
    desk.outputs("walkmagic 3.0")
    desk.run_cell("import walkmagic; print('walkmagic is', walkmagic.__version__)")
    desk.outputs("walkmagic is 3.0")
    desk.show_panel()
    expect(desk.section("Packages")).to_contain_text("walkmagic", timeout=PATIENCE * 1000)
    desk.save()
    metadata = json.loads(file.read_text())["metadata"]["kernel_iso"]
    assert metadata["spec"] == {"requirements": ["walkmagic"]}


def test_a_wrong_word_is_answered_with_three_lines_and_the_kernel_lives(desk: Desk) -> None:
    """No Python traceback of ours is shown."""
    desk.lab.notebook("magics/wrong.ipynb", "print('before', 6 * 7)")
    desk.open("magics/wrong.ipynb")
    desk.chip("ready")
    desk.run_cell("%iso add no-such-package-anywhere")
    told = desk.outputs("because:")
    expect(told).to_contain_text("[no-such-package]")
    expect(told).not_to_contain_text("Traceback")
    desk.run_cell("print('after', 6 * 7)")
    desk.outputs("after 42")
