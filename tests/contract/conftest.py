"""What every backend is tried on: an index of our own, hands that remember, a cache that is thrown away."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import benches
import disks
import pytest
from benches import Bench
from channelhouse import Channelhouse
from wheelhouse import Wheelhouse


def _fill(house: Wheelhouse) -> None:
    house.wheel("blue", "1.0", requires=["green>=1"])
    house.wheel("blue", "2.0", requires=["green>=2"])
    house.wheel("green", "1.0")
    house.wheel("green", "2.0", files={"green/data.txt": "green\n"})
    house.wheel("cyan", "1.0", requires=["green<2"])
    house.wheel("kern", "7.0", requires=["green", "tail"])
    house.wheel("tail", "1.0")


@pytest.fixture(scope="session")
def tool_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What virtualenv learns about an interpreter is the same for every test; packages are not kept here."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(params=["uv", "virtualenv", "conda"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, tool_cache: Path) -> Iterator[Bench]:
    # One cache for all would hold the packages of another test under the same name and version.
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "virtualenv").symlink_to(tool_cache, target_is_directory=True)
    environ = {**os.environ, "UV_HTTP_RETRIES": "0", "PIP_RETRIES": "0", "HOME": str(tmp_path)}
    with contextlib.ExitStack() as stack:
        place = tmp_path
        if request.param == "conda":  # a prefix of conda's has a Python of its own
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=disks.quick())))
            cache = place / "cache"
            cache.mkdir()
            (cache / "virtualenv").symlink_to(tool_cache, target_is_directory=True)
        folder = place / "store"
        folder.mkdir()
        index = apart = stack.enter_context(benches.house(request.param))
        _fill(index)
        if isinstance(index, Channelhouse):
            index.python(request.getfixturevalue("tiny_channel"), benches.PYTHON.version)
            apart = stack.enter_context(Wheelhouse())
            _fill(apart)
        yield benches.bench(
            request.param, index=index, apart=apart, cache=cache, folder=folder, environ=environ
        )


@pytest.fixture
def say() -> Callable[[str, str], str]:
    """Run a line in an interpreter; what it printed."""

    def run(python: str, code: str) -> str:
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        done = subprocess.run(
            [python, "-B", "-c", code], capture_output=True, text=True, env=environ, check=True
        )
        return done.stdout.strip()

    return run
