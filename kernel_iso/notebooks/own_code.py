"""Where a project's own packages lie, so that its notebooks can import them without a build."""

from __future__ import annotations

from pathlib import Path

from kernel_iso.notebooks import files

# Folders beside a flat package that are not it (setuptools, "Automatic discovery", flat layout).
_NOT_PACKAGES = {
    "bin", "benchmark", "benchmarks", "build", "ci", "conda", "contrib", "data", "debian", "dist", "doc",
    "docs", "documentation", "env", "example", "examples", "fixtures", "node_modules", "notebooks",
    "requirements", "script", "scripts", "site_scons", "src", "task", "tasks", "test", "tests", "tool",
    "tools", "util", "utils", "venv",
}  # fmt: skip


def source_folder(project: Path, name: str = "") -> str:
    """The absolute folder to put on the kernel's path, "" where the project has nothing to import.

    `src` where it holds a package, else the project's folder where it holds one; a single module counts where
    it is named like the project.
    """
    for folder in (project / "src", project):
        inside = files.names(folder)
        if any(_is_package(folder / item) for item in inside):
            return str(folder)
        module = f"{name.replace('-', '_').lower()}.py"
        if name and any(item.lower() == module and files.is_file(folder / item) for item in inside):
            return str(folder)
    return ""


def _is_package(folder: Path) -> bool:
    name = folder.name
    return name.isidentifier() and name not in _NOT_PACKAGES and files.is_file(folder / "__init__.py")
