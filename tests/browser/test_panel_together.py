"""Two people in one notebook (jupyter-collaboration): what the panel of one changes, the other has, and nothing is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from wheelhouse import Wheelhouse

pytest.importorskip("playwright.sync_api")

from lab import PATIENCE, Desk, Lab
from playwright.sync_api import Browser, expect

pytestmark = [pytest.mark.browser, pytest.mark.network, pytest.mark.slow]

LONG = PATIENCE * 1000
MODEL = "() => window.jupyterapp.shell.currentWidget.context.model.sharedModel.toJSON()"


def shared(desk: Desk) -> Any:
    """The notebook as a page has it."""
    return desk.page.evaluate(MODEL)


def sources(notebook: Any) -> list[str]:
    """The cells' texts."""
    return [text if isinstance(text := cell["source"], str) else "".join(text) for cell in notebook["cells"]]


def becomes(what: str, look: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def test_an_edit_of_one_page_is_in_the_other_and_in_the_file(
    browser: Browser,
    another: Callable[..., AbstractContextManager[Lab]],
    python: Callable[..., str],
    wheels: Wheelhouse,
) -> None:
    """What the other types meanwhile stays, metadata of others too; both panels know, and the edit is there once."""
    slow = wheels.wheel("walktogether", "1.0")
    wheels.wheel("walkbefore", "1.0")
    with another(python=python("jupyterlab>=4.4", "jupyter-collaboration>=4")) as lab:
        file = lab.notebook("work/n.ipynb", "print('as it was')", "x = 1", packages=("walkbefore",))
        made = json.loads(file.read_text())
        made["metadata"]["theirs"] = {"kept": [1, 2]}
        file.write_text(json.dumps(made))
        lab.engine("trust", "work/n.ipynb")
        one, other = (Desk(browser.new_context().new_page(), lab) for _ in range(2))
        for desk in (one, other):
            desk.start()
            desk.open("work/n.ipynb")
            desk.chip("ready")
        one.add("walktogether")
        slow.hold()
        one.button("Apply").click()
        one.chip("preparing")
        other.chip("preparing")
        cell = other.notebook.locator(".jp-Notebook-cell .cm-content").nth(2)
        cell.click()
        other.page.keyboard.press("Control+End")
        other.page.keyboard.insert_text("  # typed meanwhile")
        slow.release()
        for desk in (one, other):
            becomes("the edit is in both", lambda desk=desk: "walktogether" in sources(shared(desk))[0])
            assert sources(shared(desk))[1:] == ["print('as it was')", "x = 1  # typed meanwhile"]
            assert sources(shared(desk))[0].count("walktogether") == 1
            assert shared(desk)["metadata"]["theirs"] == {"kept": [1, 2]}
        becomes("it is saved", lambda: "walktogether" in file.read_text())
        becomes("all is saved", lambda: "typed meanwhile" in file.read_text())
        saved = json.loads(file.read_text())
        assert sources(saved) == sources(shared(one))
        assert saved["metadata"]["theirs"] == {"kept": [1, 2]}
        assert saved["metadata"]["kernel_iso"]["id"]
        one.button("Restart Kernel").click()
        one.chip("ready")
        other.chip("ready")
        other.run_cell("import walktogether; print('together', walktogether.__version__)")
        other.outputs("together 1.0")
        one.outputs("together 1.0")
        expect(one.section("Packages").locator("li", has_text="walktogether")).to_be_visible(timeout=LONG)
        other.show_panel()
        expect(other.section("Packages").locator("li", has_text="walktogether")).to_be_visible(timeout=LONG)
        # An edit that was typed in a terminal is announced to both pages, and is made once.
        for name in ("third", "fourth", "fifth"):
            wheels.wheel(f"walk{name}", "1.0")
            lab.engine("add", "work/n.ipynb", f"walk{name}")
            for desk in (one, other):
                becomes("it is in both", lambda desk=desk, name=name: name in sources(shared(desk))[0])
            becomes("it is saved", lambda name=name: name in file.read_text())
        one.page.wait_for_timeout(2000)
        first = sources(shared(one))[0]
        assert json.loads(first[first.index("[") : first.index("]") + 1]) == [
            "walkbefore", "walktogether", "walkthird", "walkfourth", "walkfifth",
        ]  # fmt: skip
        assert sources(shared(other))[0] == first
        assert (one.errors, other.errors) == ([], [])
        for desk in (one, other):
            desk.page.context.close()
