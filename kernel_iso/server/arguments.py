"""What a page asks of a verb, checked against the verb's own table before the engine sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernel_iso.engine.verbs import Argument, Verb
from kernel_iso.errors import NotApprovedError, SpecError

ABOUT = ("target", "notebook")
"""The arguments that name what a verb is about; the request's `path` goes there."""


def read(verb: Verb, given: Mapping[str, Any], path: str | None) -> dict[str, Any]:
    """The values of every argument of the verb; those of kind `path` are as pages know them still.

    Raises `SpecError` (`bad-argument`, `missing-argument`) that names the argument, and `NotApprovedError`
    (`not-reviewed`) where an approval is tried along the way.
    """
    known = {argument.name: argument for argument in verb.arguments}
    asked = dict(given)
    if path is not None:
        name = next((name for name in ABOUT if name in known), "")
        if not name:
            raise _bad(verb, "path", "it is about no notebook")
        asked[name] = path
    for name in asked:
        if name not in known:
            raise _bad(verb, name, f"it takes {', '.join(known) or 'none'}")
    if asked.get("trust"):
        raise NotApprovedError(
            "not-reviewed",
            f"has not done `{verb.name}`",
            "over HTTP only the answer to a review approves",
            "review it in the panel, or type kernel-iso trust",
        )
    return {name: _value(verb, argument, asked.get(name)) for name, argument in known.items()}


def _value(verb: Verb, argument: Argument, value: Any) -> Any:
    """The value as a verb gets it from the command line: many are a tuple, a flag is a bool."""
    if argument.kind == "flag":
        if not isinstance(value, bool | None):
            raise _bad(verb, argument.name, "it is true or false")
        return bool(value)
    if argument.kind == "many":
        return _words(verb, argument, value)
    if value is None:
        if argument.default is None:
            raise SpecError(
                "missing-argument",
                f"cannot do `{verb.name}`",
                f"`{argument.name}` was not given",
                f"give `{argument.name}`: {argument.help}",
            )
        return argument.default
    if not isinstance(value, str):
        raise _bad(verb, argument.name, "it is a text")
    if argument.choices and value not in argument.choices:
        raise _bad(verb, argument.name, f"it is one of {', '.join(argument.choices)}")
    return value


def _words(verb: Verb, argument: Argument, value: Any) -> tuple[str, ...]:
    if value is None:
        return tuple(argument.default or ())
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise _bad(verb, argument.name, "it is a list of texts")
    for word in value:
        # On a command line the first of the packages may be the notebook; from a page that would be a way
        # to files that the server does not serve, as an address of a file is.
        if word.endswith((".ipynb", ".py")) or "file:" in word.lower():
            raise _bad(verb, argument.name, f"`{word[:100]}` is a file: name the notebook in `path`")
    return tuple(value)


def _bad(verb: Verb, name: str, because: str) -> SpecError:
    return SpecError(
        "bad-argument",
        f"cannot do `{verb.name}` with `{name[:100]}`",
        because,
        "GET kernel-iso/api/verbs tells the verbs; their arguments are those of the command line",
    )
