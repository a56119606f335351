"""Mend what an examination found, where we can: damaged files, and the wrong build of torch's whole family."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kernel_iso import backends
from kernel_iso.accelerators import table
from kernel_iso.backends.conda import caches
from kernel_iso.engine import fitting, inspecting, preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.doctoring import conda, prefixes
from kernel_iso.engine.doctoring.findings import Finding
from kernel_iso.engine.preparing import Ready
from kernel_iso.engine.targets import Target

DAMAGED = ("files", "interpreter", "missing")
WRONG_BUILD = ("build", "family", "driver-too-old", "architecture")


def repair(engine: Engine, target: Target, found: Sequence[Finding]) -> tuple[str, ...]:
    """Mend what these findings of a target name; return what was done, a sentence each.

    What it installs needs the approval that every verb needs. Raises every kind of error.
    """
    # A note is no reason to change what works.
    checks = {item.check for item in found if item.level == "problem"}
    done: list[str] = []
    if checks & {*DAMAGED}:
        done += _again(engine, target)
    if checks & {*WRONG_BUILD}:
        done += _other_build(engine, target)
    return tuple(done)


def _again(engine: Engine, target: Target) -> list[str]:
    """Make the prefix again from its lock; with fresh cache entries, where those were what is damaged."""
    ready = preparing.realise(engine, target, fresh=True)
    told = [f"made {ready.prefix.key} again from its lock"]
    if ready.prefix.backend == fitting.CONDA and engine.policy.cache != "off":
        if gone := _conda_again(engine, ready):
            preparing.realise(engine, target, fresh=True)
            told.append(f"conda's cache was damaged too: fetched {', '.join(gone)} again")
        return told
    names = [name for name, _ in prefixes.damaged(_site(ready))]
    # Only now: as long as the cache is sound, nothing needs the network.
    if names and _forgotten(engine, ready, names):
        preparing.realise(engine, target, fresh=True)
        told.append(f"their entries in uv's cache were damaged too: fetched {', '.join(names)} again")
    return told


def _conda_again(engine: Engine, ready: Ready) -> list[str]:
    """The conda packages whose files are still damaged, taken out of the cache: they are fetched again then."""
    names = {name for name, _ in conda.damaged(Path(ready.prefix.path))}
    items = [item for item in ready.prefix.packages if item.name in names]
    folder = caches.root(engine.policy.cache) / "pkgs"
    return list(caches.heal(folder, [f"{item.name}-{item.version}-{item.build}" for item in items]))


def _site(ready: Ready) -> Path:
    return fitting.site_packages(Path(ready.prefix.path), ready.prefix.version)


def _forgotten(engine: Engine, ready: Ready, names: Sequence[str]) -> bool:
    """Clear packages from uv's cache; False where that cannot be, or would leave nothing to install.

    pip's cache needs no care: it keeps whole wheels, and pip checks their hashes.
    """
    plan = ready.plan
    if plan.offline or plan.cache == "off" or ready.prefix.backend != "uv":
        return False
    cache = [] if plan.cache == "on" else ["--cache-dir", plan.cache]
    return (
        engine.run("realise")([backends.uv_path(), "cache", "clean", "--no-config", *cache, *names]).status
        == 0
    )


def _other_build(engine: Engine, target: Target) -> list[str]:
    """The build that the plan wants, of the whole family: the lock's part for it, or a new one beside the others.

    A part that holds another build than it says is no case: its index is not the one that the plan binds to.
    """
    before = inspecting.current(engine, preparing.read(engine, target))
    ready = preparing.realise(engine, target)
    family = {*table().family(ready.plan.accelerator)}
    made = {item.name: item.version for item in ready.prefix.packages if item.name in family}
    if before is not None and ready.prefix.key == before.key:
        installed = inspecting.installed(engine, ready.prefix)
        if made == {item.name: item.version for item in installed if item.name in family}:
            return []
        # Another build was installed by hand over what was made.
        ready = preparing.realise(engine, target, fresh=True)
    there = ", ".join(f"{name} {version}" for name, version in sorted(made.items()))
    return [f"made generation {ready.prefix.generation}, {ready.prefix.key}, with {there}"]
