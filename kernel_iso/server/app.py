"""What the extension does to a server: each part by itself, so that one that fails leaves the rest whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from traitlets import Dict, Unicode
from traitlets.config import Configurable

from kernel_iso.engine import handing
from kernel_iso.model import Event
from kernel_iso.server import announcing, paths, saving
from kernel_iso.server.desk import Desk
from kernel_iso.server.holding import holding
from kernel_iso.server.routes import routes


class KernelIso(Configurable):
    """What a server's administrator sets in `jupyter_server_config.py`: one layer of kernel-iso's policy."""

    policy = Dict(help="Keys of kernel-iso's policy, as in policy.toml; they are the administrator's.").tag(
        config=True
    )
    audit_log = Unicode("", help="A file to which approvals, installs and builds are added.").tag(config=True)


class Host:
    """What a provisioner finds as `kernel_iso` on the server's kernel manager.

    `holds` is true where the websocket holds messages for a kernel that is not there yet, so that a start may
    return before its environment is prepared. `layer` is the server administrator's policy.
    """

    def __init__(self, app: Any, settings: KernelIso) -> None:
        self.holds = False
        self.layer: Mapping[str, object] = dict(settings.policy) | (
            {"audit_log": settings.audit_log} if settings.audit_log else {}
        )
        self._app = app

    def tell(self, event: Event, kernel_id: str, notebook: str) -> None:
        """Put an event on the server's event bus."""
        path = paths.api(self._app.contents_manager, notebook)
        announcing.emit(self._app.event_logger, event, kernel_id=kernel_id, notebook=notebook, path=path)


def attach(app: Any) -> None:
    """Attach kernel-iso to a running `ServerApp`; what fails is logged, and the server goes on without it."""
    host = Host(app, KernelIso(parent=app))
    for part in (_announce, _host, _save, _hold, _serve):
        _try(app, part, host)


def _try(app: Any, part: Callable[[Any, Host], None], host: Host) -> None:
    try:
        part(app, host)
    except Exception:
        app.log.exception("kernel-iso: %s", (part.__doc__ or part.__name__).rstrip("."))


def _announce(app: Any, host: Host) -> None:
    """Events of preparations cannot be announced."""
    announcing.register(app.event_logger)


def _host(app: Any, host: Host) -> None:
    """The provisioner cannot be told of this server."""
    app.kernel_manager.kernel_iso = host


def _save(app: Any, host: Host) -> None:
    """Notebooks keep no identity when they are saved."""
    saving.watch(app, host.layer)


def _hold(app: Any, host: Host) -> None:
    """Starts of kernels block until their environment is prepared.

    The class is looked up for each request in the application's settings. Reading it from the application
    itself raises in a server that is still being configured, and a gateway's class is no ZMQ one: then
    nothing is held.
    """
    from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

    settings = app.web_app.settings
    present = settings["kernel_websocket_connection_class"]
    if isinstance(present, type) and issubclass(present, ZMQChannelsWebsocketConnection):
        settings["kernel_websocket_connection_class"] = holding(present)
        host.holds = True


def _serve(app: Any, host: Host) -> None:
    """The panel gets no answers."""
    desk = Desk(app, host.layer)
    app.web_app.add_handlers(".*$", routes(app.base_url, desk))
    threading.Thread(
        target=lambda: handing.settle_all(desk.engine()), daemon=True, name="kernel-iso-settle"
    ).start()
