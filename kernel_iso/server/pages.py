"""Which notebooks pages have open: their edits from elsewhere are handed over, not written under them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async

from kernel_iso.engine import Engine, handing
from kernel_iso.model import Event
from kernel_iso.server import announcing, paths

if TYPE_CHECKING:
    from kernel_iso.server.desk import Desk

INTERVAL = 1.0
"""Seconds between two looks at what pages are connected and what waits for them."""

PATIENCE = 10.0
"""Seconds in which a page that is reloaded comes back, and in which one takes what it asked for itself."""


class Pages:
    """Holds each notebook open that a page of ours has taken edits of, as long as its kernel has a connection.

    A page that is closed, or loses its kernel, has nothing open any more: what waits for it is written into the file.
    Both is so only after a while: a page may be reloaded, and the answer to what it asked may be on its way.
    """

    def __init__(self, app: Any, desk: Desk) -> None:
        self._app, self._desk = app, desk
        self._open: dict[str, ExitStack] = {}
        self._seen: dict[str, float] = {}
        self._edited: dict[str, float] = {}
        self._told: set[str] = set()
        self._watching: asyncio.Task[None] | None = None

    async def opened(self, notebook: str) -> None:
        """A page has the notebook at this absolute path open. Without a kernel that it is connected to nothing is held."""
        if notebook in self._open or notebook not in await self._connected():
            return
        held = ExitStack()
        await self._desk.look(
            lambda engine: held.enter_context(engine.store.open_notebooks.opened(Path(notebook)))
        )
        self._open[notebook], self._seen[notebook] = held, time.monotonic()
        self._watch_on()

    def edited(self, notebook: str) -> None:
        """A job about the notebook at this absolute path is done: its page may not be there to take what it made."""
        self._edited[notebook] = time.monotonic()
        self._watch_on()

    def _watch_on(self) -> None:
        if self._watching is None:
            self._watching = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        while self._open or self._edited:
            await asyncio.sleep(INTERVAL)
            try:
                await self._look()
            except Exception:
                self._app.log.exception(
                    "kernel-iso: the notebooks that pages have open could not be looked at"
                )
        self._watching = None

    async def _look(self) -> None:
        connected, now = await self._connected(), time.monotonic()
        self._seen.update((notebook, now) for notebook in self._open if notebook in connected)
        gone = [name for name in self._open if now - self._seen[name] > PATIENCE]
        for notebook in gone:
            self._open.pop(notebook).close()
        late = [name for name, at in self._edited.items() if now - at > PATIENCE and name not in self._open]
        for notebook in {*gone, *late}:
            self._edited.pop(notebook, None)
            with contextlib.suppress(OSError):
                await self._desk.quick(lambda engine, path=Path(notebook): handing.settle(engine, path))  # type: ignore[misc]
        for notebook in self._open:
            self._edited.pop(notebook, None)
            names = await self._desk.look(lambda engine, path=notebook: waiting(engine, path))  # type: ignore[misc]
            if set(names) - self._told:
                self._told |= set(names)
                self._tell(notebook)

    def _tell(self, notebook: str) -> None:
        event = Event(
            phase=handing.PHASE, at=time.time(), text="a change of this notebook waits for its page"
        )
        path = paths.api(self._app.contents_manager, notebook)
        announcing.emit(self._app.event_logger, event, notebook=notebook, path=path)

    async def _connected(self) -> set[str]:
        """The absolute paths of the notebooks whose kernels have a connection."""
        found = set()
        for session in await ensure_async(self._app.session_manager.list_sessions()):
            if session.get("type") == "notebook" and session["kernel"].get("connections"):
                with contextlib.suppress(Exception):  # a session may have any text for its path
                    found.add(await self._desk.real(session["path"]))
        return found


def waiting(engine: Engine, notebook: str) -> list[str]:
    """The names of the edits that wait for the page of a notebook.

    One that it asked for itself, and has in its answer, does not count for a while.
    """
    latest = time.time() - PATIENCE
    found = engine.store.open_notebooks.waiting(Path(notebook))
    return [name for name, edit in found if not edit.asked or edit.at < latest]
