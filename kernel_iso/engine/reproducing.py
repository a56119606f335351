"""An environment from a lock that another tool of conda's world wrote: exactly its packages, and what a kernel needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from kernel_iso import backends
from kernel_iso.backends import condalocks
from kernel_iso.backends.conda.specs import SUBDIRS
from kernel_iso.backends.condalocks import Foreign
from kernel_iso.engine.context import Engine
from kernel_iso.engine.fitting import CONDA
from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Machine, Origin, Plan, Spec

NAMES = ("conda-lock.yml", "conda-lock.yaml", "pixi.lock")
SUFFIXES = (".conda-lock.yml", ".pixi.lock")


def is_lock(path: Path) -> bool:
    """True for a lock of conda's world: by its name, or a text file that says `@EXPLICIT`."""
    if path.name in NAMES or path.name.endswith(SUFFIXES):
        return True
    if path.suffix not in (".txt", ".lock", "") or not path.is_file():
        return False
    with path.open("rb") as stream:
        return b"@EXPLICIT" in stream.read(16_384).splitlines()


def read(engine: Engine, path: Path, machine: Machine) -> Foreign:
    """What a lock holds for a machine; nothing of it is believed but names, versions and hashes.

    Raises `SpecError` (`bad-lock`, `no-such-file`) and `ImpossibleError` (`lock-does-not-fit`, `url-not-allowed`).
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(condalocks.LIMIT * 4 + 1)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            "bad-lock",
            f"cannot read `{path.name}`",
            str(error).splitlines()[0],
            "make it again with the tool that wrote it",
        ) from None
    return condalocks.read(path.name, text, SUBDIRS.get(machine.tag, machine.tag), engine.run("read"))


def asked(found: Foreign, path: Path) -> Spec:
    """What an environment from a lock asks: what nothing else in it needs, in its version; all, where no need is told."""
    needed = {name for each in found.artefacts for name in each.requires if name != each.name}
    roots = [each for each in found.artefacts if each.name not in needed and each.name != "python"]
    return Spec(
        conda=tuple(f"{each.name}={each.version}" for each in roots), channels=found.channels, backend=CONDA,
        requirements=found.pins, hashes=found.hashes,
        python=".".join(found.python.split(".")[:2]),
        origin=Origin(kind="project", path=str(path), detail="a lock"),
    )  # fmt: skip


def lock(engine: Engine, plan: Plan, found: Foreign) -> Lock:
    """The lock of exactly what was found, with the kernel's own packages beside it; kept in the store."""
    backend = cast("Any", backends.find(CONDA))
    made: Lock = backend.adopt(plan, found.artefacts, engine.run("lock", plan.digest()[:12]))
    engine.store.keep(made)
    return made
