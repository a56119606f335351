"""What would change between two sets of packages, and how it is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kernel_iso.engine import held
from kernel_iso.engine.fitting import pinned_versions
from kernel_iso.model import Lock, Record, Spec


class Change(Record, frozen=True, kw_only=True):
    """One package that changes: `before` or `after` is "" where it is not there.

    A `choice` is none, but the Python or the accelerator that is asked for.
    """

    name: str
    before: str = ""
    after: str = ""
    choice: bool = False

    def __str__(self) -> str:
        if not self.before:
            return f"+ {self.name} {self.after}"
        if not self.after:
            return f"- {self.name} {self.before}"
        return f"~ {self.name} {self.before} → {self.after}"


def versions(lock: Lock | None, platform: str = "", accelerator: str = "") -> dict[str, str]:
    """The names and versions that a lock installs (its first part, or that of a platform, and the kernel's own set)."""
    if lock is None:
        return {}
    part = (lock.part(platform, accelerator) if platform else None) or lock.parts[0]
    found = pinned_versions(lock.detached) if lock.detached else {}
    return found | held.versions(part)


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """What changes, by name.

    >>> [str(item) for item in difference({"a": "1", "b": "1"}, {"a": "2", "c": "1"})]
    ['~ a 1 → 2', '- b 1', '+ c 1']
    """
    names = sorted(before.keys() | after.keys())
    changes = (Change(name=name, before=before.get(name, ""), after=after.get(name, "")) for name in names)
    return tuple(item for item in changes if item.before != item.after)


def between(before: Spec, after: Spec, former: Lock | None, locked: Lock) -> tuple[Change, ...]:
    """What changes between two Specs and their locks: Python and accelerator first, then the packages.

    >>> from kernel_iso.model import Part
    >>> [str(item) for item in between(Spec(), Spec(accelerator="cpu"), None, Lock(plan="", parts=(Part(text=""),)))]
    ['~ accelerator auto → cpu']
    """
    python = (former.python, locked.python) if former is not None else ("", "")
    chosen = {"python": python, "accelerator": (before.accelerator, after.accelerator)}
    choices = (
        Change(name=name, before=one, after=other, choice=True)
        for name, (one, other) in chosen.items()
        if one != other
    )
    return (*choices, *difference(versions(former), versions(locked)))


def told(changes: tuple[Change, ...], kernels: Collection[str] = ()) -> str:
    """The changes as lines, additions last; what only the kernel needs (`kernels`) is counted where it is added.

    >>> told((Change(name="a", after="1"), Change(name="ipykernel", after="7")), {"ipykernel"})
    '  + a 1\\n  + 1 package that the kernel needs'
    """
    if not changes:
        return "nothing changes"
    order = sorted(changes, key=lambda item: (not item.before, item.name))
    shown = [item for item in order if item.before or item.name not in kernels]
    lines = [f"  {item}" for item in shown]
    if rest := len(order) - len(shown):
        lines.append(f"  + {rest} package{'s' if rest > 1 else ''} that the kernel needs")
    return "\n".join(lines)
