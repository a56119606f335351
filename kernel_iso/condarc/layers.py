"""One source of configuration, as it is written: a YAML file, a TOML file, or the variables.

A comment `#!top`, `#!bottom` or `#!final` behind a line says where it ends up when files are merged:
https://www.anaconda.com/blog/conda-configuration-engine-power-users

No sentence quotes what stands in a file: a password may stand anywhere in it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 20
"""Levels of the deepest YAML that is parsed; a real one has three."""

TEXT, LIST, MAP, LISTS = "a word", "a list", "a table", "a table of lists"

KINDS = {
    "channels": LIST,
    "default_channels": LIST,
    "allowlist_channels": LIST,
    "denylist_channels": LIST,
    "pkgs_dirs": LIST,
    "envs_dirs": LIST,
    "channel_alias": TEXT,
    "channel_priority": TEXT,
    "ssl_verify": TEXT,
    "offline": TEXT,
    "add_anaconda_token": TEXT,
    "custom_channels": MAP,
    "proxy_servers": MAP,
    "custom_multichannels": LISTS,
    "mirrored_channels": LISTS,
}
"""The keys that count, and what each holds."""

OTHER_NAMES = {
    "channel": "channels",
    "whitelist_channels": "allowlist_channels",
    "envs_path": "envs_dirs",
    "verify_ssl": "ssl_verify",
    "add_binstar_token": "add_anaconda_token",
}

_NOTHING = ("", "~", "null", "Null", "NULL", "None")
_FLAG = re.compile(r"\s#!\s*(top|bottom|final)\b", re.IGNORECASE)
_AT = re.compile(r"\(at (line \d+, column \d+|end of document)\)")


@dataclass(frozen=True, slots=True)
class Value:
    """What one source sets one key to: text, a tuple of texts, or a dict of either; and what its comments say.

    `flags` are pairs of an item (of a list) or a key (of a table) and its flag.
    """

    value: Any
    final: bool = False
    flags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source sets; `ignored` are sentences about what could not be used."""

    where: str
    values: Mapping[str, Value] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def from_yaml(text: str, where: str) -> Layer:
    r"""What a `.condarc` sets; what is wrong in it is told, and the rest of it counts.

    >>> from_yaml("channels: [a, b]  #!final\noffline: yes\nunknown: {}\n", "x").values
    {'channels': Value(value=('a', 'b'), final=True, flags=()), 'offline': Value(value='yes', final=False, flags=())}
    >>> from_yaml("channels: [a\nb: c", "x").ignored
    ('x is not YAML (line 2, column 2)',)
    """
    import yaml  # only here: most people have no such file, and it takes 10 ms

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    text = text.removeprefix("\ufeff")
    try:
        _check_depth(yaml.parse(text, Loader=loader))
        top = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        return Layer(where, ignored=(f"{where} is not YAML{place}",))
    except (ValueError, RecursionError):
        return Layer(where, ignored=(f"{where} is nested too deeply",))
    if top is None or top.value == "":
        return Layer(where)
    if not isinstance(top, yaml.MappingNode):
        return Layer(where, ignored=(f"{where} holds no table of settings",))
    return _layer(where, _settings(top, text.splitlines()))


def _check_depth(events: Iterable[object]) -> None:
    """Refuse deep nesting: the parser made of C would end the whole process there, the events do not."""
    depth = 0
    for event in events:
        name = type(event).__name__
        depth += name in ("SequenceStartEvent", "MappingStartEvent")
        depth -= name in ("SequenceEndEvent", "MappingEndEvent")
        if depth > DEEPEST:
            raise ValueError


def _settings(top: Any, lines: list[str]) -> Iterator[tuple[str, Value | None, int]]:
    """Key, value (None where it is of another kind) and line of everything that counts."""
    for key, node in top.value:
        name = OTHER_NAMES.get(key.value, key.value) if isinstance(key.value, str) else ""
        if name not in KINDS:
            continue
        line = key.start_mark.line
        value = _of_kind(_plain(node, 2), KINDS[name])
        final = _flag(lines, line) == "final" or (
            node.start_mark.line == line and _flag(lines, node.end_mark.line) == "final"
        )
        value = value and Value(value.value, final, _flags(node, lines))
        yield name, value, line + 1


def _plain(node: Any, deep: int) -> Any:
    """A node as text, list and dict, `deep` levels of them at most; None for what lies deeper."""
    if node.id == "scalar":
        return node.value
    if not deep:
        return None
    if node.id == "sequence":
        return [_plain(item, deep - 1) for item in node.value]
    return {_plain(key, 0): _plain(value, deep - 1) for key, value in node.value}


def _flags(node: Any, lines: list[str]) -> tuple[tuple[str, str], ...]:
    """The flags of the items in a list that has a line for each, or of the keys in such a table."""
    if node.id == "scalar" or node.flow_style:
        return ()
    items = node.value if node.id == "sequence" else [key for key, _ in node.value]
    found = ((item.value, _flag(lines, item.start_mark.line)) for item in items if item.id == "scalar")
    return tuple((value, flag) for value, flag in found if flag)


def _flag(lines: list[str], line: int) -> str:
    found = _FLAG.search(lines[line]) if line < len(lines) else None
    return found[1].lower() if found else ""


def _of_kind(value: Any, kind: str) -> Value | None:
    """A value of the kind that a key holds, None where it cannot be made one.

    >>> _of_kind("a", LIST).value, _of_kind({"a": "b"}, LISTS).value, _of_kind(["a"], MAP)
    (('a',), {'a': ('b',)}, None)
    """
    if value in _NOTHING:
        return Value("" if kind == TEXT else () if kind == LIST else {})
    if kind == TEXT:
        return Value(value) if isinstance(value, str) else None
    if kind == LIST:
        found = _texts(value)
        return None if found is None else Value(found)
    if not isinstance(value, dict):
        return None
    made = {key: (_one if kind == MAP else _texts)(item) for key, item in value.items() if key}
    return None if None in made.values() else Value(made)


def _one(value: Any) -> str | None:
    return ("" if value in _NOTHING else value) if isinstance(value, str) else None


def _texts(value: Any) -> tuple[str, ...] | None:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return None
    return tuple(item.strip() for item in items if item.strip() not in _NOTHING)


def _layer(where: str, settings: Iterable[tuple[str, Value | None, int]]) -> Layer:
    values, ignored = {}, []
    for name, value, line in settings:
        if value is None:
            ignored.append(f"`{name}` in line {line} of {where} does not hold {KINDS[name]}")
        else:
            values[name] = value
    return Layer(where, values, tuple(ignored))


def from_toml(text: str, where: str) -> Layer:
    """What the `config.toml` of pixi or rattler sets, by conda's names; older ones have `_` in the place of `-`.

    >>> from_toml('[mirrors]\\n"https://a.org/x" = ["https://b.org/x"]\\n', "x").values["mirrored_channels"].value
    {'https://a.org/x': ('https://b.org/x',)}
    """
    try:
        data = tomllib.loads(text.removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _AT.search(str(error))
        return Layer(where, ignored=(f"{where} is not TOML" + (f" ({place[1]})" if place else ""),))
    data = {key.replace("_", "-"): value for key, value in data.items()}
    known = {
        "default-channels": ("channels", data.get("default-channels")),
        "mirrors": ("mirrored_channels", data.get("mirrors")),
        "proxy-config": ("proxy_servers", _proxies(data.get("proxy-config"))),
        "tls-no-verify": ("ssl_verify", "false" if data.get("tls-no-verify") is True else None),
    }
    values, ignored = {}, []
    for key, (name, given) in known.items():
        if given is None:
            continue
        value = _of_kind(given, KINDS[name])
        if value is None:
            ignored.append(f"`{key}` of {where} does not hold {KINDS[name]}")
        else:
            values[name] = value
    return Layer(where, values, tuple(ignored))


def _proxies(table: Any) -> Any:
    if not isinstance(table, dict):
        return table
    found = {key: table[key] for key in ("http", "https") if key in table}
    hosts = _texts(table.get("non-proxy-hosts", []))
    return found | ({"no_proxy": ",".join(hosts)} if hosts else {})


def from_variables(environ: Mapping[str, str], system: str) -> tuple[Layer, Layer]:
    """What the variables of conda, and those of mamba, set: lists have commas, folders the mark of `PATH`.

    >>> conda, mamba = from_variables({"CONDA_CHANNELS": "a, b", "MAMBA_OFFLINE": "1"}, "linux")
    >>> conda.values["channels"].value, mamba.values["offline"].value
    (('a', 'b'), '1')
    """
    made = []
    for tool in ("CONDA", "MAMBA"):
        values = {}
        for name in (*KINDS, *OTHER_NAMES):
            given, key = environ.get(f"{tool}_{name.upper()}", "").strip(), OTHER_NAMES.get(name, name)
            if given and KINDS[key] == TEXT:
                values[key] = Value(given)
            elif given and KINDS[key] == LIST:
                mark = "," if key != "envs_dirs" else ";" if system == "windows" else ":"
                values[key] = Value(tuple(item.strip() for item in given.split(mark) if item.strip()))
        made.append(Layer("the environment", values))
    return made[0], made[1]
