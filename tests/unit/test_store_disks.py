"""What a disk may refuse: no room, no right to write, a file in the way."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_store import KEY, code_of, failing, making

from kernel_iso.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that is not there yet."""
    return Store(tmp_path / "store")


def test_a_full_disk_is_told_and_leaves_nothing(store: Store) -> None:
    """Whoever met it: here the maker."""
    error = OSError(errno.ENOSPC, "No space left on device", str(store.root / "prefixes" / KEY / "big"))
    assert code_of(lambda: store.realise(KEY, failing(error))) == "no-space"
    assert list((store.root / "prefixes").iterdir()) == []
    assert store.history(KEY)[-1].error["code"] == "no-space"  # type: ignore[index]


def test_what_a_maker_may_not_do_elsewhere_is_its_own_error(store: Store) -> None:
    """Only a refusal inside the store means that the store is read-only."""
    elsewhere = PermissionError(errno.EACCES, "Permission denied", "/elsewhere/file")
    with pytest.raises(PermissionError):
        store.realise(KEY, failing(elsewhere))
    inside = PermissionError(errno.EACCES, "Permission denied", str(store.root / "prefixes" / KEY))
    assert code_of(lambda: store.realise(KEY, failing(inside))) == "store-read-only"


@pytest.mark.parametrize("name", ["store", "store/prefixes", "store/guards", "store/logs", "store/trash"])
def test_a_file_where_the_store_needs_a_folder_is_told(tmp_path: Path, name: str) -> None:
    """It may be the person's: it is left alone."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    store = Store(tmp_path / "store")
    assert store.find(KEY) is None
    assert code_of(lambda: store.realise(KEY, making)) == "store-not-a-folder"
    assert (tmp_path / name).read_text() == "mine"


MOUNT = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]


@pytest.fixture(scope="module")
def mounts() -> None:
    """Skips where this system lets nobody mount a file system of his own; the same is tested above with errors."""
    if (
        shutil.which("unshare") is None
        or subprocess.run([*MOUNT, "mount -t tmpfs none /mnt"], check=False).returncode
    ):
        pytest.skip("no private mounts here: unshare is missing or forbidden")


def elsewhere(script: str, *arguments: str) -> str:
    """Run a shell script in mounts of its own; `$PYTHON` runs Python with this file's helpers."""
    environ = os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [*MOUNT, script, "sh", *arguments], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("mounts")
def test_a_disk_that_is_really_full_leaves_nothing_half_made(tmp_path: Path) -> None:
    """A file system of one megabyte: making fails, the space is free again, and a small one still fits."""
    program = (
        "import sys; from pathlib import Path; from test_store import *\n"
        "store = Store(Path(sys.argv[1]))\n"
        "def big(path, emit):\n"
        "    prefix = making(path, emit); (path / 'big').write_bytes(b'x' * 4_000_000); return prefix\n"
        "print(code_of(lambda: store.realise(KEY, big)), store.find(KEY), len(list((store.root / 'trash').iterdir())))\n"
        "print(store.history(KEY)[-1].error['code'], store.realise(KEY, making) == store.find(KEY))\n"
    )
    out = elsewhere('mount -t tmpfs -o size=1m none "$1" && "$PYTHON" -c "$2" "$1"', str(tmp_path), program)
    assert out.splitlines() == ["no-space None 0", "no-space True"]


@pytest.mark.usefixtures("mounts")
def test_what_lies_in_the_way_and_cannot_be_moved_is_told(store: Store) -> None:
    """Here something is mounted where the prefix would be; nothing of it is touched."""
    place = store.root / "prefixes" / KEY
    place.mkdir(parents=True)
    program = (
        "import sys; from pathlib import Path; from test_store import *\n"
        "print(code_of(lambda: Store(Path(sys.argv[1])).realise(KEY, making)))\n"
    )
    script = 'mount -t tmpfs none "$3" && touch "$3/file" && "$PYTHON" -c "$2" "$1" && ls "$3"'
    assert elsewhere(script, str(store.root), program, str(place)).split() == ["leftover-in-the-way", "file"]


@pytest.mark.usefixtures("mounts")
def test_a_store_that_is_read_only_serves_what_is_ready(store: Store) -> None:
    """Finding, using and realising what is there work; making anything else says that the store is read-only."""
    store.realise(KEY, making)
    program = (
        "import sys; from pathlib import Path; from test_store import *\n"
        "from kernel_iso.model import Generation\n"
        "store = Store(Path(sys.argv[1]))\n"
        "with store.using(KEY): print(store.realise(KEY, never) == store.find(KEY))\n"
        "for act in (lambda: store.realise(OTHER, making), lambda: store.keep(LOCK),\n"
        "            lambda: store.add_generation('a', 'notebook', '', Generation(key=KEY))):\n"
        "    print(code_of(act))\n"
    )
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && "$PYTHON" -c "$2" "$1"'
    out = elsewhere(script, str(store.root), program)
    assert out.splitlines() == ["True", "store-read-only", "store-read-only", "store-read-only"]
