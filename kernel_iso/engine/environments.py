"""Named environments: create, list, clone, rename, remove."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from kernel_iso import notebooks
from kernel_iso.backends.condalocks import Foreign
from kernel_iso.engine import editing, folders, preparing, reproducing, wanting
from kernel_iso.engine.channels import policy_for
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
    conda: bool | None = None,
    channels: Sequence[str] = (),
    python: str = "",
    source: str = "",
    prefix: str = "",
    cwd: str = ".",
) -> Ready:
    """Make a named environment with requirements, or with what a file, notebook or folder (`source`) declares.

    Of a lock that conda-lock, pixi or `conda list --explicit` wrote it gets exactly what that holds.

    Packages are conda's or PyPI's as `wanting.added` decides, and one like `python=3.12` is the Python. With `prefix` it
    is found in that folder too, which is new, empty or one that showed an environment before.

    Raises `SpecError` (`bad-name`, `environment-exists`) and whatever preparing raises; nothing is left then.
    """
    name = engine.store.safe_name(name)
    _must_be_free(engine, name)
    spec, held = Spec(), None
    if source:
        path = Path(cwd, source).expanduser().resolve()
        if reproducing.is_lock(path):
            held = reproducing.read(engine, path, preparing.machine_here(engine))
        spec = reproducing.asked(held, path) if held else notebooks.read(path).spec
    if held and (requirements or channels):
        raise SpecError(
            "lock-and-packages", f"cannot create the environment `{name}`",
            f"`{source}` is a lock, which says exactly what is in it, and packages or channels were named too",
            f"create it from the lock alone, then: kernel-iso add -n {name} …",
        )  # fmt: skip
    spec = declared(
        spec,
        requirements,
        name,
        conda=conda,
        channels=channels,
        python=python,
        known=policy_for(engine, Spec(backend="conda")).channels,
    )
    folder = ""
    if prefix:
        folder = str(engine.store.safe_folder(Path(cwd, prefix).expanduser()))
    return _make(engine, name, spec, folder=folder, held=held)


def declared(
    spec: Spec,
    words: Sequence[str],
    name: str,
    *,
    conda: bool | None = None,
    channels: Sequence[str] = (),
    python: str = "",
    known: Sequence[str] = (),
) -> Spec:
    """The Spec with what was typed for a new environment; raises like `wanting.added`.

    >>> made = declared(Spec(), ["python=3.12", "gdal"], "maps", channels=["conda-forge"])
    >>> made.backend, made.python, made.conda, made.channels
    ('conda', '3.12', ('gdal',), ('conda-forge',))
    """
    edit = wanting.added(spec, words, name, conda=conda, channels=channels, known=known)
    if python and edit.python not in (None, python):
        wanting.two_pythons((edit.python, python))
    spec = editing.asked(spec, edit, name)
    return msgspec.structs.replace(
        spec,
        python=python or spec.python,
        # Also where nothing but a Python is asked for: what is added later goes to conda then.
        backend="conda" if wanting.for_conda(spec, conda, channels) else spec.backend,
    )


def _must_be_free(engine: Engine, name: str) -> None:
    if engine.store.environment(name) is not None:
        raise SpecError(
            "environment-exists",
            f"cannot create the environment `{name}`",
            "there is one of that name already",
            f"kernel-iso add -n {name} …   or choose another name",
        )


def _make(
    engine: Engine,
    name: str,
    spec: Spec,
    *,
    folder: str = "",
    own: Lock | None = None,
    held: Foreign | None = None,
) -> Ready:
    target = Target(kind="environment", name=name, why="named")
    wish = Wish(target=target, spec=spec, owner=name, owner_kind="environment", folder=folder, own_lock=own)
    machine = preparing.machine_here(engine)
    plan = preparing.make_plan(engine, wish, machine)
    if held:
        locked = reproducing.lock(engine, plan, held)
    else:
        plan, locked = preparing.lock(engine, wish, plan, machine)
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
