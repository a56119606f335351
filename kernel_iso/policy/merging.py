"""Layer upon layer: administrator, server, person, variables; a lower one narrows what is locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import platformdirs

from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.model import Index, Policy
from kernel_iso.policy.layers import (
    APP,
    Layer,
    admin_places,
    file_layer,
    mapping_layer,
    user_place,
    variables_layer,
)
from kernel_iso.policy.values import DEFAULTS, KEYS

ADMIN_ONLY = ("trusted_hosts",)
"""Keys that weaken what protects the person, so that only an administrator sets them."""

SERVER = "the Jupyter server's configuration (KernelIso.policy)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One value of the policy as it is shown: key, value as text, where it was set, whether it is locked."""

    key: str
    value: str
    source: str
    locked: bool


def read(
    environ: Mapping[str, str],
    *,
    admin_files: Sequence[Path] | None = None,
    user_file: Path | None = None,
    server: Mapping[str, object] | None = None,
) -> Policy:
    """Read the layers and merge them: defaults, administrator's files, `server`, person's file, variables.

    `environ` holds the `KERNEL_ISO_*` variables; KERNEL_ISO_CONFIG names another user's file. Where
    `admin_files` or `user_file` are not given, the usual places are read; what is not there is passed over.

    Raises `SpecError`: `bad-policy-file`, `unknown-policy-key`, `bad-policy-value`, `credentials-in-index`,
    and `admin-only` where the person sets what only an administrator may. Raises `ImpossibleError`
    (`policy-locked`) where a layer widens or changes what a higher one locked.
    """
    values: dict[str, object] = {"store": platformdirs.user_data_dir(APP, appauthor=False)}
    sources = dict.fromkeys(KEYS, "default")
    locks: dict[str, str] = {}
    for layer in _layers(environ, admin_files, user_file, server):
        for key, value in layer.values.items():
            where = layer.named.get(key, layer.where)
            if key in ADMIN_ONLY and not layer.admin:
                raise _not_yours(key, where)
            if key in locks and not narrower(value, values.get(key, getattr(DEFAULTS, key))):
                raise _locked(key, where, locks[key])
            values[key], sources[key] = value, where
        locks |= {key: layer.where for key in layer.locked if key not in locks}
    return msgspec.convert(
        values | {"locked": tuple(sorted(locks)), "sources": tuple(sources.items())}, Policy
    )


def _layers(
    environ: Mapping[str, str],
    admin_files: Sequence[Path] | None,
    user_file: Path | None,
    server: Mapping[str, object] | None,
) -> list[Layer]:
    """The layers that are there, the highest first."""
    layers = [
        file_layer(path, admin=True) for path in (admin_places() if admin_files is None else admin_files)
    ]
    layers.append(mapping_layer(server, SERVER, admin=True) if server else None)
    named = environ.get("KERNEL_ISO_CONFIG", "")
    if user_file is None and named:
        layers.append(file_layer(Path(named).expanduser().absolute(), admin=False, must_exist=True))
    else:
        layers.append(file_layer(user_file or user_place(), admin=False))
    layers.append(variables_layer(environ))
    return [layer for layer in layers if layer is not None]


def narrower(value: object, than: object) -> bool:
    """True where `value` allows nothing that `than` does not: part of a list in its order, or the same value.

    >>> narrower(("uv",), ("uv", "virtualenv")), narrower(("virtualenv", "uv"), ("uv", "virtualenv"))
    (True, False)
    """
    if isinstance(value, tuple) and isinstance(than, tuple):
        rest = iter(than)
        return all(item in rest for item in value)
    return value == than


def _not_yours(key: str, where: str) -> SpecError:
    name = key.replace("_", "-")
    return SpecError(
        "admin-only",
        f"cannot use `{name}` of {where}",
        "only an administrator may set it: it switches off what protects everybody's downloads",
        f"ask for `{name}` in {admin_places()[-1]}",
    )


def _locked(key: str, where: str, by: str) -> ImpossibleError:
    name = key.replace("_", "-")
    return ImpossibleError(
        "policy-locked",
        f"cannot use `{name}` of {where}",
        f"{by} locks it: a list may be made shorter, another value must stay as it is",
        f"remove it there, or ask the administrator who wrote {by}",
    )


def explain(policy: Policy) -> tuple[Row, ...]:
    """Every value with where it came from, in the order of the fields.

    >>> rows = explain(Policy(offline=True, sources=(("offline", "KERNEL_ISO_OFFLINE"),)))
    >>> next(row for row in rows if row.key == "offline")
    Row(key='offline', value='true', source='KERNEL_ISO_OFFLINE', locked=False)
    """
    return tuple(
        Row(key=key.replace("_", "-"), value=_shown(getattr(policy, key)), source=policy.source_of(key),
            locked=key in policy.locked)
        for key in KEYS
    )  # fmt: skip


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, Index):
        return f"{value.name}={value.url}" + (" (explicit)" if value.explicit else "")
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
