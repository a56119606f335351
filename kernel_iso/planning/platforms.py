"""For which machines the lock is made, and for which devices."""

from __future__ import annotations

from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Plan
from kernel_iso.planning.rules import Case, attempt, decided, listed


def platforms(plan: Plan, case: Case) -> Plan:
    """Lock for the policy's platforms ("" is this one), and always for this one, to be installed here."""
    here = case.machine.tag
    asked = tuple(dict.fromkeys(name or here for name in case.policy.platforms))
    if asked in ((), (here,)):
        return decided(plan, "platforms", platforms=(here,))
    where = case.policy.source_of("platforms")
    text = f"locked for {listed(asked)}, as the policy ({where}) says"
    if here not in asked:
        asked, text = (*asked, here), f"{text}, and for this machine, {here}"
    return decided(plan, "platforms", text, platforms=asked)


def accelerator(plan: Plan, case: Case) -> Plan:
    """Take the default build, or the CPU's where that is asked for.

    Raises `ImpossibleError` (`accelerator-not-here`) for every other build: this version chooses none.
    """
    asked = case.spec.accelerator
    if asked in ("", "auto"):
        return decided(plan, "accelerator")
    if asked == "cpu":
        return decided(plan, "accelerator", "the CPU build is asked for", accelerator="cpu")
    devices = [device.name or device.kind for device in case.machine.accelerators]
    found = f"the machine has {listed(devices)}" if devices else "no accelerator was found on this machine"
    raise ImpossibleError(
        "accelerator-not-here",
        attempt(case.spec),
        f"the build `{asked}` is asked for; {found}, and this version of kernel-iso does not look for any",
        'set accelerator = "cpu", or leave it out to get the index\'s default build',
    )
