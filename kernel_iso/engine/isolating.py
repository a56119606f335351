"""From the messy kernel that a notebook runs on to an environment of its own: imports plus installed versions.

What is proposed for an installed release is `~=` with its first two numbers (numpy 2.1.3: `numpy~=2.1`): nothing older than
what the notebook is known to run with, and no next major release, which may break it. Before 1.0 the second number
counts as the major one, and a calendar year says nothing about what breaks, so that only the lower bound stays. The
lock then keeps exactly the installed versions, also of what the imports need themselves, wherever the index still has
them; so the first try is as near to the old kernel as can be, and a later `upgrade` may move within the bounds.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import tomli_w
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from kernel_iso.backends.conda.specs import pypi_name
from kernel_iso.backends.explaining.sentences import suggestion
from kernel_iso.engine import handing, preparing, trying
from kernel_iso.engine.context import Engine
from kernel_iso.engine.laying import write_edit, write_lock
from kernel_iso.engine.preparing import Ready, Wish
from kernel_iso.engine.targets import Target
from kernel_iso.engine.wanting import declared
from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.model import Lock, Machine, Part, Plan, Record, Spec
from kernel_iso.notebooks.imports import Used, used
from kernel_iso.store import Edit

YEAR = 1990
"""A first number from here on is a calendar year."""

OLDEST = (3, 9)
"""Environments are made for this Python and newer ones."""

KERNELS_OWN = ("ipython", "ipykernel")
"""What comes with every kernel, whoever imports it."""


class Proposed(Record, frozen=True, kw_only=True):
    """One requirement that is proposed: the release that is `installed` ("": none), which `import` wants it, and why."""

    requirement: str
    installed: str
    imported: str = msgspec.field(name="import")
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolated:
    """What a notebook needs, and what was done about it.

    `imports` are its top-level names, `missing` those that nothing installed gives, `local` those of its own folder or of
    packages that lie in a folder (no index has them), `python` the minor version of the kernel it runs on. `written` is
    the file that was changed, `ready` the environment, `tried` what `trying.tried` found, `waiting` the edits that a
    page has to say it has made.
    """

    imports: tuple[str, ...]
    proposal: tuple[Proposed, ...]
    missing: tuple[str, ...]
    local: tuple[str, ...]
    python: str
    written: str = ""
    ready: Ready | None = None
    tried: Mapping[str, Any] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()


class Installed(Record, frozen=True, kw_only=True):
    """What `guest/distributions.py` says of an interpreter."""

    version: str
    stdlib: tuple[str, ...]
    installed: dict[str, str]
    local: tuple[str, ...]
    found: dict[str, tuple[str, ...]]
    conda: dict[str, tuple[str, str]] = {}  # noqa: RUF012 - msgspec copies it

    def named(self) -> Installed:
        """The same, where what only conda knows has its name on PyPI."""
        found = {module: (pypi_name(name),) for module, (name, _) in self.conda.items()}
        versions = {pypi_name(name): version for name, version in self.conda.values()}
        return msgspec.structs.replace(
            self, installed=versions | self.installed, found=self.found | found, conda={}
        )


def isolate(
    engine: Engine, target: Target, python: str = "", *, apply: bool = False, trial: bool = False
) -> Isolated:
    """Propose what a notebook needs, from its imports and from what `python` (an interpreter's path) has installed.

    `apply` declares it in the notebook and makes its environment; `trial` makes the environment, and runs a copy of the
    notebook there. Without both the notebook's code is parsed, and the interpreter only asked for its list of packages.
    Raises `SpecError` (`not-a-notebook`, `no-such-interpreter`), `ImpossibleError` (`interpreter-silent`) and, with
    `apply` or `trial`, every kind.
    """
    if target.kind != "notebook" or (trial and not target.path.endswith(".ipynb")):
        raise SpecError(
            "not-a-notebook",
            f"cannot {'try' if trial else 'isolate'} `{target.label}`",
            "only a notebook can be tried by a run" if trial else "only a notebook or a script has imports",
            "kernel-iso isolate analysis.ipynb",
        )
    page = handing.in_page(engine, target)
    wish = preparing.read(engine, page)
    found = used(Path(target.path), page.document)
    there = asked(engine, _interpreter(engine, python), [module for module, _ in found.modules])
    made = proposal(found, there, wish.spec, folder_modules(target, wish.spec), brought(engine))
    if not trial and not (apply and made.proposal):
        return made
    prepared = _prepared(engine, page, wish, made, there)
    if apply and made.proposal:
        made = _applied(engine, (target, page), made, prepared)
    if trial:
        ready = made.ready or prepared.build(engine, keep=False)
        made = replace(made, ready=ready, tried=trying.tried(engine, page, ready))
    return made


def _interpreter(engine: Engine, python: str) -> str:
    """The absolute path of the interpreter; raises `SpecError` (`no-such-interpreter`)."""
    text = str(Path(python).expanduser()) if python else "python3"
    path = shutil.which(text, path=engine.environ.get("PATH"))
    if path is None:
        raise SpecError(
            "no-such-interpreter",
            f"cannot ask `{python or 'python3'}`",
            "there is no such program" + ("" if python else " on PATH"),
            "give the Python of the kernel that the notebook runs on: --python PATH",
        )
    # Not resolved: the link in a virtual environment is what makes it one.
    return os.path.abspath(path)  # noqa: PTH100


def asked(engine: Engine, python: str, modules: Sequence[str]) -> Installed:
    """What an interpreter has installed; raises `ImpossibleError` (`interpreter-silent`)."""
    run = engine.run("isolate")
    run.tell(f"asking {python} what it has installed")
    with resources.as_file(resources.files("kernel_iso.guest").joinpath("distributions.py")) as script:
        done = run([python, "-I", str(script)], input=json.dumps(list(modules)))
    try:
        if done.status == 0:
            return Installed.from_text(done.stdout).named()
    except SpecError:
        pass
    raise ImpossibleError(
        "interpreter-silent",
        f"cannot learn what `{python}` has installed",
        f"it ended with status {done.status} and no list: it is no Python 3.8 or newer, or it is broken",
        "give the Python of the kernel that the notebook runs on: --python PATH",
        tail=tuple(done.stderr.splitlines()[-5:]),
    )


def brought(engine: Engine) -> frozenset[str]:
    """What every kernel gets by itself."""
    named = (str(canonicalize_name(Requirement(item).name)) for item in engine.policy.companions)
    return frozenset((*named, *KERNELS_OWN))


def folder_modules(target: Target, spec: Spec) -> frozenset[str]:
    """The names that are imported from the notebook's folder and its project's."""
    found = set()
    for folder in (Path(target.path).parent, *map(Path, spec.own_paths)):
        for entry in folder.iterdir() if folder.is_dir() else ():
            if entry.suffix in (".py", ".so", ".pyd") or (entry.is_dir() and any(entry.glob("*.py"))):
                found.add(entry.name.split(".")[0])
    return frozenset(found)


def proposal(
    found: Used, there: Installed, spec: Spec, own: frozenset[str], brought: frozenset[str]
) -> Isolated:
    """What to declare: pure. What is declared already, comes with the kernel or the standard library is left out."""
    known = {*declared(spec.requirements, conda=False), *declared(spec.conda, conda=True), *brought}
    stdlib = {*there.stdlib, *sys.stdlib_module_names}
    rows: dict[str, Proposed] = {}
    missing: dict[str, None] = {}
    local: dict[str, None] = {}
    for module, cell in found.modules:
        top = module.split(".")[0]
        givers = there.found.get(module, ())
        if top in own or canonicalize_name(top) in there.local or any(name in there.local for name in givers):
            local[top] = None
        elif not givers and top not in stdlib:
            missing[top] = None
        for name in givers if top not in stdlib and top not in local else ():
            if name not in known | rows.keys():
                rows[name] = _proposed(name, there.installed[name], top, f"cell {cell} imports {top}")
    for text, cell in found.installed:
        name = str(canonicalize_name(Requirement(text).name))
        if name not in known | rows.keys() and name not in there.local:
            version = there.installed.get(name, "")
            why = f"cell {cell} installs it with pip"
            rows[name] = _proposed(name, version, "", why, text)
            missing.pop(name, None)
    tops = tuple(dict.fromkeys(module.split(".")[0] for module, _ in found.modules))
    minor = ".".join(there.version.split(".")[:2])
    return Isolated(
        imports=tops, proposal=tuple(rows.values()), missing=tuple(missing), local=tuple(local), python=minor
    )


def _proposed(name: str, version: str, top: str, why: str, text: str = "") -> Proposed:
    requirement = bounded(name, version) if version else text or name
    return Proposed(requirement=requirement, installed=version, imported=top, why=why)


def bounded(name: str, version: str) -> str:
    """The requirement for an installed release: not older, and not the next major one.

    >>> [bounded("a", version) for version in ("2.1.3", "0.21.3", "2024.1", "1.0rc1", "7", "2.4.1+cu126")]
    ['a~=2.1', 'a~=0.21.3', 'a>=2024.1', 'a~=1.0rc1', 'a~=7.0', 'a~=2.4']
    """
    try:
        parsed = Version(version)
    except InvalidVersion:
        return name
    if parsed.major >= YEAR or parsed.epoch:
        return f"{name}>={parsed.public}"
    if parsed.is_prerelease:
        return f"{name}~={parsed.public}" if len(parsed.release) > 1 else f"{name}>={parsed.public}"
    if parsed.major == 0:
        return f"{name}~=0.{parsed.minor}.{parsed.micro}"
    return f"{name}~={parsed.major}.{parsed.minor}"


def suggested(missing: Sequence[str]) -> dict[str, str]:
    """What a missing import is probably called on an index, where that is well known."""
    return {name: near for name in missing if (near := suggestion(name))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a proposal becomes: the edit of the notebook, and all that its environment is made from."""

    edit: Edit
    former: Wish
    wish: Wish
    plan: Plan
    locked: Lock
    machine: Machine

    def build(self, engine: Engine, *, keep: bool = True) -> Ready:
        """Its environment; see `preparing.build`."""
        return preparing.build(engine, self.wish, self.plan, self.locked, self.machine, keep=keep)


def _prepared(engine: Engine, page: Target, wish: Wish, made: Isolated, there: Installed) -> Prepared:
    """Lock what is proposed with the installed versions; nothing is written yet."""
    preparing.require_approval(engine, wish)
    edit = Edit(add=tuple(row.requirement for row in made.proposal), id=wish.owner)
    fresh = wish.spec.origin.kind == "default" and page.path.endswith(".ipynb")
    if fresh and tuple(int(part) for part in made.python.split(".")) >= OLDEST:
        edit = msgspec.structs.replace(edit, python=made.python)
    assert wish.reading is not None
    spec = write_edit(page, wish.reading, edit, dry=True).spec or wish.spec
    machine = preparing.machine_here(engine)
    wished = replace(wish, spec=spec, own_lock=None)
    plan = preparing.make_plan(engine, wished, machine)
    plan, locked = preparing.lock(engine, wished, plan, machine, former=as_lock(there.installed))
    return Prepared(edit=edit, former=wish, wish=wished, plan=plan, locked=locked, machine=machine)


def _applied(engine: Engine, places: tuple[Target, Target], made: Isolated, prepared: Prepared) -> Isolated:
    """Make the environment, and write the declaration; nothing where the environment fails."""
    target, page = places
    edit, wish = prepared.edit, prepared.former
    assert wish.reading is not None
    ready = prepared.build(engine)
    written = write_edit(page, wish.reading, edit)
    if wish.own_lock is not None:
        write_lock(page, prepared.locked)
        edit = msgspec.structs.replace(edit, lock=prepared.locked)
    preparing.approve(engine, preparing.read(engine, page))
    handed = handing.offer(engine, target, page, edit)
    return replace(made, written=handed.where or written.path, ready=ready, waiting=handed.names)


def as_lock(installed: Mapping[str, str]) -> Lock:
    """Installed versions as the lock that a new one keeps to; what is no version of an index is left out."""
    packages = [
        {"name": name, "version": version} for name, version in sorted(installed.items()) if _plain(version)
    ]
    return Lock(plan="", parts=(Part(text=tomli_w.dumps({"packages": packages})),))


def _plain(version: str) -> bool:
    try:
        return Version(version).local is None
    except InvalidVersion:
        return False


def lines(found: Isolated, label: str) -> list[str]:
    """The proposal as a difference, for a terminal."""
    width = max((len(row.requirement) for row in found.proposal), default=0)
    told = [f"{label} imports {', '.join(found.imports) or 'nothing'}"]
    for row in found.proposal:
        there = f"{row.installed} is installed" if row.installed else "not installed there"
        told.append(f"+ {row.requirement:<{width}}  {there}; {row.why}")
    told += [] if found.proposal else ["nothing is to be declared"]
    near = suggested(found.missing)
    for name in found.missing:
        told.append(
            f"? {name}: nothing that is installed gives it"
            + (f"; `{near[name]}` may" if name in near else "")
        )
    told += [f"  {name} is the notebook's own or lies in a folder: no index has it" for name in found.local]
    if found.written:
        told.append(f"written to {found.written}")
    told += trying.lines(found.tried) if found.tried else []
    if not found.written and found.proposal:
        more = "" if found.tried else ", --try runs a copy of the notebook with it"
        told.append(f"nothing was changed: --apply writes it{more}")
    if found.written and found.tried.get("failed"):
        told.append("kernel-iso undo   goes back")
    return told
