"""Whose an application's environment is, and whether its folder may be one."""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

from kernel_iso.errors import SpecError
from kernel_iso.store.applications import Folder
from kernel_iso.store.names import safe_folder
from kernel_iso.store.places import OURS

_SITES = ("site-packages", "dist-packages")


def check(path: Path, folder: Folder, *, store: Path) -> None:
    """Refuse a folder that holds something else, or that nobody should fill.

    A folder inside an installed package is its author's affair, also where the system's Python is. Raises `SpecError`
    (`protected-folder`, `not-ours`, `bad-folder`).
    """
    if folder.ours:
        return
    if site_of(path) is None:
        safe_folder(path, ours=lambda _: _begun(folder), store=store, home=Path.home())
    elif path.exists() and (not path.is_dir() or any(path.iterdir())) and not _begun(folder):
        raise SpecError(
            "not-ours",
            f"cannot make an environment in `{path}`",
            "something is in it that kernel-iso did not make",
            "choose a new or an empty folder",
        )


def _begun(folder: Folder) -> bool:
    """True where another process has begun to make it since it was looked at: its log comes before all else."""
    return folder.ours or {each.name for each in folder.path.iterdir()} == {OURS}


def site_of(path: Path) -> Path | None:
    """The folder of installed packages, on this interpreter's path, inside one of whose packages `path` lies."""
    for entry in sys.path:
        site = Path(entry)
        if (
            site.name in _SITES
            and len(path.parts) > len(site.parts) + 1
            and path.is_relative_to(site.resolve())
        ):
            return site.resolve()
    return None


def owner(path: Path, name: str) -> tuple[str, str]:
    """The distribution that an environment belongs to, and where it is installed; "" both where it belongs to none.

    The one with this name, or the one that has installed files nearest above `path`. Raises `SpecError`
    (`no-such-distribution`).
    """
    if name:
        try:
            found = distribution(name)
        except PackageNotFoundError:
            raise SpecError(
                "no-such-distribution",
                f"cannot make the environment {path}",
                f"the distribution `{name}`, to which it is to belong, is not installed here",
                "give the name that pip knows it by, or none",
            ) from None
        return found.metadata["Name"], str(Path(str(found.locate_file(""))).resolve())
    site = site_of(path)
    if site is None:
        return "", ""
    installed = list(distributions(path=[str(site)]))
    for folder in path.relative_to(site).parents:
        if folder.parts and (nearest := next((each for each in installed if _fills(each, folder)), None)):
            return nearest.metadata["Name"], str(site)
    return "", ""


def _fills(installed: Distribution, folder: Path) -> bool:
    """True where a distribution has installed a file right into a folder of its site."""
    return any(Path(file).parent == folder for file in installed.files or ())
