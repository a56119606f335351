"""Slow verbs of a real server, and that nobody waits for another."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gated_client import API, KEY, begun, configured, ended, jobs, log, notebook, post
from waiting_client import Server, running, stop, wait_until


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the module, below a base URL as under a hub."""
    folder = configured(tmp_path_factory.mktemp("server") / "gated")
    with running(folder, base="/user/me", GATED=str(folder), PYTHONPATH="") as made:
        yield made


@pytest.fixture
def server(one_server: Server) -> Iterator[Server]:
    """The module's server with its gate shut and nothing denied."""
    for name in ("open", "denied", "log", "asked"):
        (one_server.folder / name).unlink(missing_ok=True)
    yield one_server
    (one_server.folder / "open").touch()
    wait_until(lambda: not [job for job in jobs(one_server) if job["state"] == "running"])
    one_server.close_sockets()


# Slow verbs


def test_a_slow_verb_is_a_job_that_can_be_followed_and_is_remembered(server: Server) -> None:
    """Its events go to the bus with its key and the notebook's path; its history grows, and says how it ended."""
    bus = server.socket("/api/events/subscribe")
    path = notebook(server, "sub/nb.ipynb")
    key = begun(server, "polars", path="sub/nb.ipynb")
    going = server.request("GET", f"{API}/jobs/{key}")[1]
    assert (going["state"], going["count"], going["events"][0]["text"]) == ("running", 1, "waiting")
    assert [job["key"] for job in jobs(server) if job["state"] == "running"] == [key]
    (server.folder / "open").touch()
    over = ended(server, key)
    assert (over["verb"], over["path"], over["text"]) == ("gate slow", "sub/nb.ipynb", "gate slow polars")
    assert (over["state"], over["said"], over["result"]["target"]) == ("done", "passed the gate", str(path))
    assert [event["text"] for event in over["events"]] == ["waiting", "passed"]
    since = server.request("GET", f"{API}/jobs/{key}?since=1")[1]
    assert ([event["text"] for event in since["events"]], since["count"]) == (["passed"], 2)
    heard: list[tuple[str, str]] = []
    while ("job", "done") not in heard:
        event = json.loads(bus.recv())
        if event.get("job") == key:
            heard.append((event["phase"], event["text"]))
            assert (event["notebook"], event["path"]) == (str(path), "sub/nb.ipynb")
    assert heard == [("job", "running"), ("gate", "waiting"), ("gate", "passed"), ("job", "done")]


def test_the_same_wish_joins_the_job_that_goes_on(server: Server) -> None:
    """A second tab, or a second click: one job. Another notebook or another wish has its own."""
    notebook(server, "one.ipynb")
    notebook(server, "two.ipynb")
    key = begun(server, "x", path="one.ipynb")
    assert post(server, "gate-slow", path="one.ipynb", arguments={"packages": ["x"]})[1] == {"key": key}
    others = {begun(server, "x", path="two.ipynb"), begun(server, "y", path="one.ipynb")}
    assert len(others - {key}) == 2
    (server.folder / "open").touch()
    assert [ended(server, item)["state"] for item in (key, *others)] == ["done"] * 3
    assert begun(server, "x", path="one.ipynb") not in {key, *others}


def test_a_job_can_be_cancelled(server: Server) -> None:
    """It ends, says so, and the same wish after it is a new job."""
    key = begun(server, "x")
    status, answer, _ = server.request("DELETE", f"{API}/jobs/{key}")
    assert (status, answer) == (204, None)
    over = ended(server, key)
    assert (over["state"], over["error"]["code"]) == ("cancelled", "cancelled")
    assert log(server) == ["in", "cancelled"]
    assert server.request("DELETE", f"{API}/jobs/{key}")[0] == 204
    assert begun(server, "x") != key


def test_a_job_that_fails_says_why(server: Server) -> None:
    """The three lines are in its history, and in the last event."""
    (server.folder / "open").touch()
    over = ended(server, post(server, "gate-slow", arguments={"packages": ["conflict"]})[1]["key"])
    assert (over["state"], over["error"]["code"], "result" in over) == ("failed", "versions-conflict", False)
    defect = ended(server, post(server, "gate-slow", arguments={"packages": ["defect"]})[1]["key"])
    assert (defect["state"], defect["error"]["code"]) == ("failed", "internal-error")


def test_what_is_not_there_is_not_found(server: Server) -> None:
    """A job, its cancelling; the log of a prefix without one is empty."""
    status, answer, _ = server.request("GET", f"{API}/jobs/{KEY}")
    assert (status, answer["error"]["code"]) == (404, "no-such-job")
    assert server.request("DELETE", f"{API}/jobs/{KEY}")[0] == 404
    assert server.request("GET", f"{API}/logs/{KEY}?since=0")[1] == {"events": [], "count": 0}
    status, answer, _ = server.request("GET", f"{API}/logs/{KEY}?since=-1")
    assert (status, answer["error"]["code"]) == (422, "bad-argument")
    status, answer, _ = server.request("GET", f"{API}/frontends/{KEY}/share/jupyter/nbextensions/x.js")
    assert (status, answer["error"]["code"]) == (404, "no-such-frontend")


def test_histories_outlive_the_server_and_a_killed_ones_jobs_are_lost(tmp_path: Path) -> None:
    """After SIGKILL nothing says the end; after SIGTERM the job was cancelled."""
    folder = configured(tmp_path / "mortal")
    with running(folder, GATED=str(folder), PYTHONPATH="") as first:
        (folder / "open").touch()
        done = post(first, "gate-slow", arguments={"packages": ["done"]})[1]["key"]
        assert ended(first, done)["state"] == "done"
        (folder / "open").unlink()
        lost = begun(first, "lost")
        first.process.kill()
        first.process.wait()
    with running(folder, GATED=str(folder), PYTHONPATH="") as second:
        told = {job["key"]: job for job in jobs(second)}
        assert {key: job["state"] for key, job in told.items()} == {done: "done", lost: "failed"}
        assert told[lost]["error"]["code"] == "job-lost"
        cancelled = begun(second, "cancelled")
        store = str(folder / "store")
        with running(tmp_path / "other", GATED=str(folder), PYTHONPATH="", KERNEL_ISO_STORE=store) as other:
            status, answer, _ = other.request("DELETE", f"{API}/jobs/{cancelled}")
            assert (status, answer["error"]["code"]) == (409, "job-elsewhere")
            stop(second.process)
            assert other.request("GET", f"{API}/jobs/{cancelled}")[1]["state"] == "cancelled"


# Nobody waits for another


def test_a_hundred_clients_that_wait_hold_up_nobody_else(server: Server) -> None:
    """While all of them wait, the server answers others; then each gets its answer."""
    with ThreadPoolExecutor(100) as pool:
        waiting = [pool.submit(post, server, "gate", arguments={"packages": [str(i)]}) for i in range(100)]
        wait_until(lambda: log(server).count("in") >= 10)
        assert server.request("GET", "/api/status")[0] == 200
        key = begun(server, "slow")  # a job waits for no quick verb's turn
        assert not any(future.done() for future in waiting)
        (server.folder / "open").touch()
        answers = [future.result() for future in waiting]
    assert [status for status, _ in answers] == [200] * 100
    assert [answer["result"]["packages"] for _, answer in answers] == [[str(i)] for i in range(100)]
    assert ended(server, key)["state"] == "done"


def test_a_hundred_real_questions_at_once_are_all_answered(server: Server) -> None:
    """`inspect` and `plan` of real notebooks, while the server goes on answering pings."""
    for i in range(10):
        notebook(server, f"many/{i}.ipynb")
    over = threading.Event()
    pings: list[int] = []

    def ping() -> None:
        while not over.is_set():
            pings.append(server.request("GET", "/api/status")[0])

    with ThreadPoolExecutor(101) as pool:
        pinging = pool.submit(ping)
        asked = [
            pool.submit(post, server, ("inspect", "plan")[i % 2], path=f"many/{i % 10}.ipynb")
            for i in range(100)
        ]
        statuses = [future.result()[0] for future in asked]
        over.set()
        pinging.result()
    assert statuses == [200] * 100
    assert set(pings) == {200}


def test_a_page_that_goes_away_takes_its_question_along(server: Server) -> None:
    """What it asked is cancelled."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(
        "POST", f"{server.base}{API}/verbs/gate", body="{}", headers={"Authorization": "token t"}
    )
    wait_until(lambda: log(server) == ["in"])
    connection.close()
    wait_until(lambda: log(server) == ["in", "cancelled"])
