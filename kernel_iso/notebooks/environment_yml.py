"""`environment.yml`, as conda writes and reads it (CEP 24).

name: analysis
channels: [conda-forge]
dependencies:
  - python=3.12
  - numpy
  - pip:
      - polars>=1
variables:
  OMP_NUM_THREADS: 4
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from kernel_iso.errors import SpecError
from kernel_iso.model import Origin, Spec
from kernel_iso.notebooks import checking, files, requirements, tables
from kernel_iso.notebooks.conda_wishes import python_version
from kernel_iso.notebooks.requirements import Load
from kernel_iso.notebooks.shown import clean

YAML_LIMIT = 2**20
"""Characters of the largest YAML text that is parsed."""
DEEPEST = 20
"""Levels of the deepest YAML that is parsed; a real one has four."""

_NAMED = re.compile(r"(?:[\w./-]+::)?(?P<name>python|pip)(?P<rest>$|[ =<>!~].*)", re.ASCII)


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that count. `prefix` says where conda would put it, which is not asked here."""

    name: str = ""
    channels: tuple[str, ...] = ()
    dependencies: tuple[str | dict[str, tuple[str, ...]], ...] = ()
    variables: dict[str, str] = {}


def parse(text: str, place: str, load: Load | None = None) -> Spec:
    r"""What an `environment.yml` asks; `place` names it, `load` gives files that its pip part includes.

    Channels count only where conda has something to install besides Python and pip. Raises `SpecError`:
    `bad-yaml` with line and column, `bad-environment`, and the codes of `requirements` and `checking`.

    >>> spec = parse("dependencies:\n- python=3.12\n- pip:\n  - polars>=1\n", "environment.yml")
    >>> spec.python, spec.requirements, spec.backend
    ('3.12', ('polars>=1',), '')
    """
    data = document(text, place)
    python, conda = "", []
    pip: list[str] = []
    for item in data.dependencies:
        if isinstance(item, dict):
            if item.keys() != {"pip"} or pip:
                hint = "keep one `pip:` list under `dependencies`"
                because = "besides names there is one list, `pip`"
                raise SpecError("bad-environment", f"cannot read {clean(place)}", because, hint)
            pip = [*item["pip"]]
        elif (named := _NAMED.fullmatch(item.strip())) and (
            version := python_version(named["rest"])
        ) is not None:
            python = version if named["name"] == "python" else python
        else:
            conda.append(item)
    origin = Origin(kind="project", path=place)
    spec = requirements.lines(pip, place, load).spec(origin)
    asked = msgspec.structs.replace(
        spec,
        python=python,
        conda=tuple(conda),
        channels=data.channels if conda else (),
        env=tuple(data.variables.items()),
    )
    return checking.checked(asked, place, origin=origin)


def document(text: str, place: str) -> Environment:
    """The file as it is written; raises `SpecError` (`bad-yaml`, `bad-table`)."""
    import yaml  # only here: most notebooks have no such file, and it takes 10 ms

    # The base loader makes strings only: `3.10` stays "3.10", and no date or number can fail to convert.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    what = f"cannot read {clean(place)}"
    try:
        if len(text) > YAML_LIMIT:
            raise ValueError(f"it has more than {YAML_LIMIT} characters")
        _check_depth(yaml.parse(text, Loader=loader))
        data = yaml.load(text, Loader=loader) if text.strip() else {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        because = clean(str(getattr(error, "problem", "") or error).partition("\n")[0]) + where
        raise SpecError("bad-yaml", what, because, "correct it at that place") from None
    except (ValueError, RecursionError) as error:
        raise SpecError("bad-yaml", what, clean(str(error)), "correct it") from None
    return tables.convert(_without_nulls(data), Environment, place)


def given_name(path: Path) -> str:
    """The name that an `environment.yml` gives its environment, "" where it or the file is none; raises like `document`."""
    if path.suffix not in (".yml", ".yaml") or not files.is_file(path):
        return ""
    return document(files.Files().text(path), str(path)).name


def _check_depth(events: Iterable[object]) -> None:
    """Refuse deep nesting: the loader made of C would end the whole process there, the events do not."""
    depth = 0
    for event in events:
        name = type(event).__name__
        depth += name in ("SequenceStartEvent", "MappingStartEvent")
        depth -= name in ("SequenceEndEvent", "MappingEndEvent")
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")


def _without_nulls(data: object) -> object:
    """The document without empty values (`dependencies:` with nothing below is a null in YAML)."""
    if not isinstance(data, dict):
        return data
    found = {key: value for key, value in data.items() if value != ""}
    items = found.get("dependencies")
    if isinstance(items, list):
        found["dependencies"] = [item for item in items if item not in ("", {"pip": ""})]
    return found
