"""For which machines the lock is made."""

from __future__ import annotations

from kernel_iso.model import Plan
from kernel_iso.planning.rules import Case, decided, listed


def platforms(plan: Plan, case: Case) -> Plan:
    """Lock for the policy's platforms ("" is this one), and always for this one, to be installed here."""
    here = case.machine.tag
    asked = tuple(dict.fromkeys(name or here for name in case.policy.platforms))
    if asked in ((), (here,)):
        return decided(plan, "platforms", platforms=(here,), libc=case.machine.libc)
    where = case.policy.source_of("platforms")
    text = f"locked for {listed(asked)}, as the policy ({where}) says"
    if here not in asked:
        asked, text = (*asked, here), f"{text}, and for this machine, {here}"
    return decided(plan, "platforms", text, platforms=asked, libc=case.machine.libc)
