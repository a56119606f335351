"""The provisioner that really launches, and the command it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from kernel_iso.errors import ImpossibleError

OWN_NAME = "kernel-iso-provisioner"


def make(name: str, config: Mapping[str, Any], own: KernelProvisionerBase) -> KernelProvisionerBase:
    """An instance of the registered provisioner `name` for the kernel of `own`: same id, spec and parent.

    The factory chooses by the spec's metadata, which name ours. It is shown a copy that names the launcher;
    the spec itself is never changed. Raises `ImpossibleError`: `launcher-is-us`, `launcher-missing`.
    """
    if name == OWN_NAME:
        raise ImpossibleError(
            "launcher-is-us",
            f"cannot launch kernels with `{name}`",
            "that is kernel-iso's own provisioner, which needs another one to launch",
            "set launcher to local-provisioner, or to another registered provisioner",
        )
    spec = own.kernel_spec
    shown = KernelSpec(resource_dir=spec.resource_dir, **spec.to_dict())
    shown.metadata = {
        **spec.metadata,
        "kernel_provisioner": {"provisioner_name": name, "config": dict(config)},
    }
    factory = KernelProvisionerFactory.instance(parent=getattr(own.parent, "parent", None))
    try:
        made = factory.create_provisioner_instance(own.kernel_id, shown, own.parent)
    except ModuleNotFoundError:
        known = ", ".join(sorted(set(factory.get_provisioner_entries()) - {OWN_NAME}))
        raise ImpossibleError(
            "launcher-missing",
            f"cannot launch kernels with `{name}`",
            f"no provisioner of that name is registered here; there are: {known}",
            "install the package that brings it, or set launcher to one of these",
        ) from None
    made.kernel_spec = spec
    return made


def unencrypted(version: str) -> ImpossibleError:
    """The error of a kernel that would not understand its clients."""
    return ImpossibleError(
        "kernel-cannot-encrypt",
        "cannot start this kernel with an encrypted connection",
        f"transport_encryption is on here, and ipykernel {version} in this environment cannot do it",
        "let the notebook have Python 3.10 or newer and ipykernel>=7.3, or set transport_encryption to disabled",
    )


def arguments(command: Sequence[str], connection_file: str) -> list[str]:
    """What a launcher's command tells the kernel, without our kernelspec's own beginning.

    Whatever comes with and after the connection file is kept: a launcher may have put another file there,
    and a client arguments of its own.

    >>> arguments(["python", "-m", "kernel_iso", "launch", "-f", "/run/k.json", "--debug"], "")
    ['-f', '/run/k.json', '--debug']
    """
    command = list(command)
    if "-f" in command:
        return command[command.index("-f") :]
    return ["-f", connection_file]
