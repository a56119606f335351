"""What was exported, read by the tools that own the formats: they are installed here for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernel_iso import backends
from kernel_iso.engine import environments, exporting
from kernel_iso.engine.context import Engine
from kernel_iso.engine.targets import Target

pytestmark = [pytest.mark.network, pytest.mark.slow]

RENDER = """
import pathlib, sys
from conda_lock.conda_lock import render_lockfile_for_platform
from conda_lock.lockfile import parse_conda_lock_file
lock = parse_conda_lock_file(pathlib.Path(sys.argv[1]))
for kind in ("explicit", "env"):
    lines = render_lockfile_for_platform(
        lockfile=lock, include_dev_dependencies=False, extras=None, kind=kind, platform="linux-64",
        suppress_warning_for_pip_and_explicit=True,
    )
    print("\\n".join(lines))
"""


@pytest.fixture(scope="module")
def conda_lock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has conda-lock."""
    folder = tmp_path_factory.mktemp("tools") / "venv"
    subprocess.run([backends.uv_path(), "venv", "-q", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [backends.uv_path(), "pip", "install", "-q", "--python", python, "conda-lock>=4"], check=True
    )
    return python


def test_conda_lock_reads_and_renders_what_we_write(conda_lock: Path, tmp_path: Path) -> None:
    """Its own model is strict: an unknown key, a missing hash or a dependency on nothing would end it."""
    import test_exporting as golden

    path = tmp_path / "conda-lock.yml"
    path.write_text(golden._made("conda-lock").files["conda-lock.yml"], encoding="utf-8")
    done = subprocess.run([conda_lock, "-c", RENDER, path], check=True, capture_output=True, text=True)
    for package in golden.PACKAGES:
        assert f"{package.url}#{package.md5}" in done.stdout
        assert f"  - {package.name}={package.version}={package.build}" in done.stdout
    pip = "https://files.example.org/packages/polars-1.2.3-cp39-abi3-manylinux_2_17_x86_64.whl"
    assert f"# pip polars @ {pip}#sha256={'e' * 64}" in done.stdout
    assert f"      - six == 1.17.0 --hash=sha256:{'a' * 64}" in done.stdout


def test_uv_installs_what_we_write(tmp_path: Path) -> None:
    """Every file is fetched and checked by its hash, and the set that is there is the one that was exported."""
    config = tmp_path / "policy.toml"
    config.write_text("companions = []\n", encoding="utf-8")
    environ = {**os.environ, "KERNEL_ISO_STORE": str(tmp_path / "store"), "KERNEL_ISO_CONFIG": str(config)}
    engine = Engine.open(environ)
    ready = environments.create(engine, "plain", ["six", "requests[socks]"], conda=False)
    target, uv = Target(kind="environment", name="plain"), backends.uv_path()
    listed = set()
    for form, more in (
        ("pylock.toml", ["--preview-features", "pylock"]),
        ("requirements.txt", ["--require-hashes"]),
    ):
        path = tmp_path / form
        (path,) = exporting.write(exporting.export(engine, target, form), path)
        venv = tmp_path / f"from-{form}"
        subprocess.run(
            [uv, "venv", "-q", "--python", ready.plan.python.path or sys.executable, venv], check=True
        )
        python = venv / "bin" / "python"
        subprocess.run(
            [uv, "pip", "install", "-q", *more, "--python", python, "-r", path], check=True, timeout=120
        )
        done = subprocess.run(
            [uv, "pip", "freeze", "--python", python], check=True, capture_output=True, text=True
        )
        listed.add(tuple(sorted(done.stdout.split())))
    assert listed == {tuple(sorted(f"{each.name}=={each.version}" for each in ready.prefix.packages))}
