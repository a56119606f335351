"""A kernelspec manager that lists found environments too: a subclass of whatever a server has configured."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from kernel_iso.discovery import Discovered, Disk, Environments
from kernel_iso.engine import Engine, discovered
from kernel_iso.errors import IsoError
from kernel_iso.kernelspecs import found as specs

_OWN = [["python"], [f"python{sys.version_info[0]}"], [f"python{sys.version_info[0]}.{sys.version_info[1]}"]]
"""Commands that jupyter_client understands as the interpreter which it runs on itself."""


class Listing:
    """Put before a `KernelSpecManager`, adds the environments that were found on the machine.

    Whatever the manager lists stays as it is. An environment whose interpreter it names already is not told again. Where
    the policy or the disk cannot be read, the manager's own list is told, and the server's log says why.
    """

    environ: ClassVar[Mapping[str, str]] = {}
    layer: ClassVar[Mapping[str, object]] = {}

    def get_all_specs(self) -> Any:
        """Every kernelspec: the manager's own, then those of environments that were found."""
        listed = super().get_all_specs()  # type: ignore[misc]
        return self._later(listed) if inspect.isawaitable(listed) else self._with_found(listed)

    def get_kernel_spec(self, kernel_name: str) -> Any:
        """The kernelspec of this name. An environment that the list is too short for is known by its name too."""
        if kernel_name.startswith(discovered.KERNEL_PREFIX):
            for name, each, display_name in self._found(limited=False):
                if name == kernel_name:
                    spec = specs.spec_of(each, display_name)
                    return self.kernel_spec_class(resource_dir=str(specs.LOGOS / each.kind), **spec)  # type: ignore[attr-defined]
        return super().get_kernel_spec(kernel_name)  # type: ignore[misc]

    async def _later(self, listed: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        return self._with_found(await listed)

    def _with_found(self, listed: Mapping[str, Any]) -> dict[str, Any]:
        listed = self._described(listed)
        taken: set[str] = set()
        for entry in listed.values():
            taken |= specs.interpreters(entry["spec"])
            if entry["spec"].get("argv", [])[:1] in _OWN:
                taken.add(str(Path(sys.executable).parent.resolve()))
        for name, each, display_name in self._found():
            if name not in listed and taken.isdisjoint((each.path, os.path.dirname(each.python))):  # noqa: PTH120
                # What `KernelSpec.to_dict` would say: making hundreds of these costs more than finding them.
                spec = specs.spec_of(each, display_name) | {"env": {}, "kernel_protocol_version": ""}
                listed[name] = {"resource_dir": str(specs.LOGOS / each.kind), "spec": spec}
        return listed

    def _found(self, *, limited: bool = True) -> list[tuple[str, Discovered, str]]:
        """The environments to list, each with its kernel's name and the name that people see."""
        try:
            engine = self._engine()
            found = list(discovered.everything(engine, self._environments, self._folder))
            found = discovered.newest(engine, found) if limited else found
            named = [discovered.kernel_name(engine.store, each) for each in found]
        except (IsoError, OSError) as error:
            self.log.warning("kernel-iso lists no environments of this machine: %s", error)  # type: ignore[attr-defined]
            return []
        allowed = self.allowed_kernelspecs  # type: ignore[attr-defined]
        rows = zip(named, found, specs.display_names(found, Path.home()), strict=True)
        return [row for row in rows if not allowed or row[0] in allowed]

    def _described(self, listed: Mapping[str, Any]) -> dict[str, Any]:
        """The manager's list, in which named environments say what they run; without them where the policy says so."""
        made = dict(listed)
        try:
            engine = self._engine()
        except (IsoError, OSError):
            return made
        for kernel, entry in listed.items():
            name = entry["spec"].get("metadata", {}).get("kernel_iso", {}).get("environment")
            if name and engine.policy.kernels == "own":
                del made[kernel]
            elif name and (runs := self._runs(engine, name)):
                spec = entry["spec"]
                ours = spec["metadata"]["kernel_iso"] | {"kind": "named", "python": runs[0], "torch": runs[1]}
                shown = f"{spec['display_name']} — {specs.runs('.'.join(runs[0].split('.')[:2]), runs[1])}"
                metadata = spec["metadata"] | {"kernel_iso": ours}
                made[kernel] = entry | {"spec": spec | {"display_name": shown, "metadata": metadata}}
        return made

    def _runs(self, engine: Engine, name: str) -> tuple[str, str] | None:
        """The Python and the torch of a named environment, None where it is not made."""

        def look(disk: Disk) -> tuple[str, str] | None:
            owner = engine.store.environment(name)
            disk.stamp(str(engine.store.owners.environments_folder))
            if owner is None or owner.now is None:
                return None
            disk.stamp(str(engine.store.places.manifest(owner.now.key)))
            prefix = engine.store.find(owner.now.key)
            packages = {item.name: item.version for item in prefix.packages} if prefix else {}
            return (prefix.version, packages.get("torch", "")) if prefix else None

        return self._environments.recall(f"named {engine.store.root} {name}", look)

    def _engine(self) -> Engine:
        return Engine.open(self.environ, server=self.layer or None)

    @property
    def _environments(self) -> Environments:
        if not hasattr(self, "_known"):
            self._known = Environments()
        return self._known

    @property
    def _folder(self) -> str:
        """The folder of the notebooks, where the manager is a server's."""
        return str(getattr(self.parent, "root_dir", "") or "")  # type: ignore[attr-defined]


def listing(present: type, environ: Mapping[str, str], layer: Mapping[str, object]) -> type:
    """The manager's class `present`, which lists found environments too; the same one where it does already."""
    if issubclass(present, Listing):
        return present
    return type(f"Iso{present.__name__}", (Listing, present), {"environ": environ, "layer": layer})
