"""What a disk says, as errors that people can act on."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from kernel_iso.errors import ToolError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextlib.contextmanager
def told(root: Path) -> Iterator[None]:
    """Raise what a disk says inside as `ToolError`, the rest as it is.

    `no-space`, `store-read-only`, and `store-not-a-folder` where a file lies in the way of a folder of ours.
    """
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise ToolError(
            "store-not-a-folder",
            f"cannot use the store {root}",
            f"{error.filename or root} is a file, where a folder is needed",
            "set KERNEL_ISO_STORE to another folder, or move that file away",
        ) from error
    except OSError as error:
        failure = explained(error, root)
        if failure is None:
            raise
        raise failure from error


def explained(error: OSError, root: Path) -> ToolError | None:
    """What a disk's error means for the store: `no-space`, `store-read-only`, or None where it is neither.

    A refusal (EACCES) counts only for something in the store: elsewhere it is another story.
    """
    where = str(error.filename or "")
    if error.errno in NO_SPACE:
        return ToolError(
            "no-space",
            f"cannot write into the store {root}",
            f"{_reason(error)}{_free(root)}",
            "kernel-iso clean   frees what nobody uses; or set KERNEL_ISO_STORE to a disk with room",
        )
    inside = where == "" or Path(where).is_relative_to(root) or root.is_relative_to(where)
    if error.errno in READ_ONLY and inside:
        return ToolError(
            "store-read-only",
            f"cannot write into the store {root}",
            f"{_reason(error)}: {where or root}; environments that are ready still start",
            "set KERNEL_ISO_STORE to a folder of yours",
        )
    return None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _free(root: Path) -> str:
    there = next((folder for folder in (root, *root.parents) if folder.exists()), None)
    try:
        return f"; {shutil.disk_usage(there).free / 1e6:.0f} MB are free there" if there else ""
    except OSError:
        return ""
