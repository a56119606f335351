"""Several command-line tools whose requirements exclude each other, side by side in one application."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from kernel_iso import IsolatedEnvironment
from kernel_iso.errors import ConflictError

pytestmark = pytest.mark.network

# What excludes what: pycodestyle <2.8 and >=2.12, markdown-it-py <2 and >=2.2, rich <13 and >=14.
TOOLS = {
    "flake8": (["flake8==3.9.2"], "pycodestyle"),
    "autopep8": (["autopep8==2.3.2"], "pycodestyle"),
    "mdformat": (["mdformat==0.6.4"], "markdown-it-py"),
    "typer": (["typer==0.16.0", "rich>=14"], "markdown-it-py"),
    "rich": (["rich-cli==1.8.0"], "rich"),
}


@pytest.fixture
def tools(environ: dict[str, str], tmp_path: Path) -> dict[str, IsolatedEnvironment]:
    """Each tool in its own environment, filled."""
    found = {name: IsolatedEnvironment(tmp_path / name, environ=environ) for name in TOOLS}
    for name, env in found.items():
        env.pip_install(TOOLS[name][0])
    return found


def test_tools_that_exclude_each_other_run_side_by_side(
    tools: dict[str, IsolatedEnvironment], environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "bad.py").write_text("import os\nx=1\n")
    (tmp_path / "bad.md").write_text("Title\n===\n* one\n* two\n")
    (tmp_path / "cli.py").write_text("def main(name: str): print('hello', name)\n")

    def run(name: str, *words: str) -> tuple[int, str]:
        done = tools[name].run([name, *words], cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout

    assert run("flake8", "bad.py") == (
        1, "bad.py:1:1: F401 'os' imported but unused\nbad.py:2:2: E225 missing whitespace around operator\n"
    )  # fmt: skip
    assert run("autopep8", "--diff", "bad.py")[1].splitlines()[-2:] == ["-x=1", "+x = 1"]
    assert run("mdformat", "bad.md") == (0, "")
    assert (tmp_path / "bad.md").read_text() == "# Title\n\n- one\n- two\n"
    assert run("typer", "cli.py", "run", "Ada") == (0, "hello Ada\n")
    assert run("rich", "--print", "[bold]x[/bold]") == (0, "x\n")
    there = {name: Version(env.packages()[TOOLS[name][1]]) for name, env in tools.items()}
    assert there["flake8"] < Version("2.8") < Version("2.12") <= there["autopep8"]
    assert there["mdformat"] < Version("2") < Version("2.2") <= there["typer"]
    assert there["rich"] < Version("13")
    assert [env.pip_install(TOOLS[name][0]) for name, env in tools.items()] == [False] * len(TOOLS)
    for one, other in (("flake8", "autopep8"), ("mdformat", "typer"), ("typer", "rich")):
        together = IsolatedEnvironment(tmp_path / "together", environ=environ)
        with pytest.raises(ConflictError):
            together.pip_install([*TOOLS[one][0], *TOOLS[other][0]])


def test_a_real_source_distribution_is_built_where_it_is_named(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """docopt has no wheel; its setup.py needs setuptools, which is there for the build alone."""
    env = IsolatedEnvironment(tmp_path / "env", environ=environ)
    env.pip_install("docopt==0.6.2", allow_build=["docopt"])
    assert env.packages() == {"docopt": "0.6.2"}
    assert env.call("docopt:docopt", "usage: x NAME", ["Ada"]) == {"NAME": "Ada"}
