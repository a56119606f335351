"""What folders take on the disk, and how they go."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Bytes on disk: `unique` go with the folder, `shared` have links elsewhere (in the backend's cache).

    `files` counts files and links.
    """

    unique: int = 0
    shared: int = 0
    files: int = 0


def size(folder: Path) -> Size:
    """The size of a folder; what cannot be read counts as nothing."""
    unique, files = 0, 0
    linked: dict[tuple[int, int], list[int]] = {}
    waiting = [str(folder)]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(found.st_mode):
                waiting.append(entry.path)
                unique += _taken(found)
                continue
            files += 1
            if found.st_nlink == 1:
                unique += _taken(found)
            else:
                seen = linked.setdefault((found.st_dev, found.st_ino), [found.st_nlink, _taken(found), 0])
                seen[2] += 1
    inside = sum(taken for links, taken, seen in linked.values() if seen >= links)
    outside = sum(taken for links, taken, seen in linked.values() if seen < links)
    return Size(unique=unique + inside, shared=outside, files=files)


def _taken(found: os.stat_result) -> int:
    """Bytes on disk; Windows does not tell its blocks. A block is 512 bytes here (POSIX, sys/stat.h)."""
    blocks = getattr(found, "st_blocks", None)
    return found.st_size if blocks is None else int(blocks) * 512


def delete(path: Path) -> bool:
    """Delete a folder or file as far as that is possible; True where nothing is left."""
    if path.is_symlink() or not path.is_dir():
        with contextlib.suppress(OSError):
            path.unlink()
        return not path.is_symlink() and not path.exists()
    if sys.version_info >= (3, 12):
        shutil.rmtree(path, onexc=_insist)
    else:
        shutil.rmtree(path, onerror=_insist)
    return not path.exists()


def _insist(function: Callable[..., Any], path: str, _: object) -> None:
    """Packages bring read-only folders: make them writable and try once more; else it stays, for a later try.

    A file's own mode only matters on Windows. Elsewhere it is left alone: a cache may have a link to it.
    """
    place = Path(path)
    with contextlib.suppress(OSError):
        place.parent.chmod(0o700)
        if os.name == "nt" or (place.is_dir() and not place.is_symlink()):
            place.chmod(0o700)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
