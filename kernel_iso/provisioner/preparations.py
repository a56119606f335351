"""Run the engine, which blocks, beside an event loop, which must not."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
import time
import weakref
from collections.abc import Callable

from kernel_iso.engine.preparing import Ready
from kernel_iso.errors import IsoError, ToolError

_LIVING: weakref.WeakSet[Preparation] = weakref.WeakSet()


class Preparation:
    """One `realise` in a thread of its own.

    The thread is a daemon and not one of the loop's executor: ten notebooks that prepare for minutes would
    use up the few threads that a server saves files with, and an executor's threads keep a stopping server
    from ending. `work` is given the event that cancels it. Made inside a running loop; `ready` or `failed`
    at the end.
    """

    def __init__(self, work: Callable[[threading.Event], Ready]) -> None:
        self.ready: Ready | None = None
        self.failed: IsoError | None = None
        self._cancelled = threading.Event()
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._run, args=(work,), daemon=True, name="kernel-iso-realise"
        )
        _LIVING.add(self)
        self._thread.start()

    def _run(self, work: Callable[[threading.Event], Ready]) -> None:
        try:
            self.ready = work(self._cancelled)
        except BaseException as error:
            self.failed = as_error(error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._ended.set)

    @property
    def _is_over(self) -> bool:
        return self.ready is not None or self.failed is not None

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for the end, at most `seconds`. Cancelling the waiter cancels nothing else."""
        # jupyter_core runs a synchronous manager's calls in loops of their own: a later one cannot await
        # the event.
        while not self._is_over and self._loop is not asyncio.get_running_loop() and seconds and seconds > 0:
            await asyncio.sleep(0.05)
            seconds -= 0.05
        if not self._is_over and self._loop is asyncio.get_running_loop():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)

    async def result(self) -> Ready:
        """The prefix, when it is there; raises what `realise` raised. Cancelling the waiter cancels it."""
        try:
            await self.wait()
        except asyncio.CancelledError:
            self.cancel()
            raise
        if self.failed is not None:
            raise self.failed
        assert self.ready is not None
        return self.ready

    def cancel(self) -> None:
        """Ask it to end; its tools are killed."""
        self._cancelled.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread where no loop runs any more."""
        self._thread.join(seconds)


def as_error(error: BaseException) -> IsoError:
    """An error as three lines, whatever was raised."""
    if isinstance(error, IsoError):
        return error
    told = ToolError(
        "internal-error",
        "failed while it prepared the environment",
        f"{type(error).__name__}: {error}",
        "restart the kernel to try again; if it stays, report it with the server's log",
    )
    told.__cause__ = error
    return told


@atexit.register
def cancel_all() -> None:
    """End what is still being prepared when the interpreter ends: Ctrl-C in nbclient leaves it behind."""
    living, deadline = list(_LIVING), time.monotonic() + 5
    for preparation in living:
        preparation.cancel()
    for preparation in living:
        preparation.join(max(0.0, deadline - time.monotonic()))
