"""Explicit lists. conda-lock and micromamba put what comes from PyPI into their comments."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from kernel_iso.backends import explicit
from kernel_iso.backends.condalocks.records import Foreign, Wheel, bad, foreign, unfit, wheel
from kernel_iso.errors import SpecError

_PIP = re.compile(r"# pip (?P<name>[A-Za-z0-9][\w.-]*) @ (?P<url>\S+)", re.ASCII)


def explicit_list(text: str, subdir: str, name: str) -> Foreign:
    """What a list holds.

    >>> explicit_list("@EXPLICIT\\nhttps://x.org/c/noarch/a-1-0.conda#" + "0" * 64, "linux-64", "a.txt").channels
    ('https://x.org/c',)
    """
    try:
        found = explicit.read(text)
    except SpecError as error:
        bad(name, error.because)
    if found.platform not in ("", subdir):
        unfit(name, f"it is for {found.platform}", subdir)
    wheels = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# pip "):
            wheels.append(_pip(line.strip(), f"line {number}", name))
    return foreign(found.artefacts, wheels, (), subdir, name)


def _pip(line: str, where: str, name: str) -> Wheel:
    """`# pip polars @ https://…/polars-1.2.3-cp39-abi3-manylinux_2_17_x86_64.whl#sha256=…`"""
    found = _PIP.fullmatch(line)
    url, _, digest = found["url"].partition("#sha256=") if found else ("", "", "")
    file = re.fullmatch(r"https?://[^?#]*/(?P<name>[\w.]+)-(?P<version>[^-/]+)(-[^/]+)?\.(whl|tar\.gz)", url)
    if found is None or file is None or canonicalize_name(file["name"]) != canonicalize_name(found["name"]):
        bad(name, f"{where} is no package from an index with its address")
    version = file["version"].replace("%2B", "+").replace("%2b", "+")
    return wheel(found["name"], version, digest, where, name)
