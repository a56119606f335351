"""Locks as PEP 751 texts: made from what a resolver picked, and read back as packages. Pure.

Nothing of the format is ours: `packaging.pylock` checks it, `packages.dependencies` and `packages.index`
hold what other tools may want to know, and `[tool.kernel-iso]` the digest of the Plan and which packages
are the kernel's own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import tomli_w
from packaging.pylock import Package as LockedPackage
from packaging.pylock import PackageSdist, PackageWheel, Pylock, PylockValidationError
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernel_iso.backends.wheels import fits
from kernel_iso.errors import ConflictError, ImpossibleError, SpecError, ToolError
from kernel_iso.model import Package, Plan
from kernel_iso.processes import redact

TOOL = "kernel-iso"

File = TypeVar("File", PackageWheel, PackageSdist)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """One package that a resolver picked: its wheels, what it directly needs, and the URL of its index.

    `sdist` counts only where the plan lets the package be built (`Plan.builds`).
    """

    name: str
    version: str
    wheels: tuple[PackageWheel, ...] = ()
    sdist: PackageSdist | None = None
    requires: frozenset[str] = frozenset()
    index: str = ""


def requirement(text: str) -> Requirement:
    """One requirement that names a package of an index.

    Raises `SpecError` (`bad-requirement`), and `ImpossibleError` (`url-not-allowed`) for an address (a folder,
    a repository, a file): to learn what it is, its code would have to run.

    >>> requirement("numpy>=2").name
    'numpy'
    """
    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        raise SpecError(
            "bad-requirement",
            f"cannot read the requirement `{redact(text)}`",
            str(error).splitlines()[0].lower(),
            'write it as PEP 508 says, for example "numpy>=2,<3"',
        ) from None
    if parsed.url:
        raise ImpossibleError(
            "url-not-allowed",
            f"cannot install `{parsed.name}` from {redact(parsed.url)}",
            "packages come from indexes only: no index and no hash vouches for an address",
            f'ask for a release of it instead: "{parsed.name}", from an index that the policy allows',
        )
    return parsed


def names(requirements: Iterable[str]) -> tuple[str, ...]:
    """The canonical names of requirements, in order.

    >>> names(["Foo_Bar[x]>=1", "numpy"])
    ('foo-bar', 'numpy')
    """
    return tuple(canonicalize_name(requirement(text).name) for text in requirements)


def reachable(picks: Iterable[Pick], roots: Iterable[str]) -> frozenset[str]:
    """The names that `roots` need, themselves included.

    >>> a, b, c = (Pick(name=name, version="1", requires=frozenset("b")) for name in "abc")
    >>> sorted(reachable([a, b, c], ["a"]))
    ['a', 'b']
    """
    edges = {pick.name: pick.requires for pick in picks}
    seen: set[str] = set()
    waiting = [root for root in roots if root in edges]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += edges[name] & edges.keys()
    return frozenset(seen)


def chosen(picks: Iterable[Pick], plan: Plan, machine: str) -> tuple[Pick, ...]:
    """The picks by name, each with the wheels that can be used: they run there, are hashed and allowed.

    Raises `ConflictError` (`hash-not-allowed`), `ImpossibleError` (`no-wheel-here`) and `ToolError` (`no-hash`).
    """
    return tuple(
        _built(pick)
        if built(pick.name, pick.sdist, plan)
        else replace(pick, wheels=_usable(pick, plan, machine))
        for pick in sorted(picks, key=lambda pick: pick.name)
    )


def built(name: str, sdist: PackageSdist | None, plan: Plan) -> bool:
    """True for a package that is built from source: the plan lets it be, and there is a source distribution."""
    return sdist is not None and name in plan.builds


def _built(pick: Pick) -> Pick:
    """The pick with its source distribution alone. Raises `ToolError` (`no-hash`)."""
    assert pick.sdist is not None
    hashed(f"{pick.name} {pick.version}", [pick.sdist])
    return replace(pick, wheels=())


def _usable(pick: Pick, plan: Plan, machine: str) -> tuple[PackageWheel, ...]:
    wheels = [wheel for wheel in pick.wheels if fits(wheel.filename, plan.python.minor, machine)]
    if not wheels:
        raise ImpossibleError(
            "no-wheel-here",
            f"cannot lock {pick.name} {pick.version}",
            f"it has no wheel for Python {plan.python.minor} on {machine}",
            f"ask for another version of {pick.name}, or for another Python",
        )
    hashed(f"{pick.name} {pick.version}", wheels)
    return allowed(pick.name, pick.version, wheels, plan)


def hashed(what: str, files: Iterable[PackageWheel | PackageSdist]) -> None:
    """Raise `ToolError` (`no-hash`) unless every file has a SHA-256."""
    for file in files:
        if "sha256" not in file.hashes:
            raise no_hash(what, f"`{file.filename}` has no SHA-256")


def no_hash(what: str, why: str, tail: tuple[str, ...] = ()) -> ToolError:
    """Nobody vouches for the bytes."""
    return ToolError(
        "no-hash",
        f"cannot use {what}",
        f"{why}: nobody could tell whether it is the same next time",
        "use an index that publishes SHA-256 hashes, or make the lock again",
        tail=tail,
    )


def allowed(name: str, version: str, wheels: Sequence[PackageWheel], plan: Plan) -> tuple[PackageWheel, ...]:
    """The wheels whose hashes `plan.hashes` allows; all where it says nothing about the package.

    Raises `ConflictError` (`hash-not-allowed`) where none is.
    """
    rules: dict[str, tuple[str, ...]] = {canonicalize_name(rule): each for rule, each in plan.hashes}
    if name not in rules:
        return tuple(wheels)
    if found := tuple(wheel for wheel in wheels if "sha256:" + wheel.hashes["sha256"] in rules[name]):
        return found
    raise ConflictError(
        "hash-not-allowed",
        f"cannot use {name} {version}",
        "none of its wheels for this machine has a hash that the requirements allow",
        f"add the hash of the wheel that you trust, or ask for the version of {name} whose hash is listed",
    )


def text(
    picks: Iterable[Pick],
    plan: Plan,
    machine: str,
    *,
    asked: Iterable[str] = (),
    companions: Iterable[str] = (),
) -> str:
    """The PEP 751 text of a part: wheels with hashes, no credentials; equal picks give an equal text."""
    picks = tuple(picks)
    there = {pick.name for pick in picks}
    table = {"plan": plan.digest(), "platform": machine, "accelerator": plan.accelerator}
    lock = Pylock(
        lock_version=Version("1.0"),
        created_by=TOOL,
        requires_python=SpecifierSet(f"=={plan.python.minor}.*"),
        packages=[_locked(pick, there) for pick in picks],
        tool={TOOL: {**table, "asked": sorted({*asked} & there), "companions": sorted({*companions})}},
    )
    lock.validate()
    return tomli_w.dumps(lock.to_dict())


def _locked(pick: Pick, there: set[str]) -> LockedPackage:
    return LockedPackage(
        name=canonicalize_name(pick.name),
        version=Version(pick.version),
        index=redact(pick.index) or None,
        # PEP 751, packages.dependencies: recorded for people and tools; an installer must not use it.
        dependencies=[{"name": name} for name in sorted(pick.requires & there)] or None,
        # A source distribution is in a lock only where it is built: see `chosen`.
        sdist=_clean(PackageSdist, pick.sdist) if pick.sdist and not pick.wheels else None,
        wheels=[_clean(PackageWheel, wheel) for wheel in pick.wheels] or None,
    )


def _clean(kind: type[File], file: PackageWheel | PackageSdist) -> File:
    """The file as others may see it: its address without credentials, its size and its SHA-256."""
    return kind(url=redact(file.url or ""), size=file.size or None, hashes={"sha256": file.hashes["sha256"]})


def without(text: str, names: Iterable[str]) -> str:
    """The text without these packages (canonical names), "" where none is left. Raises `SpecError` (`bad-lock`)."""
    lock, gone = read(text), {*names}
    kept = [package for package in lock.packages if package.name not in gone]
    data = dict(lock.to_dict())
    data["packages"] = [each for each in data["packages"] if each["name"] not in gone]
    return tomli_w.dumps(data) if kept else ""


def read(text: str) -> Pylock:
    """The lock in a PEP 751 text. Raises `SpecError` (`bad-lock`)."""
    try:
        return Pylock.from_dict(tomllib.loads(text))
    except (PylockValidationError, ValueError) as error:
        raise SpecError(
            "bad-lock",
            "cannot read the lock",
            f"it is not what PEP 751 describes: {str(error).splitlines()[0]}",
            "make it again with `kernel-iso lock`",
        ) from None


def table(lock: Pylock) -> dict[str, Any]:
    """What `[tool.kernel-iso]` says, {} where it says nothing."""
    found = (lock.tool or {}).get(TOOL, {})
    return dict(found) if isinstance(found, dict) else {}


def packages(text: str) -> tuple[Package, ...]:
    """The packages of a lock's text by name, with roles and direct dependencies.

    `size` is what is downloaded, where the lock knows it.

    Raises `SpecError` (`bad-lock`).
    """
    lock = read(text)
    ours = table(lock)
    roles = dict.fromkeys(ours.get("companions", ()), "companion") | dict.fromkeys(
        ours.get("asked", ()), "asked"
    )
    return tuple(
        Package(
            name=package.name,
            version=str(package.version or ""),
            role=roles.get(package.name, ""),
            requires=tuple(str(each.get("name", "")) for each in package.dependencies or ()),
            size=max((wheel.size or 0 for wheel in package.wheels or ()), default=0),
        )
        for package in sorted(lock.packages, key=lambda package: package.name)
    )
