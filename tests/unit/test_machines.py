"""What a machine tells of itself, and how long that is remembered."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import fakes
import pytest

from kernel_iso import discovery, machines
from kernel_iso.errors import ToolError
from kernel_iso.guest import probe
from kernel_iso.model import Done, Machine, Python

SOURCE = Path(probe.__file__).read_text(encoding="utf-8")
# The probe's own floor: it runs on login nodes before any prefix is made there.
PYTHONS = [each for each in discovery.pythons(os.environ, home=Path.home()) if each.sort_key[:2] >= (3, 6)]
assert PYTHONS, "there is no interpreter here to run the probe on"

FACTS = {"os": "linux", "arch": "x86_64", "libc": "glibc 2.36", "accelerators": [], "findings": []}


class Answers:
    """A `Run` that answers with one text, and counts how often it is asked."""

    def __init__(self, stdout: str = json.dumps(FACTS), status: int = 0, stderr: str = "") -> None:
        self.done = Done(status=status, stdout=stdout, stderr=stderr)
        self.asked: list[tuple[list[str], str]] = []

    def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        input: str = "",
        on_line: Callable[[str], None] | None = None,
    ) -> Done:
        self.asked.append((list(argv), input))
        return self.done

    def worker(self, module: str, request: object, *, python: str = "") -> object:
        raise NotImplementedError

    def tell(self, text: str, done: int | None = None, total: int | None = None, unit: str = "") -> None:
        raise NotImplementedError


class Real(Answers):
    """A `Run` that runs."""

    def __call__(  # type: ignore[override]
        self, argv: Sequence[str], *, input: str = "", env: Mapping[str, str] | None = None, **more: object
    ) -> Done:
        self.asked.append((list(argv), input))
        every = {**os.environ, **(env or {})}
        done = subprocess.run(argv, input=input, capture_output=True, text=True, env=every)
        return Done(status=done.returncode, stdout=done.stdout, stderr=done.stderr)


def test_the_probe_keeps_to_the_grammar_of_python_3_6() -> None:
    """It parses as Python 3.6, and imports only what that has."""
    tree = ast.parse(SOURCE, feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    needed = {
        "ctypes",
        "glob",
        "json",
        "os",
        "platform",
        "re",
        "select",
        "signal",
        "subprocess",
        "sys",
        "threading",
        "time",
    }
    # `typing` is not imported when it runs.
    assert imported == needed | {"typing"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.NamedExpr)]


@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: f"{python.version}-{python.source}")
def test_the_probe_tells_the_same_on_every_python_here(python: Python) -> None:
    """Every interpreter here answers on its last line with the facts that the engine sees itself."""
    done = subprocess.run([python.path, "-I", "-"], input=SOURCE, capture_output=True, text=True, check=True)
    here = machines.here(run=Real(), environ=os.environ)
    assert Machine.from_json(json.loads(done.stdout.splitlines()[-1])) == here
    assert done.stderr == ""


def test_the_probe_needs_no_site_packages_nor_environment(tmp_path: Path) -> None:
    """It answers in an empty environment, in a folder whose json.py is a trap."""
    (tmp_path / "json.py").write_text("raise SystemExit('trapped')\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-"], input=SOURCE, capture_output=True, text=True, cwd=tmp_path, env={}
    )
    told = json.loads(done.stdout)
    assert (0, probe.host()) == (done.returncode, {**told, "accelerators": [], "findings": []})


@pytest.mark.parametrize(
    ("machine", "system", "expected"),
    [
        ("x86_64", "linux", "x86_64"),
        ("AMD64", "windows", "x86_64"),
        ("aarch64", "linux", "aarch64"),
        ("arm64", "linux", "aarch64"),
        ("arm64", "macos", "arm64"),
        ("ARM64", "windows", "arm64"),
        ("ppc64le", "linux", "ppc64le"),
    ],
)
def test_processors_are_named_as_wheels_name_them(machine: str, system: str, expected: str) -> None:
    """One processor has one name on one system."""
    assert expected == probe.arch_name(machine, system)


def test_musl_tells_its_version_through_its_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `confstr` knows no glibc, the loader is run; without a loader the library is not known."""
    loader = tmp_path / "ld-musl-x86_64.so.1"
    loader.write_text(
        "#!/bin/sh\nprintf 'musl libc (x86_64)\\nVersion 1.2.5\\n' >&2\nexit 1\n", encoding="utf-8"
    )
    loader.chmod(0o755)

    def unknown(name: str) -> str:
        raise ValueError(name)

    monkeypatch.setattr(probe.os, "confstr", unknown)
    monkeypatch.setattr(probe.glob, "glob", lambda pattern: [str(tmp_path / "gone"), str(loader)])
    monkeypatch.setattr(probe.sys, "platform", "linux")
    assert probe.libc() == "musl 1.2"
    monkeypatch.setattr(probe.glob, "glob", lambda pattern: [])
    assert probe.libc() == ""


def test_the_machine_here_has_the_pythons_it_is_given() -> None:
    """The engine's own machine needs no subprocess."""
    python = Python(version="3.12.1", path="/p")
    here = machines.here((python,))
    assert ((python,), probe.host()["os"]) == (here.pythons, here.os)


def test_an_interpreter_is_sent_the_probe() -> None:
    """`python -I -` with the probe on its standard input; the last line of its answer is the machine."""
    run = Answers("a banner of the login node\n" + json.dumps(FACTS) + "\n")
    python = Python(version="3.12.1", path="/p")
    machine = machines.probe(run, python="/usr/bin/python3", cache=None, pythons=(python,))
    assert run.asked == [(["/usr/bin/python3", "-I", "-"], SOURCE)]
    assert machine == Machine(os="linux", arch="x86_64", libc="glibc 2.36", pythons=(python,))


def test_a_real_interpreter_answers(tmp_path: Path) -> None:
    """The probe through a real process is the machine that the engine sees."""
    here = machines.here(run=Real(), environ=os.environ)
    assert here == machines.probe(Real(), python=sys.executable, cache=tmp_path / "machine.json")


def test_the_answer_is_remembered(tmp_path: Path) -> None:
    """The second time no interpreter is asked; the Pythons are those of the call; no other file is left."""
    run, cache = Answers(), tmp_path / "deep" / "machine.json"
    machines.probe(run, python="/p", cache=cache)
    python = Python(version="3.12.1", path="/p")
    again = machines.probe(run, python="/p", cache=cache, pythons=(python,))
    assert (1, (python,)) == (len(run.asked), again.pythons)
    assert [path.name for path in cache.parent.iterdir()] == ["machine.json"]


def test_another_interpreter_is_asked_anew(tmp_path: Path) -> None:
    """Two interpreters on one machine may be of two C libraries."""
    run, cache = Answers(), tmp_path / "machine.json"
    for python in ("/one", "/two"):
        machines.probe(run, python=python, cache=cache)
    assert [argv[0] for argv, _ in run.asked] == ["/one", "/two"]


def test_another_boot_is_asked_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver may be another one after the machine was booted."""
    run, cache = Answers(), tmp_path / "machine.json"
    for boot in ("one", "two"):
        monkeypatch.setattr(machines, "boot", lambda boot=boot: boot)
        machines.probe(run, python="/p", cache=cache)
    assert len(run.asked) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        "7",
        "null",
        "[7]",
        '[{"key": 1}]',
        '[{"key": "KEY", "until": UNTIL}]',
        '[{"key": "KEY", "machine": {"os": 7}, "until": UNTIL}]',
        "\x00\xff",
    ],
)
def test_a_damaged_cache_is_passed_over_and_mended(tmp_path: Path, text: str) -> None:
    """Whatever the file holds, the machine is asked, and the next time it is remembered again."""
    run, cache = Answers(), tmp_path / "machine.json"
    machines.probe(run, python="/p", cache=cache)
    key = json.loads(cache.read_text(encoding="utf-8"))[0]["key"]
    until = str(int(time.time()) + 600)
    cache.write_text(text.replace("KEY", key).replace("UNTIL", until), encoding="utf-8")
    for _ in range(2):
        assert machines.probe(run, python="/p", cache=cache).os == "linux"
    assert len(run.asked) == 2


def test_a_cache_that_cannot_be_written_costs_only_the_memory(tmp_path: Path) -> None:
    """A file where the folder should be stops nothing."""
    (tmp_path / "file").touch()
    assert machines.probe(Answers(), python="/p", cache=tmp_path / "file" / "machine.json").os == "linux"


@pytest.mark.parametrize(
    ("answers", "because"),
    [
        (Answers(status=127, stderr="not found"), "it ended with status 127"),
        (Answers(""), "Expecting value"),
        (Answers("Traceback"), "Expecting value"),
        (Answers('{"os": "linux"}'), "missing required field `arch`"),
        (Answers('["linux"]'), "Expected `object`"),
    ],
)
def test_an_interpreter_that_does_not_answer_is_an_error(
    tmp_path: Path, answers: Answers, because: str
) -> None:
    """The three lines name the interpreter and what came instead, and nothing is remembered."""
    cache = tmp_path / "machine.json"
    with pytest.raises(ToolError) as caught:
        machines.probe(answers, python="/opt/python", cache=cache)
    assert caught.value.code == "probe-failed"
    assert "`/opt/python -I -`" in caught.value.because
    assert because in caught.value.because
    assert not cache.exists()


def test_a_failed_probe_shows_the_last_lines(tmp_path: Path) -> None:
    """What the interpreter wrote is the tail of the error."""
    run = Answers(status=1, stderr="\n".join(f"line {number}" for number in range(20)))
    with pytest.raises(ToolError) as caught:
        machines.probe(run, python="/p", cache=None)
    assert tuple(f"line {number}" for number in range(10, 20)) == caught.value.tail


def test_the_time_of_the_boot_stands_in_for_a_boot_id(tmp_path: Path) -> None:
    """Where the kernel gives no id, two looks at the same boot are still the same."""
    missing = tmp_path / "boot_id"
    assert machines.boot(missing) == machines.boot(missing)
    assert machines.boot(missing).startswith("booted at ")


def test_a_remembered_machine_is_read_in_less_than_a_millisecond(tmp_path: Path) -> None:
    """The best of twenty reads."""
    cache = tmp_path / "machine.json"
    machines.probe(Answers(), python="/p", cache=cache)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        machines.probe(Answers(), python="/p", cache=cache)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.001


# ---- the engine's own machine, where there is a driver


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment in which NVIDIA's driver tells of one GPU."""
    if fakes.COMPILER is None or sys.platform != "linux":
        pytest.skip("there is no C compiler to make a stand-in driver with, or none of Linux")
    monkeypatch.setenv("FAKE_GPUS", "NVIDIA H200,GPU-1234,9.0,143771")
    fakes.library("libcuda.so.1", tmp_path / "lib")
    return {"LD_LIBRARY_PATH": str(fakes.library("libnvidia-ml.so.1", tmp_path / "lib").parent)}


def test_the_driver_is_asked_once(driver: dict[str, str], tmp_path: Path) -> None:
    """Its answer is remembered; the Pythons are those of the call."""
    run, cache, python = Real(), tmp_path / "machine.json", Python(version="3.12.1", path="/p")
    for pythons in ((), (python,)):
        here = machines.here(pythons, run=run, cache=cache, environ=driver)
        assert [each.architecture for each in here.accelerators] == ["9.0"]
        assert pythons == here.pythons
    assert [argv for argv, _ in run.asked] == [[sys.executable, "-I", "-"]]


@pytest.mark.parametrize("name", probe.VARIABLES)
def test_each_variable_that_counts_asks_the_driver_anew(
    driver: dict[str, str], tmp_path: Path, name: str
) -> None:
    """An answer for one environment is not one for another, and both are remembered."""
    run, cache = Answers(), tmp_path / "machine.json"
    other = {**driver, name: driver.get(name, "") + ":7"}
    for environ in (driver, other, {**driver, "OTHER": "7"}, other):
        machines.here(run=run, cache=cache, environ=environ)
    assert len(run.asked) == 2


def test_another_driver_is_asked_anew(driver: dict[str, str], tmp_path: Path) -> None:
    """A library with another size or time is another driver."""
    run, cache = Answers(), tmp_path / "machine.json"
    machines.here(run=run, cache=cache, environ=driver)
    with (tmp_path / "lib" / "libnvidia-ml.so.1").open("ab") as file:
        file.write(b"more")
    machines.here(run=run, cache=cache, environ=driver)
    assert len(run.asked) == 2


@pytest.mark.parametrize(
    ("facts", "seconds", "asked"),
    [
        ({**FACTS, "findings": ["broken"]}, 500, 1),
        ({**FACTS, "findings": ["broken"]}, 700, 2),
        ({**FACTS, "findings": ["odd"], "accelerators": [{"kind": "cuda"}]}, 700, 1),
        (FACTS, 20 * 3600, 1),
        (FACTS, 25 * 3600, 2),
    ],
)
def test_a_broken_driver_is_asked_again_soon(
    driver: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    facts: dict[str, object],
    seconds: int,
    asked: int,
) -> None:
    """Somebody may have mended it without a boot; every other answer is good for a day."""
    run, cache, now = Answers(json.dumps(facts)), tmp_path / "machine.json", time.time()
    machines.here(run=run, cache=cache, environ=driver)
    monkeypatch.setattr(machines.time, "time", lambda: now + seconds)
    machines.here(run=run, cache=cache, environ=driver)
    assert asked == len(run.asked)


def test_the_cache_does_not_grow_for_ever(driver: dict[str, str], tmp_path: Path) -> None:
    """The newest sixteen answers stay."""
    run, cache = Answers(), tmp_path / "machine.json"
    for number in (*range(20), 19, 0):
        machines.here(run=run, cache=cache, environ={**driver, "CUDA_VISIBLE_DEVICES": str(number)})
    assert (len(run.asked), len(json.loads(cache.read_text(encoding="utf-8")))) == (21, 16)


def test_a_probe_that_fails_is_a_finding(driver: dict[str, str], tmp_path: Path) -> None:
    """The machine is told without its accelerators, and that is remembered for a while."""
    run, cache = Answers(status=-11), tmp_path / "machine.json"
    for _ in range(2):
        here = machines.here(run=run, cache=cache, environ=driver)
        assert (probe.host()["os"], ()) == (here.os, here.accelerators)
        assert "it ended with status -11" in here.findings[0]
    assert len(run.asked) == 1


def test_a_remembered_driver_costs_a_few_milliseconds(driver: dict[str, str], tmp_path: Path) -> None:
    """The best of twenty."""
    run, cache, times = Answers(), tmp_path / "machine.json", []
    for _ in range(20):
        start = time.perf_counter()
        machines.here(run=run, cache=cache, environ=driver)
        times.append(time.perf_counter() - start)
    assert (len(run.asked), min(times) < 0.003) == (1, True)


def test_without_a_trace_of_a_driver_nothing_is_run(tmp_path: Path) -> None:
    """No process, no file, and less than a millisecond."""
    run, cache, times = Answers(), tmp_path / "machine.json", []
    for _ in range(20):
        start = time.perf_counter()
        here = machines.here(run=run, cache=cache, environ={"PATH": "/bin"}, root=str(tmp_path))
        times.append(time.perf_counter() - start)
    assert (here.accelerators, here.findings, run.asked, cache.exists()) == ((), (), [], False)
    assert min(times) < 0.001
