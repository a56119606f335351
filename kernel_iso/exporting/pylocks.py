"""`pylock.toml` (PEP 751), a file for each platform and accelerator. Pure."""

from __future__ import annotations

from typing import Any

import tomli_w
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from kernel_iso.exporting import leaving
from kernel_iso.exporting.sources import Content, Exported, File, Pin, Source, part_name

FORM = "pylock.toml"


def pylock(source: Source) -> Exported:
    """A file for each part; raises `ImpossibleError` (`format-cannot-hold`, `local-address`, `private-address`)."""
    without_conda(source, FORM)
    files = {
        part_name("pylock", ".toml", source.contents, place): _text(content, source)
        for place, content in enumerate(source.contents)
    }
    told = ("constraints", "hashes", "exclude_newer", "pins", "accelerator")
    return Exported(files=files, notes=tuple(leaving.untold(source, told)))


def without_conda(source: Source, form: str) -> None:
    """Raise `ImpossibleError` (`format-cannot-hold`) where conda's packages are part."""
    for content in source.contents:
        if content.conda:
            names = leaving.listed(each.name for each in content.conda)
            because = f"{names} are conda's packages, and the format holds PyPI's only"
            leaving.cannot_hold(form, source, because, "take environment.yml, conda-lock or pixi.lock")


def known(pin: Pin, source: Source, form: str) -> tuple[File, ...]:
    """The files of a package; raises `ImpossibleError` (`format-cannot-hold`) where none is known."""
    if pin.address or not pin.files:
        what = f"{pin.name} {pin.version}"
        because = f"{what} was installed from an address" if pin.address else f"no index has {what}"
        because += ", and has no hash that anybody vouches for"
        leaving.cannot_hold(form, source, because, "take environment.yml")
    return pin.files


def _text(content: Content, source: Source) -> str:
    lock = Pylock(
        lock_version=Version("1.0"),
        created_by="kernel-iso",
        requires_python=SpecifierSet(f"=={source.python}.*") if source.python else None,
        packages=[_package(pin, content, source) for pin in content.pypi],
        tool={"kernel-iso": _ours(content)},
    )
    lock.validate()
    return tomli_w.dumps(lock.to_dict())


def _ours(content: Content) -> dict[str, object]:
    """What our own reader shows of it: which packages were asked for, and which are the kernel's own."""
    named = {
        key: [pin.name for pin in content.pypi if pin.role == role]
        for key, role in (("asked", "asked"), ("companions", "companion"))
    }
    return {"platform": content.platform, "accelerator": content.accelerator, **named}


def _package(pin: Pin, content: Content, source: Source) -> Package:
    there = {each.name for each in content.pypi}
    files = known(pin, source, FORM)
    wheels = [PackageWheel(**_file(pin, each, source)) for each in files if not each.sdist]
    sdists = [PackageSdist(**_file(pin, each, source)) for each in files if each.sdist]
    shown = (
        leaving.bare(pin.index) if pin.index and (leaving.is_public(pin.index) or source.addresses) else None
    )
    return Package(
        name=NormalizedName(pin.name),
        version=Version(pin.version),
        index=shown,
        # PEP 751, packages.dependencies: recorded for people and tools; an installer must not use it.
        dependencies=[{"name": name} for name in sorted({*pin.requires} & there)] or None,
        wheels=wheels or None,
        sdist=sdists[0] if sdists else None,
    )


def _file(pin: Pin, file: File, source: Source) -> dict[str, Any]:
    return {
        "url": leaving.file_url(pin, file, source, FORM), "size": file.size or None, "hashes": {"sha256": file.sha256},
    }  # fmt: skip
