"""The layers of the policy: files, a server's configuration, variables."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from kernel_iso.errors import IsoError, SpecError
from kernel_iso.policy.values import KEYS, from_text, from_toml

APP = "kernel-iso"

PREFIX = "KERNEL_ISO_"

NOT_KEYS = ("NOTEBOOK", "TRUST", "CONFIG", "DEBUG")
"""`KERNEL_ISO_*` variables that say something else: the notebook of a headless run, the digest that it
approves, the user's policy file, and tracebacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one source sets: `where` it stands, its `values`, what it locks, whether it is an administrator's.

    `named` are the places of single values where they are not `where` (each variable is its own).
    """

    where: str
    values: Mapping[str, object]
    locked: tuple[str, ...] = ()
    admin: bool = False
    named: Mapping[str, str]


def admin_places() -> tuple[Path, ...]:
    """Where an administrator's `policy.toml` may be; a later one goes before an earlier one."""
    site = Path(platformdirs.site_config_dir(APP, appauthor=False), "policy.toml")
    return (site,) if os.name == "nt" else (site, Path("/etc/kernel-iso/policy.toml"))


def user_place() -> Path:
    """Where the person's `policy.toml` is."""
    return Path(platformdirs.user_config_dir(APP, appauthor=False), "policy.toml")


def file_layer(path: Path, *, admin: bool, must_exist: bool = False) -> Layer | None:
    """The layer in a TOML file, None where there is no such file.

    A file that is there and cannot be read is an error: passing over it would lift what it locks. Raises
    `SpecError` (`bad-policy-file`, `unknown-policy-key`, `bad-policy-value`, `credentials-in-index`).
    """
    try:
        text = path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        if not must_exist:
            return None
        raise _unreadable(path, "there is no such file", "correct KERNEL_ISO_CONFIG, or unset it") from None
    except (OSError, UnicodeDecodeError) as error:
        because = (
            "it is not UTF-8"
            if isinstance(error, UnicodeDecodeError)
            else str(error.strerror or error).lower()
        )
        raise _unreadable(path, because, "make it a readable text file, or remove it") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        raise _unreadable(
            path, reason[:1].lower() + reason[1:], "correct that line; the format is TOML"
        ) from None
    return mapping_layer(data, str(path), admin=admin)


def _unreadable(path: Path, because: str, hint: str) -> IsoError:
    return SpecError("bad-policy-file", f"cannot read the policy in {path}", because, hint)


def mapping_layer(data: Mapping[str, object], where: str, *, admin: bool) -> Layer:
    """The layer in a mapping whose keys are in kebab-case or snake_case."""
    values: dict[str, object] = {}
    locked: tuple[str, ...] = ()
    for name, value in data.items():
        key = name.replace("-", "_")
        if key == "locked":
            locked = _locked(value, where)
        elif key not in KEYS:
            raise unknown(name, (*KEYS, "locked"), where, "-")
        elif key in values:
            raise SpecError(
                "bad-policy-value",
                f"cannot use `{name}` of {where}",
                "it stands there twice",
                "remove one of them",
            )
        else:
            values[key] = from_toml(key, value, where)
    return Layer(where=where, values=values, locked=locked, admin=admin, named={})


def _locked(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise SpecError(
            "bad-policy-value",
            f"cannot use `locked` of {where}",
            "it is a list of keys",
            'locked = ["indexes"]',
        )
    keys = tuple(str(name).replace("-", "_") for name in value)
    for key in keys:
        if key not in KEYS:
            raise unknown(key, KEYS, where, "-")
    return keys


def variables_layer(environ: Mapping[str, str]) -> Layer:
    """The layer in `KERNEL_ISO_*` variables; an empty one counts as unset."""
    values, named = {}, {}
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        name, text = variable.removeprefix(PREFIX), environ[variable]
        key = name.lower()
        if name in NOT_KEYS or not text.strip():
            continue
        if key not in KEYS:
            raise unknown(variable, [PREFIX + item.upper() for item in KEYS], "the environment", "_")
        values[key] = from_text(key, text, variable)
        named[key] = variable
    return Layer(where="the environment", values=values, named=named)


def unknown(name: str, known: Sequence[str], where: str, joint: str) -> SpecError:
    """The error for a key nobody knows, with the nearest that is known."""
    from difflib import get_close_matches

    nearest = get_close_matches(name.replace("-", "_"), known, n=1, cutoff=0.6)
    near = nearest[0].replace("_", joint) if nearest else ""
    return SpecError(
        "unknown-policy-key",
        f"cannot use `{name}` of {where}",
        "the policy has no such key",
        f"did you mean `{near}`?" if near else "`kernel-iso policy` lists every key",
    )
