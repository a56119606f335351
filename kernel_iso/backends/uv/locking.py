"""Resolve a plan with uv: which versions, from which index, needed by what; and their artefacts."""

from __future__ import annotations

import re
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.pylock import Package as LockedPackage
from packaging.pylock import Pylock, PylockValidationError
from packaging.utils import canonicalize_name

from kernel_iso.backends import companions, explaining, pylocks
from kernel_iso.backends.pylocks import Pick
from kernel_iso.backends.uv import commands, stubs
from kernel_iso.errors import ToolError
from kernel_iso.model import Done, Lock, Plan, Run
from kernel_iso.planning.indexes import comparable

# `numpy==2.5.5             # via contourpy, -r requirements.in`, then `    # from https://example.org/simple`
_PICKED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;]+)[^#]*(?:# via (?P<via>.*))?")
_FROM = re.compile(r"\s+# from (?P<index>\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where uv works: a private folder, and the cache, which lies in it where the plan wants none."""

    uv: str
    plan: Plan
    run: Run
    folder: Path
    cache: str
    preferences: Sequence[str] = field(default=())

    def write(self, name: str, lines: Iterable[str]) -> str:
        """Write a file of lines; return its path."""
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return str(path)


@contextmanager
def desk(uv: str, plan: Plan, run: Run, preferences: Sequence[str] = ()) -> Iterator[Desk]:
    """A desk, cleared afterwards."""
    with tempfile.TemporaryDirectory(prefix="kernel-iso-", ignore_cleanup_errors=True) as folder:
        # Not --no-cache: the second command reads what the first one fetched.
        places = {"on": "", "off": str(Path(folder) / "cache")}
        yield Desk(
            uv=uv,
            plan=plan,
            run=run,
            folder=Path(folder),
            cache=places.get(plan.cache, plan.cache),
            preferences=preferences,
        )


def lock(uv: str, plan: Plan, run: Run, preferences: Sequence[str]) -> Lock:
    """Resolve and lock for every platform of the plan."""
    with desk(uv, plan, run, preferences) as place:
        return companions.lock(plan, run, lambda wish, machine: resolve(replace(place, plan=wish), machine))


def resolve(place: Desk, machine: str) -> tuple[Pick, ...]:
    """The packages that the plan's requirements need on a machine, with their wheels.

    uv takes a package from the index it is bound to only where it is asked for by name, so what turns out
    to be needed from there is asked for, and resolved again.
    """
    plan = place.plan
    pins = dict(plan.pins)
    urls = {index.name: comparable(index.url) for index in plan.indexes}
    asked = frozenset(pylocks.names(plan.requirements))
    pylocks.names(plan.limits)  # they are checked as requirements are
    if not asked:
        return ()
    bound = asked & pins.keys()
    while True:
        picks = _versions(place, machine, bound)
        strays = {
            pick.name
            for pick in picks
            if pick.name in pins.keys() - bound and comparable(pick.index) != urls.get(pins[pick.name])
        }
        if not strays:
            break
        bound |= strays
    needed = pylocks.reachable(picks, asked)
    picks = tuple(pick for pick in picks if pick.name in needed)
    found = artefacts(place, machine, {pick.name: pick.version for pick in picks}, bound)
    whole = [
        replace(pick, wheels=tuple(found[pick.name].wheels or ()), sdist=found[pick.name].sdist)
        for pick in picks
    ]
    return pylocks.chosen(whole, plan, machine)


def _versions(place: Desk, machine: str, bound: frozenset[str]) -> tuple[Pick, ...]:
    """The versions, with what needs them."""
    # uv prefers the versions that its output file already holds, where they still fit.
    output = place.write("requirements.txt", place.preferences)
    done = place.run(
        [
            *commands.compiling(place.uv, place.plan, machine, place.cache),
            *("--annotation-style", "line", "--emit-index-annotation"),
            *_constraints(place),
            *_provided(place),
            *("--output-file", output),
            place.write("requirements.in", place.plan.requirements),
            *_project(place, bound),
        ],
        cwd=str(place.folder),
        env=commands.system(machine),
    )
    if done.status:
        raise explaining.uv(done.stderr, place.plan, machine)
    return parsed(done.stdout)


def parsed(text: str) -> tuple[Pick, ...]:
    """The picks in what `uv pip compile` prints.

    >>> parsed('''blue==2.0     # via -r requirements.in
    ...     # from https://example.org/simple
    ... green==1.0    # via blue''')[0].requires
    frozenset({'green'})
    """
    versions: dict[str, str] = {}
    origins: dict[str, str] = {}
    requires: dict[str, set[str]] = {}
    name = ""
    for line in text.splitlines():
        if found := _PICKED.match(line):
            name = canonicalize_name(found["name"])
            versions[name] = found["version"]
            for parent in (found["via"] or "").split(","):
                requires.setdefault(canonicalize_name(parent.split("(")[0].strip()), set()).add(name)
        elif (found := _FROM.match(line)) and name:
            origins[name] = found["index"]
    return tuple(
        Pick(
            name=each,
            version=version,
            requires=frozenset(requires.get(each, ())),
            index=origins.get(each, ""),
        )
        for each, version in versions.items()
    )


def _constraints(place: Desk) -> list[str]:
    limits = (*place.plan.limits, *place.plan.provided)
    return ["--constraints", place.write("constraints.in", limits)] if limits else []


def _provided(place: Desk) -> list[str]:
    """What is there already and no index need have: stubs of it, to be found before any index is asked."""
    if not place.plan.provided:
        return []
    return ["--find-links", str(stubs.write(place.plan.provided, place.folder / "provided"))]


def _project(place: Desk, bound: frozenset[str]) -> list[str]:
    if not bound:
        return []
    return [place.write("pyproject.toml", commands.bound(place.plan, bound).splitlines())]


def artefacts(
    place: Desk,
    machine: str,
    versions: Mapping[str, str],
    bound: frozenset[str],
    *,
    what: str = explaining.LOCK,
) -> dict[str, LockedPackage]:
    """The wheels that the plan's indexes have of exact versions, by canonical name.

    The cache is asked first: it knows after a resolution, and mostly at a later start. Raises `ToolError`
    (`lock-failed`) and what the explanation of uv's words says.
    """
    if not versions:
        return {}
    pins = [f"{name}=={version}" for name, version in sorted(versions.items())]
    command = [
        *commands.compiling(place.uv, place.plan, machine, place.cache),
        *("--no-deps", "--generate-hashes", "--format", "pylock.toml", place.write("pins.in", pins)),
        *_project(place, bound),
        *_provided(place),
    ]
    env = commands.system(machine)
    done = place.run(commands.cached(command), cwd=str(place.folder), env=env)
    if done.status and not place.plan.offline:
        done = place.run(command, cwd=str(place.folder), env=env)
    if done.status:
        raise explaining.uv(done.stderr, place.plan, machine, what)
    return {package.name: package for package in _read(done).packages}


def _read(done: Done) -> Pylock:
    words = tuple(done.stderr.splitlines()[-10:])
    try:
        return Pylock.from_dict(tomllib.loads(done.stdout))
    except (PylockValidationError, ValueError) as error:
        # uv 0.11 and older write an empty table where the index has no hash; PEP 751 wants one.
        if "hash" in str(error):
            raise pylocks.no_hash("what the index serves", str(error), words) from None
        raise ToolError(
            "lock-failed",
            explaining.LOCK,
            f"uv wrote a lock that cannot be read: {error}",
            "update uv; `kernel-iso doctor` shows its version",
            tail=words,
        ) from None
