"""One value of the policy: from TOML or from a variable's text, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kernel_iso.errors import SpecError
from kernel_iso.model import Index, Policy

KEYS = tuple(name for name in Policy.__struct_fields__ if name not in ("locked", "sources"))
"""What a layer can set."""

DEFAULTS = Policy()

CHOICES = {
    "source_builds": ("never", "asked", "allowed"),
    "unknown": ("refuse", "bare"),
    "frontends": ("ask", "never"),
    "kernels": ("all", "named", "own"),
    "link_scripts": ("never", "approved"),
}
"""Keys that take one of a few words."""

PATHS = ("store", "cache", "audit_log", "trusted_folders", "kernel_folders")
"""Keys that hold folders or files; `cache` may also be `on` or `off`."""

YES = ("1", "true", "yes", "on")
NO = ("0", "false", "no", "off")


def from_toml(key: str, value: object, where: str) -> object:
    """The value of `key` as TOML, or a server's Python configuration, gives it.

    Raises `SpecError` (`bad-policy-value`, `credentials-in-index`) that names the key and where it stands.

    >>> from_toml("packages", ["numpy", "pandas"], "policy.toml")
    ('numpy', 'pandas')
    >>> from_toml("keep_days", 7, "policy.toml")
    7
    """
    default = getattr(DEFAULTS, key)
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple):
            raise _bad(key, where, f"it takes a list, not {_named(value)}", f"{_kebab(key)} = [ … ]")
        item = _index if key == "indexes" else _text
        return checked(key, tuple(item(key, entry, where) for entry in value), where)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise _bad(key, where, f"it is true or false, not {_named(value)}", f"{_kebab(key)} = true")
        return value
    if isinstance(default, int | float):
        return checked(key, _number(key, value, where), where)
    return checked(key, _text(key, value, where), where)


def from_text(key: str, text: str, where: str) -> object:
    """The value of `key` as a variable's text gives it: lists with commas, indexes as `name=url name=url`.

    A folder may be relative to the working folder. Raises like `from_toml`.

    >>> from_text("packages", "numpy>=1.26,<3, pandas", "KERNEL_ISO_PACKAGES")
    ('numpy>=1.26,<3', 'pandas')
    >>> from_text("offline", "1", "KERNEL_ISO_OFFLINE")
    True
    """
    default, text = getattr(DEFAULTS, key), text.strip()
    if key == "indexes":
        return from_toml(key, text.split(), where)
    if isinstance(default, tuple):
        entries = _entries(text)
        if key in PATHS:
            entries = [_from_here(entry) for entry in entries]
        return from_toml(key, entries, where)
    if isinstance(default, bool):
        if text.lower() not in YES + NO:
            raise _bad(key, where, f"`{text}` is neither yes nor no", f"set {where}=1 or {where}=0")
        return text.lower() in YES
    if isinstance(default, int | float):
        try:
            return checked(key, int(text) if _whole(key) else float(text), where)
        except ValueError:
            raise _bad(key, where, f"`{text}` is not a number", f"set {where}={default}") from None
    if key in PATHS and not (key == "cache" and text in ("on", "off")):
        text = _from_here(text)
    return from_toml(key, text, where)


def checked(key: str, value: Any, where: str) -> object:
    """`value`, where it is one that `key` may have; folders with `~` expanded."""
    if key in CHOICES and value not in CHOICES[key]:
        raise _bad(
            key,
            where,
            f"`{value}` is none of {', '.join(CHOICES[key])}",
            f'{_kebab(key)} = "{CHOICES[key][0]}"',
        )
    if key in PATHS:
        return (
            tuple(_folder(key, entry, where) for entry in value)
            if isinstance(value, tuple)
            else _folder(key, value, where)
        )
    if key in ("keep_days", "disk_budget_gb", "kernel_limit") and value < 0:
        raise _bad(key, where, f"{value} is below 0", f"{_kebab(key)} = 0   is no limit")
    if key == "indexes":
        _distinct(value, where)
    if key == "torch_index" and value:
        _location(value, key, where, key)
        return str(value).rstrip("/")
    return value


def _folder(key: str, text: str, where: str) -> str:
    if key == "cache" and text in ("on", "off"):
        return text
    if not text and key != "cache":
        return ""
    path = _home(text)
    if not path.is_absolute():
        more = ", and neither `on` nor `off`" if key == "cache" else ""
        raise _bad(
            key, where, f"`{text}` is not an absolute path{more}", "write it from the root, or from `~`"
        )
    return str(path)


def _from_here(text: str) -> str:
    """An absolute path, where a relative one starts at the working folder; links are left as they are."""
    return str(_home(text).absolute())


def _home(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no such person, or no home: then it stays relative and is told
        return Path(text)


def _whole(key: str) -> bool:
    """True where the model says `int`."""
    return bool(Policy.__annotations__[key] == "int")


def _number(key: str, value: object, where: str) -> float:
    whole = _whole(key)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        kind = "whole number" if whole else "number"
        raise _bad(
            key, where, f"it is a {kind}, not {_named(value)}", f"{_kebab(key)} = {getattr(DEFAULTS, key)}"
        )
    return value if whole else float(value)


def _text(key: str, value: object, where: str) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if not isinstance(value, str):
        hint = f'{_kebab(key)} = "3.12"' if key == "python" else f'write it in quotes: {_kebab(key)} = "…"'
        raise _bad(key, where, f"it holds text, not {_named(value)}", hint)
    return value


def _index(key: str, value: object, where: str) -> Index:
    """An index: a table with name, url and explicit, or the text `name=url`."""
    hint = '[[indexes]] with name = "…" and url = "…", or "name=url"'
    if isinstance(value, str):
        pair = value.partition("=")
        value = {"name": pair[0].strip(), "url": pair[2].strip()}
    if not isinstance(value, Mapping):
        raise _bad(key, where, f"an index is a table, not {_named(value)}", hint)
    unknown = set(value) - {"name", "url", "explicit"}
    name, url, explicit = value.get("name"), value.get("url"), value.get("explicit", False)
    if unknown or not isinstance(name, str) or not isinstance(url, str) or not isinstance(explicit, bool):
        raise _bad(key, where, "an index has a name, a url, and explicit = true or not", hint)
    # A name is also the middle of UV_INDEX_<NAME>_PASSWORD: https://docs.astral.sh/uv/concepts/indexes/
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise _bad(key, where, "an index has a name of letters, digits and `-_.`", hint)
    _location(url, name, where)
    return Index(name=name, url=url.rstrip("/"), explicit=explicit)


def _location(url: str, name: str, where: str, key: str = "indexes") -> None:
    """Raise unless `url` can be an index's; it is never repeated, since it may hold a password."""
    try:
        parts = urlsplit(url)
        user, password = parts.username, parts.password
        usable = parts.scheme in ("http", "https", "file") and (
            bool(parts.hostname) or parts.scheme == "file"
        )
    except ValueError:
        raise _bad(key, where, f"the url of `{name}` cannot be read", "https://host/simple") from None
    if user or password or re.search(r"(?i)(token|password|secret|key)=", parts.query):
        raise SpecError(
            "credentials-in-index",
            f"cannot use the index `{name}` of {where}",
            "its url holds a user name, a password or a token, which would end up in locks and logs",
            f"keep them in netrc, the keyring, or UV_INDEX_{_variable(name)}_USERNAME and _PASSWORD",
        )
    if not usable:
        raise _bad(
            key, where, f"the url of `{name}` is not one of http, https or file", "https://host/simple"
        )


def _distinct(indexes: tuple[Index, ...], where: str) -> None:
    names = [index.name for index in indexes]
    for name in names:
        if names.count(name) > 1:
            raise _bad("indexes", where, f"two indexes are called `{name}`", "give each a name of its own")


def _entries(text: str) -> list[str]:
    """The entries of a comma list; a comma inside a version specifier does not separate."""
    entries: list[str] = []
    for piece in (part.strip() for part in text.split(",")):
        if entries and re.match(r"[<>=!~]", piece):
            entries[-1] += f",{piece}"
        elif piece:
            entries.append(piece)
    return entries


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def _kebab(key: str) -> str:
    return key.replace("_", "-")


def _named(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return f"the number {value}"
    names = {"str": "text", "list": "a list", "tuple": "a list", "dict": "a table"}
    return names.get(type(value).__name__, f"a {type(value).__name__}")


def _bad(key: str, where: str, because: str, hint: str) -> SpecError:
    return SpecError("bad-policy-value", f"cannot use `{_kebab(key)}` of {where}", because, hint)
