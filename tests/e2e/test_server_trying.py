"""A proposal is tried by a run over HTTP: a job that changes nothing, can be cancelled, and needs the right to run code."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from gated_client import API, configured, ended, jobs, post
from waiting_client import Server, running, wait_until

CELLS = (
    "import six, pathlib",
    "print(six.__version__); pathlib.Path('written').touch()",
    "import missing_here",
    "1 / 0  # expected",
    "6 * 7",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the real engine, and an authorizer that a test commands."""
    folder = configured(tmp_path_factory.mktemp("server") / "trying")
    with running(folder, GATED=str(folder), PYTHONPATH="") as made:
        yield made


def notebook(server: Server, name: str, *cells: str) -> Path:
    """A notebook that was run on another kernel: its first cell has an output."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    made.cells[0].outputs = [nbformat.v4.new_output("stream", text="as it was")]
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = server.root / name
    path.parent.mkdir(exist_ok=True)
    nbformat.write(made, path)
    return path


def isolated(server: Server, path: str, document: object = None, **how: bool) -> str:
    """The key of a job that isolates."""
    body: dict[str, Any] = {"path": path, "arguments": {"python": sys.executable, **how}}
    status, answer = post(server, "isolate", **body, **({"document": document} if document else {}))
    assert status == 202, answer
    return str(answer["key"])


def opened(path: Path) -> dict[str, Any]:
    """The notebook as a page sends it: without outputs."""
    found: dict[str, Any] = json.loads(path.read_text())
    for cell in found["cells"]:
        del cell["outputs"], cell["execution_count"], cell["id"]
    return found


@pytest.mark.network
def test_a_try_says_which_cells_fail_and_changes_nothing(server: Server) -> None:
    """The page's cells are run, which are newer than the file's, in the notebook's folder; then it is applied at once."""
    path = notebook(server, "work/a.ipynb", *CELLS)
    document = opened(path)
    document["cells"][3]["metadata"]["tags"] = ["raises-exception"]
    document["cells"][4]["source"] = "{}['typed in the page']"
    before = path.read_bytes()
    done = ended(server, isolated(server, "work/a.ipynb", document, trial=True))
    assert done["state"] == "done", done
    result = done["result"]
    assert [(each["cell"], each["ename"]) for each in result["tried"]["failures"]] == [
        (3, "ModuleNotFoundError"),
        (5, "KeyError"),
    ]
    assert (result["tried"]["cells"], result["missing"]) == (5, ["missing_here"])
    assert (path.read_bytes(), result["written"], result.get("document", {})) == (before, "", {})
    assert (server.root / "work" / "written").exists()
    steps = [event for event in done["events"] if event.get("unit") == "cells"]
    assert [(event["phase"], event["text"], event["done"], event["total"]) for event in steps] == [
        ("try", f"cell {number}", number - 1, 5) for number in range(1, 6)
    ]
    known = next(job for job in jobs(server) if job["key"] == done["key"])
    assert (known["text"], known["result"]["tried"]) == ("isolate (try)", result["tried"])
    applied = ended(server, isolated(server, "work/a.ipynb", document, apply=True))["result"]
    assert applied["ready"]["key"] == result["ready"]["key"]
    assert applied["ready"]["made"] is False
    assert applied["document"]["metadata"]["spec"]["requirements"] == [
        item["requirement"] for item in result["proposal"]
    ]


@pytest.mark.network
def test_a_try_that_is_cancelled_ends_its_kernel(server: Server) -> None:
    """Whatever a cell does then; the job says that it was cancelled, and the notebook is as it was."""
    path = notebook(
        server, "b.ipynb", "import os, time; open('pid', 'w').write(str(os.getpid()))", "time.sleep(3600)"
    )
    before = path.read_bytes()
    key = isolated(server, "b.ipynb", trial=True)
    told = lambda: server.request("GET", f"{API}/jobs/{key}")[1]["events"]  # noqa: E731
    wait_until(lambda: "cell 2" in [event["text"] for event in told()], 90)
    kernel = psutil.Process(int((server.root / "pid").read_text()))
    began = time.monotonic()
    assert server.request("DELETE", f"{API}/jobs/{key}")[0] == 204
    assert ended(server, key)["state"] == "cancelled"
    wait_until(lambda: not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE)
    assert time.monotonic() - began < 20
    assert path.read_bytes() == before
    assert [found.name for found in server.root.glob("*b.*")] == ["b.ipynb"]


def test_only_who_may_run_code_in_a_kernel_may_try(server: Server) -> None:
    """Who may change environments, but start no kernel, still gets the proposal."""
    notebook(server, "c.ipynb", "import json")
    (server.folder / "denied").write_text(json.dumps([["kernels", "execute"]]))
    try:
        body = {"path": "c.ipynb", "arguments": {"python": sys.executable, "trial": True}}
        assert post(server, "isolate", **body)[0] == 403
        assert ended(server, isolated(server, "c.ipynb"))["state"] == "done"
    finally:
        (server.folder / "denied").unlink()
