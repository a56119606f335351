"""What stands for the kernel's process while its prefix is prepared, or cannot be."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from typing import Any

from kernel_iso.errors import CancelledError, IsoError

_PORTS = ("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port")


class Placeholder:
    """A process look-alike: alive until it is killed, or replaced by the kernel.

    It is `preparing` at first, and `failed` (an error) where no kernel can be started: then it stays alive,
    so that nobody restarts it in a loop, and whoever asks it to run a cell is told why. Whoever waits on a
    kernel awaits `changed()` and looks again. It holds the kernel's ports until it ends.
    """

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self.preparing = True
        self.failed: IsoError | None = None
        self.killed = False
        self._status: int | None = None
        self._change = asyncio.Event()
        self._ports = held_ports(connection)

    def poll(self) -> int | None:
        """The exit status, None while it stands."""
        return self._status

    async def changed(self) -> None:
        """Return when the state is another than now."""
        await self._change.wait()

    def fail(self, error: IsoError) -> None:
        """No kernel can be started; the first reason stays."""
        if self.preparing:
            self.failed, self.preparing = error, False
            self._tell()

    def replaced(self) -> None:
        """The kernel runs in its place."""
        self._end(0)

    def kill(self) -> None:
        """End it; its ports are free, and what was asked of it will not be done."""
        if self._status is None:
            self.killed = True
            self._end(-9)

    def release_ports(self) -> None:
        """Give the ports to the kernel that is about to bind them."""
        while self._ports:
            self._ports.pop().close()

    def _end(self, status: int) -> None:
        self._status, self.preparing = status, False
        self.release_ports()
        self._tell()

    def _tell(self) -> None:
        change, self._change = self._change, asyncio.Event()
        change.set()


def held_ports(connection: Mapping[str, Any]) -> list[socket.socket]:
    """Sockets bound to a kernel's ports that do not listen: nobody else gets them, whoever connects is refused.

    A port that is only remembered could be given to another process, and a client that keeps trying to
    connect to a free port in the ephemeral range can meet itself. Ports that cannot be bound are left to
    the kernel.
    """
    if connection.get("transport", "tcp") != "tcp":
        return []
    held = []
    for name in _PORTS:
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name != "nt":  # there the option lets two sockets have one port
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind((str(connection.get("ip") or "127.0.0.1"), int(connection.get(name, 0))))
        except OSError:
            holder.close()
        else:
            held.append(holder)
    return held


def cancelled() -> CancelledError:
    """The error of a preparation that the person stopped."""
    return CancelledError(
        "preparation-cancelled",
        "has not prepared the environment of this notebook",
        "the preparation was interrupted",
        "restart the kernel to prepare it",
    )
