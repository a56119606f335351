"""The kernel that a cell runs in: whose it is, and what a line is about that names nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kernel_iso.cli import parsing
from kernel_iso.engine import Engine, verbs
from kernel_iso.engine.discovered import KIND
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """The kernel that asks: the prefix it runs in, whose that is, and the files that its modules came from.

    `environment` is the named environment that it is ("" for none), `notebook` the path of the notebook or of the project's
    folder ("" where it is not known), `found` the folder of the environment where it is not ours ("" where it is).
    """

    prefix: Prefix
    kind: str
    environment: str = ""
    notebook: str = ""
    found: str = ""
    modules: Mapping[str, str]


def own(engine: Engine, prefix: str) -> Engine:
    """The engine with the store that the prefix lies in: a server's own settings may name another than this process's."""
    root = Path(prefix).parent.parent
    if not prefix or root == engine.store.root or Path(prefix).parent.name != "prefixes":
        return engine
    environ = {**engine.environ, "KERNEL_ISO_STORE": str(root)}
    return Engine.open(
        environ,
        emit=engine.emit,
        cancelled=engine.cancelled,
        listing=engine.listing,
        captures=engine.captures,
    )


def kernel_of(engine: Engine, asked: Mapping[str, Any]) -> Kernel:
    """The kernel that asks; raises `ImpossibleError` (`kernel-unknown`) where the store does not know its prefix."""
    prefix = engine.store.find(Path(str(asked.get("prefix", ""))).name)
    owner = engine.store.owner(prefix.owner) if prefix else None
    if prefix is None or owner is None:
        raise ImpossibleError(
            "kernel-unknown",
            "cannot tell what this kernel belongs to",
            f"its environment is not in the store {engine.store.root} any more",
            "restart the kernel",
        )
    modules = {str(name): str(file) for name, file in dict(asked.get("modules") or {}).items()}
    session = _session(engine.environ)
    if owner.kind == "environment":
        return Kernel(prefix=prefix, kind=owner.kind, environment=owner.id, notebook=session, modules=modules)
    if owner.kind == KIND:
        return Kernel(prefix=prefix, kind=KIND, notebook=session, found=owner.path, modules=modules)
    return Kernel(prefix=prefix, kind=owner.kind, notebook=owner.path, modules=modules)


def _session(environ: Mapping[str, str]) -> str:
    """The notebook that a Jupyter server started the kernel for, "" where that is not known."""
    path = Path(environ.get("JPY_SESSION_NAME", ""))
    return str(path) if path.is_absolute() and path.is_file() else ""


def aware(engine: Engine, kernel: Kernel) -> Engine:
    """The engine that takes the kernel's notebook where a person names none."""
    environ = {key: value for key, value in engine.environ.items() if key != "KERNEL_ISO_NOTEBOOK"}
    if kernel.notebook:
        environ["KERNEL_ISO_NOTEBOOK"] = kernel.notebook
    return replace(engine, environ=environ)


def aimed(call: parsing.Call, kernel: Kernel) -> tuple[Mapping[str, Any], bool]:
    """The values with the kernel's own environment where nothing is named, and whether it is about that.

    Raises `ImpossibleError` (`kernel-not-ours`) where the kernel runs in an environment that was only found.
    """
    values, arguments = call.values, call.verb.arguments
    takes = [item for item in (verbs.TARGET, verbs.NAME, verbs.NOTEBOOK) if item in arguments]
    first = str(next(iter(values.get("packages") or ()), ""))
    named = any(values.get(item.name) for item in takes) or first.endswith((".ipynb", ".py"))
    if not takes or named:
        return values, False
    if kernel.found and (verbs.NAME in takes or not kernel.notebook):
        raise ImpossibleError(
            "kernel-not-ours",
            f"cannot do `{call.verb.name}` for this kernel",
            f"it runs in `{kernel.found}`, which kernel-iso found and does not change",
            "choose the kernel Isolated Python; %iso isolate proposes what the notebook then asks for",
        )
    if kernel.environment and verbs.NAME in takes:
        return {**values, "name": kernel.environment}, True
    return values, True
