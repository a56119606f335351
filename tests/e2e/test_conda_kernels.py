"""Kernels in conda prefixes: by nbclient, under a real server, with `%iso`, live edits, and in a prefix that conda made.

The channel has a real ipykernel, numpy and pandas; its wheels come from the index when it is made for the first time.
"""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conda_face import Iso, face, files, notebook, project
from magic_kernels import Kernel, kernel
from nbclient import NotebookClient
from waiting_client import running, wait_until

pytestmark = pytest.mark.network

COMPANIONS = 'companions = ["ipykernel", "pip"]\n'


@pytest.fixture(scope="module")
def extra_channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A channel with a library that is no Python package, in two versions."""
    import conda_channel

    library = next(Path(sysconfig.get_path("stdlib")).glob("lib-dynload/_bisect*.so")).read_bytes()
    packages = [
        conda_channel.Package(
            name="shade", version=version, noarch="generic", files={"lib/libshade.so.1": library}
        )
        for version in ("1.0", "2.0")
    ]
    return conda_channel.make_channel(tmp_path_factory.mktemp("extra"), packages)


@pytest.fixture
def iso(
    scientific_channel: Path, extra_channel: Path, conda_cache: Path, tmp_path: Path, environ: dict[str, str]
) -> Iso:
    return face(scientific_channel, conda_cache, tmp_path / "work", environ, extra_channel, policy=COMPANIONS)


@pytest.fixture
def cells(iso: Iso, extra_channel: Path) -> Iterator[Kernel]:
    """The kernel of an approved notebook beside an environment.yml that asks for `blue<2` and `shade<2`."""
    project(iso.cwd, iso.url, "python", "blue<2", "shade<2", second=extra_channel.as_uri())
    path = notebook(iso.cwd / "a.ipynb")
    assert iso("realise", "a.ipynb", "--trust")["status"] == 0
    with kernel({**iso.environ, "KERNEL_ISO_NOTEBOOK": str(path)}, iso.cwd) as running_kernel:
        yield running_kernel


def test_a_notebook_beside_an_environment_yml_runs(iso: Iso) -> None:
    """Headless: conda's packages, the project's own code, its variables, and the programs of the prefix."""
    project(iso.cwd, iso.url, "python", "pandas", "activating", more="variables:\n  OMP_NUM_THREADS: 2\n")
    (iso.cwd / "src" / "mine").mkdir(parents=True)
    (iso.cwd / "src" / "mine" / "__init__.py").write_text("word = 'own'\n")
    code = (
        "import os, sys, mine, numpy, pandas\n"
        "print(mine.word, pandas.DataFrame({'a': [1, 2]}).a.sum(), os.environ['OMP_NUM_THREADS'],\n"
        "      os.environ['CONDA_PREFIX'] == sys.prefix, os.environ['ACTIVATING_MODE'], 'VIRTUAL_ENV' in os.environ,\n"
        "      numpy.__file__.startswith(sys.prefix))\n"
    )
    notebook(iso.cwd / "a.ipynb", code, "!python -c 'import sys; print(sys.prefix)'")
    done = iso("run", "a.ipynb", "--trust", "-o", "out.ipynb")
    assert done["status"] == 0, done
    made = nbformat.read(iso.cwd / "out.ipynb", as_version=4)
    assert made.cells[0].outputs[0].text == "own 3 2 True quiet False True\n"
    assert made.cells[1].outputs[0].text.strip() == iso("realise", "a.ipynb")["path"]
    assert {"ipykernel", "pip"} <= {
        row["name"] for row in iso("packages", "a.ipynb")["packages"] if row.get("build")
    }


def test_the_kernel_of_a_named_environment_runs_by_nbclient(
    iso: Iso, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kernelspec lies in the person's Jupyter folder, as for every other environment."""
    iso("create", "-n", "maps", "python", "six", "--conda")
    for name in ("KERNEL_ISO_CONFIG", "KERNEL_ISO_STORE", "HOME", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, iso.environ[name])
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("import os, six; os.environ['CONDA_DEFAULT_ENV']")]
    )
    NotebookClient(made, kernel_name="iso-maps", resources={"metadata": {"path": str(iso.cwd)}}).execute()
    assert made.cells[0].outputs[0].data["text/plain"] == "'maps'"


def test_what_is_added_is_imported_by_the_next_cell(cells: Kernel, iso: Iso) -> None:
    """A conda package that only adds needs no restart; `%iso` says that it is conda's, and the file declares it."""
    assert "(conda)" in cells.run("%iso status").text
    assert cells.run("import blue, os; first = os.environ['CONDA_PREFIX']").error == ""
    told = cells.run("%iso add --conda cyan")
    assert told.error == ""
    assert "+ cyan 1.0" in told.text
    assert told.text.endswith("the next cell uses it; no restart is needed")
    code = (
        "import cyan, sys\n"
        "print(cyan.__file__.startswith(sys.prefix), os.environ['CONDA_PREFIX'] == sys.prefix != first,\n"
        "      os.environ['PATH'].startswith(sys.prefix), sys.executable.startswith(sys.prefix))\n"
    )
    assert cells.run(code).printed == "True True True True\n"
    assert cells.run("!cyan").printed.strip() == "cyan 1.0"
    assert "cyan" in (iso.cwd / "environment.yml").read_text()
    assert cells.run("%iso add six").text.endswith("the next cell uses it; no restart is needed")
    assert "  - six" in (iso.cwd / "environment.yml").read_text()


@pytest.mark.slow
def test_another_version_of_what_is_loaded_needs_a_restart(cells: Kernel) -> None:
    """Of a Python package, and of a library that no Python knows: only where it is loaded."""
    cells.run("import blue")
    told = cells.run("%iso add blue=2 green=2")
    assert "restart the kernel to use it: blue 1.0 → 2.0, loaded as blue" in told.text
    cells.restart()
    assert cells.run("import blue; print(blue.__version__)").printed == "2.0\n"
    loaded = cells.run("import ctypes, sys; shade = ctypes.CDLL(sys.prefix + '/lib/libshade.so.1')")
    assert loaded.error == ""
    told = cells.run("%iso add shade=2")
    assert "restart the kernel to use it: shade 1.0 → 2.0, loaded as libshade.so.1" in told.text
    cells.restart()
    told = cells.run("%iso add shade=1.0")
    assert told.text.endswith("the next cell uses it; no restart is needed")


def test_cells_wait_while_the_prefix_is_prepared(iso: Iso, tmp_path: Path) -> None:
    """A real server and its websocket; a kernel is restarted in the same prefix."""
    project_folder = tmp_path / "server" / "root"
    project_folder.mkdir(parents=True)
    project(project_folder, iso.url, "python", "six")
    path = Path(iso.environ["KERNEL_ISO_CONFIG"])
    with running(
        tmp_path / "server", PYTHONPATH="", KERNEL_ISO_CONFIG=str(path), HOME=iso.environ["HOME"]
    ) as server:
        name = server.notebook("a")
        iso.environ["KERNEL_ISO_STORE"] = str(tmp_path / "server" / "store")
        assert iso("trust", str(server.root / name))["status"] == 0
        _, kernel_id, seconds = server.session(name)
        channels = server.channels(kernel_id)
        sent = channels.run("import six, os, sys; print(os.environ['CONDA_PREFIX'] == sys.prefix)")
        assert seconds < 5
        assert channels.outcome(sent, 120) == ("ok", "True\n")
        assert server.request("POST", f"/api/kernels/{kernel_id}/restart")[0] == 200
        wait_until(lambda: server.kernel(kernel_id)["execution_state"] in ("idle", "starting"), 30)
        again = server.channels(kernel_id)
        assert again.outcome(again.run("import six; print(six.__name__)"), 60) == ("ok", "six\n")


def test_a_prefix_that_conda_made_runs_as_it_is(iso: Iso, tiny_prefix: Path, tmp_path: Path) -> None:
    """Activated, with the kernel's own packages behind its own; nothing in it changes, and `%iso` refuses edits."""
    before = files(tiny_prefix)
    policy = Path(iso.environ["KERNEL_ISO_CONFIG"])
    policy.write_text(policy.read_text() + f'kernel-folders = ["{tiny_prefix.parent}"]\n')
    with running(tmp_path / "server", PYTHONPATH="", KERNEL_ISO_CONFIG=str(policy)) as server:
        specs: dict[str, Any] = server.request("GET", "/api/kernelspecs")[1]["kernelspecs"]
        (name,) = (
            name
            for name, model in specs.items()
            if model["spec"]["metadata"].get("kernel_iso", {}).get("path") == str(tiny_prefix)
        )
        assert "(conda)" in specs[name]["spec"]["display_name"]
        _, kernel_id, _ = server.session(server.notebook("b"), name)
        channels = server.channels(kernel_id)
        code = "import blue, os, sys; print(sys.prefix, os.environ['ACTIVATING_HOME'], os.environ['PATH'].split(':')[0])"
        status, text = channels.outcome(channels.run(code), 240)
        assert (status, text.split()) == (
            "ok", [str(tiny_prefix), f"{tiny_prefix}/share/activating", f"{tiny_prefix}/bin"],
        )  # fmt: skip
        status, text = channels.outcome(channels.run("%iso add green"))
        assert (status, "[kernel-not-ours]" in text) == ("error", True)
    assert files(tiny_prefix) == before


@pytest.mark.slow
def test_imports_are_declared_on_the_side_where_they_are(iso: Iso) -> None:
    """What conda installed is declared as conda's, by its name there; what is adopted by hand is PyPI's."""
    project(iso.cwd, iso.url, "python", "blue")
    path = notebook(iso.cwd / "a.ipynb", "import blue\nimport green")
    iso("realise", "a.ipynb", "--trust")
    found = iso("imports", "a.ipynb")
    assert (found["conda"], found["add"]) == (["green~=2.0"], ["green~=2.0"])
    added = iso("imports", "a.ipynb", "--add")
    assert added["status"] == 0, added
    assert "- green~=2.0" in (iso.cwd / "environment.yml").read_text()
    iso("exec", "-b", "a.ipynb", "--capture", "--", "python", "-m", "pip", "install", "-q", "toolz==1.0.0")
    adopted = iso("adopt", "-b", str(path))
    assert adopted["status"] == 0, adopted
    text = (iso.cwd / "environment.yml").read_text()
    assert "- pip:" in text
    assert "toolz~=1.0" in text.split("- pip:")[1]
    assert json.dumps(iso("diff", "a.ipynb")["drift"]) == "[]"
