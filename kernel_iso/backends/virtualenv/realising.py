"""Make an environment from a lock with virtualenv and pip."""

from __future__ import annotations

import re
from pathlib import Path

from kernel_iso.backends import explaining, installed, spaces, vetting
from kernel_iso.backends.virtualenv import commands
from kernel_iso.backends.virtualenv.desks import desk
from kernel_iso.backends.virtualenv.locking import not_offline
from kernel_iso.backends.wheels import here
from kernel_iso.model import Part, Plan, Run


def realise(plan: Plan, part: Part, at: str, run: Run) -> str:
    """Make the folder `at` an environment that holds the part; return its interpreter.

    pip is given names, versions and hashes, and looks in the plan's indexes only: the lock's addresses are not
    used, so that what is installed is what an allowed index has.
    """
    wishes = vetting.wanted(part, plan)
    spaces.check(sum(wish.size for wish in wishes), Path(at))
    if wishes and plan.offline:
        raise not_offline(explaining.INSTALL)
    with desk(plan, run, prefix=at) as place:
        python = place.prefix
        if wishes:
            lines = [
                f"{wish.name}=={wish.version} " + " ".join(f"--hash=sha256:{each}" for each in wish.hashes)
                for wish in wishes
            ]
            file = place.write("requirements.txt", lines)
            command = commands.installing(place.python, python, plan, file, place.cache)
            done = place.pip(command, Progress(run, len(wishes)))
            if done.status:
                if "No matching distribution found" in done.stderr:
                    raise vetting.gone(done.stderr)
                raise explaining.pip(done.stderr, plan, here(), explaining.INSTALL)
    installed.verify(python, {wish.name: wish.version for wish in wishes})
    run.tell(f"installed {len(wishes)} packages", len(wishes), len(wishes), "packages")
    return python


class Progress:
    """Tells what pip's lines say while it installs: `Collecting numpy==2.5.5 …`, then `Installing collected …`."""

    def __init__(self, run: Run, packages: int) -> None:
        self._run = run
        self._packages = packages
        self._collected = 0

    def __call__(self, line: str) -> None:
        """Hear one line."""
        if found := re.match(r"Collecting ([A-Za-z0-9][\w.-]*)", line):
            self._collected += 1
            self._run.tell(f"fetching {found[1]}", self._collected, self._packages, "packages")
        elif line.startswith("Installing collected packages"):
            self._run.tell(f"unpacking {self._packages} packages", 0, self._packages, "packages")
