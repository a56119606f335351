"""kernel-iso: every Jupyter notebook gets an environment of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernel_iso.library import IsolatedEnvironment

__version__ = "0.1.0"
__all__ = ["IsolatedEnvironment", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the library for applications when it is first asked for: no other face needs it."""
    if name == "IsolatedEnvironment":
        from kernel_iso.library import IsolatedEnvironment

        return IsolatedEnvironment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab's developer tools where the extension is built (the name of this hook is Jupyter's)."""
    return [{"src": "labextension", "dest": "kernel-iso"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Tell jupyter_server where the extension is (the name of this hook is Jupyter's)."""
    return [{"module": "kernel_iso.server"}]
