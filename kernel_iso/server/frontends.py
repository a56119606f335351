"""Front ends of widgets for the page, out of the prefix whose kernel speaks to them."""

from __future__ import annotations

import json
from pathlib import Path

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from kernel_iso.engine import Engine, preparing
from kernel_iso.engine.frontends import refusal
from kernel_iso.engine.targets import named
from kernel_iso.errors import IsoError
from kernel_iso.server import failing
from kernel_iso.server.desk import Desk
from kernel_iso.server.failing import NotFoundError

SERVED = ("share/jupyter/labextensions", "share/jupyter/nbextensions")
"""The folders of a prefix that hold front ends."""


class Frontends(JupyterHandler, web.StaticFileHandler):
    """The files of one prefix's front ends."""

    SUPPORTED_METHODS = ("GET",)
    auth_resource = "kernel_iso"

    def initialize(self, desk: Desk) -> None:  # type: ignore[override]
        """The folder is known when the prefix is."""
        super().initialize(path="")
        self.desk = desk

    @property
    def content_security_policy(self) -> str:
        """A page among these files gets an origin of its own, as in the server's own routes for files."""
        return super().content_security_policy + "; sandbox allow-scripts"

    @web.authenticated
    @authorized("read")
    async def get(self, key: str, path: str) -> None:  # type: ignore[override]
        """One file."""
        self.check_xsrf_cookie()  # scripts are fetched with GET: only this server's own pages may
        try:
            file = await self.desk.look(lambda engine: served(engine, key, path))
        except IsoError as error:
            self.set_status(failing.status(error))
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps({"error": error.to_json()}))
            return
        self.root = str(file.parent)
        await super().get(file.name)

    def set_extra_headers(self, path: str) -> None:
        """A prefix is replaced under another key, but a file in it may be changed by a person."""
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")


def served(engine: Engine, key: str, path: str) -> Path:
    """The file of a front end, where the policy allows it and what its prefix is made of was approved.

    Raises `ImpossibleError` (`frontends-not-allowed`), `NotApprovedError` (`not-approved`), and `NotFoundError`
    (`no-such-frontend`) for everything that is no file of a front end: another folder, a link that leads out.
    """
    if refused := refusal(engine.policy):
        raise refused
    prefix = engine.store.find(key)
    owner = engine.store.owner(prefix.owner) if prefix else None
    if prefix is None or owner is None or key not in (item.key for item in owner.generations):
        raise _nothing(path)
    if owner.kind == "notebook":
        wish = preparing.read(engine, named(owner.path, cwd=engine.root, root=engine.root))
        preparing.require_approval(engine, wish)
    top = next((folder for folder in SERVED if path.startswith(folder + "/")), "")
    try:
        folder, file = Path(prefix.path, top).resolve(), Path(prefix.path, path).resolve()
    except (OSError, ValueError):
        raise _nothing(path) from None
    inside = folder.is_relative_to(Path(prefix.path).resolve()) and file.is_relative_to(folder)
    if not top or not inside or not file.is_file():
        raise _nothing(path)
    return file


def _nothing(path: str) -> NotFoundError:
    return NotFoundError(
        "no-such-frontend",
        f"cannot serve `{path[:200]}`",
        f"it is no file of a front end ({' or '.join(SERVED)}) of an environment in use",
        "kernel-iso frontends   lists what an environment brings",
    )
