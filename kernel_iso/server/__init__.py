"""The face that a Jupyter server sees: kernels that wait, events, identity of notebooks."""

from __future__ import annotations

from typing import Any

from kernel_iso.server.app import attach
from kernel_iso.server.specs import link


def _link_jupyter_server_extension(app: Any) -> None:
    """Choose the kernelspec manager of a server that is still being configured (the hook's name is Jupyter's)."""
    link(app)


def _load_jupyter_server_extension(app: Any) -> None:
    """Attach to a server that has started (the name of this hook is Jupyter's)."""
    attach(app)
