"""Where a worker works: its cache, the channels as they are reached from here, and the client that fetches."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import BaseFileLock, FileLock, Timeout
from rattler import Client, Gateway, SourceConfig
from rattler.networking import (
    AddHeadersMiddleware,
    AuthenticationMiddleware,
    GCSMiddleware,
    OciMiddleware,
    RetryMiddleware,
    S3Middleware,
)

from kernel_iso import condarc
from kernel_iso.backends.conda import caches
from kernel_iso.condarc import Condarc
from kernel_iso.guest import probe

TRIES = 3
"""How often a request is made that fails in a way which may pass."""

FORGOTTEN = 3600.0
"""Seconds after which nobody unpacks a package any more."""

_FETCHING = "fetching-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a request works with: `cache` is a folder, `rc` the person's conda configuration, `offline` as the plan says."""

    cache: Path
    rc: Condarc
    client: Client
    offline: bool

    @property
    def gateway(self) -> Gateway:
        """What asks channels for their lists of packages; offline, only what is remembered of them."""
        config = SourceConfig(cache_action="force-cache-only" if self.offline else "cache-or-fetch")
        return Gateway(cache_dir=self.cache / "repodata", default_config=config, client=self.client)

    @property
    def packages(self) -> Path:
        """Where packages lie unpacked."""
        return self.cache / "pkgs"

    def bases(self, name: str) -> tuple[str, ...]:
        """The URLs of a channel's lists, as it is reached from here; several for a channel of channels."""
        return condarc.urls(name, self.rc)


@contextmanager
def place(request: dict[str, Any]) -> Iterator[Place]:
    """The place for a request with `cache` ("on", "off" or a folder) and `offline`; a cache that is off is thrown away."""
    system, home = probe.os_name(sys.platform), Path.home()
    with tempfile.TemporaryDirectory(prefix="kernel-iso-", ignore_cleanup_errors=True) as folder:
        found = condarc.read(os.environ, home, system=system)
        cache = folder if request["cache"] == "off" else request["cache"]
        yield Place(
            cache=caches.root(cache), rc=found, client=_client(Path(folder), home, system, found),
            offline=request["offline"] or found.offline,
        )  # fmt: skip


def _client(folder: Path, home: Path, system: str, found: Condarc) -> Client:
    """What fetches, with the person's credentials, proxies and certificates.

    A credential goes to the URLs that it is for, and to no other channel of the same server. Tokens, which stand in the
    path, are rattler's to put there: it knows one for each host, from a file that only the person reads.
    """
    credentials = condarc.credentials(os.environ, home, system=system)
    # The most specific comes first, and is to stay.
    tokens = {
        each.host: {"CondaToken": each.secret} for each in reversed(credentials) if each.kind == "token"
    }
    if tokens:
        os.environ["RATTLER_AUTH_FILE"] = str(folder / "credentials.json")
        _secret(folder / "credentials.json", tokens)
    _surroundings(condarc.proxies(os.environ, home, system=system), found)
    headers = AddHeadersMiddleware(lambda host, path: authorization(credentials, host, path))
    return Client(
        [RetryMiddleware(TRIES), headers, AuthenticationMiddleware(), OciMiddleware(), GCSMiddleware(), S3Middleware()],
        user_agent="kernel-iso",
    )  # fmt: skip


def authorization(credentials: Iterable[condarc.Credential], host: str, path: str) -> dict[str, str] | None:
    """The header for a host (without port) and a path, from the first credential for a URL above it.

    >>> one = condarc.Credential(url="https://x.org/team", kind="bearer", secret="s")
    >>> authorization([one], "x.org", "/team/noarch/a.conda"), authorization([one], "x.org", "/teams/a.conda")
    ({'Authorization': 'Bearer s'}, None)
    """
    for each in credentials:
        above = urlsplit(each.url)
        if each.kind == "token" or above.hostname != host:
            continue
        if path == above.path or path.startswith(above.path.rstrip("/") + "/"):
            basic = base64.b64encode(f"{each.user}:{each.secret}".encode()).decode()
            return {"Authorization": f"Bearer {each.secret}" if each.kind == "bearer" else f"Basic {basic}"}
    return None


def _surroundings(proxies: Mapping[str, str], found: Condarc) -> None:
    """Proxies and certificates are variables: rattler's client takes them from this process's own environment."""
    for name in ("http", "https", "no_proxy"):
        variable = name if name == "no_proxy" else f"{name}_proxy"
        if name in proxies and not (os.environ.get(variable) or os.environ.get(variable.upper())):
            os.environ[variable] = proxies[name]
    if found.ssl_verify not in ("", "false", "truststore"):
        os.environ["SSL_CERT_FILE"] = found.ssl_verify


def _secret(path: Path, data: object) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(data, stream)


@contextmanager
def fetching(where: Place) -> Iterator[Path]:
    """A folder for what is fetched, on the disk of the cache, and gone afterwards; so are those of who was killed."""
    cache = where.cache
    _sweep(cache)
    for folder in caches.forgotten(where.packages, time.time() - FORGOTTEN):
        shutil.rmtree(folder, ignore_errors=True)
    lock = _locked(cache)
    made = Path(lock.lock_file).with_suffix("")
    try:
        made.mkdir()
        yield made
    finally:
        _gone(made, lock)


def _locked(cache: Path) -> BaseFileLock:
    """A lock of this process's own; who sweeps may have taken the file away before it was locked."""
    while True:
        lock = FileLock(cache / f"{_FETCHING}{secrets.token_hex(4)}.lock")
        with suppress(Timeout):
            lock.acquire(timeout=0)
            if Path(lock.lock_file).exists():
                return lock
            lock.release()


def _sweep(cache: Path) -> None:
    for path in cache.glob(f"{_FETCHING}*.lock"):
        lock = FileLock(path)
        with suppress(Timeout, OSError):
            lock.acquire(timeout=0)
            _gone(path.with_suffix(""), lock)


def _gone(folder: Path, lock: BaseFileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        Path(lock.lock_file).unlink()
    lock.release()
