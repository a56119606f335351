"""The verbs that show before they change, as every face calls them: plain arguments in, an Outcome out."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import msgspec

from kernel_iso.engine import (
    declaring,
    inspecting,
    isolating,
    lookups,
    overviews,
    preparing,
    reviewing,
    undoing,
)
from kernel_iso.engine import (
    frontends as fronts,
)
from kernel_iso.engine.acts import Arguments, changed, edit_told, ready_told, target_of
from kernel_iso.engine.context import Engine
from kernel_iso.engine.targets import Target
from kernel_iso.engine.verbs import Outcome
from kernel_iso.errors import SpecError


def review(engine: Engine, arguments: Arguments) -> Outcome:
    """Show what a notebook wants."""
    found = reviewing.review(engine, target_of(engine, arguments), versions=bool(arguments.get("versions")))
    return Outcome(data=found.to_json(), text="\n".join(reviewing.lines(found)))


def overview(engine: Engine, arguments: Arguments) -> Outcome:
    """Show every prefix."""
    found = overviews.overview(engine)
    return Outcome(data=found.to_json(), text="\n".join(overviews.lines(found, time.time())))


def undo(engine: Engine, arguments: Arguments) -> Outcome:
    """Go back to the former generation, or forward."""
    target, dry = target_of(engine, arguments), bool(arguments.get("dry"))
    return edit_told(undoing.undo(engine, target, redo=bool(arguments.get("redo")), dry=dry), target, dry=dry)


def search(engine: Engine, arguments: Arguments) -> Outcome:
    """Look a package up, or complete a name."""
    if beginning := str(arguments.get("prefix") or ""):
        names = lookups.names(engine, beginning)
        return Outcome(data={"names": list(names)}, text="\n".join(names))
    name = str(arguments.get("name") or "")
    if not name:
        raise SpecError("nothing-named", "cannot search", "no package was named", "kernel-iso search polars")
    place = {"target": arguments.get("target"), "name": arguments.get("environment")}
    installed: dict[str, str] = {}
    wish = None
    if any(place.values()):
        wish = preparing.read(engine, target_of(engine, {**arguments, **place}))
        prefix = inspecting.current(engine, wish)
        installed = {item.name: item.version for item in prefix.packages} if prefix else {}
    if plan := preparing.channels_plan(engine, wish, conda=declaring.side(arguments)):
        found = lookups.on_channels(engine, name, plan, installed=installed)
    else:
        found = lookups.search(engine, name, installed=installed)
    lines = [f"{found.name} on {found.index}" + (f": {found.summary}" if found.summary else "")]
    if found.newest:
        lines.append(f"newest     {found.newest.version}  {found.newest.uploaded[:10]}".rstrip())
    lines += [f"installed  {found.installed}"] if found.installed else []
    more = len(found.versions) - 12
    lines.append(f"versions   {' '.join(found.versions[:12])}" + (f" and {more} more" if more > 0 else ""))
    return Outcome(data=found.to_json(), text="\n".join(lines))


def isolate(engine: Engine, arguments: Arguments) -> Outcome:
    """Propose what a notebook needs, write it, try it."""
    target = target_of(engine, arguments)
    found = isolating.isolate(
        engine,
        target,
        str(arguments.get("python") or ""),
        apply=bool(arguments.get("apply")),
        trial=bool(arguments.get("trial")),
    )
    data: dict[str, Any] = {
        "imports": list(found.imports), "proposal": msgspec.to_builtins(found.proposal),
        "missing": list(found.missing), "local": list(found.local), "suggested": isolating.suggested(found.missing),
        "python": found.python, "written": found.written, "tried": dict(found.tried),
    }  # fmt: skip
    lines = isolating.lines(found, target.label)
    if found.ready:
        data["ready"], text = ready_told(found.ready)
        lines.append(text)
    data |= changed(target, found.waiting)
    return Outcome(data=data, text="\n".join(lines), status=1 if found.tried.get("failed") else 0)


def frontends(engine: Engine, arguments: Arguments) -> Outcome:
    """List the front ends in a prefix."""
    wish, prefix = inspecting.required(engine, target_of(engine, arguments))
    preparing.require_approval(engine, wish)
    found = fronts.frontends(prefix, fronts.as_served(arguments.get("served") or ()))
    refused = fronts.refusal(engine.policy)
    lines = []
    for item in found:
        lines.append(f"{item.module} {item.version}  {item.kind} of {item.package or 'no known package'}")
        lines += [f"  {item.conflict}"] if item.conflict else []
    return Outcome(
        data={
            "frontends": [item.to_json() for item in found],
            "refused": refused.to_json() if refused else None,
        },
        text="\n".join(lines) or "no package of it brings a front end",
    )


def log(engine: Engine, arguments: Arguments) -> Outcome:
    """Show the log of the last build, finished or not."""
    key = str(arguments.get("key") or "") or _key(engine, target_of(engine, arguments))
    events = engine.store.history(key) if key else []
    if not events:
        text = "there is no log: nothing was built for it on this machine, or the clean-up has taken it"
        return Outcome(data={"key": key, "events": []}, text=text)
    lines = [
        f"{datetime.fromtimestamp(event.at).astimezone():%H:%M:%S}  {event.text}"
        for event in events
        if event.text
    ]
    last = events[-1].error
    lines += [f"failed: {last.get('because', '')}"] if last else []
    return Outcome(data={"key": key, "events": [event.to_json() for event in events]}, text="\n".join(lines))


def _key(engine: Engine, target: Target) -> str:
    """The key of the prefix that is, or would be, the target's; "" where nothing was locked yet."""
    wish = preparing.read(engine, target)
    owner = engine.store.owner(wish.owner)
    machine = preparing.machine_here(engine)
    plan = preparing.make_plan(engine, wish, machine)
    for locked in (wish.own_lock, engine.store.kept(plan.digest())):
        if locked is not None and locked.plan == plan.digest():
            key = preparing.key_of(engine, wish, plan, locked, machine)
            if engine.store.history(key):
                return key  # also where that build failed, and nobody owns it
    return owner.now.key if owner and owner.now else ""
