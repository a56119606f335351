"""Look packages up by name: on the policy's indexes, or among the names that this machine has seen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernel_iso import backends, notebooks
from kernel_iso.backends import explicit
from kernel_iso.backends.explaining import sentences
from kernel_iso.engine import conda_caches, held
from kernel_iso.engine.context import Engine
from kernel_iso.errors import ImpossibleError, SpecError, ToolError
from kernel_iso.model import Index, Plan, Record
from kernel_iso.model.conda_specs import conda_name
from kernel_iso.planning.cooldown import limit, normalised
from kernel_iso.planning.indexes import comparable

WORKER = "kernel_iso.engine.indexing"

COMPLETIONS = 20


class Release(Record, frozen=True, kw_only=True):
    """A release: `uploaded` is an ISO time, "" where the index does not tell."""

    version: str
    uploaded: str


class Found(Record, frozen=True, kw_only=True):
    """A package on an index (`index` is its name in the policy): its `versions`, the newest first.

    `newest` is the one that a person would get who asks for no version: not yanked, not a pre-release where there is
    another, and not newer than the policy's cool-down allows.
    """

    name: str
    summary: str
    index: str
    versions: tuple[str, ...]
    newest: Release | None
    installed: str


def search(engine: Engine, text: str, *, installed: Mapping[str, str] | None = None) -> Found:
    """What the policy's indexes say of a package: the first that has it.

    `installed` are versions by name. Raises `SpecError` (`bad-requirement`, `no-such-package`), `ImpossibleError`
    (`index-offline`) and `ToolError` (`index-refused`, `index-untrusted`, `index-unreachable`).
    """
    name = Requirement(notebooks.requirement(text)).name
    (answer,) = ask(engine, [(name, "", "")], summary=True)
    if answer["index"] < 0:
        names = sentences.quoted(index.name for index in usable(engine))
        near = sentences.suggestion(name)
        raise SpecError(
            "no-such-package",
            f"cannot find the package `{name}`",
            f"no index has it: {names}",
            f"did you mean `{near}`?"
            if near
            else f"kernel-iso search --complete {name[:3]}   lists names like it",
        )
    index = usable(engine)[answer["index"]]
    refuse_failure(index, answer["failure"], f"cannot look `{name}` up")
    files = allowed(engine, answer["files"])
    versions = sorted({file["version"] for file in files}, key=Version, reverse=True)
    return Found(
        name=name, summary=answer["summary"], index=index.name, versions=tuple(versions), newest=_newest(files),
        installed=(installed or {}).get(str(canonicalize_name(name)), ""),
    )  # fmt: skip


def on_channels(
    engine: Engine, text: str, plan: Plan, *, installed: Mapping[str, str] | None = None
) -> Found:
    """What the plan's conda channels say of a package: the first that has it. Channels have no summaries.

    Raises `SpecError` (`bad-conda-dependency`, `no-such-package`) and `ToolError` (`channel-unreachable`, …).
    """
    name = conda_name(text)
    backend = cast("Any", backends.find("conda"))
    found = backend.versions(name, plan, engine.run("search"))
    if not found:
        raise SpecError(
            "no-such-package", f"cannot find the conda package `{name}`",
            f"no channel has it: {', '.join(plan.channels)}",
            f"kernel-iso search --complete {name[:3]}   lists names like it",
        )  # fmt: skip
    versions = tuple(dict.fromkeys(each["version"] for each in found))
    return Found(
        name=name, summary="", index=explicit.channel(found[0]["channel"]), versions=versions,
        newest=Release(version=versions[0], uploaded=found[0]["uploaded"]), installed=(installed or {}).get(name, ""),
    )  # fmt: skip


def allowed(engine: Engine, files: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The files that are not yanked, and old enough for the policy's cool-down where their age is known."""
    there = [file for file in files if not file["yanked"]]
    if not engine.policy.exclude_newer:
        return there
    latest = limit(normalised(engine.policy.exclude_newer, "the policy"), datetime.now(UTC))
    return [
        file for file in there if not file["uploaded"] or datetime.fromisoformat(file["uploaded"]) <= latest
    ]


def _newest(files: Sequence[Mapping[str, Any]]) -> Release | None:
    def rank(file: Mapping[str, Any]) -> tuple[bool, Version]:
        version = Version(file["version"])
        return not version.is_prerelease, version

    if not files:
        return None
    best = max(files, key=rank)["version"]
    times = [file["uploaded"] for file in files if file["version"] == best and file["uploaded"]]
    return Release(version=best, uploaded=min(times, default=""))


def usable(engine: Engine) -> tuple[Index, ...]:
    """The policy's indexes that serve every package, in order, then those that serve only what is bound to them."""
    return tuple(sorted(engine.policy.indexes, key=lambda index: index.explicit))


def ask(
    engine: Engine, wanted: Sequence[tuple[str, str, str]], *, summary: bool = False
) -> list[dict[str, Any]]:
    """What the indexes say of packages: (name, version or "", URL of the index that it comes from or "") each.

    The answers are those of `indexing`, in order. Raises `ImpossibleError` (`index-offline`) and what a worker raises.
    """
    if engine.policy.offline:
        raise ImpossibleError(
            "index-offline",
            "cannot ask an index",
            f"the network is off: offline is set ({engine.policy.source_of('offline')})",
            "go online, or set `offline = false` in the policy",
        )
    indexes = usable(engine)
    shared = [number for number, index in enumerate(indexes) if not index.explicit]
    places = {comparable(index.url): [number] for number, index in enumerate(indexes)}
    request = {
        "indexes": [
            {
                "url": index.url,
                "login": login(index.name, engine.environ),
                "insecure": bool(
                    {urlsplit(index.url).hostname, urlsplit(index.url).netloc}
                    & {*engine.policy.trusted_hosts}
                ),
            }
            for index in indexes
        ],
        "certificates": engine.environ.get("SSL_CERT_FILE") or engine.environ.get("PIP_CERT") or "",
        "asked": [
            {"name": name, "version": version, "indexes": places.get(comparable(url), []) if url else shared}
            for name, version, url in wanted
        ],
        "summary": summary,
    }
    result = engine.run("search").worker(WORKER, request)
    assert isinstance(result, dict)
    return list(result["answers"])


def refuse_failure(index: Index, failure: Sequence[str] | None, what: str) -> None:
    """Raise the `ToolError` about an index that did not answer; nothing where it did."""
    if not failure:
        return
    kind, text = failure
    errors: dict[str, ToolError] = {
        "refused": sentences.refused(index.url, text.removeprefix("it answered "), what, ""),
        "untrusted": sentences.untrusted(index.url, what, ""),
    }
    raise errors.get(kind) or sentences.unreachable(index.url, text, what, "")


def login(name: str, environ: Mapping[str, str]) -> list[str] | None:
    """The name and password for an index, as uv finds them; those of netrc are found by who asks.

    >>> login("my-index", {"UV_INDEX_MY_INDEX_USERNAME": "ada", "UV_INDEX_MY_INDEX_PASSWORD": "x"})
    ['ada', 'x']
    """
    variable = "UV_INDEX_" + re.sub(r"[^A-Za-z0-9]", "_", name).upper()
    user = environ.get(f"{variable}_USERNAME", "")
    password = environ.get(f"{variable}_PASSWORD", "")
    return [user, password] if user or password else None


def names(engine: Engine, beginning: str) -> tuple[str, ...]:
    """The package names that begin so, the most frequent first: from prefixes, kept locks, and the conda channels that were
    asked last; without the network."""
    start = re.sub(r"[-_.]+", "-", beginning).lower()
    seen: Counter[str] = Counter()
    for prefix in engine.store.prefixes():
        seen.update(item.name for item in prefix.packages if item.name.startswith(start))
    for lock in engine.store.locks():
        for part in lock.parts:
            found = held.names(part)
            seen.update(name for name in found if name.startswith(start))
    for name in conda_caches.names(engine, beginning.lower()):
        seen.setdefault(name, 0)
    ranked = sorted(seen, key=lambda name: (-seen[name], name))
    return tuple(ranked[:COMPLETIONS])
