"""`pyproject.toml`: a project (PEP 621), its groups (PEP 735), and `[tool.kernel-iso]` with its profiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from kernel_iso.errors import SpecError
from kernel_iso.model import Origin, Spec
from kernel_iso.notebooks import checking, requirements, tables
from kernel_iso.notebooks.requirements import Load
from kernel_iso.notebooks.shown import clean

DEEPEST = 50
"""Groups and extras that may lie within each other."""


class Project(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """The keys of `[project]` that count."""

    name: str = ""
    dependencies: tuple[str, ...] = ()
    requires_python: str = ""
    optional_dependencies: dict[str, tuple[str, ...]] = {}
    dynamic: tuple[str, ...] = ()


class Include(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """A group inside a group (PEP 735)."""

    include_group: str


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """What one `pyproject.toml` says to us."""

    project: Project | None = None
    groups: dict[str, tuple[str | Include, ...]] = {}
    ours: tables.Table | None = None
    uv: tables.Uv = tables.Uv()
    dynamic_files: tuple[str, ...] = ()

    @property
    def says_nothing(self) -> bool:
        """True where the file is about other tools only."""
        return self.project is None and self.ours is None and not self.groups


def parse(
    text: str,
    place: str,
    load: Load | None = None,
    *,
    profile: str = "",
    groups: Sequence[str] = (),
    extras: Sequence[str] = (),
) -> Spec | None:
    r"""What a project asks with a profile, groups and extras; None where the file says nothing to us.

    A profile's values take the place of the table's; groups and extras that are asked for come on top.
    `load` gives the files of setuptools' dynamic dependencies. Raises `SpecError`: `no-such-profile`,
    `no-such-group`, `no-such-extra`, `group-cycle`, `dynamic-dependencies`, `python-conflict`, and the codes
    of `tables`, `requirements` and `checking`.

    >>> text = '[project]\nname = "x"\ndependencies = ["a"]\n[dependency-groups]\ndev = ["b"]\n'
    >>> parse(text, "pyproject.toml", groups=["dev"]).requirements
    ('a', 'b')
    """
    found = read(text, place)
    if found.says_nothing:
        return None
    ours = found.ours or tables.Table()
    named = profile or ours.profile
    name = checking.group_name(named, place) if named else ""
    choices = _profile(ours, name, place)
    project = found.project or Project()
    wanted_groups = _names((*(choices.groups or ours.groups), *groups), place)
    wanted_extras = _names((*(choices.extras or ours.extras), *extras), place)
    declared, constraints, hashes = _dependencies(project, found, place, load)
    chosen = _Chosen(found, place, declared, wanted_groups, wanted_extras)
    spec = Spec(
        requirements=tuple(chosen.requirements),
        constraints=constraints,
        hashes=hashes,
        groups=wanted_groups,
        extras=wanted_extras,
        profile=name,
    )
    spec = tables.chosen(tables.chosen(spec, ours), choices)
    spec = msgspec.structs.replace(spec, python=_python(spec.python, project.requires_python, place))
    origin = Origin(kind="project", path=place, detail=_detail(found, spec))
    return checking.checked(tables.bound(spec, found.uv, place), place, origin=origin)


def lists(text: str, place: str, groups: Sequence[str], extras: Sequence[str]) -> list[tuple[str, ...]]:
    """The key paths of the lists that count with these groups and extras; raises like `parse`."""
    found = read(text, place)
    declared = found.project.dependencies if found.project else ()
    return list(_Chosen(found, place, declared, groups, extras).places)


def read(text: str, place: str) -> Tables:
    """The tables that count, typed; raises `SpecError` (`bad-toml`, `bad-table`)."""
    data = tables.toml(text, place)
    tool = data.get("tool", {})
    tool = tool if isinstance(tool, dict) else {}
    ours = tool.get("kernel-iso")
    return Tables(
        project=tables.convert(data["project"], Project, f"[project] in {place}")
        if "project" in data
        else None,
        groups=tables.convert(
            data.get("dependency-groups", {}),
            dict[str, tuple[str | Include, ...]],
            f"[dependency-groups] in {place}",
        ),
        ours=tables.convert(ours, tables.Table, f"[tool.kernel-iso] in {place}")
        if ours is not None
        else None,
        uv=tables.convert(tool.get("uv", {}), tables.Uv, f"[tool.uv] in {place}"),
        dynamic_files=_dynamic_files(tool),
    )


def _dynamic_files(tool: Mapping[str, Any]) -> tuple[str, ...]:
    """The requirements files that setuptools reads the dependencies from (a file or a list of them)."""
    at: Any = tool
    for key in ("setuptools", "dynamic", "dependencies", "file"):
        at = at.get(key) if isinstance(at, dict) else None
    files = [at] if isinstance(at, str) else at
    return tuple(item for item in files if isinstance(item, str)) if isinstance(files, list) else ()


def _dependencies(
    project: Project, found: Tables, place: str, load: Load | None
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    """The project's requirements, constraints and hashes, without running its build."""
    if "dependencies" not in project.dynamic:
        return project.dependencies, (), ()
    if not found.dynamic_files or load is None:
        raise SpecError(
            "dynamic-dependencies",
            f"cannot read the dependencies in {clean(place)}",
            "they are dynamic: only the project's own build, which is code, could tell them",
            "write them into [project] dependencies, or into the notebook with `kernel-iso add --here`",
        )
    listed = "".join(f"-r {name!r}\n" for name in found.dynamic_files)
    spec = requirements.parse(listed, place, load)
    return spec.requirements, spec.constraints, spec.hashes


def _profile(ours: tables.Table, name: str, place: str) -> tables.Profile:
    if not name:
        return tables.Profile()
    profiles = {checking.group_name(key, place): value for key, value in ours.profiles.items()}
    found: tables.Profile = _look_up(profiles, name, place, "profile")
    return found


def _look_up(found: Mapping[str, Any], name: str, place: str, kind: str) -> Any:
    if (value := found.get(checking.group_name(name, place))) is None:
        raise SpecError(
            f"no-such-{kind}",
            f"cannot find the {kind} `{clean(name)}` in {clean(place)}",
            f"it has {', '.join(sorted(found)) or 'none'}",
            f"choose one of these, or add the {kind} to the file",
        )
    return value


def _names(names: Iterable[str], place: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(checking.group_name(name, place) for name in names))


class _Chosen:
    """The requirements that count, and their lists; the project's own name stands for its extras."""

    def __init__(
        self, found: Tables, place: str, declared: Sequence[str], groups: Sequence[str], extras: Sequence[str]
    ) -> None:
        project = found.project or Project()
        self._own = checking.group_name(project.name, place) if project.name else ""
        self._extras = self._normal(project.optional_dependencies, place)
        self._groups = self._normal(found.groups, place)
        self._place = place
        self._raw = {checking.group_name(name, place): name for name in project.optional_dependencies}
        self._raw_groups = {checking.group_name(name, place): name for name in found.groups}
        self.requirements: dict[str, None] = {}
        self.places: dict[tuple[str, ...], None] = {("project", "dependencies"): None}
        for item in declared:
            self.add(item)
        for extra in extras:
            self.extra(extra)
        for group in groups:
            self.group(group)

    @staticmethod
    def _normal(found: Mapping[str, Any], place: str) -> dict[str, Any]:
        # PEP 735 and PEP 685: names are compared in canonical form, and two of one form are an error.
        names = [checking.group_name(name, place) for name in found]
        if len(names) != len(set(names)):
            because = "two groups or extras have the same name, apart from `-`, `_`, `.` and case"
            raise SpecError("bad-table", f"cannot read {clean(place)}", because, "rename one of them")
        return dict(zip(names, found.values(), strict=True))

    def add(self, text: str, above: tuple[str, ...] = ()) -> None:
        item = checking.parsed(text, self._place)
        if item.name != self._own:
            self.requirements[str(item)] = None
            return
        for extra in sorted(item.extras):
            self.extra(extra, above)

    def extra(self, name: str, above: tuple[str, ...] = ()) -> None:
        values = _look_up(self._extras, name, self._place, "extra")
        if self._enter(("project", "optional-dependencies", self._raw[name]), above):
            for text in values:
                self.add(text, (*above, name))

    def group(self, name: str, above: tuple[str, ...] = ()) -> None:
        name = checking.group_name(name, self._place)
        if name in above:
            self._refuse((*above, name), "they include each other")
        values = _look_up(self._groups, name, self._place, "group")
        if self._enter(("dependency-groups", self._raw_groups[name]), above):
            for item in values:
                if isinstance(item, Include):
                    self.group(item.include_group, (*above, name))
                else:
                    self.add(item, (*above, name))

    def _enter(self, place: tuple[str, ...], above: tuple[str, ...]) -> bool:
        """True the first time that a list is seen."""
        if len(above) > DEEPEST:
            self._refuse(above, f"they include each other more than {DEEPEST} deep")
        new = place not in self.places
        self.places[place] = None
        return new

    def _refuse(self, names: tuple[str, ...], because: str) -> None:
        what = f"cannot read the groups in {clean(self._place)}"
        raise SpecError("group-cycle", what, clean(f"{because}: {' → '.join(names)}"), "take one of them out")


def _python(chosen: str, required: str, place: str) -> str:
    """The Python that was chosen, if the project can run on it; else what the project requires."""
    chosen, required = checking.python(chosen, place), checking.python(required, place)
    if not chosen or chosen == "self" or not required or not chosen[0].isdigit():
        return chosen or required
    try:
        allowed = SpecifierSet(required)
    except InvalidSpecifier:
        return chosen
    versions = [chosen] if chosen.count(".") == 2 else [f"{chosen}.{patch}" for patch in range(100)]
    if not any(allowed.contains(version) for version in versions):
        raise SpecError(
            "python-conflict",
            f"cannot choose Python {chosen} in {clean(place)}",
            f"[project] requires Python {required}",
            "change one of the two",
        )
    return chosen


def _detail(found: Tables, spec: Spec) -> str:
    """Which parts of the file count: "[project], group dev"."""
    table = (
        "[project]" if found.project is not None else "[tool.kernel-iso]" if found.ours is not None else ""
    )
    parts = [table] if table else []
    parts += [f"profile {spec.profile}"] if spec.profile else []
    parts += [f"extra {name}" for name in spec.extras] + [f"group {name}" for name in spec.groups]
    return ", ".join(parts)
