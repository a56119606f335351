"""Export an environment: its wishes and exact artefacts, gathered for the pure formats of `kernel_iso.exporting`."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from kernel_iso import exporting
from kernel_iso.backends.conda import locking
from kernel_iso.discovery import Discovered, Environments
from kernel_iso.engine import (
    borrowing,
    detailing,
    folders,
    freezing,
    inspecting,
    preparing,
    recording,
    unpacking,
)
from kernel_iso.engine.acts import Arguments, recorded, target_of
from kernel_iso.engine.context import Engine
from kernel_iso.engine.differences import difference
from kernel_iso.engine.preparing import Wish
from kernel_iso.engine.targets import Target
from kernel_iso.engine.verbs import Outcome
from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.exporting import Exported, Source, leaving
from kernel_iso.model import Lock, Machine, Prefix
from kernel_iso.notebooks import files

CONDA = "conda"


def export(
    engine: Engine,
    target: Target,
    form: str,
    *,
    builds: bool = True,
    history: bool = False,
    minimal: bool = False,
    addresses: bool = False,
    elsewhere: Machine | None = None,
) -> Exported:
    """The files of a format for a notebook, a named environment, or one that was found on this machine.

    `elsewhere` is the machine that it is for, where it is not this one: the part of the lock that fits there comes
    first. An environment that was found is as it is. What only tells the wishes needs no lock; else the lock at hand is
    taken, or made where the target is approved. Raises what `kernel_iso.exporting.export` raises, and what reading,
    locking and asking channels raise.
    """
    source = gathered(
        engine,
        target,
        form,
        wishes=exporting.only_asked(form, history=history, minimal=minimal),
        elsewhere=elsewhere,
    )
    source = replace(source, addresses=addresses, home=str(Path.home()))
    made = exporting.export(source, form, builds=builds, history=history, minimal=minimal)
    if form == "pixi.lock":
        asked = {"do": "lockfile", "how": "write", "text": made.files[form], "name": form}
        text = str(engine.run("export").worker(locking.WORKER, asked))
        made = Exported(files={form: text}, notes=made.notes)
    return made


def gathered(
    engine: Engine, target: Target, form: str, *, wishes: bool, elsewhere: Machine | None = None
) -> Source:
    """What is to be exported; with `wishes` only what was asked."""
    if found := _found(target):
        return freezing.source(engine, found, form)
    wish = preparing.read(engine, target)
    if found := borrowing.chosen(engine, wish):
        return freezing.source(engine, found, form)
    machine = preparing.machine_here(engine)
    if elsewhere is not None:
        machine = recording.resolvable(elsewhere, machine)
    plan = preparing.make_plan(engine, wish, machine)
    conda = plan.backend == CONDA
    source = Source(
        name=name_of(wish.target), spec=wish.spec, python=plan.python.minor, conda=conda,
        channels=(wish.spec.channels or plan.channels) if conda else (),
        indexes=(*plan.indexes, *engine.policy.indexes),
    )  # fmt: skip
    if wishes:
        return source
    preparing.require_approval(engine, wish)
    plan, locked = preparing.lock(engine, wish, plan, machine)
    prefix = inspecting.current(engine, wish)
    source = replace(
        source,
        python=locked.python or source.python,
        contents=unpacking.contents(locked, machine.tag, plan.accelerator),
    )
    source = replace(
        source, indexes=(*plan.indexes, *source.indexes), notes=_noted(engine, wish, locked, prefix)
    )
    return detailing.detailed(engine, source, form, plan.channels, prefix.path if prefix else "")


def _found(target: Target) -> Discovered | None:
    """The environment that a folder is, where a target names one that is not ours."""
    folder = target.path if target.kind == "folder" else target.name if target.kind == "discovered" else ""
    return Environments().read(folder) if folder else None


def _noted(engine: Engine, wish: Wish, locked: Lock, prefix: Prefix | None) -> tuple[str, ...]:
    """What the lock does not tell of the environment."""
    notes = []
    if locked.detached:
        notes.append(
            "left out: the kernel's own packages (ipykernel and what it needs), which live apart from what is asked"
        )
    if prefix and prefix.lock == locked.digest():
        made = {item.name: item.version for item in prefix.packages}
        there = {item.name: item.version for item in inspecting.installed(engine, prefix)}
        if by_hand := [change.name for change in difference(made, there)]:
            names = leaving.listed(by_hand)
            notes.append(
                f"left out: what was changed by hand ({names}); kernel-iso adopt   writes it into what is asked"
            )
    return tuple(notes)


def name_of(target: Target) -> str:
    """A plain name for an environment: conda's own rules leave out slashes, spaces, colons and `#`.

    >>> name_of(Target(kind="notebook", path="/a/My analysis #2.ipynb")), name_of(Target(kind="environment", name="ml"))
    ('My-analysis-2', 'ml')
    """
    text = target.name if target.kind == "environment" else Path(target.path or target.name).stem
    return re.sub(r"[^\w.+-]+", "-", Path(text).name).strip("-.") or "environment"


def told(engine: Engine, arguments: Arguments) -> Outcome:
    """Export as a verb does: the text itself, or files where `-o` says."""
    target = _target(engine, arguments)
    made = export(
        engine, target, str(arguments.get("form") or "environment.yml"), builds=not arguments.get("no_builds"),
        history=bool(arguments.get("history")), minimal=bool(arguments.get("minimal")),
        addresses=bool(arguments.get("addresses")), elsewhere=recorded(arguments),
    )  # fmt: skip
    run = engine.run("export")
    for note in made.notes:
        run.tell(note)
    out, written = str(arguments.get("out") or ""), []
    if out:
        written = [str(path) for path in write(made, Path(out).expanduser())]
    elif len(made.files) > 1:
        run.tell(f"there are {', '.join([*made.files][1:])} too: -o FOLDER writes all of them")
    shown = next(iter(made.files.values())).rstrip("\n")
    return Outcome(
        data={"files": dict(made.files), "notes": list(made.notes), "written": written},
        text="\n".join(f"wrote {path}" for path in written) if out else shown,
    )


def _target(engine: Engine, arguments: Arguments) -> Target:
    """The target that the arguments name; a folder that no named environment shows in is looked into."""
    name = str(arguments.get("name") or arguments.get("environment") or "")
    if os.sep in name or "/" in name or name.startswith("~"):
        try:
            folders.existing(engine.store, name)
        except ImpossibleError:
            folder = str(Path(name).expanduser().absolute())
            if Environments().read(folder) is None:
                raise
            return Target(kind="discovered", name=folder, why="the folder named")
    return target_of(engine, {**arguments, "name": name})


def write(made: Exported, out: Path) -> list[Path]:
    """Write the files: into `out` where it is a folder or there are several, else as `out` itself.

    Raises `SpecError` (`no-folder`), and what `notebooks.files.write` raises.
    """
    several = len(made.files) > 1 or out.is_dir()
    folder = out if several else out.parent
    if several and not folder.exists() and folder.parent.is_dir():
        folder.mkdir()
    if not folder.is_dir():
        raise SpecError(
            "no-folder", f"cannot write `{out.name}`", f"there is no folder `{folder}`", "make it first"
        )
    paths = [folder / name if several else out for name in made.files]
    for path, text in zip(paths, made.files.values(), strict=True):
        files.write(path, None, text.encode())
    return paths
