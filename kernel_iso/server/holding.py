"""The websocket that waits: opens at once, holds what is asked, and asks it when the kernel is there.

A browser opens one websocket of a host after the other. While the handshake for one kernel hangs, every later
socket (other kernels, events, terminals) waits with it, so that a kernel that is being prepared must never
delay its handshake. Kernels without a placeholder pass through as if this class were not there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from tornado.websocket import WebSocketClosedError

from kernel_iso.errors import CancelledError, IsoError, ToolError
from kernel_iso.server import answers


def holding(present: type) -> type:
    """A subclass of a server's ZMQ connection class that holds messages for kernels that are not there yet."""
    return type(f"Holding{present.__name__}", (Holding, present), {})


class Holding:
    """Mixed into `ZMQChannelsWebsocketConnection`.

    `_held` is None while messages pass through, else what will be asked of the kernel. `_live` is true once
    the class below has connected its channels: only then may it disconnect them.
    """

    kernel_manager: Any
    multi_kernel_manager: Any
    websocket_handler: Any
    session: Any
    channels: dict[str, Any]
    kernel_info_channel: Any
    _kernel_info_future: Any
    log: Any
    subprotocol: str | None

    _held: list[str | bytes] | None = None
    _waiting: asyncio.Task[None] | None = None
    _connecting: asyncio.Future[None] | None = None
    _live = False
    _counted = False
    _registered = False
    _ports: tuple[int, ...] = ()
    _launches = 0

    @property
    def _launch(self) -> int:
        """Which launch of our kernel is there: with another one than the channels were connected to, outputs may be lost."""
        return getattr(self.kernel_manager.provisioner, "launches", 0)

    @property
    def _placeholder(self) -> Any:
        return getattr(self.kernel_manager.provisioner, "placeholder", None)

    @property
    def _is_absent(self) -> bool:
        """True while our kernel is not there: a placeholder stands, or a start or restart is under way."""
        provisioner = self.kernel_manager.provisioner
        if not hasattr(provisioner, "placeholder"):
            return False
        return provisioner.placeholder is not None or not self.kernel_manager.ready.done()

    # What the server calls

    async def _register_session(self) -> None:
        # Once: the class below would take the second time for a stale connection and close it.
        if not self._registered:
            self._registered = True
            await super()._register_session()  # type: ignore[misc]

    async def prepare(self) -> None:
        """Before the handshake: nothing is waited for with a kernel of ours, whatever state it is in."""
        if not hasattr(self.kernel_manager.provisioner, "placeholder"):
            return await super().prepare()  # type: ignore[misc]
        await self._register_session()
        self._held = []
        return None

    def connect(self) -> asyncio.Future[None] | None:
        """After the handshake: connect, or begin to wait. tornado reads messages once this has returned."""
        if self._held is None:
            return self._connect_below()
        # Counts as connected, so that no culler takes the kernel away.
        self.multi_kernel_manager.notify_connect(self._id)
        self._counted = True
        loop = asyncio.get_running_loop()
        loop.call_soon(self._say_starting)
        self._waiting = asyncio.ensure_future(self._wait())
        opened: asyncio.Future[None] = loop.create_future()
        opened.set_result(None)
        return opened

    def handle_incoming_message(self, incoming_msg: str | bytes) -> None:
        """Pass a message on, or hold it."""
        if self._held is None and self._live and (self._is_absent or self._launch != self._launches):
            self._held = []
            self._waiting = asyncio.ensure_future(self._wait())
        if self._held is None:
            super().handle_incoming_message(incoming_msg)  # type: ignore[misc]
            return
        self._held.append(incoming_msg)
        failed = getattr(self._placeholder, "failed", None)
        if failed is not None:
            self._refuse(failed)

    def disconnect(self) -> None:
        """The page has gone: what it asked is not asked any more."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self._live:
            self._after_connecting(super().disconnect)  # type: ignore[misc]
            return
        if self._counted:
            self._counted = False
            self.multi_kernel_manager.notify_disconnect(self._id)
        self._forget_kernel_info()
        if self._open_sessions.get(self.session_key) is self.websocket_handler:  # type: ignore[attr-defined]
            self._open_sessions.pop(self.session_key)  # type: ignore[attr-defined]

    # Waiting

    async def _wait(self) -> None:
        """Wait for the kernel, connect to it, and ask it what was held."""
        try:
            connected = False
            while not connected:
                if not await self._kernel():
                    return
                connected = await self._connect()
            held, self._held = self._held or [], None
            for message in held:
                super().handle_incoming_message(message)  # type: ignore[misc]
        except Exception as error:
            self.log.exception("kernel-iso: the websocket of kernel %s could not be connected", self._id)
            self._refuse(_unreachable(error))
            self.websocket_handler.close()  # the client tries again, as with every kernel

    async def _kernel(self) -> bool:
        """Return when the kernel is there: true, or false where there will be none."""
        while True:
            ready = self.kernel_manager.ready
            # `await ready` would let whoever cancels this task cancel the kernel manager's future.
            await asyncio.wait(
                {asyncio.wrap_future(ready) if not isinstance(ready, asyncio.Future) else ready}
            )
            if self.kernel_manager.ready is not ready:
                continue  # a restart has begun meanwhile
            placeholder = self._placeholder
            if placeholder is not None and placeholder.poll() is None:
                await self._watch(placeholder)
            elif self.kernel_manager.shutting_down or self._id not in self.multi_kernel_manager:
                return False
            elif ready.cancelled() or ready.exception():
                self._refuse(_unreachable(None if ready.cancelled() else ready.exception()))
                await asyncio.sleep(0.5)  # until a restart
            else:
                return True

    async def _watch(self, placeholder: Any) -> None:
        """Wait for the placeholder's next state, and answer what cannot be asked any more."""
        if placeholder.failed is not None:
            self._refuse(placeholder.failed)
        await placeholder.changed()
        if placeholder.killed:
            self._refuse(_restarted())

    async def _connect(self) -> bool:
        """Connect the channels to the kernel; false where it is gone again meanwhile."""
        if not self._live:
            # It waits for an answer that all connections of the kernel share: one that goes must not cancel it.
            preparing = asyncio.ensure_future(super().prepare())  # type: ignore[misc]
            preparing.add_done_callback(lambda future: future.cancelled() or future.exception())
            if not await self._ended(preparing):
                self._forget_kernel_info()
                return False
            if self._counted:  # the class below counts again
                self._counted = False
                self.multi_kernel_manager.notify_disconnect(self._id)
            self._connecting = self._connect_below()
        else:
            self._connecting = self._reconnect()
        if self._connecting is None:  # the class below has closed the connection
            return True
        if await self._ended(self._connecting):
            return True
        self._connecting.cancel()
        return False

    async def _ended(self, work: asyncio.Future[None]) -> bool:
        """Wait for the end of `work`, whose error is raised; false where a restart has begun meanwhile."""
        while not work.done():
            await asyncio.wait({work}, timeout=0.2)
            if self._is_absent:
                return False
        work.result()
        return not self._is_absent

    def _forget_kernel_info(self) -> None:
        """Take back a question to a kernel that will not answer it, as the class below does when it disconnects.

        Every connection of the kernel waits for the first one's answer, up to a minute.
        """
        if self.kernel_info_channel is None or self.kernel_info_channel.closed():
            return
        self.kernel_info_channel.close()
        self.kernel_info_channel = None
        if not self._kernel_info_future.done():
            self._kernel_info_future.set_result({})
        if getattr(self.kernel_manager, "_kernel_info_future", None) is self._kernel_info_future:
            del self.kernel_manager._kernel_info_future

    def _connect_below(self) -> asyncio.Future[None] | None:
        self._live = True
        self._note_launch()
        return super().connect()  # type: ignore[misc]

    def _note_launch(self) -> None:
        self._ports = tuple(self.kernel_manager.ports)
        self._launches = self._launch

    def _reconnect(self) -> asyncio.Future[None]:
        """Make sure that the channels reach the restarted kernel.

        Shell may be connected before iopub, and an output be lost; `nudge` asks until both answer. It takes
        the iopub channel for itself meanwhile.
        """
        if tuple(self.kernel_manager.ports) != self._ports:
            for stream in self.channels.values():
                stream.close()
            self.create_stream()  # type: ignore[attr-defined]
        self._note_launch()

        def subscribe(_: object) -> None:
            for stream in self.channels.values():
                stream.on_recv_stream(self.handle_outgoing_message)  # type: ignore[attr-defined]

        connecting: asyncio.Future[None] = self.nudge()  # type: ignore[attr-defined]
        connecting.add_done_callback(subscribe)
        return connecting

    def _after_connecting(self, act: Callable[[], None]) -> None:
        """Act now, or after the callbacks of a connection under way: they would take the channels back afterwards."""
        if self._connecting is None or self._connecting.done():
            act()
        else:
            self._connecting.add_done_callback(lambda _: act())

    # Answering

    def _refuse(self, error: IsoError) -> None:
        """Answer what is held with an error; what can still be asked of a later kernel stays."""
        held, self._held = self._held or [], []
        for raw in held:
            asked = answers.read(raw, self.subprotocol, self.session)
            if asked.lasts:
                self._held.append(raw)
            elif asked.wants_reply:
                for channel, message in answers.refusal(asked, error, self.session):
                    self._send(channel, message)

    def _send(self, channel: str, message: dict[str, Any]) -> None:
        # A server that hides tracebacks from its clients hides these lines too.
        self._on_error(channel, message, [b""] * 4)  # type: ignore[attr-defined]
        data, binary = answers.write(message, channel, self.subprotocol, self.session)
        with contextlib.suppress(WebSocketClosedError):  # the page has gone
            self.websocket_handler.write_message(data, binary=binary)

    def _say_starting(self) -> None:
        if self._held is not None and self._is_absent:
            self._send("iopub", self.session.msg("status", {"execution_state": "starting"}))

    @property
    def _id(self) -> str:
        return str(self.kernel_manager.kernel_id)


def _restarted() -> IsoError:
    return CancelledError(
        "preparation-ended",
        "did not run this cell",
        "the kernel was restarted or shut down while its environment was prepared",
        "run the cell again",
    )


def _unreachable(error: BaseException | None) -> IsoError:
    if isinstance(error, IsoError):
        return error
    return ToolError(
        "kernel-not-reached",
        "could not reach this kernel",
        f"{type(error).__name__}: {error}" if error else "its start was cancelled",
        "restart the kernel; the server's log has the details",
    )
