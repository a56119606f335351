"""One call of the command line, from the words to the exit status."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from kernel_iso.cli import helping, parsing
from kernel_iso.cli.terminals import Terminal
from kernel_iso.errors import CancelledError, IsoError

if TYPE_CHECKING:
    from kernel_iso.cli.kernels import Handover
    from kernel_iso.engine import Engine
    from kernel_iso.engine.verbs import Outcome, Verb
    from kernel_iso.store import Store

PIPE_STATUS = 141
"""128 + SIGPIPE: what a shell reports for a program that wrote to a closed pipe."""

Open = Callable[..., "Engine"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status. It is the script `kernel-iso` and `jupyter-iso`."""
    words = sys.argv[1:] if argv is None else list(argv)
    terminal = Terminal.of(sys.stdout, sys.stderr, os.environ)
    # `jupyter iso` runs the script `jupyter-iso`.
    prog = "jupyter iso" if PurePath(sys.argv[0]).stem == "jupyter-iso" else "kernel-iso"
    return Face(terminal, prog=prog).answer(words)


@dataclass
class Face:
    """The command line on a terminal. `table` and `open_engine` are the engine's, unless others are given."""

    terminal: Terminal
    prog: str = "kernel-iso"
    table: Mapping[str, Verb] = field(default_factory=dict)
    open_engine: Open | None = None
    store: str = ""

    def answer(self, words: Sequence[str]) -> int:
        """Do what the words say; print the answer, or the three lines of an error. Raises nothing."""
        as_json = parsing.wants_json(words)
        try:
            try:
                return self._answer(list(words), as_json)
            except BrokenPipeError:
                raise
            except KeyboardInterrupt:
                return self._fail(_cancelled(), as_json)
            except IsoError as error:
                return self._fail(error, as_json)
            except Exception as error:
                from kernel_iso.cli.failures import internal

                return self._fail(internal(error, self.store, self.terminal.environ), as_json, error)
        except BrokenPipeError:
            self.terminal.hang_up()
            return PIPE_STATUS

    def _answer(self, words: list[str], as_json: bool) -> int:
        if words and words[-1] in parsing.VERSION and set(words[:-1]) <= set(parsing.GLOBAL):
            from kernel_iso import __version__

            self.terminal.say(f"kernel-iso {__version__}")
            return 0
        table = {**(self.table or _verbs()), **_own_verbs()}
        try:
            call = parsing.parse(words, table, self.prog)
        except parsing.Wanted as wanted:
            return self._say_help(wanted.topic, table)
        if call.verb.name == "help":
            return self._say_help(call.values["verb"], table)
        if call.verb.name == "completion":
            from kernel_iso.cli.completions import script

            self.terminal.say(script(call.values["shell"], _listed(table)))
            return 0
        return self._act(call, as_json)

    def _say_help(self, topic: Sequence[str], table: Mapping[str, Verb]) -> int:
        width = min(100, shutil.get_terminal_size().columns)
        self.terminal.say(helping.topic(topic, table, self.prog, width))
        return 0

    def _act(self, call: parsing.Call, as_json: bool) -> int:
        """Do a verb with progress and interrupts; say its answer."""
        from kernel_iso.cli import interrupts, kernels, reports

        report = reports.choose(self.terminal, as_json=as_json)
        signals = interrupts.Interrupts(threading.Event(), on_hard=report.close)

        def emit(event: Any) -> None:
            # An event that says nothing leaves the terminal to the program that comes next.
            signals.yielded = not (event.text or event.error or event.done is not None)
            try:
                report(event)
            except BrokenPipeError:
                signals.cancelled.set()  # nobody waits for the answer any more

        failed = True
        with signals:
            try:
                engine = (self.open_engine or _open)(
                    self.terminal.environ, emit=emit, cancelled=signals.cancelled, captures=as_json
                )
                self.store = str(engine.policy.store)
                outcome: Outcome | Handover = call.verb.act(engine, call.values)
                failed = False
            finally:
                report.close(failed=failed)
        if isinstance(outcome, kernels.Handover):
            kernels.hand_over(outcome)
        if as_json:
            self.terminal.say_json({"result": dict(outcome.data)})
        else:
            self.terminal.say(outcome.text)
        return outcome.status

    def _fail(self, error: IsoError, as_json: bool, cause: BaseException | None = None) -> int:
        """Say an error and return its exit status."""
        if as_json:
            self.terminal.say_json({"error": error.to_json()})
        else:
            self.terminal.complain(error)
        if self.terminal.environ.get("KERNEL_ISO_DEBUG"):
            from kernel_iso.cli.failures import story

            self.terminal.note(story(cause or error))
        return error.exit_status


def _cancelled() -> CancelledError:
    return CancelledError(
        "cancelled",
        "stopped",
        "it was interrupted before it was done",
        "nothing half-made is used; the same command begins again",
    )


def _open(environ: Mapping[str, str], **options: Any) -> Engine:
    from kernel_iso.engine import Engine

    return Engine.open(environ, listing=_list_kernels, **options)


def _list_kernels(store: Store) -> None:
    """Make Jupyter's list of kernels agree with the named environments."""
    from kernel_iso.kernelspecs import sync

    sync(store)


def _verbs() -> Mapping[str, Verb]:
    from kernel_iso.engine.verbs import TABLE

    return TABLE


def _own_verbs() -> dict[str, Verb]:
    """The verbs that only a command line has."""
    from kernel_iso.cli import kernels
    from kernel_iso.cli.completions import SHELLS
    from kernel_iso.engine.verbs import Argument, Verb

    def nothing(engine: Engine, values: Mapping[str, Any]) -> Outcome:
        raise AssertionError("answered without an engine")

    def cell(engine: Engine, values: Mapping[str, Any]) -> Outcome:
        from kernel_iso.cli import cells

        return cells.answer(engine, values)

    verbs = (
        Verb(
            name="cell",
            help="answer what a person typed after %iso in a cell; the request is JSON on standard input",
            act=cell,
        ),
        Verb(
            name="completion",
            help="print a script that completes this command line in a shell",
            act=nothing,
            arguments=(Argument(name="shell", help="the shell", choices=SHELLS),),
            examples=(
                'eval "$(kernel-iso completion bash)"',
                "kernel-iso completion fish > ~/.config/fish/completions/kernel-iso.fish",
            ),
        ),
        Verb(
            name="help",
            help="show help on a verb",
            act=nothing,
            arguments=(
                Argument(name="verb", help="the verb; without one, all of them", kind="many", default=()),
            ),
        ),
        Verb(
            name="launch",
            help="start a kernel, for tools that know only a command and no provisioners",
            act=kernels.prepare,  # type: ignore[arg-type]  # it answers with what to become
            arguments=(
                Argument(name="connection_file", help="the connection file", kind="path", flags=("-f",)),
                Argument(
                    name="env",
                    help="the named environment to use",
                    flags=("--env",),
                    default="",
                    metavar="NAME",
                ),
            ),
            description=(
                "Kernelspecs call it. Without --env it is for the notebook that KERNEL_ISO_NOTEBOOK names, "
                "else for the nearest project file of the working folder."
            ),
        ),
    )
    return {verb.name: verb for verb in verbs}


def _listed(table: Mapping[str, Verb]) -> dict[str, Verb]:
    """The verbs that people type."""
    return {name: verb for name, verb in table.items() if name not in ("cell", "launch")}
