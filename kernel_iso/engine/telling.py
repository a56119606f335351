"""The verbs that say what is there, as every face calls them: plain arguments in, an Outcome out."""

from __future__ import annotations

from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kernel_iso.engine import inspecting
from kernel_iso.engine.acts import Arguments, target_of
from kernel_iso.engine.context import Engine
from kernel_iso.engine.differences import told
from kernel_iso.engine.inspecting import State
from kernel_iso.engine.verbs import Outcome
from kernel_iso.model.conda_specs import conda_name


def packages(engine: Engine, arguments: Arguments) -> Outcome:
    """List what is installed."""
    found = inspecting.packages(engine, target_of(engine, arguments))
    width = max((len(item.name) for item in found), default=0)
    lines = [f"{item.name:<{width}}  {item.version:<12}  {item.role}".rstrip() for item in found]
    if any(item.build for item in found):
        # As `conda list` has it: what comes from PyPI has no build.
        builds = max(len(item.build) for item in found)
        lines = [
            f"{line:<{width + 14}}  {item.build:<{builds}}  {item.channel or 'pypi'}  {item.role}".rstrip()
            for item, line in ((item, f"{item.name:<{width}}  {item.version}") for item in found)
        ]
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
    devices = [item.to_json() for item in state.machine.accelerators]
    data: dict[str, Any] = {
        "state": state.state, "label": wish.target.label, "owner": wish.owner, "spec": wish.spec.to_json(),
        "plan": state.plan.to_json() if state.plan else None, "prefix": prefix.to_json() if prefix else None,
        "drift": [item.to_json() for item in state.drift], "machine_drift": list(state.machine_drift),
        "notes": list(state.notes),
        "accelerator": prefix.accelerator if prefix else "", "accelerators": list(state.accelerators),
        "unique_bytes": state.unique, "shared_bytes": state.shared, "rows": rows(state),
        "machine": {"os": state.machine.os, "arch": state.machine.arch, "accelerators": devices},
        "generations": generations(engine, state), "found": state.found.to_json() if state.found else None,
    }  # fmt: skip
    return Outcome(data=data, text="\n".join(_lines(state)))


def rows(state: State) -> list[dict[str, str]]:
    """Each package as it is declared, locked and installed ("" where it is not), those that were asked for first."""
    spec = state.wish.spec
    declared = {conda_name(item): item for item in spec.conda}
    declared |= {str(canonicalize_name(Requirement(item).name)): item for item in spec.requirements}
    installed = {item.name: item for item in state.installed}
    names = [*declared, *sorted({*state.locked, *installed} - {*declared})]
    return [
        {
            "name": name, "declared": declared.get(name, ""), "locked": state.locked.get(name, ""),
            "installed": installed[name].version if name in installed else "",
            "role": "asked" if name in declared else installed[name].role if name in installed else "",
            "channel": installed[name].channel if name in installed else "",
        }
        for name in names
    ]  # fmt: skip


def generations(engine: Engine, state: State) -> list[dict[str, Any]]:
    """The owner's generations, the oldest first."""
    owner = engine.store.owner(state.wish.owner) if state.found is None else None
    told = []
    for number, item in enumerate(owner.generations if owner else ()):
        prefix = engine.store.find(item.key)
        count = len(prefix.packages) if prefix else 0
        current = owner is not None and number == owner.current
        told.append({"key": item.key, "made": item.made, "current": current, "packages": count})
    return told


def _lines(state: State) -> list[str]:
    wish, prefix = state.wish, state.prefix
    if state.found is not None:
        return [
            f"{wish.target.label}: runs in `{state.found.path}`, which is not kernel-iso's and is not changed by it",
            f"Python {state.found.version} ({state.found.tool}), {len(state.installed)} packages",
            "the kernel Isolated Python, or `kernel-iso isolate`, gives the notebook an environment of its own",
        ]
    lines = [
        f"{wish.target.label}: {state.state}",
        "asks for: " + (", ".join((*wish.spec.conda, *wish.spec.requirements)) or "nothing"),
    ]
    if prefix:
        size = f"{state.unique / 1e6:.0f} MB of its own, {state.shared / 1e6:.0f} MB shared"
        lines += [
            f"Python {prefix.version} ({prefix.backend}), generation {prefix.generation}, {len(prefix.packages)} packages",
            f"in {inspecting.where(prefix)}: {size}",
        ]
        if prefix.accelerator:
            parts = ", ".join(state.accelerators) or prefix.accelerator
            what = "conda's packages for" if prefix.backend == "conda" else "the"
            of = "" if prefix.backend == "conda" else " build of torch"
            lines.append(f"{what} {prefix.accelerator}{of}, of a lock for {parts}")
        lines += state.notes
        if prefix.companions:
            lines.append(f"the kernel's own packages lie apart, in {prefix.companions}")
    if state.drift:
        lines += ["differs from what was made:", told(state.drift)]
    if state.machine_drift:
        lines += ["since it was prepared:", *(f"  {text}" for text in state.machine_drift)]
    return lines
