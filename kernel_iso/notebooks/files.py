"""Files as bytes: read with a bound, written whole or not at all."""

from __future__ import annotations

import codecs
import contextlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kernel_iso.errors import ImpossibleError, SpecError, ToolError
from kernel_iso.notebooks.shown import clean

NOTEBOOK_LIMIT = 512 * 2**20
"""Bytes of the largest notebook that is read: what jupyter_server's own body limit lets be saved."""
PROJECT_LIMIT = 4 * 2**20
"""Bytes of the largest project file that is read."""
LOCK_LIMIT = 64 * 2**20
"""Bytes of the largest lock that is read."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Files:
    """The disk, with some files' contents replaced: how an edit is tried before it is written."""

    def __init__(self, instead: Mapping[str, bytes] | None = None) -> None:
        self._instead = dict(instead or {})

    def read(self, path: Path, limit: int = PROJECT_LIMIT) -> bytes:
        """The bytes of a regular file.

        Raises `SpecError`: `no-file`, `not-a-file`, `unreadable`, `file-too-large`.
        """
        if (instead := self._instead.get(str(path))) is not None:
            return instead
        what = f"cannot read `{clean(str(path))}`"
        try:
            # A pipe or a device would block or never end, so the kind is looked at before anything is opened.
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise SpecError("not-a-file", what, "it is not a regular file", "give the path of a file")
            with path.open("rb") as stream:
                data = stream.read(min(found.st_size, limit) + 1)
        except FileNotFoundError:
            raise SpecError("no-file", what, "it does not exist", "check the spelling") from None
        except (OSError, ValueError) as error:
            because = clean(getattr(error, "strerror", None) or str(error))
            raise SpecError("unreadable", what, because, "check its permissions and its name") from None
        if len(data) > limit:
            because = f"it has more than {limit // 2**20} MiB, which no file of its kind needs"
            raise SpecError("file-too-large", what, because, "clear large outputs, or take the file away")
        return data

    def text(self, path: Path, limit: int = PROJECT_LIMIT) -> str:
        """The text of a file; raises like `read` and `decoded`."""
        return decoded(self.read(path, limit), str(path))[0]

    def replaced(self, path: Path, data: bytes) -> Files:
        """This disk with one file's contents replaced."""
        return Files({**self._instead, str(path): data})

    def write(self, path: Path, before: bytes | None, after: bytes) -> None:
        """Replace a file's bytes; see `write`."""
        write(path, before, after)


def is_file(path: Path) -> bool:
    """True for a regular file that can be seen; a name that cannot be one is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def names(folder: Path) -> list[str]:
    """The sorted names in a folder, none where it cannot be listed."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - folders of data are large, and this is five times faster
    except (OSError, ValueError):
        return []


def decoded(data: bytes, where: str) -> tuple[str, str]:
    """A text and its encoding: UTF-8, or what its byte order mark says (PowerShell writes UTF-16).

    Raises `SpecError` (`bad-encoding`) with the line and column.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise SpecError(
            "bad-encoding",
            f"cannot read `{clean(where)}`",
            f"line {line}, column {column} is not text in {encoding.removesuffix('-sig').upper()}",
            "save it as UTF-8",
        ) from None


def encoded(text: str, encoding: str, where: str) -> bytes:
    """The bytes of a changed text, in the encoding that it was read in.

    Raises `SpecError` (`edit-by-hand`) where that was not UTF-8.
    """
    if not encoding.startswith("utf-8"):
        what, because = f"cannot edit {clean(where)} safely", f"it is written in {encoding.upper()}"
        raise SpecError("edit-by-hand", what, because, "save it as UTF-8, then try again")
    return text.encode(encoding)


def write(path: Path, before: bytes | None, after: bytes) -> None:
    """Replace a file's bytes whole or not at all, keeping its mode.

    `before` is what it must still hold (None: it does not matter). A link is followed, so that it stays one.
    Raises `ImpossibleError` (`read-only-file`), `ToolError` (`changed-meanwhile`, `write-failed`); then the
    file is as it was.
    """
    what = f"cannot write `{clean(str(path))}`"
    path = Path(os.path.realpath(path))
    mode = _mode(path, what)
    if before is not None and Files().read(path, NOTEBOOK_LIMIT) != before:
        raise ToolError(
            "changed-meanwhile", what, "something else has just changed it", "try again; nothing was written"
        )
    temporary = ""
    try:
        # A short prefix of our own: the file's name may be as long as names can be.
        handle, temporary = tempfile.mkstemp(prefix=".kernel-iso-", suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(after)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            if temporary:
                Path(temporary).unlink(missing_ok=True)
        because, hint = clean(error.strerror or str(error)), "free space, or check the folder's permissions"
        raise ToolError("write-failed", what, because, hint) from None


def _mode(path: Path, what: str) -> int:
    """The mode that the written file gets; refuses a file that somebody made read-only."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0o644
    # The bits are looked at too: `access` says yes to root, and replacing a file does not need its leave.
    if not mode & 0o222 or not os.access(path, os.W_OK):
        hint = "make it writable, or work on a copy of it"
        raise ImpossibleError("read-only-file", what, "it is read-only", hint)
    return mode
