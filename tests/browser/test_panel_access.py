"""The panel for everybody: found by axe, reached by the keyboard alone, in light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from wheelhouse import Wheelhouse

pytest.importorskip("playwright.sync_api")

from lab import PATIENCE, Desk
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.network]

AXE = Path(__file__).parents[2] / "labextension" / "jest" / "node_modules" / "axe-core" / "axe.min.js"
LONG = PATIENCE * 1000

CONTROLS = "button, input, select, summary, a[href], [tabindex='0']"


@pytest.fixture
def axe(desk: Desk) -> Desk:
    """A desk whose page has axe in it."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: `nox -s jest` does it")
    desk.page.add_script_tag(path=AXE)
    return desk


def violations(desk: Desk, *parts: str) -> list[str]:
    """What axe finds in parts of the page, in both themes: rule, theme, and where."""
    found = []
    for theme in ("Dark", "Light"):
        desk.theme(theme)
        for part in parts:
            expect(desk.page.locator(part).first).to_be_visible()
        results = desk.page.evaluate(
            """parts => window.axe.run({include: parts.map(part => [part])}, {resultTypes: ['violations']})""",
            list(parts),
        )
        found += [
            f"{theme}: {each['id']}: {node['html']}: {node['failureSummary']}"
            for each in results["violations"]
            for node in each["nodes"]
        ]
    return found


def open_everything(desk: Desk) -> None:
    """Open every section of the panel."""
    for head in desk.panel.locator(".jp-kernelIso-sectionTitle button").all():
        if head.get_attribute("aria-expanded") == "false":
            head.click()


def test_axe_finds_nothing_in_the_panel(axe: Desk, wheels: Wheelhouse) -> None:
    """With every section open, a package that was looked up, a preview, the overview and its question."""
    wheels.wheel("walkaxe", "1.0")
    axe.lab.notebook("access/panel.ipynb", packages=("walkaxe",))
    axe.lab.notebook("access/idle.ipynb", packages=("walkaxe",))
    axe.lab.engine("trust", "access/panel.ipynb")
    axe.lab.engine("trust", "access/idle.ipynb")
    axe.lab.engine("realise", "access/idle.ipynb")
    axe.open("access/panel.ipynb")
    axe.chip("ready")
    panel = axe.show_panel()
    open_everything(axe)
    panel.get_by_role("combobox", name="Package to look up or add").fill("walkaxe")
    axe.page.keyboard.press("Enter")
    expect(panel.get_by_role("group", name="walkaxe")).to_be_visible(timeout=LONG)
    expect(axe.section("On this machine").locator("tbody tr").first).to_be_visible(timeout=LONG)
    assert violations(axe, "#kernel-iso-panel", ".jp-kernelIso-chip") == []
    axe.button("Upgrade walkaxe").click()
    expect(axe.button("Apply")).to_be_visible(timeout=LONG)
    axe.section("On this machine").locator("tbody [type=checkbox]:enabled").first.check()
    axe.section("On this machine").get_by_role("button", name="Clean up").click()
    assert violations(axe, "#kernel-iso-panel") == []


def test_axe_finds_nothing_in_a_review(axe: Desk, wheels: Wheelhouse) -> None:
    """Nor in the line above the notebook, with the versions that were looked up."""
    wheels.wheel("walkreview", "1.0")
    axe.lab.notebook("access/foreign.ipynb", packages=("walkreview",))
    axe.open("access/foreign.ipynb")
    axe.chip("needs review")
    axe.show_panel()
    axe.panel.get_by_role("button", name="See the exact versions").click()
    expect(axe.panel.locator(".jp-kernelIso-versions, .jp-kernelIso-review").last).to_contain_text(
        "1.0", timeout=LONG
    )
    assert (
        violations(axe, "#kernel-iso-panel", ".jp-kernelIso-banner:not(.lm-mod-hidden)", ".jp-kernelIso-chip")
        == []
    )


def test_axe_finds_nothing_in_a_proposal_that_was_tried(axe: Desk) -> None:
    """With an import that nothing gives, and a cell that failed."""
    axe.lab.notebook("access/isolate.ipynb", "import msgspec, missing_here", kernel="python3")
    axe.open("access/isolate.ipynb")
    axe.open_panel()
    axe.kernel_runs()
    axe.button("Isolate This Notebook…").click()
    axe.button("Try").click(timeout=LONG)
    expect(axe.panel.locator(".jp-kernelIso-tried")).to_contain_text("1 cell of 1 failed", timeout=LONG)
    assert violations(axe, "#kernel-iso-panel") == []


def test_axe_finds_nothing_where_something_fails_or_goes_on(axe: Desk, wheels: Wheelhouse) -> None:
    """The progress with its bar, an error's three lines, the panel without a notebook, the dialog that asks for names."""
    held = wheels.wheel("walkslowly", "1.0")
    held.hold()
    axe.lab.notebook("access/slow.ipynb", packages=("walkslowly",))
    axe.lab.notebook("access/failing.ipynb", packages=("walkslowly", "walkslowly==9"))
    axe.lab.engine("trust", "access/slow.ipynb")
    axe.lab.engine("trust", "access/failing.ipynb")
    axe.command("kernel-iso:open-panel")
    assert violations(axe, "#kernel-iso-panel") == []
    axe.open("access/slow.ipynb")
    axe.chip("preparing")
    assert violations(axe, "#kernel-iso-panel", ".jp-kernelIso-chip") == []
    axe.open("access/failing.ipynb")
    axe.chip("failed")
    assert violations(axe, "#kernel-iso-panel") == []
    axe.command("kernel-iso:add")
    expect(axe.page.locator(".jp-Dialog")).to_be_visible()
    assert violations(axe, ".jp-Dialog-content") == []
    axe.page.keyboard.press("Escape")
    held.release()


def test_a_package_is_added_with_the_keyboard_alone(desk: Desk, wheels: Wheelhouse) -> None:
    """The palette opens the panel and the focus is in it; Tab reaches every control; Enter adds, applies, restarts."""
    wheels.wheel("walkkeys", "1.0")
    desk.lab.notebook("access/keys.ipynb")
    desk.open("access/keys.ipynb")
    desk.chip("ready")
    press, page = desk.page.keyboard.press, desk.page
    press("Control+Shift+C")
    page.keyboard.insert_text("Show the Environment")
    item = page.locator(".lm-CommandPalette-item").first
    expect(item).to_contain_text("Show the Environment", timeout=LONG)
    press("Enter")
    expect(desk.panel).to_be_focused()
    open_everything(desk)
    expect(desk.section("On this machine")).to_contain_text("in all", timeout=LONG)
    expected, reached = _controls(desk), _reached(desk)
    while (now := _controls(desk)) != expected:
        # What was still being fetched came into the panel on the way.
        expected, reached = now, _reached(desk)
    assert reached == expected > 10
    desk.panel.focus()
    _tab_to(desk, "Package to look up or add")
    page.keyboard.type("walkkeys")
    press("Tab")
    _tab_to(desk, "Add")
    press("Enter")
    expect(desk.button("Apply")).to_be_visible(timeout=LONG)
    desk.panel.focus()
    _tab_to(desk, "Apply")
    press("Space")
    expect(desk.button("Restart Kernel")).to_be_visible(timeout=LONG)
    desk.panel.focus()
    _tab_to(desk, "Restart Kernel")
    press("Enter")
    desk.run_cell("import walkkeys; print('walkkeys', walkkeys.__version__)")
    desk.outputs("walkkeys 1.0")


def _controls(desk: Desk) -> int:
    """The controls that can be used at present."""
    count: int = desk.panel.locator(CONTROLS).evaluate_all(
        "all => all.filter(each => each.checkVisibility() && !each.disabled && each.tabIndex >= 0).length"
    )
    return count


def _reached(desk: Desk) -> int:
    """The controls to which Tab comes, from the panel's beginning to its end."""
    desk.panel.focus()
    reached = 0
    desk.page.keyboard.press("Tab")
    while _inside(desk):
        reached += 1
        desk.page.keyboard.press("Tab")
    return reached


def _inside(desk: Desk) -> bool:
    """Whether the focus is on a control of the panel."""
    return bool(
        desk.page.evaluate(
            "() => document.querySelector('#kernel-iso-panel').contains(document.activeElement)"
        )
    )


def _tab_to(desk: Desk, name: str) -> None:
    """Press Tab until the control with this name has the focus."""
    for _ in range(60):
        named = desk.page.evaluate(
            "() => document.activeElement.ariaLabel || document.activeElement.textContent.trim()"
        )
        if named == name and _inside(desk):
            return
        desk.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not come to {name!r}")
