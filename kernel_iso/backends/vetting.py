"""A lock as a stranger's: what of it may be installed here. Pure.

A lock may come from a notebook, so nothing in it is believed. It may name versions and hashes; where artefacts come
from is for the policy to say, so each must be one that an allowed index has under that name with that hash
(`vouched`), and its address is the index's, not the lock's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.pylock import Package as LockedPackage
from packaging.pylock import PackageSdist, PackageWheel, Pylock, PylockSelectError

from kernel_iso.backends import pylocks
from kernel_iso.backends.wheels import environment, tags_here
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Part, Plan
from kernel_iso.planning.indexes import comparable
from kernel_iso.processes import redact


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One package to install: the hashes of its wheels that may be used, and the size of the one that will be.

    Where it is built (`Plan.builds`), the hash is that of its source distribution.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    size: int = 0


def wanted(part: Part, plan: Plan) -> tuple[Wanted, ...]:
    """What a part installs with the plan's Python on this machine, by name.

    Raises `SpecError` (`bad-lock`), `ToolError` (`no-hash`), `ConflictError` (`hash-not-allowed`) and
    `ImpossibleError`: `lock-not-allowed` for an entry that is no wheel of an allowed index, and `lock-does-not-fit`
    where the lock is for another machine or Python.
    """
    lock = pylocks.read(part.text)
    for package in lock.packages:
        _check(package, plan)
    found = [_wanted(package, chosen, lock, plan) for package, chosen in _selected(lock, plan)]
    return tuple(sorted(found, key=lambda each: each.name))


def _selected(lock: Pylock, plan: Plan) -> list[tuple[LockedPackage, PackageWheel | PackageSdist]]:
    try:
        selected = list(lock.select(environment=environment(_full(plan)), tags=tags_here(plan.python.minor)))
    except PylockSelectError as error:
        raise ImpossibleError(
            "lock-does-not-fit",
            "cannot install what the lock holds",
            f"it is not for this machine or this Python ({plan.python.version}): {error}",
            "make it again here with `kernel-iso lock`",
        ) from None
    return [
        (package, chosen) for package, chosen in selected if isinstance(chosen, PackageWheel | PackageSdist)
    ]


def _full(plan: Plan) -> str:
    """The version with three numbers; a Python that is still to be fetched may be known by two."""
    return plan.python.version if plan.python.version.count(".") > 1 else plan.python.version + ".0"


def _check(package: LockedPackage, plan: Plan) -> None:
    """Refuse what is no wheel of an index that the plan allows; a source distribution only where the plan builds it."""
    kinds = {"vcs": package.vcs, "directory": package.directory, "archive": package.archive}
    for kind, entry in kinds.items():
        if entry is not None:
            _refuse(package.name, f"its `{kind}` entry names an address, which no index vouches for")
    if package.version is None:
        _refuse(package.name, "it has no version")
    from_source = pylocks.built(package.name, package.sdist, plan)
    if not package.wheels and not from_source:
        _refuse(package.name, "it has no wheel, and building it would run its code")
    for file in (*(package.wheels or ()), *([package.sdist] if package.sdist and from_source else ())):
        if file.url is None or not file.url.startswith(("https://", "http://")):
            _refuse(package.name, "its wheel lies in a folder, and not in an index")
    allowed = {comparable(index.url) for index in plan.indexes}
    if package.index is not None and comparable(package.index) not in allowed:
        _refuse(package.name, f"the index {redact(package.index)} is not in the policy")


def _refuse(name: str, why: str) -> None:
    raise ImpossibleError(
        "lock-not-allowed",
        "does not install what the lock holds",
        f"`{name}`: {why}",
        "make the lock again with `kernel-iso lock`, from indexes that the policy allows",
    )


def gone(words: str) -> ImpossibleError:
    """What is locked is not in the indexes; `words` are the tool's."""
    return ImpossibleError(
        "lock-not-allowed",
        "does not install what the lock holds",
        "the indexes that the policy allows do not have all of it for this machine",
        "make the lock again with `kernel-iso lock`",
        tail=tuple(line for line in words.splitlines() if line.strip())[-12:],
    )


def _wanted(package: LockedPackage, chosen: PackageWheel | PackageSdist, lock: Pylock, plan: Plan) -> Wanted:
    version, wheels = str(package.version), tuple(package.wheels or ())
    if isinstance(chosen, PackageSdist):
        pylocks.hashed(f"{package.name} {version}", [chosen])
        return Wanted(
            name=package.name, version=version, hashes=(chosen.hashes["sha256"],), size=chosen.size or 0
        )
    pylocks.hashed(f"{package.name} {version}", wheels)
    # What only the kernel needs was never asked for, so nobody's list of hashes speaks of it.
    if package.name not in pylocks.table(lock).get("companions", ()):
        wheels = pylocks.allowed(package.name, version, wheels, plan)
    hashes = tuple(dict.fromkeys(wheel.hashes["sha256"] for wheel in wheels))
    return Wanted(name=package.name, version=version, hashes=hashes, size=chosen.size or 0)


def vouched(
    wishes: Sequence[Wanted], found: Mapping[str, LockedPackage], plan: Plan
) -> tuple[pylocks.Pick, ...]:
    """What is wanted, as the indexes have it (`found`, by name): their addresses, our hashes.

    Raises `ImpossibleError` (`lock-not-allowed`) for a package whose hashes no allowed index knows.
    """
    picks = []
    for wish in wishes:
        there = found[wish.name].wheels or () if wish.name in found else ()
        wheels = tuple(wheel for wheel in there if wheel.hashes.get("sha256") in wish.hashes)
        sdist = found[wish.name].sdist if wish.name in found else None
        if sdist and pylocks.built(wish.name, sdist, plan) and sdist.hashes.get("sha256") in wish.hashes:
            picks.append(pylocks.Pick(name=wish.name, version=wish.version, sdist=sdist))
            continue
        if not wheels:
            names = ", ".join(index.name for index in plan.indexes) or "no index"
            _refuse(wish.name, f"{names} has no wheel of version {wish.version} with the hash that is locked")
        picks.append(pylocks.Pick(name=wish.name, version=wish.version, wheels=wheels))
    return tuple(picks)
