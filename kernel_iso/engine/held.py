"""What a part of a lock holds, whether conda or PyPI serves it."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from kernel_iso.backends import explicit
from kernel_iso.engine.fitting import CONDA, pinned_versions
from kernel_iso.model import Lock, Part

_NAME = re.compile(r'^name = "([A-Za-z0-9._-]+)"$', re.MULTILINE)


def versions(part: Part) -> dict[str, str]:
    """The names and versions that a part installs. Raises `SpecError` (`bad-lock`).

    >>> versions(Part(text="@EXPLICIT\\nhttps://x.org/c/noarch/a-2024a-0.conda", kind="conda"))
    {'a': '2024a'}
    """
    if part.kind != CONDA:
        return pinned_versions(part.text)
    found = {each.name: each.version for each in explicit.read(part.text).artefacts}
    return found | (pinned_versions(part.pypi) if part.pypi else {})


def preferences(former: Lock | None) -> tuple[str, ...]:
    """What a new lock should keep where it still fits: "name==version", and with "=build" for a package of conda."""
    found = {text.split("==")[0]: text for part in (former.parts if former else ()) for text in _kept(part)}
    return tuple(found[name] for name in sorted(found))


def _kept(part: Part) -> tuple[str, ...]:
    if part.kind != CONDA:
        return tuple(f"{name}=={version}" for name, version in pinned_versions(part.text).items())
    held = explicit.read(part.text).artefacts
    wheels = pinned_versions(part.pypi) if part.pypi else {}
    return (
        *(f"{each.name}=={each.version}={each.build}" for each in held),
        *(f"{name}=={version}" for name, version in wheels.items()),
    )


def wheels(part: Part) -> str:
    """The PEP 751 text of the wheels of a part, "" where there is none."""
    return part.pypi if part.kind == CONDA else part.text


def names(part: Part) -> set[str]:
    """The names in a part, without checking anything else of it."""
    found = {str(canonicalize_name(name)) for name in _NAME.findall(wheels(part))}
    return found | {each.name for each in explicit.read(part.text).artefacts} if part.kind == CONDA else found
