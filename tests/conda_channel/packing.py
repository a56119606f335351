"""A conda package: what is said of it, its files, and the two archives (`.conda`, `.tar.bz2`) it can be written as.

The layout is what conda-build writes: CEP 34 (package contents), CEP 35 (the two archives).
"""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import platform
import posixpath
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import zstandard

# The prefix that packages are "built" in: as conda-build's, 255 characters long, so that any shorter one fits in.
PLACEHOLDER = ("/opt/" + "placehold_" * 26)[:255]
SUBDIR = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}.get(platform.machine(), "linux-64")
# 2024-01-01, in seconds.
BUILT = 1_704_067_200


@dataclass(frozen=True, slots=True)
class File:
    """One file of a package; with a `link` it is a symbolic link to that path, seen from its own folder."""

    data: bytes = b""
    executable: bool = False
    link: str = ""

    @property
    def placeholder_mode(self) -> str:
        """How its prefix is replaced: "text", "binary" (padded with NULs), or "" where it names none.

        >>> File(PLACEHOLDER.encode()).placeholder_mode, File(b"plain").placeholder_mode
        ('text', '')
        """
        if PLACEHOLDER.encode() not in self.data:
            return ""
        return "binary" if b"\0" in self.data else "text"


Files = Mapping[str, "File | str | bytes"]


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package to be written. `noarch` is "", "generic" or "python"; files below `bin/` are executable.

    A noarch Python package keeps its modules below `site-packages/`, and has `entry_points` ("name = module:function")
    instead of scripts. `old`: it is written as `.tar.bz2`. `index` are more fields of `info/index.json`.
    """

    name: str
    version: str = "1.0"
    build: str = "0"
    number: int = 0
    noarch: str = ""
    depends: Sequence[str] = ()
    constrains: Sequence[str] = ()
    files: Files = field(default_factory=dict)
    entry_points: Sequence[str] = ()
    timestamp: int = BUILT
    old: bool = False
    index: Mapping[str, Any] = field(default_factory=dict)

    @property
    def subdir(self) -> str:
        return "noarch" if self.noarch else SUBDIR

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build}"

    @property
    def filename(self) -> str:
        return self.stem + (".tar.bz2" if self.old else ".conda")

    def with_files(self, files: Files) -> Package:
        """The same package with these files added, or in the place of others."""
        return replace(self, files={**self.files, **files})

    def to_bytes(self, level: int = 3) -> bytes:
        """The archive, equal bytes every time; `level` is how hard zstd tries."""
        content = _contents(self.files)
        about = self._about(content)
        if self.old:
            return bz2.compress(_tar({**about, **content}, self.timestamp), 1)
        return _conda(self.stem, _tar(content, self.timestamp), _tar(about, self.timestamp), level)

    def write(self, channel: Path) -> Path:
        """Write it into its subdirectory of a channel; the path."""
        path = channel / self.subdir / self.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.to_bytes())
        return path

    def _about(self, content: Mapping[str, File]) -> dict[str, File]:
        """The files below `info/`."""
        about = {
            "index.json": _json(self._index()),
            "paths.json": _json({"paths": list(_paths(content)), "paths_version": 1}),
            "files": "".join(f"{path}\n" for path in content),
            "about.json": _json({"summary": "made for the tests of kernel-iso"}),
        }
        if placed := [
            f'"{PLACEHOLDER}" {each.placeholder_mode} "{path}"\n'
            for path, each in content.items()
            if each.placeholder_mode
        ]:
            about["has_prefix"] = "".join(placed)
        if self.noarch:
            kind: dict[str, Any] = {"type": self.noarch}
            if self.noarch == "python":
                kind["entry_points"] = list(self.entry_points)
            about["link.json"] = _json({"noarch": kind, "package_metadata_version": 1})
        return {f"info/{name}": File(text.encode()) for name, text in about.items()}

    def _index(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "build_number": self.number,
            "subdir": self.subdir,
            "depends": list(self.depends),
            "constrains": list(self.constrains),
            "license": "BSD-3-Clause",
            "timestamp": self.timestamp * 1000,
        }
        if self.noarch:
            data["noarch"] = self.noarch
        else:
            data.update(platform="linux", arch=platform.machine())
        return {**data, **self.index}


def _json(data: object) -> str:
    return json.dumps(data, indent=2, sort_keys=True)


def _contents(files: Files) -> dict[str, File]:
    """The files, sorted by path: what is only text becomes a `File`."""
    made = {}
    for path, each in sorted(files.items()):
        if not isinstance(each, File):
            data = each.encode() if isinstance(each, str) else each
            each = File(data, executable=path.startswith(("bin/", "python-scripts/")))
        made[path] = each
    return made


def _paths(content: Mapping[str, File]) -> Iterator[dict[str, Any]]:
    """The entries of `info/paths.json`. Of a link it tells what the file is that it leads to."""
    for path, each in content.items():
        data = _followed(content, path).data
        entry: dict[str, Any] = {
            "_path": path,
            "path_type": "softlink" if each.link else "hardlink",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data),
        }
        if mode := each.placeholder_mode:
            entry.update(prefix_placeholder=PLACEHOLDER, file_mode=mode)
        yield entry


def _followed(content: Mapping[str, File], path: str) -> File:
    each = content.get(path, File())
    return _followed(content, posixpath.join(posixpath.dirname(path), each.link)) if each.link else each


def _tar(content: Mapping[str, File], timestamp: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, each in content.items():
            entry = tarfile.TarInfo(path)
            entry.mtime = timestamp
            entry.mode = 0o755 if each.executable else 0o644
            entry.size = len(each.data)
            if each.link:
                entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, each.link, 0o777
            archive.addfile(entry, io.BytesIO(each.data))
    return buffer.getvalue()


def _conda(stem: str, content: bytes, about: bytes, level: int) -> bytes:
    buffer = io.BytesIO()
    members = {
        "metadata.json": json.dumps({"conda_pkg_format_version": 2}).encode(),
        f"pkg-{stem}.tar.zst": zstandard.compress(content, level),
        f"info-{stem}.tar.zst": zstandard.compress(about, level),
    }
    # Its members are not compressed once more: readers seek to the one they want.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()
