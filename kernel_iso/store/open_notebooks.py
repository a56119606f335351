"""Notebooks that a page has open, and the edits from elsewhere that wait for the page to take them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Record
from kernel_iso.store import guards, places
from kernel_iso.store.places import Places


class Edit(Record, frozen=True, kw_only=True):
    """An edit of what a notebook asks: requirements to `add`, names to `remove`, the `lock` to lay in it, its `id`.

    `conda` and `conda_remove` are the same for conda packages, `channels` and `channels_remove` for their channels.
    `python` and `accelerator` are what is asked from now on (None: as it was). `here` keeps the edit in the notebook
    where a project declares. `asked` is true where a page asked for it: that page has it in its answer already. `at` is
    seconds since the epoch.
    """

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()
    conda_remove: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    channels_remove: tuple[str, ...] = ()
    python: str | None = None
    accelerator: str | None = None
    here: bool = False
    lock: Lock | None = None
    id: str = ""
    asked: bool = False
    at: float = 0


class OpenNotebooks:
    """Who has a notebook open, below `open/` in the store: a folder for each notebook, named by its path's digest.

    `page` in it is locked by the server whose pages have it open, so that a killed server holds nothing;
    `NUMBER.json` are the edits that wait, in order.
    """

    def __init__(self, place: Places) -> None:
        self._places = place
        self._root = place.root / "open"

    def _folder(self, notebook: Path) -> Path:
        real = os.path.realpath(notebook)
        return self._root / hashlib.sha256(os.fsencode(real)).hexdigest()[: places.KEY_LENGTH]

    def opened(self, notebook: Path) -> AbstractContextManager[None]:
        """Have the notebook open. Raises `ToolError` (`no-space`, `store-read-only`)."""
        folder = self._folder(notebook)
        places.write(folder / "path", str(notebook), root=self._places.root)
        return guards.held(folder / "page")

    def is_open(self, notebook: Path) -> bool:
        """True while a page has it open."""
        with guards.claimed(self._folder(notebook) / "page") as free:
            return not free

    def offer(self, notebook: Path, edit: Edit) -> str:
        """Leave an edit for the page; return its name. Raises `ToolError` (`no-space`, `store-read-only`)."""
        folder, name = self._folder(notebook), f"{time.time_ns():020d}.json"
        places.write(folder / "path", str(notebook), root=self._places.root)
        places.write(folder / name, edit, root=self._places.root)
        return name

    def waiting(self, notebook: Path) -> tuple[tuple[str, Edit], ...]:
        """The edits that wait for the page, the oldest first, each with the name by which it is taken."""
        return tuple(self._edits(self._folder(notebook)))

    def take(self, notebook: Path, name: str) -> None:
        """The edit is in the document now."""
        if name in {waiting for waiting, _ in self._edits(self._folder(notebook))}:
            (self._folder(notebook) / name).unlink(missing_ok=True)

    def left(self) -> list[Path]:
        """The notebooks with edits that wait, and no page to take them: it was closed, or its server was killed.

        What has neither is cleared away.
        """
        found = []
        for folder in sorted(self._root.iterdir()) if self._root.is_dir() else ():
            with contextlib.suppress(OSError), guards.claimed(folder / "page") as free:
                if not free:
                    continue
                if any(self._edits(folder)):
                    found.append(Path((folder / "path").read_text(encoding="utf-8")))
                else:
                    shutil.rmtree(folder, ignore_errors=True)
        return found

    @staticmethod
    def _edits(folder: Path) -> Iterator[tuple[str, Edit]]:
        for path in sorted(folder.glob("*.json")):
            with contextlib.suppress(OSError, SpecError):
                yield path.name, Edit.from_text(path.read_bytes())
