"""The provisioner without a server of ours: a start waits, and the kernel is as a stock one."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager, KernelManager
from jupyter_client.multikernelmanager import AsyncMultiKernelManager
from waiting_client import HERE, ordered

from kernel_iso.engine import preparing
from kernel_iso.errors import ImpossibleError, NotApprovedError


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test that awaits in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments: object, **named: object) -> None:
        asyncio.run(test(*arguments, **named))

    return run


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with orders for the engine of this process, and the notebook `nb.ipynb` in `root`."""
    for name, value in ordered(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(HERE / "ordered")
    import ordered_engine

    monkeypatch.setattr(preparing, "realise", ordered_engine.realise)
    monkeypatch.setattr(sys, "argv", ["test"])
    (tmp_path / "root" / "nb.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    monkeypatch.setenv("KERNEL_ISO_NOTEBOOK", str(tmp_path / "root" / "nb.ipynb"))
    return tmp_path


def order(work: Path, **order: object) -> None:
    (work / "orders" / "nb.json").write_text(json.dumps(order))


def log(work: Path) -> list[str]:
    return (work / "log").read_text().splitlines()


@asynccontextmanager
async def kernel(
    manager: AsyncKernelManager | None = None, **start: Any
) -> AsyncIterator[tuple[AsyncKernelManager, AsyncKernelClient]]:
    """A started kernel and a client of it, gone at the end."""
    manager = manager or AsyncKernelManager(kernel_name="iso")
    await manager.start_kernel(stderr=asyncio.subprocess.DEVNULL, **start)
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=30)
        yield manager, client
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
        manager.context.destroy()


async def said(client: AsyncKernelClient, code: str) -> str:
    text: list[str] = []
    await client.execute_interactive(
        code, timeout=30, output_hook=lambda m: text.append(m["content"].get("text", ""))
    )
    return "".join(text).strip()


@in_loop
async def test_a_start_waits_and_then_launches_in_the_prefix(work: Path) -> None:
    """The command is the prefix's with the client's own arguments; the kernelspec is as it was."""
    order(work, seconds=0.7)
    began = time.monotonic()
    options = {"extra_arguments": ["--IPKernelApp.log_level=40"], "cwd": str(work / "root")}
    async with kernel(**options) as (manager, client):
        assert time.monotonic() - began > 0.7
        command = (await said(client, "import psutil; print(*psutil.Process().cmdline())")).split()
        boot = str(work / "prefix" / ".kernel-iso" / "boot.py")
        expected = [sys.executable, boot, "-f", manager.connection_file, "--IPKernelApp.log_level=40"]
        assert command == expected
        assert await said(client, "import os; print(os.getcwd(), os.environ.get('KERNEL_ISO_NOTEBOOK'))") == (
            f"{work / 'root'} None"
        )
        assert manager.kernel_spec.argv[1:] == ["-m", "kernel_iso", "launch", "-f", "{connection_file}"]
        info = await manager.provisioner.get_provisioner_info()
        assert (info["pid"], info["kernel_id"]) == (manager.provisioner.pid, manager.kernel_id)
    assert log(work) == ["begin nb", "end nb"]


@in_loop
async def test_interrupt_restart_and_shutdown_work_as_with_a_stock_kernel(work: Path) -> None:
    """The signal reaches the cell, a restart is another process on the same ports, a shutdown ends it."""
    async with kernel() as (manager, client):
        first, ports = manager.provisioner.pid, manager.ports
        running = asyncio.ensure_future(client.execute_interactive("import time; time.sleep(60)", timeout=30))
        await asyncio.sleep(0.5)
        await manager.interrupt_kernel()
        assert (await running)["content"]["ename"] == "KeyboardInterrupt"
        await manager.restart_kernel()
        await client.wait_for_ready(timeout=30)
        assert manager.ports == ports
        assert (
            await said(client, "import os; print(os.getpid())") == str(manager.provisioner.pid) != str(first)
        )
        await manager.shutdown_kernel()
        assert (await manager.is_alive(), manager.has_kernel) == (False, False)
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
    assert log(work) == ["begin nb", "end nb"] * 2


@in_loop
async def test_required_encryption_is_applied(work: Path) -> None:
    """`transport_encryption` of the manager reaches the kernel: its connection file has the keys."""
    manager = AsyncKernelManager(kernel_name="iso", transport_encryption="required")
    async with kernel(manager) as (_, client):
        assert "curve_publickey" in json.loads(Path(manager.connection_file).read_text())
        assert await said(client, "print('encrypted')") == "encrypted"


@in_loop
async def test_an_old_ipykernel_starts_without_encryption_where_that_is_allowed(work: Path) -> None:
    """`auto` gives it a plain connection that it understands; `required` is refused with the reason."""
    order(work, version="6.31.0")
    manager = AsyncKernelManager(kernel_name="iso", transport_encryption="auto")
    async with kernel(manager) as (_, client):
        assert "curve_publickey" not in json.loads(Path(manager.connection_file).read_text())
        assert await said(client, "print('plain')") == "plain"
    with pytest.raises(ImpossibleError, match=r"ipykernel 6\.31\.0 in this environment cannot do it"):
        await AsyncKernelManager(kernel_name="iso", transport_encryption="required").start_kernel()


@in_loop
async def test_a_refused_start_raises_the_error_and_leaves_nothing(work: Path) -> None:
    """The three lines are the exception's text; no connection file, no process."""
    order(work, fail="not-approved")
    manager = AsyncKernelManager(kernel_name="iso")
    with pytest.raises(NotApprovedError, match="kernel-iso has not prepared this  \\[not-approved\\]"):
        await manager.start_kernel()
    assert not manager.has_kernel
    assert list((work / "runtime").iterdir()) == []


@in_loop
async def test_cancelling_the_start_cancels_the_preparation(work: Path) -> None:
    """The task that starts the kernel is cancelled: so is what it waits for."""
    order(work, seconds=30)
    starting = asyncio.ensure_future(AsyncKernelManager(kernel_name="iso").start_kernel())
    await asyncio.sleep(0.3)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    for _ in range(100):
        if log(work) == ["begin nb", "cancelled nb"]:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(log(work))


@in_loop
async def test_a_multi_kernel_manager_without_our_extension_waits_too(work: Path) -> None:
    """A gateway, or a server that has not loaded us: no placeholder, the environment is there when the start returns."""
    order(work, seconds=0.5)
    multi = AsyncMultiKernelManager()
    environ = {**os.environ, "JPY_SESSION_NAME": str(work / "root" / "nb.ipynb")}
    kernel_id = await multi.start_kernel(kernel_name="iso", env=environ)
    manager = multi.get_kernel(kernel_id)
    assert (manager.provisioner.placeholder, log(work)) == (None, ["begin nb", "end nb"])
    await multi.shutdown_kernel(kernel_id, now=True)
    multi.context.destroy()


def test_a_synchronous_manager_works(work: Path) -> None:
    """jupyter_client's blocking interface, where each call has a loop of its own."""
    manager = KernelManager(kernel_name="iso")
    manager.start_kernel(stderr=asyncio.subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    manager.signal_kernel(signal.SIGINT)
    manager.restart_kernel(now=True)
    client.wait_for_ready(timeout=30)
    client.stop_channels()
    manager.shutdown_kernel()
    assert manager.is_alive() is False
    manager.context.destroy()
    assert log(work) == ["begin nb", "end nb"] * 2
