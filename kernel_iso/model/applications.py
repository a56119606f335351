"""What an application asks of its own environment, and where such environments lie."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kernel_iso.model.locks import Lock
from kernel_iso.model.plans import Plan
from kernel_iso.model.records import Record


class Step(Record, frozen=True, kw_only=True):
    """One requirement that an application's author asks for.

    `index` is the URL of the index that it comes from ("" for the policy's), `accelerator` as `Spec.accelerator` ("" says
    nothing), and `builds` are canonical names that may be built from source.
    """

    requirement: str
    index: str = ""
    accelerator: str = ""
    builds: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What a later step of the same kind replaces: the package, for the same marker.

        >>> Step(requirement="Foo_Bar>=1").key, Step(requirement="a==1; os_name == 'nt'").key
        ('foo-bar', 'a; os_name == "nt"')
        """
        asked = Requirement(self.requirement)
        return canonicalize_name(asked.name) + (f"; {asked.marker}" if asked.marker else "")


class Asked(Record, frozen=True, kw_only=True):
    """What an application's environment holds, or is to hold: the steps in order, the plan they became, and its lock.

    `python` is the version that the author asks for, "" for any.
    """

    steps: tuple[Step, ...] = ()
    python: str = ""
    plan: Plan
    lock: Lock

    def holds(self, steps: Iterable[Step], python: str) -> bool:
        """True where all of this was asked for already, in these very words."""
        return all(step in self.steps for step in steps) and python in ("", self.python)

    @property
    def automatic(self) -> bool:
        """True where a build of torch was chosen for the machine, so that another machine may need another one."""
        return bool(self.plan.accelerator) and all(step.accelerator in ("", "auto") for step in self.steps)


class Application(Record, frozen=True, kw_only=True):
    """One application's environment, as the store knows it: its folder, and the distribution that it belongs to.

    `site` is the folder in which that distribution is installed; both are "" where it belongs to none.
    """

    path: str
    distribution: str = ""
    site: str = ""
