"""Widgets that are drawn by a front end of their own, from an isolated kernel; and what a kernel has imported."""

from __future__ import annotations

import pytest
from lab import Desk, Lab
from playwright.sync_api import expect
from wheelhouse import Wheelhouse

pytestmark = [pytest.mark.browser, pytest.mark.network]

LONG = 90_000

PLOT = """%matplotlib widget
import matplotlib.pyplot as plt
plt.figure(num="walk")
plt.plot([1, 2, 4])
plt.show()"""

USE = """import ipywidgets, ipympl
figure = plt.figure(num="second")
figure.gca().plot([4, 2, 1])
ipywidgets.VBox([figure.canvas])"""


def test_a_plot_is_drawn_after_one_click(desk: Desk, lab: Lab) -> None:
    """Before it, the page says whose widgets it cannot show; after it, what was shown already appears as well."""
    lab.notebook("widgets/plot.ipynb", PLOT, packages=("ipympl", "matplotlib"))
    lab.notebook("widgets/other.ipynb", PLOT, packages=("ipympl", "matplotlib"))
    for name in ("plot", "other"):
        lab.engine("realise", f"widgets/{name}.ipynb", "--trust")
    desk.open("widgets/plot.ipynb")
    desk.chip("Ready")
    desk.run_all()
    banner = desk.notebook.locator(".jp-kernelIso-widgetsBanner")
    expect(banner).to_contain_text("cannot show the widgets of ipympl", timeout=LONG)
    broken = desk.notebook.locator(".jp-OutputArea-output", has_text="Click to show javascript error")
    expect(broken.first).to_be_visible(timeout=LONG)
    canvas = desk.notebook.locator(".jupyter-matplotlib canvas").first
    expect(canvas).to_have_count(0)
    desk.show_panel()
    section = desk.panel.locator(".jp-kernelIso-widgets")
    expect(section).to_contain_text("is in this environment, and not beside JupyterLab")
    desk.shoot("widgets-offered")
    # A script's click is nobody's decision.
    desk.page.evaluate("() => document.querySelector('.jp-kernelIso-widgetsBanner button').click()")
    expect(canvas).to_have_count(0)
    banner.get_by_role("button", name="Show Them").click()
    expect(canvas).to_be_visible(timeout=LONG)
    expect(broken).to_have_count(0)
    expect(banner).to_be_hidden()
    expect(section).to_contain_text("is shown in this page (jupyter-matplotlib")
    desk.run_cell(USE)
    expect(desk.notebook.locator(".widget-vbox .jupyter-matplotlib canvas").first).to_be_visible(timeout=LONG)
    desk.shoot("widgets-shown")
    # The page holds it for every notebook: a second one has nothing to ask.
    desk.open("widgets/other.ipynb")
    desk.chip("Ready")
    desk.run_all()
    expect(canvas).to_be_visible(timeout=LONG)
    expect(desk.notebook.locator(".jp-kernelIso-widgetsBanner")).to_be_hidden()
    # And until it is loaded anew.
    desk.reload()
    desk.open("widgets/plot.ipynb")
    expect(banner).to_contain_text("cannot show the widgets of ipympl", timeout=LONG)


def test_a_kernel_that_runs_an_older_version_is_told_to_restart(
    desk: Desk, lab: Lab, wheels: Wheelhouse
) -> None:
    """What is imported stands beside what is installed, and asking leaves no trace in the kernel."""
    wheels.wheel("walkold", "1.0")
    wheels.wheel("walkold", "2.0")
    lab.notebook("widgets/old.ipynb", "import walkold", "before = set(dir())", packages=("walkold==1.0",))
    lab.engine("trust", "widgets/old.ipynb")
    desk.open("widgets/old.ipynb")
    desk.chip("Ready")
    desk.show_panel()
    desk.run_all()
    section = desk.panel.locator(".jp-kernelIso-changed")
    section.get_by_role("button", name="Show all").click()
    row = section.get_by_role("row", name="walkold")
    expect(row.get_by_role("cell").nth(4)).to_have_text("1.0", timeout=LONG)
    desk.run_cell(
        "import sys, subprocess\n"
        "done = subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--index-url',\n"
        f"    '{wheels.url}', 'walkold==2.0'], check=True); print('exchanged')"
    )
    desk.outputs("exchanged")
    desk.button("Look again").click()
    expect(section).to_contain_text("the kernel still runs 1.0: restart it to use 2.0", timeout=LONG)
    desk.shoot("imported")
    # IPython keeps each cell as _i4: nothing else is new but what the cells themselves made.
    prompt = desk.run_cell(
        "new = {name for name in dir() if not name.startswith('_i')} - before\n"
        "print(sorted(new), walkold.__version__)"
    )
    desk.outputs("['before', 'done', 'subprocess', 'sys'] 1.0")
    assert prompt.inner_text() == "[5]:"
