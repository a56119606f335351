"""What was read from files, remembered while the files' times stay the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

T = TypeVar("T")

Stamp = tuple[int, int, int] | None
"""Device, inode and time of the last change (ns); None where there is nothing."""

_SETTLED = 2_000_000_000
"""Nanoseconds. A folder that changed a moment before it was read may change again within the same tick of its clock,
so that its time would stay the same (git calls such entries racy): what is younger is read anew the next time."""


class Disk:
    """Reads names, texts and times, and notes in `seen` what an answer depends on. What cannot be read is empty."""

    def __init__(self) -> None:
        self.seen: dict[str, Stamp] = {}

    def stamp(self, path: str) -> Stamp:
        """Which file or folder is there, links followed, and when it last changed."""
        self.seen[path] = found = stamp(path)
        return found

    def names(self, folder: str) -> list[str]:
        """The names in a folder."""
        if self.stamp(folder) is None:
            return []
        try:
            return os.listdir(folder)  # noqa: PTH208 - names are all that is wanted, of hundreds of packages
        except OSError:
            return []

    def folders(self, folder: str, *, links: bool = True) -> list[str]:
        """The names of the folders in a folder, in order; links to folders count unless told."""
        if self.stamp(folder) is None:
            return []
        try:
            with os.scandir(folder) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=links))
        except OSError:
            return []

    def text(self, path: str) -> str:
        """The text of a small file."""
        if self.stamp(path) is None:
            return ""
        try:
            with Path(path).open(encoding="utf-8", errors="replace") as stream:
                return stream.read(1 << 20)
        except OSError:
            return ""


class Memory:
    """Answers that were made from files, made again only where one of these has changed.

    Not for several threads at once. `made` counts the answers that had to be made.
    """

    def __init__(self) -> None:
        self.made = 0
        self._known: dict[str, tuple[dict[str, Stamp], object]] = {}

    def recall(self, key: str, make: Callable[[Disk], T]) -> T:
        """The answer that `make` gives, from memory where everything it read is as it was."""
        if (known := self._known.get(key)) and all(stamp(path) == was for path, was in known[0].items()):
            return cast("T", known[1])
        self.made += 1
        disk, now = Disk(), time.time_ns()
        answer = make(disk)
        if all(now - each[2] > _SETTLED for each in disk.seen.values() if each):
            self._known[key] = (disk.seen, answer)
        else:
            self._known.pop(key, None)
        return answer


def stamp(path: str) -> Stamp:
    """Which file or folder is at a path, links followed, and when it last changed."""
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of times for one listing
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns
