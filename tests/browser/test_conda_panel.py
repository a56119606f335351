"""A notebook beside an environment.yml in a real JupyterLab: reviewed, approved, run, and given another conda package."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from wheelhouse import Wheelhouse

pytest.importorskip("playwright.sync_api")

from lab import PATIENCE, Desk, Lab, running
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.network]


@pytest.fixture(scope="module")
def lab(
    wheels: Wheelhouse,
    scientific_channel: Path,
    conda_cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Lab]:
    """A JupyterLab whose policy allows a channel that is a folder."""
    page = Path(request.config.getoption("--page")).absolute()
    if not (page / "package.json").exists():
        pytest.skip(f"the extension is not built: {page}")
    folder = tmp_path_factory.mktemp("lab")
    environ = {
        **os.environ, "KERNEL_ISO_STORE": str(folder / "store"), "KERNEL_ISO_CHANNELS": scientific_channel.as_uri(),
        "KERNEL_ISO_CACHE": str(conda_cache), "KERNEL_ISO_COMPANIONS": "ipykernel, pip",
    }  # fmt: skip
    with running(folder, wheels, environ, page) as running_lab:
        yield running_lab


def study(desk: Desk, channel: Path, *cells: str) -> str:
    """A notebook in a folder of its own beside an environment.yml; its path from the root."""
    name = f"conda-{uuid.uuid4().hex[:6]}"
    file = desk.lab.notebook(f"{name}/a.ipynb", *cells)
    yml = f"channels:\n  - {channel.as_uri()}\ndependencies:\n  - python\n  - blue<2\n"
    (file.parent / "environment.yml").write_text(yml)
    return f"{name}/a.ipynb"


def test_a_conda_notebook_is_reviewed_approved_and_edited(desk: Desk, scientific_channel: Path) -> None:
    """The review shows conda's packages and channels; the panel says whose the prefix is; what is added is conda's."""
    path = study(
        desk, scientific_channel, "import blue, os; print(blue.__version__, 'CONDA_PREFIX' in os.environ)"
    )
    desk.open(path)
    desk.chip("needs review")
    desk.notebook.locator(".jp-kernelIso-bannerLine").get_by_role("button", name="Review…").click()
    review = desk.panel.get_by_role("group", name="Review")
    expect(review.locator(".jp-kernelIso-fact", has_text="conda").first).to_contain_text("blue<2")
    expect(review.locator(".jp-kernelIso-fact", has_text="Channels")).to_contain_text(
        scientific_channel.as_uri()
    )
    desk.button("See the exact versions").click()
    listed = review.locator("details", has_text="Would be installed")
    expect(listed).to_be_visible(timeout=PATIENCE * 1000)
    listed.locator("summary").click()
    expect(listed.get_by_role("row").filter(has_text="blue")).to_contain_text("1.0")
    desk.shoot("conda-review")
    desk.button("Approve").click()
    desk.chip("ready")
    desk.run_all()
    desk.outputs("1.0 True")
    runs_on = desk.section("What it runs on")
    expect(runs_on.locator(".jp-kernelIso-fact", has_text="Installed by")).to_contain_text("conda")
    desk.shoot("conda-panel", desk.panel, height=1030)

    desk.add("tail")
    changes = desk.panel.locator(".jp-kernelIso-changes li")
    expect(changes).to_have_text(["+tail1.0"])
    desk.shoot("conda-preview")
    # The declaration is the project's: the panel asks where it goes.
    desk.button("Apply").click()
    expect(changes).to_have_count(0, timeout=PATIENCE * 1000)
    desk.shoot("conda-added")
    declared = (desk.lab.root / path).with_name("environment.yml").read_text()
    assert "  - tail" in declared
    restart = desk.button("Restart Kernel")
    if restart.is_visible():
        restart.click()
    desk.kernel_runs()
    desk.run_cell("import tail; print('tail', tail.__version__)")
    desk.outputs("tail 1.0")
    assert "tail" in desk.lab.engine("packages", path)
