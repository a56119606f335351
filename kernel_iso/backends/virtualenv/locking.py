"""Resolve a plan with pip, and read its installation report.

`pip lock` is experimental; the report (`--report`, version 1) is stable, and it has each package's Requires-Dist.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from packaging.markers import Environment
from packaging.pylock import PackageWheel
from packaging.utils import canonicalize_name

from kernel_iso.backends import companions, explaining, pylocks
from kernel_iso.backends.dependencies import edges
from kernel_iso.backends.pylocks import Pick
from kernel_iso.backends.virtualenv import commands
from kernel_iso.backends.virtualenv.desks import Desk, desk
from kernel_iso.backends.wheels import here
from kernel_iso.errors import ImpossibleError, IsoError, ToolError
from kernel_iso.model import Lock, Plan, Run

_NONE = re.compile(r"satisfies the requirement ([A-Za-z0-9][\w.-]*).*\(from versions: none\)")


def lock(plan: Plan, run: Run, preferences: tuple[str, ...]) -> Lock:
    """Resolve and lock for this machine, the only one that pip can resolve for."""
    _possible(plan)
    with desk(plan, run, preferences) as place:
        return companions.lock(plan, run, lambda wish, machine: resolve(replace(place, plan=wish)))


def _possible(plan: Plan) -> None:
    """Raise `ImpossibleError` where pip cannot do what the plan says: `no-such-platform`, `one-index-only`."""
    for machine in plan.platforms:
        if machine not in ("", here()):
            raise ImpossibleError(
                "no-such-platform",
                f"cannot lock for the platform `{machine}`",
                f"pip can lock only for the machine it runs on, {here()}",
                "use the uv backend, or take it out of `platforms` in the policy",
            )
    if plan.pins or len([index for index in plan.indexes if not index.explicit]) > 1:
        raise ImpossibleError(
            "one-index-only",
            "cannot lock from several indexes",
            "pip takes a package from whichever index has the newest version, so a stranger could put one there",
            "use the uv backend, which keeps the order of the indexes, or allow one index only",
        )


def resolve(place: Desk) -> tuple[Pick, ...]:
    """The packages that the plan's requirements need, with their wheels.

    Preferences are constraints that are given up when they are in the way: first those that pip names, then all.
    """
    plan = place.plan
    pylocks.names((*plan.requirements, *plan.limits))  # nothing but names and versions reaches pip
    if not plan.requirements:
        return ()
    if plan.offline:
        raise not_offline(explaining.LOCK)
    preferences = tuple(place.preferences)
    report = place.folder / "report.json"
    while True:
        words = _resolved(place, preferences, report)
        if not words:
            return pylocks.chosen(_picks(report, plan), plan, here())
        if not preferences:
            raise _explained(place, words)
        blamed = words.split("The conflict is caused by:")[-1]
        left = tuple(each for each in preferences if each.split("==")[0] not in blamed)
        preferences = left if len(left) < len(preferences) else ()


def not_offline(what: str) -> IsoError:
    """pip has no offline mode: its cache is asked only after the index."""
    return ToolError(
        "not-in-cache",
        what,
        "the network is off, and pip cannot use its cache without asking the index",
        "go online, or use the uv backend, which installs from its cache",
    )


def _resolved(place: Desk, preferences: tuple[str, ...], report: Path) -> str:
    """Let pip write the report; return "" or its words where it fails."""
    done = place.pip(
        [
            *commands.resolving(place.python, place.plan, str(report), place.cache),
            *("-c", place.write("constraints.in", (*place.plan.limits, *preferences))),
            *("-r", place.write("requirements.in", place.plan.requirements)),
        ]
    )
    return done.stderr or "pip said nothing" if done.status else ""


def _explained(place: Desk, words: str) -> IsoError:
    """pip's words, after a closer look where it says only that there is no version at all."""
    if found := _NONE.search(words):
        look = commands.resolving(place.python, place.plan, str(place.folder / "look.json"), place.cache)
        closer = place.pip([*look, "-vv", "--no-deps", found[1]])
        words += "\n" + "\n".join(explaining.details(closer.stderr))
    return explaining.pip(words, place.plan, here())


def _picks(report: Path, plan: Plan) -> tuple[Pick, ...]:
    try:
        data: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return picked(data, plan)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolError(
            "lock-failed",
            explaining.LOCK,
            f"pip wrote a report that cannot be read: {type(error).__name__}: {error}",
            "update virtualenv, which brings pip; `kernel-iso doctor` shows its version",
        ) from None


def picked(report: dict[str, Any], plan: Plan) -> tuple[Pick, ...]:
    """The packages in a report, with who needs whom."""
    items = {canonicalize_name(item["metadata"]["name"]): item for item in report["install"]}
    wishes = {name: item["metadata"].get("requires_dist", ()) for name, item in items.items()}
    needed = edges(wishes, cast("Environment", report["environment"]), plan.requirements)
    index = next((each.url for each in plan.indexes), "")
    return tuple(
        Pick(
            name=name,
            version=item["metadata"]["version"],
            wheels=(
                PackageWheel(
                    url=item["download_info"]["url"],
                    hashes=item["download_info"]["archive_info"].get("hashes", {}),
                ),
            ),
            requires=needed[name],
            index=index,
        )
        for name, item in items.items()
    )
