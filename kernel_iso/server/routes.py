"""The engine over HTTP: one handler for the table of verbs, and what belongs to it."""

from __future__ import annotations

import contextlib
import functools
import hmac
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import ensure_async, url_path_join
from tornado import web

from kernel_iso import __version__
from kernel_iso.engine import Engine, preparing
from kernel_iso.engine.targets import named
from kernel_iso.engine.verbs import TABLE, Verb
from kernel_iso.errors import SpecError
from kernel_iso.model import Record
from kernel_iso.server import arguments, failing
from kernel_iso.server.desk import Desk, histories
from kernel_iso.server.failing import NotFoundError
from kernel_iso.server.frontends import Frontends
from kernel_iso.server.reviews import not_reviewed

RESOURCE = "kernel_iso"
"""What an Authorizer is asked for, with the action `read` or `execute`."""

KEY = r"([0-9a-f]{32})"


class Asked(Record, frozen=True, kw_only=True):
    """The body of a request for a verb; `path` is the notebook's in the contents API, `document` what is open of it."""

    arguments: dict[str, Any] = msgspec.field(default_factory=dict)
    path: str | None = None
    document: dict[str, Any] | None = None


class ReviewAsked(Record, frozen=True, kw_only=True):
    """The body of a request for a review."""

    path: str
    versions: bool = False


class ApproveAsked(Record, frozen=True, kw_only=True):
    """The body of an approval: what was reviewed, and the review's number."""

    path: str
    digest: str
    nonce: str


def answering(
    method: Callable[..., Awaitable[dict[str, Any] | None]],
) -> Callable[..., Awaitable[None]]:
    """A handler's method that returns its answer, if any; what it raises is answered as the three lines."""

    @functools.wraps(method)
    async def answer(self: Route, *parts: Any) -> None:
        try:
            answered = await method(self, *parts)
        except web.HTTPError:
            raise
        except Exception as raised:
            error = failing.as_error(raised)
            self.set_status(failing.status(error))
            answered = {"error": error.to_json()}
        if answered is None:
            self.set_status(204)
            self.finish()
        else:
            self.finish(json.dumps(answered))

    return answer


class Route(APIHandler):
    """What the routes have in common."""

    auth_resource = RESOURCE

    def initialize(self, desk: Desk) -> None:
        """Each request has its own event: a page that goes away cancels what it asked."""
        self.desk = desk
        self.gone = threading.Event()

    def on_connection_close(self) -> None:
        """The page has gone."""
        self.gone.set()
        super().on_connection_close()

    def since(self) -> int:
        """The index of the first event that is wanted. Raises `SpecError` (`bad-argument`)."""
        text = self.get_query_argument("since", "0")
        if not text.isdecimal() or len(text) > 9:
            raise SpecError(
                "bad-argument",
                "cannot tell what happened since",
                f"`{text[:20]}` is no number of an event",
                "since=0 tells everything",
            )
        return int(text)


class Verbs(Route):
    """The verbs there are."""

    @web.authenticated
    @authorized("read")
    @answering
    async def get(self) -> dict[str, Any]:
        """Every verb that can be asked for over HTTP."""
        rows = [
            {"name": verb.name, "help": verb.help, "slow": verb.slow, "access": verb.access}
            for verb in TABLE.values()
            if verb.access
        ]
        return {"version": __version__, "verbs": rows}


class VerbOf(Route):
    """One verb: `env-create` is `env create`."""

    @web.authenticated
    async def post(self, name: str) -> None:
        """Do a verb, as far as its own kind of access is granted."""
        verb = next((verb for verb in TABLE.values() if verb.name.replace(" ", "-") == name), None)
        if verb is not None and verb.access == "execute":
            await self.execute(verb)
        else:
            await self.read(name, verb)

    @authorized("execute")
    @answering
    async def execute(self, verb: Verb) -> dict[str, Any]:
        """Do what changes something."""
        return await self._do(verb)

    @authorized("read")
    @answering
    async def read(self, name: str, verb: Verb | None) -> dict[str, Any]:
        """Do what only looks."""
        if verb is None or verb.access != "read":
            raise NotFoundError(
                "unknown-verb",
                f"cannot do `{name[:100]}` over HTTP",
                "there is no such verb, or it belongs to a command line",
                "GET kernel-iso/api/verbs tells the verbs there are",
            )
        return await self._do(verb)

    async def _do(self, verb: Verb) -> dict[str, Any]:
        asked = Asked.from_text(self.request.body or b"{}")
        values = await self.desk.placed(verb, arguments.read(verb, asked.arguments, asked.path))
        if values.get("trial"):
            await self._require_kernels()
        if asked.document is not None:
            values["document"] = json.dumps(asked.document)
        if verb.name == "take":
            await self.desk.pages.opened(values["target"])
        if not verb.slow:
            outcome = await self.desk.quick(lambda engine: verb.act(engine, values), self.gone)
            return {"result": dict(outcome.data), "text": outcome.text}
        notebook = next((values[name] for name in arguments.ABOUT if values.get(name)), "")
        self.set_status(202)
        path = (asked.path or "").strip("/")
        return {"key": await self.desk.begin(verb, values, path=path, notebook=notebook)}

    async def _require_kernels(self) -> None:
        """To try an environment is to run a notebook's cells: only who may do that in a kernel does it. Raises 403."""
        granted = self.authorizer.is_authorized(self, self.current_user, "execute", "kernels")
        if not await ensure_async(granted):
            raise web.HTTPError(403)


class AllJobs(Route):
    """The slow verbs that go on, and those of the last time."""

    @web.authenticated
    @authorized("read")
    @answering
    async def get(self) -> dict[str, Any]:
        """The newest first, without their events."""
        jobs, root = self.desk.jobs, self.desk.root
        return {"jobs": await self.desk.look(lambda engine: jobs.all(histories(engine), root))}


class OneJob(Route):
    """One slow verb."""

    @web.authenticated
    @authorized("read")
    @answering
    async def get(self, key: str) -> dict[str, Any]:
        """The job with its events from `since` on."""
        jobs, since = self.desk.jobs, self.since()
        job = await self.desk.look(lambda engine: jobs.one(histories(engine), key, since))
        if job is None:
            raise _no_job(key)
        return job

    @web.authenticated
    @authorized("execute")
    @answering
    async def delete(self, key: str) -> None:
        """Cancel it; one that is over stays as it is."""
        jobs = self.desk.jobs
        if not await self.desk.look(lambda engine: jobs.cancel(histories(engine), key)):
            raise _no_job(key)


class Log(Route):
    """What happened while a prefix was built."""

    @web.authenticated
    @authorized("read")
    @answering
    async def get(self, key: str) -> dict[str, Any]:
        """The events of the last build from `since` on; more come while it goes on."""
        since = self.since()
        events = await self.desk.look(lambda engine: engine.store.history(key))
        return {"events": [event.to_json() for event in events[since:]], "count": len(events)}


class Review(Route):
    """What a notebook wants."""

    @web.authenticated
    async def post(self) -> None:
        """The review; to see the versions is to resolve them, which takes more than to look."""
        resolves = False
        with contextlib.suppress(SpecError):
            resolves = ReviewAsked.from_text(self.request.body).versions
        await (self.resolve() if resolves else self.look())

    @authorized("execute")
    @answering
    async def resolve(self) -> dict[str, Any]:
        """The review with the versions that would be installed."""
        return await self._shown()

    @authorized("read")
    @answering
    async def look(self) -> dict[str, Any]:
        """The review of what is declared."""
        return await self._shown()

    async def _shown(self) -> dict[str, Any]:
        """The review, with the number that an approval of exactly this needs."""
        asked = ReviewAsked.from_text(self.request.body)
        target = await self.desk.real(asked.path)
        values = {"target": target, "versions": asked.versions}
        shown = await self.desk.quick(lambda engine: TABLE["review"].act(engine, values), self.gone)
        nonce = self.desk.nonces.make(target, str(shown.data["digest"]), self.current_user.username)
        return {**shown.data, "path": asked.path, "nonce": nonce}


class Approve(Route):
    """The answer to a review."""

    @web.authenticated
    @authorized("execute")
    @answering
    async def post(self) -> dict[str, Any]:
        """Approve what was reviewed, if it is still what the notebook asks."""
        asked = ApproveAsked.from_text(self.request.body)
        target = await self.desk.real(asked.path)
        self.desk.nonces.spend(asked.nonce, path=target, digest=asked.digest, user=self.current_user.username)
        await self.desk.look(lambda engine: approve(engine, target, asked.digest, asked.path))
        return {"approved": True}


def approve(engine: Engine, target: str, digest: str, shown: str) -> None:
    """Approve what the notebook at `target` asks; raises `not-reviewed` where that is another thing now."""
    wish = preparing.read(engine, named(target, cwd=engine.root, root=engine.root))
    if not hmac.compare_digest(preparing.covered(engine, wish), digest):
        raise not_reviewed(shown)
    preparing.approve(engine, wish)


def _no_job(key: str) -> NotFoundError:
    return NotFoundError(
        "no-such-job",
        f"cannot find the job {key}",
        "there is none with this key, or its history was deleted",
        "GET kernel-iso/api/jobs lists them",
    )


def routes(base_url: str, desk: Desk) -> list[tuple[str, type[web.RequestHandler], dict[str, Any]]]:
    """Every route of ours below a server's base URL."""
    table: tuple[tuple[str, type[web.RequestHandler]], ...] = (
        ("verbs", Verbs),
        (r"verbs/([a-z-]+)", VerbOf),
        ("jobs", AllJobs),
        (f"jobs/{KEY}", OneJob),
        (f"logs/{KEY}", Log),
        ("review", Review),
        ("approve", Approve),
        (rf"frontends/{KEY}/(.+)", Frontends),
    )
    return [
        (url_path_join(base_url, "kernel-iso/api", pattern), handler, {"desk": desk})
        for pattern, handler in table
    ]
