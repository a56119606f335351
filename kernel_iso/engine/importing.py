"""What a notebook imports and does not declare: found, and offered to be added."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from kernel_iso.backends.conda import prefixes
from kernel_iso.backends.conda.specs import pypi_name
from kernel_iso.engine import borrowing, editing, handing, inspecting, isolating, lookups, preparing
from kernel_iso.engine.acts import Arguments, edit_told, target_of
from kernel_iso.engine.context import Engine
from kernel_iso.engine.isolating import Proposed
from kernel_iso.engine.targets import Target
from kernel_iso.engine.verbs import Outcome
from kernel_iso.errors import IsoError, SpecError
from kernel_iso.model import Package, Record
from kernel_iso.notebooks import conda_wish
from kernel_iso.notebooks.imports import used


class Imports(Record, frozen=True, kw_only=True):
    """What is imported and not declared.

    `undeclared` are packages that are installed and give what is imported, `unknown` the names that nothing gives, with the
    package of the index that probably does ("": none was found). `of_conda` are those of the undeclared that conda
    installed, as conda dependencies; what else is to be declared is PyPI's.
    """

    undeclared: tuple[Proposed, ...]
    unknown: dict[str, str]
    of_conda: dict[str, str]

    @property
    def of_pypi(self) -> list[str]:
        """What is to be declared as PyPI's."""
        rows = [row.requirement for row in self.undeclared if row.requirement not in self.of_conda]
        return rows + [name for name in self.unknown.values() if name]


def imports(engine: Engine, target: Target) -> Imports:
    """Find what a notebook imports and does not declare, in its environment as it is.

    Its code is parsed, never run. Raises `SpecError` (`not-a-notebook`) and `ImpossibleError` (`not-made-yet`).
    """
    if target.kind != "notebook":
        raise SpecError(
            "not-a-notebook",
            f"cannot tell what `{target.label}` imports",
            "only a notebook or a script has imports",
            "kernel-iso imports analysis.ipynb",
        )
    page = handing.in_page(engine, target)
    wish, prefix = inspecting.required(engine, page)
    borrowing.refuse(engine, wish)
    found = used(Path(target.path), page.document)
    there = isolating.asked(engine, prefix.python, [module for module, _ in found.modules])
    own, brought = isolating.folder_modules(target, wish.spec), isolating.brought(engine)
    made = isolating.proposal(found, there, wish.spec, own, brought)
    return Imports(
        undeclared=made.proposal, unknown=_looked_up(engine, made.missing),
        of_conda=_of_conda(made.proposal, inspecting.installed(engine, prefix)),
    )  # fmt: skip


def _of_conda(rows: Sequence[Proposed], there: Sequence[Package]) -> dict[str, str]:
    """The requirements of what conda installed, each with the conda dependency that means the same."""
    names = {pypi_name(item.name): item.name for item in there if item.installer == prefixes.INSTALLER}
    asked = [(row.requirement, Requirement(row.requirement)) for row in rows]
    return {
        text: conda_wish(f"{names[item.name]}{item.specifier}") for text, item in asked if item.name in names
    }


def _looked_up(engine: Engine, missing: Sequence[str]) -> dict[str, str]:
    """The package that probably gives each name: a well-known one, else one of that very name on the index."""
    known = isolating.suggested(missing)
    found = {}
    for name in missing:
        try:
            found[name] = known.get(name) or lookups.search(engine, name).name
        except IsoError:  # no such package, or no index answers: then nothing is offered
            found[name] = ""
    return found


def told(engine: Engine, arguments: Arguments) -> Outcome:
    """Show what is imported and not declared, or add it."""
    target, dry = target_of(engine, arguments), bool(arguments.get("dry"))
    found = imports(engine, target)
    wanted = [*found.of_conda.values(), *found.of_pypi]
    data: dict[str, Any] = {
        "undeclared": [row.to_json() for row in found.undeclared], "unknown": found.unknown, "add": wanted,
        "conda": list(found.of_conda.values()),
    }  # fmt: skip
    if arguments.get("add") and wanted:
        keep = preparing.present_lock(engine, preparing.read(engine, target).owner)
        done = editing.add(
            engine,
            target,
            found.of_pypi,
            conda=False,
            conda_too=[*found.of_conda.values()],
            keep=keep,
            dry=dry,
        )
        edited = edit_told(done, target, dry=dry)
        return Outcome(data=data | dict(edited.data), text=edited.text)
    lines = [
        f"+ {found.of_conda.get(row.requirement, row.requirement)}  {row.installed} is installed; {row.why}"
        for row in found.undeclared
    ]
    for name, package in found.unknown.items():
        lines.append(
            f"? {name}: " + (f"`{package}` may give it" if package else "no package is known for it")
        )
    if wanted:
        lines.append(_how(found))
    return Outcome(data=data, text="\n".join(lines) or "everything that is imported is declared")


def _how(found: Imports) -> str:
    """What declares it."""
    sides = [("--conda ", [*found.of_conda.values()]), ("--pypi " if found.of_conda else "", found.of_pypi)]
    said = [
        f"kernel-iso add {side}" + " ".join(f'"{item}"' for item in items) for side, items in sides if items
    ]
    return f"{' and '.join(said)}   declares them, and so does `kernel-iso imports --add`"
