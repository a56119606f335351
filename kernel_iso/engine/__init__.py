"""The engine: the verbs and what they work with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernel_iso.engine.context import Engine

__all__ = ["Engine"]


def __getattr__(name: str) -> Any:
    """Import the engine when it is first asked for: the verb table alone, as `--help` needs it, stays light."""
    if name == "Engine":
        from kernel_iso.engine.context import Engine

        return Engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
