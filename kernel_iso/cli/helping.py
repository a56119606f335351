"""Help texts, made from the verb table. Pure."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from kernel_iso.cli import parsing

if TYPE_CHECKING:
    from kernel_iso.engine.verbs import Argument, Verb

SUMMARY = "Every Jupyter notebook gets an environment of its own."

_GLOBAL = (
    ("--json", "print ndjson: every event, then one result or error"),
    ("-h, --help", "show this help, or that of the verb"),
    ("-V, --version", "show the version"),
)


def topic(words: Sequence[str], table: Mapping[str, Verb], prog: str, width: int = 80) -> str:
    """The help on a verb, a group or everything; raises `UsageError` (`unknown-verb`) for other words."""
    if not words:
        return overview(table, prog, width)
    if len(words) == 1 and words[0] in parsing.groups(table) and words[0] not in parsing.index(table):
        return group(words[0], table, prog, width)
    verb, _ = parsing.find(words, table, prog)
    return of_verb(verb, prog, width)


def overview(table: Mapping[str, Verb], prog: str, width: int = 80) -> str:
    """Every verb with its sentence, and the options that all of them have."""
    rows = [(verb.name, verb.help) for verb in table.values()]
    return "\n".join(
        [
            f"usage: {prog} VERB [ARGUMENTS]",
            "",
            SUMMARY,
            "",
            "verbs:",
            *_table(rows, width),
            "",
            "options:",
            *_table(_GLOBAL, width),
            "",
            *textwrap.wrap(f"`{prog} VERB --help` shows a verb's arguments and examples.", width),
        ]
    )


def group(name: str, table: Mapping[str, Verb], prog: str, width: int = 80) -> str:
    """The verbs of a group."""
    rows = [(verb.name, verb.help) for verb in table.values() if verb.name.startswith(f"{name} ")]
    more = f"`{prog} {name} VERB --help` shows a verb's arguments and examples."
    return "\n".join([f"usage: {prog} {name} VERB [ARGUMENTS]", "", "verbs:", *_table(rows, width), "", more])


def of_verb(verb: Verb, prog: str, width: int = 80) -> str:
    """What a verb does, its arguments with choices and defaults, its other names, and examples."""
    lines = [*usage(verb, prog, width), "", *textwrap.wrap(_sentence(verb.help), width)]
    if verb.description:
        lines += ["", *_paragraphs(verb.description, width)]
    positional = [argument for argument in verb.arguments if not argument.flags]
    if positional:
        lines += ["", "arguments:", *_table([_row(argument) for argument in positional], width)]
    options = [_row(argument) for argument in verb.arguments if argument.flags]
    lines += ["", "options:", *_table([*options, *_GLOBAL[:2]], width)]
    if verb.aliases:
        lines += ["", f"also called: {', '.join(verb.aliases)}"]
    if verb.examples:
        lines += ["", "examples:", *(f"  {example}" for example in verb.examples)]
    return "\n".join(lines)


def usage(verb: Verb, prog: str, width: int = 80) -> list[str]:
    """The lines that show in which order things are written."""
    words = [_word(argument) for argument in sorted(verb.arguments, key=_place)]
    start = f"usage: {prog} {verb.name} "
    # Break between arguments only, never inside "[--out FILE]".
    joined = " ".join(word.replace(" ", "\0") for word in [*words, "[--json]"] if word != "-- COMMAND")
    joined += " -- COMMAND" if "-- COMMAND" in words else ""
    indent = " " * min(len(start), 24)
    lines = textwrap.wrap(start + joined, width, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def _place(argument: Argument) -> int:
    return 2 if argument.kind == "command" else 1 if argument.flags else 0


def _metavar(argument: Argument) -> str:
    return argument.metavar or argument.name.replace("_", "-").upper()


def _word(argument: Argument) -> str:
    if argument.kind == "command":
        return "-- COMMAND"
    if not argument.flags:
        name = _metavar(argument)
        if argument.kind == "many":
            return f"[{name} ...]"
        return name if argument.default is None else f"[{name}]"
    return f"[{argument.flags[0]}{_placeholder(argument)}]"


def _placeholder(argument: Argument) -> str:
    """What stands after an option: nothing, a value, or one that may be left out."""
    if argument.kind == "flag":
        return ""
    return f"[={_metavar(argument)}]" if argument.kind == "optional" else f" {_metavar(argument)}"


def _row(argument: Argument) -> tuple[str, str]:
    """How an argument is written, and what it means with its choices and default."""
    said = [argument.help.rstrip(".")]
    if argument.choices:
        said.append(f"one of {', '.join(argument.choices)}")
    if argument.flags and argument.kind == "many":
        said.append("may be given several times")
    if argument.default not in (None, "", False, (), []):
        default = argument.default
        shown = " ".join(default) if isinstance(default, (tuple, list)) else str(default)
        said.append(f"default: {shown}")
    help_text = said[0] + (f" ({'; '.join(said[1:])})" if said[1:] else "")
    if not argument.flags:
        return ("COMMAND" if argument.kind == "command" else _metavar(argument)), help_text
    # "-o, --out FILE": short first, as people look for it.
    return ", ".join(sorted(argument.flags, key=len)) + _placeholder(argument), help_text


def _table(rows: Iterable[tuple[str, str]], width: int) -> list[str]:
    """Two columns; a name too long for its column has a line of its own."""
    rows = list(rows)
    column = min(26, max((len(name) for name, _ in rows), default=0) + 2)
    lines: list[str] = []
    for name, help_text in rows:
        wrapped = textwrap.wrap(help_text, max(20, width - column - 2)) or [""]
        if len(name) > column - 2:
            lines.append(f"  {name}")
        else:
            lines.append(f"  {name:<{column}}{wrapped.pop(0)}".rstrip())
        lines += [f"  {'':<{column}}{line}".rstrip() for line in wrapped]
    return lines


def _paragraphs(text: str, width: int) -> list[str]:
    """Each paragraph wrapped; lines that are indented stay as they are."""
    lines: list[str] = []
    for paragraph in textwrap.dedent(text).strip().split("\n\n"):
        kept = paragraph.startswith((" ", "\t"))
        lines += [*(paragraph.split("\n") if kept else textwrap.wrap(paragraph, width)), ""]
    return lines[:-1]


def _sentence(text: str) -> str:
    """
    >>> _sentence("show the plan")
    'Show the plan.'
    """
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!")) else ".")


def tree(table: Mapping[str, Verb], prog: str = "kernel-iso") -> argparse.ArgumentParser:
    """All verbs as one argparse tree: what writers of completion scripts read."""
    top = argparse.ArgumentParser(prog=prog, description=SUMMARY)
    places: dict[str, argparse._SubParsersAction[argparse.ArgumentParser]] = {"": top.add_subparsers()}
    for name, verb in parsing.index(table).items():
        first, _, second = name.partition(" ")
        if second and first not in places:
            below = places[""].add_parser(first, help=f"the verbs of {first}", description=first)
            places[first] = below.add_subparsers()
        help_text = verb.help.replace("%", "%%")
        parser = places[first if second else ""].add_parser(
            second or first, help=help_text, description=help_text, parents=[parsing.leaf(verb, prog)]
        )
        parser.set_defaults(verb=verb)
    return top
