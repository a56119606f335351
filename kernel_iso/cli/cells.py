"""`cell`: the answer to what a person typed after `%iso` in a cell of a notebook.

The guest (`guest/magics.py`) sends one request on standard input and knows no verb; which verbs there are, what is shown and
what the kernel has to do is decided here. docs/magics.md has the protocol.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from kernel_iso.cli import cell_edits, cell_runs, helping, parsing, rendering
from kernel_iso.cli.cell_answers import PROG, in_cell, lines, shown
from kernel_iso.cli.cell_kernels import Kernel, aimed, aware, kernel_of, own
from kernel_iso.cli.parsing import UsageError
from kernel_iso.engine import Engine, verbs
from kernel_iso.engine.verbs import Outcome, Verb
from kernel_iso.errors import IsoError, SpecError

DIGEST = re.compile(r"[0-9a-f]{8,64}")


def answer(engine: Engine, arguments: Mapping[str, Any]) -> Outcome:
    """Answer the request on standard input. Raises every kind of error, with hints as they are typed in a cell."""
    try:
        asked = json.loads(sys.stdin.read())
        assert isinstance(asked, dict)
    except (ValueError, AssertionError):
        raise UsageError(
            "bad-request", "cannot read the request", "it is no JSON object", "%iso in a cell calls it"
        ) from None
    return answered(engine, asked)


def answered(engine: Engine, asked: Mapping[str, Any]) -> Outcome:
    """The answer to one request; see `answer`."""
    try:
        engine = own(engine, str(asked.get("prefix", "")))
        kernel = kernel_of(engine, asked)
        if asked.get("do") == "complete":
            return Outcome(data=completions(engine, kernel))
        line = str(asked.get("line") or "")
        engine = aware(engine, kernel)
        if asked.get("cell") is not None:
            return cell_runs.run(engine, kernel.environment, words_of(line), str(asked["cell"]))
        return _line(engine, kernel, words_of(line))
    except parsing.Wanted as wanted:
        table = cell_runs.TABLE if asked.get("cell") is not None else lines()
        prog = cell_runs.PROG if asked.get("cell") is not None else PROG
        return shown(in_cell(helping.topic(wanted.topic, table, prog, 90)))
    except IsoError as error:
        error.hint, error.because = in_cell(error.hint), in_cell(error.because)
        raise


def words_of(line: str) -> list[str]:
    """The words of a line as a shell would take them; `#` begins a comment.

    Raises `UsageError` (`bad-argument`) where a quote is not closed.

    >>> words_of('add polars "torch<2.15"  # newer')
    ['add', 'polars', 'torch<2.15']
    """
    try:
        words = shlex.split(line, posix=os.name != "nt")
    except ValueError as error:
        raise UsageError(
            "bad-argument", "cannot read the line", str(error).lower(), 'quote as in "numpy<2"'
        ) from None
    end = next((place for place, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:end]


# A line


def _line(engine: Engine, kernel: Kernel, words: list[str]) -> Outcome:
    """Do the verb that the words name, on what the kernel belongs to unless they name something else."""
    if words[:1] == ["help"]:
        raise parsing.Wanted(words[1:])
    drop, words = cell_edits.dropping(words or ["status"])
    if words[0] == "trust" and len(words) == 2 and DIGEST.fullmatch(words[1]):
        return _approved(engine, words[1])
    call = parsing.parse(words, lines(), PROG)
    name = call.verb.name
    if name == "panel":
        return call.verb.act(engine, call.values)
    if name == "shell":
        raise SpecError(
            "no-terminal", "cannot open a shell in a cell", "it needs a terminal", "%iso exec -- COMMAND"
        )
    if kernel.found and name == "inspect" and len(words) == 1:
        where = f"this kernel runs in `{kernel.found}`, which kernel-iso found and does not change"
        return shown(
            f"{where}\n{PROG} isolate   proposes what an environment of the notebook's own would hold"
        )
    values, its_own = aimed(call, kernel)
    if name == "trust" and not (values["show"] or values["revoke"]):
        return _to_approve(engine, {**values, "show": True})
    if name == "exec":
        return cell_runs.execute(engine, values)
    if verbs.DRY in call.verb.arguments:
        return cell_edits.edit(engine, kernel, (name, call.verb.act, values), own=its_own, drop=drop)
    outcome = call.verb.act(engine, values)
    return _told(engine, kernel, name, outcome, own=its_own)


def _told(engine: Engine, kernel: Kernel, name: str, outcome: Outcome, *, own: bool) -> Outcome:
    """What a verb that is no edit answered, with what can be done next."""
    offers: list[dict[str, Any]] = []
    text, data = outcome.text, outcome.data
    if own and name in ("inspect", "realise"):
        step = cell_edits.stepped(engine, kernel, dict(data.get("prefix") or data))
        if name == "realise":
            return shown(in_cell(f"{text}\n{step.text}".strip()), **step.more)
        if step.text:
            text += "\nthis kernel runs in a former generation: kernel-iso realise   takes the present one"
            offers.append({"label": "Use the present one", "line": "realise"})
    if own and name == "inspect":
        text += f"\n{_next(data)}"
    if data.get("by_hand") or (name == "inspect" and any(row["role"] == "added" for row in data["rows"])):
        offers.append({"label": "Adopt", "line": "adopt"})
    if data.get("add") and name == "imports":
        offers.append({"label": "Add", "line": "imports --add"})
    text = in_cell(text)
    more: dict[str, Any] = {"offers": offers} if offers else {}
    if name == "run" and outcome.status:
        more["failed"] = cell_runs.failure(name, outcome.status)
    return shown(text, rendering.html(name, data, text), **more)


def _next(data: Mapping[str, Any]) -> str:
    """What can be typed next, by the state that was shown.

    >>> _next({"state": "out-of-date", "rows": []})
    'something else is asked by now: kernel-iso realise   makes it'
    """
    if data["state"] == "not-approved":
        return "kernel-iso trust   shows what it asks, to be approved"
    if data["state"] == "out-of-date":
        return "something else is asked by now: kernel-iso realise   makes it"
    if any(row["role"] == "added" for row in data["rows"]):
        return "kernel-iso adopt   declares what was installed by hand"
    return "kernel-iso add PACKAGE   installs more; kernel-iso help   shows everything"


def _to_approve(engine: Engine, values: Mapping[str, Any]) -> Outcome:
    """Show what would be approved, and approve nothing: a cell approves only what it has shown."""
    found = verbs.TABLE["trust"].act(engine, values)
    if found.data["approved"]:
        return shown(in_cell(found.text))
    line = f"trust {found.data['digest']}"
    text = in_cell(f"{found.text}\nkernel-iso {line}   approves exactly this")
    return shown(text, rendering.pre(text), offers=[{"label": "Approve exactly this", "line": line}])


def _approved(engine: Engine, digest: str) -> Outcome:
    """Approve what has this digest; raises `SpecError` (`digest-differs`) where something else is asked by now."""
    trust = verbs.TABLE["trust"]
    found = trust.act(engine, {"show": True})
    if not str(found.data["digest"]).startswith(digest):
        raise SpecError(
            "digest-differs", "has approved nothing", f"what is asked by now has the digest {found.data['digest']}",
            "%iso trust   shows what it is",
        )  # fmt: skip
    return shown(in_cell(trust.act(engine, {}).text))


# Completion


def completions(engine: Engine, kernel: Kernel) -> dict[str, Any]:
    """What can be completed in lines and in cells: verbs, their options, and names."""
    names = {
        "packages": sorted(item.name for item in kernel.prefix.packages),
        "environments": [owner.id for owner in engine.store.environments()],
    }
    both = {"line": parsing.index(lines()), "cell": parsing.index(cell_runs.TABLE)}
    return {
        place: {"verbs": {name: _completed(verb) for name, verb in table.items()}, "words": names}
        for place, table in both.items()
    }


def _completed(verb: Verb) -> dict[str, Any]:
    """The options of a verb, and what its words and the values of its options are."""
    options: list[str] = [flag for item in verb.arguments for flag in item.flags]
    values = {
        flag: "environments"
        for item in verb.arguments
        if item in (verbs.NAME, cell_runs.ENV)
        for flag in item.flags
    }
    words: Sequence[str] = [
        "environments" if item in (verbs.ENVIRONMENT, verbs.SOURCE) else "packages"
        for item in verb.arguments
        if not item.flags and item.name in ("packages", "names", "package", "environment", "source")
    ]
    return {"options": [*options, "--help"], "values": values, "words": words[0] if words else ""}
