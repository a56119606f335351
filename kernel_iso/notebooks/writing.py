"""Write keys of a notebook's metadata, and locks beside it."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Origin, Record, Spec
from kernel_iso.notebooks import documents, files, ipynb, reading, side_locks, side_texts
from kernel_iso.notebooks.documents import KeyPath
from kernel_iso.notebooks.files import Files
from kernel_iso.notebooks.reading import SCRIPTS
from kernel_iso.notebooks.shown import clean

OURS = "kernel_iso"
"""The key of ours in a notebook's metadata."""


class Written(Record, frozen=True, kw_only=True):
    """What an edit changed: one file's bytes before and after, and the Spec that is asked now and where.

    In a dry run nothing is on the disk yet. `spec` is None where only metadata changed.
    """

    path: str
    before: bytes
    after: bytes
    origin: Origin = Origin()
    spec: Spec | None = None
    dry: bool = False

    @property
    def changed(self) -> bool:
        """True where the file differs."""
        return self.before != self.after

    def diff(self) -> str:
        """The change as a unified diff, for people."""
        old, new = (data.decode("utf-8", "replace").splitlines(True) for data in (self.before, self.after))
        name = Path(self.path).name
        return "".join(difflib.unified_diff(old, new, fromfile=name, tofile=name, n=2))


def set_metadata(text: str, path: KeyPath, value: Any) -> str:
    r"""The notebook's text with `value` at a key path below its metadata; every other character stays.

    Raises `SpecError` (`bad-json`, `bad-notebook`).

    >>> set_metadata('{"metadata": {"a": 1e-05}}', ("kernel_iso", "id"), "x")
    '{"metadata": {"a": 1e-05, "kernel_iso": {"id": "x"}}}'
    """
    return documents.set_value(text, ("metadata", *path), value)


def drop_metadata(text: str, path: KeyPath) -> str:
    """The notebook's text without the key path below its metadata; raises like `set_metadata`.

    >>> drop_metadata('{"metadata": {"a": 1, "b": 2}}', ("a",))
    '{"metadata": {"b": 2}}'
    """
    return documents.drop_value(text, ("metadata", *path))


def write_metadata(
    path: Path,
    *,
    id: str | None = None,
    spec: Spec | None = None,
    lock: Lock | None = None,
    extra: Mapping[str, Any] | None = None,
    dry: bool = False,
    disk: Files | None = None,
) -> Written:
    """Write keys of `metadata.kernel_iso`: those that are None stay, a None in `extra` removes its key.

    Raises `SpecError` (`not-a-notebook`, `bad-id`, `bad-json`, `bad-notebook`) and what `files.write` raises.
    """
    place = reading.absolute(path)
    if place.is_dir() or place.suffix in SCRIPTS:
        because, hint = "only a notebook has metadata", "give the path of an .ipynb file"
        raise SpecError("not-a-notebook", f"cannot write metadata into `{clean(str(place))}`", because, hint)
    disk = disk or Files()
    before = disk.read(place, files.NOTEBOOK_LIMIT)
    text, encoding = files.decoded(before, str(place))
    ipynb.parse(text, str(place))
    values: dict[str, Any] = dict(extra or {})
    if id is not None:
        values["id"] = id
    if spec is not None:
        values["spec"] = spec.meaning()
    if lock is not None:
        values["lock"] = lock.to_json()
    for key, value in values.items():
        where = (OURS, key)
        text = drop_metadata(text, where) if value is None else set_metadata(text, where, value)
    ipynb.notebook_id(ipynb.parse(text, str(place)), str(place))
    after = files.encoded(text, encoding, str(place))
    if not dry and after != before:
        disk.write(place, before, after)
    return Written(path=str(place), before=before, after=after, dry=dry)


def write_side_lock(path: Path, lock: Lock, *, disk: Files | None = None) -> Path:
    """Write a lock beside the notebook or script, and take the one in its metadata out.

    Returns the path of `pylock.<stem>.toml`, or `conda.<stem>.lock`; what of ours it replaces is deleted. Raises
    `SpecError` (`not-a-side-lock`) and what `files.write` raises.
    """
    disk = disk or Files()
    place = reading.absolute(path)
    texts = side_texts.side_files(place, lock)
    side_locks.refuse_others(place, texts)
    for target, text in texts.items():
        disk.write(target, None, text.encode())
    for old in side_locks.outdated(place, texts, disk):
        with contextlib.suppress(OSError):
            old.unlink()
    if place.suffix not in SCRIPTS:
        # It would be found first, and is out of date now.
        write_metadata(place, extra={"lock": None}, disk=disk)
    return next(iter(texts))
