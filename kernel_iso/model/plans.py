"""The decision, with its reasons."""

from __future__ import annotations

from kernel_iso.model.machines import Python
from kernel_iso.model.records import Record, digest
from kernel_iso.model.specs import Index

NOT_LOCKED = (
    "reasons", "env", "own_code", "own_paths", "system_site_packages", "cache", "offline", "trusted_hosts",
    "platforms", "libc", "accelerator", "build_index", "build_limits", "brought_torch", "virtual",
    "conda_limits", "link_scripts", "provided",
)  # fmt: skip
"""Fields of a Plan that do not change which artefacts a lock holds."""


class Reason(Record, frozen=True, kw_only=True):
    """Why a rule decided as it did: the `rule`'s name and one sentence with its numbers."""

    rule: str
    text: str


class Plan(Record, frozen=True, kw_only=True):
    """What will be locked and realised, and why.

    `python` is the interpreter chosen; only its minor version is part of what a lock answers. `companions` are
    requirements of the kernel itself. `accelerator` is the build tag chosen (`cpu`, `cu126`, …; "" where
    nothing asked depends on one), `build_index` the name of the index of that build where it has one of its own, and
    `build_limits` are constraints that keep the resolver at releases which the accelerator can run. `brought_torch` is
    the newest torch that what is asked for may bring along, where nothing asked is known to need torch. `libc` is that of
    the machine, as `Machine.libc` has it. `virtual` is what a conda solver has to know of the machine's GPUs
    ("__cuda=12.8"), () where it has none. `env` are the variables for the kernel, `own_paths` folders for its `sys.path`.
    `conda` are specs of conda's packages, Python among them, `conda_limits` specs that bound what conda chooses without
    asking for it, and `link_scripts` lets conda's packages run scripts of theirs as they are installed.
    `provided` are packages that something else installs, as "name==version": they bind, and no index is asked for them.
    `builds` are canonical names that may be built from source where they have no wheel: no rule ever sets it, only an
    application's author does (`engine/applying.py`).
    """

    backend: str
    python: Python
    requirements: tuple[str, ...] = ()
    builds: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    hashes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    pins: tuple[tuple[str, str], ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    accelerator: str = ""
    build_index: str = ""
    build_limits: tuple[str, ...] = ()
    brought_torch: str = ""
    platforms: tuple[str, ...] = ()
    libc: str = ""
    virtual: tuple[str, ...] = ()
    conda_limits: tuple[str, ...] = ()
    link_scripts: bool = False
    provided: tuple[str, ...] = ()
    exclude_newer: str = ""
    env: tuple[tuple[str, str], ...] = ()
    own_code: str = "path"
    own_paths: tuple[str, ...] = ()
    system_site_packages: bool = False
    cache: str = "on"
    offline: bool = False
    reasons: tuple[Reason, ...] = ()

    def question(self) -> dict[str, object]:
        """What a lock must answer: everything that decides which artefacts are chosen, and nothing else.

        Platform and accelerator are left out: one lock may hold a part for each, and answers where it has one.
        """
        data = self.to_json()
        for key in NOT_LOCKED:
            data.pop(key, None)
        # One lock format serves both PyPI backends; the artefacts do not depend on who installs them.
        data["backend"] = "conda" if self.backend == "conda" else "pypi"
        data["python"] = self.python.minor
        # In which order something is declared means nothing: what is undone may stand elsewhere than before.
        for key in ("requirements", "constraints", "conda"):
            data[key] = sorted(data.get(key, ()))
        if self.build_index:
            # What binds to a build differs from machine to machine; what is asked does not.
            data["indexes"] = [item for item in data["indexes"] if item["name"] != self.build_index]
            data["pins"] = [item for item in data["pins"] if item[1] != self.build_index]
        return {key: value for key, value in data.items() if value not in ([], ())}

    @property
    def limits(self) -> tuple[str, ...]:
        """Every constraint that the resolver keeps: what was declared, and what the accelerator can run."""
        return (*self.constraints, *self.build_limits)

    def digest(self) -> str:
        """The digest of the question: a lock that carries it answers this plan."""
        return digest({"plan": self.question()})
