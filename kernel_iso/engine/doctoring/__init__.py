"""Look for what is broken, and say what it means and the one thing to type.

`machines` and `prefixes` look at files; `drivers` and `symptoms` judge what `guest/gpu.py` answers from inside the
environment that the kernel gets; `repairing` mends.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kernel_iso.engine import fitting, inspecting, launching, preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.differences import difference
from kernel_iso.engine.doctoring import conda, drivers, machines, prefixes, repairing, symptoms
from kernel_iso.engine.doctoring.answers import Answer, ask
from kernel_iso.engine.doctoring.findings import Finding, note, ok, problem
from kernel_iso.engine.preparing import Ready, Wish
from kernel_iso.engine.targets import Target
from kernel_iso.errors import IsoError
from kernel_iso.model import Machine, Package, Plan, Prefix, Python

__all__ = ["Examined", "Finding", "doctor"]

SYSTEM = ("/", "/usr", "/usr/local")
"""Where a system's own Python lives, beside everything else; another one's folder (conda's) is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What an examination found, what it repaired before, and what a report of a mistake needs besides.

    `plan` is None without a target, or where no plan could be made; `answer` is None where no interpreter answered.
    """

    findings: tuple[Finding, ...]
    machine: Machine
    plan: Plan | None = None
    packages: tuple[Package, ...] = ()
    answer: Answer | None = None
    repaired: tuple[str, ...] = ()


def doctor(engine: Engine, target: Target | None, *, repair: bool = False) -> Examined:
    """Examine the machine and the store, and a target's prefix where one is given.

    With `repair`, what can be mended is mended, and everything is examined again. Raises what making an environment
    raises, and only then.
    """
    with contextlib.suppress(OSError):
        # A driver that was mended a minute ago is looked at again.
        (engine.store.root / "machine.json").unlink(missing_ok=True)
    examined = _examine(engine, target)
    if target is None or not repair:
        return examined
    repaired = repairing.repair(engine, target, examined.findings)
    return replace(_examine(engine, target), repaired=repaired) if repaired else examined


def _examine(engine: Engine, target: Target | None) -> Examined:
    here = preparing.machine_here(engine)
    examined = Examined(findings=tuple(machines.machine(engine, here)), machine=here)
    try:
        if target is not None:
            return _with_target(engine, target, examined)
    except IsoError as error:
        examined = _more(examined, _told(error))
    return _driver_alone(engine, examined)


def _more(examined: Examined, *found: Finding) -> Examined:
    return replace(examined, findings=(*examined.findings, *found))


def _told(error: IsoError) -> Finding:
    """An error as a finding: the same three lines."""
    return problem(error.code, error.what, error.because, error.hint)


def _driver_alone(engine: Engine, examined: Examined) -> Examined:
    answer = machines.driver_here(engine)
    if isinstance(answer, Finding):
        return _more(examined, answer)
    return replace(_more(examined, *drivers.driver(answer)), answer=answer)


def _with_target(engine: Engine, target: Target, examined: Examined) -> Examined:
    """The prefix of a target, which is there even where no plan can be made any more."""
    wish = preparing.read(engine, target)
    try:
        plan = preparing.make_plan(engine, wish, examined.machine)
        examined = replace(examined, plan=plan)
    except IsoError as error:
        examined, plan = _more(examined, _told(error)), None
    approved, prefix, named = (
        preparing.is_approved(engine, wish),
        inspecting.current(engine, wish),
        _named(target),
    )
    fix = f"kernel-iso {'realise' if approved else 'trust'} {named}"
    if prefix is None:
        means = "nothing is installed for it here" if approved else "it was not approved here"
        found = note("prefix", f"no environment of `{target.label}` is there", means, fix)
        return _driver_alone(engine, _more(examined, found))
    examined = _more(examined, ok("prefix", f"environment {prefix.key} in {inspecting.where(prefix)}"))
    if not Path(prefix.python).exists():
        means = "the Python it was made with was removed or moved"
        gone = problem(
            "interpreter", f"{prefix.python} leads nowhere", means, f"kernel-iso realise --fresh {named}"
        )
        return _driver_alone(engine, _more(examined, gone))
    packages = inspecting.installed(engine, prefix)
    examined = replace(examined, packages=packages)
    examined = _more(examined, *_files(prefix, packages, plan, named))
    if not approved:
        seen = f"`{target.label}` asks for something else since it was approved"
        found = note("approval", seen, "nothing in its environment is run before that is approved", fix)
        return _driver_alone(engine, _more(examined, found))
    return _computing(engine, wish, prefix, examined, named)


def _named(target: Target) -> str:
    """What names a target on a command line."""
    return f"-n {shlex.quote(target.name)}" if target.name else shlex.quote(target.path)


def _files(prefix: Prefix, packages: tuple[Package, ...], plan: Plan | None, named: str) -> Iterator[Finding]:
    again, repair = f"kernel-iso realise --fresh {named}", f"kernel-iso doctor --repair {named}"
    yield from prefixes.files(fitting.site_packages(Path(prefix.path), prefix.version), repair)
    if prefix.backend == fitting.CONDA:
        yield from conda.files(Path(prefix.path), repair)
    made = {item.name: item.version for item in prefix.packages}
    drift = difference(made, {item.name: item.version for item in packages})
    if drift:
        listed = ", ".join(str(item) for item in drift[:5])
        seen = f"{len(drift)} packages differ from what was made: {listed}"
        yield note("drift", seen, "something installed into it by hand, with pip for example", again)
    if not (plan and plan.system_site_packages):
        yield from prefixes.missing(packages, repair)
    yield from prefixes.majors(packages)
    yield from prefixes.family(packages, repair)


def _computing(engine: Engine, wish: Wish, prefix: Prefix, examined: Examined, named: str) -> Examined:
    """Compute in the prefix as its kernel would: its interpreter, its variables."""
    plan = examined.plan or Plan(
        backend=prefix.backend, python=Python(version=prefix.version, path=prefix.python)
    )
    ready = Ready(prefix=prefix, plan=plan, spec=wish.spec, owner=wish.owner, target=wish.target)
    environment = launching.environment(ready, engine.environ)
    before, after = (each.get("LD_LIBRARY_PATH", "") for each in (engine.environ, environment))
    examined = _more(examined, *prefixes.library_path(before, after))
    with engine.store.using(prefix.key):
        answer = ask(engine, prefix.python, environment, "prefix", prefix.key)
    if isinstance(answer, Finding):
        return _more(examined, answer)
    base = str(Path(os.path.realpath(prefix.python)).parent.parent)
    folders = (prefix.path, os.path.realpath(prefix.path), *(() if base in SYSTEM else (base,)))
    case = symptoms.Case(
        answer=answer, target=named, packages=examined.packages,
        folders=folders,
        accelerator=plan.accelerator if plan.build_index else "",
        why="; ".join(reason.text for reason in plan.reasons if reason.rule == "accelerator"),
    )  # fmt: skip
    found = (*drivers.driver(answer), *symptoms.frameworks(case))
    return replace(_more(examined, *found), answer=answer)
