"""Make an environment from a lock with uv."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from packaging.pylock import Package as LockedPackage
from packaging.pylock import PackageSdist, PackageWheel

from kernel_iso.backends import explaining, installed, links, pylocks, spaces, vetting
from kernel_iso.backends.uv import commands, locking
from kernel_iso.backends.wheels import here
from kernel_iso.errors import ConflictError, ImpossibleError, SpecError
from kernel_iso.model import Part, Plan, Run

_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def realise(uv: str, plan: Plan, part: Part, at: str, run: Run) -> str:
    """Make the folder `at` an environment that holds the part; return its interpreter."""
    wishes = vetting.wanted(part, plan)
    spaces.check(sum(wish.size for wish in wishes), Path(at))
    with locking.desk(uv, plan, run) as place:
        versions = {wish.name: wish.version for wish in wishes}
        picks = vetting.vouched(wishes, _known(place, versions), plan)
        _call(place, commands.creating(uv, plan, at, place.cache, there=Path(at).exists()))
        python = installed.python_of(at)
        if picks:
            mode = links.mode(Path(at))
            _install(
                place,
                commands.installing(uv, plan, python, _written(place, picks), mode, place.cache),
                len(picks),
            )
            if mode != "copy":
                links.part(Path(at))
    installed.verify(python, versions)
    run.tell(f"installed {len(picks)} packages", len(picks), len(picks), "packages")
    return python


def edit(uv: str, plan: Plan, part: Part, at: str, run: Run, former: Part) -> None:
    """Make the environment in `at`, which holds what `former` says, hold the part; what stays is not touched."""
    wishes = vetting.wanted(part, plan)
    spaces.check(sum(wish.size for wish in wishes), Path(at))
    with locking.desk(uv, plan, run) as place:
        versions = {wish.name: wish.version for wish in wishes}
        picks = vetting.vouched(wishes, _known(place, versions), plan)
        python, mode = installed.python_of(at), links.mode(Path(at))
        again = _elsewhere(former, picks)
        lock = _written(place, picks)
        _install(place, commands.syncing(uv, plan, python, lock, mode, place.cache, again), len(picks))
        if mode != "copy":
            links.part(Path(at))
    installed.verify(python, versions)
    run.tell(f"{len(picks)} packages are there", len(picks), len(picks), "packages")


def extend(uv: str, plan: Plan, part: Part, python: str, run: Run) -> None:
    """Install the wheels of the part beside what the environment of `python` holds."""
    wishes = vetting.wanted(part, plan)
    at = Path(python).parent.parent
    spaces.check(sum(wish.size for wish in wishes), at)
    with locking.desk(uv, plan, run) as place:
        picks = vetting.vouched(wishes, _known(place, {wish.name: wish.version for wish in wishes}), plan)
        if picks:
            mode = links.mode(at)
            lock = _written(place, picks)
            _install(place, commands.installing(uv, plan, python, lock, mode, place.cache), len(picks))
            if mode != "copy":
                links.part(at)
    installed.verify(python, {wish.name: wish.version for wish in wishes})


def _elsewhere(former: Part, picks: Sequence[pylocks.Pick]) -> list[str]:
    """The packages that keep their version and are other files now (of another index): uv would take them for done."""
    before: dict[str, tuple[str, set[str | None]]] = {
        package.name: (str(package.version), {file.hashes.get("sha256") for file in _files(package)})
        for package in pylocks.read(former.text).packages
    }
    return [
        pick.name
        for pick in picks
        if pick.name in before
        and before[pick.name][0] == pick.version
        and not before[pick.name][1] & {file.hashes.get("sha256") for file in _files(pick)}
    ]


def _files(package: LockedPackage | pylocks.Pick) -> list[PackageWheel | PackageSdist]:
    return [*(package.wheels or ()), *([package.sdist] if package.sdist else ())]


def _written(place: locking.Desk, picks: tuple[pylocks.Pick, ...]) -> str:
    return place.write("pylock.toml", pylocks.text(picks, place.plan, here()).splitlines())


def _install(place: locking.Desk, command: list[str], packages: int) -> None:
    # The cache first: some indexes forbid caching, and uv would then fetch all of it again. An attempt
    # that lacks something ends before it writes anything.
    if place.plan.offline or place.run(commands.cached(command), cwd=str(place.folder)).status:
        _call(place, command, Progress(place.run, packages))


def _known(place: locking.Desk, versions: dict[str, str]) -> dict[str, LockedPackage]:
    """What the indexes have of these versions; of a bound package, what the index it is bound to has."""
    bound = frozenset(name for name, _ in place.plan.pins if name in versions)
    try:
        return locking.artefacts(place, here(), versions, bound, what=explaining.INSTALL)
    except (ConflictError, SpecError, ImpossibleError) as error:
        raise vetting.gone("\n".join(error.tail)) from None


def _call(place: locking.Desk, command: list[str], on_line: Callable[[str], None] | None = None) -> None:
    done = place.run(command, cwd=str(place.folder), on_line=on_line)
    if done.status:
        raise explaining.uv(done.stderr, place.plan, here(), explaining.INSTALL)


class Progress:
    """Tells what uv's lines say while it installs.

        Downloading numpy (15.0MiB)
         Downloaded numpy
        Prepared 38 packages in 1.14s
        Installed 38 packages in 134ms

    It names only what is large; the bytes are those of what it named. What is told last is what is waited for.
    """

    def __init__(self, run: Run, packages: int) -> None:
        self._run = run
        self._packages = packages
        self._sizes: dict[str, int] = {}
        self._waiting: list[str] = []

    def __call__(self, line: str) -> None:
        """Hear one line."""
        if found := re.match(r"\s*Downloading (\S+) \(([\d.]+)([KMG]?i?B)\)", line):
            self._sizes[found[1]] = round(float(found[2]) * _UNITS.get(found[3], 1))
            if found[1] not in self._waiting:  # an attempt that broke off is made again
                self._waiting.append(found[1])
            self._tell()
        elif (found := re.match(r"\s*Downloaded (\S+)", line)) and found[1] in self._waiting:
            self._waiting.remove(found[1])
            self._tell()
        elif re.match(r"Prepared \d+ package", line):
            self._run.tell(f"unpacked, linking {self._packages} packages", 0, self._packages, "packages")

    def _tell(self) -> None:
        total = sum(self._sizes.values())
        left = sum(self._sizes[name] for name in self._waiting)
        names = ", ".join(self._waiting[:3]) + (", …" if len(self._waiting) > 3 else "")
        self._run.tell(f"downloading {names}" if names else "downloaded", total - left, total, "bytes")
