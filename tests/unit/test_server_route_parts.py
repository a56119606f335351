"""The parts of the routes: histories, jobs, reviews, paths, threads, statuses."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import platform
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from jupyter_events import EventLogger
from jupyter_server.services.contents.filemanager import AsyncFileContentsManager, FileContentsManager
from jupyter_server.services.contents.manager import ContentsManager

from kernel_iso import errors
from kernel_iso.engine.verbs import TABLE, Outcome
from kernel_iso.errors import (
    CancelledError,
    ImpossibleError,
    IsoError,
    NotApprovedError,
    SpecError,
    ToolError,
)
from kernel_iso.model import Emit, Event
from kernel_iso.server import announcing, failing, histories, jobs, paths, reviews
from kernel_iso.server.app import Host, KernelIso
from kernel_iso.server.histories import Began, Ended, History, Line
from kernel_iso.server.threads import Threads

KEY = "0123456789abcdef" * 2


# Histories


def write(folder: Path, *lines: Line, key: str = KEY) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{key}.ndjson"
    path.write_text("".join(line.to_text() + "\n" for line in lines))
    return path


def began(**values: Any) -> Line:
    """The first line of a job that lives: this process does it."""
    here = {"host": platform.node(), "pid": os.getpid(), "started": psutil.Process().create_time()}
    return Line(began=Began(**{"key": KEY, "verb": "add", "text": "add x", "at": 1.0, **here, **values}))


def shown(path: Path) -> tuple[str, str]:
    """State and error's code."""
    found = History(path)
    told = found.to_json(is_going=found.is_going())
    return told["state"], told.get("error", {}).get("code", "")


def test_a_history_says_what_was_asked_what_happened_and_how_it_ended(tmp_path: Path) -> None:
    """The file alone is enough; events are counted, and given from an index on."""
    writer = histories.Writer(tmp_path / "jobs", histories.began(KEY, "add", "a.ipynb", "/root", "add x"))
    for text in ("one", "two"):
        writer.add(Event(phase="lock", text=text))
    found = histories.read(tmp_path / "jobs", KEY)
    assert found is not None
    going = found.to_json(is_going=found.is_going(), since=1)
    expected = {"key": KEY, "verb": "add", "path": "a.ipynb", "text": "add x", "state": "running", "count": 2}
    assert {name: going[name] for name in expected} == expected
    assert going["events"] == [{"phase": "lock", "text": "two"}]
    writer.end(Ended(state="done", result={"a": 1}, said="done"))
    found = histories.read(tmp_path / "jobs", KEY)
    assert found is not None
    over = found.to_json(is_going=found.is_going())
    assert (over["state"], over["result"], over["said"], over["count"], over["events"]) == (
        "done", {"a": 1}, "done", 2, [],
    )  # fmt: skip


def test_a_job_whose_process_is_gone_is_lost(tmp_path: Path) -> None:
    """Another process with its number is not it; one that lives goes on; other machines cannot be asked."""
    assert shown(write(tmp_path, began())) == ("running", "")
    assert shown(write(tmp_path, began(started=1.0))) == ("failed", "job-lost")
    assert shown(write(tmp_path, began(pid=2**22 + 1))) == ("failed", "job-lost")
    elsewhere = write(tmp_path, began(host="elsewhere", pid=1))
    assert shown(elsewhere) == ("running", "")
    os.utime(elsewhere, (1, 1))
    assert shown(elsewhere) == ("failed", "job-lost")
    assert shown(write(tmp_path, began(started=1.0), Line(ended=Ended(state="cancelled")))) == (
        "cancelled",
        "",
    )


def test_a_damaged_history_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """A line that was cut off is none; a file that does not begin as one is no history."""
    path = write(tmp_path, began(), Line(event=Event(phase="lock", text="one")))
    with path.open("a") as stream:
        stream.write('nonsense\n{"event":{"phase":"lo')
    found = History(path)
    assert (found.events(), found.ended) == ([{"phase": "lock", "text": "one"}], None)
    path.write_text("")
    assert histories.read(tmp_path, KEY) is None
    path.write_text('{"event":{"phase":"lock"}}\n')
    assert list(histories.listed(tmp_path)) == []
    assert list(histories.listed(tmp_path / "none")) == []


def test_old_histories_and_too_many_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest stay, and so does what goes on."""
    monkeypatch.setattr(histories, "MOST", 2)
    names = [str(i) * 32 for i in range(5)]
    over = Line(ended=Ended(state="done"))
    for i, key in enumerate(names):
        path = write(tmp_path, began(key=key), *([] if i == 0 else [over]), key=key)
        os.utime(path, (path.stat().st_mtime - 100 + i,) * 2)
    histories.prune(tmp_path)
    assert sorted(path.stem for path in tmp_path.iterdir()) == [names[0], names[3], names[4]]
    os.utime(tmp_path / f"{names[3]}.ndjson", (1, 1))
    histories.prune(tmp_path)
    assert sorted(path.stem for path in tmp_path.iterdir()) == [names[0], names[4]]


def test_a_history_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first events are kept, and the end."""
    monkeypatch.setattr(histories, "EVENTS", 3)
    writer = histories.Writer(tmp_path, histories.began(KEY, "add", "", "", "add"))
    for i in range(10):
        writer.add(Event(phase="lock", text=str(i)))
    writer.end(Ended(state="done"))
    found = History(tmp_path / f"{KEY}.ndjson")
    assert ([event["text"] for event in found.events()], found.ended) == (
        ["0", "1", "2"],
        Ended(state="done"),
    )


# Jobs


class Desk:
    """Jobs in a loop, and what they told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[tuple[str, str]] = []
        self.jobs = jobs.Jobs(lambda event, job: self.told.append((event.phase, event.text)))

    def start(self, act: Callable[[Emit, threading.Event], Outcome], **arguments: Any) -> str:
        return self.jobs.start(self.folder, TABLE["add"], arguments, act, path="a.ipynb", root="/root")

    async def state(self, key: str) -> dict[str, Any]:
        """The job once it is over."""
        while ("job", "running") in self.told:
            found = self.jobs.one(self.folder, key, 0)
            assert found is not None
            if found["state"] != "running":
                return found
            await asyncio.sleep(0.01)
        raise AssertionError("it never began")


def test_jobs_of_other_roots_are_another_servers(tmp_path: Path) -> None:
    """Two servers of a person share a store; a path means another notebook in each. What has no path is everybody's."""
    write(tmp_path, began(root="/other", path="a.ipynb"))
    write(tmp_path, began(key="1" * 32, root="/root", path="a.ipynb"), key="1" * 32)
    write(tmp_path, began(key="2" * 32), key="2" * 32)
    told = jobs.Jobs(lambda *_: None).all(tmp_path, "/root")
    assert sorted(job["key"] for job in told) == ["1" * 32, "2" * 32]


def test_an_end_that_could_not_be_written_is_no_job_that_goes_on(tmp_path: Path) -> None:
    """The disk was full: this process lives, and its job does not."""
    write(tmp_path, began())
    found = jobs.Jobs(lambda *_: None).one(tmp_path, KEY, 0)
    assert found is not None
    assert (found["state"], found["error"]["code"]) == ("failed", "job-lost")


def test_a_cancelled_job_is_cancelled_whatever_it_raises(tmp_path: Path) -> None:
    """Its tool was killed, and failed for that reason."""

    async def course() -> tuple[str, list[tuple[str, str]]]:
        desk = Desk(tmp_path)

        def act(emit: Emit, cancelled: threading.Event) -> Outcome:
            cancelled.wait()
            raise ToolError("tool-failed", "failed", "it was killed", "again")

        key = desk.start(act)
        assert desk.jobs.cancel(tmp_path, key)
        state = (await desk.state(key))["state"]
        while len(desk.told) < 2:
            await asyncio.sleep(0.01)
        return state, desk.told

    assert asyncio.run(course()) == ("cancelled", [("job", "running"), ("job", "cancelled")])


def test_who_asks_again_after_a_cancel_gets_a_new_job(tmp_path: Path) -> None:
    """The cancelled one may take a while to end, and is joined by nobody."""

    async def course() -> list[bool]:
        desk, go = Desk(tmp_path), threading.Event()

        def act(emit: Emit, cancelled: threading.Event) -> Outcome:
            go.wait()
            return Outcome(data={})

        first = desk.start(act, packages=("x",))
        same = desk.start(act, packages=("x",))
        desk.jobs.cancel(tmp_path, first)
        after = desk.start(act, packages=("x",))
        go.set()
        await desk.state(first)
        await desk.state(after)
        return [first == same, first == after]

    assert asyncio.run(course()) == [True, False]


def test_a_store_that_cannot_be_written_begins_no_job(tmp_path: Path) -> None:
    """The three lines come at once, and nothing goes on."""
    (tmp_path / "jobs").write_text("in the way")

    async def course() -> IsoError:
        desk = Desk(tmp_path / "jobs")
        with pytest.raises(ToolError) as raised:
            desk.start(lambda emit, cancelled: Outcome(data={}))
        assert desk.told == []
        return raised.value

    assert asyncio.run(course()).code == "store-not-a-folder"


# Reviews


def test_a_reviews_number_is_good_once_for_ten_minutes_and_for_exactly_what_was_shown() -> None:
    """Whatever differs, it is refused, and spent."""
    now = [0.0]
    nonces = reviews.Nonces(lambda: now[0])
    shown = {"path": "/a.ipynb", "digest": "d", "user": "me"}

    def spend(nonce: str, **other: str) -> str:
        try:
            nonces.spend(nonce, **{**shown, **other})
        except NotApprovedError as error:
            return error.code
        return "approved"

    nonce = nonces.make("/a.ipynb", "d", "me")
    assert [spend(nonce), spend(nonce)] == ["approved", "not-reviewed"]
    for other in ({"path": "/b.ipynb"}, {"digest": "e"}, {"user": "you"}, {"user": "mé"}):
        nonce = nonces.make("/a.ipynb", "d", "me")
        assert [spend(nonce, **other), spend(nonce)] == ["not-reviewed", "not-reviewed"]
    nonce, late = nonces.make("/a.ipynb", "d", "me"), nonces.make("/a.ipynb", "d", "me")
    now[0] = 600
    assert spend(nonce) == "approved"
    now[0] = 600.1
    assert spend(late) == "not-reviewed"


def test_reviews_that_nobody_answers_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest first."""
    monkeypatch.setattr(reviews, "MOST", 2)
    nonces = reviews.Nonces()
    first, second, third = (nonces.make("/a.ipynb", "d", "me") for _ in range(3))
    for nonce in (second, third):
        nonces.spend(nonce, path="/a.ipynb", digest="d", user="me")
    with pytest.raises(NotApprovedError):
        nonces.spend(first, path="/a.ipynb", digest="d", user="me")


# Paths


@pytest.mark.parametrize("manager", [FileContentsManager, AsyncFileContentsManager])
def test_paths_go_through_the_contents_manager(manager: type, tmp_path: Path) -> None:
    """As it serves files; what it refuses is outside, and so is what only looks as if it were inside."""
    made = manager(root_dir=str(tmp_path))
    (tmp_path / ".hidden").mkdir()

    def real(path: str) -> str:
        try:
            return asyncio.run(paths.real(made, path))
        except SpecError as error:
            return error.code

    assert real("sub/a b.ipynb") == str(tmp_path / "sub" / "a b.ipynb")
    assert real("/etc/passwd") == str(tmp_path / "etc" / "passwd")
    for path in ("../a.ipynb", "sub/../../a.ipynb", "sub\\..\\..\\a", "a\0b", ".hidden/a.ipynb"):
        assert (path, real(path)) == (path, "path-outside-root")
    assert paths.api(made, str(tmp_path / "sub" / "a b.ipynb")) == "sub/a b.ipynb"
    assert [paths.api(made, path) for path in ("", "/elsewhere/a.ipynb", str(tmp_path))] == ["", "", ""]


def test_a_root_that_is_a_link_is_known_by_both_its_names(tmp_path: Path) -> None:
    """The engine follows links, the contents manager does not."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    made = FileContentsManager(root_dir=str(tmp_path / "link"))
    known = [paths.api(made, str(tmp_path / name / "a.ipynb")) for name in ("real", "link")]
    assert known == ["a.ipynb", "a.ipynb"]


def test_a_preparations_events_carry_the_path_that_pages_know(tmp_path: Path) -> None:
    """Pages compare it with their own; what is not below the root has none."""
    logger, heard = EventLogger(), []
    announcing.register(logger)
    logger.register_handler(handler := logging.Handler())
    handler.emit = lambda record: heard.append(json.loads(handler.format(record)))  # type: ignore[method-assign]
    app = SimpleNamespace(event_logger=logger, contents_manager=FileContentsManager(root_dir=str(tmp_path)))
    host = Host(app, KernelIso())
    host.tell(Event(phase="realise"), "k", str(tmp_path / "sub" / "a.ipynb"))
    host.tell(Event(phase="realise"), "k", "/elsewhere/a.ipynb")
    assert [event.get("path") for event in heard] == ["sub/a.ipynb", None]


def test_a_contents_manager_without_files_has_none() -> None:
    """A notebook in a bucket is nothing that a kernel could be started for."""
    with pytest.raises(ImpossibleError) as raised:
        asyncio.run(paths.real(ContentsManager(), "a.ipynb"))
    assert (raised.value.code, paths.root(ContentsManager())) == ("not-a-file-here", "")


def test_only_an_interpreter_of_a_kernel_is_asked(tmp_path: Path) -> None:
    """Its other names in the same folder are it, `python` is the server's own; an environment's link to it is another."""
    (tmp_path / "bin").mkdir()
    for name in ("python3", "python"):
        (tmp_path / "bin" / name).symlink_to(sys.executable)
    specs = {"mine": {"spec": {"argv": [str(tmp_path / "bin" / "python3")]}}, "odd": {"spec": {"argv": []}}}
    manager = SimpleNamespace(get_all_specs=lambda: specs)
    for known in (str(tmp_path / "bin" / "python"), sys.executable):
        assert asyncio.run(paths.interpreter(manager, known)) == known
    (tmp_path / "python").symlink_to(sys.executable)
    assert asyncio.run(paths.interpreter(manager, "python")) == sys.executable
    for other in (str(tmp_path / "python"), "/bin/sh", "python2"):
        with pytest.raises(SpecError) as raised:
            asyncio.run(paths.interpreter(manager, other))
        assert raised.value.code == "path-outside-root"


# Threads and statuses


def test_no_more_threads_than_allowed_and_the_loop_goes_on() -> None:
    """The others wait for their turn, and what is raised comes back."""

    async def course() -> tuple[int, list[int]]:
        threads, go, inside, most = Threads(3), threading.Event(), [0], [0]
        turn = threading.Lock()

        def work(number: int) -> int:
            with turn:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            go.wait()
            with turn:
                inside[0] -= 1
            return number

        waiting = [asyncio.ensure_future(threads.run(lambda i=i: work(i))) for i in range(10)]  # type: ignore[misc]
        while most[0] < 3:
            await asyncio.sleep(0)
        assert not any(future.done() for future in waiting)
        go.set()
        done = await asyncio.gather(*waiting)
        with pytest.raises(CancelledError):
            await threads.run(lambda: _raise(CancelledError("cancelled", "a", "b", "c")))
        return most[0], list(done)

    assert asyncio.run(course()) == (3, list(range(10)))


def _raise(error: Exception) -> None:
    raise error


def test_every_kind_of_error_has_a_status() -> None:
    """A kind that is added needs one: 500 is for mistakes of ours."""
    found = {kind: failing.status(cls("a-code", "a", "b", "c")) for kind, cls in errors.KINDS.items()}
    assert found == {
        "error": 500, "spec": 422, "impossible": 409, "conflict": 409, "tool": 502, "build": 502,
        "not-approved": 403, "cancelled": 409,
    }  # fmt: skip


def test_a_mistake_of_ours_is_told_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """The server's log has the traceback."""
    told = failing.as_error(ValueError("https://me:hunter2@example.org/simple"))
    assert (told.code, told.because) == ("internal-error", "ValueError: https://example.org/simple")
    assert [record.exc_info is not None for record in caplog.records] == [True]
    assert json.loads(json.dumps(told.to_json()))["kind"] == "error"
