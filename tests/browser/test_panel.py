"""What a person does with the panel, in a real JupyterLab: add, review, wait, cancel, retry, undo."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest
from wheelhouse import Wheelhouse

pytest.importorskip("playwright.sync_api")

from lab import PATIENCE, Desk
from playwright.sync_api import BrowserContext, Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.network]


def test_a_new_notebook_gets_a_package_with_a_preview(desk: Desk, wheels: Wheelhouse) -> None:
    """From the launcher's card to a cell that imports what the panel added."""
    wheels.wheel("walkblue", "1.0", requires=["walkgreen"])
    wheels.wheel("walkblue", "2.0", requires=["walkgreen"])
    wheels.wheel("walkgreen", "1.5")
    desk.page.locator(".jp-LauncherCard", has_text="Isolated Python").first.click()
    expect(desk.notebook).to_be_visible()
    desk.chip("ready")
    desk.shoot_chip("ready")
    desk.add("walkblue")
    changes = desk.panel.locator(".jp-kernelIso-changes li")
    expect(changes).to_have_text(["+walkblue2.0", "+walkgreen1.5"])
    desk.shoot("preview")
    desk.button("Apply").click()
    expect(desk.button("Restart Kernel")).to_be_visible(timeout=PATIENCE * 1000)
    desk.button("Restart Kernel").click()
    desk.run_cell("import walkblue; print('walkblue', walkblue.__version__)")
    desk.outputs("walkblue 2.0")
    desk.chip("ready")
    desk.shoot("panel", desk.panel, height=1030)
    desk.command("kernel-iso:add")
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill('walkblue "walkgreen<2"')
    desk.shoot("dialog", dialog.locator(".jp-Dialog-content"))
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)


TEMPTING = """<button class="tempting" data-commandlinker-command="kernel-iso:approve"
  onclick="document.querySelector('.jp-kernelIso-decision .jp-mod-accept').click()">result</button>
<script>document.querySelector('.jp-kernelIso-decision .jp-mod-accept').click()</script>"""


def foreign(desk: Desk, wheels: Wheelhouse, name: str) -> Path:
    """A notebook that came from somewhere else, with an output that would like to approve it; what it asks is its own.

    An approval holds for what is asked, wherever it stands: each walk's notebook asks for another package.
    """
    wheels.wheel(f"foreign{name}", "1.2", requires=["walkbelow"])
    wheels.wheel("walkbelow", "0.3")
    file = desk.lab.notebook(
        f"review/{name}.ipynb",
        f"import foreign{name}; print('foreign', foreign{name}.__version__)",
        packages=(f"foreign{name}>=1",),
    )
    made = json.loads(file.read_text())
    tempting = {"output_type": "display_data", "metadata": {}, "data": {"text/html": TEMPTING}}
    made["cells"][1]["outputs"] = [tempting]
    file.write_text(json.dumps(made))
    desk.open(f"review/{name}.ipynb")
    desk.chip("needs review")
    return file


def waiting(desk: Desk) -> Locator:
    """The line above a notebook that waits for its review."""
    return desk.notebook.locator(".jp-kernelIso-bannerLine", has_text="waits for a review")


def test_a_foreign_notebook_is_reviewed_and_approved(desk: Desk, wheels: Wheelhouse) -> None:
    """Nothing runs before a person has pressed *Approve* below what would be installed."""
    foreign(desk, wheels, "approved")
    banner = waiting(desk)
    expect(banner).to_be_visible()
    banner.get_by_role("button", name="Review…").click()
    review = desk.panel.get_by_role("group", name="Review")
    expect(review).to_contain_text("was not approved on this machine. Nothing was installed or run.")
    expect(review.locator(".jp-kernelIso-fact", has_text="Packages")).to_contain_text("foreignapproved>=1")
    desk.button("See the exact versions").click()
    listed = review.locator("details", has_text="Would be installed")
    expect(listed).to_be_visible(timeout=PATIENCE * 1000)
    desk.shoot("review")
    desk.shoot_chip("review")
    listed.locator("summary").click()
    rows = listed.get_by_role("row")
    expect(rows.filter(has_text="foreignapproved")).to_contain_text("1.2")
    expect(rows.filter(has_text="walkbelow")).to_contain_text(wheels.url)
    desk.button("Approve").click()
    desk.chip("ready")
    expect(banner).to_be_hidden()
    desk.run_all()
    desk.outputs("foreign 1.2")


def test_no_output_command_or_script_approves(desk: Desk, wheels: Wheelhouse) -> None:
    """Neither what a notebook shows, nor a command of JupyterLab, nor a click that a script makes."""
    asked: list[str] = []
    desk.page.on("request", lambda request: asked.append(request.url.split("?")[0].rsplit("/", 1)[-1]))
    foreign(desk, wheels, "tempting")
    desk.show_panel()
    approve = desk.button("Approve")
    expect(approve).to_be_enabled()
    # JupyterLab asks whether the command may run: the worst answer leads nowhere, for there is no such command.
    desk.notebook.locator(".jp-OutputArea-output button").click()
    desk.page.get_by_role("dialog").get_by_role("button", name="Run Once").click()
    expect(desk.page.get_by_role("dialog")).to_have_count(0)
    approve.evaluate("button => button.click()")
    approve.dispatch_event("click")
    approve.evaluate("button => button.dispatchEvent(new MouseEvent('click', {bubbles: true, detail: 1}))")
    commands = desk.page.evaluate("() => window.jupyterapp.commands.listCommands()")
    assert "kernel-iso:open-panel" in commands
    assert [name for name in commands if "kernel-iso" in name and ("approv" in name or "trust" in name)] == []
    desk.button("Look again").click()
    desk.chip("needs review")
    desk.run_all()
    desk.outputs("[not-approved]")
    assert "approve" not in asked
    # That there is no such command is JupyterLab's own complaint.
    desk.errors[:] = [error for error in desk.errors if "not registered" not in error]


def test_a_review_can_be_put_off(desk: Desk, wheels: Wheelhouse) -> None:
    """*Not now* leaves the notebook as it is, and leads back to the review."""
    foreign(desk, wheels, "later")
    desk.show_panel()
    desk.button("Not now").click()
    expect(waiting(desk)).to_be_hidden()
    expect(desk.button("Approve")).to_be_hidden()
    desk.chip("needs review")
    desk.button("Review…").click()
    expect(desk.button("Approve")).to_be_visible()


def test_a_foreign_notebook_opens_with_a_plain_kernel(desk: Desk, wheels: Wheelhouse) -> None:
    """Its cells run in the shared kernel then; nothing is installed."""
    foreign(desk, wheels, "plain")
    desk.show_panel()
    desk.button("Open with a plain kernel").click()
    expect(desk.panel).to_contain_text("Not an isolated notebook")
    desk.run_all()
    desk.outputs("No module named 'foreignplain'")
    expect(desk.notebook.locator(".jp-kernelIso-chip")).to_be_hidden()


# The progress names what is large.
LARGE = random.Random(0).randbytes(3 << 20)


def test_cells_wait_and_a_cancelled_preparation_goes_on_after_a_restart(
    desk: Desk, wheels: Wheelhouse
) -> None:
    """The page says what happens and for how long; a cell that was run waits, and is answered when it is cancelled."""
    slow = wheels.wheel("walkslow", "1.0", files={"walkslow/data": LARGE})
    slow.hold()
    desk.lab.notebook(
        "slow/cancel.ipynb", "import walkslow; print('walkslow', 6 * 7)", packages=("walkslow",)
    )
    desk.lab.engine("trust", "slow/cancel.ipynb")
    desk.open("slow/cancel.ipynb")
    desk.chip("preparing").click()
    progress = desk.panel.locator(".jp-kernelIso-progress")
    expect(progress.get_by_role("timer")).to_have_text("0:02", timeout=PATIENCE * 1000)
    expect(progress).to_contain_text("walkslow", timeout=PATIENCE * 1000)
    desk.run_all()
    prompt = desk.notebook.locator(".jp-InputPrompt").last
    expect(prompt).to_have_text("[*]:")
    desk.shoot("preparing")
    desk.shoot_chip("preparing")
    progress.get_by_role("button", name="Cancel").click()
    expect(desk.panel.get_by_role("alert")).to_contain_text("cancelled", timeout=PATIENCE * 1000)
    desk.chip("failed")
    desk.outputs("cancelled")
    desk.button("Try again").click()
    desk.chip("preparing")
    slow.release()
    desk.chip("ready")
    desk.run_all()
    desk.outputs("walkslow 42")


@pytest.mark.slow
def test_a_reload_and_a_second_tab_join_the_same_preparation(
    desk: Desk, wheels: Wheelhouse, context: BrowserContext
) -> None:
    """There is one kernel and one preparation, and every page that looks sees it end."""
    slow = wheels.wheel("walkjoin", "1.0", files={"walkjoin/data": LARGE})
    slow.hold()
    desk.lab.notebook("slow/join.ipynb", "import walkjoin; print('walkjoin', 6 * 7)", packages=("walkjoin",))
    desk.lab.engine("trust", "slow/join.ipynb")
    desk.open("slow/join.ipynb")
    desk.chip("preparing")
    desk.reload()
    desk.open("slow/join.ipynb")
    desk.chip("preparing")
    expect(desk.show_panel().locator(".jp-kernelIso-progress")).to_contain_text(
        "walkjoin", timeout=PATIENCE * 1000
    )
    other = Desk(context.new_page(), desk.lab)
    other.start()
    other.open("slow/join.ipynb")
    other.chip("preparing")
    expect(other.show_panel().locator(".jp-kernelIso-progress")).to_contain_text(
        "walkjoin", timeout=PATIENCE * 1000
    )
    sessions = desk.page.evaluate(
        """async () => {
            const sessions = window.jupyterapp.serviceManager.sessions;
            await sessions.refreshRunning();
            return [...sessions.running()].map(session => session.path);
        }"""
    )
    slow.release()
    desk.chip("ready")
    other.chip("ready")
    other.run_all()
    other.outputs("walkjoin 42")
    asked = [path for path, _ in wheels.requests if path.endswith("/walkjoin-1.0-py3-none-any.whl")]
    assert (sessions.count("slow/join.ipynb"), len(asked)) == (1, 1)
    assert other.errors == []


def test_a_failure_is_told_in_three_lines_and_can_be_tried_again(desk: Desk, wheels: Wheelhouse) -> None:
    """In the panel and in the cell; when its cause is gone the same button leads on."""
    desk.lab.notebook(
        "failing/missing.ipynb", "import walklate; print('walklate', 6 * 7)", packages=("walklate",)
    )
    desk.lab.engine("trust", "failing/missing.ipynb")
    desk.open("failing/missing.ipynb")
    desk.chip("failed").click()
    error = desk.panel.get_by_role("alert")
    expect(error).to_contain_text("walklate")
    expect(error.locator("dt")).to_contain_text(["because", "hint"])
    desk.run_all()
    desk.outputs("because:")
    desk.shoot("failed")
    desk.shoot_chip("failed")
    wheels.wheel("walklate", "1.0")
    desk.button("Try again").click()
    desk.chip("ready")
    expect(error).to_be_hidden()
    desk.run_all()
    desk.outputs("walklate 42")


def test_undo_goes_back_and_redo_forward(desk: Desk, wheels: Wheelhouse) -> None:
    """What was added is gone, from the notebook too; then it is there again."""
    wheels.wheel("walkbase", "1.0")
    wheels.wheel("walkmore", "1.0")
    desk.lab.notebook("undo/back.ipynb", packages=("walkbase",))
    desk.lab.engine("trust", "undo/back.ipynb")
    desk.open("undo/back.ipynb")
    desk.chip("ready")
    desk.add("walkmore")
    desk.button("Apply").click()
    declared = desk.panel.locator(".jp-kernelIso-packages .jp-kernelIso-declared li")
    expect(declared).to_contain_text(["walkbase", "walkmore"], timeout=PATIENCE * 1000)
    cell = desk.notebook.locator(".jp-Notebook-cell .cm-content").first
    expect(cell).to_contain_text("walkmore")
    for button, change, names in (
        ("Undo", "−walkmore1.0", ["walkbase"]),
        ("Redo", "+walkmore1.0", ["walkbase", "walkmore"]),
    ):
        expect(desk.section("Environment").get_by_role("button", name=button)).to_be_enabled()
        desk.section("Environment").get_by_role("button", name=button).click()
        expect(desk.panel.locator(".jp-kernelIso-changes li")).to_have_text([change], timeout=PATIENCE * 1000)
        expect(desk.panel.locator(".jp-kernelIso-previewTitle")).to_contain_text(f"{button}: 1 package")
        desk.button("Apply").click()
        expect(declared).to_contain_text(names, timeout=PATIENCE * 1000)
        expect(declared).to_have_count(len(names))
        assert ("walkmore" in cell.inner_text()) == ("walkmore" in names)


ODD_CELLS = ("# %%odd  \n\tx = 'é\u2028'  \n", "", "print(1)\n\n\n", "raise SystemExit  # \\N{BULLET}")


def test_an_edit_leaves_all_else_as_it_was(desk: Desk, wheels: Wheelhouse) -> None:
    """Metadata and sources stay byte for byte; the edit survives a reload and a new name, and a copy gets its own id."""
    wheels.wheel("walkkept", "1.0")
    wheels.wheel("walkcopied", "1.0")
    file = desk.lab.notebook("kept/odd.ipynb", *ODD_CELLS)
    made = json.loads(file.read_text())
    made["metadata"]["odd"] = {"ключ": [1, 2.5, None, {"deep": ""}], "z": "a"}
    made["cells"][0]["metadata"] = {"tags": ["one"], "odd": {"k": [0]}}
    file.write_text(json.dumps(made))
    desk.lab.engine("trust", "kept/odd.ipynb")
    desk.open("kept/odd.ipynb")
    desk.chip("ready")
    before = rest(file)
    added(desk, "walkkept")
    saved(file, "walkkept")
    assert rest(file) == before
    identity = ours(file)["id"]
    desk.reload()
    desk.open("kept/odd.ipynb")
    expect(declared(desk)).to_contain_text(["walkkept"])
    desk.page.evaluate(
        "async () => { await window.jupyterapp.shell.currentWidget.context.rename('named.ipynb'); }"
    )
    named = file.with_name("named.ipynb")
    expect(declared(desk)).to_contain_text(["walkkept"])
    assert (rest(named), ours(named)["id"], file.exists()) == (before, identity, False)
    copy = desk.page.evaluate(
        "async () => (await window.jupyterapp.serviceManager.contents.copy('kept/named.ipynb', 'kept')).path"
    )
    desk.open(copy)
    added(desk, "walkcopied")
    copied = desk.lab.root / copy
    saved(copied, "walkcopied")
    assert rest(copied) == before
    assert (ours(named)["id"], ours(copied)["id"] == identity) == (identity, False)
    assert "walkcopied" not in named.read_text()


def declared(desk: Desk) -> Locator:
    """The packages that the panel says the notebook declares."""
    desk.show_panel()
    return desk.panel.locator(".jp-kernelIso-packages .jp-kernelIso-declared li")


def added(desk: Desk, package: str) -> None:
    """Add a package and wait until the panel lists it."""
    desk.add(package)
    desk.button("Apply").click()
    expect(declared(desk).filter(has_text=package)).to_be_visible(timeout=PATIENCE * 1000)


def saved(file: Path, text: str) -> None:
    """Wait until a file holds a text."""
    for _ in range(100):
        if text in file.read_text():
            return
        time.sleep(0.1)
    raise AssertionError(f"{file.name} has no {text!r}")


def rest(file: Path) -> dict[str, object]:
    """A notebook's JSON without what is ours, and what JupyterLab itself notes of the kernel."""
    made = json.loads(file.read_text())
    for key in ("kernel_iso", "language_info", "kernelspec"):
        made["metadata"].pop(key, None)
    return made


def ours(file: Path) -> dict[str, str]:
    """What a notebook carries of ours."""
    return dict(json.loads(file.read_text())["metadata"]["kernel_iso"])
