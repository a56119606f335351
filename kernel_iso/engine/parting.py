"""Give a lock a part for each accelerator that is asked for: the same torch, everything outside its family identical."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec
from packaging.version import Version

from kernel_iso import accelerators, backends
from kernel_iso.engine.context import Engine
from kernel_iso.engine.fitting import pinned_versions
from kernel_iso.errors import ConflictError, IsoError
from kernel_iso.model import Lock, Plan

FOLLOWS = re.compile(
    r"(nvidia|cuda|rocm|intel|dpcpp|onemkl|mkl|impi|tbb|tcmlib|umf|pytorch-triton|triton)(-|$).*"
)
"""What a build of torch brings along; it differs from build to build."""


def usual(plan: Plan) -> tuple[str, ...]:
    """The accelerators that a lock is also made for unless others are asked for: the CPU, beside a GPU's build."""
    return ("cpu",) if plan.build_index and plan.accelerator != "cpu" else ()


def widened(
    engine: Engine,
    plan: Plan,
    locked: Lock,
    tags: Sequence[str],
    plan_for: Callable[[str], Plan],
    *,
    required: bool,
) -> Lock:
    """The lock with a part for each of `tags` too; `plan_for` plans for an accelerator on this machine.

    Where a part cannot be made, it is left out and told, or, if `required`, raises `ConflictError` (`parts-differ`).
    """
    fixed = held(locked.parts[0].text, locked.parts[0].accelerator)
    parts, companions = list(locked.parts), set(locked.companions)
    for tag in tags:
        if any(part.accelerator == tag for part in parts):
            continue
        run = engine.run("lock", plan.digest()[:12])
        run.tell(f"locking the {tag} build too")
        try:
            other = plan_for(tag)
            bound = msgspec.structs.replace(other, constraints=(*other.constraints, *fixed))
            made = backends.find(plan.backend).lock(bound, run)
        except IsoError as error:
            if required:
                raise ConflictError(
                    "parts-differ",
                    f"cannot lock the {tag} build beside {plan.accelerator}",
                    f"with everything else as it is locked, {error.because}",
                    f"lock for {tag} alone, or ask for a torch that has both builds",
                    tail=error.tail,
                ) from None
            run.tell(f"left the {tag} build out: {error.because}")
            continue
        parts += made.parts
        companions |= set(made.companions)
    return msgspec.structs.replace(locked, parts=tuple(parts), companions=tuple(sorted(companions)))


def held(text: str, tag: str) -> tuple[str, ...]:
    """What another part must hold: the same releases of torch's family, and the same versions of everything else.

    >>> text = '[[packages]]\\nname="torch"\\nversion="2.14.1+cu126"\\n[[packages]]\\nname="nvidia-nccl"\\nversion="2"'
    >>> held(text, "cu126")
    ('torch==2.14.1',)
    """
    family = set(accelerators.table().family(tag))
    found = pinned_versions(text)
    return tuple(
        f"{name}=={Version(version).public if name in family else version}"
        for name, version in sorted(found.items())
        if not FOLLOWS.fullmatch(name)
    )
