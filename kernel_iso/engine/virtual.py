"""Whether a machine has what conda packages need of it: virtual packages, as a lock names them and as a plan tells them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion

from kernel_iso.backends import explicit
from kernel_iso.engine.fitting import CONDA
from kernel_iso.model import Lock, Plan


def at_hand(plan: Plan, locks: Sequence[Lock], platform: str) -> str:
    """The accelerator of a part at hand whose packages need nothing that the plan's machine lacks; "" where none is better.

    What one person ran stays what another runs: a newer driver is no reason to solve again. A part for GPUs comes before
    the CPU's where there is one.
    """
    for lock in locks:
        if lock.part(platform, plan.accelerator):
            return ""
        parts = [part for part in lock.parts if part.kind == CONDA and part.platform in ("", platform)]
        for part in sorted(parts, key=lambda part: part.accelerator == "cpu"):
            gpu = part.accelerator != "cpu"
            if gpu == bool(plan.virtual) and not lacking(explicit.read(part.text).virtual, plan.virtual):
                return part.accelerator
    return ""


def lacking(needs: Iterable[str], has: Sequence[str]) -> tuple[str, ...]:
    """Those of the needs about GPUs that a machine does not meet; one that cannot be read is not met.

    >>> lacking(["__cuda >=12.6,<13", "__glibc >=2.17"], ["__cuda=12.8"]), lacking(["__cuda >=13"], ["__cuda=12.8"])
    ((), ('__cuda >=13',))
    """
    there = dict(each.split("=")[:2] for each in has)
    return tuple(need for need in needs if need.startswith("__cuda") and not _met(need, there))


def _met(need: str, there: dict[str, str]) -> bool:
    name, _, bounds = need.partition(" ")
    version = there.get(name.split("=")[0].split("[")[0])
    if version is None:
        return False
    bounds = re.sub(r"(^|,)(?=\d)", r"\1==", bounds.split(" ")[0].strip())
    try:
        return not bounds or bounds == "*" or SpecifierSet(bounds).contains(version)
    except (InvalidSpecifier, InvalidVersion):
        return False
