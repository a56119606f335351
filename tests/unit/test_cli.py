"""The command line on a table of made-up verbs: words in; answers, events, errors and statuses out."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kernel_iso.cli import helping, parsing
from kernel_iso.cli.entry import Face
from kernel_iso.cli.terminals import Terminal, printable
from kernel_iso.engine.verbs import Argument, Outcome, Verb
from kernel_iso.errors import ConflictError, SpecError
from kernel_iso.model import Event


def paint(engine: Any, values: Mapping[str, Any]) -> Outcome:
    """Report two steps, then say what was given."""
    engine.emit(Event(phase="mix", text="mixing"))
    engine.emit(Event(phase="mix", text="mixing", done=1, total=2, unit="pots"))
    engine.emit(Event(phase="mix", text="stirring hard", unit="log"))
    engine.emit(Event(phase="dry", text="drying\nslowly"))
    return Outcome(
        data=dict(values),
        text="painted " + str(values.get("colour")),
        status=values.get("coats") == "9" and 9,
    )


def spill(engine: Any, values: Mapping[str, Any]) -> Outcome:
    raise ConflictError("two-blues", "cannot mix", "there are two blues", "leave one out")


def explode(engine: Any, values: Mapping[str, Any]) -> Outcome:
    raise ZeroDivisionError("https://me:hunter2@example.org/ by zero")


def interrupted(engine: Any, values: Mapping[str, Any]) -> Outcome:
    raise KeyboardInterrupt


COLOUR = Argument(name="colour", help="the colour", default="white", choices=("white", "blue", "green"))
COATS = Argument(name="coats", help="how many, 100% opaque", flags=("--coats", "-c"), default="2")
BRUSHES = Argument(name="brushes", help="a brush", kind="many", flags=("--brush",))
WET = Argument(name="wet", help="leave it wet", kind="flag", flags=("--wet",))
APPROVE = Argument(name="approve", help="approve it", kind="optional", flags=("--approve",), default="")
TABLE = {
    verb.name: verb
    for verb in (
        Verb(
            name="paint",
            help="paint something",
            act=paint,
            arguments=(COLOUR, COATS, BRUSHES, WET, APPROVE),
            aliases=("colour",),
            examples=("kernel-iso paint blue",),
        ),
        Verb(
            name="hang",
            help="hang pictures",
            act=paint,
            arguments=(
                Argument(name="wall", help="the wall", kind="path"),
                Argument(name="pictures", help="the pictures", kind="many"),
                WET,
            ),
        ),
        Verb(
            name="call",
            help="call somebody",
            act=paint,
            arguments=(WET, Argument(name="words", help="what to say", kind="command")),
        ),
        Verb(name="spill", help="spill paint", act=spill),
        Verb(name="explode", help="explode", act=explode),
        Verb(name="interrupted", help="be interrupted", act=interrupted),
        Verb(name="room make", help="make a room", act=paint, aliases=("build",)),
        Verb(name="room leave", help="leave a room", act=paint),
    )
}


class Tty(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def opened(environ: Mapping[str, str], *, emit: Any, cancelled: Any, captures: bool) -> Any:
    """An engine that has no more than a command line needs."""
    store = environ.get("KERNEL_ISO_STORE", "")
    return SimpleNamespace(policy=SimpleNamespace(store=store), emit=emit, cancelled=cancelled)


def ask(
    *words: str, tty: bool = False, environ: Mapping[str, str] | None = None, store: Path | None = None
) -> tuple[int, str, str]:
    """The exit status, stdout and stderr of a command line."""
    out, err = io.StringIO(), Tty() if tty else io.StringIO()
    environ = {"KERNEL_ISO_STORE": str(store or ""), **(environ or {})}
    face = Face(Terminal(out, err, environ), table=TABLE, open_engine=opened)
    return face.answer(words), out.getvalue(), err.getvalue()


def values_of(*words: str) -> Mapping[str, Any]:
    return parsing.parse(words, TABLE).values


def test_a_verb_gets_its_arguments_by_name_with_defaults() -> None:
    expected = {"colour": "white", "coats": "2", "brushes": (), "wet": False, "approve": ""}
    assert expected == values_of("paint")


def test_options_stand_before_between_and_after_what_they_belong_to() -> None:
    """A repeated option takes one value each time, so that it never swallows the words after it."""
    words = ("hang", "--wet", "north", "a", "--json", "b")
    assert values_of(*words) == {"wall": "north", "pictures": ("a", "b"), "wet": True}
    assert values_of("paint", "--brush", "x", "blue", "--brush", "y")["brushes"] == ("x", "y")
    assert values_of("paint", "--brush", "x", "blue")["colour"] == "blue"
    assert values_of("--json", "paint", "-c3")["coats"] == "3"


def test_an_option_whose_value_may_be_left_out_never_takes_the_next_word() -> None:
    assert values_of("paint", "--approve", "blue")["approve"] == "yes"
    assert values_of("paint", "--approve", "blue")["colour"] == "blue"
    assert values_of("paint", "--approve=abc")["approve"] == "abc"


def test_a_command_is_everything_after_the_dashes_and_ours_is_everything_before() -> None:
    expected = {"wet": True, "words": ("say", "--json", "--", "--wet")}
    assert expected == values_of("call", "--wet", "--", "say", "--json", "--", "--wet")
    status, out, _ = ask("call", "--", "x", "--json")
    assert (status, out) == (0, "painted None\n")


def test_after_dashes_a_word_that_looks_like_an_option_is_a_value() -> None:
    assert values_of("hang", "--wet", "--", "--north")["wall"] == "--north"


@pytest.mark.parametrize(
    ("words", "name"),
    [(("room", "make"), "room make"), (("build",), "room make"), (("colour",), "paint")],
)
def test_a_verb_in_a_group_answers_to_its_two_words_and_to_its_aliases(
    words: tuple[str, ...], name: str
) -> None:
    assert parsing.parse(words, TABLE).verb.name == name


@pytest.mark.parametrize(
    ("words", "code", "because"),
    [
        (("pant",), "unknown-verb", "there is no such verb; the nearest is `paint`"),
        (("room", "maek"), "unknown-verb", "there is no such verb; the nearest is `room make`"),
        (("zzzzzz",), "unknown-verb", "there is no such verb"),
        (("paint", "--coat", "3"), "unknown-option", "the nearest is `--coats`"),
        (("paint", "--zzz=1"), "unknown-option", "there is none like it"),
        (("--versoin",), "unknown-option", "the nearest is `--version`"),
        (
            ("paint", "gren"),
            "bad-argument",
            "COLOUR: `gren` is not one of white, blue, green; the nearest is `green`",
        ),
        (("paint", "blue", "green"), "bad-argument", "`green` is one word too many"),
        (("paint", "--coats"), "bad-argument", "--coats/-c: expected one argument"),
        (("hang",), "missing-argument", "WALL is missing"),
        (("call",), "missing-argument", "no command was given after `--`"),
    ],
)
def test_a_wrong_command_line_is_told_with_the_nearest_word_and_ends_with_2(
    words: tuple[str, ...], code: str, because: str
) -> None:
    status, out, err = ask(*words)
    assert (status, out) == (2, "")
    first, second, third = err.splitlines()
    assert first.startswith("kernel-iso ")
    assert first.endswith(f"  [{code}]")
    assert second == f"because: {because}"
    assert third.startswith("hint:    kernel-iso ")
    status, out, err = ask(*words, "--json") if words != ("call",) else ask("call", "--json")
    assert (status, err) == (2, "")
    assert json.loads(out)["error"]["code"] == code


def test_json_is_every_event_and_then_one_result() -> None:
    status, out, err = ask("paint", "blue", "--json")
    *events, last = [json.loads(line) for line in out.splitlines()]
    assert [event["event"]["text"] for event in events] == [
        "mixing",
        "mixing",
        "stirring hard",
        "drying\nslowly",
    ]
    assert last == {"result": {"colour": "blue", "coats": "2", "brushes": [], "wet": False, "approve": ""}}
    assert (status, err) == (0, "")


def test_json_ends_with_one_error_where_the_verb_fails() -> None:
    status, out, err = ask("spill", "--json")
    assert json.loads(out) == {
        "error": {
            "kind": "conflict",
            "code": "two-blues",
            "what": "cannot mix",
            "because": "there are two blues",
            "hint": "leave one out",
            "tail": [],
            "log": "",
        }
    }
    assert (status, err) == (5, "")


def test_without_a_terminal_progress_is_one_line_a_step_and_the_answer_stands_alone() -> None:
    assert ask("paint") == (0, "painted white\n", "mix: mixing\ndry: drying slowly\n")


def test_the_status_is_that_of_the_outcome() -> None:
    assert ask("paint", "--coats=9")[0] == 9


def test_an_error_is_three_lines_with_the_status_of_its_kind() -> None:
    expected = "kernel-iso cannot mix  [two-blues]\nbecause: there are two blues\nhint:    leave one out\n"
    assert ask("spill") == (5, "", expected)


def test_colour_is_for_terminals_that_want_it() -> None:
    """https://no-color.org: any value that is not empty."""
    assert "\x1b[" in ask("spill", tty=True)[2]
    for environ in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in ask("spill", tty=True, environ=environ)[2]


def test_an_interrupt_ends_with_three_lines_and_130() -> None:
    status, out, err = ask("interrupted")
    assert (status, out) == (130, "")
    assert err.splitlines()[0] == "kernel-iso stopped  [cancelled]"


def test_an_unexpected_exception_has_a_code_and_a_log_without_secrets(tmp_path: Path) -> None:
    status, out, err = ask("explode", store=tmp_path)
    first, second, third, last = err.splitlines()
    assert (status, out) == (1, "")
    assert first.endswith("[internal-error]")
    assert second == "because: ZeroDivisionError: https://example.org/ by zero"
    assert third == "hint:    report it with the log below"
    log = Path(last.removeprefix("log:").strip())
    assert log.parent == tmp_path / "logs"
    story = log.read_text(encoding="utf-8")
    assert "ZeroDivisionError" in story
    assert "hunter2" not in story
    if os.name != "nt":
        assert log.stat().st_mode & 0o077 == 0


def test_debugging_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in ask("explode", store=tmp_path, environ={"KERNEL_ISO_DEBUG": "1"})[2]
    assert "Traceback" not in ask("explode", store=tmp_path)[2]


def test_a_store_that_cannot_be_written_leaves_the_log_elsewhere(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    log = Path(ask("explode", store=blocked)[2].splitlines()[-1].removeprefix("log:").strip())
    assert log.is_file()
    log.unlink()


def test_help_of_a_verb_tells_choices_defaults_aliases_and_examples() -> None:
    text = ask("paint", "--help")[1]
    assert "usage: kernel-iso paint [COLOUR] [--coats COATS] [--brush BRUSHES] [--wet]" in text
    assert "the colour (one of white, blue, green; default: white)" in text
    assert "-c, --coats COATS" in text
    assert "how many, 100% opaque (default: 2)" in text
    assert "a brush (may be given several times)" in text
    assert "--approve[=APPROVE]" in text
    assert "also called: colour" in text
    assert "  kernel-iso paint blue" in text


def test_help_lists_every_verb_once() -> None:
    for words in ((), ("--help",), ("help",)):
        status, out, err = ask(*words)
        assert (status, err) == (0, "")
        assert [out.count(f"\n  {name} ") for name in TABLE] == [1] * len(TABLE)


def test_help_is_the_same_however_it_is_asked_for() -> None:
    texts = {ask(*words)[1] for words in (("room", "make", "-h"), ("help", "room", "make"), ("-h", "build"))}
    assert len(texts) == 1
    groups = {ask(*words)[1] for words in (("room",), ("room", "--help"), ("help", "room"))}
    assert len(groups) == 1
    assert "room leave" in groups.pop()


def test_help_fits_the_width() -> None:
    for width in (60, 80, 100):
        texts = [helping.overview(TABLE, "kernel-iso", width)]
        texts += [helping.of_verb(verb, "kernel-iso", width) for verb in TABLE.values()]
        assert max(len(line) for text in texts for line in text.splitlines()) <= width


def test_the_version_is_told() -> None:
    from kernel_iso import __version__

    assert ask("--version") == (0, f"kernel-iso {__version__}\n", "")


def test_what_a_notebook_says_cannot_move_the_cursor_or_reorder_the_line() -> None:
    assert printable("a\x1b[2K\r\x07b\u202ec\x9bd\te\n") == "a\\x1b[2K\\r\\x07b\\u202ec\\x9bd\te\n"
    assert printable("größer 数 ✓") == "größer 数 ✓"


class Narrow(io.TextIOWrapper):
    """A console with an old code page."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="cp1252", newline="")


def test_a_console_that_cannot_show_a_character_shows_its_escape() -> None:
    out, err = Narrow(), Narrow()
    Terminal.of(out, err, {}).say("é → 数")
    assert out.buffer.getvalue() == b"\xe9 \\u2192 \\u6570\n"  # type: ignore[attr-defined]


def test_json_is_ascii_whatever_the_console() -> None:
    out = Narrow()
    Terminal.of(out, None, {}).say_json({"result": "→\u2028"})
    assert out.buffer.getvalue() == b'{"result": "\\u2192\\u2028"}\n'  # type: ignore[attr-defined]


class Closed(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise OSError(errno.EPIPE, "Broken pipe")


def test_nobody_reading_the_answer_is_no_drama() -> None:
    for words in (("paint",), ("paint", "--json"), ("--help",)):
        err = io.StringIO()
        assert Face(Terminal(Closed(), err, {}), table=TABLE, open_engine=opened).answer(words) == 141
        assert "Traceback" not in err.getvalue()


def test_nobody_reading_the_progress_leaves_the_answer_whole() -> None:
    out = io.StringIO()
    face = Face(Terminal(out, Closed(), {}), table=TABLE, open_engine=opened)
    assert (face.answer(["paint"]), out.getvalue()) == (0, "painted white\n")


PROGRAM = """
    import sys, time
    from types import SimpleNamespace
    from kernel_iso.cli.entry import Face
    from kernel_iso.cli.terminals import Terminal
    from kernel_iso.engine.verbs import Outcome, Verb
    from kernel_iso.errors import CancelledError
    from kernel_iso.model import Event

    def wait(engine, values):
        engine.emit(Event(phase="wait", text="waiting"))
        if {stubborn}:
            time.sleep(60)
        if not engine.cancelled.wait(60):
            return Outcome(data={{}}, text="nobody stopped it")
        raise CancelledError("cancelled", "stopped waiting", "it was asked to", "wait again")

    def opened(environ, emit, cancelled, captures):
        return SimpleNamespace(policy=SimpleNamespace(store=""), emit=emit, cancelled=cancelled)

    table = {{"wait": Verb(name="wait", help="wait", act=wait)}}
    terminal = Terminal.of(sys.stdout, sys.stderr, {{}})
    sys.exit(Face(terminal, table=table, open_engine=opened).answer(["wait"]))
"""


def start(*, stubborn: bool) -> subprocess.Popen[str]:
    """A command line that waits, when it says so."""
    code = textwrap.dedent(PROGRAM).format(stubborn=stubborn)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "wait: waiting\n"
    return process


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_cancels_what_runs(number: str) -> None:
    process = start(stubborn=False)
    process.send_signal(getattr(signal, number))
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[0] == "kernel-iso stopped waiting  [cancelled]"


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_the_second_interrupt_ends_at_once() -> None:
    process = start(stubborn=True)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_the_real_table_parses_and_explains_itself() -> None:
    """Every verb of the engine has help that fits, and examples that parse."""
    import shlex

    from kernel_iso.engine.verbs import TABLE as REAL

    for verb in REAL.values():
        assert helping.of_verb(verb, "kernel-iso").startswith(f"usage: kernel-iso {verb.name}")
        for example in verb.examples:
            words = shlex.split(example, comments=True)
            assert words.pop(0) == "kernel-iso"
            assert parsing.parse(words, REAL).verb is verb


def test_help_is_there_before_the_engine_is() -> None:
    """`--help` imports no engine, no rich and no server: it must feel immediate."""
    code = (
        "import sys; from kernel_iso.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "msgspec",
        "rich",
        "packaging",
        "nbformat",
        "jupyter_client",
        "kernel_iso.engine.context",
        "shtab",
    }
    assert heavy & set(done.stderr.split()) == set()


def test_usage_errors_are_spec_errors_for_whoever_reads_json() -> None:
    assert issubclass(parsing.UsageError, SpecError)
    assert parsing.UsageError("a", "b", "c", "d").to_json()["kind"] == "spec"
