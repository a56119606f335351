"""Another Python is chosen in the panel; and an edit is not lost with a page that is reloaded, in a real JupyterLab."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from wheelhouse import Wheelhouse

pytest.importorskip("playwright.sync_api")

from lab import PATIENCE, Desk
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.network]


def source(file: Path) -> str:
    """The first cell of a notebook's file."""
    text = json.loads(file.read_text())["cells"][0]["source"]
    return text if isinstance(text, str) else "".join(text)


def becomes(file: Path, text: str) -> None:
    """The file's first cell comes to hold a text."""
    deadline = time.monotonic() + PATIENCE
    while text not in source(file):
        assert time.monotonic() < deadline, source(file)
        time.sleep(0.2)


def test_another_python_is_chosen_with_a_preview(desk: Desk, wheels: Wheelhouse) -> None:
    """What changes is shown; then the cell says it, the file carries the lock, and the kernel runs on it."""
    other = "3.12" if sys.version_info[:2] != (3, 12) else "3.11"
    wheels.wheel("walkpython", "1.0")
    file = desk.lab.notebook("choose/python.ipynb", "1 + 1", packages=("walkpython",))
    desk.lab.engine("trust", "choose/python.ipynb")
    desk.open("choose/python.ipynb")
    desk.chip("ready")
    desk.show_panel()
    chosen = desk.section("Environment").get_by_label("Python")
    chosen.select_option(other)
    shown = desk.panel.locator(".jp-kernelIso-changes li", has_text="python")
    expect(shown.first).to_contain_text(
        f"{sys.version_info[0]}.{sys.version_info[1]} → {other}", timeout=PATIENCE * 1000
    )
    desk.shoot("panel-choose")
    assert "requires-python" not in source(file)
    desk.button("Apply").click()
    becomes(file, f'# requires-python = "=={other}.*"')
    expect(chosen).to_have_value(other)
    assert 'name = "walkpython"' in json.dumps(
        json.loads(file.read_text())["metadata"]["kernel_iso"]["lock"]
    ).replace('\\"', '"')
    desk.button("Restart Kernel").click()
    desk.chip("ready")
    desk.run_cell("import sys; print('runs on', sys.version.split()[0])")
    desk.outputs(f"runs on {other}.")


def test_an_edit_whose_page_is_reloaded_is_not_lost(desk: Desk, wheels: Wheelhouse) -> None:
    """The job goes on; the page that comes back puts what it made into the notebook, and saves it."""
    slow = wheels.wheel("walklost", "1.0")
    file = desk.lab.notebook("choose/reload.ipynb", "1 + 1", packages=("walkpython",))
    wheels.wheel("walkpython", "1.0")
    desk.lab.engine("trust", "choose/reload.ipynb")
    desk.open("choose/reload.ipynb")
    desk.chip("ready")
    desk.add("walklost")
    slow.hold()
    desk.button("Apply").click()
    desk.chip("preparing")
    desk.reload()
    desk.open("choose/reload.ipynb")
    desk.chip("preparing")
    slow.release()
    becomes(file, "walklost")
    expect(desk.notebook.locator(".jp-Notebook-cell .cm-content").first).to_contain_text("walklost")
    desk.chip("ready")


def test_whether_a_save_keeps_the_lock_is_a_setting_below_the_policy(desk: Desk, wheels: Wheelhouse) -> None:
    """The settings editor has a switch; where the policy says otherwise, that is told there and beside *Lock*."""
    wheels.wheel("walkkept", "1.0")
    file = desk.lab.notebook("choose/kept.ipynb", "1 + 1", packages=("walkkept",))
    desk.lab.engine("trust", "choose/kept.ipynb")
    desk.open("choose/kept.ipynb")
    desk.chip("ready")
    desk.command("settingeditor:open", query="Keep the lock in the notebook")
    switch = desk.page.get_by_role("checkbox", name="Keep the lock in the notebook")
    switch.uncheck()
    desk.page.wait_for_timeout(1500)  # JupyterLab waits until nothing is typed any more
    desk.open("choose/kept.ipynb")
    desk.save()
    assert "lock" not in json.loads(file.read_text())["metadata"]["kernel_iso"]
    policy = Path(desk.lab.environ["KERNEL_ISO_CONFIG"])
    before = policy.read_text()
    try:
        policy.write_text(f"{before}lock-on-save = false\n")
        desk.command("settingeditor:open", query="Keep the lock in the notebook")
        switch.check()
        told = "A save puts no lock into the notebook: the policy says so"
        expect(desk.page.locator(".Toastify__toast", has_text=told)).to_be_visible()
        desk.open("choose/kept.ipynb")
        desk.show_panel()
        expect(desk.section("Environment")).to_contain_text(told)
    finally:
        policy.write_text(before)
    desk.command("kernel-iso:open-panel")
    desk.save()
    assert "lock" in json.loads(file.read_text())["metadata"]["kernel_iso"]
