"""conda-lock's file, version 1: conda's packages and PyPI's, for every platform. Pure.

Source: CEP 37, and conda-lock 4's own model (`conda_lock/lockfile/v1/models.py`): an MD5 is needed for conda's packages,
dependencies map a name to what is asked of it, and virtual packages are no dependencies.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import yaml

from kernel_iso.exporting import leaving, wheels
from kernel_iso.exporting.sources import Conda, Content, Exported, Pin, Source

FORM = "conda-lock"
FILE = "conda-lock.yml"


def conda_lock(source: Source) -> Exported:
    """The file; raises `ImpossibleError` (`format-cannot-hold`, `local-address`, `private-address`).

    Of several parts for one platform it holds the first.
    """
    contents = per_platform(source)
    if not all(content.conda for content in contents):
        leaving.cannot_hold(
            FORM, source, "it has no packages of conda, and no Python among them", "take pylock.toml"
        )
    channels, notes = leaving.channels(source)
    packages = [
        *(_conda(each, content, source) for content in contents for each in content.conda),
        *(_pip(each, content, source) for content in contents for each in content.pypi),
    ]
    packages.sort(key=lambda each: (each["name"], each["manager"], each["platform"]))
    data = {
        "version": 1,
        "metadata": {
            "content_hash": {
                content.subdir: _content_hash(content, channels, source) for content in contents
            },
            "channels": [{"url": name, "used_env_vars": []} for name in channels],
            "platforms": [content.subdir for content in contents],
            "sources": [],
        },
        "package": packages,
    }
    head = (
        "# An exact environment, as conda-lock, micromamba and mamba read it:\n"
        f"#   conda-lock install -n {source.name} {FILE}\n"
    )
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=False, allow_unicode=True, width=10**6)
    told = ("constraints", "hashes", "exclude_newer", "pins", "accelerator")
    return Exported(
        files={FILE: head + text}, notes=(*notes, *left_out(source), *leaving.untold(source, told))
    )


def per_platform(source: Source) -> list[Content]:
    """The first part for each platform, by conda's names of them."""
    found: dict[str, Content] = {}
    for content in source.contents:
        found.setdefault(content.subdir, content)
    return [found[name] for name in sorted(found)]


def left_out(source: Source) -> list[str]:
    """A sentence on the parts of a platform behind its first."""
    kept = per_platform(source)
    names = [
        f"{each.accelerator or 'every accelerator'} on {each.subdir}"
        for each in source.contents
        if each not in kept
    ]
    return (
        [f"left out: the part for {leaving.listed(names)}, for there is one for a platform"] if names else []
    )


def _conda(package: Conda, content: Content, source: Source) -> dict[str, Any]:
    if not package.md5:
        because = f"the format needs an MD5 of every package, and {package.name} {package.version} has none on record"
        leaving.cannot_hold(
            FORM, source, because, "take an explicit list or pixi.lock; or go online, and try again"
        )
    hashes = {"md5": package.md5, **({"sha256": package.sha256} if package.sha256 else {})}
    return {
        "name": package.name, "version": package.version, "manager": "conda", "platform": content.subdir,
        "dependencies": _needs(package), "url": leaving.conda_url(package, source, FORM), "hash": hashes,
        "category": "main", "optional": False,
    }  # fmt: skip


def _needs(package: Conda) -> dict[str, str]:
    """What a package needs, by name; what is asked of one name twice is one condition."""
    if package.depends is None:
        return dict.fromkeys(sorted(package.requires), "")
    found: dict[str, str] = {}
    for text in sorted(package.depends):
        name, _, bounds = text.strip().partition(" ")
        if name and not name.startswith("__"):
            found[name] = ",".join(filter(None, (found.get(name, ""), bounds.strip())))
    return found


def _pip(pin: Pin, content: Content, source: Source) -> dict[str, Any]:
    file = wheels.one(pin, source, FORM)
    return {
        "name": pin.name, "version": pin.version, "manager": "pip", "platform": content.subdir,
        "dependencies": dict.fromkeys(sorted(pin.requires), "*"), "url": leaving.file_url(pin, file, source, FORM),
        "hash": {"sha256": file.sha256}, "category": "main", "optional": False,
    }  # fmt: skip


def _content_hash(content: Content, channels: list[str], source: Source) -> str:
    """The hash of what was asked for a platform. conda-lock's own also covers its virtual packages, which are not ours."""
    spec = source.spec
    asked = {
        "channels": channels, "platform": content.subdir, "python": spec.python, "conda": sorted(spec.conda),
        "pip": sorted(spec.requirements),
    }  # fmt: skip
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
