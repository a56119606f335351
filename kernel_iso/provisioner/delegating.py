"""A provisioner that hands everything to another one: what jupyter_client asks, in one place."""

from __future__ import annotations

from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase


class Delegating(KernelProvisionerBase):
    """Hands every question and order to `inner`, which a subclass makes when it is first needed."""

    _inner: KernelProvisionerBase | None = None

    def make_inner(self) -> KernelProvisionerBase:
        """The provisioner that launches."""
        raise NotImplementedError

    @property
    def inner(self) -> KernelProvisionerBase:
        """The provisioner that launches, made once."""
        if self._inner is None:
            self._inner = self.make_inner()
        return self._inner

    @property
    def connection_info(self) -> KernelConnectionInfo:
        """How the kernel is reached."""
        return self._inner.connection_info if self._inner else {}

    @connection_info.setter
    def connection_info(self, value: KernelConnectionInfo) -> None:
        self.inner.connection_info = value

    @property
    def has_process(self) -> bool:
        """True while there is a kernel."""
        return self._inner is not None and self._inner.has_process

    # Not in the interface, but server extensions that show a kernel's use of memory read them of the local
    # one.

    @property
    def process(self) -> Any:
        """The kernel's process, where it runs here."""
        return getattr(self._inner, "process", None)

    @property
    def pid(self) -> int | None:
        """The kernel's process id, where it runs here."""
        return getattr(self._inner, "pid", None)

    @property
    def pgid(self) -> int | None:
        """The kernel's process group, where it runs here."""
        return getattr(self._inner, "pgid", None)

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """The arguments of `launch_kernel`, with `cmd`."""
        return await self.inner.pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launch the kernel."""
        return await self.inner.launch_kernel(cmd, **kwargs)

    async def post_launch(self, **kwargs: Any) -> None:
        """Finish the start."""
        await self.inner.post_launch(**kwargs)

    async def poll(self) -> int | None:
        """None while the kernel lives, else its exit status."""
        return await self.inner.poll()

    async def wait(self) -> int | None:
        """Wait for the end; afterwards there is no process."""
        return await self.inner.wait()

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel."""
        await self.inner.send_signal(signum)

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel."""
        await self.inner.kill(restart=restart)

    async def terminate(self, restart: bool = False) -> None:
        """Terminate the kernel."""
        await self.inner.terminate(restart=restart)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """The kernel was asked to end."""
        await self.inner.shutdown_requested(restart=restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Give back what the start took."""
        if self._inner is not None:
            await self._inner.cleanup(restart=restart)

    async def get_provisioner_info(self) -> dict[str, Any]:
        """What is needed to find this kernel again."""
        return await self.inner.get_provisioner_info()

    async def load_provisioner_info(self, provisioner_info: dict[str, Any]) -> None:
        """Find a kernel again."""
        await self.inner.load_provisioner_info(provisioner_info)
        self.kernel_id = provisioner_info["kernel_id"]

    def get_shutdown_wait_time(self, recommended: float = 5.0) -> float:
        """The time for a complete shutdown, in seconds."""
        return self.inner.get_shutdown_wait_time(recommended)

    def get_stable_start_time(self, recommended: float = 10.0) -> float:
        """The time after which a start counts as stable, in seconds."""
        return self.inner.get_stable_start_time(recommended)

    def resolve_path(self, path: str) -> str | None:
        """A path as the kernel would resolve it."""
        return self.inner.resolve_path(path)
