"""Named environments by name or by folder; and a person's own folder that shows an environment's current prefix.

Such a folder is a link to a prefix in the store: the next generation is made beside the running one, and the link
is exchanged in one step, so that kernels keep theirs and the path never shows anything half-made.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from kernel_iso.errors import ImpossibleError, ToolError
from kernel_iso.model import Owner, Prefix
from kernel_iso.store import Store


def existing(store: Store, name: str) -> Owner:
    """The named environment with this name, or shown in this folder.

    Raises `ImpossibleError` (`no-environment`) that lists what there is.
    """
    owner = store.environment(name)
    if owner is None and (os.sep in name or "/" in name or name.startswith("~")):
        wanted = os.path.realpath(Path(name).expanduser().parent) + os.sep + Path(name).name
        owner = next((item for item in store.environments() if item.path == wanted), None)
    if owner is None or owner.now is None:
        names = ", ".join(item.id for item in store.environments()) or "none yet"
        raise ImpossibleError(
            "no-environment",
            f"cannot find the environment `{name}`",
            f"the named environments are: {names}",
            f"kernel-iso env create {name}",
        )
    return owner


def show(folder: str, prefix: Prefix) -> None:
    """Make `folder` lead to a prefix, in one step; nothing happens where it does already.

    Raises `ToolError` (`folder-not-linked`) where something else lies there or the disk refuses.
    """
    if not folder:
        return
    place = Path(folder)
    try:
        if place.is_symlink() and str(place.readlink()) == prefix.path:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
            place.rmdir()  # an empty folder that the person had made for it
        if os.name == "nt":
            _junction(place, prefix.path)
        else:
            beside = Path(tempfile.mkdtemp(dir=place.parent, prefix=".iso-")) / "link"
            beside.symlink_to(prefix.path, target_is_directory=True)
            beside.replace(place)
            beside.parent.rmdir()
    except OSError as error:
        raise ToolError(
            "folder-not-linked",
            f"cannot show the environment in {folder}",
            (error.strerror or str(error)).lower(),
            "choose a folder that does not exist yet, where you may write",
        ) from error


def _junction(place: Path, target: str) -> None:
    """A directory junction: the link that Windows lets everybody make (untested: no Windows was at hand)."""
    if place.exists():
        place.rmdir()
    subprocess.run(["cmd", "/c", "mklink", "/J", str(place), target], check=True, capture_output=True)


def hide(folder: str) -> None:
    """Remove the link in a person's folder; anything else that lies there is left alone."""
    if folder and Path(folder).is_symlink():
        Path(folder).unlink()
