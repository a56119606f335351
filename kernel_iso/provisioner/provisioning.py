"""The Jupyter provisioner of isolated kernels."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.multikernelmanager import MultiKernelManager
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Dict, HasTraits, Unicode

from kernel_iso.engine import Engine, borrowing, discovered, handing, launching
from kernel_iso.engine.preparing import Ready, Target
from kernel_iso.errors import IsoError
from kernel_iso.model import Emit, Event
from kernel_iso.provisioner import launchers
from kernel_iso.provisioner.calling import clues
from kernel_iso.provisioner.delegating import Delegating
from kernel_iso.provisioner.finding import notebook_of
from kernel_iso.provisioner.placeholders import Placeholder, cancelled
from kernel_iso.provisioner.preparations import Preparation, as_error
from kernel_iso.provisioner.progress import Lines

# How long a start waits before it uses a placeholder (seconds): a prefix that is there is found well within
# it.
_AT_ONCE = 0.25
# How long a stop waits for the tools of a cancelled preparation to be gone (seconds).
_GRACE = 3.0


class IsoProvisioner(Delegating):
    """Realises the environment that a notebook asks for, and lets another provisioner launch its kernel.

    Under a Jupyter server with our extension (the kernel manager's parent has an attribute `kernel_iso`
    that `holds`), a start that takes longer returns with a placeholder, and the kernel takes its place
    later, on the same ports. Everywhere else `pre_launch` waits, with progress on stderr, and raises the
    `IsoError`.

    The kernelspec's provisioner config may name an `environment` or a `discovered` folder, and a `launcher` with its
    `launcher_config`.
    """

    environment = Unicode("", help="The named environment this kernel runs in; empty: the notebook's own.")
    discovered = Unicode("", help="The folder of the environment this kernel runs in, which is not ours.")
    launcher = Unicode("", help="The registered provisioner that launches; empty: what the policy says.")
    launcher_config = Dict(help="The launcher's own configuration.")

    placeholder: Placeholder | None = None
    launches = 0
    _preparation: Preparation | None = None
    _replacing: asyncio.Task[None] | None = None
    _environ: Mapping[str, str] = os.environ
    _target: Target | None = None

    def make_inner(self) -> KernelProvisionerBase:
        """The registered provisioner that the kernelspec or the policy names."""
        name = self.launcher or Engine.open(self._environ, server=self._layer).policy.launcher
        return launchers.make(name, self.launcher_config, self)

    # Starting

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Begin to realise, and wait for it where nobody can hold messages meanwhile."""
        self._environ = dict(kwargs.get("env") or os.environ)
        self._target = self._find(kwargs)
        self._end_placeholder()
        self.placeholder = None
        preparation = self._preparation = self._prepare(self._target)
        if not self._holds:
            ready = await preparation.result()
            if launching.cannot_encrypt(ready.prefix.packages) and self._encryption == "auto":
                kwargs["transport_encryption"] = "disabled"
            return await self.inner.pre_launch(**kwargs)
        try:
            kwargs = await self.inner.pre_launch(**kwargs)
            if not self.inner.connection_info:  # a launcher that chooses the ports itself, later
                await preparation.result()
            await preparation.wait(_AT_ONCE)
        except BaseException:
            preparation.cancel()
            raise
        return kwargs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launch the kernel, or a placeholder that becomes it."""
        assert self._preparation is not None
        try:
            if self._preparation.ready:
                return await self._launch(cmd, kwargs)
        except IsoError:
            if not self._holds:
                raise
        self.placeholder = Placeholder(self.inner.connection_info)
        self._replacing = asyncio.ensure_future(self._replace(self.placeholder, cmd, kwargs))
        return self.inner.connection_info

    async def post_launch(self, **kwargs: Any) -> None:
        """Let the launcher finish the start; behind a placeholder that comes later."""
        if self.placeholder is None:
            await self.inner.post_launch(**kwargs)

    async def _launch(self, cmd: list[str], kwargs: Mapping[str, Any]) -> KernelConnectionInfo:
        command, environ = self._dressed(cmd, kwargs)
        # A server leaves a restarted kernel in its former state, and does not wait for a busy one to answer.
        self._set("reason", "")
        self._set("execution_state", "starting")
        if self.placeholder is not None:
            self.placeholder.release_ports()
        connection = await self.inner.launch_kernel(command, **{**kwargs, "env": environ})
        self.launches += 1
        self._announce("the kernel has started")
        return connection

    async def _replace(self, placeholder: Placeholder, cmd: list[str], kwargs: dict[str, Any]) -> None:
        """Put the kernel in the placeholder's place when its prefix is there, or say why it cannot be."""
        assert self._preparation is not None
        showing = asyncio.ensure_future(self._show(placeholder))
        try:
            await self._preparation.result()
            if placeholder.preparing:
                await self._launch_late(placeholder, cmd, kwargs)
        except Exception as raised:
            error = as_error(raised)
            if error is not raised:
                self.log.error("kernel-iso: the kernel could not be launched", exc_info=raised)
            placeholder.fail(error)
            self._announce("the kernel cannot be started", error)
        finally:
            if not placeholder.failed:
                showing.cancel()

    async def _launch_late(self, placeholder: Placeholder, cmd: list[str], kwargs: dict[str, Any]) -> None:
        await self._launch(cmd, kwargs)
        if placeholder.killed:  # while the launcher was at work
            await self.inner.kill()
            return
        self.placeholder = None
        placeholder.replaced()
        await self.inner.post_launch(**kwargs)

    async def _show(self, placeholder: Placeholder) -> None:
        """Keep what the server says about the kernel true while a placeholder stands.

        The server sets state and reason itself after a start has returned, and a culler must not take a
        kernel away whose environment is being prepared, so that they are set again each second.
        """
        restarted = time.monotonic()
        while placeholder.poll() is None:
            if placeholder.failed:
                self._set("reason", str(placeholder.failed))
                self._set("execution_state", "idle")
            else:
                self._set("execution_state", "starting")
                self._set("last_activity", datetime.now(UTC))
            # jupyter_server (2.21) gives a restarted kernel 60 s to answer, and then logs an exception that
            # nobody retrieves; a preparation may rightly take longer.
            give_up = getattr(self.parent, "_pending_restart_cleanup", None)
            if give_up and time.monotonic() - restarted > 20:
                give_up()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(placeholder.changed(), 1)

    # The engine

    def _find(self, launch: Mapping[str, Any]) -> Target:
        if self.discovered:
            return discovered.target(self.discovered)
        multi = getattr(self.parent, "parent", None)
        hosted = isinstance(multi, MultiKernelManager)
        root = str(getattr(multi, "root_dir", "") or "") if hosted else ""
        found = clues(launch, environment=self.environment, environ=self._environ, hosted=hosted, root=root)
        return notebook_of(found)

    def _prepare(self, target: Target) -> Preparation:
        emit, environ, layer = self._telling(), self._environ, self._layer

        def work(cancel: threading.Event) -> Ready:
            engine = Engine.open(environ, emit=emit, cancelled=cancel, server=layer)
            if target.kind == "notebook":
                handing.settle(engine, Path(target.path))
            return borrowing.realising(target)(engine, target)

        return Preparation(work)

    def _telling(self) -> Emit:
        """Where the events of a preparation go: to the server's event bus, or to stderr."""
        if not self._holds:
            return Lines(sys.stderr)
        loop = asyncio.get_running_loop()

        def tell(event: Event) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the server has ended
                loop.call_soon_threadsafe(self._tell, event)

        return tell

    def _dressed(self, cmd: list[str], kwargs: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
        """The prefix's command for the one that the launcher made of the kernelspec, and its environment."""
        assert self._preparation is not None
        ready = self._preparation.ready
        assert ready is not None
        version = launching.cannot_encrypt(ready.prefix.packages)
        if version and self.inner.connection_info.get("curve_publickey"):
            raise launchers.unencrypted(version)
        connection_file = str(getattr(self.parent, "connection_file", ""))
        command = launching.command(ready, launchers.arguments(cmd, connection_file))
        environ = launching.environment(ready, kwargs.get("env") or self._environ)
        environ.pop("KERNEL_ISO_NOTEBOOK", None)  # what the kernel starts is about another notebook
        return command, environ

    # The host: a server with our extension

    @property
    def _host(self) -> Any:
        return getattr(getattr(self.parent, "parent", None), "kernel_iso", None)

    @property
    def _holds(self) -> bool:
        return bool(getattr(self._host, "holds", False))

    @property
    def _layer(self) -> Mapping[str, object] | None:
        return getattr(self._host, "layer", None)

    @property
    def _encryption(self) -> str:
        return str(getattr(self.parent, "transport_encryption", "disabled"))

    def _tell(self, event: Event) -> None:
        self._host.tell(event, self.kernel_id, self._target.path if self._target else "")

    def _announce(self, text: str, error: IsoError | None = None) -> None:
        if self._holds:
            told = error.to_json() if error else None
            self._tell(Event(phase="launch", at=time.time(), text=text, error=told))

    def _set(self, name: str, value: object) -> None:
        # Only a server's kernel manager has these; plain jupyter_client's has no state to show.
        if isinstance(self.parent, HasTraits) and self.parent.has_trait(name):
            setattr(self.parent, name, value)

    # The process: the placeholder while it stands, else the launcher's

    @property
    def has_process(self) -> bool:
        """True while there is a kernel or a placeholder for it."""
        return self.placeholder is not None or super().has_process

    async def poll(self) -> int | None:
        """None while the kernel, or its placeholder, lives."""
        return self.placeholder.poll() if self.placeholder else await super().poll()

    async def wait(self) -> int | None:
        """Wait for the end; afterwards there is no process."""
        while (placeholder := self.placeholder) is not None:
            if (status := placeholder.poll()) is not None:
                self.placeholder = None
                return status
            await placeholder.changed()
        return await super().wait()

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel; an interrupt cancels a preparation, others end its placeholder."""
        if self.placeholder is None:
            await super().send_signal(signum)
        elif signum == signal.SIGINT:
            self._cancel()
            if self.placeholder.preparing:
                self.placeholder.fail(cancelled())
        elif signum != 0:
            self._end_placeholder()

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel, or cancel its preparation."""
        if not self._end_placeholder():
            await super().kill(restart=restart)

    async def terminate(self, restart: bool = False) -> None:
        """Terminate the kernel, or cancel its preparation."""
        if not self._end_placeholder():
            await super().terminate(restart=restart)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """The kernel was asked to end; a placeholder does so at once."""
        if not self._end_placeholder():
            await super().shutdown_requested(restart=restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Give back what the start took; a cancelled preparation is given a moment to end its tools."""
        self._cancel()
        if self._preparation is not None:
            await self._preparation.wait(_GRACE)
        if self._replacing is not None:
            self._replacing.cancel()
        await super().cleanup(restart=restart)

    def _cancel(self) -> None:
        if self._preparation is not None:
            self._preparation.cancel()

    def _end_placeholder(self) -> bool:
        """End the placeholder and its preparation; false where there is none."""
        if self.placeholder is None:
            return False
        self._cancel()
        self.placeholder.kill()
        return True
