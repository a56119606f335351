"""Make a prefix from a lock: conda's packages, then the wheels on top of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from kernel_iso.backends import explicit, links, spaces
from kernel_iso.backends.conda import locking, on_top, prefixes
from kernel_iso.backends.explicit import Artefact
from kernel_iso.backends.wheels import here
from kernel_iso.errors import ImpossibleError, ToolError
from kernel_iso.model import Part, Plan, Run

MOST = 20
"""Collisions that are told: packages that have more of them have the same reason for each."""


def realise(plan: Plan, part: Part, at: str, run: Run) -> str:
    """Make the folder `at` a prefix that holds the part; return its interpreter."""
    if part.kind != "conda":
        raise ImpossibleError(
            "lock-does-not-fit", "cannot install what the lock holds", "it is a lock of wheels, and conda is to install it",
            "make it again here with `kernel-iso lock`",
        )  # fmt: skip
    held = explicit.read(part.text)
    spaces.check(sum(each.size for each in held.artefacts), Path(at))
    Path(at).parent.mkdir(parents=True, exist_ok=True)
    mode = links.mode(Path(at).parent)
    answer = cast(
        "dict[str, Any]",
        run.worker(
            locking.WORKER,
            {
                "do": "install", **locking.common(plan), "subdir": locking.subdir(here()),
                "artefacts": [table(each) for each in held.artefacts], "asked": locking.asked(plan, held.artefacts),
                "prefix": str(Path(at).absolute()), "scripts": plan.link_scripts, "mode": mode,
            },
        ),
    )  # fmt: skip
    if mode != "copy":
        links.part(Path(at))
    prefixes.verify(
        Path(at), {each.name: f"{each.name}-{each.version}-{each.build}" for each in held.artefacts}
    )
    python = prefixes.python_of(at)
    if not Path(python).exists():
        raise ToolError(
            "prefix-incomplete", "has not finished the environment", "there is no Python in what the lock holds",
            "ask for python among the conda packages, and lock again",
        )  # fmt: skip
    if answer["scripts"] and not plan.link_scripts:
        run.tell(
            f"did not run the link scripts of {', '.join(answer['scripts'])}: the policy's `link-scripts` is `never`"
        )
    for path, kept, other in prefixes.collisions(Path(at))[:MOST]:
        run.tell(f"{kept} and {other} both bring {path}: it is {kept}'s")
    count = len(held.artefacts)
    if part.pypi:
        count += on_top.install(plan, part, at, run)
    run.tell(f"installed {count} packages", count, count, "packages")
    return python


def table(each: Artefact) -> dict[str, Any]:
    """An artefact as the worker takes it."""
    return {
        "base": each.base, "subdir": each.subdir, "name": each.name, "version": each.version, "build": each.build,
        "file": each.filename, "sha256": each.sha256, "size": each.size,
    }  # fmt: skip


def link_scripts(plan: Plan, part: Part, run: Run) -> tuple[str, ...]:
    """The packages of a part that bring link scripts, by name."""
    listed = [table(each) for each in explicit.read(part.text).artefacts]
    request = {"do": "scripts", **locking.common(plan), "subdir": locking.subdir(here()), "artefacts": listed}
    return tuple(cast("list[str]", run.worker(locking.WORKER, request)))
