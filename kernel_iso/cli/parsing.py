"""From words to a verb and its values. Pure: nothing is printed and nothing ends here."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from kernel_iso.errors import SpecError

if TYPE_CHECKING:
    from kernel_iso.engine.verbs import Argument, Verb


class UsageError(SpecError):
    """The command line itself is wrong. It ends with status 2, as command lines do."""

    exit_status = 2


class Wanted(Exception):
    """The person asked for help, on a verb, a group or everything."""

    def __init__(self, topic: Sequence[str] = ()) -> None:
        super().__init__(" ".join(topic))
        self.topic = tuple(topic)


@dataclass(frozen=True, slots=True)
class Call:
    """A verb and the values of its arguments, by name."""

    verb: Verb
    values: Mapping[str, Any]


GLOBAL = ("--json", "-h", "--help")
"""Options that every verb has, and that may stand before it."""

VERSION = ("-V", "--version")
"""Options that need no verb."""


def wants_json(words: Sequence[str]) -> bool:
    """True where the answer is to be ndjson; words after `--` are somebody else's.

    >>> wants_json(["plan", "a.ipynb", "--json"]), wants_json(["exec", "--", "pip", "--json"])
    (True, False)
    """
    return "--json" in split(words)[0]


def split(words: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """The words before and after the first `--` (None where there is none).

    >>> split(["exec", "--", "ls", "--", "x"])
    (['exec'], ['ls', '--', 'x'])
    """
    words = list(words)
    if "--" not in words:
        return words, None
    at = words.index("--")
    return words[:at], words[at + 1 :]


def parse(words: Sequence[str], table: Mapping[str, Verb], prog: str = "kernel-iso") -> Call:
    """The verb that the words name, with its values.

    Raises `UsageError` (`unknown-verb`, `unknown-option`, `bad-argument`, `missing-argument`) that names the
    nearest word there is, and `Wanted` where help was asked for.
    """
    head, tail = split(words)
    verb, rest = find(head, table, prog)
    if any(word in ("-h", "--help") for word in rest):
        raise Wanted((verb.name,))
    _refuse_unknown(rest, verb, prog)
    rest = _filled(rest, verb)
    command = next((argument for argument in verb.arguments if argument.kind == "command"), None)
    parser = leaf(verb, prog)
    if command is None and tail is not None:
        space, extra = parser.parse_known_args([*rest, "--", *tail])
    else:
        space, extra = parser.parse_known_intermixed_args(rest)
    if extra:
        raise UsageError(
            "bad-argument",
            f"cannot do `{verb.name}`",
            f"`{extra[0]}` is one word too many",
            f"{prog} {verb.name} --help",
        )
    given = vars(space)
    values = {argument.name: _value(argument, given.get(argument.name)) for argument in verb.arguments}
    if command is not None:
        values[command.name] = tuple(tail or ())
        if not tail and command.default is None:
            raise UsageError(
                "missing-argument",
                f"cannot do `{verb.name}`",
                "no command was given after `--`",
                f"{prog} {verb.name} -- COMMAND",
            )
    return Call(verb, values)


def find(words: Sequence[str], table: Mapping[str, Verb], prog: str) -> tuple[Verb, list[str]]:
    """The verb that the first words name, and the words that are left; raises like `parse`."""
    names = index(table)
    leading = 0
    while leading < len(words) and words[leading] in GLOBAL:
        leading += 1
    options, rest = list(words[:leading]), list(words[leading:])
    wants_help = any(word in ("-h", "--help") for word in options)
    if not rest:
        if wants_help or not options:
            raise Wanted()
        raise UsageError("missing-argument", "has nothing to do", "no verb was given", f"{prog} --help")
    if rest[0].startswith("-"):
        raise _unknown(rest[0], None, prog)
    for length in (2, 1):
        verb = names.get(" ".join(rest[:length]))
        if verb is not None and len(rest) >= length:
            if wants_help:
                raise Wanted((verb.name,))
            return verb, [*options, *rest[length:]]
    raise _no_verb(rest, names, wants_help, prog)


def _no_verb(rest: Sequence[str], names: Mapping[str, Verb], wants_help: bool, prog: str) -> Exception:
    """What to raise where the words name no verb: help on a group, or an error with the nearest name."""
    members = [name for name in names if name.startswith(f"{rest[0]} ")]
    given = rest[0]
    if members:
        if wants_help or len(rest) == 1 or rest[1] in ("-h", "--help"):
            return Wanted((rest[0],))
        given = " ".join(rest[:2])
    near = nearest(given, members or [*names, *groups(names)])
    return UsageError(
        "unknown-verb",
        f"cannot do `{given}`",
        "there is no such verb" + (f"; the nearest is `{near}`" if near else ""),
        f"{prog} {near} --help" if near else f"{prog} --help",
    )


def index(table: Mapping[str, Verb]) -> dict[str, Verb]:
    """Every verb by its name and by its aliases."""
    names = {verb.name: verb for verb in table.values()}
    for verb in table.values():
        for alias in verb.aliases:
            names.setdefault(alias, verb)
    return names


def groups(names: Iterable[str]) -> list[str]:
    """The first words of names with a space.

    >>> groups(["plan", "env create", "env list"])
    ['env']
    """
    return list(dict.fromkeys(name.split()[0] for name in names if " " in name))


def nearest(word: str, names: Iterable[str]) -> str:
    """The name most like `word`, "" where none is.

    >>> nearest("pln", ["plan", "lock"]), nearest("xyzzy", ["plan", "lock"])
    ('plan', '')
    """
    import difflib  # for mistakes only

    return next(iter(difflib.get_close_matches(word, list(names), n=1, cutoff=0.55)), "")


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of printing and ending the process."""

    verb = ""

    def error(self, message: str) -> NoReturn:
        missing = message.removeprefix("the following arguments are required: ")
        if missing != message:
            raise UsageError(
                "missing-argument", f"cannot do `{self.verb}`", f"{missing} is missing", f"{self.prog} --help"
            )
        raise UsageError(
            "bad-argument",
            f"cannot do `{self.verb}`",
            message.removeprefix("argument "),
            f"{self.prog} --help",
        )


def leaf(verb: Verb, prog: str = "kernel-iso") -> argparse.ArgumentParser:
    """The argument parser of one verb, without help of its own (see `helping`)."""
    # From 3.14 on argparse colours its texts by itself; ours are coloured where they are printed.
    plain: dict[str, Any] = {"color": False} if sys.version_info >= (3, 14) else {}
    parser = _Parser(prog=f"{prog} {verb.name}", add_help=False, allow_abbrev=False, **plain)
    parser.verb = verb.name
    for argument in verb.arguments:
        if argument.kind != "command":
            add(parser, argument)
    parser.add_argument("--json", action="store_true", dest=" json", help="print ndjson")
    return parser


def add(parser: argparse.ArgumentParser, argument: Argument) -> argparse.Action:
    """Add one argument of a verb."""
    options: dict[str, Any] = {"help": argument.help.replace("%", "%%"), "default": argument.default}
    if argument.kind == "flag":
        options["action"] = "store_true"
        del options["default"]
        return parser.add_argument(*argument.flags, dest=argument.name, **options)
    options["metavar"] = argument.metavar or argument.name.replace("_", "-").upper()
    if argument.choices:
        options["type"] = _choice(argument.choices)
    if argument.flags:
        if argument.kind == "many":
            # Once for each value: `nargs` would swallow the positional words that follow.
            options.update(action="append", default=None)
        return parser.add_argument(*argument.flags, dest=argument.name, **options)
    if argument.kind == "many":
        options["nargs"] = "*"
    elif argument.default is not None:
        options["nargs"] = "?"
    return parser.add_argument(argument.name, **options)


def _filled(words: Sequence[str], verb: Verb) -> list[str]:
    """The words, with the value "yes" for an option that may be given without one.

    Its own value is written `--trust=DIGEST`, never as the next word: that may be the notebook.
    """
    bare = {flag for argument in verb.arguments if argument.kind == "optional" for flag in argument.flags}
    return [f"{word}=yes" if word in bare else word for word in words]


def _choice(choices: Sequence[str]) -> Callable[[str], str]:
    def chosen(text: str) -> str:
        if text in choices:
            return text
        near = nearest(text, choices)
        raise argparse.ArgumentTypeError(
            f"`{text}` is not one of {', '.join(choices)}" + (f"; the nearest is `{near}`" if near else "")
        )

    return chosen


def _value(argument: Argument, value: Any) -> Any:
    """The value as a verb gets it: many become a tuple, a flag a bool."""
    if argument.kind == "many":
        return tuple(argument.default or ()) if value is None else tuple(value)
    if argument.kind == "flag":
        return bool(value)
    return value


def _refuse_unknown(words: Sequence[str], verb: Verb, prog: str) -> None:
    """Raise `UsageError` (`unknown-option`) for the first option that the verb does not have.

    Before argparse looks: it would take the word after an option that it does not know for an argument.
    """
    known = _flags(verb)
    for word in words:
        name = word.split("=")[0] if word.startswith("--") else word[:2]
        if name.startswith("-") and name not in ("-", *known) and not name[1:].isdigit():
            raise _unknown(word, verb, prog)


def _flags(verb: Verb | None) -> list[str]:
    own = [flag for argument in verb.arguments for flag in argument.flags] if verb else VERSION
    return [*GLOBAL, *own]


def _unknown(word: str, verb: Verb | None, prog: str) -> UsageError:
    word = word.split("=")[0]
    near = nearest(word, _flags(verb))
    return UsageError(
        "unknown-option",
        f"does not know the option `{word}`" + (f" of `{verb.name}`" if verb else ""),
        f"the nearest is `{near}`" if near else "there is none like it",
        f"{prog} {verb.name} --help" if verb else f"{prog} --help",
    )
