"""What a target asks: its Spec, the locks that lie with it, and whose prefix it is. Nothing is resolved, fetched or run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from kernel_iso import notebooks
from kernel_iso.engine import folders
from kernel_iso.engine.context import Engine
from kernel_iso.engine.targets import KERNEL_PREFIX, Target, kernel_name
from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.model import Lock, Origin, Spec
from kernel_iso.notebooks import FoundLock, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a target asks: its Spec, the locks that lie with it, and who owns the prefix.

    `folder` is where a person wants a named environment to be found ("" for nowhere but in the store).
    """

    target: Target
    spec: Spec
    owner: str
    owner_kind: str = "notebook"
    folder: str = ""
    locks: tuple[FoundLock, ...] = ()
    own_lock: Lock | None = None
    reading: Reading | None = None


def read(engine: Engine, target: Target) -> Wish:
    """Read what a target asks; nothing is resolved, fetched or run.

    Raises `SpecError` where it cannot be read, and `ImpossibleError` (`no-environment`, `which-notebook`).
    """
    if target.kind == "environment":
        return _read_environment(engine, target)
    if target.kind == "none":
        return _read_nothing(engine, target)
    path = Path(target.path)
    reading = notebooks.read(path, root=Path(target.root) if target.root else None, disk=target.document)
    if target.kind == "folder" and reading.spec.origin.kind == "default" and engine.policy.unknown != "bare":
        # An environment for whatever runs in a folder would be a guess, and shared by all of it.
        return _read_nothing(engine, target)
    if target.kind == "notebook" and (chosen := _chosen(engine, reading.kernel)):
        why = f"{target.label} has chosen the kernel of environment `{chosen}`"
        return replace(
            _read_environment(engine, Target(kind="environment", name=chosen, why=why)), reading=reading
        )
    owner = engine.store.owner_for(path, reading.id, id_at=_id_at)
    ours = next((found for found in reading.locks if found.kind == "kernel-iso"), None)
    own = Lock.from_text(ours.text) if ours else None
    return Wish(
        target=target, spec=reading.spec, owner=owner, locks=reading.locks, own_lock=own, reading=reading
    )


def _chosen(engine: Engine, kernel: str) -> str:
    """The named environment whose kernel a notebook has chosen, "" where it has not."""
    if not kernel.startswith(KERNEL_PREFIX):
        return ""
    return next((owner.id for owner in engine.store.environments() if kernel_name(owner.id) == kernel), "")


def _id_at(path: Path) -> str:
    """The id that the notebook at `path` carries, "" where it cannot be read."""
    try:
        return notebooks.read_id(path)
    except (SpecError, OSError):
        return ""


def _read_environment(engine: Engine, target: Target) -> Wish:
    owner = folders.existing(engine.store, target.name)
    assert owner.now is not None
    spec = msgspec.structs.replace(
        Spec.from_text(owner.now.spec),
        origin=Origin(kind="environment", path=target.name, detail="chosen by name"),
    )
    own = engine.store.lock(owner.now.lock)
    return Wish(
        target=target, spec=spec, owner=owner.id, owner_kind="environment", folder=owner.path, own_lock=own
    )


def _read_nothing(engine: Engine, target: Target) -> Wish:
    if engine.policy.unknown == "bare":
        return Wish(target=target, spec=Spec(), owner="bare")
    raise ImpossibleError(
        "which-notebook",
        "cannot tell which notebook this kernel is for",
        target.why or "the client named no notebook and no working folder with a project file",
        'set KERNEL_ISO_NOTEBOOK to its path, choose a named environment, or set unknown = "bare" in the policy',
    )
