"""The verbs as every face calls them: plain arguments in, an Outcome out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kernel_iso import notebooks
from kernel_iso import policy as policies
from kernel_iso.engine import (
    doctoring,
    editing,
    environments,
    handing,
    inspecting,
    preparing,
    recording,
    running,
    targets,
    tidying,
)
from kernel_iso.engine.channels import policy_for
from kernel_iso.engine.context import Engine
from kernel_iso.engine.differences import told, versions
from kernel_iso.engine.doctoring import reporting
from kernel_iso.engine.preparing import Ready
from kernel_iso.engine.targets import Target
from kernel_iso.engine.verbs import Outcome
from kernel_iso.model import Machine, Spec
from kernel_iso.processes import redact

Arguments = Mapping[str, Any]


def target_of(engine: Engine, arguments: Arguments) -> Target:
    """The target that the arguments name: a path, `-n NAME`, `KERNEL_ISO_NOTEBOOK`, or the working folder."""
    text, name = arguments.get("target") or "", arguments.get("name") or ""
    if not text and not name:
        text = engine.environ.get("KERNEL_ISO_NOTEBOOK", "")
    target = targets.named(text, name, cwd=engine.root or str(Path.cwd()), root=engine.root)
    if arguments.get("document") and target.kind == "notebook":
        document = notebooks.OpenDocument(Path(target.path), json.loads(arguments["document"]))
        return replace(target, document=document)
    return target


def changed(target: Target, waiting: Sequence[str] = ()) -> dict[str, Any]:
    """What the page must do to the document that it sent, {} where it sent none.

    `waiting` are the edits that it gives back to `take` once that is done: until then they are not lost with the page.
    """
    if target.document is None:
        return {}
    return {"document": target.document.changes(), **({"waiting": list(waiting)} if waiting else {})}


def ready_told(ready: Ready) -> tuple[dict[str, Any], str]:
    """A prefix that is ready: for programs, and in one line for people."""
    prefix = ready.prefix
    data = {
        "key": prefix.key, "path": prefix.path, "python": prefix.python, "version": prefix.version,
        "backend": prefix.backend, "owner": ready.owner, "generation": prefix.generation, "made": ready.made,
        "lock": prefix.lock, "packages": {item.name: item.version for item in prefix.packages},
    }  # fmt: skip
    word = "made" if ready.made else "ready"
    return (
        data,
        f"{word}: Python {prefix.version}, {len(prefix.packages)} packages, in {inspecting.where(prefix)}",
    )


def plan(engine: Engine, arguments: Arguments) -> Outcome:
    """Say what would be made, and why; nothing is resolved or fetched."""
    wish = preparing.read(engine, target_of(engine, arguments))
    made = preparing.make_plan(engine, wish, recorded(arguments))
    approved = preparing.is_approved(engine, wish)
    lines = [
        f"{wish.target.label}: Python {made.python.version}, {made.backend}",
        "asks for: " + (", ".join((*made.conda, *made.requirements)) or "nothing beyond the kernel"),
        *(f"  {reason.text}" for reason in made.reasons),
    ]
    if not approved:
        lines.append(f'not approved on this machine: kernel-iso trust "{wish.target.path}"')
    data = {"plan": made.to_json(), "spec": wish.spec.to_json(), "owner": wish.owner, "approved": approved,
            "digest": made.digest()}  # fmt: skip
    return Outcome(data=data, text="\n".join(lines))


def recorded(arguments: Arguments) -> Machine | None:
    """The recorded machine that `--machine` names, None where none is named."""
    name = arguments.get("machine")
    return recording.read(Path(name).expanduser()) if name else None


def lock(engine: Engine, arguments: Arguments) -> Outcome:
    """Lock and lay the lock with the notebook."""
    tags = tuple(tag for tag in str(arguments.get("tags") or "").replace(",", " ").split())
    target = target_of(engine, arguments)
    done = editing.lock_in_place(
        engine,
        target,
        beside=bool(arguments.get("beside")),
        tags=tags,
        elsewhere=recorded(arguments),
    )
    made, locked, where = done.plan, done.lock, done.where
    count = len(versions(locked))
    named = [part.accelerator for part in locked.parts if part.accelerator]
    builds = f" ({', '.join(named)})" if named else ""
    data = {
        "digest": locked.digest(),
        "plan": made.digest(),
        "packages": versions(locked),
        "where": where,
        "parts": [{"platform": part.platform, "accelerator": part.accelerator} for part in locked.parts],
        **changed(target, done.waiting),
    }
    return Outcome(data=data, text=f"locked {count} packages for Python {locked.python}{builds} in {where}")


def realise(engine: Engine, arguments: Arguments) -> Outcome:
    """Make the prefix, or find it ready."""
    target = target_of(engine, arguments)
    if target.kind == "notebook":
        handing.settle(engine, Path(target.path))
    ready = preparing.realise(
        engine,
        target,
        fresh=bool(arguments.get("fresh")),
        trust=arguments.get("trust") or "",
    )
    data, text = ready_told(ready)
    return Outcome(data=data, text=text)


def run(engine: Engine, arguments: Arguments) -> Outcome:
    """Execute a notebook headless."""
    ready, result = running.run(
        engine,
        target_of(engine, arguments),
        output=str(Path(arguments["output"]).expanduser().absolute()) if arguments.get("output") else "",
        trust=arguments.get("trust") or "",
        timeout=float(arguments.get("timeout") or 0),
        allow_errors=bool(arguments.get("allow_errors")),
    )
    failed = result.get("failed")
    text = f"ran {ready.target.label} with Python {ready.prefix.version} → {result['output']}"
    if failed:
        text = f"{text}\ncell {failed['cell']} failed: {failed['ename']}: {failed['evalue']}"
    status = 1 if failed and not arguments.get("allow_errors") else 0
    return Outcome(data=result | {"prefix": ready.prefix.key}, text=text, status=status)


def edit_told(edited: editing.Edited, target: Target, *, dry: bool) -> Outcome:
    """What an edit did, or would do."""
    data: dict[str, Any] = {
        "changes": [item.to_json() for item in edited.changes], "dry": dry, "written": edited.written,
        **({} if dry else changed(target, edited.waiting)),
    }  # fmt: skip
    lines = [
        ("would change:" if dry else "changed:") if edited.changes else "",
        told(edited.changes, edited.companions),
    ]
    if edited.ready is not None:
        data["ready"], text = ready_told(edited.ready)
        lines += [text] + ([f"written to {edited.written}"] if edited.written else [])
    return Outcome(data=data, text="\n".join(line for line in lines if line))


def take(engine: Engine, arguments: Arguments) -> Outcome:
    """Make the edits that wait for a page."""
    target = target_of(engine, arguments)
    names = handing.take(engine, target, tuple(arguments.get("taken") or ()))
    text = f"{len(names)} edits waited" if len(names) != 1 else "1 edit waited"
    return Outcome(data={"taken": list(names), **changed(target)}, text=text)


def doctor(engine: Engine, arguments: Arguments) -> Outcome:
    """Examine."""
    asked = arguments.get("target") or arguments.get("name") or engine.environ.get("KERNEL_ISO_NOTEBOOK")
    target = target_of(engine, arguments) if asked else None
    examined = doctoring.doctor(engine, target, repair=bool(arguments.get("repair")))
    mark = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
    lines = []
    for item in examined.findings:
        word = "" if item.level == "ok" else f"  [{item.check}]"
        lines.append(f"{mark[item.level]}  {item.seen}{word}")
        lines += [f"         means: {item.means}"] if item.means else []
        lines += [f"         type:  {item.type}"] if item.type else []
    lines += [f"repaired  {item}" for item in examined.repaired]
    problems = any(item.level == "problem" for item in examined.findings)
    data = reporting.report(examined, engine.environ)
    return Outcome(data=data, text="\n".join(lines), status=1 if problems else 0)


def trust(engine: Engine, arguments: Arguments) -> Outcome:
    """Show what a notebook wants, and approve it."""
    wish = preparing.read(engine, target_of(engine, arguments))
    digest = preparing.covered(engine, wish)
    spec = wish.spec
    lines = [
        f"{wish.target.label} wants: "
        + (", ".join((*spec.requirements, *spec.conda)) or "nothing beyond the kernel"),
        *(f"  constraint {item}" for item in spec.constraints),
        *(f"  a lock in {found.where}" for found in wish.locks),
        *(f"  index {index.name}: {index.url}" for index in spec.indexes),
        *(f"  channel {redact(name)}" for name in spec.channels),
        *(f"  variable {name}={value}" for name, value in spec.env),
        f"digest {digest}",
    ]
    if arguments.get("revoke"):
        engine.approvals.revoke(digest)
        lines.append("no longer approved on this machine")
    elif arguments.get("show"):
        lines.append("approved here" if preparing.is_approved(engine, wish) else "not approved here")
    else:
        preparing.approve(engine, wish)
        lines.append("approved on this machine")
    data = {"digest": digest, "approved": preparing.is_approved(engine, wish), "spec": spec.to_json(),
            "locks": [found.where for found in wish.locks]}  # fmt: skip
    return Outcome(data=data, text="\n".join(lines))


def policy(engine: Engine, arguments: Arguments) -> Outcome:
    """Show every value and its source."""
    # The person's own conda configuration names the channels where nobody else has.
    rows = policies.explain(policy_for(engine, Spec(backend="conda")))
    width = max(len(row.key) for row in rows)
    lines = [
        f"{row.key:<{width}}  {row.value}   [{row.source}{', locked' if row.locked else ''}]" for row in rows
    ]
    data = {row.key: {"value": row.value, "source": row.source, "locked": row.locked} for row in rows}
    return Outcome(data=data, text="\n".join(lines))


def clean(engine: Engine, arguments: Arguments) -> Outcome:
    """Delete what nobody uses, or what was chosen."""
    dry = bool(arguments.get("dry"))
    days, keys = arguments.get("older_than"), tuple(arguments.get("keys") or ())
    if keys:
        swept = tidying.remove(engine, keys, dry=dry)
    else:
        swept = tidying.sweep(engine, dry=dry, keep_days=float(days) if days else None)
    lines = [f"  {key}  {why}" for key, why in swept.removed]
    lines += [f"  {key}  stays: {why}" for key, why in swept.refused]
    lines.append(f"{'would free' if dry else 'freed'} {swept.freed / 1e6:.1f} MB")
    data = {"freed_bytes": swept.freed, "removed": [list(row) for row in swept.removed], "dry": dry,
            "refused": [list(row) for row in swept.refused]}  # fmt: skip
    return Outcome(data=data, text="\n".join(lines), status=1 if swept.refused else 0)


def probe(engine: Engine, arguments: Arguments) -> Outcome:
    """Show the machine."""
    machine = preparing.machine_here(engine)
    lines = [f"{machine.os} {machine.arch} {machine.libc}".rstrip()]
    lines += [f"Python {item.version:<8} {item.source:<7} {item.path}" for item in machine.pythons]
    lines += [f"{item.kind} {item.name} {item.architecture}" for item in machine.accelerators]
    lines += [*machine.findings]
    return Outcome(data=machine.to_json(), text="\n".join(lines))


def execute(engine: Engine, arguments: Arguments) -> Outcome:
    """Run a command in the environment."""
    command = [item for item in arguments.get("command") or () if item != "--"]
    captured = bool(arguments.get("capture")) or engine.captures
    target = target_of(engine, arguments)
    result = running.execute(engine, target, command, capture=captured, trust=arguments.get("trust") or "")
    return Outcome(data=result, text=result.get("stdout", "").rstrip("\n"), status=result["status"])


def shell(engine: Engine, arguments: Arguments) -> Outcome:
    """Open a shell in the environment."""
    result = running.shell(engine, target_of(engine, arguments))
    return Outcome(data=result, status=result["status"])


def listing(engine: Engine, arguments: Arguments) -> Outcome:
    """List the named environments."""
    rows, lines = [], []
    for owner, prefix in environments.listed(engine):
        kind = "conda, " if prefix and prefix.backend == "conda" else ""
        about = (
            f"Python {prefix.version}, {kind}{len(prefix.packages)} packages"
            if prefix
            else "not made at present"
        )
        backend = prefix.backend if prefix else ""
        rows.append(
            {"name": owner.id, "prefix": prefix.path if prefix else "", "about": about, "backend": backend}
        )
        lines.append(f"{owner.id:<24} {about}")
    return Outcome(
        data={"environments": rows},
        text="\n".join(lines) or "no named environment yet: kernel-iso env create NAME",
    )


def clone(engine: Engine, arguments: Arguments) -> Outcome:
    """Clone a named environment."""
    data, text = ready_told(environments.clone(engine, arguments["source"], arguments["environment"]))
    return Outcome(data=data, text=f"{arguments['environment']}: {text}")


def rename(engine: Engine, arguments: Arguments) -> Outcome:
    """Rename a named environment."""
    data, text = ready_told(environments.rename(engine, arguments["source"], arguments["environment"]))
    return Outcome(data=data, text=f"{arguments['environment']}: {text}")


def discard(engine: Engine, arguments: Arguments) -> Outcome:
    """Remove a named environment."""
    freed = environments.remove(engine, arguments["environment"])
    return Outcome(
        data={"freed_bytes": freed}, text=f"removed {arguments['environment']}, freed {freed / 1e6:.1f} MB"
    )
