"""What every test stands on: a scrubbed environment, a store that is thrown away, and no silent skips."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent

# `import wheelhouse` finds tests/wheelhouse.py from every folder of tests.
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

import outside  # noqa: E402, F401  before anything is scrubbed

pytest_plugins = ["conda_fixtures"]

# What people and machines export changes what tools do. Certificates, proxies and the locale stay: without
# them nothing can be fetched, and they choose nothing.
_SCRUBBED = re.compile(
    r"(UV|PIP|CONDA|MAMBA|POETRY|PDM|HATCH|JUPYTER|JPY|IPYTHON|KERNEL_ISO)_.*|PYTHON.*|_?VIRTUAL_ENV.*"
    r"|PYTEST_ADDOPTS|IPYTHONDIR|PYENV_VERSION|TERM|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|MPLBACKEND|LD_PRELOAD"
)
_temporary = Path(tempfile.mkdtemp(prefix="kernel-iso-tests-"))


def _scrub() -> None:
    """Clean this process's environment: children and the code under test start from it."""
    for name in [name for name in os.environ if _SCRUBBED.fullmatch(name)]:
        del os.environ[name]
    os.environ.update(
        KERNEL_ISO_STORE=str(_temporary / "store"),
        KERNEL_ISO_CONFIG=str(_temporary / "config" / "policy.toml"),
        XDG_CONFIG_HOME=str(_temporary / "config"),
        JUPYTER_CONFIG_DIR=str(_temporary / "jupyter-config"),
        JUPYTER_DATA_DIR=str(_temporary / "jupyter-data"),
        JUPYTER_RUNTIME_DIR=str(_temporary / "jupyter-runtime"),
        # jupyter_core warns of its old folders until this is set.
        JUPYTER_PLATFORM_DIRS="1",
        IPYTHONDIR=str(_temporary / "ipython"),
    )
    (_temporary / "config").mkdir()
    (_temporary / "config" / "policy.toml").touch()


_scrub()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require",
        action="append",
        default=[],
        metavar="MARK",
        help="a test with this mark that is skipped is a failure (may be given several times)",
    )
    parser.addoption(
        "--shots", metavar="DIR", help="write the pictures of the documentation into this folder"
    )
    parser.addoption(
        "--page",
        metavar="DIR",
        default=str(ROOT / "kernel_iso" / "labextension"),
        help="the built extension that the browser tests load (default: the checkout's)",
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(_temporary, ignore_errors=True)


def _index_answers() -> str:
    """ "" where the default package index answers, or why it does not. Asked once."""
    from kernel_iso.model import PYPI

    if not hasattr(_index_answers, "answer"):
        try:
            with urllib.request.urlopen(f"{PYPI.url}/wheel/", timeout=20) as response:
                response.read(1)
            answer = ""
        except OSError as error:
            answer = f"the package index does not answer: {error}"
        _index_answers.answer = answer  # type: ignore[attr-defined]
    return str(_index_answers.answer)  # type: ignore[attr-defined]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("network") and (why := _index_answers()):
        pytest.skip(why)


def required(marks: list[str], required_marks: list[str]) -> str:
    """The first of the required marks that a test has, "" where it has none.

    >>> required(["slow", "network"], ["network"]), required(["slow"], ["network"])
    ('network', '')
    """
    return next((mark for mark in required_marks if mark in marks), "")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip may never be silent twice: with `--require MARK` it is a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        mark = required([mark.name for mark in item.iter_markers()], item.config.getoption("--require"))
        if mark:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped, but --require {mark} was given: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself as a whole: its marks are looked for in its text."""
    report = yield
    if report.skipped and isinstance(collector, pytest.Module):
        marks = re.findall(r"\bmark\.(\w+)", collector.path.read_text(encoding="utf-8"))
        mark = required(marks, collector.config.getoption("--require"))
        if mark:
            report.outcome = "failed"
            report.longrepr = f"{collector.nodeid} was skipped, but --require {mark} was given"
    return report


@pytest.fixture
def store_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty store for one test, deleted after it; `KERNEL_ISO_STORE` names it."""
    # Not below tmp_path, which pytest keeps for three runs: a store holds hundreds of megabytes.
    folder = Path(tempfile.mkdtemp(prefix="store-", dir=_temporary))
    monkeypatch.setenv("KERNEL_ISO_STORE", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def environ(store_root: Path) -> dict[str, str]:
    """The environment of this test, as a dict to change: scrubbed, with an empty store."""
    return dict(os.environ)
