"""Channels for tests of what stands on conda. They are shared: `conda_channel.copied` gives one to change."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import disks
import pytest

if TYPE_CHECKING:
    from conda_channel import Served
    from conda_desk import Desk


@pytest.fixture(scope="session")
def tiny_channel() -> Path:
    """Made-up packages and real Pythons, without an index."""
    # Not above: py-rattler is slow to import, and most tests need none.
    import conda_channel

    try:
        return conda_channel.tiny()
    except conda_channel.NoPython as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def scientific_channel() -> Path:
    """Real packages too. For tests with the mark `network`: wheels are downloaded when it is made."""
    import conda_channel

    try:
        return conda_channel.scientific()
    except conda_channel.NoPython as error:
        pytest.skip(str(error))


@pytest.fixture
def served_channel(tiny_channel: Path) -> Iterator[Served]:
    """The tiny channel on 127.0.0.1, with a server of this test's own."""
    import conda_channel

    with conda_channel.served(tiny_channel) as house:
        yield house


@pytest.fixture(scope="session")
def conda_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """py-rattler's cache of packages for all tests whose packages are as the channel says."""
    folder = tmp_path_factory.mktemp("conda-cache")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def tiny_prefix(
    tiny_channel: Path, conda_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A prefix that conda made: Python, `blue` and what it needs, `greeting` and `activating`. Only to be read."""
    import conda_channel

    folder = tmp_path_factory.mktemp("conda")
    yield conda_channel.installed(
        tiny_channel, folder / "prefix", "python", "blue", "greeting", "activating", cache=conda_cache
    )
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def desk(tiny_channel: Path) -> Iterator[Desk]:
    """The conda backend on the tiny channel as a folder, with a cache and a home of this test's own."""
    import conda_desk

    # Not below tmp_path, which pytest keeps for three runs: a prefix has a Python of its own.
    with tempfile.TemporaryDirectory(
        prefix="kernel-iso-desk-", dir=disks.quick(), ignore_cleanup_errors=True
    ) as folder:
        yield conda_desk.Desk(channel=tiny_channel.as_uri(), folder=Path(folder))
