"""Edits from a cell: the preview, what was installed by hand taken along, the running kernel pointed at the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kernel_iso.cli import rendering
from kernel_iso.cli.cell_answers import in_cell, shown, tell
from kernel_iso.cli.cell_kernels import Kernel
from kernel_iso.engine import Engine, adopting, verbs
from kernel_iso.engine.living import Step, step
from kernel_iso.engine.verbs import Outcome
from kernel_iso.errors import IsoError

Act = Any
DROP = "--drop"
TAKING_ALONG = ("add", "remove", "upgrade", "choose", "imports")
"""The verbs whose next generation would not hold what was installed by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a new generation means for the kernel: in words, and what it has to do."""

    text: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


def dropping(words: list[str]) -> tuple[bool, list[str]]:
    """Whether what was installed by hand is to be left behind, and the other words.

    >>> dropping(["add", "polars", "--drop"])
    (True, ['add', 'polars'])
    """
    if words[0] not in TAKING_ALONG or DROP not in words:
        return False, words
    return True, [word for word in words if word != DROP]


def edit(
    engine: Engine, kernel: Kernel, call: tuple[str, Act, Mapping[str, Any]], *, own: bool, drop: bool
) -> Outcome:
    """Show what changes where something that is there would change, then do it, and take the kernel along.

    `own` says that it is about the kernel's own environment, `drop` that what was installed by hand stays behind.
    """
    name, act, values = call
    by_hand = ""
    if own and not drop and name in TAKING_ALONG and (name != "imports" or values["add"]):
        by_hand = _taken_along(engine, kernel, dry=bool(values["dry"]))
    seen = act(engine, {**values, "dry": True})
    if "changes" not in seen.data or values["dry"]:
        offers = [{"label": "Add", "line": "imports --add"}] if seen.data.get("add") else []
        text = in_cell(f"{by_hand}\n{seen.text}".strip())
        return shown(text, rendering.html(name, seen.data, text), **({"offers": offers} if offers else {}))
    if by_hand:
        tell(engine, by_hand, rendering.pre(by_hand))
    if any(change.get("before") for change in seen.data["changes"]):
        text = in_cell(seen.text)
        tell(engine, text, rendering.html(name, seen.data, text))
    done = act(engine, values)
    found = stepped(engine, kernel, dict(done.data.get("ready") or {})) if own else Told()
    text = in_cell("\n".join(part for part in (done.text, found.text) if part))
    return shown(text, rendering.html(name, done.data, text), **found.more)


def _taken_along(engine: Engine, kernel: Kernel, *, dry: bool) -> str:
    """Adopt what was installed by hand into the kernel's prefix, where that is the present one; say what was done."""
    owner = engine.store.owner(kernel.prefix.owner)
    if owner is None or owner.now is None or owner.now.key != kernel.prefix.key:
        return ""
    found = adopting.by_hand(engine, kernel.prefix)
    lost = f"from a folder or a repository, and left behind: {', '.join(found.local)}" if found.local else ""
    if not found.wanted:
        return lost
    named = ", ".join(f"{item.name} {item.version}" for item in found.wanted)
    if not dry:
        try:
            whose = {"name": kernel.environment} if kernel.environment else {}
            verbs.TABLE["adopt"].act(engine, whose)
        except IsoError as error:
            error.hint = f"{DROP} leaves behind what was installed by hand ({named}); {error.hint}"
            raise
    word = "would be adopted" if dry else "adopted"
    return "\n".join(filter(None, [f"installed by hand, {word} ({DROP} leaves it behind): {named}", lost]))


def stepped(engine: Engine, kernel: Kernel, ready: Mapping[str, Any]) -> Told:
    """What a prefix that is ready means for the kernel that asked."""
    later = engine.store.find(str(ready.get("key", "")))
    if later is None or later.key == kernel.prefix.key or later.owner != kernel.prefix.owner:
        return Told()
    found = step(kernel.prefix, later, kernel.modules)
    if found.live:
        switch = {"prefix": later.path, "python": later.python}
        return Told(text="the next cell uses it; no restart is needed", more={"switch": switch})
    offers = [{"label": "Restart the kernel", "restart": True}]
    return Told(text=_why(found), more={"offers": offers})


def _why(found: Step) -> str:
    """Why the kernel has to be restarted.

    >>> _why(Step(python="3.12 → 3.13"))
    'restart the kernel to use it: Python 3.12 → 3.13'
    """
    rows = [
        f"{item.name} {item.before} {'→ ' + item.after if item.after else 'is gone'}, loaded as {', '.join(item.modules)}"
        for item in found.loaded
    ]
    rows += [f"Python {found.python}"] if found.python else []
    return "restart the kernel to use it: " + "; ".join(rows)
