"""The worker that reads package indexes: which releases of a package there are, when they came, what they are.

`python -m kernel_iso.engine.indexing` reads one request from stdin and answers as every worker does:

    {"indexes": [{"url": …, "login": [name, password] or null, "insecure": false}, …], "certificates": path or "",
     "asked": [{"name": …, "version": only this one ("": all), "indexes": [numbers, in order]}, …], "summary": false}

The result is `{"answers": [{"name", "index": number (-1: none has it), "files": […], "summary", "failure"}, …]}`. A file
is `{"version", "filename", "sha256", "size", "uploaded": ISO time or "", "yanked"}`. A failure is a kind
(`refused`, `untrusted`, `unreachable`) and a text. What an index serves is parsed by pypi-simple (PEP 503, 629, 658, 691,
700), which is imported here only: it takes a third of a second, and a stranger's HTML is read in a process of its own.
"""

from __future__ import annotations

import email
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import requests
from packaging.version import InvalidVersion, Version
from pypi_simple import DistributionPackage, NoSuchProjectError, PyPISimple

from kernel_iso.processes import serve
from kernel_iso.processes.serving import Tell

TIMEOUT = (10.0, 30.0)
"""Seconds to connect, and to wait for more of an answer."""

AT_ONCE = 8
"""Pages that are asked for at the same time."""

LONGEST_SUMMARY = 1000
"""Characters."""


class Clients:
    """One client for each index in each thread: a session is not made to be shared."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._indexes = request["indexes"]
        self._certificates = request.get("certificates") or True
        self._threads = threading.local()

    def of(self, number: int, *, plain: bool = False) -> PyPISimple:
        """The client of an index; a `plain` one has no credentials, and is for other hosts."""
        known: dict[tuple[int, bool], PyPISimple] = self._threads.__dict__.setdefault("known", {})
        if (number, plain) not in known:
            index = self._indexes[number]
            session = requests.Session()
            session.verify = False if index.get("insecure") else self._certificates
            login = None if plain else index.get("login")
            known[number, plain] = PyPISimple(
                index["url"].rstrip("/") + "/", auth=tuple(login) if login else None, session=session
            )
        return known[number, plain]

    def host(self, number: int) -> str:
        """The host and port of an index."""
        return urlsplit(str(self._indexes[number]["url"])).netloc


def answer(request: Mapping[str, Any], tell: Tell) -> dict[str, object]:
    """Do what a request asks; `tell` counts the packages."""
    clients, asked = Clients(request), request["asked"]
    summary, answers = bool(request.get("summary")), []
    with ThreadPoolExecutor(min(AT_ONCE, len(asked) or 1)) as pool:
        for found in pool.map(lambda each: look_up(clients, each, summary=summary), asked):
            answers.append(found)
            tell(f"looked up {found['name']}", len(answers), len(asked), "packages")
    return {"answers": answers}


def look_up(clients: Clients, asked: Mapping[str, Any], *, summary: bool) -> dict[str, Any]:
    """What the first index that has a package says of it.

    An index that fails ends the search: the next one must not serve a name that may be another's.
    """
    found: dict[str, Any] = {
        "name": asked["name"], "index": -1, "files": [], "summary": "", "failure": None
    }  # fmt: skip
    for number in asked["indexes"]:
        try:
            page = clients.of(number).get_project_page(asked["name"], timeout=TIMEOUT)
        except NoSuchProjectError:
            continue
        except Exception as error:  # whatever a stranger's page does to a parser
            return found | {"index": number, "failure": failure(error)}
        files = [file for file in page.packages if file.version and valid(file.version)]
        wanted = [file for file in files if asked["version"] in ("", file.version)]
        text = summary_of(clients, number, asked["name"], files) if summary else ""
        return found | {"index": number, "files": [entry(file) for file in wanted], "summary": text}
    return found


def entry(file: DistributionPackage) -> dict[str, Any]:
    """One file, as it travels."""
    return {
        "version": file.version, "filename": file.filename, "sha256": file.digests.get("sha256", ""),
        "size": file.size or 0, "uploaded": file.upload_time.isoformat() if file.upload_time else "",
        "yanked": file.is_yanked,
    }  # fmt: skip


def failure(error: Exception) -> list[str]:
    """A kind and a text for what went wrong with an index."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        return ["refused" if status in (401, 403) else "unreachable", f"it answered {status}"]
    if isinstance(error, requests.exceptions.SSLError):
        return ["untrusted", "its certificate is not trusted"]
    if isinstance(error, requests.ConnectionError):
        return ["unreachable", "it does not answer"]
    if isinstance(error, requests.Timeout):
        return ["unreachable", "it took too long to answer"]
    return ["unreachable", f"its page cannot be read ({type(error).__name__})"]


def summary_of(clients: Clients, number: int, name: str, files: list[DistributionPackage]) -> str:
    """The newest release's summary: from its metadata file (PEP 658), else from the index's own JSON; "" without."""
    described = [file for file in files if file.has_metadata and not file.is_yanked]
    try:
        if not described:
            return from_json(clients, number, name)
        newest = max(
            described,
            key=lambda file: (not Version(str(file.version)).is_prerelease, Version(str(file.version))),
        )
        foreign = urlsplit(newest.url).netloc != clients.host(number)
        data = clients.of(number, plain=foreign).get_package_metadata_bytes(newest, timeout=TIMEOUT)
        text = str(email.message_from_bytes(data).get("Summary", ""))
    except Exception:  # a summary is a courtesy
        return ""
    return " ".join(text.split())[:LONGEST_SUMMARY]


def from_json(clients: Clients, number: int, name: str) -> str:
    """The summary in `…/pypi/NAME/json`, beside `…/simple`, as Warehouse and its like have it; "" elsewhere.

    https://docs.pypi.org/api/json/
    """
    client = clients.of(number)
    base, found, _ = client.endpoint.rpartition("/simple/")
    if not found:
        return ""
    said = client.s.get(f"{base}/pypi/{name}/json", timeout=TIMEOUT)
    said.raise_for_status()
    return " ".join(str(said.json()["info"]["summary"] or "").split())[:LONGEST_SUMMARY]


def valid(text: str) -> bool:
    """True for a version as PEP 440 has it."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


if __name__ == "__main__":
    serve(answer)
