"""A lock's parts as what can be exported."""

from __future__ import annotations

from packaging.pylock import PackageSdist, PackageWheel
from packaging.utils import canonicalize_name

from kernel_iso.backends import explicit, pylocks
from kernel_iso.backends.conda import locking
from kernel_iso.exporting import Conda, Content, File, Pin
from kernel_iso.model import Lock, Part

CONDA = "conda"


def contents(locked: Lock, tag: str, accelerator: str) -> tuple[Content, ...]:
    """The parts of a lock, the one for this machine first. Raises `SpecError` (`bad-lock`)."""
    first = locked.part(tag, accelerator)
    parts = sorted(locked.parts, key=lambda part: part is not first)
    return tuple(content(part) for part in parts)


def content(part: Part) -> Content:
    """What a part holds. Raises `SpecError` (`bad-lock`).

    >>> held = content(Part(text="@EXPLICIT\\nhttps://x.org/c/noarch/a-1-0.conda", kind="conda", platform="linux-x86_64"))
    >>> held.conda[0].base, held.subdir
    ('https://x.org/c', 'linux-64')
    """
    text = part.pypi if part.kind == CONDA else part.text
    held = explicit.read(part.text) if part.kind == CONDA else explicit.Explicit(artefacts=())
    return Content(
        platform=part.platform, accelerator=part.accelerator,
        subdir=held.platform or (locking.subdir(part.platform) if part.kind == CONDA else ""),
        conda=tuple(_conda(each) for each in held.artefacts), pypi=pins(text) if text else (),
    )  # fmt: skip


def _conda(each: explicit.Artefact) -> Conda:
    return Conda(
        name=each.name, version=each.version, build=each.build, base=each.base, subdir=each.subdir, format=each.format,
        sha256=each.sha256, size=each.size, role=each.role, requires=each.requires,
    )  # fmt: skip


def pins(text: str) -> tuple[Pin, ...]:
    """The packages of a PEP 751 text, with their files. Raises `SpecError` (`bad-lock`)."""
    lock = pylocks.read(text)
    known = {package.name: package for package in pylocks.packages(text)}
    found = []
    for package in sorted(lock.packages, key=lambda each: each.name):
        places: list[tuple[PackageWheel | PackageSdist, bool]] = [
            (each, False) for each in package.wheels or ()
        ]
        places += [(package.sdist, True)] if package.sdist else []
        found.append(
            Pin(
                name=str(canonicalize_name(package.name)), version=str(package.version or ""),
                role=known[package.name].role, requires=known[package.name].requires, index=package.index or "",
                files=tuple(
                    File(url=each.url or "", sha256=each.hashes.get("sha256", ""), size=each.size or 0, sdist=sdist)
                    for each, sdist in places
                ),
            )
        )  # fmt: skip
    return tuple(found)
