"""Run what blocks beside the server's loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """At most `most` daemon threads at a time; whoever comes later waits for a turn without blocking the loop.

    They are not the loop's executor: a server saves files with its few threads, and an executor's threads keep
    a server that is told to stop from ending.
    """

    def __init__(self, most: int) -> None:
        self._turns = asyncio.Semaphore(most)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises, from a thread of its own."""
        async with self._turns:
            loop = asyncio.get_running_loop()
            ended: asyncio.Future[T] = loop.create_future()

            def settle(setter: Callable[[Any], None], value: Any) -> None:
                if not ended.done():
                    setter(value)

            def target() -> None:
                try:
                    value: Any = work()
                    setter: Callable[[Any], None] = ended.set_result
                except Exception as error:
                    value, setter = error, ended.set_exception
                with contextlib.suppress(RuntimeError):  # the loop is closed: the server has ended
                    loop.call_soon_threadsafe(settle, setter, value)

            threading.Thread(target=target, daemon=True, name="kernel-iso-verb").start()
            return await ended
