"""Where everything lies below the store's root, and how a file gets there whole."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path

from kernel_iso.errors import SpecError
from kernel_iso.model import Prefix, Record
from kernel_iso.store.failures import told

OURS = ".kernel-iso"
"""The folder in a prefix that holds what is ours."""

KEY = re.compile(r"[0-9a-f]{32}")

KEY_LENGTH = 32
"""Hex digits: 128 bits of the digest, so that paths stay short enough for Windows."""


class Places:
    """The layout of a store.

    `prefixes/KEY` is a prefix, built where it is used, with its manifest in `.kernel-iso/manifest.json`;
    `guards/KEY.lock` is locked by who builds or removes it; `logs/KEY.ndjson` are the events of its last
    build; `locks/DIGEST.json` are kept locks; `owners/` says whose prefixes are; `open/` which
    notebooks pages have open; `trash/` is to be deleted.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).expanduser().absolute()
        self.prefixes = self.root / "prefixes"
        self.guards = self.root / "guards"
        self.logs = self.root / "logs"
        self.locks = self.root / "locks"
        self.owners = self.root / "owners"
        self.trash = self.root / "trash"

    def prefix(self, key: str) -> Path:
        """The folder of a prefix. Raises `SpecError` (`bad-key`): nothing but a key becomes a path."""
        if not KEY.fullmatch(key):
            raise SpecError(
                "bad-key",
                f"cannot look up the environment `{key[:80]}`",
                f"a key has {KEY_LENGTH} hex digits",
                "kernel-iso inspect   shows the key of a notebook's environment",
            )
        return self.prefixes / key

    def manifest(self, key: str) -> Path:
        """The file whose existence is the prefix's existence."""
        return self.prefix(key) / OURS / "manifest.json"

    def used(self, key: str) -> Path:
        """The file whose time is the last use."""
        return self.prefix(key) / OURS / "used"

    def in_use(self, key: str) -> Path:
        """The file that whoever runs from the prefix holds a lock on."""
        return self.prefix(key) / OURS / "in-use"

    def guard(self, key: str) -> Path:
        """The file that whoever builds or removes the prefix holds a lock on."""
        return self.guards / f"{self.prefix(key).name}.lock"

    def log(self, key: str) -> Path:
        """The events of the last build."""
        return self.logs / f"{self.prefix(key).name}.ndjson"

    def keys(self) -> list[str]:
        """The keys that have a folder, whole or not."""
        with contextlib.suppress(OSError):
            return sorted(entry.name for entry in os.scandir(self.prefixes) if KEY.fullmatch(entry.name))
        return []


def manifest(places: Places, key: str) -> Prefix | None:
    """What the manifest of a prefix says, None where there is none or it is damaged."""
    try:
        prefix = Prefix.from_text(places.manifest(key).read_bytes())
    except OSError:
        return None
    except SpecError:
        return None
    return prefix if prefix.key == key else None


def find(places: Places, key: str) -> Prefix | None:
    """The prefix, where all of it is there: a whole manifest made for this place, and its interpreter.

    One file is read and three paths are looked at; nothing is listed.
    """
    path = places.prefix(key)
    prefix = manifest(places, key)
    if prefix is None or not same(Path(prefix.path), path) or not Path(prefix.python).exists():
        return None
    if prefix.companions and not Path(prefix.companions).is_dir():
        return None
    return prefix


def is_ours(folder: Path) -> bool:
    """True for a folder that holds an environment of ours."""
    try:
        prefix = Prefix.from_text((folder / OURS / "manifest.json").read_bytes())
    except (OSError, SpecError):
        return False
    return same(Path(prefix.path), folder)


def same(one: Path, other: Path) -> bool:
    """True where two paths are one file or folder; equal text is enough."""
    if one == other:
        return True
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def write(path: Path, content: Record | str, *, root: Path) -> None:
    """Write a file in one step: a reader sees the former one or this one, whole, also after a crash.

    Makes the folder. Raises `ToolError` (`no-space`, `store-read-only`).
    """
    text = content if isinstance(content, str) else content.to_text()
    with told(root):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _settle(path.parent)


def _settle(folder: Path) -> None:
    """Make a rename in `folder` outlive a power cut; Windows neither needs it nor can open a folder."""
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        with contextlib.suppress(OSError):  # some network file systems cannot
            os.fsync(handle)
        os.close(handle)
