"""Several processes and threads want one prefix, and any of them may be killed at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_store import KEY, making, never

from kernel_iso.errors import CancelledError, ConflictError
from kernel_iso.model import Emit, Event, Prefix
from kernel_iso.store import Store

HERE = Path(__file__).parent

posix = pytest.mark.skipif(os.name == "nt", reason="a process that ends itself with SIGKILL is POSIX")

REALISER = """
import sys, time
from pathlib import Path
from test_store import KEY, making
from kernel_iso.model import Event
from kernel_iso.store import Store

folder = Path(sys.argv[1])
store = Store(folder / "store")

def make(path, emit):
    with (folder / "count").open("a") as stream:
        stream.write("made\\n")
    while not (folder / "go").exists():
        emit(Event(phase="realise", key=KEY, text="working"))
        time.sleep(0.02)
    return making(path, emit)

prefix = store.realise(KEY, make, emit=lambda event: print(event.to_text(), flush=True))
print(prefix.to_text(), flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that is not there yet."""
    return Store(tmp_path / "store")


class Child:
    """A Python program in a process of its own, its lines as they come."""

    def __init__(self, program: str, *arguments: object) -> None:
        environ = os.environ | {"PYTHONPATH": str(HERE)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.lines.append(line.rstrip("\n"))

    def await_line(self, part: str) -> None:
        """Wait until the program has said something."""
        end = time.monotonic() + 60
        while not any(part in line for line in self.lines):
            assert time.monotonic() < end, self.lines
            time.sleep(0.01)

    def end(self) -> int:
        """Wait for the end and return the status."""
        status = self.process.wait(60)
        self._reader.join(10)
        return status

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was told before the last line."""
        return [json.loads(line) for line in self.lines[:-1]]


@pytest.fixture
def children() -> Iterator[list[Child]]:
    """Ends every child that a test leaves."""
    started: list[Child] = []
    yield started
    for child in started:
        child.process.kill()
        child.end()


def test_four_processes_share_one_build(tmp_path: Path, children: list[Child]) -> None:
    """One makes it; the others are told the same events and get the same prefix."""
    children += [Child(REALISER, tmp_path) for _ in range(4)]
    for child in children:
        child.await_line("working")
    (tmp_path / "go").touch()
    assert [child.end() for child in children] == [0] * 4
    assert (tmp_path / "count").read_text() == "made\n"
    assert len({child.lines[-1] for child in children}) == 1
    told = [[event for event in child.events if "waiting" not in event["text"]] for child in children]
    assert [told[0]] * 4 == told
    assert [event["text"] for event in told[0]][-2:] == ["making", "ready"]
    assert sorted(len(child.events) - len(told[0]) for child in children) == [0, 1, 1, 1]


@pytest.mark.parametrize("shared", [True, False])
def test_threads_share_one_build(tmp_path: Path, shared: bool) -> None:
    """Through one Store or through several."""
    stores = [Store(tmp_path / "store")] * 6 if shared else [Store(tmp_path / "store") for _ in range(6)]
    made: list[int] = []
    found: list[Prefix] = []

    def make(path: Path, emit: Emit) -> Prefix:
        made.append(1)
        time.sleep(0.1)
        return making(path, emit)

    threads = [
        threading.Thread(target=lambda store=store: found.append(store.realise(KEY, make)))
        for store in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert made == [1]
    assert [stores[0].find(KEY)] * 6 == found


def test_who_waits_builds_itself_when_the_other_is_killed(
    tmp_path: Path, store: Store, children: list[Child]
) -> None:
    """Nothing of the killed one's is left in the prefix."""
    children.append(Child(REALISER, tmp_path))
    children[0].await_line("working")
    events: list[Event] = []
    waiting = threading.Thread(target=lambda: store.realise(KEY, making, emit=events.append))
    waiting.start()
    end = time.monotonic() + 30
    while "working" not in [event.text for event in events]:
        assert time.monotonic() < end
        time.sleep(0.01)
    children[0].process.kill()
    waiting.join(30)
    assert store.find(KEY) is not None
    assert [event.text for event in events][-2:] == ["making", "ready"]


def test_who_waits_builds_itself_when_the_other_fails(store: Store) -> None:
    """It is told so; the other's error is the other's."""
    began = threading.Event()
    errors: list[BaseException] = []

    def fail(path: Path, emit: Emit) -> Prefix:
        making(path, emit)
        began.set()
        time.sleep(0.2)
        raise ConflictError("no-versions-fit", "cannot lock", "a and b", "remove one")

    def first() -> None:
        try:
            store.realise(KEY, fail)
        except ConflictError as error:
            errors.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    began.wait(10)
    events: list[Event] = []
    prefix = store.realise(KEY, making, emit=events.append)
    thread.join(10)
    assert len(errors) == 1
    assert store.find(KEY) == prefix
    texts = [event.text for event in events]
    assert [event.error for event in events] == [None] * len(events)
    assert "the other start ended without it: it cannot lock" in texts
    assert texts[-2:] == ["making", "ready"]


def test_who_waits_can_be_cancelled(tmp_path: Path, store: Store, children: list[Child]) -> None:
    """At once, and the other start goes on."""
    children.append(Child(REALISER, tmp_path))
    children[0].await_line("working")
    cancelled = threading.Event()
    timer = threading.Timer(0.2, cancelled.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(CancelledError) as raised:
        store.realise(KEY, never, cancelled=cancelled)
    assert raised.value.code == "cancelled"
    assert time.monotonic() - began < 5
    (tmp_path / "go").touch()
    assert children[0].end() == 0
    assert store.find(KEY) is not None


def test_who_waited_for_a_fresh_build_does_not_make_another(store: Store) -> None:
    """Two that ask for a fresh one at once get the same."""
    store.realise(KEY, making)
    made: list[int] = []

    def make(path: Path, emit: Emit) -> Prefix:
        made.append(1)
        time.sleep(0.3)
        return making(path, emit)

    threads = [threading.Thread(target=lambda: store.realise(KEY, make, fresh=True)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert made == [1]


KILLED = """
import json, os, random, signal, sys, time
from pathlib import Path
from test_store import KEY, making
from kernel_iso.store import Store

store = Store(Path(sys.argv[1]) / "store")
FILES = 8

def make(path, emit, pause=0.0):
    prefix = making(path, emit)
    for number in range(FILES):
        (path / f"file-{number}").write_text("x" * number)
        time.sleep(pause)
    return prefix

def whole():
    place = Path(store.find(KEY).path)
    return [(place / f"file-{number}").read_text() for number in range(FILES)] == ["x" * n for n in range(FILES)]

def killed(act):
    child = os.fork()
    if not child:
        act()
        os._exit(0)
    return child

def judge(status):
    # What the next start finds: a whole prefix or none; then it has one.
    seen = "none" if store.find(KEY) is None else "whole" if whole() else "HALF"
    store.realise(KEY, make)
    seen += "" if whole() else " NOT REPAIRED"
    print(json.dumps([os.WIFSIGNALED(status), seen]), flush=True)
    store.realise(KEY, make, fresh=True)
"""

BY_TIME = """
chance, kills = random.Random(int(sys.argv[2])), 0
while kills < 30:
    child = killed(lambda: store.realise(KEY, lambda path, emit: make(path, emit, 0.006), fresh=True))
    time.sleep(chance.uniform(0, 0.07))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    kills += os.WIFSIGNALED(status)
    judge(status)
"""

BY_STEP = """
WATCHED = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.utime", "os.truncate", "shutil.rmtree")

def doomed(step):
    left = step

    def hook(name, arguments):
        nonlocal left
        if name in WATCHED:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    store.realise(KEY, make, fresh=True)

step, status = 0, 1
while status:
    step += 1
    child = killed(lambda: doomed(step))
    status = os.waitpid(child, 0)[1]
    judge(status)
"""


def judged(program: str, *arguments: object) -> list[list[Any]]:
    child = Child(KILLED + program, *arguments)
    assert child.end() == 0
    return [json.loads(line) for line in child.lines]


@posix
def test_a_builder_killed_at_any_moment_leaves_nothing_half_made(tmp_path: Path) -> None:
    """30 times at a random moment: the next start finds a whole prefix or none, and ends with a whole one."""
    found = judged(BY_TIME, tmp_path, 20240229)
    assert {seen for _, seen in found} <= {"none", "whole"}
    assert sum(died for died, _ in found) == 30


@posix
def test_a_builder_killed_before_any_step_leaves_nothing_half_made(tmp_path: Path) -> None:
    """Before each file that it opens, makes, renames or removes, one after the other until it gets through."""
    found = judged(BY_STEP, tmp_path)
    assert {seen for _, seen in found} == {"none", "whole"}
    assert len(found) > 40
    assert [died for died, _ in found] == [True] * (len(found) - 1) + [False]


ORPHANING = """
import os, signal, subprocess, sys
from pathlib import Path
from test_store import KEY, making
from kernel_iso.store import Store

store = Store(Path(sys.argv[1]) / "store")
tool = "import sys, time, pathlib; print('at work', flush=True); time.sleep(0.6); pathlib.Path(sys.argv[1], 'stray').touch()"

def make(path, emit):
    making(path, emit)
    child = subprocess.Popen(
        [sys.executable, "-c", tool, str(path)], pass_fds=store.holding(KEY), stdout=subprocess.PIPE
    )
    child.stdout.readline()
    print("going", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

store.realise(KEY, make)
"""


@posix
def test_the_tool_of_a_killed_builder_is_waited_for(tmp_path: Path, store: Store) -> None:
    """What it still writes into the folder does not end up in the prefix."""
    child = Child(ORPHANING, tmp_path)
    assert child.end() == -signal.SIGKILL
    assert child.lines == ["going"]
    events: list[Event] = []
    place = Path(store.realise(KEY, making, emit=events.append).path)
    assert events[0].text == "a tool of a start that was killed is still at work: waiting for its end"
    time.sleep(0.7)
    assert not (place / "stray").exists()
    assert store.holding(KEY) == ()


@posix
def test_waiting_for_a_tool_can_be_cancelled(tmp_path: Path, store: Store) -> None:
    """What it writes to stays as it is for the next start."""
    Child(ORPHANING, tmp_path).end()
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(CancelledError):
        store.realise(KEY, making, cancelled=cancelled)
    assert (store.root / "prefixes" / KEY / "bin" / "python").exists()
    assert store.find(KEY) is None


def test_a_line_that_is_still_being_written_is_told_when_it_is_whole(store: Store) -> None:
    """Who follows reads whole lines only, and each once; a new build begins anew."""
    from kernel_iso.store import logs

    path = store.root / "log"
    path.parent.mkdir(parents=True)
    follower = logs.Follower(path)
    assert follower.news() == []
    first, second = (Event(phase="realise", text=text).to_text() for text in ("one", "two"))
    path.write_text(logs.begun(KEY).to_text() + "\n" + first + "\n" + second[:10])
    assert [event.text for event in follower.news()] == ["one"]
    assert follower.news() == []
    with path.open("a") as stream:
        stream.write(second[10:] + "\nnot json\n")
    assert [event.text for event in follower.news()] == ["two"]
    path.write_text(logs.begun(KEY).to_text().replace("begin", "begin ") + "\n" + second + "\n")
    assert [event.text for event in follower.news()] == ["two"]


def test_the_log_of_an_earlier_build_is_not_told_again(store: Store) -> None:
    """Who begins to wait before the new build has begun its log would read the former one."""
    from kernel_iso.store import logs

    store.realise(KEY, making)
    assert logs.Follower(store.log(KEY)).news() == []
