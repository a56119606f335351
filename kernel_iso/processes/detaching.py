"""Begin something that nobody waits for, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence


def detach(argv: Sequence[str], environ: Mapping[str, str], *, text: str = "", nice: bool = False) -> bool:
    """Start a program that outlives us, with `text` on its stdin; its words are dropped. True where it began.

    `nice` puts it behind everything else that runs, where the system has the program for that. It leaves no zombie in a
    process that lives long.
    """
    before = shutil.which("nice") if nice and os.name != "nt" else None
    try:
        # A file and no pipe: whoever called may be gone before the program has read it.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as words:
            words.write(text)
            words.seek(0)
            child = subprocess.Popen(
                [before, "-n", "19", *argv] if before else list(argv), env=dict(environ), start_new_session=True,
                stdin=words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
    except OSError:
        return False
    threading.Thread(target=child.wait, daemon=True, name="kernel-iso-detached").start()
    return True
