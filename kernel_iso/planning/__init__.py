"""Spec, Machine and Policy in, Plan out: pure, ordered small rules, each of which leaves its Reason."""

from __future__ import annotations

from datetime import UTC, datetime

from kernel_iso.model import Machine, Plan, Policy, Python, Spec
from kernel_iso.planning.accelerators import accelerator
from kernel_iso.planning.backends import backend
from kernel_iso.planning.builds import enough, unfit
from kernel_iso.planning.conda import conda, virtual
from kernel_iso.planning.cooldown import exclude_newer
from kernel_iso.planning.environments import kernel_environment
from kernel_iso.planning.indexes import channels, indexes
from kernel_iso.planning.platforms import platforms
from kernel_iso.planning.pythons import choose, python
from kernel_iso.planning.requirements import companions, requirements
from kernel_iso.planning.rules import Case, Rule
from kernel_iso.planning.sources import network, own_code, source, system_packages
from kernel_iso.planning.variables import environment, system_site_packages

RULES: dict[str, Rule] = {
    "source": source,
    "backend": backend,
    "channels": channels,
    "python": python,
    "requirements": requirements,
    "conda": conda,
    "companions": companions,
    "indexes": indexes,
    "environment": environment,
    "system-site-packages": system_site_packages,
    "exclude-newer": exclude_newer,
    "platforms": platforms,
    "accelerator": accelerator,
    "virtual": virtual,
    "own-code": own_code,
    "system-packages": system_packages,
    "network": network,
}
"""The rules by the name that their Reasons carry, in the order in which they decide."""


def plan(
    spec: Spec,
    machine: Machine,
    policy: Policy,
    *,
    now: datetime | None = None,
    torch_backend: str = "",
    brought_torch: str = "",
) -> Plan:
    """The decision: what will be locked and realised on this machine under this policy, with its reasons.

    `now` (with a time zone) is the clock unless given; it matters only where one of two cool-downs is a date
    and the other an age. `torch_backend` and `brought_torch` are as `Case` tells. Raises `SpecError` where the
    wish is malformed and `ImpossibleError` where it cannot be had; each rule tells its codes.
    """
    case = Case(
        spec=spec,
        machine=machine,
        policy=policy,
        now=now or datetime.now(UTC),
        torch_backend=torch_backend,
        brought_torch=brought_torch,
    )
    decision = Plan(backend="", python=Python(version="", path=""))
    for rule in RULES.values():
        decision = rule(decision, case)
    return decision


__all__ = ["RULES", "Case", "Rule", "choose", "enough", "kernel_environment", "plan", "unfit"]
