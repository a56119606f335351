"""Wheels that hold a name and a version and nothing else: so uv resolves beside what something else has installed."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

_WHEEL = "Wheel-Version: 1.0\nGenerator: kernel-iso\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write(provided: Iterable[str], folder: Path) -> Path:
    """Write a wheel for each package ("name==version") into a folder that uv may look for links in; return the folder.

    They name no dependencies: whoever installed the packages has seen to those. They are never installed.
    """
    folder.mkdir(exist_ok=True)
    for item in provided:
        name, _, version = item.partition("==")
        stem = f"{name.replace('-', '_')}-{version}"
        with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
            info = f"{stem}.dist-info"
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            archive.writestr(f"{info}/WHEEL", _WHEEL)
            archive.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return folder
