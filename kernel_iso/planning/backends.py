"""Which backend locks and installs."""

from __future__ import annotations

from typing import NoReturn

from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Plan
from kernel_iso.planning.rules import Case, attempt, decided, listed

# The only one that can install conda packages. Every other name installs PyPI's, be it ours or a plugin's.
CONDA = "conda"


def backend(plan: Plan, case: Case) -> Plan:
    """Choose the backend that was asked for, or the first of the policy's that can do what is asked.

    Raises `ImpossibleError`: `backend-not-allowed`, and `conda-not-available` where only conda would do, for
    which this version has no backend.
    """
    spec, allowed = case.spec, case.policy.backends
    if (spec.backend and spec.backend not in allowed) or not allowed:
        raise ImpossibleError(
            "backend-not-allowed",
            attempt(spec),
            f"the backend {spec.backend or 'to use'} is not allowed: the policy "
            f"({case.policy.source_of('backends')}) allows {listed(allowed) or 'none'}",
            f"ask for one of these, or none: {listed(allowed, 'or')}"
            if allowed
            else "set `backends` in the policy; `kernel-iso policy` shows which file",
        )
    if spec.conda:
        _no_conda(case, f"conda packages are asked for: {listed(spec.conda)}")
    able = [name for name in allowed if name != CONDA]
    if spec.backend == CONDA:
        _no_conda(case, "the conda backend is asked for")
    if not able:
        _no_conda(case, "the policy allows the conda backend only")
    if spec.backend:
        return decided(plan, "backend", f"{spec.backend} was asked for", backend=spec.backend)
    text = f"{able[0]} is the first that the policy allows, of {listed(allowed)}"
    return decided(plan, "backend", text, backend=able[0])


def _no_conda(case: Case, because: str) -> NoReturn:
    raise ImpossibleError(
        "conda-not-available",
        attempt(case.spec),
        f"{because}, and this version of kernel-iso has no conda backend",
        "ask for packages from PyPI instead, with the uv or the virtualenv backend",
    )
