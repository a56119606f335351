"""Where the wish was read, what of the project comes along, and what is told without being done."""

from __future__ import annotations

from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.model import Origin, Plan
from kernel_iso.planning.rules import Case, attempt, decided, file_name, listed


def source(plan: Plan, case: Case) -> Plan:
    """Tell which source of the Spec won, and which lower ones disagree."""
    spec = case.spec
    text = _declared(spec.origin)
    if spec.overruled:
        others = [_place(origin) for origin in spec.overruled]
        verb = (
            "also declares dependencies and is" if len(others) == 1 else "also declare dependencies and are"
        )
        text += f"; {listed(others)} {verb} not used"
    return decided(plan, "source", text)


def _declared(origin: Origin) -> str:
    if origin.kind == "default":
        return "nothing is declared: the policy's default Python and packages"
    if origin.kind == "command":
        return "given on the command line"
    if origin.kind == "application":
        return "asked for by an application, for an environment of its own"
    if origin.kind == "environment":
        return f"{_place(origin)} was chosen"
    return f"declared in {_place(origin)}"


def _place(origin: Origin) -> str:
    """Where a Spec is, in a few words.

    >>> _place(Origin(kind="pep723", path="/w/fit.ipynb", detail="cell 1"))
    'cell 1 (PEP 723)'
    >>> _place(Origin(kind="project", path="/w/pyproject.toml", detail="[project] and group dev"))
    'pyproject.toml ([project] and group dev)'
    """
    name = file_name(origin.path)
    if origin.kind == "pep723":
        return f"{origin.detail or name or 'a code cell'} (PEP 723)"
    if origin.kind == "metadata":
        return "the notebook's metadata"
    if origin.kind == "environment":
        return f"the environment `{origin.detail or name}`"
    if name and origin.detail:
        return f"{name} ({origin.detail})"
    return name or origin.detail or origin.kind


def own_code(plan: Plan, case: Case) -> Plan:
    """How the project's own code becomes importable: from its folders, or not at all.

    Raises `ImpossibleError` (`own-code-needs-build`) for what only a builder can do, and `SpecError`
    (`bad-own-code`) for a word that is none of the four.
    """
    spec = case.spec
    if spec.own_code == "none":
        text = "the project's own code is left out, as asked" if spec.own_paths else ""
        return decided(plan, "own-code", text, own_code="none", own_paths=())
    if spec.own_code in ("editable", "wheel"):
        raise ImpossibleError(
            "own-code-needs-build",
            attempt(spec),
            f'own-code = "{spec.own_code}" means building the project, '
            "and this version of kernel-iso builds nothing",
            'set own-code = "path": its source folder is put on the kernel\'s path without a build',
        )
    if spec.own_code != "path":
        raise SpecError(
            "bad-own-code",
            attempt(spec),
            f'own-code = "{spec.own_code}" is none of path, editable, wheel and none',
            'set own-code = "path", or leave it out',
        )
    text = f"the project's own code is importable from {listed(spec.own_paths)}" if spec.own_paths else ""
    return decided(plan, "own-code", text, own_code="path", own_paths=spec.own_paths)


def system_packages(plan: Plan, case: Case) -> Plan:
    """Tell which system packages are asked for: they are information, nothing installs them."""
    apt = case.spec.apt
    text = f"system packages are asked for, which kernel-iso does not install: {listed(apt)}" if apt else ""
    return decided(plan, "system-packages", text)


def network(plan: Plan, case: Case) -> Plan:
    """Take over from the policy where downloads are kept and whether there is a network."""
    policy = case.policy
    text = f"nothing is downloaded: offline is set ({policy.source_of('offline')})" if policy.offline else ""
    return decided(plan, "network", text, cache=policy.cache, offline=policy.offline)
