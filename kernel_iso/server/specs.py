"""Which kernels a server lists: its own manager's, and those of environments that were found on the machine."""

from __future__ import annotations

import os
from typing import Any

from traitlets.config import Config

from kernel_iso.server.app import KernelIso


def link(app: Any) -> None:
    """Make the server's kernelspec manager list found environments too, whichever class it has configured.

    The server makes its manager after all extensions were linked. Kernels that a gateway runs are on another machine,
    so that its list is left alone.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_server.gateway.gateway_client import GatewayClient
    from jupyter_server.gateway.managers import GatewayKernelSpecManager

    from kernel_iso.kernelspecs.managers import listing

    # Its default cannot be asked for yet: the server looks at a gateway's settings, which it has not read.
    configured = app.trait_has_value("kernel_spec_manager_class")
    present = app.kernel_spec_manager_class if configured else KernelSpecManager
    if GatewayClient.instance(parent=app).gateway_enabled or issubclass(present, GatewayKernelSpecManager):
        return
    made = listing(present, os.environ, dict(KernelIso(parent=app).policy))
    # Into the configuration: an extension that is linked later may have all of it applied again.
    app.update_config(Config({"ServerApp": {"kernel_spec_manager_class": made}}))
