"""Wheels repacked as conda packages: what conda-build makes of `pip install --no-deps`, without running it."""

from __future__ import annotations

import configparser
import email
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from email.message import Message
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from conda_channel.packing import PLACEHOLDER, File, Package

# What conda-forge calls it, where that is not the name on the package index.
_NAMES = {
    "jupyter-client": "jupyter_client",
    "jupyter-core": "jupyter_core",
    "ipython-pygments-lexers": "ipython_pygments_lexers",
    "stack-data": "stack_data",
    "typing-extensions": "typing_extensions",
    "prompt-toolkit": "prompt-toolkit",
    "msgpack": "msgpack-python",
    "torch": "pytorch",
    "python-tzdata": "tzdata",
}
_SCRIPT = """\
#!{prefix}/bin/python
import sys
from {module} import {first}

if __name__ == "__main__":
    sys.exit({function}())
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A Python that packages are made for, as markers see it: "3.12.1"."""

    version: str

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])

    @property
    def markers(self) -> dict[str, str]:
        """The environment of a marker: this Python on 64-bit Linux, without extras."""
        return {"python_version": self.minor, "python_full_version": self.version, "extra": ""}


def repacked(wheel: Path, target: Target, others: Sequence[Target] = ()) -> Package:
    """The conda package of a wheel for one Python; a pure one is noarch, and good for the `others` too."""
    name, version, _, tags = parse_wheel_filename(wheel.name)
    pure = all(tag.platform == "any" for tag in tags)
    with zipfile.ZipFile(wheel) as archive:
        content = _Content(archive, pure=pure, site=_site(target, pure=pure))
        metadata, commands, files = content.metadata, content.commands, content.files()
    asked = _requirements(metadata, (target, *others) if pure else (target,))
    package = Package(name=conda_name(name), version=str(version), files=files)
    if pure:
        python = metadata.get("Requires-Python", "").replace(" ", "")
        return replace(
            package,
            build="pyhiso_0",
            noarch="python",
            depends=[f"python {python}".strip(), *asked],
            entry_points=commands,
        )
    cp = "cp" + target.minor.replace(".", "")
    major, _, minor = target.minor.partition(".")
    return replace(
        package.with_files(dict(_scripts(commands))),
        build=f"py{cp[2:]}hiso_0",
        depends=[
            f"python >={target.minor},<{major}.{int(minor) + 1}.0a0",
            f"python_abi {target.minor}.* *_{cp}",
            "__glibc >=2.17,<3.0.a0",
            *asked,
        ],
    )


def conda_name(name: str) -> str:
    """
    >>> conda_name("Jupyter_Client"), conda_name("numpy")
    ('jupyter_client', 'numpy')
    """
    canonical = canonicalize_name(name)
    return _NAMES.get(canonical, canonical)


def _site(target: Target, *, pure: bool) -> str:
    return "site-packages" if pure else f"lib/python{target.minor}/site-packages"


@dataclass(frozen=True, slots=True)
class _Content:
    """An open wheel, and where its modules go in a prefix."""

    archive: zipfile.ZipFile
    pure: bool
    site: str

    @property
    def info(self) -> str:
        return next(name for name in self.archive.namelist() if name.endswith(".dist-info/METADATA"))[:-9]

    @property
    def metadata(self) -> Message:
        return email.message_from_bytes(self.archive.read(f"{self.info}/METADATA"))

    @property
    def commands(self) -> list[str]:
        """Its console scripts, as "name = module:function"."""
        parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        if f"{self.info}/entry_points.txt" in self.archive.namelist():
            parser.read_string(self.archive.read(f"{self.info}/entry_points.txt").decode())
        section = dict(parser.items("console_scripts")) if parser.has_section("console_scripts") else {}
        # A name may be followed by the extras it needs.
        return [f"{name} = {target.partition('[')[0].strip()}" for name, target in section.items()]

    def files(self) -> Mapping[str, File]:
        files = {f"{self.site}/{self.info}/INSTALLER": File(b"conda\n")}
        for entry in self.archive.infolist():
            if not entry.is_dir():
                data = self.archive.read(entry)
                where = self._place(entry.filename)
                if "/scripts/" in entry.filename and data.startswith(b"#!python"):
                    data = b"#!" + PLACEHOLDER.encode() + b"/bin/python" + data[len(b"#!python") :]
                executable = bool((entry.external_attr >> 16) & 0o111) or where.startswith(
                    ("bin/", "python-scripts/")
                )
                files[where] = File(data, executable=executable)
        return files

    def _place(self, path: str) -> str:
        """Where a file of the wheel goes: those in `NAME.data/` go elsewhere than to the modules (PEP 427)."""
        found = re.match(r"[^/]+\.data/(\w+)/(.*)", path)
        if not found:
            return f"{self.site}/{path}"
        kind, rest = found.groups()
        bases = {"data": "", "headers": "include/", "scripts": "python-scripts/" if self.pure else "bin/"}
        return bases.get(kind, f"{self.site}/") + rest


def _requirements(metadata: Message, targets: Sequence[Target]) -> list[str]:
    """What it needs on any of these Pythons: a noarch package cannot need different things on each."""
    depends = set()
    for text in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate(target.markers) for target in targets):
            specifier = ",".join(sorted(str(each) for each in requirement.specifier))
            depends.add(f"{conda_name(requirement.name)} {specifier}".strip())
    return sorted(depends)


def _scripts(commands: Sequence[str]) -> Iterator[tuple[str, File]]:
    """The scripts of a package that is linked as it is; those of a noarch one are written when it is linked."""
    for command in commands:
        name, target = command.split(" = ")
        module, _, function = target.partition(":")
        text = _SCRIPT.format(
            prefix=PLACEHOLDER, module=module, first=function.partition(".")[0], function=function
        )
        yield f"bin/{name}", File(text.encode(), executable=True)
