"""kernel-iso: every Jupyter notebook gets an environment of its own."""

from __future__ import annotations

__version__ = "0.1.0"


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab's developer tools where the extension is built (the name of this hook is Jupyter's)."""
    return [{"src": "labextension", "dest": "kernel-iso"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Tell jupyter_server where the extension is (the name of this hook is Jupyter's)."""
    return [{"module": "kernel_iso.server"}]
