"""Tools and workers: what they see, what they may say, and how they end."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from kernel_iso import processes
from kernel_iso.errors import CancelledError, ConflictError, ToolError
from kernel_iso.model import Event
from kernel_iso.processes import Tools, children, redact, scrub, tools

PYTHON = sys.executable


def python(code: str) -> list[str]:
    return [PYTHON, "-I", "-c", code]


def hands(**more: object) -> Tools:
    return Tools({"PATH": os.defpath}, **more)  # type: ignore[arg-type]


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder whose modules a worker's interpreter finds."""
    folder = tmp_path / "modules"
    folder.mkdir()
    return folder


def worker(modules: Path, body: str, request: object = None, **more: object) -> object:
    """Run a handler with this body in a real worker."""
    indented = "\n".join("    " + line for line in body.splitlines())
    (modules / "probe_worker.py").write_text(
        "import sys\nfrom kernel_iso.processes import serve\n"
        f"def handler(request, tell):\n{indented}\nserve(handler)\n"
    )
    launcher = modules / "python"
    # PYTHONPATH is scrubbed on purpose; the launcher stands for an interpreter that has the module installed.
    launcher.write_text(f'#!/bin/sh\nPYTHONPATH={modules} exec {PYTHON} "$@"\n')
    launcher.chmod(0o755)
    return hands(python=str(launcher), **more).worker("probe_worker", request)


class TestScrub:
    @pytest.mark.parametrize(
        "name",
        ["UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_CACHE_DIR", "PIP_FIND_LINKS", "PIP_CONFIG_FILE",
         "CONDA_PREFIX", "CONDA_OVERRIDE_CUDA", "MAMBA_ROOT_PREFIX", "PYTHONPATH",
         "PYTHONDONTWRITEBYTECODE", "PYTHONHOME",
         "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "POETRY_HOME", "PDM_PYTHON", "HATCH_ENV", "__PYVENV_LAUNCHER__",
         "LD_PRELOAD", "FORCE_COLOR", "uv_index_url", "JPY_SESSION_NAME"],
    )  # fmt: skip
    def test_what_changes_an_installation_is_dropped(self, name: str) -> None:
        assert scrub({name: "x"}) == {}

    @pytest.mark.parametrize(
        "name",
        ["PATH", "HOME", "TMPDIR", "https_proxy", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
         "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC", "LANG", "LC_ALL", "SYSTEMROOT", "SystemRoot",
         "UV_INDEX_ACME_USERNAME", "UV_INDEX_ACME_PASSWORD", "UV_KEYRING_PROVIDER", "LD_LIBRARY_PATH",
         "CONDA_CHANNEL_ALIAS", "MAMBA_SSL_VERIFY"],
    )  # fmt: skip
    def test_what_reaches_an_index_stays(self, name: str) -> None:
        assert scrub({name: "x"}) == {name: "x"}

    def test_scrubbing_twice_changes_nothing(self) -> None:
        once = scrub(os.environ)
        assert scrub(once) == once


class TestRedact:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("https://u:p@example.org/x", "https://example.org/x"),
            ("two https://u:p@a.org/ and http://t0ken@b.org/", "two https://a.org/ and http://b.org/"),
            ("https://u:p@ss@example.org/x", "https://example.org/x"),
            ("git+ssh://git@example.org/r.git", "git+ssh://example.org/r.git"),
            ("https://user:****@example.org/", "https://example.org/"),
            ('{"url": "https://u:p@example.org/"}', '{"url": "https://example.org/"}'),
            ("https://example.org/?X-Amz-Signature=abc&a=1", "https://example.org/?X-Amz-Signature=***&a=1"),
            ("https://example.org/?access_token=abc", "https://example.org/?access_token=***"),
            ("https://example.org/?sig=abc%2F#frag", "https://example.org/?sig=***#frag"),
            ("Authorization: Basic dTpw", "Authorization: Basic ***"),
            ("mail me@example.org about numpy>=2", "mail me@example.org about numpy>=2"),
            ("https://example.org/pkg@1.0/x?page=2", "https://example.org/pkg@1.0/x?page=2"),
        ],
    )
    def test_secrets_of_urls_are_gone_and_the_rest_stays(self, text: str, expected: str) -> None:
        assert redact(text) == expected


class TestCall:
    def test_a_tool_ends_with_its_status_and_output(self) -> None:
        done = hands()(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
        assert (done.status, done.stdout, done.stderr) == (3, "out\n", "err\n")

    def test_stdin_is_what_was_given_or_closed(self) -> None:
        code = "import sys; print(repr(sys.stdin.read()))"
        assert hands()(python(code), input="hällo").stdout == "'hällo'\n"
        assert hands()(python(code)).stdout == "''\n"

    def test_a_tool_sees_a_scrubbed_environment_and_what_is_added(self) -> None:
        run = Tools({"PYTHONPATH": "/nowhere", "HOME": "/home/x"})
        code = "import os; print(os.environ.get('PYTHONPATH'), os.environ['HOME'], os.environ['EXTRA'])"
        assert run(python(code), env={"EXTRA": "1"}).stdout == "None /home/x 1\n"

    def test_the_working_folder_is_new_empty_and_gone_afterwards(self) -> None:
        where, names = hands()(
            python("import os; print(os.getcwd()); print(os.listdir())")
        ).stdout.splitlines()
        assert names == "[]"
        assert not Path(where).exists()

    def test_lines_of_stderr_come_as_they_are_said_without_secrets(self) -> None:
        lines: list[str] = []
        events: list[Event] = []
        run = hands(emit=events.append, phase="lock", key="k")
        done = run(
            python("import sys; print('GET https://u:p@example.org/', file=sys.stderr)"), on_line=lines.append
        )
        assert lines == ["GET https://example.org/"]
        assert done.stderr == "GET https://example.org/\n"
        assert [(e.phase, e.key, e.text, e.unit) for e in events] == [
            ("lock", "k", "GET https://example.org/", "log")
        ]

    def test_bytes_that_are_not_utf_8_are_replaced(self) -> None:
        assert hands()(python("import sys; sys.stdout.buffer.write(b'a\\xffb')")).stdout == "a�b"

    def test_a_chatty_tool_costs_bounded_memory_and_its_end_is_kept(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tools, "STDERR_KEPT", 1000)
        monkeypatch.setattr(tools, "STDOUT_KEPT", 1000)
        code = "import sys\nfor i in range(5000): print(i); print(i, file=sys.stderr)"
        done = hands()(python(code))
        assert done.stderr.endswith("\n4999\n")
        assert done.stdout.startswith("0\n1\n")
        assert max(len(done.stderr), len(done.stdout)) < 1100

    def test_a_tool_that_is_not_there_is_named(self) -> None:
        with pytest.raises(ToolError) as caught:
            hands()(["/nowhere/uv", "--version"])
        assert caught.value.code == "tool-missing"
        assert caught.value.what == "cannot start `/nowhere/uv`"

    def test_a_daemon_that_keeps_the_pipes_open_does_not_keep_us(self) -> None:
        began = time.monotonic()
        done = hands()(["/bin/sh", "-c", "sleep 30 & echo done"])
        assert done.stdout == "done\n"
        assert time.monotonic() - began < 5

    def test_a_step_keeps_hands_and_changes_its_name(self) -> None:
        events: list[Event] = []
        run = hands(emit=events.append, phase="lock", key="a")
        run.step("realise", "b").tell("half", 1, 2, "packages")
        assert [(e.phase, e.key, e.text, e.done, e.total, e.unit) for e in events] == [
            ("realise", "b", "half", 1, 2, "packages")
        ]
        assert run.step("x").cancelled is run.cancelled

    def test_a_descriptor_that_is_held_is_inherited(self, tmp_path: Path) -> None:
        with (tmp_path / "lock").open("w") as file:
            code = f"import os; os.fstat({file.fileno()}); print('held')"
            assert hands(holding=[file.fileno()])(python(code)).stdout == "held\n"
            assert hands()(python(code)).status == 1


class TestCancel:
    def test_cancel_ends_the_tool_and_what_it_started(self, tmp_path: Path) -> None:
        cancelled = threading.Event()
        pids: list[int] = []

        def heard(line: str) -> None:
            pids.append(int(line))
            if len(pids) == 2:
                cancelled.set()

        code = (
            "import os, subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            "print(os.getpid(), file=sys.stderr)\n"
            "print(child.pid, file=sys.stderr, flush=True); time.sleep(60)"
        )
        began = time.monotonic()
        with pytest.raises(CancelledError) as caught:
            hands(cancelled=cancelled)(python(code), on_line=heard)
        assert caught.value.code == "cancelled"
        assert time.monotonic() - began < 5
        assert [pid for pid in pids if _alive(pid)] == []

    def test_a_tool_that_ignores_the_request_is_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(children, "GRACE", 0.3)
        cancelled = threading.Event()
        pids: list[int] = []

        def heard(line: str) -> None:
            pids.append(int(line))
            cancelled.set()

        code = (
            "import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print(os.getpid(), file=sys.stderr, flush=True); time.sleep(60)"
        )
        with pytest.raises(CancelledError):
            hands(cancelled=cancelled)(python(code), on_line=heard)
        assert not _alive(pids[0])

    def test_nothing_starts_after_a_cancel(self, tmp_path: Path) -> None:
        cancelled = threading.Event()
        cancelled.set()
        with pytest.raises(CancelledError):
            hands(cancelled=cancelled)(["/bin/sh", "-c", f"touch {tmp_path}/started"])
        assert list(tmp_path.iterdir()) == []

    def test_an_error_of_the_listener_ends_the_tool(self) -> None:
        pids: list[int] = []

        def heard(line: str) -> None:
            pids.append(int(line))
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            hands()(["/bin/sh", "-c", "echo $$ >&2; exec sleep 60"], on_line=heard)
        assert not _alive(pids[0])


class TestWorker:
    def test_a_worker_answers_and_tells(self, modules: Path) -> None:
        events: list[Event] = []
        body = "print('noise'); tell('half', 1, 2, 'files')\nreturn {'sum': sum(request)}"
        assert worker(modules, body, [1, 2], emit=events.append) == {"sum": 3}
        assert [(e.text, e.done, e.total, e.unit) for e in events if e.unit != "log"] == [
            ("half", 1, 2, "files")
        ]

    def test_an_error_of_ours_travels_whole(self, modules: Path) -> None:
        body = (
            "from kernel_iso.errors import ConflictError\n"
            "raise ConflictError('c', 'w', 'b', 'h', tail=('t',))"
        )
        with pytest.raises(ConflictError) as caught:
            worker(modules, body)
        assert caught.value.to_json()["tail"] == ["t"]
        assert caught.value.code == "c"

    @pytest.mark.parametrize("body", ["raise RuntimeError('boom')", "import os; os.kill(os.getpid(), 9)"])
    def test_a_worker_that_dies_says_what_was_last(self, modules: Path, body: str) -> None:
        with pytest.raises(ToolError) as caught:
            worker(modules, body)
        assert caught.value.code == "worker-died"
        assert ("boom" in "\n".join(caught.value.tail)) == ("boom" in body)

    def test_a_worker_can_be_cancelled(self, modules: Path) -> None:
        cancelled = threading.Event()

        def emit(event: Event) -> None:
            cancelled.set()

        with pytest.raises(CancelledError):
            worker(modules, "tell('begin')\nimport time; time.sleep(60)", cancelled=cancelled, emit=emit)


def test_the_door_names_what_others_use() -> None:
    assert processes.__all__ == ["Tools", "detach", "redact", "scrub", "serve"]


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
