"""Named environments: create, list, clone, rename, remove."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from kernel_iso import notebooks
from kernel_iso.engine import folders, preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.preparing import Ready, Wish
from kernel_iso.engine.targets import Target
from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Owner, Prefix, Spec


def create(
    engine: Engine,
    name: str,
    requirements: Sequence[str] = (),
    *,
    python: str = "",
    source: str = "",
    prefix: str = "",
    cwd: str = ".",
) -> Ready:
    """Make a named environment with requirements, or with what a file, notebook or folder (`source`) declares.

    With `prefix` it is found in that folder too, which is new, empty or one that showed an environment before.

    Raises `SpecError` (`bad-name`, `environment-exists`) and whatever preparing raises; nothing is left then.
    """
    name = engine.store.safe_name(name)
    _must_be_free(engine, name)
    spec = Spec()
    if source:
        spec = notebooks.read(Path(cwd, source).expanduser().resolve()).spec
    wanted = tuple(notebooks.requirement(item) for item in requirements)
    spec = msgspec.structs.replace(spec, requirements=(*spec.requirements, *wanted))
    if python:
        spec = msgspec.structs.replace(spec, python=python)
    folder = ""
    if prefix:
        folder = str(engine.store.safe_folder(Path(cwd, prefix).expanduser()))
    return _make(engine, name, spec, folder=folder)


def _must_be_free(engine: Engine, name: str) -> None:
    if engine.store.environment(name) is not None:
        raise SpecError(
            "environment-exists",
            f"cannot create the environment `{name}`",
            "there is one of that name already",
            f"kernel-iso add -n {name} …   or choose another name",
        )


def _make(engine: Engine, name: str, spec: Spec, *, folder: str = "", own: Lock | None = None) -> Ready:
    target = Target(kind="environment", name=name, why="named")
    wish = Wish(target=target, spec=spec, owner=name, owner_kind="environment", folder=folder, own_lock=own)
    machine = preparing.machine_here(engine)
    plan, locked = preparing.lock(engine, wish, preparing.make_plan(engine, wish, machine), machine)
    ready = preparing.build(engine, wish, plan, locked, machine)
    engine.announce()
    return ready


def listed(engine: Engine) -> tuple[tuple[Owner, Prefix | None], ...]:
    """Every named environment with its prefix (None where it is not there at present)."""
    owners = engine.store.environments()
    return tuple((owner, engine.store.find(owner.now.key) if owner.now else None) for owner in owners)


def clone(engine: Engine, source: str, name: str, *, folder: str = "") -> Ready:
    """Make a new environment with exactly the artefacts of another one."""
    name = engine.store.safe_name(name)
    former = folders.existing(engine.store, source)
    _must_be_free(engine, name)
    assert former.now is not None
    own = engine.store.lock(former.now.lock)
    return _make(engine, name, Spec.from_text(former.now.spec), folder=folder, own=own)


def rename(engine: Engine, old: str, new: str) -> Ready:
    """Give an environment another name; kernels that run in it go on.

    The new name's prefix is made from the same lock (the backend's cache has the files) before the old name
    goes; the old prefix is deleted by the clean-up once nothing runs in it.
    """
    former = folders.existing(engine.store, old)
    ready = clone(engine, former.id, new, folder=former.path)
    engine.store.remove_owner(former.id)
    engine.announce()
    return ready


def remove(engine: Engine, name: str) -> int:
    """Forget a named environment and delete its prefixes; return the bytes freed.

    Raises `ImpossibleError` (`no-environment`) and `ToolError` (`prefix-in-use`) where a kernel runs in it.
    """
    owner = folders.existing(engine.store, name)
    freed = engine.store.remove_owner(owner.id, delete=True)
    folders.hide(owner.path)
    engine.announce()
    return freed
