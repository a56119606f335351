"""`%%iso run` and `%%iso python`: a cell's script, command or Python in another environment, and what comes back."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from kernel_iso.cli import parsing
from kernel_iso.engine import Engine, acts, streaming
from kernel_iso.engine.verbs import Argument, Outcome, Verb
from kernel_iso.errors import SpecError, ToolError

PROG = "%%iso"
RESULT = "ISO_OUT"
"""The variable that names the file in which a command leaves its result, as JSON."""

SHELLS = {"nt": ("cmd", "/d", "/q", "/c"), "posix": ("sh",)}


def _nothing(engine: Engine, values: Mapping[str, Any]) -> Outcome:
    raise AssertionError("a cell's verbs are done by `run`")


ENV = Argument(
    name="env", help="the named environment (default: this kernel's own)", flags=("--env", "-n"), default="",
    metavar="NAME",
)  # fmt: skip
OUT = Argument(
    name="out", help="the variable that gets the result", flags=("--out",), default="", metavar="VARIABLE"
)
TABLE = {
    "run": Verb(
        name="run", help="run the cell as a shell's script, or give it to a command as its input", act=_nothing,
        arguments=(ENV, OUT, Argument(name="command", help="the command", kind="command", default=())),
        description=f"With --out, the result is what the command leaves as JSON in the file that {RESULT} names.",
        examples=("%%iso run --env tools black -q -",),
    ),
    "python": Verb(
        name="python", help="run the cell's Python", act=_nothing, arguments=(ENV, OUT),
        description="With --out, the result is the value of the last line, which has to be JSON's.",
        examples=("%%iso python --env old --out rows",),
    ),
}  # fmt: skip


def run(engine: Engine, own: str, words: Sequence[str], cell: str) -> Outcome:
    """Run a cell in the environment that the words name; `own` is the kernel's named environment ("" for none).

    Its output comes as events. Raises what preparing raises, `UsageError`, and `SpecError` (`bad-result-name`).
    """
    call = parsing.parse(_separated(words), TABLE, PROG)
    name = call.values["out"]
    if name and not name.isidentifier():
        raise SpecError(
            "bad-result-name", f"cannot bind `{name}`", "it is no name of a variable", "--out result"
        )
    target = acts.target_of(engine, {"name": call.values["env"] or own})
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kernel-iso-")))
        out = folder / "out.json"
        command, input = _command(call, cell, folder, str(out) if name else "", stack)
        status = streaming.stream(engine, target, command, input=input, variables={RESULT: str(out)})
        data: dict[str, Any] = {"status": status}
        if status:
            data["failed"] = failure(command[0], status)
        elif name:
            data |= {"bind": name, "value": _value(out)}
    return Outcome(data=data)


def failure(command: str, status: int) -> dict[str, Any]:
    """The error of a command that failed, as the guest raises it when what the command said has been shown."""
    because = f"it ended with status {status}" if status > 0 else f"signal {-status} ended it"
    return ToolError(
        "command-failed", f"ran `{command}`, which failed", because, "its own words are above"
    ).to_json()


def execute(engine: Engine, values: Mapping[str, Any]) -> Outcome:
    """Do `exec` in a cell: the output comes as events, and a status that is not 0 fails the cell."""
    command = [word for word in values["command"] if word != "--"]
    target = acts.target_of(engine, values)
    status = streaming.stream(engine, target, command, trust=values.get("trust") or "")
    return Outcome(data={"status": status, **({"failed": failure(command[0], status)} if status else {})})


def _separated(words: Sequence[str]) -> list[str]:
    """The words with `--` before the command, so that its options are its own.

    >>> _separated(["run", "--env", "tools", "black", "-q", "-"])
    ['run', '--env', 'tools', '--', 'black', '-q', '-']
    """
    if list(words[:1]) != ["run"] or "--" in words:
        return list(words)
    place = 1
    while place < len(words) and words[place].startswith("-"):
        place += 2 if words[place] in (*ENV.flags, *OUT.flags) else 1
    return [*words[:place], "--", *words[place:]] if place < len(words) else list(words)


def _command(
    call: parsing.Call, cell: str, folder: Path, out: str, stack: contextlib.ExitStack
) -> tuple[list[str], str]:
    """The command that runs the cell, and its input."""
    if call.verb.name == "run" and call.values["command"]:
        return list(call.values["command"]), cell
    name = "cell.py" if call.verb.name == "python" else "cell.bat" if os.name == "nt" else "cell.sh"
    source = folder / name
    source.write_text(cell, encoding="utf-8")
    if call.verb.name == "run":
        return [*SHELLS["nt" if os.name == "nt" else "posix"], str(source)], ""
    file = resources.files("kernel_iso.guest").joinpath("cell.py")
    runner = stack.enter_context(resources.as_file(file))
    return ["python", str(runner), str(source), *([out] if out else [])], ""


def _value(out: Path) -> Any:
    """What was left as the result; raises `SpecError` (`no-result`) where nothing was, or no JSON."""
    try:
        return json.loads(out.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        because = "it left none" if isinstance(error, OSError) else f"it is no JSON: {error}"
        raise SpecError(
            "no-result",
            "has no result to bring back",
            because,
            f"write JSON to the file that ${RESULT} names",
        ) from None
