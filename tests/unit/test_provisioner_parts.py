"""The provisioner's parts: the placeholder, the thread of a preparation, the launcher, progress."""

from __future__ import annotations

import asyncio
import functools
import io
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from kernel_iso.errors import CancelledError, ImpossibleError, ToolError
from kernel_iso.model import Event
from kernel_iso.provisioner import IsoProvisioner, launchers
from kernel_iso.provisioner.placeholders import Placeholder, cancelled, held_ports
from kernel_iso.provisioner.preparations import Preparation, as_error
from kernel_iso.provisioner.progress import Lines

PORTS = ("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port")


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test that awaits in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments: object, **named: object) -> None:
        asyncio.run(test(*arguments, **named))

    return run


def connection() -> dict[str, object]:
    """A kernel's connection on five free ports."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    ports = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return {"transport": "tcp", "ip": "127.0.0.1", **dict(zip(PORTS, ports, strict=True))}


def can_bind(port: object) -> bool:
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_held_ports_are_nobody_elses_and_refuse_whoever_connects() -> None:
    """Nothing else can bind them; a client is refused, as at a kernel that is not there; then they are free."""
    info = connection()
    held = held_ports(info)
    assert [can_bind(info[name]) for name in PORTS] == [False] * 5
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", info["shell_port"]), timeout=1)
    for item in held:
        item.close()
    assert [can_bind(info[name]) for name in PORTS] == [True] * 5


@pytest.mark.parametrize("change", [{"transport": "ipc"}, {"ip": "203.0.113.7"}, {"ip": "no such host"}])
def test_ports_that_are_not_ours_to_bind_are_left(change: dict[str, object]) -> None:
    """Another transport or another machine's address holds nothing and raises nothing."""
    assert held_ports(connection() | change) == []


@in_loop
async def test_a_placeholder_tells_each_state() -> None:
    """Preparing, failed with the first reason, killed; its ports are held until the end."""
    info = connection()
    placeholder = Placeholder(info)
    assert (placeholder.preparing, placeholder.failed, placeholder.poll()) == (True, None, None)
    waiting = asyncio.ensure_future(placeholder.changed())
    await asyncio.sleep(0)
    placeholder.fail(cancelled())
    await waiting
    placeholder.fail(ToolError("later", "x", "y", "z"))
    assert (placeholder.preparing, placeholder.failed.code) == (False, "preparation-cancelled")
    assert (placeholder.poll(), can_bind(info["shell_port"])) == (None, False)
    waiting = asyncio.ensure_future(placeholder.changed())
    await asyncio.sleep(0)
    placeholder.kill()
    await waiting
    assert (placeholder.killed, placeholder.poll(), can_bind(info["shell_port"])) == (True, -9, True)


@in_loop
async def test_a_replaced_placeholder_cannot_be_killed() -> None:
    """Once the kernel runs, an order for the placeholder comes too late."""
    placeholder = Placeholder({"transport": "ipc"})
    placeholder.replaced()
    placeholder.kill()
    assert (placeholder.killed, placeholder.poll()) == (False, 0)


@in_loop
async def test_many_preparations_run_beside_the_loop_and_its_own_threads() -> None:
    """Forty at once: none waits for another, and the loop's executor stays free."""
    go = threading.Event()
    begun = threading.Semaphore(0)

    def work(_: threading.Event) -> str:
        begun.release()
        go.wait(10)
        return "ready"

    preparations = [Preparation(work) for _ in range(40)]
    for _ in preparations:
        assert await asyncio.to_thread(begun.acquire, timeout=5)
    go.set()
    assert [await item.result() for item in preparations] == ["ready"] * 40


@in_loop
async def test_cancelling_the_waiter_cancels_the_work() -> None:
    """The task that awaits the result is cancelled: the work hears of it."""
    heard = threading.Event()

    def work(cancel: threading.Event) -> object:
        if cancel.wait(10):
            heard.set()
        raise CancelledError("cancelled", "stopped", "it was cancelled", "again")

    preparation = Preparation(work)
    waiter = asyncio.ensure_future(preparation.result())
    await asyncio.sleep(0.05)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert await asyncio.to_thread(heard.wait, 5)
    await preparation.wait(5)
    assert preparation.failed.code == "cancelled"


@in_loop
async def test_a_wait_that_runs_out_cancels_nothing() -> None:
    """`wait` with a time returns when it is over; the work goes on."""
    preparation = Preparation(lambda cancel: cancel.wait(0.3) or "ready")
    await preparation.wait(0.01)
    assert preparation.ready is None
    assert await preparation.result() == "ready"


def test_a_preparation_can_be_waited_for_from_another_loop() -> None:
    """jupyter_client's synchronous managers run each call in a loop of its own."""

    async def begin() -> Preparation:
        return Preparation(lambda cancel: cancel.wait(5) and "ready")

    preparation = asyncio.run(begin())

    async def later() -> None:
        await preparation.wait(0.1)
        assert preparation.ready is None
        preparation.cancel()
        await preparation.wait(5)

    asyncio.run(later())
    assert preparation.ready == "ready"


def test_every_exception_becomes_three_lines() -> None:
    """What is no IsoError is named, and stays the cause."""
    defect = KeyError("x")
    told = as_error(defect)
    assert (len(str(told).splitlines()), told.code) == (3, "internal-error")
    assert told.__cause__ is defect
    known = ToolError("a", "b", "c", "d")
    assert as_error(known) is known


@pytest.fixture
def provisioner() -> IsoProvisioner:
    spec = KernelSpec(
        argv=["python", "-m", "kernel_iso", "launch", "-f", "{connection_file}"],
        display_name="Isolated Python",
        language="python",
        metadata={
            "kernel_provisioner": {"provisioner_name": "kernel-iso-provisioner", "config": {}},
            "debugger": True,
        },
    )
    return IsoProvisioner(kernel_id="k", kernel_spec=spec, parent=AsyncKernelManager(kernel_name="iso"))


def test_the_launcher_gets_the_same_spec_and_it_is_not_changed(provisioner: IsoProvisioner) -> None:
    """Same id, same object for the spec, same parent; the spec names us before and after."""
    before = provisioner.kernel_spec.to_json()
    made = launchers.make("local-provisioner", {}, provisioner)
    assert type(made) is LocalProvisioner
    assert made.kernel_spec is provisioner.kernel_spec
    assert ("k", provisioner.parent) == (made.kernel_id, made.parent)
    assert before == provisioner.kernel_spec.to_json()


@pytest.mark.parametrize(
    ("name", "code"), [("kernel-iso-provisioner", "launcher-is-us"), ("no-such", "launcher-missing")]
)
def test_a_launcher_must_be_another_registered_one(provisioner: IsoProvisioner, name: str, code: str) -> None:
    """The error says which there are."""
    with pytest.raises(ImpossibleError) as caught:
        launchers.make(name, {}, provisioner)
    assert code == caught.value.code
    assert "local-provisioner" in str(caught.value)


def test_the_launcher_comes_from_the_kernelspec_then_from_the_policy(
    provisioner: IsoProvisioner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A provisioner config names it, else the policy."""
    monkeypatch.setenv("KERNEL_ISO_LAUNCHER", "not-registered")
    with pytest.raises(ImpossibleError, match="not-registered"):
        _ = provisioner.inner
    provisioner.launcher = "local-provisioner"
    assert type(provisioner.inner) is LocalProvisioner


def test_what_a_client_adds_to_the_command_is_kept() -> None:
    """Extra arguments come after the connection file; a command without one gets the manager's."""
    beginning = ["/bin/python", "-m", "kernel_iso", "launch"]
    assert launchers.arguments([*beginning, "-f", "{connection_file}", "--x=1"], "/run/k.json") == [
        "-f",
        "{connection_file}",
        "--x=1",
    ]
    assert launchers.arguments(beginning, "/run/k.json") == ["-f", "/run/k.json"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def event(text: str, **more: object) -> Event:
    return Event(phase="realise", text=text, **more)


def test_progress_is_one_line_for_each_step() -> None:
    """Repeated texts and counts in the middle are left out."""
    stream = Terminal()
    tell = Lines(stream)
    for item in (event("resolving"), event("resolving"), event("installing", done=1, total=3), event("")):
        tell(item)
    tell(event("installed", done=3, total=3))
    assert stream.getvalue() == "kernel-iso realise: resolving\nkernel-iso realise: installed\n"


def test_a_quick_start_says_nothing_in_a_log() -> None:
    """Where nobody watches, lines come only when the start takes long, and then all of them."""
    stream = io.StringIO()
    tell = Lines(stream, patience=0.1)
    tell(event("resolving"))
    assert stream.getvalue() == ""
    time.sleep(0.15)
    tell(event("installing"))
    assert stream.getvalue() == "kernel-iso realise: resolving\nkernel-iso realise: installing\n"
