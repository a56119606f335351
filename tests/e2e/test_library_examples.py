"""What docs/library.md and examples/ show, with stand-ins for torch and whisper on a local index."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sdists
from wheelhouse import Wheelhouse

ROOT = Path(__file__).parents[2]


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    with Wheelhouse() as house:
        house.wheel("green", "1.0")
        for tag in ("cpu", "cu126"):
            house.wheel("torch", f"2.14.1+{tag}")
        sdists.add(house, "openai-whisper", needs="torch", script="whisper")
        yield house


@pytest.fixture
def settings(environ: dict[str, str], index: Wheelhouse, tmp_path: Path) -> dict[str, str]:
    """An environment whose policy knows these indexes alone, with a cache of its own: ports come again."""
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f'cache = "{tmp_path / "cache"}"\ntorch-index = "{index.builds}"\n'
        f'indexes = [{{name = "local", url = "{index.url}"}}]\n'
    )
    return {**environ, "KERNEL_ISO_CONFIG": str(policy), "XDG_DATA_HOME": str(tmp_path / "data")}


def test_the_documentation_can_be_typed(settings: dict[str, str], index: Wheelhouse, tmp_path: Path) -> None:
    """Every block, one after the other, as one program."""
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(encoding="utf-8"), re.DOTALL
    )
    code = "\n".join(blocks).replace("https://download.pytorch.org/whl", index.builds)
    done = subprocess.run(
        [sys.executable, "-c", code], env=settings, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "openai-whisper\n", "")
    assert {path.name for path in tmp_path.glob("*env")} == {"whisper-env", "green-env", "whisper_env"}


def test_the_example_runs_its_tool(settings: dict[str, str], tmp_path: Path) -> None:
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, ROOT / "examples" / "transcribe.py", "--help"],
            env=settings, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "openai-whisper\n")
    assert done.stderr == ""  # the second time there was nothing to do
