"""Clean-up: what nobody uses, and what it frees."""

from __future__ import annotations

import time

from kernel_iso.engine.context import Engine
from kernel_iso.errors import IsoError
from kernel_iso.store import Swept

DAY = 86400.0
"""Seconds."""


def sweep(engine: Engine, *, dry: bool = False, keep_days: float | None = None) -> Swept:
    """Delete prefixes by age, budget and lost owners as the policy says; never what runs. `dry` only tells."""
    policy = engine.policy
    return engine.store.sweep(
        now=time.time(),
        keep_days=policy.keep_days if keep_days is None else keep_days,
        budget_bytes=int(policy.disk_budget_gb * 1e9),
        dry=dry,
        asked=keep_days is not None,
        emit=engine.emit,
    )


def tidy(engine: Engine) -> None:
    """Sweep at most once a day, after a prefix was made: clean-up is automatic and off the way of a start."""
    mark = engine.store.root / "swept"
    try:
        if mark.exists() and time.time() - mark.stat().st_mtime < DAY:
            return
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        sweep(engine)
    except (OSError, IsoError):
        pass  # a store that cannot be written has nothing to tidy
