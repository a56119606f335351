"""The documentation is held to the code: codes, verbs, commands, links and examples."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import os
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

import kernel_iso
from kernel_iso.cli import parsing
from kernel_iso.cli.entry import _own_verbs
from kernel_iso.engine.verbs import TABLE

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]


def _tool(name: str) -> ModuleType:
    """A module of tools/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


gen = _tool("gen")


def test_every_error_code_has_a_heading_and_every_heading_a_code() -> None:
    assert gen.error_problems(ROOT) == []


def test_raise_sites_are_found_in_all_their_forms(tmp_path: Path) -> None:
    (tmp_path / "kernel_iso").mkdir()
    (tmp_path / "kernel_iso" / "a.py").write_text(
        "raise SpecError('plain-code', 'x', 'y', 'z')\n"
        "raise errors.ToolError(\n    'far-code', 'x')\n"
        "def fail(what, code): ...\n"
        "fail('x', 'taken-code')\n"
        "fail('x', code='named-code')\n"
        "other('not-a-code')\n"
        "raise ValueError('plain text')\n",
        encoding="utf-8",
    )
    found = dict(gen.codes(tmp_path / "kernel_iso"))
    assert found == {
        "plain-code": "kernel_iso/a.py:1",
        "far-code": "kernel_iso/a.py:2",
        "taken-code": "kernel_iso/a.py:5",
        "named-code": "kernel_iso/a.py:6",
    }
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "errors.md").write_text(
        "## `plain-code`\n\n## `far-code`\n\n## `taken-code`\n\n## `gone-code`\n\n## `far-code`\n",
        encoding="utf-8",
    )
    assert gen.error_problems(tmp_path) == [
        "docs/errors.md: `far-code` comes twice",
        "docs/errors.md: nothing raises `gone-code`",
        "kernel_iso/a.py:6: `named-code` has no heading in docs/errors.md",
    ]


def test_every_entry_says_what_to_do() -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    for entry in text.split("\n## ")[1:]:
        assert "\n**Do:** " in entry, entry.splitlines()[0]


def test_the_table_of_verbs_is_the_engines() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert gen.with_verbs(text) == text, "python tools/gen.py writes it"


def test_ci_runs_the_readmes_own_command() -> None:
    commands = re.findall(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert commands[0].startswith("python3 -m venv .venv && .venv/bin/python -m pip install")
    assert "nox" in commands[1]
    ci = ROOT / ".ci" / "run"
    assert commands[1] in ci.read_text(encoding="utf-8").splitlines()
    assert os.name == "nt" or os.access(ci, os.X_OK)


def _commands() -> list[tuple[str, str]]:
    """Every `kernel-iso …` that the pages tell people to type."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        spans = re.findall(r"`(kernel-iso [^`]+)`", text)
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
            spans += re.findall(r"^(kernel-iso .+)$", block, re.MULTILINE)
        found += [(page.name, span.replace("\n", " ")) for span in spans]
    return [
        (page, span) for page, span in found if "VERB" not in span and "|" not in span and "  [" not in span
    ]


@pytest.mark.parametrize(("page", "command"), _commands())
def test_commands_in_the_documentation_can_be_typed(page: str, command: str) -> None:
    words = shlex.split(command.replace("…", ""), comments=True)[1:]
    if words in (["--version"], ["--help"]):
        return
    table = {**TABLE, **_own_verbs()}
    words = [word for word in words if word != "--help"]
    # A line that names a verb and leaves out its arguments is no command to type.
    verb, rest = parsing.find(words, table, "kernel-iso")
    if rest:
        assert parsing.parse(words, table).verb is verb


def test_the_policy_in_the_readme_is_one(tmp_path: Path) -> None:
    from kernel_iso import policy

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (sample,) = re.findall(r"```toml\n(# ~/\.config/.*?)```", text, re.DOTALL)
    file = tmp_path / "policy.toml"
    file.write_text(sample, encoding="utf-8")
    read = policy.read({}, admin_files=(), user_file=file)
    assert read.packages == ("numpy", "pandas", "matplotlib")
    assert read.exclude_newer == "3 days"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


def test_the_examples_are_notebooks_for_our_kernel() -> None:
    import nbformat

    examples = sorted((ROOT / "examples").glob("*.ipynb"))
    assert [example.name for example in examples] == ["hello.ipynb", "pandas2.ipynb", "pandas3.ipynb"]
    for example in examples:
        notebook = nbformat.read(example, as_version=4)
        nbformat.validate(notebook)
        assert notebook.metadata.kernelspec.name == "iso"
        assert [cell.get("outputs", []) for cell in notebook.cells] == [[]] * len(notebook.cells)


def _modules() -> list[str]:
    folder = Path(kernel_iso.__path__[0])
    files = [path.relative_to(folder.parent).with_suffix("") for path in sorted(folder.rglob("*.py"))]
    names = [".".join(path.parts).removesuffix(".__init__") for path in files]
    # Guests are run by path, papermill is an extra, and __main__ would start.
    left_out = ("kernel_iso.guest", "kernel_iso.papermill", "kernel_iso.__main__")
    return [name for name in names if not name.startswith(left_out)]


@pytest.mark.parametrize("name", _modules())
def test_examples_in_docstrings_are_true(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
