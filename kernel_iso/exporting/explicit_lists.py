"""conda's `@EXPLICIT` list: addresses with SHA-256, for one platform. Pure."""

from __future__ import annotations

from kernel_iso.exporting import leaving
from kernel_iso.exporting.sources import Conda, Exported, Source

FORM = "an explicit list"


def explicit(source: Source) -> Exported:
    """The list for this machine's platform; raises `ImpossibleError` (`format-cannot-hold`, `local-address`)."""
    content = source.contents[0]
    if not content.conda:
        because = "it has no packages of conda, and such a list holds nothing else"
        leaving.cannot_hold(FORM, source, because, "take pylock.toml or requirements.txt")
    if content.pypi:
        names = leaving.listed(pin.name for pin in content.pypi)
        because = f"{names} come from PyPI, and such a list holds conda's packages only"
        leaving.cannot_hold(FORM, source, because, "take environment.yml or conda-lock")
    lines = [_line(each, source) for each in content.conda]
    head = [
        "# This file may be used to create an environment using:",
        "# $ conda create --name <env> --file <this file>",
        f"# platform: {content.subdir}",
        "@EXPLICIT",
    ]
    told = ("env", "constraints", "hashes", "exclude_newer", "pins", "accelerator")
    notes = [*leaving.channels(source)[1], *leaving.untold(source, told)]
    if len(source.contents) > 1:
        notes.append(f"left out: every part but the one for {content.subdir}")
    if source.spec.env:
        notes.append("left out: the environment variables")
    return Exported(files={"explicit.txt": "\n".join([*head, *lines]) + "\n"}, notes=tuple(notes))


def _line(package: Conda, source: Source) -> str:
    """One package. An MD5, which is all that an old conda recorded, is no hash that anybody vouches with."""
    if not package.sha256:
        because = f"nobody recorded a SHA-256 of {package.name}" + (", only an MD5" if package.md5 else "")
        leaving.cannot_hold(FORM, source, because, "take environment.yml")
    return f"{leaving.conda_url(package, source, FORM)}#sha256:{package.sha256}"
