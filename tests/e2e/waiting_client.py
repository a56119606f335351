"""Speak to a real Jupyter server over HTTP and websockets, as JupyterLab does."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import websocket

import kernel_iso

HERE = Path(__file__).parent
V1 = "v1.kernel.websocket.jupyter.org"


class Server:
    """A running server: `folder` holds its notebooks (`root`), orders and log; `base` is its base URL."""

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[bytes], base: str = "") -> None:
        self.folder, self.port, self.process, self.base = folder, port, process, base
        self.root = folder / "root"
        self._sockets: list[websocket.WebSocket] = []

    def request(
        self, method: str, path: str, body: object = None, timeout: float = 30
    ) -> tuple[int, Any, float]:
        """Status, decoded JSON, seconds."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{self.base}{path}", data=data, method=method
        )
        request.add_header("Authorization", "token t")
        began = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read()
        return status, json.loads(text) if text else None, time.monotonic() - began

    def notebook(self, name: str, **order: object) -> str:
        """Make a notebook whose environment is prepared as `order` says; return its name."""
        path = self.root / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        cells: dict[str, object] = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        path.write_text(json.dumps(cells))
        self.order(name, **order)
        return path.name

    def order(self, name: str, **order: object) -> None:
        (self.folder / "orders" / f"{Path(name).stem}.json").write_text(json.dumps(order))

    def session(self, path: str, kernel: str = "iso") -> tuple[str, str, float]:
        """Start a session as JupyterLab does: session id, kernel id, seconds."""
        body = {"path": path, "name": Path(path).name, "type": "notebook", "kernel": {"name": kernel}}
        status, model, seconds = self.request("POST", "/api/sessions", body)
        assert (201, kernel) == (status, model["kernel"]["name"]), model
        return model["id"], model["kernel"]["id"], seconds

    def kernel(self, kernel_id: str) -> Any:
        return self.request("GET", f"/api/kernels/{kernel_id}")[1]

    def log(self, name: str) -> list[str]:
        """What happened to the environment of a notebook, in order."""
        stem = Path(name).stem
        lines = (self.folder / "log").read_text().splitlines() if (self.folder / "log").exists() else []
        return [line.split()[0] for line in lines if line.split()[1] == stem]

    def socket(self, path: str, port: int = 0, **options: Any) -> websocket.WebSocket:
        made = websocket.create_connection(
            f"ws://127.0.0.1:{port or self.port}{self.base}{path}",
            header=["Authorization: token t"],
            timeout=30,
            **options,
        )
        self._sockets.append(made)
        return made

    def close_sockets(self) -> None:
        """Close every page that a test has left open."""
        for made in self._sockets:
            made.close()
        self._sockets.clear()

    def channels(self, kernel_id: str, *, session: str = "", port: int = 0, v1: bool = False) -> Channels:
        session = session or uuid.uuid4().hex
        options = {"subprotocols": [V1]} if v1 else {}
        path = f"/api/kernels/{kernel_id}/channels?session_id={session}"
        return Channels(self.socket(path, port, **options), session, v1=v1)


class Channels:
    """One websocket of a kernel."""

    def __init__(self, ws: websocket.WebSocket, session: str, *, v1: bool = False) -> None:
        self.ws, self._session, self._v1 = ws, session, v1

    def ask(self, kind: str, content: Mapping[str, object], channel: str = "shell") -> str:
        """Send a message; return its id."""
        message_id = uuid.uuid4().hex
        header = {
            "msg_id": message_id, "msg_type": kind, "username": "u", "session": self._session,
            "date": "2026-01-01T00:00:00Z", "version": "5.3",
        }  # fmt: skip
        if self._v1:
            parts = [channel.encode(), *(json.dumps(part).encode() for part in (header, {}, {}, content))]
            # Offsets of the parts, then the parts: docs of jupyter_server, "websocket kernel wire protocol".
            offsets = [8 * (len(parts) + 2)]
            for part in parts:
                offsets.append(offsets[-1] + len(part))
            head = [len(offsets), *offsets]
            self.ws.send_binary(b"".join([*(n.to_bytes(8, "little") for n in head), *parts]))
        else:
            message = {
                "header": header,
                "parent_header": {},
                "metadata": {},
                "content": content,
                "channel": channel,
            }
            self.ws.send(json.dumps(message))
        return message_id

    def run(self, code: str) -> str:
        return self.ask("execute_request", {"code": code, "silent": False, "allow_stdin": False})

    def messages(self, seconds: float) -> Iterator[dict[str, Any]]:
        """What comes within the time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.ws.settimeout(left)
            try:
                # Control frames too: with every ping the plain `recv` would wait anew.
                code, frame = self.ws.recv_data_frame(control_frame=True)
            except websocket.WebSocketTimeoutException:
                return
            if code == websocket.ABNF.OPCODE_TEXT:
                yield self._decode(frame.data.decode())
            elif code == websocket.ABNF.OPCODE_BINARY:
                yield self._decode(frame.data)
            elif code == websocket.ABNF.OPCODE_CLOSE:
                raise ConnectionError("the server closed the websocket")

    def _decode(self, raw: str | bytes) -> dict[str, Any]:
        if isinstance(raw, str):
            return json.loads(raw)
        count = int.from_bytes(raw[:8], "little")
        offsets = [int.from_bytes(raw[8 * i : 8 * i + 8], "little") for i in range(1, count + 1)]
        parts = [raw[a:b] for a, b in itertools.pairwise(offsets)]
        return {
            "channel": parts[0].decode(), "header": json.loads(parts[1]), "parent_header": json.loads(parts[2]),
            "content": json.loads(parts[4]),
        }  # fmt: skip

    def outcome(self, message_id: str, seconds: float = 30) -> tuple[str, str]:
        """How an execution ended: the reply's status, and what it printed or the error's lines."""
        status, text, idle = "", "", False
        for message in self.messages(seconds):
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "stream":
                text += content["text"]
            elif kind == "error":
                text += "\n".join(content["traceback"])
            elif kind == "execute_reply":
                status = content["status"]
            elif kind == "status" and content["execution_state"] == "idle":
                idle = True
            if status and idle:
                return status, text
        return status or "nothing", text

    def close(self) -> None:
        self.ws.close()


def ordered(folder: Path) -> dict[str, str]:
    """Make the folders of a test, and the environment of processes whose engine does as the test orders."""
    for name in ("root", "orders", "config", "data", "runtime", "store", "prefix/.kernel-iso"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    boot = Path(kernel_iso.__file__).parent / "guest" / "boot.py"
    shutil.copy(boot, folder / "prefix" / ".kernel-iso")
    ours = ("JUPYTER", "JPY_", "KERNEL_ISO", "PYTEST")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "IPYTHONDIR": str(folder / "data"),
        "KERNEL_ISO_STORE": str(folder / "store"),
        "HOME": str(folder),
        "PYTHONPATH": str(HERE / "ordered"),
        "ORDERED_ENGINE": str(folder),
    }


@contextlib.contextmanager
def running(folder: Path, *options: str, base: str = "", **extra: str) -> Iterator[Server]:
    """A server in its own folders, gone at the end; `extra` are variables (an empty PYTHONPATH has the real engine)."""
    environ = ordered(folder) | extra
    extensions = {"kernel_iso": True, "jupyterlab": False, "jupyter_lsp": False, "notebook_shim": False}
    settings = {"ServerApp": {"jpserver_extensions": extensions}}
    (folder / "config" / "jupyter_server_config.json").write_text(json.dumps(settings))
    port = free_port()
    command = [
        sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder / 'root'}",
        "--IdentityProvider.token=t", f"--ServerApp.base_url={base}/", *options,
    ]  # fmt: skip
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=folder)
    server = Server(folder, port, process, base)
    try:
        wait_until(lambda: answers(server), 60)
        yield server
    finally:
        server.close_sockets()
        stop(process)


def answers(server: Server) -> bool:
    """True where the server answers; raises with its log where it has ended."""
    assert server.process.poll() is None, (server.folder / "server.log").read_text()
    with contextlib.suppress(OSError):
        return server.request("GET", "/api/status", timeout=5)[0] == 200
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(fact: Any, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, f"not true within {seconds} s"
        time.sleep(0.05)
