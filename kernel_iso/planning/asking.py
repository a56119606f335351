"""Which build of torch somebody asks for, by one of the ways that people know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kernel_iso.accelerators import Table
from kernel_iso.model import Plan
from kernel_iso.planning.indexes import torch_tag
from kernel_iso.planning.rules import Case
from kernel_iso.planning.torches import Wish, is_tag

VARIABLE = "UV_TORCH_BACKEND"
"""uv's own: https://docs.astral.sh/uv/guides/integration/pytorch/#automatic-backend-selection"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The `tag` of a build, who asks for it, and how to take that back; `notes` tell what was passed over."""

    tag: str = ""
    text: str = ""
    undo: str = ""
    notes: tuple[str, ...] = ()


def asked(wish: Wish, plan: Plan, case: Case, table: Table) -> Asked:
    """The build that is asked for: by the Spec, a pinned version, an index, torch-directml, or the person's variable.

    The first of these decides; an empty tag leaves the choice to the machine.
    """
    ways = [each for each in _ways(wish, plan, case, table) if each.tag or each.notes]
    first = next((each for each in ways if each.tag), Asked())
    notes = [note for each in ways for note in each.notes]
    notes += [f"{each.text}: that is passed over" for each in ways if each.tag not in ("", first.tag)]
    return replace(first, notes=tuple(notes))


def _ways(wish: Wish, plan: Plan, case: Case, table: Table) -> Iterator[Asked]:
    spec = case.spec
    if spec.accelerator not in ("", "auto"):
        text = f"the build `{spec.accelerator}` is asked for"
        yield Asked(tag=spec.accelerator, text=text, undo="leave `accelerator` out")
    if wish.local:
        text = f"a version is pinned to the build `+{wish.local}`"
        yield Asked(tag=wish.local, text=text, undo="pin the version without its build")
    if tag := bound(plan, case, table):
        text = f"the index of the build `{tag}` is named where the wish is declared"
        yield _unless_macos(Asked(tag=tag, text=text, undo="take that index out"), case)
    if set(wish.names) & set(table.directml):
        yield Asked(
            tag="cpu", text="torch-directml works over the CPU build", undo="leave torch-directml out"
        )
    yield _unless_macos(_variable(case), case)


def bound(plan: Plan, case: Case, table: Table) -> str:
    """The tag of the index of torch's builds that the wish itself names: for torch's family, or for everything."""
    urls = {index.name: index.url for index in plan.indexes}
    pinned = [urls.get(index, "") for name, index in plan.pins if name in table.family("cu126")]
    if not pinned:
        pinned = [index.url for index in case.spec.indexes if not index.explicit]
    return next(filter(None, (torch_tag(url, case.policy) for url in pinned)), "")


def _unless_macos(asked: Asked, case: Case) -> Asked:
    """What is asked for with other machines in mind; a Mac has one build, whatever is asked for."""
    if not asked.tag or case.machine.os != "macos":
        return asked
    return Asked(notes=(f"{asked.text}: macOS has one build, so that is passed over",))


def _variable(case: Case) -> Asked:
    value = case.torch_backend.strip()
    if not value:
        return Asked()
    if value == "auto":
        return Asked(notes=(f"{VARIABLE} leaves the choice to the machine",))
    if not is_tag(value):
        return Asked(
            notes=(f"{VARIABLE}={value!r} names no build (auto, cpu, cu126, rocm7.2, xpu): passed over",)
        )
    return Asked(tag=value, text=f"{VARIABLE} asks for the build `{value}`", undo=f"unset {VARIABLE}")
