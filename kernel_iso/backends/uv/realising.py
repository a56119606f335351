"""Make an environment from a lock with uv."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from packaging.pylock import Package as LockedPackage

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
        _call(place, commands.creating(uv, plan, at, place.cache))
        python = installed.python_of(at)
        if picks:
            lock = place.write("pylock.toml", pylocks.text(picks, plan, here()).splitlines())
            mode = links.mode(Path(at))
            install = commands.installing(uv, plan, python, lock, mode, place.cache)
            # The cache first: some indexes forbid caching, and uv would then fetch all of it again. An attempt
            # that lacks something ends before it writes anything.
            if plan.offline or run(commands.cached(install), cwd=str(place.folder)).status:
                _call(place, install, Progress(run, len(picks)))
            if mode != "copy":
                links.part(Path(at))
    installed.verify(python, versions)
    run.tell(f"installed {len(picks)} packages", len(picks), len(picks), "packages")
    return python


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

    It names only what is large; the bytes are those of what it named.
    """

    def __init__(self, run: Run, packages: int) -> None:
        self._run = run
        self._packages = packages
        self._sizes: dict[str, int] = {}
        self._done = 0

    def __call__(self, line: str) -> None:
        """Hear one line."""
        if found := re.match(r"\s*Downloading (\S+) \(([\d.]+)([KMG]?i?B)\)", line):
            self._sizes[found[1]] = round(float(found[2]) * _UNITS.get(found[3], 1))
            self._tell(f"downloading {found[1]}")
        elif found := re.match(r"\s*Downloaded (\S+)", line):
            self._done += self._sizes.get(found[1], 0)
            self._tell(f"downloaded {found[1]}")
        elif re.match(r"Prepared \d+ package", line):
            self._run.tell(f"unpacked, linking {self._packages} packages", 0, self._packages, "packages")

    def _tell(self, text: str) -> None:
        self._run.tell(text, self._done, sum(self._sizes.values()), "bytes")
