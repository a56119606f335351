"""The verbs as every face calls them: plain arguments in, an Outcome out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernel_iso import policy as policies
from kernel_iso.engine import (
    doctoring,
    editing,
    environments,
    inspecting,
    preparing,
    running,
    targets,
    tidying,
)
from kernel_iso.engine.context import Engine
from kernel_iso.engine.differences import told, versions
from kernel_iso.engine.preparing import Ready
from kernel_iso.engine.targets import Target
from kernel_iso.engine.verbs import Outcome
from kernel_iso.errors import SpecError
from kernel_iso.model import Machine

Arguments = Mapping[str, Any]


def target_of(engine: Engine, arguments: Arguments) -> Target:
    """The target that the arguments name: a path, `-n NAME`, `KERNEL_ISO_NOTEBOOK`, or the working folder."""
    text, name = arguments.get("target") or "", arguments.get("name") or ""
    if not text and not name:
        text = engine.environ.get("KERNEL_ISO_NOTEBOOK", "")
    return targets.named(text, name, cwd=str(Path.cwd()))


def _ready(ready: Ready) -> tuple[dict[str, Any], str]:
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
    machine = None
    if arguments.get("machine"):
        machine = Machine.from_text(Path(arguments["machine"]).read_bytes())
    wish = preparing.read(engine, target_of(engine, arguments))
    made = preparing.make_plan(engine, wish, machine)
    approved = preparing.is_approved(engine, wish)
    lines = [
        f"{wish.target.label}: Python {made.python.version}, {made.backend}",
        "asks for: " + (", ".join(made.requirements) or "nothing beyond the kernel"),
        *(f"  {reason.text}" for reason in made.reasons),
    ]
    if not approved:
        lines.append(f'not approved on this machine: kernel-iso trust "{wish.target.path}"')
    data = {"plan": made.to_json(), "spec": wish.spec.to_json(), "owner": wish.owner, "approved": approved,
            "digest": made.digest()}  # fmt: skip
    return Outcome(data=data, text="\n".join(lines))


def lock(engine: Engine, arguments: Arguments) -> Outcome:
    """Lock and lay the lock with the notebook."""
    tags = tuple(tag for tag in str(arguments.get("tags") or "").replace(",", " ").split())
    made, locked, where = editing.lock_in_place(
        engine, target_of(engine, arguments), beside=bool(arguments.get("beside")), tags=tags
    )
    count = len(versions(locked))
    named = [part.accelerator for part in locked.parts if part.accelerator]
    builds = f" ({', '.join(named)})" if named else ""
    data = {
        "digest": locked.digest(),
        "plan": made.digest(),
        "packages": versions(locked),
        "where": where,
        "parts": [{"platform": part.platform, "accelerator": part.accelerator} for part in locked.parts],
    }
    return Outcome(data=data, text=f"locked {count} packages for Python {locked.python}{builds} in {where}")


def realise(engine: Engine, arguments: Arguments) -> Outcome:
    """Make the prefix, or find it ready."""
    ready = preparing.realise(
        engine,
        target_of(engine, arguments),
        fresh=bool(arguments.get("fresh")),
        trust=arguments.get("trust") or "",
    )
    data, text = _ready(ready)
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


def _split(engine: Engine, arguments: Arguments) -> tuple[Target, tuple[str, ...]]:
    """A notebook named first among the packages is the target: `kernel-iso add analysis.ipynb polars`."""
    words = [*(arguments.get("packages") or ())]
    if words and words[0].endswith((".ipynb", ".py")) and not arguments.get("name"):
        return target_of(engine, {"target": words[0]}), tuple(words[1:])
    return target_of(engine, {"target": arguments.get("notebook"), "name": arguments.get("name")}), tuple(
        words
    )


def _edited(edited: editing.Edited, *, dry: bool) -> Outcome:
    data: dict[str, Any] = {
        "changes": [item.to_json() for item in edited.changes], "dry": dry, "written": edited.written,
    }  # fmt: skip
    lines = [
        ("would change:" if dry else "changed:") if edited.changes else "",
        told(edited.changes, edited.companions),
    ]
    if edited.ready is not None:
        data["ready"], text = _ready(edited.ready)
        lines += [text] + ([f"written to {edited.written}"] if edited.written else [])
    return Outcome(data=data, text="\n".join(line for line in lines if line))


def add(engine: Engine, arguments: Arguments) -> Outcome:
    """Declare and install more."""
    target, words = _split(engine, arguments)
    dry = bool(arguments.get("dry"))
    return _edited(editing.add(engine, target, words, here=bool(arguments.get("here")), dry=dry), dry=dry)


def remove(engine: Engine, arguments: Arguments) -> Outcome:
    """Declare and install less."""
    target, words = _split(engine, arguments)
    dry = bool(arguments.get("dry"))
    return _edited(editing.remove(engine, target, words, here=bool(arguments.get("here")), dry=dry), dry=dry)


def upgrade(engine: Engine, arguments: Arguments) -> Outcome:
    """Lock again with newer versions."""
    target, words = _split(engine, arguments)
    dry = bool(arguments.get("dry"))
    return _edited(editing.upgrade(engine, target, words, dry=dry), dry=dry)


def packages(engine: Engine, arguments: Arguments) -> Outcome:
    """List what is installed."""
    found = inspecting.packages(engine, target_of(engine, arguments))
    width = max((len(item.name) for item in found), default=0)
    lines = [f"{item.name:<{width}}  {item.version:<12}  {item.role}".rstrip() for item in found]
    return Outcome(data={"packages": [item.to_json() for item in found]}, text="\n".join(lines))


def tree(engine: Engine, arguments: Arguments) -> Outcome:
    """Show what pulled what in."""
    found = inspecting.packages(engine, target_of(engine, arguments))
    lines = inspecting.tree(found, arguments.get("package") or "")
    return Outcome(
        data={"tree": lines, "packages": [item.to_json() for item in found]}, text="\n".join(lines)
    )


def inspect(engine: Engine, arguments: Arguments) -> Outcome:
    """Show the state."""
    state = inspecting.inspect(engine, target_of(engine, arguments))
    wish, prefix = state.wish, state.prefix
    data: dict[str, Any] = {
        "state": state.state, "owner": wish.owner, "spec": wish.spec.to_json(), "plan": state.plan.to_json(),
        "prefix": prefix.to_json() if prefix else None, "drift": [item.to_json() for item in state.drift],
        "unique_bytes": state.unique, "shared_bytes": state.shared,
    }  # fmt: skip
    lines = [
        f"{wish.target.label}: {state.state}",
        "asks for: " + (", ".join(wish.spec.requirements) or "nothing"),
    ]
    if prefix:
        size = f"{state.unique / 1e6:.0f} MB of its own, {state.shared / 1e6:.0f} MB shared"
        lines += [
            f"Python {prefix.version} ({prefix.backend}), generation {prefix.generation}, {len(prefix.packages)} packages",
            f"in {inspecting.where(prefix)}: {size}",
        ]
        if prefix.companions:
            lines.append(f"the kernel's own packages lie apart, in {prefix.companions}")
    if state.drift:
        lines += ["differs from what was made:", told(state.drift)]
    return Outcome(data=data, text="\n".join(lines))


def doctor(engine: Engine, arguments: Arguments) -> Outcome:
    """Examine."""
    asked = arguments.get("target") or arguments.get("name") or engine.environ.get("KERNEL_ISO_NOTEBOOK")
    target = target_of(engine, arguments) if asked else None
    examined = doctoring.doctor(engine, target, repair=bool(arguments.get("repair")))
    mark = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
    lines = []
    for item in examined.findings:
        lines.append(f"{mark[item.level]}  {item.seen}")
        lines += [f"         means: {item.means}"] if item.means else []
        lines += [f"         type:  {item.type}"] if item.type else []
    lines += [f"repaired  {item}" for item in examined.repaired]
    problems = any(item.level == "problem" for item in examined.findings) and not examined.repaired
    data = {"findings": [item.to_json() for item in examined.findings], "repaired": list(examined.repaired)}
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
    rows = policies.explain(engine.policy)
    width = max(len(row.key) for row in rows)
    lines = [
        f"{row.key:<{width}}  {row.value}   [{row.source}{', locked' if row.locked else ''}]" for row in rows
    ]
    data = {row.key: {"value": row.value, "source": row.source, "locked": row.locked} for row in rows}
    return Outcome(data=data, text="\n".join(lines))


def clean(engine: Engine, arguments: Arguments) -> Outcome:
    """Delete what nobody uses."""
    dry = bool(arguments.get("dry"))
    days = arguments.get("older_than")
    swept = tidying.sweep(engine, dry=dry, keep_days=float(days) if days else None)
    lines = [f"  {key}  {why}" for key, why in swept.removed]
    lines.append(f"{'would free' if dry else 'freed'} {swept.freed / 1e6:.1f} MB")
    return Outcome(data={"freed_bytes": swept.freed, "removed": [list(row) for row in swept.removed], "dry": dry},
                   text="\n".join(lines))  # fmt: skip


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


def create(engine: Engine, arguments: Arguments) -> Outcome:
    """Create a named environment."""
    name = arguments.get("environment") or ""
    if not name:
        raise SpecError(
            "nothing-named", "cannot create", "no name was given", "kernel-iso env create vision torch"
        )
    ready = environments.create(
        engine, name, arguments.get("packages") or (), python=arguments.get("python") or "",
        source=arguments.get("source") or "", prefix=arguments.get("prefix") or "", cwd=str(Path.cwd()),
    )  # fmt: skip
    data, text = _ready(ready)
    return Outcome(
        data=data | {"name": name}, text=f'{name}: {text}\nchoose the kernel "Isolated: {name}", or -n {name}'
    )


def listing(engine: Engine, arguments: Arguments) -> Outcome:
    """List the named environments."""
    rows, lines = [], []
    for owner, prefix in environments.listed(engine):
        about = (
            f"Python {prefix.version}, {len(prefix.packages)} packages" if prefix else "not made at present"
        )
        rows.append({"name": owner.id, "prefix": prefix.path if prefix else "", "about": about})
        lines.append(f"{owner.id:<24} {about}")
    return Outcome(
        data={"environments": rows},
        text="\n".join(lines) or "no named environment yet: kernel-iso env create NAME",
    )


def clone(engine: Engine, arguments: Arguments) -> Outcome:
    """Clone a named environment."""
    data, text = _ready(environments.clone(engine, arguments["source"], arguments["environment"]))
    return Outcome(data=data, text=f"{arguments['environment']}: {text}")


def rename(engine: Engine, arguments: Arguments) -> Outcome:
    """Rename a named environment."""
    data, text = _ready(environments.rename(engine, arguments["source"], arguments["environment"]))
    return Outcome(data=data, text=f"{arguments['environment']}: {text}")


def discard(engine: Engine, arguments: Arguments) -> Outcome:
    """Remove a named environment."""
    freed = environments.remove(engine, arguments["environment"])
    return Outcome(
        data={"freed_bytes": freed}, text=f"removed {arguments['environment']}, freed {freed / 1e6:.1f} MB"
    )
