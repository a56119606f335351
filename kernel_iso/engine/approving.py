"""What an approval is about, so that a later review can say what is new since then. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from kernel_iso.engine import held
from kernel_iso.engine.fitting import pinned_versions
from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Record, Spec
from kernel_iso.notebooks import FoundLock
from kernel_iso.trust import Approval

OWNERS = 50
"""Notebooks that one approval remembers: many may ask the same."""


class Differs(Record, frozen=True, kw_only=True):
    """What a notebook asks now and did not when it was approved, and the other way round: lines for people."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def about(
    label: str, owner: str, spec: Spec, locks: Sequence[FoundLock], former: Approval | None
) -> dict[str, object]:
    """What an approval remembers: who asked (with those who asked the same before), the Spec and the locks."""
    known = former.about.get("owners", []) if former else []
    owners = [name for name in known if name != owner] if isinstance(known, list) else []
    return {
        "target": label,
        "spec": spec.to_json(),
        "owners": [*owners, owner][-OWNERS:],
        "pins": pins(locks),
        "files": [hashlib.sha256(found.text.encode()).hexdigest() for found in locks],
    }


def pins(locks: Iterable[FoundLock]) -> dict[str, str]:
    """The names and versions in the locks; a `uv.lock` is no standard, so that only its digest tells a change."""
    found: dict[str, str] = {}
    for lock in locks:
        try:
            if lock.kind == "kernel-iso":
                whole = Lock.from_text(lock.text)
                texts = [whole.detached]
                for part in whole.parts:
                    found |= held.versions(part)
            else:
                texts = [lock.text] if lock.kind == "pylock" else []
            for text in texts:
                found |= pinned_versions(text) if text else {}
        except SpecError:
            continue  # a lock that cannot be read is told by whoever wants to install it
    return found


def before(approvals: Iterable[Approval], owner: str, digest: str) -> Approval | None:
    """The newest approval of the same notebook for something else than `digest`."""
    known = (item for item in approvals if item.digest != digest and owner in _owners(item))
    return max(known, key=lambda item: item.at, default=None)


def _owners(approval: Approval) -> list[str]:
    names = approval.about.get("owners", [])
    return names if isinstance(names, list) else []


def differs(approval: Approval, spec: Spec, locks: Sequence[FoundLock]) -> Differs | None:
    """What has changed since an approval; None where it does not say what it was about."""
    now = about("", "", spec, locks, None)
    try:
        former = Spec.from_json(approval.about.get("spec"))
    except SpecError:
        return None
    then_pins, then_files = approval.about.get("pins"), approval.about.get("files")
    told = difference(lines(former), lines(spec))
    if isinstance(then_pins, dict):
        locked = difference(
            {f"locked {name}": f"{name} {version} (locked)" for name, version in then_pins.items()},
            {f"locked {name}": f"{name} {version} (locked)" for name, version in pins(locks).items()},
        )
        told = Differs(
            added=told.added + locked.added,
            removed=told.removed + locked.removed,
            changed=told.changed + locked.changed,
        )
    if then_files != now["files"] and told.changed + told.added + told.removed == ():
        told = Differs(added=(), removed=(), changed=("the lock names other files of the same versions",))
    return told


def lines(spec: Spec) -> dict[str, str]:
    """What a Spec asks as lines for people, by what each is about.

    >>> lines(Spec(requirements=("numpy<2",), python="3.12"))
    {'numpy': 'numpy<2', 'python': 'Python 3.12'}
    """
    found: dict[str, str] = {}
    for text in spec.requirements:
        # The same name may come several times, under several markers.
        found.setdefault(_name(text), text)
        if found[_name(text)] != text:
            found[text] = text
    plain = {
        "constraint": spec.constraints, "conda": spec.conda, "channel": spec.channels, "group": spec.groups,
        "extra": spec.extras,
    }  # fmt: skip
    for word, values in plain.items():
        found |= {f"{word} {value}": f"{word} {value}" for value in values}
    single: Mapping[str, Any] = {
        "Python": spec.python, "accelerator": spec.accelerator if spec.accelerator != "auto" else "",
        "backend": spec.backend, "no release newer than": spec.exclude_newer, "profile": spec.profile,
        "own code": spec.own_code if spec.own_code != "path" else "",
        "packages of the system's Python": "visible" if spec.system_site_packages else "",
    }  # fmt: skip
    found |= {word.lower(): f"{word} {value}" for word, value in single.items() if value}
    found |= {f"index {index.name}": f"index {index.name} at {index.url}" for index in spec.indexes}
    found |= {f"bound {name}": f"{name} only from the index {index}" for name, index in spec.pins}
    found |= {f"variable {name}": f"{name}={value}" for name, value in spec.env}
    return found | {f"hashes {name}": f"{name} with {len(sums)} hashes" for name, sums in spec.hashes}


def difference(then: Mapping[str, str], now: Mapping[str, str]) -> Differs:
    """What is new, gone and changed.

    >>> difference({"a": "a", "b": "b<2"}, {"b": "b<3", "c": "c"}).changed
    ('b<2 → b<3',)
    """
    both = [key for key in now if key in then and then[key] != now[key]]
    return Differs(
        added=tuple(text for key, text in now.items() if key not in then),
        removed=tuple(text for key, text in then.items() if key not in now),
        changed=tuple(f"{then[key]} → {now[key]}" for key in both),
    )


def _name(text: str) -> str:
    try:
        return str(canonicalize_name(Requirement(text).name))
    except InvalidRequirement:
        return text
