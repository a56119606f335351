"""Where the command line writes: text for people on any console, ndjson for programs."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from kernel_iso.errors import IsoError

# Formatting characters that reorder or hide text: CVE-2021-42574 ("Trojan Source"), Unicode report UTR #36.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """`text` in which nothing can move the cursor, hide a line or reorder what is read.

    Texts quote notebooks of strangers, and a person decides by them what to trust. Newlines and tabs stay.

    >>> printable("numpy" + chr(27) + "[2Kharmless")
    'numpy\\\\x1b[2Kharmless'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in "\n\t":
        return character
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _REORDERING:
        return character.encode("unicode_escape", "backslashreplace").decode()
    return character


def one_line(text: str) -> str:
    """`text` as one printable line.

    >>> one_line(" resolving\\n  numpy ")
    'resolving numpy'
    """
    return printable(" ".join(text.split()))


@dataclass(frozen=True, slots=True)
class Terminal:
    """Standard output and error, and the environment that says what they can show.

    Writing to a pipe that nobody reads any more raises `BrokenPipeError`, on Windows too.
    """

    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]

    @classmethod
    def of(cls, stdout: TextIO | None, stderr: TextIO | None, environ: Mapping[str, str]) -> Terminal:
        """The terminal of a process. What its console cannot encode becomes an escape; pythonw has none."""
        for stream in (stdout, stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return cls(stdout or io.StringIO(), stderr or io.StringIO(), environ)

    @property
    def interactive(self) -> bool:
        """True where a person watches stderr and its terminal can redraw a line."""
        return self.stderr.isatty() and self.environ.get("TERM") != "dumb"

    @property
    def colour(self) -> bool:
        """True where colour is welcome (https://no-color.org)."""
        return self.interactive and not self.environ.get("NO_COLOR")

    @property
    def unicode(self) -> bool:
        """True where stderr can show more than ASCII."""
        return (getattr(self.stderr, "encoding", "") or "").lower().replace("-", "").startswith("utf")

    def say(self, text: str) -> None:
        """Print what a verb answers."""
        if text:
            self._write(self.stdout, printable(text).rstrip("\n") + "\n")

    def say_json(self, message: Mapping[str, Any]) -> None:
        """Print one line of ndjson: ASCII, which no console's encoding and no line separator can spoil."""
        self._write(self.stdout, json.dumps(message, default=list) + "\n")

    def note(self, text: str) -> None:
        """Print something for people beside the answer, on stderr; where nobody reads it, nothing is lost."""
        with contextlib.suppress(BrokenPipeError):
            self._write(self.stderr, printable(text) + "\n")

    def complain(self, error: IsoError) -> None:
        """Print the three lines of an error on stderr."""
        text = printable(str(error))
        if not self.colour:
            self._write(self.stderr, text + "\n")
            return
        from rich.console import Console

        what, *rest = text.split("\n")
        console = Console(file=self.stderr, highlight=False, markup=False, soft_wrap=True)
        console.print(what, style="bold red")
        for line in rest:
            console.print(line, style="dim" if line.startswith("    ") else "")

    @staticmethod
    def _write(stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
            stream.flush()
        except OSError as error:
            # Windows answers EINVAL for a pipe whose reader is gone (https://bugs.python.org/issue35754).
            if error.errno == errno.EPIPE or (os.name == "nt" and error.errno == errno.EINVAL):
                raise BrokenPipeError(errno.EPIPE, "nobody reads") from None
            raise

    def hang_up(self) -> None:
        """Let what is still buffered go nowhere, so that the interpreter's end does not complain either."""
        with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for stream in (self.stdout, self.stderr):
                os.dup2(nowhere, stream.fileno())
