"""What is installed: what was asked for, and what the kernel itself needs."""

from __future__ import annotations

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.model import Plan
from kernel_iso.model.conda_specs import conda_name
from kernel_iso.planning.rules import Case, attempt, decided, listed, without_credentials

_MANY = 8


def requirements(plan: Plan, case: Case) -> Plan:
    """Take what the Spec asks for, or the policy's packages where it asks for nothing at all.

    Markers are left to the resolver. Raises `SpecError` (`bad-requirement`) and `ImpossibleError`
    (`direct-reference-not-allowed`) for what names a file, a URL or a repository instead of a version.
    """
    spec, policy = case.spec, case.policy
    asked = policy.packages if spec.asks_nothing else spec.requirements
    for text in (*asked, *spec.constraints):
        _read(text, case)
    if spec.asks_nothing and asked:
        reason = f"nothing is asked for: the policy ({policy.source_of('packages')}) gives {listed(asked)}"
    elif asked:
        count = "1 package is" if len(asked) == 1 else f"{len(asked)} packages are"
        # One more name takes no more room than "1 more".
        names = (*asked[:_MANY], f"{len(asked) - _MANY} more") if len(asked) > _MANY + 1 else asked
        reason = f"{count} asked for: {listed(names)}"
    else:
        reason = "" if spec.conda else "no packages are asked for"
    return decided(
        plan,
        "requirements",
        reason,
        requirements=asked,
        constraints=spec.constraints,
        hashes=spec.hashes,
    )


def companions(plan: Plan, case: Case) -> Plan:
    """Add what the kernel needs beside what was asked for; what is asked for by its name stays asked.

    A requirement with a marker may turn out not to apply, so it does not replace a companion: there is no
    kernel without ipykernel.
    """
    asked = {
        canonicalize_name(requirement.name)
        for requirement in map(Requirement, plan.requirements)
        if requirement.marker is None
    } | {canonicalize_name(conda_name(item)) for item in plan.conda}
    names = {text: canonicalize_name(_read(text, case).name) for text in case.policy.companions}
    kept = tuple(text for text, name in names.items() if name not in asked)
    dropped = [name for name in names.values() if name in asked]
    parts = []
    if kept:
        parts.append(f"for the kernel itself: {listed(kept)}")
    if dropped:
        parts.append(f"{listed(dropped)} {'is' if len(dropped) == 1 else 'are'} asked for by name")
    return decided(plan, "companions", "; ".join(parts), companions=kept)


def _read(text: str, case: Case) -> Requirement:
    """The PEP 508 requirement in `text`, which must name an index's release."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise SpecError(
            "bad-requirement",
            f"cannot read the requirement `{without_credentials(text)}`",
            str(error).splitlines()[0],
            'write it as PEP 508 says, for example "numpy>=2,<3"',
        ) from None
    if requirement.url:
        raise ImpossibleError(
            "direct-reference-not-allowed",
            attempt(case.spec),
            f"`{requirement.name}` is asked for from a URL, a file or a repository, "
            "which no index and no hash vouches for",
            f'ask for a release of it instead: "{requirement.name}", from an index that the policy allows',
        )
    return requirement
