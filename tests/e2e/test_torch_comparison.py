"""The tables in docs/accelerators.md that compare with uv say what both choose today."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from fakes.boxes import MACHINES

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "compare_torch_backends.py"
PAGE = ROOT / "docs" / "accelerators.md"

PAIR = ("GTX 1080 Ti, driver 580", "container on a GPU host, given no GPU")


def _tool() -> ModuleType:
    """The tool as a module; tools/ is no package."""
    spec = importlib.util.spec_from_file_location(TOOL.stem, TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


compare = _tool()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the machines are made up by mounting over Linux's /sys")
def test_two_machines_of_the_tables_are_as_uv_and_we_choose_today() -> None:
    """A GPU that the newest builds have no code for, and a driver without a GPU, are asked again."""
    done = subprocess.run([sys.executable, TOOL, "--check", *PAIR], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_every_machine_has_its_row_in_each_table() -> None:
    """None was added without asking, and none is left over."""
    tables = PAGE.read_text(encoding="utf-8").split("Asked for `")[1:]
    names = [[line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if " | " in line][1:]
             for table in tables]  # fmt: skip
    assert names == [[box.name for box in MACHINES]] * len(compare.ASKED)


def test_a_row_that_is_missing_or_in_another_table_is_stale() -> None:
    """What is compared is the whole line, in the table of what was asked."""
    page = "Asked for `torch`:\n\n| a | 1 |\n\nAsked for `torch<2.6`:\n\n| b | 2 |\n"
    assert compare.stale({"torch": ["| a | 1 |"], "torch<2.6": ["| b | 2 |"]}, page) == []
    assert compare.stale({"torch": ["| a | 2 |", "| b | 2 |"]}, page) == ["| a | 2 |", "| b | 2 |"]
