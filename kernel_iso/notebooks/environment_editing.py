"""Change an `environment.yml`: conda packages, channels, its Python and its pip part, line by line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kernel_iso.errors import SpecError
from kernel_iso.model import conda_specs
from kernel_iso.notebooks import checking, environment_yml, yaml_lists
from kernel_iso.notebooks.conda_wishes import python_dependency, python_version
from kernel_iso.notebooks.refusals import by_hand, not_declared


@dataclass(frozen=True, slots=True)
class _Pip:
    """The pip part of an `environment.yml`: its items and their places, and how a new line begins."""

    items: tuple[tuple[str, Any], ...]
    lead: str
    after: int
    key_line: int


def edit_environment(
    text: str,
    place: str,
    add: Sequence[str],
    remove: Sequence[str],
    *,
    conda: tuple[Sequence[str], Sequence[str]] = ((), ()),
    channels: tuple[Sequence[str], Sequence[str]] = ((), ()),
    python: str | None = None,
) -> str:
    r"""An `environment.yml` with other requirements in its pip part, and other conda packages, channels and Python.

    Of `conda` and `channels` there are those to add, and those to remove. What is there already keeps its line and
    comment; what is new comes last, a channel too: the others are asked first.
    Raises `SpecError`: `not-declared`, and `edit-by-hand` where conda installs what is to change in the pip part, or a
    list is not written with one item a line.

    >>> edit_environment("dependencies:\n  - numpy\n  - pip:\n      - a\n", "environment.yml", ["b"], [])
    'dependencies:\n  - numpy\n  - pip:\n      - a\n      - b\n'
    >>> edit_environment("dependencies:\n  - numpy  # arrays\n", "environment.yml", [], [], conda=(["numpy>=2", "gdal"], []))
    'dependencies:\n  - numpy>=2  # arrays\n  - gdal\n'
    """
    for name in conda[1]:
        text = _without_conda(text, place, name)
    _refuse_condas(text, place, add, remove)
    if python is not None:
        text = _with_python(text, place, python)
    for item in conda[0]:
        text = _with_conda(text, place, item)
    for item in channels[1]:
        text = _without_channel(text, place, item)
    for item in channels[0]:
        text = _with_channel(text, place, item)
    for item in add:
        text = _with_pip(text, place, item)
    for name in remove:
        text = _without_pip(text, place, name)
    return text


# What conda installs


def _dependencies(text: str, place: str, hint: str) -> list[Any]:
    """The nodes below `dependencies`, [] where the key is there and nothing below it."""
    found = yaml_lists.value(yaml_lists.root(text, place, hint), "dependencies")
    if yaml_lists.is_list(found):
        nodes: list[Any] = found.value
        return nodes
    if found is None or not yaml_lists.is_empty(found, text.split("\n")):
        by_hand(place, "its dependencies are not one item a line", f"write them so, and: {hint}")
    return []


def _with_conda(text: str, place: str, item: str) -> str:
    nodes, name = _dependencies(text, place, f"- {item}"), conda_specs.conda_name(item)
    if not nodes:
        return _first(text, place, "dependencies", item)
    if any(yaml_lists.is_scalar(node) and _written(node.value) == item for node in nodes):
        return text
    return yaml_lists.changed(
        text, place, nodes, item,
        about=lambda old: _name(old) == name,
        last=lambda node: _name(node.value) == "pip",
    )  # fmt: skip


def _without_conda(text: str, place: str, name: str) -> str:
    hint = f"take {name} out"
    nodes = [node for node in _dependencies(text, place, hint) if yaml_lists.is_scalar(node)]
    same = [node for node in nodes if _name(node.value) == conda_specs.conda_name(name)]
    if not same:
        not_declared(name, place, [node.value for node in nodes])
    return yaml_lists.removed(text, place, same, hint)


def _with_python(text: str, place: str, python: str) -> str:
    if python == "self":
        by_hand(place, "it cannot say `self`", "keep it in the notebook: --here")
    item = python_dependency(python)
    nodes = _dependencies(text, place, f"- {item}")
    same = [node for node in nodes if yaml_lists.is_scalar(node) and _name(node.value) == "python"]
    if not same and not python:
        return text
    if not nodes:
        return _first(text, place, "dependencies", item)
    if same:
        written = _written(same[0].value)
        channel, _, plain = written.rpartition("::")
        if python and python_version(plain.removeprefix("python")) == python_version(
            item.removeprefix("python")
        ):
            return text
        item = f"{channel}::{item}" if channel else item
        return yaml_lists.changed(text, place, nodes, item, lambda old: _name(old) == "python", bool)
    # The Python is what people look for first.
    lines = text.split("\n")
    lead = yaml_lists.lead(nodes[0], lines)
    if not re.fullmatch(r"\s*-\s+", lead):
        by_hand(place, "its dependencies are not one item a line", f"- {item}")
    new = [lead + yaml_lists.scalar(item)]
    return "\n".join(yaml_lists.inserted(text, lines, nodes[0].start_mark.line, new))


def _with_channel(text: str, place: str, item: str) -> str:
    hint, lines = f"add to `channels`: {item}", text.split("\n")
    root = yaml_lists.root(text, place, hint)
    found = yaml_lists.value(root, "channels")
    if found is None:
        key, _ = yaml_lists.pair(root, "dependencies")
        if key is None or key.start_mark.column:
            by_hand(place, "it has no channels", hint)
        new = ["channels:", f"  - {yaml_lists.scalar(item)}"]
        return "\n".join(yaml_lists.inserted(text, lines, key.start_mark.line, new))
    if yaml_lists.is_empty(found, lines):
        return _first(text, place, "channels", item)
    if not yaml_lists.is_list(found):
        by_hand(place, "its channels are not one item a line", hint)
    if item in [node.value.strip() for node in found.value if yaml_lists.is_scalar(node)]:
        return text
    return yaml_lists.changed(
        text, place, found.value, item, about=lambda old: False, last=lambda node: node.value == "nodefaults"
    )


def _without_channel(text: str, place: str, item: str) -> str:
    hint = f"take {item} out of `channels`"
    found = yaml_lists.value(yaml_lists.root(text, place, hint), "channels")
    if not yaml_lists.is_list(found):
        by_hand(place, "its channels are not one item a line", hint)
    nodes = [node for node in found.value if yaml_lists.is_scalar(node)]
    same = [node for node in nodes if node.value.strip() == item]
    if not same:
        not_declared(item, place, [node.value for node in nodes])
    return yaml_lists.removed(text, place, same, hint)


def _first(text: str, place: str, key: str, item: str) -> str:
    """The text with the first item of a list that was empty."""
    node, _ = yaml_lists.pair(yaml_lists.root(text, place, f"- {item}"), key)
    lines = text.split("\n")
    lead = " " * node.start_mark.column + "  - "
    return "\n".join(
        yaml_lists.inserted(text, lines, node.start_mark.line + 1, [lead + yaml_lists.scalar(item)])
    )


def _name(text: str) -> str:
    """The name of a conda package, "" for what is none."""
    try:
        return conda_specs.conda_name(text)
    except SpecError:
        return ""


def _written(text: str) -> str:
    """A conda dependency in normal form, "" for what is none."""
    try:
        return conda_specs.conda_text(text)
    except SpecError:
        return ""


# What pip installs


def _refuse_condas(text: str, place: str, add: Sequence[str], remove: Sequence[str]) -> None:
    """Refuse (`edit-by-hand`) to change in the pip part what conda installs."""
    declared = {_name(item): item for item in _names(text, place)}
    lists = environment_yml.document(text, place).dependencies
    pip = {_pip_name(text) for item in lists if isinstance(item, dict) for text in item.get("pip", ())}
    for item in (*add, *(name for name in remove if checking.name_of(name) not in pip)):
        if (name := checking.name_of(item)) in declared:
            line = f"change `- {declared[name]}` under dependencies to: {item}"
            by_hand(place, f"conda installs {name}", line)


def _with_pip(text: str, place: str, item: str) -> str:
    pip, lines = _pip(text, place, item), text.split("\n")
    same = [(old, node) for old, node in pip.items if old == checking.name_of(item)]
    if same:
        lines = yaml_lists.replaced(lines, same[0][1], item)
        for _, node in reversed(same[1:]):
            del lines[node.start_mark.line]
        return "\n".join(lines)
    new = [pip.lead + yaml_lists.scalar(item)]
    if pip.key_line < 0:
        dash = pip.lead
        new = [f"{dash}- pip:", f"{dash}    - {yaml_lists.scalar(item)}"]
        if not any(_name(name) == "pip" for name in _names(text, place)):
            new.insert(0, f"{dash}- pip")
    return "\n".join(yaml_lists.inserted(text, lines, pip.after, new))


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
    root = yaml_lists.root(text, place, f"dependencies: [{{pip: [{wanted!r}]}}]")
    nodes = yaml_lists.value(root, "dependencies")
    if not yaml_lists.is_list(nodes):
        by_hand(place, "its dependencies are not one item a line", f"dependencies: [{{pip: [{wanted!r}]}}]")
    lines = text.split("\n")
    for node in nodes.value:
        if not yaml_lists.is_scalar(node):
            items = yaml_lists.value(node, "pip")
            plain = yaml_lists.is_list(items) and all(
                yaml_lists.is_plain(item, lines) for item in items.value
            )
            if not plain:
                by_hand(place, "its pip list is not one item a line", f"- {wanted}")
            last = items.value[-1]
            found = tuple((_pip_name(item.value), item) for item in items.value)
            return _Pip(found, yaml_lists.lead(last, lines), last.start_mark.line + 1, node.start_mark.line)
    last = nodes.value[-1]
    if not yaml_lists.is_plain(last, lines):
        by_hand(place, "its dependencies are not one item a line", f"- pip: [{wanted!r}]")
    lead = yaml_lists.lead(last, lines)
    return _Pip((), lead[: len(lead) - len(lead.lstrip())], last.start_mark.line + 1, -1)


def _pip_name(text: str) -> str:
    """The canonical name of an item of the pip list, "" for an option."""
    try:
        return checking.name_of(text)
    except SpecError:
        return ""


def _names(text: str, place: str) -> list[str]:
    return [item for item in environment_yml.document(text, place).dependencies if isinstance(item, str)]
