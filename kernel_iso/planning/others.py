"""Packages other than torch that are built for one CUDA major: what is told where they do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kernel_iso.accelerators import Other, Table, cuda_of, kind, numbers
from kernel_iso.model import Plan
from kernel_iso.planning.builds import devices, least, needs_driver
from kernel_iso.planning.rules import Case
from kernel_iso.planning.torches import applicable


def others(plan: Plan, case: Case, table: Table, tag: str) -> tuple[str, ...]:
    """Warnings: no GPU, a driver too old, another CUDA major than the chosen torch's, or no wheels at all."""
    texts = []
    for asked in applicable(plan.requirements, plan, case):
        for major in _majors(asked, table):
            text = _misfit(major, case, table, tag)
            texts += [f"{asked.name} is built for CUDA {major}: {text}"] if text else []
        name = canonicalize_name(asked.name)
        texts += [f"{asked.name}: {row.text}" for row in table.unbuilt if row.name == name]
    return tuple(dict.fromkeys(texts))


def _majors(asked: Requirement, table: Table) -> Iterator[int]:
    """The CUDA major that a requirement is built for, by the first row that says so."""
    for row in table.others:
        found = _major(asked, row)
        if found:
            yield found
            return


def _major(asked: Requirement, row: Other) -> int:
    name = re.fullmatch(row.name, canonicalize_name(asked.name))
    if not name:
        return 0
    if not row.extra:
        return int(name[1]) if name.groups() else row.major
    for extra in sorted(asked.extras):
        if found := re.fullmatch(row.extra, canonicalize_name(extra)):
            return int(found[1]) if found.groups() and found[1] else row.major
    return 0


def _misfit(major: int, case: Case, table: Table, tag: str) -> str:
    found, _ = devices(case.machine, table, "cuda")
    if not found:
        return "no NVIDIA GPU was found that the kernel sees"
    if numbers(least(found))[0] < major:
        return needs_driver(major, found[0], table)
    if kind(tag) == "cuda" and cuda_of(tag)[0] != major:
        return f"torch's build is {tag}, and two CUDA majors in one environment get into each other's way"
    return ""
