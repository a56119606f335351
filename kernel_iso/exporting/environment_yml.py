"""`environment.yml`: everything with versions and builds, without builds, or only what was asked. Pure.

Source: CEP 24, and what `conda env export` writes. There is never a `prefix:`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import yaml

from kernel_iso.exporting import leaving
from kernel_iso.exporting.sources import Content, Exported, Pin, Source

FORM = "environment.yml"

# PEP 440's `==3.12.*`; conda takes the star off again and finds 3.12 alone (conda `VersionSpec.get_matcher`).
_SERIES = re.compile(r"(?<![=<>!~])==(?P<version>[^,*]+)\.\*")


def full(source: Source, *, builds: bool = True) -> Exported:
    """Every package in its version, conda's with their builds. Raises `ImpossibleError` (`local-address`)."""
    content = source.contents[0]
    channels, notes = leaving.channels(source)
    if content.conda:
        dependencies: list[Any] = [
            _conda(package.name, package.version, package.build if builds else "", package.base, channels)
            for package in content.conda
        ]
        if builds:
            notes.append(
                f"the builds are those of {content.subdir}: elsewhere, take --no-builds or --from-history"
            )
    else:
        dependencies = [python(source.python)]
    pinned, said = _pinned(content, source)
    if pinned:
        names = {package.name for package in content.conda}
        dependencies += [] if "pip" in names else ["pip"]
        dependencies.append({"pip": pinned})
    return _file(
        source, channels, dependencies, notes + said + _others(source) + leaving.untold(source, _TOLD)
    )


_TOLD = ("env", "constraints", "hashes", "exclude_newer", "pins", "accelerator")


def from_history(source: Source) -> Exported:
    """Only what was asked; raises `ImpossibleError` (`local-address`)."""
    spec = source.spec
    # A channel that only turned out to be used was not asked for.
    channels, notes = leaving.channels(replace(source, contents=()))
    asked, said = leaving.asked(spec.requirements, source, FORM)
    dependencies: list[Any] = [python(spec.python)] if spec.python or not spec.conda or asked else []
    dependencies += spec.conda
    if asked:
        dependencies += ["pip", {"pip": asked}]
    return _file(source, channels, dependencies, notes + said + leaving.untold(source, ("env",)))


def python(wish: str) -> str:
    """A wish for a Python as conda writes it.

    >>> [python(wish) for wish in ("3.12", "==3.12.*", "==3.12.1", "<3.14,>=3.11", "", "self")]
    ['python=3.12', 'python=3.12', 'python==3.12.1', 'python<3.14,>=3.11', 'python', 'python']
    """
    wish = "" if wish == "self" else wish
    written = f"={wish}" if wish[:1].isdigit() else wish
    return "python" + (written if "," in written else _SERIES.sub(r"=\g<version>", written))


def _conda(name: str, version: str, build: str, base: str, channels: list[str]) -> str:
    """One package; its channel stands before it where it is not the first one, which conda would prefer."""
    channel = leaving.channel_name(base)
    plain = "://" not in channel and channel in channels[1:]
    return (f"{channel}::" if plain else "") + f"{name}={version}" + (f"={build}" if build else "")


def _pinned(content: Content, source: Source) -> tuple[list[str], list[str]]:
    """The `pip` list: the indexes that it needs, and what comes from them."""
    pins = [pin for pin in content.pypi if content.conda or pin.name != "pip"]
    said = (
        [] if len(pins) == len(content.pypi) else ["left out: the version of pip, for conda brings its own"]
    )
    lines, notes = leaving.index_lines(pins, source)
    return [*lines, *(pinned(pin) for pin in pins)], notes + said


def pinned(pin: Pin) -> str:
    """One package in its version, or from where it came.

    >>> pinned(Pin(name="torch", version="2.9.1+cu126")), pinned(Pin(name="a", version="1", address="https://x.org/a.whl"))
    ('torch==2.9.1+cu126', 'a @ https://x.org/a.whl')
    """
    return f"{pin.name} @ {pin.address}" if pin.address else f"{pin.name}=={pin.version}"


def _others(source: Source) -> list[str]:
    """A sentence on the parts that one file cannot hold."""
    names = [" ".join(filter(None, (each.platform, each.accelerator))) for each in source.contents[1:]]
    return [f"left out: the part for {leaving.listed(names)}"] if names else []


def _file(source: Source, channels: list[str], dependencies: list[Any], notes: list[str]) -> Exported:
    variables, said = leaving.variables(source)
    nodefaults = ["nodefaults"] if "nodefaults" in source.channels else []
    data: dict[str, Any] = {"name": source.name, "channels": [*(channels or ["conda-forge"]), *nodefaults]}
    data["dependencies"] = dependencies
    if variables:
        data["variables"] = variables
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=False, allow_unicode=True, width=10**6)
    return Exported(files={FORM: text}, notes=(*notes, *said))
