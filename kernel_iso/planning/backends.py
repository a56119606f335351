"""Which backend locks and installs."""

from __future__ import annotations

from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Plan
from kernel_iso.planning.rules import Case, attempt, decided, listed

# The only one that can install conda packages. Every other name installs PyPI's, be it ours or a plugin's.
CONDA = "conda"


def backend(plan: Plan, case: Case) -> Plan:
    """Choose the backend that was asked for, or the first of the policy's that can do what is asked.

    Only conda's installs conda packages, and it is passed over where none are asked for. Raises `ImpossibleError`
    (`backend-not-allowed`).
    """
    spec, allowed = case.spec, case.policy.backends
    wanted = CONDA if spec.conda else spec.backend
    if (wanted and wanted not in allowed) or not allowed:
        what = f"conda packages are asked for ({listed(spec.conda)}), and " if spec.conda else ""
        raise ImpossibleError(
            "backend-not-allowed",
            attempt(spec),
            f"{what}the backend {wanted or 'to use'} is not allowed: the policy "
            f"({case.policy.source_of('backends')}) allows {listed(allowed) or 'none'}",
            f"ask for one of these, or none: {listed(allowed, 'or')}"
            if allowed
            else "set `backends` in the policy; `kernel-iso policy` shows which file",
        )
    if spec.conda:
        return decided(plan, "backend", "conda, because conda packages are asked for", backend=CONDA)
    if spec.backend:
        return decided(plan, "backend", f"{spec.backend} was asked for", backend=spec.backend)
    first = next((name for name in allowed if name != CONDA), CONDA)
    text = f"{first} is the first that the policy allows, of {listed(allowed)}"
    return decided(plan, "backend", text, backend=first)
