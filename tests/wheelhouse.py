"""A package index of small hand-made wheels on 127.0.0.1, for tests that must not need the real one.

    with Wheelhouse() as index:
        index.wheel("blue", "1.0", requires=["green>=2"])
        index.url                      # http://127.0.0.1:PORT/TOKEN/simple

Builds with a local version are also served as PyTorch serves them: `http://127.0.0.1:PORT/TOKEN/whl/cpu/torch/`. Every index
has a token of its own: ports come again, and an installer's cache goes by addresses.

It speaks PEP 503 (HTML), PEP 691 (JSON) and PEP 658 (metadata), gives every file its SHA-256, can ask for a
name and password, can fail on purpose, and can stand for another host as a proxy that ends its TLS.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import secrets
import ssl
import tarfile
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import unquote

UPLOADED = "2024-01-01T00:00:00Z"


def wheel_bytes(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, str | bytes] | None = None,
    requires_python: str = "",
    tag: str = "py3-none-any",
    extras: Mapping[str, Sequence[str]] | None = None,
) -> bytes:
    """A wheel that holds the module `name` (which knows its version) and `files`; equal bytes every time."""
    module = name.replace("-", "_").replace(".", "_")
    content: dict[str, bytes] = {f"{module}/__init__.py": f"__version__ = {version!r}\n".encode()}
    for path, text in (files or {}).items():
        content[path] = text.encode() if isinstance(text, str) else text
    info = f"{module}-{version}.dist-info"
    content[f"{info}/METADATA"] = _metadata(name, version, requires, requires_python, extras or {}).encode()
    pure = "true" if tag.endswith("-none-any") else "false"
    content[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: wheelhouse\nRoot-Is-Purelib: {pure}\nTag: {tag}\n".encode()
    )
    rows = [f"{path},sha256={_record_hash(data)},{len(data)}" for path, data in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in content.items():
            archive.writestr(zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def sdist_bytes(name: str, version: str, *, setup: str) -> bytes:
    """A source distribution whose setup.py is `setup`: what runs when somebody builds it."""
    module = name.replace("-", "_")
    top = f"{module}-{version}"
    content = {
        f"{top}/PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{top}/setup.py": setup,
        f"{top}/{module}/__init__.py": "",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in content.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _metadata(
    name: str, version: str, requires: Sequence[str], python: str, extras: Mapping[str, Sequence[str]]
) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {python}"] if python else []
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    for extra, wanted in extras.items():
        lines += [f"Provides-Extra: {extra}"]
        lines += [f'Requires-Dist: {requirement}; extra == "{extra}"' for requirement in wanted]
    return "\n".join([*lines, ""])


def _record_hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@dataclass
class Artefact:
    """One file of the index. `sha256` is what the index says, which need not be what it serves."""

    project: str
    filename: str
    content: bytes
    sha256: str
    metadata: str = ""
    requires_python: str = ""
    uploaded: str = UPLOADED
    released: threading.Event = field(default_factory=threading.Event)
    held: bool = False

    def hold(self) -> None:
        """Serve only its first half before `release`; leaving the index releases it."""
        self.released.clear()
        self.held = True

    def release(self) -> None:
        """Serve it to who waits, and from now on."""
        self.held = False
        self.released.set()

    @property
    def local(self) -> str:
        """The local version: "cu126" of torch-2.14.1+cu126-…whl, or ""."""
        return self.filename.split("-")[1].partition("+")[2]

    def tamper(self) -> None:
        """Serve another wheel, whole and sound, under the hash that was announced."""
        name, version = self.filename.split("-")[:2]
        self.content = wheel_bytes(name, version, files={f"{name}/evil.py": "print('hello')\n"})

    def cut(self) -> None:
        """Serve only half of it."""
        self.content = self.content[: len(self.content) // 2]


@dataclass
class Wheelhouse:
    """The running index.

    `login` is asked for where it is set. `failure` is an HTTP status or `drop`, for every answer, or only for
    the paths that begin with (one of) `failing`, as "files". `slow` is the number of seconds before a file is
    served; leaving the index ends the wait. Without `hashes` its pages announce none.
    As a proxy it answers for the hosts in `hosts`, with the TLS of their contexts, and lets nothing else through.
    `requests` are the paths asked for below the token, with the credentials that came.
    """

    login: tuple[str, str] | None = None
    failure: int | str = ""
    failing: str | tuple[str, ...] = ""
    hashes: bool = True
    slow: float = 0
    hosts: dict[str, ssl.SSLContext] = field(default_factory=dict)
    artefacts: list[Artefact] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def __enter__(self) -> Self:
        self._closing = threading.Event()
        house = self

        class Own(self.handler()):  # type: ignore[misc]
            index = house

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
        self._server.daemon_threads = True
        # A client that goes away is no news.
        self._server.handle_error = lambda request, address: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        for artefact in self.artefacts:
            artefact.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @staticmethod
    def handler() -> type[Handler]:
        """What answers; an index of another kind has another."""
        return Handler

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The index's address, without credentials."""
        return f"http://127.0.0.1:{self.port}/{self.token}/simple"

    @property
    def builds(self) -> str:
        """The base of the indexes `<base>/<tag>`, each of which has the wheels of that local version."""
        return f"http://127.0.0.1:{self.port}/{self.token}/whl"

    def wheel(
        self,
        name: str,
        version: str = "1.0",
        *,
        requires: Sequence[str] = (),
        files: Mapping[str, str | bytes] | None = None,
        requires_python: str = "",
        tag: str = "py3-none-any",
        extras: Mapping[str, Sequence[str]] | None = None,
        uploaded: str = UPLOADED,
    ) -> Artefact:
        """Add a wheel."""
        content = wheel_bytes(
            name,
            version,
            requires=requires,
            files=files,
            requires_python=requires_python,
            tag=tag,
            extras=extras,
        )
        metadata = _metadata(name, version, requires, requires_python, extras or {})
        filename = f"{name.replace('-', '_').replace('.', '_')}-{version}-{tag}.whl"
        return self._add(name, filename, content, metadata, requires_python, uploaded)

    def sdist(self, name: str, version: str = "1.0", *, setup: str) -> Artefact:
        """Add a source distribution."""
        filename = f"{name.replace('-', '_')}-{version}.tar.gz"
        return self._add(name, filename, sdist_bytes(name, version, setup=setup), "", "", UPLOADED)

    def _add(
        self, name: str, filename: str, content: bytes, metadata: str, python: str, uploaded: str
    ) -> Artefact:
        digest = hashlib.sha256(content).hexdigest()
        project = name.lower().replace("_", "-").replace(".", "-")
        artefact = Artefact(project, filename, content, digest, metadata, python, uploaded)
        self.artefacts.append(artefact)
        return artefact


class Handler(BaseHTTPRequestHandler):
    """Answers for an index."""

    index: Wheelhouse
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_CONNECT(self) -> None:
        host, _, port = self.path.rpartition(":")
        context = self.index.hosts.get(host)
        self.close_connection = True
        if context is None or port != "443":
            self.answer(403, b"not through here", "text/plain")
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with context.wrap_socket(self.connection, server_side=True) as inner:
            type(self)(inner, self.client_address, self.server)

    def do_GET(self) -> None:
        login = self.headers.get("Authorization", "")
        self.path = self.path.removeprefix(f"/{self.index.token}")
        self.index.requests.append((self.path, login))
        starts = (self.index.failing,) if isinstance(self.index.failing, str) else self.index.failing
        failing = self.index.failure and self.path.startswith(tuple("/" + start for start in starts))
        if failing and self.index.failure == "drop":
            self.close_connection = True
            return
        if failing:
            self.answer(int(self.index.failure), b"failing on purpose", "text/plain")
        elif self.index.login and login != _basic(self.index.login):
            self.answer(401, b"who are you?", "text/plain")
        else:
            self.serve([unquote(part) for part in self.path.split("?")[0].strip("/").split("/")])

    def serve(self, parts: list[str]) -> None:
        """Answer for a path below the token."""
        if len(parts) == 2 and parts[0] == "simple":
            found = [artefact for artefact in self.index.artefacts if artefact.project == parts[1]]
            if found:
                return self._page(parts[1], found)
        if len(parts) == 3 and parts[0] == "whl":
            found = [
                each for each in self.index.artefacts if (each.project, each.local) == (parts[2], parts[1])
            ]
            if found:
                return self._page(parts[2], found)
        if len(parts) == 2 and parts[0] == "files":
            for artefact in self.index.artefacts:
                if parts[1] == artefact.filename + ".metadata" and artefact.metadata:
                    return self.answer(200, artefact.metadata.encode(), "text/plain")
                if parts[1] == artefact.filename:
                    self.index._closing.wait(self.index.slow)
                    return self.answer(200, artefact.content, "application/octet-stream", artefact)
        return self.answer(404, b"not here", "text/plain")

    @property
    def _place(self) -> str:
        """Where files lie; a host that is stood in for knows no token."""
        return f"/{self.index.token}/files" if not self.index.hosts else "/files"

    def _page(self, project: str, found: list[Artefact]) -> None:
        if "application/vnd.pypi.simple.v1+json" in self.headers.get("Accept", ""):
            data = {
                "meta": {"api-version": "1.1"},
                "name": project,
                "versions": sorted({artefact.filename.split("-")[1] for artefact in found}),
                "files": [_entry(artefact, self._place, hashed=self.index.hashes) for artefact in found],
            }
            return self.answer(200, json.dumps(data).encode(), "application/vnd.pypi.simple.v1+json")
        links = [_link(artefact, self._place, hashed=self.index.hashes) for artefact in found]
        return self.answer(200, "\n".join(links).encode(), "text/html")

    def answer(self, status: int, body: bytes, kind: str, artefact: Artefact | None = None) -> None:
        """Send it; of an artefact that is held only the first half before it is released."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        # uv keeps pages for ten minutes unless told; a test adds packages as it goes.
        self.send_header(
            "Cache-Control", "no-cache" if kind != "application/octet-stream" else "max-age=3600"
        )
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="wheelhouse"')
        self.end_headers()
        if self.command != "HEAD":
            if artefact and artefact.held:
                self.wfile.write(body[: len(body) // 2])
                artefact.released.wait()
                body = body[len(body) // 2 :]
            self.wfile.write(body)


def _basic(login: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(login).encode()).decode()


def _entry(artefact: Artefact, place: str, *, hashed: bool) -> dict[str, object]:
    entry: dict[str, object] = {
        "filename": artefact.filename,
        "url": f"{place}/{artefact.filename}",
        "hashes": {"sha256": artefact.sha256} if hashed else {},
        "size": len(artefact.content),
        "upload-time": artefact.uploaded,
    }
    if artefact.metadata:
        entry["core-metadata"] = {"sha256": hashlib.sha256(artefact.metadata.encode()).hexdigest()}
    if artefact.requires_python:
        entry["requires-python"] = artefact.requires_python
    return entry


def _link(artefact: Artefact, place: str, *, hashed: bool) -> str:
    address = f"{place}/{artefact.filename}" + (f"#sha256={artefact.sha256}" if hashed else "")
    python = html.escape(artefact.requires_python)
    return f'<a href="{address}" data-requires-python="{python}">{artefact.filename}</a><br>'
