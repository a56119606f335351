"""(a) again, through a Jupyter server: from the request for a session to the `kernel_info` reply."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from typing import Any

import websocket

from benchmarks.grounds import Ground
from benchmarks.measuring import Candidate, Section, interleave


def measure(ground: Ground) -> Section:
    """Ours against the stock kernelspec of the same prefix, in one server."""
    server = Server(ground)
    try:
        candidates = {"stock ipykernel": server.candidate("stock"), "kernel-iso": server.candidate("iso")}
        seconds = interleave(candidates, ground.options.rounds, warm_up=2)
    finally:
        server.close()
    goal = "near stock ipykernel in the same prefix"
    title = "Start of a ready kernel through a server"
    return Section(title=title, baseline="stock ipykernel", seconds=seconds, goal=goal)


class Server:
    """A Jupyter server of its own."""

    def __init__(self, ground: Ground) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.token = secrets.token_hex(16)
        self.notebook = ground.notebook.name
        self.sessions: list[tuple[str, Any]] = []
        argv = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={self.port}"]
        argv += [f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={ground.folder}"]
        self.log = (ground.folder / "server.log").open("wb")
        self.process = subprocess.Popen(argv, env=ground.environ, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.ask("GET", "/api/status")
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.close()
                    raise
                time.sleep(0.1)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One request to the server's REST interface."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=120
        ) as response:
            text = response.read()
        return json.loads(text) if text else None

    def candidate(self, kernel: str) -> Candidate:
        """Start a session of that kernel, and end it."""

        def start() -> None:
            body = {
                "path": self.notebook,
                "name": self.notebook,
                "type": "notebook",
                "kernel": {"name": kernel},
            }
            session = self.ask("POST", "/api/sessions", body)
            url = f"ws://127.0.0.1:{self.port}/api/kernels/{session['kernel']['id']}/channels?token={self.token}"
            channels = websocket.create_connection(url, timeout=120)
            self.sessions.append((session["id"], channels))
            asked = uuid.uuid4().hex
            header = {
                "msg_id": asked,
                "msg_type": "kernel_info_request",
                "session": uuid.uuid4().hex,
                "version": "5.3",
            }
            header |= {"username": "", "date": "2020-01-01T00:00:00Z"}
            message = {
                "header": header,
                "parent_header": {},
                "metadata": {},
                "content": {},
                "channel": "shell",
            }
            channels.send(json.dumps(message))
            while True:
                reply = json.loads(channels.recv())
                if reply["msg_type"] == "kernel_info_reply" and reply["parent_header"].get("msg_id") == asked:
                    return

        return Candidate(run=start, after=self.end_sessions)

    def end_sessions(self) -> None:
        """End what was started."""
        for session, channels in self.sessions:
            channels.close()
            self.ask("DELETE", f"/api/sessions/{session}")
        self.sessions.clear()

    def close(self) -> None:
        """End the server."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()
