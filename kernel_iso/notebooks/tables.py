"""Tables of TOML as people write them: `[tool.kernel-iso]`, and the part of `[tool.uv]` that is honoured."""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

from kernel_iso.errors import SpecError
from kernel_iso.model import Index, Spec
from kernel_iso.notebooks import checking
from kernel_iso.notebooks.shown import clean

TOML_LIMIT = 2**18
"""Characters of the largest TOML text that is parsed: the parser is slow, and no person writes more."""

# A key of many parts costs tomllib memory by the square of their number (python/cpython `tomllib/_parser.py`,
# `key_value_rule`): 400 KB of `a.a.a…` took more than all there was. No person nests 50 tables.
_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){50}""", re.ASCII)

T = TypeVar("T")


class Choices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """What `[tool.kernel-iso]` may choose in a PEP 723 block: everything that needs no project."""

    python: str = ""
    accelerator: str = ""
    backend: str = ""
    own_code: str = ""
    env: dict[str, str | int] = {}
    apt: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    system_site_packages: bool | None = None
    exclude_newer: str = ""


class Profile(Choices, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """What a named set of a project may choose: also which groups and extras count."""

    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


class Table(Profile, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """`[tool.kernel-iso]` of a project, with its profiles and which of them counts by default."""

    profile: str = ""
    profiles: dict[str, Profile] = {}


class UvIndex(msgspec.Struct, frozen=True, kw_only=True):
    """One of `[[tool.uv.index]]`."""

    url: str
    name: str = ""
    explicit: bool = False
    default: bool = False


class UvSource(msgspec.Struct, frozen=True, kw_only=True):
    """One of `[tool.uv.sources]`; without `index` it binds to something that is no index."""

    index: str = ""
    marker: str = ""
    extra: str = ""
    group: str = ""


class Uv(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """The keys of `[tool.uv]` that are honoured; all others are uv's own business."""

    exclude_newer: str = ""
    index: tuple[UvIndex, ...] = ()
    sources: dict[str, UvSource | tuple[UvSource, ...]] = {}


def toml(text: str, where: str) -> dict[str, Any]:
    """The tables of a TOML text; raises `SpecError` (`bad-toml`) with the line and column."""
    try:
        if len(text) > TOML_LIMIT:
            raise ValueError(f"it has more than {TOML_LIMIT} characters")
        if _LONG_KEY.search(text):
            raise ValueError("a key has more than 50 parts")
        return tomllib.loads(text)
    except RecursionError:
        because = "it is nested too deeply"
    except ValueError as error:
        because = clean(str(error))
    raise SpecError("bad-toml", f"cannot read {clean(where)}", because, "correct it at that place")


def convert(data: Any, kind: type[T], where: str) -> T:
    """`data` as a typed table; raises `SpecError` (`bad-table`) with the key path of what is wrong."""
    if isinstance(data, dict):
        # TOML has dates of its own; people write exclude-newer with and without quotes.
        data = {
            key: value.isoformat() if isinstance(value, datetime.date) else value
            for key, value in data.items()
        }
    try:
        return msgspec.convert(data, kind, strict=True)
    except msgspec.ValidationError as error:
        because = clean(str(error).replace("Object contains", "it has the").replace("`$.", "`"))
        raise SpecError(
            "bad-table", f"cannot read {clean(where)}", because, "correct or remove that key"
        ) from None
    except RecursionError:
        raise SpecError(
            "bad-table", f"cannot read {clean(where)}", "it is nested too deeply", "flatten it"
        ) from None


def chosen(spec: Spec, choices: Choices) -> Spec:
    """The Spec with what a table chooses; what it leaves out stays as it is.

    >>> chosen(Spec(python=">=3.11"), Choices(python="3.12", env={"OMP_NUM_THREADS": 4})).env
    (('OMP_NUM_THREADS', '4'),)
    """
    same = ("python", "accelerator", "backend", "own_code", "apt", "conda", "channels", "exclude_newer")
    changes = {name: value for name in same if (value := getattr(choices, name))}
    if choices.env:
        changes["env"] = tuple(
            (dict(spec.env) | {name: str(value) for name, value in choices.env.items()}).items()
        )
    if choices.system_site_packages is not None:
        changes["system_site_packages"] = choices.system_site_packages
    return msgspec.structs.replace(spec, **changes)


def bound(spec: Spec, uv: Uv, where: str) -> Spec:
    """The Spec with the indexes, bindings and cool-down that `[tool.uv]` declares for its requirements.

    A binding with a marker counts where the marker holds on this machine, one for a group or an extra where
    that was chosen. Raises `SpecError`: `foreign-source` where a requirement is bound to a path, a repository
    or a workspace (an index may have a stranger's package of that name), `no-such-index`.
    """
    named = {checking.name_of(item, where) for item in (*spec.requirements, *spec.constraints)}
    pins: dict[str, str] = {}
    for name, sources in uv.sources.items():
        package = checking.group_name(name, where)
        for source in sources if isinstance(sources, tuple) else (sources,):
            if package in named and _counts(source, spec, where):
                if not source.index:
                    _refuse_source(package, where)
                pins.setdefault(package, checking.group_name(source.index, where))
    indexes = list(_indexes(uv.index, where))
    for package, name in pins.items():
        if name not in [item.name for item in indexes]:
            hint = f'add [[tool.uv.index]] with name = "{name}" and its url'
            raise SpecError(
                "no-such-index", f"cannot read {clean(where)}", f"{package} is bound to `{name}`", hint
            )
    return msgspec.structs.replace(
        spec,
        indexes=tuple(item for item in indexes if not item.explicit or item.name in pins.values()),
        pins=tuple(pins.items()),
        exclude_newer=spec.exclude_newer or uv.exclude_newer,
    )


def _indexes(declared: Iterable[UvIndex], where: str) -> Iterable[Index]:
    """The indexes in the order in which they are asked: uv asks its default one last."""
    for item in sorted(declared, key=lambda item: item.default):
        host = item.url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
        yield checking.index(Index(name=item.name or host, url=item.url, explicit=item.explicit), where)


def _counts(source: UvSource, spec: Spec, where: str) -> bool:
    chosen_names = {"extra": spec.extras, "group": spec.groups}
    for key, names in chosen_names.items():
        if (wanted := getattr(source, key)) and checking.group_name(wanted, where) not in names:
            return False
    try:
        return not source.marker or Marker(source.marker).evaluate({"extra": ""})
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, RecursionError, ValueError):
        because = f"`{clean(source.marker)}` is no environment marker"
        raise SpecError("bad-table", f"cannot read {clean(where)}", because, "correct that marker") from None


def _refuse_source(package: str, where: str) -> None:
    raise SpecError(
        "foreign-source",
        f"cannot take `{package}` as {clean(where)} binds it",
        "it is bound to a path, a repository or a workspace; an index may have a stranger's package so named",
        f'put {package} on an index and bind it there: {package} = {{ index = "NAME" }}',
    )
