"""What every route works with: the way to open an engine, threads, jobs, reviews, and the server's own parts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from kernel_iso.engine import Engine
from kernel_iso.engine.verbs import Outcome, Verb
from kernel_iso.kernelspecs import sync
from kernel_iso.model import Emit, Event, quiet
from kernel_iso.server import announcing, paths
from kernel_iso.server.jobs import Job, Jobs
from kernel_iso.server.pages import Pages
from kernel_iso.server.reviews import Nonces
from kernel_iso.server.threads import Threads
from kernel_iso.store import Store

T = TypeVar("T")

QUICK = 16
"""Quick verbs that are done at once; some of them wait for an index."""

FILES = 4
"""Reads of files of ours at once: histories and the like. They take no time, and wait for no verb's turn."""


class Desk:
    """One for each server. `layer` is the server administrator's policy."""

    def __init__(self, app: Any, layer: Mapping[str, object]) -> None:
        self.layer = layer
        self.nonces = Nonces()
        self._verbs = Threads(QUICK)
        self._files = Threads(FILES)
        self.jobs = Jobs(self._tell)
        self.pages = Pages(app, self)
        self._app = app

    @property
    def root(self) -> str:
        """The folder that the server serves, "" where what it serves are no files."""
        return paths.root(self._app.contents_manager)

    def engine(
        self,
        *,
        emit: Emit = quiet,
        cancelled: threading.Event | None = None,
        listing: Callable[[Store], None] | None = None,
    ) -> Engine:
        """The engine of this server. It reads files: open it in a worker thread."""
        # Which notebook the server itself was started in says nothing about a page's.
        environ = {name: value for name, value in os.environ.items() if name != "KERNEL_ISO_NOTEBOOK"}
        return Engine.open(
            environ,
            emit=emit,
            cancelled=cancelled,
            server=self.layer or None,
            listing=listing,
            captures=True,
            root=self.root,
        )

    async def real(self, path: str) -> str:
        """The real path of what pages know as `path`; raises like `paths.real`."""
        return await paths.real(self._app.contents_manager, path)

    async def placed(self, verb: Verb, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with real paths in place of those that pages know; raises like `paths.real`."""
        placed = dict(values)
        for argument in verb.arguments:
            if argument.kind != "path" or not (value := values[argument.name]):
                continue
            if argument.name == "python":
                placed["python"] = await paths.interpreter(self._app.kernel_spec_manager, value)
            else:
                placed[argument.name] = await self.real(value)
        return placed

    async def quick(self, work: Callable[[Engine], T], cancelled: threading.Event | None = None) -> T:
        """What a quick verb returns, from a worker thread."""
        return await self._verbs.run(lambda: work(self.engine(cancelled=cancelled)))

    async def look(self, work: Callable[[Engine], T]) -> T:
        """What `work` returns, from a worker thread: for what only reads or writes a file of ours."""
        return await self._files.run(lambda: work(self.engine()))

    async def begin(self, verb: Verb, arguments: Mapping[str, Any], *, path: str, notebook: str) -> str:
        """Make a job of a slow verb, or join the one that goes on; return its key."""
        folder = await self.look(histories)
        listing = self._listing()

        def act(emit: Emit, cancelled: threading.Event) -> Outcome:
            return verb.act(self.engine(emit=emit, cancelled=cancelled, listing=listing), arguments)

        return self.jobs.start(
            folder, verb, arguments, act, path=path, notebook=notebook, root=self.root if path else ""
        )

    def _listing(self) -> Callable[[Store], None]:
        """What a job's thread calls when the named environments have changed."""
        loop = asyncio.get_running_loop()

        def listing(store: Store) -> None:
            sync(store)
            event = Event(phase="kernels", at=time.time(), text="the list of kernels has changed")
            with contextlib.suppress(RuntimeError):  # the loop is closed: the server has ended
                loop.call_soon_threadsafe(announcing.emit, self._app.event_logger, event)

        return listing

    def _tell(self, event: Event, job: Job) -> None:
        if job.notebook and event.phase == "job" and event.text == "done":
            self.pages.edited(job.notebook)
        announcing.emit(
            self._app.event_logger, event, notebook=job.notebook, path=job.path, job=job.key, dry=job.dry
        )


def histories(engine: Engine) -> Path:
    """The folder of the histories of jobs."""
    return engine.store.root / "jobs"
