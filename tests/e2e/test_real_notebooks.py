"""Real notebooks of the kind people have, each in an environment of its own, through every way they are run."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbformat
import pytest
from outside import OUTSIDE
from wheelhouse import Artefact, Wheelhouse

pytestmark = pytest.mark.network


def notebook(path: Path, requirements: list[str], *cells: str, python: str = "") -> Path:
    """Write a notebook that declares its requirements in a PEP 723 cell and has chosen Isolated Python."""
    block = "\n".join(["# /// script", *([f'# requires-python = "{python}"'] if python else []),
                       f"# dependencies = {json.dumps(requirements)}", "# ///"])  # fmt: skip
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in (block, *cells)])
    made.metadata["kernelspec"] = {"name": "iso", "display_name": "Isolated Python", "language": "python"}
    nbformat.write(made, path)
    return path


def texts(path: Path) -> list[str]:
    """The text outputs of an executed notebook, cell by cell, errors included."""
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        parts = []
        for output in cell.get("outputs", []):
            parts.append(
                output.get("text") or output.get("data", {}).get("text/plain") or output.get("evalue", "")
            )
        found.append("".join(parts).strip())
    return found


def iso(
    environ: Mapping[str, str], *arguments: str, cwd: Path, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the command line and check how it ended."""
    done = subprocess.run(
        [sys.executable, "-m", "kernel_iso", *arguments],
        env=dict(environ),
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


WHO = "import sys; print(sys.prefix)"


def test_plots_of_a_scientific_notebook_run_in_its_own_prefix(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """numpy, pandas and matplotlib: the plot is an image, the executed notebook carries its stamp."""
    source = notebook(
        tmp_path / "plots.ipynb",
        ["numpy", "pandas", "matplotlib"],
        "import numpy as np, pandas as pd\nframe = pd.DataFrame({'x': np.arange(5), 'y': np.arange(5) ** 2})\nframe.y.sum()",
        "%matplotlib inline\nframe.plot(x='x', y='y');",
        WHO,
    )
    iso(environ, "run", "plots.ipynb", "-o", "out.ipynb", "--trust", cwd=tmp_path)
    out = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert "30" in texts(tmp_path / "out.ipynb")[1]
    assert any("image/png" in output.get("data", {}) for output in out.cells[2].outputs)
    assert texts(tmp_path / "out.ipynb")[3].startswith(environ["KERNEL_ISO_STORE"])
    stamp = out.metadata["kernel_iso"]["run"]
    assert sorted(stamp) == ["date", "lock", "platform", "python"]
    assert "run" not in nbformat.read(source, as_version=4).metadata.get("kernel_iso", {})


def test_scikit_learn_fits_a_model(environ: dict[str, str], tmp_path: Path) -> None:
    """A model is trained in the prefix."""
    notebook(
        tmp_path / "model.ipynb",
        ["scikit-learn"],
        "from sklearn.datasets import load_iris\nfrom sklearn.linear_model import LogisticRegression\n"
        "x, y = load_iris(return_X_y=True)\nLogisticRegression(max_iter=500).fit(x, y).score(x, y) > 0.9",
    )
    iso(environ, "run", "model.ipynb", "-o", "out.ipynb", "--trust", cwd=tmp_path)
    assert texts(tmp_path / "out.ipynb")[1] in ("True", "np.True_")


def test_old_and_new_numpy_run_side_by_side(environ: dict[str, str], tmp_path: Path) -> None:
    """Two notebooks in one folder with clashing pins both run, at once, each with its own version."""
    notebook(tmp_path / "old.ipynb", ["numpy<2"], "import numpy; print(numpy.__version__)")
    notebook(tmp_path / "new.ipynb", ["numpy>=2"], "import numpy; print(numpy.__version__)")
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "kernel_iso", "run", f"{name}.ipynb", "-o", f"{name}-out.ipynb", "--trust"],
            env=environ, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for name in ("old", "new")
    ]  # fmt: skip
    for process in running:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert texts(tmp_path / "old-out.ipynb")[1].startswith("1.")
    assert texts(tmp_path / "new-out.ipynb")[1].startswith("2.")


@pytest.mark.slow
def test_every_way_to_run_a_notebook_means_the_same_prefix(environ: dict[str, str], tmp_path: Path) -> None:
    """nbclient, papermill, jupyter execute, nbconvert and nbmake run the notebook in one and the same prefix."""
    notebook(tmp_path / "six.ipynb", ["six"], "import six", WHO)
    iso(environ, "run", "six.ipynb", "-o", "run.ipynb", "--trust", cwd=tmp_path)
    jupyter = [sys.executable, "-m"]
    commands = {
        "papermill": [*jupyter, "papermill", "six.ipynb", "papermill.ipynb"],
        "papermill-engine": [
            *jupyter,
            "papermill",
            "--engine",
            "kernel-iso",
            "six.ipynb",
            "papermill-engine.ipynb",
        ],
        "nbconvert": [
            *jupyter,
            "nbconvert",
            "--to",
            "notebook",
            "--execute",
            "six.ipynb",
            "--output",
            "nbconvert.ipynb",
        ],
        "execute": [*jupyter, "jupyter", "execute", "six.ipynb", "--output", "execute.ipynb"],
    }
    for name, command in commands.items():
        if name == "execute":
            command = [
                str(Path(sys.executable).with_name("jupyter-execute")),
                "six.ipynb",
                "--output",
                "execute.ipynb",
            ]
        done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, name + done.stdout + done.stderr
    expected = texts(tmp_path / "run.ipynb")[2]
    found = {name: texts(tmp_path / f"{name}.ipynb")[-1] for name in commands}
    assert found == dict.fromkeys(commands, expected)
    done = subprocess.run(
        [*jupyter, "pytest", "--nbmake", "six.ipynb", "-p", "no:cacheprovider"],
        env=environ, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_pip_and_python_in_a_cell_mean_this_prefix(environ: dict[str, str], tmp_path: Path) -> None:
    """`!python`, `!pip`, `%pip` and `sys.executable` lead into the notebook's own prefix."""
    notebook(
        tmp_path / "where.ipynb",
        [],
        "import sys; print(sys.prefix)",
        "!python -c 'import sys; print(sys.prefix)'",
        "import subprocess\n"
        "print(subprocess.check_output([sys.executable, '-c', 'import sys; print(sys.prefix)'], text=True))",
        "import os; print(os.environ['PYTHONNOUSERSITE'], os.environ.get('PYTHONDONTWRITEBYTECODE'))",
        "import importlib.util; print([name for name in ('kernel_iso', 'boot', 'probe') if importlib.util.find_spec(name)])",
        "!pip --version",
    )
    iso(
        {**environ, "PYTHONDONTWRITEBYTECODE": "1"},
        "run",
        "where.ipynb",
        "-o",
        "out.ipynb",
        "--trust",
        cwd=tmp_path,
    )
    found = texts(tmp_path / "out.ipynb")
    assert found[1].startswith(environ["KERNEL_ISO_STORE"])
    assert found[2] == found[1]
    assert found[3] == found[1]
    assert found[4] == "1 None"
    assert found[5] == "[]"
    assert found[1] in found[6]


def test_a_foreign_notebook_installs_nothing_until_it_is_approved(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Without approval the run ends with status 8 and the three lines, and the store holds no prefix."""
    notebook(tmp_path / "foreign.ipynb", ["six"], "import six")
    done = iso(environ, "run", "foreign.ipynb", "-o", "out.ipynb", cwd=tmp_path, status=8)
    assert "[not-approved]" in done.stderr
    assert "`six`" in done.stderr
    assert "kernel-iso trust" in done.stderr
    assert not (tmp_path / "out.ipynb").exists()
    assert not list(Path(environ["KERNEL_ISO_STORE"]).glob("prefixes/*"))
    iso(environ, "trust", "foreign.ipynb", cwd=tmp_path)
    iso(environ, "run", "foreign.ipynb", "-o", "out.ipynb", cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("python", "pins", "shown"),
    [
        ("==3.9.*", ["ipython<8", "traitlets<5"], "import IPython, traitlets; print(IPython.__version__)"),
        ("==3.9.*", ["tornado<6.2"], "import tornado; print(tornado.version)"),
        ("==3.12.*", ["ipython<8"], "import IPython; print(IPython.__version__)"),
        ("==3.12.*", ["traitlets<5"], "import traitlets; print(traitlets.__version__)"),
        ("==3.13.*", ["ipykernel<6"], "import ipykernel; print(ipykernel.__version__)"),
    ],
)  # fmt: skip
def test_whatever_a_notebook_pins_it_gets_a_kernel(
    environ: dict[str, str], tmp_path: Path, python: str, pins: list[str], shown: str
) -> None:
    """Old versions of what a kernel itself needs are what the notebook imports, and the kernel runs."""
    notebook(tmp_path / "pins.ipynb", pins, shown, python=python)
    iso(environ, "run", "pins.ipynb", "-o", "out.ipynb", "--trust", cwd=tmp_path)
    assert texts(tmp_path / "out.ipynb")[1] != ""


@pytest.mark.torch
@pytest.mark.slow
def test_a_notebook_with_the_real_cpu_torch(
    environ: dict[str, str], tmp_path: Path, torch_index: str
) -> None:
    """The real CPU build of torch, served from an index of its own beside the default one, as PyTorch's is."""
    notebook(
        tmp_path / "torch.ipynb", ["torch==2.13.0"], "import torch; print(int((torch.ones(3, 3) @ torch.ones(3, 3)).sum()))",
        python="==3.11.*",
    )  # fmt: skip
    iso(
        {**environ, "KERNEL_ISO_TORCH_INDEX": torch_index},
        "run",
        "torch.ipynb",
        "-o",
        "out.ipynb",
        "--trust",
        cwd=tmp_path,
    )
    assert texts(tmp_path / "out.ipynb")[1].splitlines()[-1] == "27"


@pytest.fixture(scope="session")
def torch_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base of an index that holds the CPU wheel of torch which pip offers for Python 3.11 on this machine."""
    folder = tmp_path_factory.mktemp("torch")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "-d",
        str(folder),
        "--only-binary",
        ":all:",
    ]
    done = subprocess.run(
        [*command, "--python-version", "3.11", "torch==2.13.0"], env=OUTSIDE, capture_output=True, text=True
    )
    wheels = list(folder.glob("torch-2.13.0+cpu*.whl"))
    if not wheels:
        pytest.skip(f"pip offers no CPU build of torch here: {done.stderr[-200:]}")
    content = wheels[0].read_bytes()
    with zipfile.ZipFile(wheels[0]) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        described = archive.read(metadata).decode()
    with Wheelhouse() as house:
        house.artefacts.append(
            Artefact(
                project="torch",
                filename=wheels[0].name,
                content=content,
                sha256=hashlib.sha256(content).hexdigest(),
                metadata=described,
            )
        )
        yield house.builds
