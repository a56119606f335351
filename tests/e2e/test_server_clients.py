"""Tools that run whole notebooks and name none: the kernel finds out which one it is for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from waiting_client import HERE, ordered, wait_until

from kernel_iso import executing
from kernel_iso.engine import preparing
from kernel_iso.errors import IsoError, SpecError, ToolError

CODE = "import os; print(os.environ.get('KERNEL_ISO_NOTEBOOK', 'clean'))"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with the notebooks `one`, `two` and `sub/three`, each on Isolated Python."""
    folder = tmp_path / "work"
    for name in ("one", "two", "sub/three"):
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE, id="a"), nbformat.v4.new_code_cell(
            f"'{name}'", id="b")])  # fmt: skip
        made.metadata["kernelspec"] = {"name": "iso", "display_name": "Isolated Python", "language": "python"}
        path = folder / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, path)
    return folder


def run(work: Path, *command: str, status: int = 0, cwd: str = ".", **environ: str) -> tuple[list[str], str]:
    """Run a command; what environments were prepared, and what it said."""
    folder = work.parent
    done = subprocess.run(
        [sys.executable, "-m", *command] if command[0] != "-c" else [sys.executable, *command],
        cwd=work / cwd, env=ordered(folder) | environ, capture_output=True, text=True,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert status == done.returncode, said
    log = (folder / "log").read_text().splitlines() if (folder / "log").exists() else []
    return [line.removeprefix("end ") for line in log if line.startswith("end ")], said


def printed(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [
        output.text.strip()
        for cell in cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream"
    ]


def test_papermill_runs_in_the_environment_of_its_input(work: Path) -> None:
    """Without our engine: the command line names it, from another working folder too."""
    assert run(work, "papermill", "sub/three.ipynb", "out.ipynb", "--cwd", "sub")[0] == ["three"]
    assert printed(work / "out.ipynb") == ["clean"]


def test_papermill_as_a_library_runs_in_the_environment_of_its_input(work: Path) -> None:
    """No command line names it; papermill notes it in what it executes."""
    code = "import papermill; papermill.execute_notebook('two.ipynb', 'out.ipynb', parameters={'n': 1})"
    assert run(work, "-c", code)[0] == ["two"]


def test_papermills_engine_chooses_isolated_python(work: Path) -> None:
    """`--engine kernel-iso` takes no notice of another kernel in the notebook, and names the notebook itself."""
    text = (work / "one.ipynb").read_text().replace('"name": "iso"', '"name": "python3"')
    (work / "one.ipynb").write_text(text)
    options = ["-p", "n", "1", "--cwd", "sub"]
    done, _ = run(work, "papermill", "--engine", "kernel-iso", "one.ipynb", "out.ipynb", *options)
    assert done == ["one"]
    code = (
        "import papermill; papermill.execute_notebook('two.ipynb', None, engine_name='kernel-iso', cwd='sub')"
    )
    assert run(work, "-c", code)[0] == ["one", "two"]


def test_jupyter_execute_runs_each_notebook_in_its_own_environment(work: Path) -> None:
    """Several on one command line are told apart by what is executed."""
    assert run(work, "jupyter", "execute", "one.ipynb", "sub/three.ipynb")[0] == ["one", "three"]


def test_nbconvert_runs_each_notebook_in_its_own_environment(work: Path) -> None:
    """It says the notebook's name to its own client."""
    command = ["nbconvert", "--to", "notebook", "--execute", "sub/three.ipynb", "two.ipynb"]
    assert run(work, *command)[0] == ["three", "two"]


def test_nbmake_runs_each_notebook_in_its_own_environment(work: Path) -> None:
    """pytest says which test is running."""
    assert sorted(run(work, "pytest", "--nbmake", "-q", "-p", "no:cacheprovider")[0]) == [
        "one",
        "three",
        "two",
    ]


def test_nbclient_as_a_library_runs_in_the_environment_of_the_file(work: Path) -> None:
    """A script that reads a notebook and executes it: the file with the same cells is meant."""
    code = "import nbformat, nbclient; nbclient.execute(nbformat.read('two.ipynb', 4), cwd='.')"
    assert run(work, "-c", code)[0] == ["two"]
    assert run(work, "-c", code, KERNEL_ISO_NOTEBOOK="one.ipynb")[0] == ["two", "one"]


def test_a_refused_start_fails_the_tool_with_the_three_lines(work: Path) -> None:
    """nbclient raises, the exit status says so, the lines are the last thing said."""
    ordered(work.parent)
    (work.parent / "orders" / "one.json").write_text('{"fail": "not-approved"}')
    done, said = run(work, "jupyter", "execute", "one.ipynb", status=1)
    assert done == []
    assert (
        "kernel-iso has not prepared this  [not-approved]\nbecause: it is foreign\nhint:    kernel-iso trust"
        in said
    )


def test_a_slow_start_says_what_it_does(work: Path) -> None:
    """No terminal, but longer than a second: the steps are on stderr, one line each."""
    ordered(work.parent)
    (work.parent / "orders" / "one.json").write_text('{"seconds": 1.3, "late": "installing"}')
    said = run(work, "jupyter", "execute", "one.ipynb")[1]
    lines = [line for line in said.splitlines() if line.startswith("kernel-iso ")]
    assert lines == ["kernel-iso realise: making the environment", "kernel-iso realise: installing"]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopping_a_tool_cancels_what_it_waits_for(work: Path, stop: signal.Signals) -> None:
    """Ctrl-C, or a scheduler's SIGTERM, while the environment is prepared."""
    folder = work.parent
    environ = ordered(folder)
    (folder / "orders" / "one.json").write_text('{"seconds": 60}')
    command = [sys.executable, "-m", "jupyter", "execute", "one.ipynb"]
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=work, env=environ, stdout=said, stderr=said)
        wait_until(lambda: (folder / "log").exists(), 30)
        process.send_signal(stop)
        assert process.wait(10) != 0
    assert (folder / "log").read_text().splitlines() == ["begin one", "cancelled one"]
    assert "[cancelled]" in (folder / "said").read_text()


@pytest.fixture
def here(work: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The ordered engine and its folders in this process: the worker is called, which saves a second each time."""
    for name, value in ordered(work.parent).items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(HERE / "ordered")
    import ordered_engine

    monkeypatch.setattr(preparing, "realise", ordered_engine.realise)
    return work


def worker(work: Path, **request: object) -> dict[str, Any]:
    """What the worker answers."""
    request = {"notebook": str(work / "one.ipynb"), "output": str(work / "out.ipynb"), "timeout": 0} | request
    return executing.execute(request, lambda *told: None)


def test_the_worker_answers_in_lines(work: Path) -> None:
    """One request on stdin; each cell and then the result, or an error, on stdout."""
    ordered(work.parent)
    (work.parent / "orders" / "two.json").write_text('{"fail": "not-approved"}')
    answers = []
    for name in ("one", "two"):
        request = {"notebook": str(work / f"{name}.ipynb"), "output": str(work / "out.ipynb"), "timeout": 0}
        done = subprocess.run(
            [sys.executable, "-m", "kernel_iso.executing"], input=json.dumps(request), env=ordered(work.parent),
            capture_output=True, text=True, cwd=work.parent,
        )  # fmt: skip
        answers.append((done.returncode, [json.loads(line) for line in done.stdout.splitlines()]))
    cells = [{"tell": ["cell 1", 0, 2, "cells"]}, {"tell": ["cell 2", 1, 2, "cells"]}]
    result = {"result": {"output": str(work / "out.ipynb"), "cells": 2, "failed": None, "failures": []}}
    assert answers[0] == (0, [*cells, result])
    assert (answers[1][0], answers[1][1][0]["error"]["code"]) == (8, "not-approved")


def test_the_worker_executes_writes_and_stamps(here: Path) -> None:
    """It tells each cell, writes the executed notebook with the stamp, and leaves the source as it was."""
    before = (here / "one.ipynb").read_bytes()
    result = worker(here, stamp={"lock": "abc", "python": "3.12.1"})
    assert result == {"output": str(here / "out.ipynb"), "cells": 2, "failed": None, "failures": []}
    out = nbformat.read(here / "out.ipynb", as_version=4)
    assert out.metadata.kernel_iso.run == {"lock": "abc", "python": "3.12.1"}
    assert out.cells[1].outputs[0].data["text/plain"] == "'one'"
    assert before == (here / "one.ipynb").read_bytes()


def test_the_worker_writes_in_place_with_the_files_own_indent(here: Path) -> None:
    """Four spaces and the order of keys stay, so that a diff shows outputs only."""
    data = json.loads((here / "one.ipynb").read_text())
    data = {"nbformat": 4, "nbformat_minor": 5, "metadata": data["metadata"], "cells": data["cells"]}
    (here / "one.ipynb").write_text(json.dumps(data, indent=4) + "\n")
    (here / "one.ipynb").chmod(0o640)
    worker(here, output="")
    text = (here / "one.ipynb").read_text()
    assert text.startswith('{\n    "nbformat": 4,\n    "nbformat_minor": 5,\n    "metadata": {')
    assert (
        (here / "one.ipynb").stat().st_mode & 0o777,
        sorted(path.name for path in here.iterdir()),
    ) == (0o640, ["one.ipynb", "sub", "two.ipynb"])


def test_the_worker_says_which_cell_failed_and_keeps_what_it_showed(here: Path) -> None:
    """The executed notebook is written up to the error; allowed errors are no failure."""
    made = nbformat.read(here / "one.ipynb", as_version=4)
    made.cells.insert(1, nbformat.v4.new_markdown_cell("text", id="m"))
    made.cells[2].source = "print('before'); 1 / 0"
    nbformat.write(made, here / "one.ipynb")
    failed = worker(here)["failed"]
    assert (failed["cell"], failed["ename"], failed["evalue"]) == (3, "ZeroDivisionError", "division by zero")
    assert printed(here / "out.ipynb") == ["clean", "before"]
    assert worker(here, allow_errors=True)["failed"] is None


def test_the_worker_reports_a_cell_that_takes_too_long_or_kills_its_kernel(here: Path) -> None:
    """Both are failures of that cell."""
    made = nbformat.read(here / "one.ipynb", as_version=4)
    made.cells[1].source = "import time; time.sleep(60)"
    nbformat.write(made, here / "one.ipynb")
    failed = worker(here, timeout=1)["failed"]
    assert (failed["cell"], failed["ename"]) == (2, "CellTimeoutError")
    made.cells[1].source = "import os; os._exit(3)"
    nbformat.write(made, here / "one.ipynb")
    failed = worker(here)["failed"]
    assert (failed["cell"], failed["ename"]) == (2, "DeadKernelError")


@pytest.mark.parametrize(
    ("request_", "kind", "code"),
    [
        ({"notebook": "bad.ipynb"}, SpecError, "not-a-notebook-file"),
        ({"notebook": "gone.ipynb"}, SpecError, "not-a-notebook-file"),
        ({"output": "none/out.ipynb"}, ToolError, "cannot-write-notebook"),
        ({"kernel": "no-such-kernel"}, ToolError, "kernelspec-missing"),
    ],
)
def test_the_worker_says_what_stopped_it(
    here: Path, request_: dict[str, str], kind: type[IsoError], code: str
) -> None:
    """Files that are no notebook or cannot be written, and a kernel that is not there."""
    (here / "bad.ipynb").write_text("{")
    paths = {name: value if name == "kernel" else str(here / value) for name, value in request_.items()}
    with pytest.raises(kind) as caught:
        worker(here, **paths)
    assert caught.value.code == code
