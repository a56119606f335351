"""Change the requirements in files of lines: `requirements.txt`, and the pip part of `environment.yml`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from kernel_iso.errors import SpecError
from kernel_iso.notebooks import checking, environment_yml, requirements
from kernel_iso.notebooks.requirements import Declared, Load
from kernel_iso.notebooks.toml_editing import by_hand, not_declared

_PARTS = re.compile(r"(?P<lead>\s*)(?P<body>.*?)(?P<tail>(\s+#.*)?\s*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Pip:
    """The pip part of an `environment.yml`: its items and their places, and how a new line begins."""

    items: tuple[tuple[str, Any], ...]
    lead: str
    after: int
    key_line: int


def edit_requirements(
    text: str, place: str, add: Sequence[str], remove: Sequence[str], load: Load | None
) -> str:
    r"""A requirements file with requirements added (in place of one of that name) and removed, line by line.

    Raises `SpecError`: `not-declared`, and `edit-by-hand` where a hash or an included file is in the way.

    >>> edit_requirements("numpy>=1  # arrays\npandas\n", "requirements.txt", ["numpy>=2"], ["pandas"], None)
    'numpy>=2  # arrays\n'
    """
    found = requirements.contents(text, place, load).requirements
    if add and any(item.hashes for item in found):
        because = "it holds hashes, so a tool compiled it"
        by_hand(place, because, "change the file it was compiled from, and compile it again")
    lines: list[str | None] = list(text.split("\n"))
    for item in add:
        same = _here(found, checking.name_of(item), place, item)
        for old in same[1:]:
            _replace(lines, old, "")
        if same and same[0].text != item:
            _replace(lines, same[0], item)
        if not same:
            _append(lines, item)
    for name in remove:
        same = _here(found, checking.name_of(name), place, name)
        if not same:
            not_declared(name, place, [item.text for item in found])
        for old in same:
            _replace(lines, old, "")
    return "\n".join(line for line in lines if line is not None)


def _here(found: list[Declared], name: str, place: str, wanted: str) -> list[Declared]:
    """The declarations of a name, all in this very file (`edit-by-hand` else)."""
    same = [item for item in found if item.name == name]
    for item in same:
        if item.place != place:
            because = f"`{name}` is declared in a file that {place} includes"
            by_hand(item.place, because, f"{wanted}   (line {item.first + 1})")
    return same


def _replace(lines: list[str | None], old: Declared, new: str) -> None:
    """Put `new` ("" removes) in the place of a declaration; its comment and line end stay."""
    last = lines[old.end - 1] or ""
    first = lines[old.first] or ""
    for number in range(old.first, old.end):
        lines[number] = None
    if new:
        lead = _PARTS.fullmatch(first)
        tail = _PARTS.fullmatch(last)
        lines[old.first] = (lead["lead"] if lead else "") + new + (tail["tail"] if tail else "")


def _append(lines: list[str | None], item: str) -> None:
    """Add a line below the last one that says something."""
    end = "\r" if any(line and line.endswith("\r") for line in lines) else ""
    filled = [number for number, line in enumerate(lines) if line and line.strip()]
    at = filled[-1] + 1 if filled else 0
    if at and at == len(lines):
        # The last line had no end; now it is not the last one any more.
        lines[-1] = (lines[-1] or "") + end
        lines += [item + end, ""]
    else:
        lines.insert(at, item + end)
        if at + 1 == len(lines):
            lines.append("")


def edit_environment(text: str, place: str, add: Sequence[str], remove: Sequence[str]) -> str:
    r"""An `environment.yml` with requirements of its pip part changed, line by line.

    Raises `SpecError`: `not-declared`, and `edit-by-hand` where conda installs the package, or the list is
    not written with one item a line.

    >>> edit_environment("dependencies:\n  - numpy\n  - pip:\n      - a\n", "environment.yml", ["b"], [])
    'dependencies:\n  - numpy\n  - pip:\n      - a\n      - b\n'
    """
    declared = environment_yml.document(text, place)
    conda = {_conda_name(item): item for item in declared.dependencies if isinstance(item, str)}
    for item in (*add, *remove):
        if (name := checking.name_of(item)) in conda:
            by_hand(
                place, f"conda installs {name}", f"change `- {conda[name]}` under dependencies to: {item}"
            )
    end = "\r\n" if text.count("\r\n") == text.count("\n") > 0 else "\n"
    for item in add:
        text = _with_pip(text, place, item, end)
    for name in remove:
        text = _without_pip(text, place, name)
    return text


def _with_pip(text: str, place: str, item: str, end: str) -> str:
    pip, lines = _pip(text, place, item), text.split("\n")
    same = [(old, node) for old, node in pip.items if old == checking.name_of(item)]
    if same:
        for _, node in reversed(same[1:]):
            del lines[node.start_mark.line]
        mark, stop = same[0][1].start_mark, same[0][1].end_mark
        lines[mark.line] = lines[mark.line][: mark.column] + _scalar(item) + lines[mark.line][stop.column :]
        return "\n".join(lines)
    new = [pip.lead + _scalar(item)]
    if pip.key_line < 0:
        dash = pip.lead
        new = [f"{dash}- pip:", f"{dash}    - {_scalar(item)}"]
        if not any(_conda_name(name) == "pip" for name in _names(text, place)):
            new.insert(0, f"{dash}- pip")
    carriage = end.removesuffix("\n")
    if pip.after == len(lines):
        lines[-1] += carriage
        new.append("")
        carriage_last = [line + carriage for line in new[:-1]] + [""]
        return "\n".join([*lines, *carriage_last])
    return "\n".join([*lines[: pip.after], *(line + carriage for line in new), *lines[pip.after :]])


def _without_pip(text: str, place: str, name: str) -> str:
    pip, lines = _pip(text, place, f"remove {name}"), text.split("\n")
    same = [node for old, node in pip.items if old == checking.name_of(name)]
    if not same:
        not_declared(name, place, [old for old, _ in pip.items if old])
    gone = {node.start_mark.line for node in same}
    if len(same) == len(pip.items):
        gone.add(pip.key_line)  # conda does not take an empty list
    return "\n".join(line for number, line in enumerate(lines) if number not in gone)


def _pip(text: str, place: str, wanted: str) -> _Pip:
    """Where the pip part stands, or would: then `key_line` is -1, and `lead` the indent to use."""
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        root = None
    nodes = _value(root, "dependencies")
    # What YAML takes for further line ends would make its line numbers differ from ours.
    nodes = None if re.search("[\x85\u2028\u2029]|\r(?!\n)", text) else nodes
    if not isinstance(nodes, yaml.SequenceNode) or nodes.flow_style or not nodes.value:
        by_hand(place, "its dependencies are not one item a line", f"dependencies: [{{pip: [{wanted!r}]}}]")
    lines = text.split("\n")
    for node in nodes.value:
        if isinstance(node, yaml.MappingNode):
            items = _value(node, "pip")
            if not isinstance(items, yaml.SequenceNode) or items.flow_style or not items.value:
                by_hand(place, "its pip list is not one item a line", f"- {wanted}")
            found = tuple((_pip_name(item.value), item) for item in items.value if _plain(item, lines))
            if len(found) != len(items.value):
                by_hand(place, "its pip list is not one item a line", f"- {wanted}")
            last = items.value[-1].start_mark
            return _Pip(found, lines[last.line][: last.column], last.line + 1, node.start_mark.line)
    last = nodes.value[-1]
    if not _plain(last, lines):
        by_hand(place, "its dependencies are not one item a line", f"- pip: [{wanted!r}]")
    lead = lines[last.start_mark.line][: last.start_mark.column]
    return _Pip((), lead[: len(lead) - len(lead.lstrip())], last.start_mark.line + 1, -1)


def _plain(node: Any, lines: list[str]) -> bool:
    """True for an item that has a line of its own."""
    if not isinstance(node, yaml.ScalarNode) or node.start_mark.line != node.end_mark.line:
        return False
    line = lines[node.start_mark.line]
    before, after = line[: node.start_mark.column], line[node.end_mark.column :].strip()
    return bool(re.fullmatch(r"\s*-\s+", before)) and (not after or after.startswith("#"))


def _value(node: Any, key: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if getattr(name, "value", None) == key), None)


def _pip_name(text: str) -> str:
    """The canonical name of an item of the pip list, "" for an option."""
    try:
        return checking.name_of(text)
    except SpecError:
        return ""


def _names(text: str, place: str) -> list[str]:
    return [item for item in environment_yml.document(text, place).dependencies if isinstance(item, str)]


def _conda_name(text: str) -> str:
    """The name in a conda dependency.

    >>> _conda_name("conda-forge::numpy=1.26=py312_0")
    'numpy'
    """
    return re.split(r"[ =<>!~\[]", text.rpartition("::")[2].strip(), maxsplit=1)[0].lower()


def _scalar(item: str) -> str:
    """A requirement as a YAML scalar, in quotes where it needs them."""
    return item if re.fullmatch(r"[A-Za-z0-9][^:#]*", item) else "'" + item.replace("'", "''") + "'"
