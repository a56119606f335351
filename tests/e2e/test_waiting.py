"""A real server, kernels whose environments take their time, and everything else that goes on meanwhile."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting_client import Server, free_port, running, stop, wait_until

# What an answer that waits for nothing may take on a busy machine (seconds).
AT_ONCE = 2.5


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the module: pings are frequent, so that a proxy can be impatient."""
    with running(
        tmp_path_factory.mktemp("server"), '--ServerApp.tornado_settings={"ws_ping_interval": 500}'
    ) as made:
        yield made


@pytest.fixture
def server(one_server: Server) -> Iterator[Server]:
    """The module's server; the pages that a test opened are closed after it."""
    yield one_server
    one_server.close_sockets()


def test_a_cell_sent_while_the_environment_is_prepared_runs_when_it_is_there(server: Server) -> None:
    """The session and its websocket open at once; the cell's output comes from the kernel."""
    notebook = server.notebook("early", seconds=3)
    _, kernel, posting = server.session(notebook)
    began = time.monotonic()
    channels = server.channels(kernel)
    opening = time.monotonic() - began
    cell = channels.run("print(6 * 7)")
    assert server.kernel(kernel)["execution_state"] == "starting"
    assert channels.outcome(cell) == ("ok", "42\n")
    waited = time.monotonic() - began
    assert max(posting, opening) < AT_ONCE < waited
    assert server.log(notebook) == ["begin", "end"]


def test_other_kernels_events_and_terminals_go_on_meanwhile(server: Server) -> None:
    """A browser opens the next sockets after the preparing kernel's one: each opens and works at once."""
    notebook = server.notebook("slow", seconds=20)
    session, kernel, _ = server.session(notebook)
    preparing = server.channels(kernel)
    preparing.run("1")
    began = time.monotonic()
    server.socket("/api/events/subscribe")
    terminal = server.request("POST", "/api/terminals")[1]["name"]
    shell = server.socket(f"/terminals/websocket/{terminal}")
    assert json.loads(shell.recv())[0] == "setup"
    opening = time.monotonic() - began
    _, stock, _ = server.session(server.notebook("stock"), "python3")
    channels = server.channels(stock)
    assert channels.outcome(channels.run("print('stock')")) == ("ok", "stock\n")
    assert server.request("POST", f"/api/kernels/{stock}/restart")[0] == 200
    channels.close()
    channels = server.channels(stock)  # as JupyterLab does after a restart
    assert channels.outcome(channels.run("print('again')")) == ("ok", "again\n")
    assert opening < AT_ONCE
    assert server.log(notebook) == ["begin"]
    assert server.request("DELETE", f"/api/sessions/{session}")[0] == 204


def test_preparation_is_told_on_the_event_bus(server: Server) -> None:
    """Each event names its kernel and notebook, and follows the schema."""
    events = server.socket("/api/events/subscribe")
    notebook = server.notebook("told", seconds=0.5)
    _, kernel, _ = server.session(notebook)
    told: list[tuple[str, str]] = []
    while ("launch", "the kernel has started") not in told:
        event = json.loads(events.recv())
        if (
            event["schema_id"] == "https://schema.kernel-iso.dev/environment/v1"
            and event["kernel_id"] == kernel
        ):
            assert str(server.root / notebook) == event["notebook"]
            told.append((event["phase"], event["text"]))
    assert told == [("realise", "making the environment"), ("launch", "the kernel has started")]


def test_a_reload_joins_the_same_preparation(server: Server) -> None:
    """The first socket goes, the second one, of the same session, gets the answer; one preparation runs."""
    notebook = server.notebook("reload", seconds=3)
    _, kernel, _ = server.session(notebook)
    first = server.channels(kernel, session="page")
    first.run("print('lost with its page')")
    first.close()
    second = server.channels(kernel, session="page")
    cell = second.run("print('joined')")
    assert server.kernel(kernel)["connections"] == 1
    assert second.outcome(cell) == ("ok", "joined\n")
    assert server.kernel(kernel)["connections"] == 1
    assert server.log(notebook) == ["begin", "end"]
    third = server.channels(kernel, session="page")
    assert third.outcome(third.run("print('live')")) == ("ok", "live\n")


def test_an_interrupt_cancels_the_preparation_and_answers_the_cell(server: Server) -> None:
    """The cell says that it was interrupted; a restart prepares again."""
    notebook = server.notebook("interrupted", seconds=30)
    _, kernel, _ = server.session(notebook)
    channels = server.channels(kernel)
    cell = channels.run("1")
    assert server.request("POST", f"/api/kernels/{kernel}/interrupt")[0] == 204
    status, text = channels.outcome(cell)
    assert status == "error"
    assert "[preparation-cancelled]\x1b[0m\nbecause: the preparation was interrupted\n" in text
    wait_until(lambda: server.log(notebook) == ["begin", "cancelled"])
    server.order(notebook, seconds=0)
    assert server.request("POST", f"/api/kernels/{kernel}/restart")[0] == 200
    assert channels.outcome(channels.run("print('back')")) == ("ok", "back\n")


def test_a_restart_while_preparing_begins_again(server: Server) -> None:
    """The request returns at once; what was asked before is answered with an error, what comes after it runs."""
    notebook = server.notebook("restarted", seconds=30)
    _, kernel, _ = server.session(notebook)
    channels = server.channels(kernel)
    before = channels.run("print('before')")
    server.order(notebook, seconds=2)
    status, model, seconds = server.request("POST", f"/api/kernels/{kernel}/restart")
    assert (status, model["execution_state"]) == (200, "starting")
    assert seconds < AT_ONCE
    after = channels.run("print('after')")
    assert channels.outcome(before)[0] == "error"
    assert channels.outcome(after) == ("ok", "after\n")
    assert server.log(notebook) == ["begin", "cancelled", "begin", "end"]


def test_deleting_the_session_cancels_the_preparation(server: Server) -> None:
    """The request returns at once and nothing goes on."""
    notebook = server.notebook("deleted", seconds=30)
    session, kernel, _ = server.session(notebook)
    channels = server.channels(kernel)
    channels.run("1")
    status, _, seconds = server.request("DELETE", f"/api/sessions/{session}")
    assert status == 204
    assert seconds < AT_ONCE
    wait_until(lambda: server.log(notebook) == ["begin", "cancelled"])
    assert server.request("GET", f"/api/kernels/{kernel}")[0] == 404


@pytest.mark.parametrize("v1", [True, False])
def test_a_failure_is_told_in_the_cell(server: Server, v1: bool) -> None:
    """Whatever is run gets the three lines, and the kernel's model has them too; a restart tries again."""
    notebook = server.notebook(f"failing-{v1}", seconds=1, fail="index-down")
    _, kernel, _ = server.session(notebook)
    channels = server.channels(kernel, v1=v1)
    lines = (
        "\x1b[31mkernel-iso cannot prepare this  [index-down]\x1b[0m\n"
        "because: the index does not answer\nhint:    try again later"
    )
    assert ("error", lines) == channels.outcome(channels.run("print('early')"))
    assert ("error", lines) == channels.outcome(channels.run("print('later')"))
    wait_until(lambda: server.kernel(kernel).get("reason", "").startswith("kernel-iso cannot prepare this"))
    assert server.kernel(kernel)["execution_state"] == "idle"
    info = channels.ask("kernel_info_request", {})
    complete = channels.ask("complete_request", {"code": "pri", "cursor_pos": 3})
    reply = next(item for item in channels.messages(10) if item["parent_header"].get("msg_id") == complete)
    assert (reply["header"]["msg_type"], reply["content"]["status"]) == ("complete_reply", "error")
    server.order(notebook, seconds=0.5)
    assert server.request("POST", f"/api/kernels/{kernel}/restart")[0] == 200
    cell = channels.run("print('good')")
    answered = next(item for item in channels.messages(20) if item["parent_header"].get("msg_id") == info)
    assert answered["content"].get("execution_state", "busy") == "busy"
    assert channels.outcome(cell) == ("ok", "good\n")
    assert "reason" not in server.kernel(kernel)


@pytest.mark.parametrize(("fail", "name"), [("not-approved", "NotApprovedError"), ("defect", "ToolError")])
def test_a_failure_at_once_is_told_in_the_cell_too(server: Server, fail: str, name: str) -> None:
    """A start that is refused before it returns leaves a kernel that says why."""
    _, kernel, _ = server.session(server.notebook(fail, fail=fail))
    channels = server.channels(kernel)
    cell = channels.run("1")
    error = next(item for item in channels.messages(10) if item["header"]["msg_type"] == "error")
    assert (cell, name) == (error["parent_header"]["msg_id"], error["content"]["ename"])
    assert len(error["content"]["traceback"]) == 3


def test_a_killed_kernel_comes_back(server: Server) -> None:
    """The server restarts it in its environment; where that must be prepared again, the cell waits."""
    notebook = server.notebook("killed", seconds=0.5)
    _, kernel, _ = server.session(notebook)
    channels = server.channels(kernel)
    for seconds in (0, 2):
        pid = int(channels.outcome(channels.run("import os; print(os.getpid())"))[1])
        server.order(notebook, seconds=seconds)
        os.kill(pid, signal.SIGKILL)
        for message in channels.messages(15):
            if message["content"].get("execution_state") in ("restarting", "autorestarting"):
                break
        assert channels.outcome(channels.run("print('alive')")) == ("ok", "alive\n")
    assert server.log(notebook) == ["begin", "end"] * 3


def test_completion_interrupt_and_debugger_work_as_with_a_stock_kernel(server: Server) -> None:
    """Once the kernel has taken the placeholder's place there is no difference."""
    _, kernel, _ = server.session(server.notebook("usual", seconds=0.5))
    channels = server.channels(kernel)
    complete = channels.ask("complete_request", {"code": "zip", "cursor_pos": 3})
    reply = next(m for m in channels.messages(20) if m["header"]["msg_type"] == "complete_reply")
    assert complete == reply["parent_header"]["msg_id"]
    assert "zip" in reply["content"]["matches"]
    channels.ask(
        "debug_request", {"type": "request", "command": "debugInfo", "seq": 1, "arguments": {}}, "control"
    )
    reply = next(m for m in channels.messages(20) if m["header"]["msg_type"] == "debug_reply")
    assert reply["content"]["success"] is True
    cell = channels.run("import time; print('asleep', flush=True); time.sleep(60)")
    next(m for m in channels.messages(20) if m["header"]["msg_type"] == "stream")
    assert server.request("POST", f"/api/kernels/{kernel}/interrupt")[0] == 204
    status, text = channels.outcome(cell)
    assert (status, "KeyboardInterrupt" in text) == ("error", True)


def test_a_start_without_a_session_names_no_notebook(server: Server) -> None:
    """POST /api/kernels: the environment is the working folder's, whatever the server was started with."""
    status, model, _ = server.request("POST", "/api/kernels", {"name": "iso"})
    assert status == 201
    channels = server.channels(model["id"])
    assert channels.outcome(channels.run("print(1)")) == ("ok", "1\n")
    assert server.log(server.folder.name) == ["begin", "end"]


def test_a_held_websocket_survives_an_impatient_proxy(server: Server) -> None:
    """The server's pings go on while messages are held; an idle connection is cut after two seconds here."""
    _, kernel, _ = server.session(server.notebook("proxied", seconds=5))
    with Proxy(server.port, patience=2) as proxy:
        idle = socket.create_connection(("127.0.0.1", proxy.port))
        channels = server.channels(kernel, port=proxy.port)
        cell = channels.run("print('through')")
        assert channels.outcome(cell) == ("ok", "through\n")
        idle.settimeout(5)
        assert idle.recv(1) == b"", "the proxy cuts what is idle"
        idle.close()
        server.close_sockets()


def test_stopping_the_server_does_not_hang_on_a_preparation(tmp_path: Path) -> None:
    """SIGTERM ends it within seconds, and the preparation is cancelled."""
    with running(tmp_path) as server:
        notebook = server.notebook("endless", seconds=600)
        _, kernel, _ = server.session(notebook)
        channels = server.channels(kernel)
        channels.run("1")
        began = time.monotonic()
        stop(server.process)
        assert (server.process.returncode, time.monotonic() - began < 8) == (0, True)
        assert server.log(notebook) == ["begin", "cancelled"]
        log = (tmp_path / "server.log").read_text()
        assert "Traceback" not in log, log


def test_encryption_and_an_idle_culler_know_of_the_preparation(tmp_path: Path) -> None:
    """A kernel that nobody looks at is not culled while it is prepared; then it is reached with its keys."""
    culling = ("cull_idle_timeout=1", "cull_interval=1", "transport_encryption=required")
    with running(tmp_path, *(f"--MappingKernelManager.{option}" for option in culling)) as server:
        _, kernel, _ = server.session(server.notebook("strict", seconds=4))
        time.sleep(3)
        channels = server.channels(kernel)
        assert channels.outcome(channels.run("print('encrypted')")) == ("ok", "encrypted\n")
        connection = next((tmp_path / "runtime").glob("kernel-*.json"))
        assert "curve_publickey" in json.loads(connection.read_text())
        server.order("strict", seconds=0, version="6.31.0")
        server.request("POST", f"/api/kernels/{kernel}/restart")
        status, text = channels.outcome(channels.run("1"))
        assert (status, "[kernel-cannot-encrypt]" in text) == ("error", True)


def test_a_page_may_come_and_go_at_any_moment(server: Server) -> None:
    """Pages that leave while the kernel is being connected take nothing from the next one, of the same session."""
    for step in range(6):
        session, kernel, _ = server.session(server.notebook(f"passing-{step}", seconds=0.4))
        first = server.channels(kernel, session="page")
        first.run("1")
        time.sleep(0.3 + 0.15 * step)
        first.close()
        second = server.channels(kernel, session="page")
        assert second.outcome(second.run("print('second')")) == ("ok", "second\n")
        server.request("DELETE", f"/api/sessions/{session}")


class Proxy:
    """A TCP proxy that cuts every connection on which nothing passes for `patience` seconds."""

    def __init__(self, target: int, patience: float) -> None:
        self.port = free_port()
        self._target, self._patience = target, patience
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    def __enter__(self) -> Proxy:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._open:
            end.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, act: object, *arguments: object) -> None:
        thread = threading.Thread(target=act, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", self._target))
            self._open += [client, upstream]
            self._start(self._relay, client, upstream)

    def _relay(self, client: socket.socket, upstream: socket.socket) -> None:
        import select

        other = {client: upstream, upstream: client}
        try:
            while True:
                ready, _, _ = select.select(list(other), [], [], self._patience)
                data = [(end, end.recv(65536)) for end in ready]
                if not data or not all(part for _, part in data):
                    break
                for end, part in data:
                    other[end].sendall(part)
        except (OSError, ValueError):
            pass
        for end in other:
            end.close()
