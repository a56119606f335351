"""What a verb is about: a notebook, a named environment, a folder's project, or nothing that is known."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kernel_iso.errors import SpecError

if TYPE_CHECKING:
    from kernel_iso.notebooks import OpenDocument

KERNEL_PREFIX = "iso-"
"""Kernelspecs of named environments are called `iso-NAME`."""


def kernel_name(environment: str) -> str:
    """The kernelspec's name of a named environment.

    Jupyter takes ASCII letters, digits, `-_.` only and lists names in lower case: another name gets a digest, so that
    two environments never share a kernelspec (jupyter_client, `kernelspec._is_valid_kernel_name`).

    >>> kernel_name("vision")
    'iso-vision'
    >>> kernel_name("Vision")
    'iso-vision-c587c260'
    """
    plain = re.sub(r"[^a-z0-9._-]", "-", environment.lower())
    if plain == environment:
        return KERNEL_PREFIX + plain
    return f"{KERNEL_PREFIX}{plain}-{hashlib.sha256(environment.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a verb is about.

    `kind` is `notebook` (absolute `path`), `environment` (`name`), `folder` (absolute `path`; its nearest
    project file counts), `discovered` (`name` is the folder of an environment that is not ours) or `none`.
    `root` is the folder that the walk upward does not leave ("" is none), and
    `why` one sentence on how the target was found. `document` is the notebook as a page has it open: it is read, and
    written, in place of the file.
    """

    kind: str
    path: str = ""
    name: str = ""
    root: str = ""
    why: str = ""
    document: OpenDocument | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """How the target is called in messages: a file's name, an environment's name, a folder."""
        if self.kind in ("environment", "discovered"):
            return self.name
        return Path(self.path).name or self.path or "this kernel"


def named(text: str, name: str = "", *, cwd: str, root: str = "") -> Target:
    """The target that a person typed: a notebook, a script or a folder, or `name` for a named environment.

    `root` is the target's.

    Raises `SpecError`: `no-notebook` where the path does not exist, `two-targets` where both are given.
    """
    if name:
        if text:
            raise SpecError(
                "two-targets",
                f"cannot work on `{text}` and on environment `{name}` at once",
                "a path and `-n` were both given",
                "leave one of them out",
            )
        return Target(kind="environment", name=name, why="named with -n")
    path = Path(cwd, text or ".").expanduser()
    if path.is_dir():
        return Target(
            kind="folder",
            path=str(path.resolve()),
            root=root,
            why="the folder named" if text else "the working folder",
        )
    if not path.exists():
        raise SpecError(
            "no-notebook",
            f"cannot find `{text}`",
            f"there is no file or folder `{path}`",
            "give the path of a notebook or a folder, or `-n NAME` for a named environment",
        )
    return Target(kind="notebook", path=str(path.resolve()), root=root, why="the file named")
