"""Which one of several wheels a lock names that can name only one. Pure."""

from __future__ import annotations

import re

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from kernel_iso.exporting import leaving
from kernel_iso.exporting.sources import File, Pin, Source


def one(pin: Pin, source: Source, form: str) -> File:
    """The file that most machines of the platform take: the most special ABI, then the oldest system.

    Raises `ImpossibleError` (`format-cannot-hold`) where no file is known.

    >>> names = ("a-1-py3-none-any", "a-1-cp312-cp312-linux_x86_64")
    >>> files = tuple(File(url=f"https://x.org/{name}.whl", sha256="0") for name in names)
    >>> one(Pin(name="a", version="1", files=files), None, "").name
    'a-1-cp312-cp312-linux_x86_64.whl'
    """
    if not pin.files:
        because = (
            f"no index has the files of {pin.name} {pin.version}, and the format names one with its hash"
        )
        leaving.cannot_hold(form, source, because, "take environment.yml or requirements.txt --minimal")
    return min(pin.files, key=_rank)


def _rank(file: File) -> tuple[int, int, int, str]:
    try:
        tags = parse_wheel_filename(file.name)[3]
    except InvalidWheelFilename:
        return 9, 0, 0, file.name
    abi = min(0 if each.abi.startswith("cp") else 1 if each.abi == "abi3" else 2 for each in tags)
    special = min(1 if each.platform == "any" else 0 for each in tags)
    return abi, special, min(_age(each.platform) for each in tags), file.name


def _age(platform: str) -> int:
    """How new a system must be.

    >>> _age("manylinux_2_17_x86_64"), _age("manylinux2014_x86_64"), _age("macosx_11_0_arm64"), _age("any")
    (2017, 2017, 11000, 0)
    """
    old = {"manylinux1": 2005, "manylinux2010": 2012, "manylinux2014": 2017}
    if found := re.match(r"manylinux(1|2010|2014)_", platform):
        return old[f"manylinux{found[1]}"]
    found = re.match(r"\D+_(\d+)_(\d+)_", platform)
    return int(found[1]) * 1000 + int(found[2]) if found else 0
