"""What went wrong in ourselves, told like every other error."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

from kernel_iso.errors import IsoError


def internal(error: Exception, store: str, environ: Mapping[str, str]) -> IsoError:
    """The error `internal-error` for an exception nobody expected, with its traceback in a log file."""
    log = _log(story(error), store or environ.get("KERNEL_ISO_STORE", ""))
    return IsoError(
        "internal-error",
        "failed in a way that is its own fault",
        f"{type(error).__name__}: {_short(str(error))}",
        "report it with the log below" if log else "run it again with KERNEL_ISO_DEBUG=1 and report the rest",
        log=log,
    )


def story(error: BaseException) -> str:
    """The traceback without secrets."""
    from kernel_iso.processes import redact

    return redact("".join(traceback.format_exception(error)))


def _short(text: str) -> str:
    from kernel_iso.processes import redact

    line = redact(" ".join(text.split()))
    return line if len(line) <= 300 else line[:297] + "..."


def _log(text: str, store: str) -> str:
    """Write a log file in the store or with temporary files; return its path, "" where none can be."""
    start = f"internal-error-{time.strftime('%Y%m%d-%H%M%S')}-"
    about = f"kernel-iso {' '.join(sys.argv[1:2])}\nPython {sys.version}\n{sys.platform}\n\n"
    for folder in ([Path(store, "logs")] if store else []) + [Path(tempfile.gettempdir())]:
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            descriptor, path = tempfile.mkstemp(".log", start, folder)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(about + text)
            return path
    return ""
