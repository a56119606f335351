"""Environments that belong to no notebook, and notebooks beside each other, in a real JupyterLab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from wheelhouse import Wheelhouse

from kernel_iso.store.places import Places

pytest.importorskip("playwright.sync_api")

from lab import PATIENCE, Desk, Lab
from playwright.sync_api import BrowserContext, Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.network]

MINOR = ".".join(map(str, sys.version_info[:2]))
LONG = PATIENCE * 1000
HOUR_AGO = time.time() - 4000


def name(begin: str) -> str:
    """A name that no other walk has given."""
    return f"{begin}-{uuid.uuid4().hex[:6]}"


def cards(desk: Desk, text: str) -> Locator:
    """The launcher's cards for notebooks that show a text."""
    return desk.page.locator(".jp-Launcher-section").first.locator(".jp-LauncherCard", has_text=text)


def rows(desk: Desk, text: str) -> Locator:
    """The rows of the overview that name something."""
    return desk.section("On this machine").locator("tbody tr", has_text=text)


@contextmanager
def second(context: BrowserContext, lab: Lab) -> Iterator[Desk]:
    """Another page of the same person."""
    made = Desk(context.new_page(), lab)
    made.start()
    yield made
    made.page.close()
    assert made.errors == []


def test_a_created_environment_is_in_every_launcher_at_once(desk: Desk, context: BrowserContext) -> None:
    """With its name, its Python and its logo; a kernel starts in it. Then it is cloned, renamed and removed."""
    made, other, third = name("vision"), name("copy"), name("renamed")
    desk.open_panel()
    named = desk.section("Named environments")
    with second(context, desk.lab) as far:
        named.get_by_role("textbox", name="Name of a new environment").fill(made)
        named.get_by_role("button", name="Create").click()
        for each in (desk, far):
            card = cards(each, f"Isolated: {made} — Python")
            expect(card).to_be_visible(timeout=LONG)
            assert card.locator("img").get_attribute("src").endswith(".svg")  # type: ignore[union-attr]
        desk.shoot("launcher")
        cards(desk, made).click()
        desk.chip("ready")
        desk.run_cell("import sys; print(sys.prefix != sys.base_prefix, 'ran')")
        desk.outputs("True ran")
        expect(named.locator("li", has_text=made)).to_contain_text("this notebook")
        named.get_by_role("button", name=f"Clone {made}").click()
        named.get_by_role("textbox", name=f"Name of the clone of {made}").fill(other)
        named.get_by_role("button", name="Clone", exact=True).click()
        expect(cards(far, other)).to_be_visible(timeout=LONG)
        desk.shoot("named-environments", desk.panel)
        named.get_by_role("button", name=f"Rename {other}").click()
        named.get_by_role("textbox", name=f"New name of {other}").fill(third)
        desk.page.keyboard.press("Enter")
        expect(cards(far, third)).to_be_visible(timeout=LONG)
        expect(cards(far, other)).to_have_count(0)
        named.get_by_role("button", name=f"Remove {third}").click()
        named.get_by_role("button", name="Remove", exact=True).click()
        expect(cards(far, third)).to_have_count(0, timeout=LONG)
        expect(named.locator("li", has_text=third)).to_have_count(0)
        # A kernel runs in this one.
        named.get_by_role("button", name=f"Remove {made}").click()
        named.get_by_role("button", name="Remove", exact=True).click()
        expect(named.get_by_role("alert")).to_contain_text("prefix-in-use", timeout=LONG)
        expect(cards(far, made)).to_be_visible()


def test_what_nobody_starts_any_more_is_cleaned_up_by_selection(desk: Desk, wheels: Wheelhouse) -> None:
    """Sizes, last use and generation of everything; the environment of a deleted notebook goes, one in use stays."""
    wheels.wheel("walkheavy", "1.0", files={"walkheavy/data.py": "#" * 3_000_000})
    gone = desk.lab.notebook("overview/gone.ipynb", packages=("walkheavy",))
    desk.lab.notebook("overview/stays.ipynb", "print(6 * 7)")
    desk.lab.notebook("overview/unused.ipynb", packages=("walkheavy",))
    desk.lab.engine("trust", "overview/gone.ipynb")
    desk.lab.engine("trust", "overview/unused.ipynb")
    desk.lab.engine("realise", "overview/gone.ipynb")
    desk.lab.engine("realise", "overview/unused.ipynb")
    gone.unlink()
    for row in overview(desk.lab)["rows"]:
        # What was used within the last minute may just be starting, and stays.
        os.utime(Places(Path(desk.lab.environ["KERNEL_ISO_STORE"])).used(row["key"]), (HOUR_AGO, HOUR_AGO))
    desk.open("overview/stays.ipynb")
    desk.chip("ready")
    desk.show_panel()
    expect(rows(desk, "gone.ipynb")).to_contain_text("its notebook is gone", timeout=LONG)
    expect(rows(desk, "stays.ipynb")).to_contain_text("in use")
    expect(rows(desk, "unused.ipynb")).to_contain_text("1 hour ago")
    expect(rows(desk, "stays.ipynb").get_by_role("checkbox")).to_be_disabled()
    desk.shoot("overview", desk.panel)
    machine = desk.section("On this machine")
    before = overview(desk.lab)["total_bytes"]
    machine.get_by_role("button", name="that nothing starts any more").click()
    machine.get_by_role("button", name="Clean up").click()
    desk.shoot("clean-up", desk.panel)
    machine.get_by_role("button", name="Delete", exact=True).click()
    expect(rows(desk, "gone.ipynb")).to_have_count(0, timeout=LONG)
    expect(machine).to_contain_text("Freed ")
    assert before - overview(desk.lab)["total_bytes"] > 3_000_000
    # It was idle when it was chosen; meanwhile a kernel has started in it.
    rows(desk, "unused.ipynb").get_by_role("checkbox").check()
    machine.get_by_role("button", name="Clean up").click()
    started = _start(desk, "overview/unused.ipynb")
    machine.get_by_role("button", name="Delete", exact=True).click()
    expect(machine).to_contain_text("unused.ipynb stays: ", timeout=LONG)
    desk.page.evaluate("id => window.jupyterapp.serviceManager.sessions.shutdown(id)", started)
    machine.get_by_role("button", name="unused.ipynb").click()
    expect(desk.notebook.locator(".jp-Notebook-cell").first).to_be_visible()
    expect(desk.page.locator(".lm-TabBar-tab.jp-mod-current", has_text="unused.ipynb")).to_be_visible()


def overview(lab: Lab) -> dict[str, Any]:
    """What the command line says of everything on this machine."""
    return dict(json.loads(lab.engine("overview", "--json").splitlines()[-1])["result"])


def _start(desk: Desk, path: str) -> str:
    """Start a kernel for a notebook that is not opened, and wait until it runs; the session's id."""
    return str(
        desk.page.evaluate(
            """async path => {
                const {sessions} = window.jupyterapp.serviceManager;
                const name = path.split('/').pop();
                const session = await sessions.startNew({path, name, type: 'notebook', kernel: {name: 'iso'}});
                await session.kernel.info;
                return session.id;
            }""",
            path,
        )
    )


def test_a_notebook_works_while_another_is_prepared(desk: Desk, wheels: Wheelhouse) -> None:
    """The file that one of them needs does not come; the other one starts, runs, adds a package and restarts."""
    held = wheels.wheel("walkheld", "1.0")
    wheels.wheel("walkquick", "1.0")
    held.hold()
    desk.lab.notebook("two/held.ipynb", "import walkheld; print('held', 6 * 7)", packages=("walkheld",))
    desk.lab.notebook("two/free.ipynb")
    desk.lab.engine("trust", "two/held.ipynb")
    desk.open("two/held.ipynb")
    desk.chip("preparing")
    desk.run_all()
    desk.open("two/free.ipynb")
    desk.chip("ready")
    desk.run_cell("print('free', 6 * 7)")
    desk.outputs("free 42")
    desk.add("walkquick")
    desk.button("Apply").click()
    desk.button("Restart Kernel").click(timeout=LONG)
    desk.run_cell("import walkquick; print('quick', walkquick.__version__)")
    desk.outputs("quick 1.0")
    desk.open("two/held.ipynb")
    desk.chip("preparing")
    expect(desk.panel.get_by_role("progressbar")).to_be_visible()
    expect(desk.notebook.locator(".jp-OutputArea-output")).to_have_count(0)
    held.release()
    desk.outputs("held 42")
    desk.chip("ready")


def test_an_environment_that_was_found_is_offered_and_is_none_of_ours(desk: Desk, tmp_path: Path) -> None:
    """Its card says what it runs and whose it is; the panel says that it is shared; a policy leaves it out."""
    folder = desk.lab.root / name("project")
    subprocess.run(
        [sys.executable, "-m", "virtualenv", "-q", "--no-seed", "-p", sys.executable, str(folder / ".venv")],
        check=True,
    )
    told = f"Python {MINOR} — {folder.name} (venv)"
    desk.page.evaluate("() => window.jupyterapp.serviceManager.kernelspecs.refreshSpecs()")
    expect(cards(desk, told)).to_be_visible()
    desk.shoot("launcher-found")
    cards(desk, told).click()
    desk.kernel_runs()
    desk.run_cell("import sys; print(sys.prefix)")
    desk.outputs(str(folder / ".venv"))
    desk.open_panel()
    expect(desk.panel).to_contain_text("Not an isolated notebook")
    desk.command("notebook:change-kernel")
    dialog = desk.page.get_by_role("dialog")
    expect(dialog.locator("option", has_text=told).first).to_be_attached()
    desk.shoot("kernel-dialog")
    desk.page.keyboard.press("Escape")
    policy = Path(desk.lab.environ["KERNEL_ISO_CONFIG"])
    before = policy.read_text()
    try:
        policy.write_text(f'{before}kernels = "named"\n')
        desk.command("launcher:create")
        desk.page.evaluate("() => window.jupyterapp.serviceManager.kernelspecs.refreshSpecs()")
        expect(cards(desk, told)).to_have_count(0)
        expect(cards(desk, "Isolated Python")).not_to_have_count(0)
    finally:
        policy.write_text(before)
