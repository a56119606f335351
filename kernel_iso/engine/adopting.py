"""What was installed by hand (`!pip install`): tell it, and write it into what is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from kernel_iso.backends.conda import prefixes
from kernel_iso.engine import editing, inspecting, isolating
from kernel_iso.engine.acts import Arguments, edit_told, target_of
from kernel_iso.engine.context import Engine
from kernel_iso.engine.differences import Change, difference, told
from kernel_iso.engine.editing import Edited
from kernel_iso.engine.fitting import site_packages
from kernel_iso.engine.targets import Target
from kernel_iso.engine.verbs import Outcome
from kernel_iso.errors import SpecError
from kernel_iso.model import Package, Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """What differs from what was made. `wanted` are those that a person asked an installer for, the others came along.

    `local` are wanted ones that were installed from a folder or a repository: no index has them.
    """

    changes: tuple[Change, ...] = ()
    wanted: tuple[Package, ...] = ()
    local: tuple[str, ...] = ()
    installed: tuple[Package, ...] = ()


def by_hand(engine: Engine, prefix: Prefix) -> ByHand:
    """What was installed by hand into a prefix. What an installer notes as asked for counts (PEP 376, `REQUESTED`).

    Where none noted it, it is what nothing else needs.
    """
    installed = inspecting.installed(engine, prefix)
    made = {item.name: item.version for item in prefix.packages}
    changes = difference(made, {item.name: item.version for item in installed})
    names = {change.name for change in changes if change.after}
    asked, local = _noted(prefix, names)
    needed = {need for item in installed for need in item.requires}
    chosen = asked or {name for name in names if name not in needed}
    wanted = tuple(item for item in installed if item.name in chosen - local)
    return ByHand(changes=changes, wanted=wanted, local=tuple(sorted(chosen & local)), installed=installed)


def _noted(prefix: Prefix, names: set[str]) -> tuple[set[str], set[str]]:
    """The names that an installer was asked for, and those that lie in a folder or came from a repository."""
    asked, local = set(), set()
    folder = str(site_packages(Path(prefix.path), prefix.version))
    for item in metadata.distributions(path=[folder]):
        name = str(canonicalize_name(item.metadata["Name"] or ""))
        if name not in names:
            continue
        if item.read_text("REQUESTED") is not None:
            asked.add(name)
        if (item.read_text("INSTALLER") or "").strip() == prefixes.INSTALLER:
            continue  # its address is that of the folder in which somebody built the package
        # PEP 610: what came from an index has no such file, and what came from an archive could be had again.
        if (address := item.read_text("direct_url.json")) and "archive_info" not in json.loads(address):
            local.add(name)
    return asked, local


def adopt(engine: Engine, target: Target, names: Sequence[str] = (), *, dry: bool = False) -> Edited:
    """Declare what was installed by hand (all of it, or `names`) and make the next generation with these versions.

    What a conda installed is declared as conda's, all other as PyPI's, also where it stands for a package of conda's.

    Raises `SpecError` (`nothing-to-adopt`), and whatever `editing.add` raises.
    """
    _, prefix = inspecting.required(engine, target)
    found = by_hand(engine, prefix)
    there = {item.name: item.version for item in found.wanted}
    chosen = [str(canonicalize_name(name)) for name in names] or list(there)
    missing = [name for name in chosen if name not in there]
    if missing or not chosen:
        what = f"`{missing[0]}`" if missing else f"anything in `{target.label}`"
        because = "nothing of the kind was installed by hand"
        if found.local and (not missing or missing[0] in found.local):
            because = f"{', '.join(found.local)} came from a folder or a repository, and no index has it"
        raise SpecError(
            "nothing-to-adopt", f"cannot adopt {what}", because, "kernel-iso diff   shows what differs"
        )
    own = {item.name for item in found.wanted if item.installer == prefixes.INSTALLER}
    requirements = [isolating.bounded(name, there[name]) for name in chosen if name not in own]
    conda = [f"{name}={there[name]}" for name in chosen if name in own]
    keep = isolating.as_lock({item.name: item.version for item in found.installed})
    return editing.add(engine, target, requirements, conda=False, conda_too=conda, keep=keep, dry=dry)


def adopted(engine: Engine, arguments: Arguments) -> Outcome:
    """Adopt what was installed by hand."""
    named = arguments.get("notebook") or arguments.get("target")
    target, dry = target_of(engine, {**arguments, "target": named}), bool(arguments.get("dry"))
    names = tuple(arguments.get("names") or ())
    return edit_told(adopt(engine, target, names, dry=dry), target, dry=dry)


def diff(engine: Engine, arguments: Arguments) -> Outcome:
    """Show how the environment differs from what was made, and the machine from what it was made on."""
    target = target_of(engine, arguments)
    state = inspecting.inspect(engine, target)
    found = by_hand(engine, state.prefix) if state.prefix and not state.found else ByHand()
    lines = [told(state.drift)] if state.drift else []
    if found.wanted:
        named = ", ".join(f"{item.name} {item.version}" for item in found.wanted)
        lines += [f"installed by hand: {named}", "kernel-iso adopt   writes it into what is asked"]
    if found.local:
        lines.append(f"from a folder or a repository: {', '.join(found.local)}; no index has it")
    if state.machine_drift:
        lines += ["since it was prepared:", *(f"  {text}" for text in state.machine_drift)]
    if state.state == "out-of-date":
        lines.append("something else is asked by now: kernel-iso realise   makes it")
    data: dict[str, Any] = {
        "state": state.state, "drift": [item.to_json() for item in state.drift],
        "by_hand": [item.name for item in found.wanted], "local": list(found.local),
        "machine_drift": list(state.machine_drift),
    }  # fmt: skip
    return Outcome(data=data, text="\n".join(lines) or "nothing differs")
