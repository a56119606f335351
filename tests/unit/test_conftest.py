"""What every test stands on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

CASES = """
import pytest

@pytest.mark.network
@pytest.mark.skipif(True, reason="no wire")
def test_needs_the_wire():
    pass

def test_steps_aside():
    pytest.skip("another day")
"""

MODULE = """
import pytest
pytestmark = pytest.mark.network
pytest.importorskip("no_such_module_at_all")
"""


def outcome(folder: Path, *arguments: str) -> str:
    """The closing line of pytest on two made-up test files under our conftest."""
    for name in ("conftest.py", "outside.py", "conda_fixtures.py", "disks.py"):
        shutil.copy(CONFTEST.with_name(name), folder / name)
    (folder / "test_cases.py").write_text(CASES, encoding="utf-8")
    (folder / "test_module.py").write_text(MODULE, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  network: x\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()[-1].split(" in ")[0]


def test_a_skip_is_a_failure_where_its_mark_is_required(tmp_path: Path) -> None:
    assert outcome(tmp_path, "--require", "slow") == "3 skipped"
    assert (
        outcome(tmp_path, "--require", "network", "--continue-on-collection-errors") == "1 skipped, 2 errors"
    )


def test_what_the_machine_exports_does_not_reach_a_test() -> None:
    """Certificates and proxies do: without them nothing can be fetched."""
    environment = {**os.environ, "UV_PYTHON": "3.9", "PIP_INDEX_URL": "x", "VIRTUAL_ENV": "/x"}
    environment |= {
        "PYTHONDONTWRITEBYTECODE": "1",
        "SSL_CERT_FILE": "/certificates",
        "KERNEL_ISO_OFFLINE": "1",
    }
    code = "import conftest, os; print(sorted(os.environ)); conftest.pytest_unconfigure(None)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=CONFTEST.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    for gone in (
        "UV_PYTHON",
        "PIP_INDEX_URL",
        "VIRTUAL_ENV",
        "PYTHONDONTWRITEBYTECODE",
        "KERNEL_ISO_OFFLINE",
    ):
        assert f"'{gone}'" not in done.stdout
    assert "'SSL_CERT_FILE'" in done.stdout
    assert "'KERNEL_ISO_STORE'" in done.stdout


def test_every_test_has_an_empty_store_of_its_own(store_root: Path, environ: dict[str, str]) -> None:
    assert environ["KERNEL_ISO_STORE"] == str(store_root)
    assert list(store_root.iterdir()) == []


@pytest.mark.parametrize("turn", [1, 2])
def test_stores_are_not_shared(store_root: Path, turn: int) -> None:
    assert not (store_root / "mark").exists()
    (store_root / "mark").write_text(str(turn), encoding="utf-8")
