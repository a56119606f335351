"""How files come from the cache into a prefix: cloned where the file system can, else linked and then parted.

A file that two prefixes share through a hard link changes in both when it is edited in place, and in the cache.
So text files never share an inode. Large binaries, which nobody edits, may: they are most of the bytes.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LARGE = 256 * 1024
"""Bytes from which a file that is not text may stay linked."""

_BINARY = (".so", ".dll", ".dylib", ".pyd")

# The threads wait for the disk, not for a processor.
_THREADS = 4


def mode(folder: Path, system: str = sys.platform) -> str:
    """uv's `--link-mode` for prefixes in `folder`.

    `clone` where files can share their bytes until one is written; else `hardlink`, to be followed by `part`. uv
    copies by itself where the cache lies on another file system. Windows copies: there a link cannot be told
    from a file by listing its folder, and a linked library cannot be replaced while it is loaded.
    """
    if system == "win32":
        return "copy"
    if system == "darwin" or _clones(folder):
        return "clone"
    return "hardlink"


def _clones(folder: Path) -> bool:
    """Whether Linux can clone files there (Btrfs, XFS, bcachefs): tried with one byte."""
    try:
        import fcntl

        with tempfile.TemporaryFile(dir=folder) as source, tempfile.TemporaryFile(dir=folder) as target:
            source.write(b"x")
            source.flush()
            # FICLONE of linux/fs.h, which the fcntl module names from Python 3.13 on.
            fcntl.ioctl(target.fileno(), 0x40049409, source.fileno())
    except (ImportError, OSError):
        return False
    return True


def part(prefix: Path) -> int:
    """Give every linked file of a prefix an inode of its own, large binaries excepted; return how many.

    Time and mode stay. May leave a half-made file when it fails, as a prefix that is being made may.
    """
    found = list(_linked(os.fspath(prefix)))
    share = len(found) // _THREADS + 1
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(_part_all, (found[i : i + share] for i in range(0, len(found), share))):
            pass
    return len(found)


def shared(prefix: Path) -> tuple[Path, ...]:
    """The files of a prefix that are linked from elsewhere and are not large binaries: none, if all is well."""
    return tuple(Path(path) for path, _ in _linked(os.fspath(prefix)))


def _linked(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _linked(entry.path)
            elif entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                if status.st_nlink > 1 and not _may_stay(entry.name, entry.path, status.st_size):
                    yield entry.path, status


def _may_stay(name: str, path: str, size: int) -> bool:
    if size < LARGE:
        return False
    if name.endswith(_BINARY) or ".so." in name:
        return True
    # A zero byte in the beginning is what git and grep call binary.
    with Path(path).open("rb") as stream:
        return b"\0" in stream.read(8192)


def _part_all(found: list[tuple[str, os.stat_result]]) -> None:
    for path, status in found:
        _part(path, status)


def _part(path: str, status: os.stat_result) -> None:
    source = os.open(path, os.O_RDONLY)
    try:
        # Not a new file renamed over the old one: ext4 would write it to the disk at once (auto_da_alloc).
        os.unlink(path)  # noqa: PTH108  ten thousand times, and a Path costs as much as the call
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IMODE(status.st_mode))
        try:
            while data := os.read(source, 1 << 20):
                while data:
                    data = data[os.write(target, data) :]
            with contextlib.suppress(OSError):
                os.fchmod(target, stat.S_IMODE(status.st_mode))
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(target)
    finally:
        os.close(source)
