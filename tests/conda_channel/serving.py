"""A channel on 127.0.0.1, with what goes wrong on the way to one.

with served(channel, user="me", password="secret") as house:
    house.url                                # http://127.0.0.1:PORT/TOKEN/channel
    house.faults["green-2.0"] = Fault(cut=True)
    house.requests                           # what was asked for, with the answers
"""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote


@dataclass(kw_only=True)
class Fault:
    """What happens to the files whose name begins with the key it stands under.

    `status` answers with that HTTP status. `cut` sends half of what was announced and hangs up. `content` is sent in
    the place of the file. `slow` waits so many seconds before the second half. `hold`ed, it waits there for `release`.
    `times`: it happens so often, and then no more.
    """

    status: int = 0
    cut: bool = False
    content: bytes = b""
    slow: float = 0
    held: bool = False
    times: int = 1_000_000
    released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Send the rest to who waits, and everything from now on."""
        self.times = 0
        self.released.set()


class Request(NamedTuple):
    """One request: its path in the channel, the HTTP status of the answer, the login that came with it, "GET" or "HEAD"."""

    path: str
    status: int
    login: str
    method: str


@dataclass(kw_only=True)
class Served:
    """A running server. Without `sharded` or `compressed` it has no such repodata, as many channels do not.

    Where it asks for a login, `secret` is taken instead, in the way of conda's tokens: `/t/SECRET/…`.
    """

    folder: Path
    login: str = ""
    sharded: bool = True
    compressed: bool = True
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    secret: str = ""
    port: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The channel's address, without credentials."""
        return f"http://127.0.0.1:{self.port}/{self.token}/channel"

    @property
    def url_with_login(self) -> str:
        """Its address as people write it with name and password in it."""
        return self.url.replace("://", f"://{self.login}@") if self.login else self.url

    @property
    def url_with_secret(self) -> str:
        """Its address as conda's servers give it to who has a token."""
        return self.url.replace(f"/{self.token}", f"/t/{self.secret}/{self.token}")

    @property
    def packages(self) -> list[str]:
        """The names of the package files that were sent whole, in order."""
        return [
            each.path.rpartition("/")[2]
            for each in self.requests
            if each.path.endswith((".conda", ".tar.bz2")) and each.status == 200
        ]

    def fault(self, name: str) -> Fault | None:
        """The fault that befalls this file now; it counts."""
        for start, fault in list(self.faults.items()):
            if name.startswith(start) and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def content(self, path: str) -> bytes | None:
        """What lies at a path of the channel, None where nothing does or it is hidden."""
        hidden = [".msgpack.zst"] * (not self.sharded) + ["repodata.json.zst"] * (not self.compressed)
        file = self.folder / path
        if ".." in file.parts or path.endswith(tuple(hidden)) or not file.is_file():
            return None
        return file.read_bytes()


@contextmanager
def served(folder: Path, user: str = "", password: str = "", **more: object) -> Iterator[Served]:
    """Serve a channel; `user` and `password` are asked for where they are given."""
    login = f"{user}:{password}" if user else ""
    house = Served(folder=folder, login=login, **more)  # type: ignore[arg-type]

    class Handler(_Handler):
        server_of = house

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    # A client that goes away is no news.
    server.handle_error = lambda request, address: None  # type: ignore[method-assign]
    house.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield house
    finally:
        house.closing.set()
        for fault in house.faults.values():
            fault.release()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_of: Served
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Requests are kept, not printed."""

    def do_GET(self) -> None:
        house = self.server_of
        before, _, path = unquote(self.path.partition("?")[0]).partition(f"/{house.token}/channel/")
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        login = base64.b64decode(given).decode() if kind == "Basic" else given or before.removeprefix("/t/")
        fault, status, body = self._found(path, login)
        house.requests.append(Request(path, status, login, self.command))
        self._answer(status, body, fault if status == 200 else None)

    def _found(self, path: str, login: str) -> tuple[Fault | None, int, bytes]:
        """What befalls the request, its HTTP status, and what is sent."""
        house = self.server_of
        if house.login and login not in (house.login, house.secret or house.login):
            return None, 401, b"who are you?"
        fault = house.fault(path.rpartition("/")[2])
        content = house.content(path)
        if fault and fault.status:
            return fault, fault.status, b"failing on purpose"
        if content is None:
            return None, 404, b"not here"
        return fault, 200, fault.content if fault and fault.content else content

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, status: int, body: bytes, fault: Fault | None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        # A test changes the channel as it goes.
        self.send_header("Cache-Control", "no-cache")
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="channel"')
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault is None:
            self.wfile.write(body)
            return
        half = len(body) // 2
        self.wfile.write(body[:half])
        self.wfile.flush()
        if fault.held:
            fault.released.wait()
        self.server_of.closing.wait(fault.slow)
        if fault.cut:
            self.close_connection = True
        else:
            self.wfile.write(body[half:])
