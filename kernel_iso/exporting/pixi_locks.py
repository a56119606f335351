"""rattler's lock, as pixi has it: what its own `LockFile` reads, and then writes in its newest version. Pure.

The text made here is version 6. py-rattler's Python API has no way to give a wheel's hash, while its reader takes it.
Source: rattler_lock's `parse/v6`.
"""

from __future__ import annotations

from typing import Any

import yaml

from kernel_iso.exporting import leaving, wheels
from kernel_iso.exporting.conda_locks import left_out, per_platform
from kernel_iso.exporting.sources import Conda, Exported, Pin, Source
from kernel_iso.model import PYPI

FORM = FILE = "pixi.lock"


def pixi_lock(source: Source) -> Exported:
    """The draft of the file; raises `ImpossibleError` (`format-cannot-hold`, `local-address`, `private-address`)."""
    contents = per_platform(source)
    if not all(content.conda for content in contents):
        leaving.cannot_hold(
            FORM, source, "it has no packages of conda, and no Python among them", "take pylock.toml"
        )
    channels, notes = leaving.channels(source)
    indexes = dict.fromkeys(
        leaving.bare(pin.index) for content in contents for pin in content.pypi if pin.index
    )
    named = {
        content.subdir: [
            *({"conda": leaving.conda_url(each, source, FORM)} for each in content.conda),
            *(
                {"pypi": leaving.file_url(each, wheels.one(each, source, FORM), source, FORM)}
                for each in content.pypi
            ),
        ]
        for content in contents
    }
    environment: dict[str, Any] = {"channels": [{"url": _url(name)} for name in channels]}
    if any(content.pypi for content in contents):
        environment["indexes"] = list(indexes) or [PYPI.url]
    environment["packages"] = named
    conda = {each.url: each for content in contents for each in content.conda}
    pypi = {wheels.one(each, source, FORM).url: each for content in contents for each in content.pypi}
    packages = [
        *(_conda(conda[url], source) for url in sorted(conda)),
        *(_pypi(pypi[url], source) for url in sorted(pypi)),
    ]
    data = {"version": 6, "environments": {"default": environment}, "packages": packages}
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=False, allow_unicode=True, width=10**6)
    told = ("constraints", "hashes", "exclude_newer", "pins", "accelerator")
    return Exported(files={FILE: text}, notes=(*notes, *left_out(source), *leaving.untold(source, told)))


def _url(channel: str) -> str:
    return f"{channel}/" if "://" in channel else f"https://conda.anaconda.org/{channel}/"


def _conda(package: Conda, source: Source) -> dict[str, Any]:
    if package.depends is None:
        because = f"the format tells what a package needs, and {package.name} {package.version} is in no channel any more"
        leaving.cannot_hold(FORM, source, because, "take an explicit list; or go online, and try again")
    said = {
        "conda": leaving.conda_url(package, source, FORM), "sha256": package.sha256,
        # Some channels leave the MD5 out, and the text should not depend on who was asked.
        "md5": "" if package.sha256 else package.md5,
        "depends": list(package.depends or ()), "constrains": list(package.constrains), "license": package.license,
        "noarch": package.noarch, "size": package.size, "timestamp": package.timestamp,
    }  # fmt: skip
    return {key: value for key, value in said.items() if value}


def _pypi(pin: Pin, source: Source) -> dict[str, Any]:
    file = wheels.one(pin, source, FORM)
    return {
        "pypi": leaving.file_url(pin, file, source, FORM), "name": pin.name, "version": pin.version,
        "sha256": file.sha256, **({"requires_dist": sorted(pin.requires)} if pin.requires else {}),
    }  # fmt: skip
