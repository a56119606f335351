"""Completion scripts for shells, written by shtab: static text, so that a press of TAB starts no Python."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from kernel_iso.cli import helping

if TYPE_CHECKING:
    from kernel_iso.engine.verbs import Verb

SHELLS = ("bash", "zsh", "fish")


def script(shell: str, table: Mapping[str, Verb], prog: str = "kernel-iso") -> str:
    """The script that completes verbs, options, choices and files in a shell."""
    import shtab

    top = helping.tree(table, prog)
    for parser in _parsers(top):
        verb = parser.get_default("verb")
        for action in parser._actions if verb else ():
            argument = next((item for item in verb.arguments if item.name == action.dest), None)
            if argument is None:
                continue
            if argument.choices:
                action.choices = list(argument.choices)
            elif argument.kind == "path":
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's way to say so
    return str(shtab.complete(top, shell=shell))


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and all below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _parsers(below)
