"""Clean-up: what nobody uses, and what it frees."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from kernel_iso.engine import conda_caches
from kernel_iso.engine.context import Engine
from kernel_iso.processes import detach
from kernel_iso.store import Swept, applications

DAY = 86400.0
"""Seconds."""


def sweep(engine: Engine, *, dry: bool = False, keep_days: float | None = None) -> Swept:
    """Delete prefixes by age, budget and lost owners as the policy says; never what runs. `dry` only tells.

    Environments of applications go where their distribution was uninstalled, and conda's unpacked packages where no
    prefix uses them.
    """
    policy, now = engine.policy, time.time()
    lost = applications.sweep(engine.store.places, now=now, dry=dry, emit=engine.emit)
    swept = engine.store.sweep(
        now=now,
        keep_days=policy.keep_days if keep_days is None else keep_days,
        budget_bytes=int(policy.disk_budget_gb * 1e9),
        dry=dry,
        asked=keep_days is not None,
        emit=engine.emit,
    )
    days = policy.keep_days if keep_days is None else keep_days
    cached = conda_caches.sweep(engine, days=days, dry=dry)
    return Swept(
        freed=swept.freed + lost.freed + cached.freed,
        removed=(*lost.removed, *swept.removed, *cached.removed),
        kept_in_use=(*lost.kept_in_use, *swept.kept_in_use),
    )


def remove(engine: Engine, keys: Sequence[str], *, dry: bool = False) -> Swept:
    """Delete the prefixes with these keys; what runs, is needed or was just used stays (`refused`). `dry` only tells.

    Whose prefix goes keeps its lock: the next start makes it again. Raises `SpecError` (`bad-key`).
    """
    return engine.store.remove(keys, now=time.time(), dry=dry, emit=engine.emit)


def tidy(engine: Engine) -> bool:
    """Once a day, after a prefix was made, sweep in a process of its own: off the way of a start. True where it began.

    The first start in a store only marks the day: there is nothing to sweep yet.
    """
    mark = engine.store.root / "swept"
    try:
        began = mark.exists()
        if began and time.time() - mark.stat().st_mtime < DAY:
            return False
        mark.touch()
    except OSError:
        return False  # a store that cannot be written has nothing to tidy
    return began and detach([sys.executable, "-m", "kernel_iso", "clean"], engine.environ)
