"""Change what is declared in TOML: a script block or `pyproject.toml`; what is not touched keeps its form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tomli_w
import tomlkit
from tomlkit.exceptions import TOMLKitError

from kernel_iso.errors import SpecError
from kernel_iso.model import Spec
from kernel_iso.notebooks import checking, pyproject, tables, toml_lists
from kernel_iso.notebooks.refusals import by_hand
from kernel_iso.notebooks.shown import clean


def edit_block(content: str, place: str, add: Sequence[str], remove: Sequence[str]) -> str:
    r"""The TOML of a script block with requirements added (in place of one of that name) and removed.

    Raises `SpecError`: `not-declared`, `edit-by-hand`.

    >>> edit_block('dependencies = [\n  "a",  # why\n]\n', "cell 1", ["a>=2", "b"], [])
    'dependencies = [\n  "a>=2",  # why\n  "b",\n]\n'
    """
    return toml_lists.edited(content, place, [("dependencies",)], ("dependencies",), (add, remove))


def edit_pyproject(
    text: str,
    place: str,
    add: Sequence[str],
    remove: Sequence[str],
    *,
    groups: Sequence[str] = (),
    extras: Sequence[str] = (),
    group: str = "",
) -> str:
    """A `pyproject.toml` with requirements changed in the lists that count with these groups and extras.

    What is declared nowhere goes to `group`, or to `[project] dependencies`. Raises like `edit_block`.
    """
    found = pyproject.read(text, place)
    if found.project and "dependencies" in found.project.dynamic:
        files = ", ".join(found.dynamic_files) or "the project's build"
        by_hand(place, f"its dependencies are dynamic, and come from {files}", f"change them in {files}")
    lists = pyproject.lists(text, place, groups, extras)
    target: tuple[str, ...] = ("project", "dependencies")
    if group or found.project is None:
        own = group or next(iter(groups), "")
        if not own:
            by_hand(place, "it has no [project] table", f"[project] with dependencies = {[*add]!r}")
        raw = {checking.group_name(name, place): name for name in found.groups}
        target = ("dependency-groups", raw.get(checking.group_name(own, place), own))
        lists = [*lists, target] if target not in lists else lists
    return toml_lists.edited(text, place, lists, target, (add, remove))


def edit_conda(
    text: str,
    place: str,
    packages: tuple[Sequence[str], Sequence[str]],
    channels: tuple[Sequence[str], Sequence[str]] = ((), ()),
    *,
    profile: str = "",
) -> str:
    r"""The TOML of a block or project with conda packages and channels changed in `[tool.kernel-iso]`.

    Of both there are those to add, and those to remove. A list that is empty then goes with its key. What the `profile`
    says for itself is changed there. Raises like `edit_block`.

    >>> edit_conda("dependencies = []\n", "cell 1", (["gdal>=3.9"], []), (["conda-forge"], []))
    'dependencies = []\n\n[tool.kernel-iso]\nconda = ["gdal>=3.9"]\nchannels = ["conda-forge"]\n'
    """
    for key, change, kind in (
        ("conda", packages, toml_lists.CONDA),
        ("channels", channels, toml_lists.CHANNELS),
    ):
        if any(change):
            path = _ours(text, place, key, profile)
            text = toml_lists.edited(text, place, [path], path, change, kind)
    return text


OURS = ("tool", "kernel-iso")
"""The table of ours."""


def _ours(text: str, place: str, key: str, profile: str) -> tuple[str, ...]:
    """The key path of a list of ours that counts with a profile."""
    profiles = tables.toml(text, place).get("tool", {}).get("kernel-iso", {}).get("profiles", {})
    raw = [name for name in profiles if profile and checking.group_name(name, place) == profile]
    return (*OURS, "profiles", raw[0], key) if raw and profiles[raw[0]].get(key) else (*OURS, key)


def choose_in_block(content: str, place: str, python: str | None, accelerator: str | None) -> str:
    r"""The TOML of a script block with another Python and accelerator.

    None leaves what is there, "" and `auto` take it away. Python is written where the block says it: in
    `[tool.kernel-iso]`, else as `requires-python`, which other tools know too. Raises `SpecError` (`edit-by-hand`).

    >>> choose_in_block("dependencies = []\n", "cell 1", "3.12", None)
    'dependencies = []\nrequires-python = "==3.12.*"\n'
    """
    ours = tables.toml(content, place).get("tool", {}).get("kernel-iso", {})
    if python is None or (python and (python == "self" or "python" in ours)):
        return choose_in_project(content, place, python, accelerator)
    values = {("requires-python",): specifier(python), (*OURS, "python"): ""}
    return _put_all(choose_in_project(content, place, None, accelerator), place, values)


def choose_in_project(text: str, place: str, python: str | None, accelerator: str | None) -> str:
    """A `pyproject.toml` with another Python and accelerator in `[tool.kernel-iso]`; like `choose_in_block`.

    What the project itself requires (`[project] requires-python`) is said to everybody who installs it, and stays.
    """
    values: dict[tuple[str, ...], str] = {} if python is None else {(*OURS, "python"): python}
    if accelerator is not None:
        values[*OURS, "accelerator"] = "" if accelerator == "auto" else accelerator
    return _put_all(text, place, values)


def specifier(python: str) -> str:
    """A wish for a Python as PEP 440 writes it.

    >>> specifier("3.12"), specifier("3.12.1"), specifier(">=3.11"), specifier("")
    ('==3.12.*', '==3.12.1', '>=3.11', '')
    """
    if python[:1].isdigit():
        return f"=={python}" if python.count(".") == 2 else f"=={python}.*"
    return python


def _put_all(text: str, place: str, values: Mapping[tuple[str, ...], str]) -> str:
    """The text with these values at their key paths; one that is "" is taken away, and tables that are empty then."""
    try:
        ours = any(value and path[:-1] == OURS for path, value in values.items())
        document = toml_lists.parsed(text, OURS if ours else ())
        for path, value in values.items():
            _put(document, path, value) if value else toml_lists.take(document, path)
        changed = tomlkit.dumps(document)
    except (TOMLKitError, RecursionError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        wanted = (f'{".".join(path)} = "{value}"' for path, value in values.items() if value)
        by_hand(place, "its form is too unusual", ", ".join(wanted) or "take the key away")
    return toml_lists.like_before(text, changed)


def _put(document: Any, path: Sequence[str], value: str) -> None:
    *above, last = path
    at = toml_lists.table(document, above)
    if at.get(last) != value:
        at[last] = value


def block_content(spec: Spec, place: str) -> str:
    """The TOML of a new script block that asks what a Spec asks.

    Raises `SpecError` (`not-a-block`) for what such a block cannot say: constraints and hashes.
    """
    if spec.constraints or spec.hashes:
        because = "constraints and hashes have no place in a script block"
        raise SpecError(
            "not-a-block", f"cannot write a script block for {clean(place)}", because, "use the metadata"
        )
    ours = {
        "accelerator": spec.accelerator if spec.accelerator != "auto" else "",
        "backend": spec.backend,
        "own-code": spec.own_code if spec.own_code != "path" else "",
        "env": dict(spec.env),
        "apt": [*spec.apt],
        "conda": [*spec.conda],
        "channels": [*spec.channels],
        "system-site-packages": spec.system_site_packages,
        "exclude-newer": spec.exclude_newer,
    }
    data: dict[str, Any] = {"dependencies": [*spec.requirements]}
    if spec.python[:1] in ("<", ">", "=", "!", "~"):
        data = {"requires-python": spec.python, **data}
    elif spec.python:
        ours = {"python": spec.python, **ours}
    tool: dict[str, Any] = {"kernel-iso": {key: value for key, value in ours.items() if value}}
    if spec.indexes:
        indexes = [{"name": item.name, "url": item.url, "explicit": item.explicit} for item in spec.indexes]
        tool["uv"] = {"index": indexes, "sources": {name: {"index": to} for name, to in spec.pins}}
    data["tool"] = {key: value for key, value in tool.items() if value}
    return tomli_w.dumps(
        {key: value for key, value in data.items() if value or key == "dependencies"}, indent=2
    )
