"""`%iso` in real kernels, with the real engine and the real uv: edits, what is loaded, interrupts, other environments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from magic_kernels import Kernel, kernel, served, write
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from wheelhouse import Wheelhouse

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def index() -> Iterator[Wheelhouse]:
    with Wheelhouse() as house:
        yield house


@pytest.fixture(scope="module")
def settings(index: Wheelhouse, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose policy knows this index too; all tests here share its store, and so what was locked."""
    folder = tmp_path_factory.mktemp("magics")
    (folder / "policy.toml").write_text(served(index))
    return {
        **os.environ, "KERNEL_ISO_CONFIG": str(folder / "policy.toml"), "KERNEL_ISO_STORE": str(folder / "store"),
        "JUPYTER_DATA_DIR": os.environ["JUPYTER_DATA_DIR"],
    }  # fmt: skip


def iso(settings: dict[str, str], *words: str) -> dict[str, Any]:
    """The result of a command in a terminal."""
    command = [sys.executable, "-m", "kernel_iso", "--json", *words]
    done = subprocess.run(command, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["result"]
    return result


@pytest.fixture
def path(settings: dict[str, str], tmp_path: Path) -> Path:
    """An approved notebook that asks for `blue<2`."""
    made = write(tmp_path / "a.ipynb", ["blue<2"])
    iso(settings, "trust", str(made))
    return made


@pytest.fixture
def cells(settings: dict[str, str], path: Path) -> Iterator[Kernel]:
    """Its kernel."""
    with kernel({**settings, "KERNEL_ISO_NOTEBOOK": str(path)}, path.parent) as running:
        yield running


def test_an_added_package_is_imported_by_the_next_cell(cells: Kernel, path: Path) -> None:
    """No restart: program, PATH and metadata are the new generation's; what is loaded stays; the notebook declares it."""
    assert cells.run("import blue; first = blue.__file__").error == ""
    told = cells.run("%iso add red")
    assert told.error == ""
    assert "+ red 1.0" in told.text
    assert told.text.endswith("the next cell uses it; no restart is needed")
    assert any("+ red 1.0" in bundle.get("text/html", "") for bundle in told.shown)
    code = (
        "import red, sys; print(red.__file__.startswith(sys.prefix), sys.executable.startswith(sys.prefix))"
    )
    assert cells.run(code).printed == "True True\n"
    assert cells.run("!python -c 'import red; print(red.__version__)'").printed.strip() == "1.0"
    assert cells.run("print(blue.__file__ == first)").printed == "True\n"
    assert '"red"' in json.loads(path.read_text())["cells"][0]["source"]
    cells.restart()
    assert cells.run("import red, blue; print(blue.__version__)").printed == "1.0\n"


def test_a_change_to_what_is_loaded_is_shown_first_and_needs_a_restart(cells: Kernel) -> None:
    """The modules are named, the kernel keeps what it has until then; a module from an earlier generation counts too."""
    cells.run("import blue")
    assert cells.run("%iso add red").error == ""
    told = cells.run('%iso add "blue>=2"')
    texts = [bundle["text/plain"] for bundle in told.shown]
    preview = next(
        number for number, text in enumerate(texts) if text.startswith("would change:\n  ~ blue 1.0 → 2.0")
    )
    done = next(text for text in texts[preview + 1 :] if text.startswith("changed:"))
    assert done.endswith("restart the kernel to use it: blue 1.0 → 2.0, loaded as blue")
    code = "import importlib.metadata as m; print(blue.__version__, m.version('blue'))"
    assert cells.run(code).printed == "1.0 1.0\n"
    cells.restart()
    assert cells.run("import blue; print(blue.__version__)").printed == "2.0\n"


def test_undo_returns_to_the_former_generation(cells: Kernel, path: Path) -> None:
    """What was added is gone from the next cell, and from what the notebook declares."""
    before = path.read_text()
    cells.run("%iso add red")
    assert path.read_text() != before
    assert "- red 1.0" in cells.run("%iso undo").text
    assert json.loads(path.read_text())["cells"] == json.loads(before)["cells"]
    assert cells.run("import red").name == "ModuleNotFoundError"


def test_what_pip_installed_is_noticed_and_taken_along(cells: Kernel, path: Path, index: Wheelhouse) -> None:
    """`!pip` lands in this prefix; the next edit declares it in that version, unless it is told to leave it behind."""
    installed = cells.run(f"!python -m pip install -q --index-url {index.url} red")
    assert cells.run("import red, sys; print(red.__file__.startswith(sys.prefix))").printed == "True\n", (
        installed
    )
    assert "%iso adopt" in cells.run("%iso").text
    assert "installed by hand: red 1.0" in cells.run("%iso diff").text
    told = cells.run("%iso add green")
    assert "installed by hand, adopted (--drop leaves it behind): red 1.0" in told.text
    assert told.text.endswith("the next cell uses it; no restart is needed")
    assert '"red~=1.0"' in json.loads(path.read_text())["cells"][0]["source"]
    assert "nothing differs" in cells.run("%iso diff").text
    cells.run(f"!python -m pip install -q --index-url {index.url} --upgrade blue")
    assert "installed by hand: blue 2.0" in cells.run("%iso diff").text
    assert "adopted" not in cells.run("%iso remove green --drop").text
    assert cells.run("import importlib.metadata as m; print(m.version('blue'))").printed == "1.0\n"


def test_an_interrupt_stops_an_edit_and_nothing_else(cells: Kernel, path: Path, index: Wheelhouse) -> None:
    """The stop button while a file is fetched: three lines, nothing is written, no process is left, the next cell runs."""
    held = index.wheel("held", "1.0")
    held.hold()
    before = path.read_bytes()
    sent = cells.client.execute("%iso add held")
    end = time.monotonic() + 60
    while not any(asked.endswith(held.filename) for asked, _ in index.requests):
        assert time.monotonic() < end
        time.sleep(0.05)
    cells.manager.interrupt_kernel()
    told = cells.ended(sent)
    held.release()
    assert told.name == "IsoError"
    assert "[cancelled]" in told.error
    assert "Traceback" not in told.error
    assert path.read_bytes() == before
    children = (
        "import subprocess, os; print(subprocess.run(['ps', '-o', 'pid=', '--ppid', str(os.getpid())], "
    )
    assert cells.run(children + "capture_output=True, text=True).stdout.count('\\n'))").printed == "1\n"
    assert "the next cell uses it" in cells.run("%iso add held").text


def test_an_edit_that_cannot_be_done_is_three_lines_and_a_failed_cell(cells: Kernel) -> None:
    told = cells.run("%iso add red==9")
    assert (told.name, "Traceback" in told.error) == ("IsoError", False)
    assert [line.split(":")[0] for line in told.error.splitlines()[1:3]] == ["because", "hint"]


def test_imports_that_are_not_declared_are_found_and_added(settings: dict[str, str], tmp_path: Path) -> None:
    """What another package brought along, and what only the index has; both are offered by name."""
    path = write(tmp_path / "a.ipynb", ["blue"], "import green, red, sys\nimport nowhere_to_be_found_at_all")
    iso(settings, "trust", str(path))
    with kernel({**settings, "KERNEL_ISO_NOTEBOOK": str(path)}, tmp_path) as cells:
        told = cells.run("%iso imports").text
        assert "+ green~=1.0  1.0 is installed; cell 2 imports green" in told
        assert "? red: `red` may give it" in told
        assert "? nowhere_to_be_found_at_all: no package is known for it" in told
        assert "the next cell uses it" in cells.run("%iso imports --add").text
        assert cells.run("import red, green").error == ""


def test_cells_run_in_another_environment_and_bring_back_a_result(
    cells: Kernel, settings: dict[str, str]
) -> None:
    """Python's last value, a script's JSON, a command's output and status; the kernel's own packages are not touched."""
    iso(settings, "env", "create", "other", "blue>=2")
    ran = cells.run("%%iso python --env other --out rows\nimport blue\nprint('hello')\n[blue.__version__]")
    assert ran.printed == "hello\n"
    assert cells.run("print(rows)").printed == "['2.0']\n"
    script = "python -c 'import blue; print(blue.__version__)'\necho '{\"a\": 1}' > $ISO_OUT"
    assert cells.run(f"%%iso run --env other --out found\n{script}").printed == "2.0\n"
    assert cells.run("print(found['a'], _exit_code)").printed == "1 0\n"
    assert (
        cells.run("%%iso run --env other python -c 'import sys; print(sys.stdin.read())'\nfed").printed
        == "fed\n\n"
    )
    assert cells.run("%iso exec -- python -c 'import blue; print(blue.__version__)'").printed == "1.0\n"
    failed = cells.run("%%iso run\necho gone >&2; exit 3")
    assert (failed.printed, "[command-failed]" in failed.error) == ("gone\n", True)
    assert cells.run("print(_exit_code)").printed == "3\n"
    assert "ZeroDivisionError" in cells.run("%%iso python\n1/0").printed
    assert cells.run("import blue; print(blue.__version__)").printed == "1.0\n"


def test_a_named_environments_kernel_edits_that_environment(settings: dict[str, str], tmp_path: Path) -> None:
    """A console that knows a kernelspec alone; a notebook chooses it with `use`, and verbs about environments work."""
    iso(settings, "env", "create", "shared", "blue<2")
    path = write(tmp_path / "a.ipynb", [])
    with kernel(settings, tmp_path, "iso-shared") as cells:
        assert "the next cell uses it" in cells.run("%iso add red").text
        assert cells.run("import red; print(red.__version__)").printed == "1.0\n"
        assert "shared" in cells.run("%iso list").text
        assert "uses the environment shared" in cells.run("%iso use shared -b a.ipynb").text
    assert json.loads(path.read_text())["metadata"]["kernelspec"]["name"] == "iso-shared"
    assert iso(settings, "packages", "-n", "shared")["packages"][-1]["name"] is not None
    assert "red" in iso(settings, "realise", str(path))["packages"]


def test_a_panel_without_the_extension_adds_and_shows(cells: Kernel) -> None:
    """Widgets of the notebook's own environment: a field, buttons, and what came of them; without them, what to install."""
    assert "application/vnd.jupyter.widget-view+json" in cells.run("%iso panel").shown[0]
    click = (
        "import ipywidgets\n"
        "known = list(ipywidgets.widgets.widget._instances.values())\n"
        "field = next(each for each in known if isinstance(each, ipywidgets.Text))\n"
        "button = next(each for each in known if getattr(each, 'description', '') == 'Add')\n"
        "field.value = 'red'; button.click()"
    )
    told = cells.run(click)
    assert (told.error, "+ red 1.0" in told.text) == ("", True)
    assert cells.run("import red; print(red.__version__)").printed == "1.0\n"
    hidden = "import importlib.util as u; u.find_spec, stock = (lambda name, *a: None), u.find_spec"
    told = cells.run(f"{hidden}\n%iso panel")
    assert "[no-widgets]" in told.error


def test_state_help_and_completion_come_from_the_engine(cells: Kernel) -> None:
    """`%iso` alone is rich; `help` names every verb; a press of TAB knows what is installed; no name is left behind."""
    before = cells.run("print(sorted(name for name in dir() if 'iso' in name.lower()))").printed
    state = cells.run("%iso").shown[-1]
    assert state["text/plain"].startswith("a.ipynb: in-use\nasks for: blue<2\n")
    assert "<td" in state["text/html"]
    assert "adopt" in cells.run("%iso help").text
    assert cells.run("%iso add --help").text.startswith("usage: %iso add")
    found = cells.client.complete("%iso remove bl", 14, reply=True, timeout=30)
    assert found["content"]["matches"] == ["blue"]
    assert cells.run("print(sorted(name for name in dir() if 'iso' in name.lower()))").printed == before


def test_a_headless_run_goes_on_with_an_edit_and_stops_at_an_error(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nbclient: the executed notebook holds the texts and no widget; a line that fails ends the run as any error does."""
    path = write(
        tmp_path / "a.ipynb",
        ["blue<2"],
        "%iso add red",
        "import red; red.__version__",
        "%iso add red==9",
        "1",
    )
    iso(settings, "trust", str(path))
    for name in ("KERNEL_ISO_CONFIG", "KERNEL_ISO_STORE"):
        monkeypatch.setenv(name, settings[name])
    monkeypatch.setenv("KERNEL_ISO_NOTEBOOK", str(path))
    notebook = nbformat.read(path, as_version=4)
    with pytest.raises(CellExecutionError, match="red==9"):
        NotebookClient(notebook, kernel_name="iso", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells[1:3] for output in cell.outputs]
    assert outputs[-1].data["text/plain"] == "'1.0'"
    assert not any("widget" in kind for output in outputs for kind in output.data)
    assert notebook.cells[4].execution_count is None


def test_the_guest_of_the_first_release_works_with_this_engine(settings: dict[str, str], path: Path) -> None:
    """A prefix keeps the guest that it was made with; tests/magics/release-1 is never changed."""
    prefix = Path(iso(settings, "realise", str(path))["path"])
    for file in (Path(__file__).parents[1] / "magics" / "release-1").iterdir():
        (prefix / ".kernel-iso" / file.name).write_bytes(file.read_bytes())
    with kernel({**settings, "KERNEL_ISO_NOTEBOOK": str(path)}, path.parent) as cells:
        assert cells.run("%iso status").text.startswith("a.ipynb: in-use")
        assert "the next cell uses it" in cells.run("%iso add red").text
        assert cells.run("import red; print(red.__version__)").printed == "1.0\n"
