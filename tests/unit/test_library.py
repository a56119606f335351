"""`IsolatedEnvironment` with a local index and the real uv: what each call does, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wheelhouse import Wheelhouse

import kernel_iso
from kernel_iso import IsolatedEnvironment
from kernel_iso.engine.calling import CallError
from kernel_iso.errors import ConflictError, IsoError, SpecError, ToolError
from kernel_iso.model import Event
from kernel_iso.model.applications import Application
from kernel_iso.store import applications
from kernel_iso.store.places import Places

Make = Callable[..., IsolatedEnvironment]

TOOL = """
import json, os, sys, warnings

def told(*words, **more):
    print("this goes to standard error")
    return {"words": words, "more": more, "prefix": sys.prefix}

def fails():
    raise KeyError("no such thing")

def odd():
    return object()

def leaves():
    sys.exit(3)

def dies():
    os._exit(9)
"""


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    """A few packages: two exclude each other, one has functions to call and a command."""
    with Wheelhouse() as house:
        house.wheel("green", "1.0")
        house.wheel("green", "2.0")
        house.wheel("blue", "1.0", requires=["green<2"])
        house.wheel("blue", "2.0", requires=["green>=2"])
        house.wheel("red", "1.0", requires=["green<2"])
        house.wheel("red", "2.0", requires=["green>=2"])
        scripts = {
            "tool/work.py": TOOL,
            "tool-1.0.dist-info/entry_points.txt": "[console_scripts]\ntool = tool.work:told\n",
        }
        house.wheel("tool", "1.0", files=scripts)
        yield house


@pytest.fixture
def settings(environ: dict[str, str], index: Wheelhouse, tmp_path: Path) -> dict[str, str]:
    """An environment whose policy knows this index alone, with a cache of its own: ports come again."""
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f'cache = "{tmp_path / "cache"}"\nindexes = [{{name = "local", url = "{index.url}"}}]\n'
    )
    return {**environ, "KERNEL_ISO_CONFIG": str(policy)}


@pytest.fixture
def make(settings: dict[str, str], tmp_path: Path) -> Make:
    """An environment at `tmp_path / "env"`, or what is said otherwise."""

    def made(**more: object) -> IsolatedEnvironment:
        return IsolatedEnvironment(**{"path": tmp_path / "env", "environ": settings, **more})  # type: ignore[arg-type]

    return made


def test_it_begins_empty_and_is_filled_step_by_step(make: Make) -> None:
    env = make()
    assert env.install_environment() is True
    assert env.packages() == {}
    assert env.pip_install("blue<2") is True
    assert env.packages() == {"blue": "1.0", "green": "1.0"}
    assert env.pip_install("tool") is True
    assert env.packages() == {"blue": "1.0", "green": "1.0", "tool": "1.0"}


def test_the_same_calls_of_the_next_run_do_nothing(make: Make, index: Wheelhouse) -> None:
    """No index is asked, and no file of the environment is written."""
    for _ in range(2):
        env = make()
        done = (env.install_environment(), env.pip_install("blue"), env.pip_install("tool"))
        before = len(index.requests)
        written = env._folder.manifest.stat().st_mtime_ns
    assert done == (False, False, False)
    assert (len(index.requests), env._folder.manifest.stat().st_mtime_ns) == (before, written)


def test_other_requirements_bring_it_up_to_date_in_place(make: Make) -> None:
    """What stays is not installed again: a file beside it survives."""
    make().pip_install(["blue<2", "tool"])
    mark = next(make().path.rglob("tool/work.py")).with_name("mark")
    mark.touch()
    assert make().pip_install("blue>=2") is True
    assert make().packages() == {"blue": "2.0", "green": "2.0", "tool": "1.0"}
    assert mark.exists()


def test_what_an_earlier_version_asked_for_gives_way(make: Make) -> None:
    """The next version of an application moves two packages on that need each other's generation: one call after another."""
    first = make()
    first.pip_install("blue<2")
    first.pip_install("red<2")
    second = make()
    assert second.pip_install("blue>=2") is True
    assert second.packages() == {"blue": "2.0", "green": "2.0"}
    assert second.pip_install("red>=2") is True
    assert second.packages() == {"blue": "2.0", "green": "2.0", "red": "2.0"}


def test_what_this_process_asked_for_does_not_give_way(make: Make) -> None:
    env = make()
    env.pip_install("blue<2")
    with pytest.raises(ConflictError) as caught:
        env.pip_install("red>=2")
    assert caught.value.code == "no-versions-fit"
    assert env.packages() == {"blue": "1.0", "green": "1.0"}


def test_another_python_makes_it_anew(make: Make) -> None:
    minors = {minor for minor in ("3.9", "3.10", "3.11", "3.12", "3.13") if _python(minor)}
    one, other = sorted(minors)[:2]
    make(python=one).pip_install("blue")
    again = make(python=other)
    assert again.install_environment() is True
    out = again.run(
        ["python", "-c", "import blue, sys; print(*sys.version_info[:2], sep='.')"],
        capture_output=True,
        text=True,
    )
    assert out.stdout.strip() == other
    assert make().install_environment() is False  # who asks for none takes the one that is there


def _python(minor: str) -> bool:
    from kernel_iso import discovery

    return any(
        each.minor == minor for each in discovery.pythons(os.environ, home=Path.home(), own=sys.executable)
    )


def test_a_half_made_one_is_made_again_by_whatever_comes_next(make: Make, index: Wheelhouse) -> None:
    make().pip_install(["blue<2", "tool"])
    for broken in (lambda env: env._folder.begin(), lambda env: Path(env.python).unlink()):
        broken(make())
        assert make().run(["tool"], capture_output=True).returncode == 1  # what `told` returns is a status
        assert make().packages() == {"blue": "1.0", "green": "1.0", "tool": "1.0"}


def test_a_moved_one_is_made_again_where_it_is(make: Make, tmp_path: Path) -> None:
    make().pip_install("blue<2")
    (tmp_path / "env").rename(tmp_path / "other")
    other = make(path=tmp_path / "other")
    assert other.packages() == {"blue": "1.0", "green": "1.0"}
    assert other.python.startswith(str(tmp_path / "other"))


def test_what_cannot_be_fetched_leaves_what_was_to_be_there(make: Make, index: Wheelhouse) -> None:
    """The change fails half way; the next call has the environment as it was."""
    env = make()
    env.pip_install("blue<2")
    next(each for each in index.artefacts if each.filename.startswith("tool-")).cut()
    with pytest.raises(ToolError):
        env.pip_install("tool")
    assert make().packages() == {"blue": "1.0", "green": "1.0"}


def test_nothing_is_used_before_it_is_made(make: Make) -> None:
    for use in (
        make().packages,
        make().environment,
        lambda: make().run(["python"]),
        lambda: make().call("a:b"),
    ):
        with pytest.raises(SpecError) as caught:
            use()
        assert caught.value.code == "environment-not-made"


def test_its_variables_lead_nowhere_else(make: Make, settings: dict[str, str]) -> None:
    outer = {**settings, "PYTHONPATH": "/x", "VIRTUAL_ENV": "/y", "PIP_TARGET": "/z", "MINE": "1"}
    env = make(environ=outer)
    env.install_environment()
    inner = env.environment()
    assert inner["PATH"].split(os.pathsep)[0] == str(env.path / "bin")
    assert inner["VIRTUAL_ENV"] == str(env.path)
    assert inner["PYTHONNOUSERSITE"] == "1"
    assert inner["MINE"] == "1"
    assert [name for name in ("PYTHONPATH", "PIP_TARGET") if name in inner] == []
    code = "import sys; print(sys.prefix)"
    assert subprocess.check_output(["python", "-c", code], env=inner, text=True).strip() == str(env.path)


def test_run_takes_the_options_of_subprocess(make: Make) -> None:
    env = make()
    env.install_environment()
    code = "import os, sys; print(os.environ['MINE'], sys.prefix)"
    done = env.run(["python", "-c", code], env={"MINE": "1"}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", str(env.path)]
    assert env.run("exit 3", shell=True).returncode == 3
    with pytest.raises(subprocess.CalledProcessError):
        env.run(["python", "-c", "raise SystemExit(1)"], check=True)


def test_run_refuses_what_is_not_there(make: Make) -> None:
    """A pip of another Python would install elsewhere, and nobody would notice."""
    env = make()
    env.install_environment()
    codes = []
    for command in (["pip", "install", "x"], ["no-such-program-anywhere"]):
        with pytest.raises(SpecError) as caught:
            env.run(command)
        codes.append(caught.value.code)
    assert codes == ["no-pip-inside", "no-such-program"]


def test_call_gives_json_and_gets_json(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    env = make()
    env.pip_install("tool")
    answer = env.call("tool.work:told", "ä", 1, deep={"a": [None, True]})
    assert answer == {"words": ["ä", 1], "more": {"deep": {"a": [None, True]}}, "prefix": str(env.path)}
    assert capfd.readouterr() == ("", "this goes to standard error\n")


def test_call_brings_back_what_was_raised(make: Make) -> None:
    env = make()
    env.pip_install("tool")
    found = {}
    for name in ("fails", "odd", "leaves", "missing"):
        with pytest.raises(CallError) as caught:
            env.call(f"tool.work:{name}")
        found[name] = (caught.value.code, caught.value.type)
    assert found == {
        "fails": ("call-raised", "KeyError"),
        "odd": ("call-raised", "TypeError"),
        "leaves": ("call-raised", "SystemExit"),
        "missing": ("call-raised", "AttributeError"),
    }
    with pytest.raises(CallError) as caught:
        env.call("tool.work:fails")
    assert caught.value.because == "it raised KeyError: 'no such thing'"
    assert 'raise KeyError("no such thing")' in caught.value.traceback
    assert "calling.py" not in caught.value.traceback


def test_call_tells_what_cannot_be_called(make: Make) -> None:
    env = make()
    env.pip_install("tool")
    codes = []
    for target, argument in (
        ("tool.work", 1),
        (":told", 1),
        ("tool.work:told", object()),
        ("tool.work:dies", None),
    ):
        with pytest.raises(IsoError) as caught:
            env.call(target, *([] if argument is None else [argument]))
        codes.append(caught.value.code)
    assert codes == ["bad-call", "bad-call", "not-json", "call-died"]


def test_call_finds_the_applications_own_code_where_it_is_told(make: Make, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "worker.py").write_text("import green\ndef version(): return green.__version__\n")
    env = make(own_code=tmp_path / "own")
    env.pip_install("green<2")
    assert env.call("worker:version") == "1.0"
    with pytest.raises(CallError, match="ModuleNotFoundError"):
        make().call("worker:version")


@pytest.mark.parametrize("minor", ["3.9", "3.10", "3.12", "3.13"])
def test_calls_work_under_each_python(make: Make, minor: str) -> None:
    if not _python(minor):
        pytest.skip(f"there is no Python {minor} on this machine")
    env = make(python=minor)
    env.install_environment()
    assert env.call("platform:python_version").startswith(f"{minor}.")


def test_a_folder_that_another_process_has_just_begun_is_no_strangers(make: Make, tmp_path: Path) -> None:
    """Its first trace is our own folder in it, before anything is said of what it is to hold."""
    (tmp_path / "env" / ".kernel-iso").mkdir(parents=True)
    assert make().pip_install("blue<2")


def test_a_folder_that_holds_something_else_is_left_alone(make: Make, tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "thesis.txt").touch()
    with pytest.raises(SpecError) as caught:
        make().install_environment()
    make().remove()
    assert caught.value.code == "not-ours"
    assert [path.name for path in (tmp_path / "env").iterdir()] == ["thesis.txt"]
    for path, code in ((Path.home(), "protected-folder"), (Path("/etc/env"), "protected-folder")):
        with pytest.raises(SpecError) as caught:
            make(path=path).install_environment()
        assert caught.value.code == code


def test_remove_leaves_nothing_but_its_lock(make: Make, tmp_path: Path, settings: dict[str, str]) -> None:
    make().pip_install("blue")
    places = Places(Path(settings["KERNEL_ISO_STORE"]))
    assert [each.path for each in applications.known(places)] == [str(tmp_path / "env")]
    make().remove()
    make().remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env.lock", "cache", "policy.toml"]
    assert applications.known(places) == ()
    assert make().pip_install("blue") is True


def test_what_runs_from_it_is_waited_for_and_no_longer_than_was_said(make: Make) -> None:
    env = make()
    env.pip_install("blue<2")
    with env._using(), pytest.raises(ToolError) as caught:
        make(patience=0).pip_install("tool")
    assert caught.value.code == "environment-in-use"
    assert make().packages() == {"blue": "1.0", "green": "1.0"}
    assert make(patience=0).pip_install("tool") is True


def test_progress_and_reasons_are_told(make: Make) -> None:
    events: list[Event] = []
    env = make(progress=events.append)
    env.pip_install("blue")
    assert {event.phase for event in events} == {"lock", "realise"}
    assert "1 package is asked for: blue" in env.reasons()
    assert env.reasons()[0] == "asked for by an application, for an environment of its own"


def test_the_owner_is_who_installed_the_folder_around_it(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    site = tmp_path / "site-packages"
    info = site / "whisper_app-1.0.dist-info"
    for folder in (site / "whisper" / "data", info):
        folder.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: whisper-app\nVersion: 1.0\n")
    (info / "RECORD").write_text("whisper/__init__.py,,\nwhisper_app-1.0.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(str(site))
    path = site / "whisper" / "data" / "env"
    make(path=path).install_environment()
    make(path=tmp_path / "named", distribution="Whisper.App").install_environment()
    make().install_environment()
    known = applications.known(Places(Path(settings["KERNEL_ISO_STORE"])))
    assert known == (
        Application(path=str(tmp_path / "env")),
        Application(path=str(tmp_path / "named"), distribution="whisper-app", site=str(site)),
        Application(path=str(path), distribution="whisper-app", site=str(site)),
    )
    with pytest.raises(SpecError) as caught:
        make(path=tmp_path / "other", distribution="no-such-distribution").install_environment()
    assert caught.value.code == "no-such-distribution"


def test_importing_the_package_does_not_import_the_library() -> None:
    code = """
import sys, kernel_iso
print("kernel_iso.library" in sys.modules)
kernel_iso.IsolatedEnvironment
print("kernel_iso.library" in sys.modules)
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "True"]
    with pytest.raises(AttributeError):
        kernel_iso.nothing  # noqa: B018


def test_a_record_of_a_newer_release_is_not_taken_for_whole(make: Make) -> None:
    """What cannot be read is made again, not believed."""
    env = make()
    env.pip_install("blue<2")
    record = env.path / ".kernel-iso" / "application.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "newer": 1}))
    assert make().pip_install("blue<2") is True
    assert make().packages() == {"blue": "1.0", "green": "1.0"}
