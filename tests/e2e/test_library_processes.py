"""An application's environment among processes: at once, killed, with a GPU that changes, and after its owner has gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import uv
from fakes import COMPILER, library
from wheelhouse import Wheelhouse

from kernel_iso import IsolatedEnvironment
from kernel_iso.errors import ConflictError

PASCAL = "NVIDIA GeForce GTX 1080 Ti,GPU-11111111-2222-3333-4444-555555555555,6.1,11264"
BUILDS = {"2.14.1": ("cpu", "cu126", "cu130", "cu132"), "2.15.0": ("cpu", "cu130", "cu132")}


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    """A few packages, and the builds of two torches."""
    with Wheelhouse() as house:
        for version in ("1.0", "2.0"):
            house.wheel("blue", version, requires=["green"])
        house.wheel("green", "1.0")
        house.wheel("nvidia-nccl", "2.0")
        house.wheel("whisper", "1.0", requires=["torch"])
        for version, tags in BUILDS.items():
            for tag in tags:
                house.wheel("torch", f"{version}+{tag}", requires=[] if tag == "cpu" else ["nvidia-nccl"])
        yield house


@pytest.fixture
def settings(environ: dict[str, str], index: Wheelhouse, tmp_path: Path) -> dict[str, str]:
    """An environment whose policy knows these indexes alone, with a cache of its own: ports come again."""
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f'cache = "{tmp_path / "cache"}"\ntorch-index = "{index.builds}"\n'
        f'indexes = [{{name = "local", url = "{index.url}"}}]\n'
    )
    return {**environ, "KERNEL_ISO_CONFIG": str(policy)}


@pytest.fixture
def env(settings: dict[str, str], tmp_path: Path) -> IsolatedEnvironment:
    return IsolatedEnvironment(tmp_path / "env", environ=settings)


App = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def app(settings: dict[str, str], tmp_path: Path) -> Iterator[App]:
    """Start an application in a process of its own; `env` in its code is the environment."""
    with ExitStack() as stack:

        def start(code: str) -> subprocess.Popen[str]:
            path = str(tmp_path / "env")
            begin = f"from kernel_iso import IsolatedEnvironment\nenv = IsolatedEnvironment({path!r})\n"
            command = [sys.executable, "-c", begin + code]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            started = stack.enter_context(subprocess.Popen(command, env=settings, text=True, **pipes))
            stack.callback(started.kill)
            return started

        yield start


def test_of_several_processes_one_makes_it_and_the_others_wait(app: App) -> None:
    code = 'made = env.pip_install("blue<2")\nprint(made, env.call("blue:__version__.upper"))'
    running = [app(code) for _ in range(4)]
    said = sorted(each.communicate()[0].split() for each in running)
    assert [each.returncode for each in running] == [0, 0, 0, 0]
    assert said == [["False", "1.0"]] * 3 + [["True", "1.0"]]


def test_who_updates_waits_for_a_command_that_runs(app: App, env: IsolatedEnvironment) -> None:
    """The command reads its files when it is told to go on: it sees what it was started with."""
    env.pip_install("blue<2")
    program = "print(flush=True); input(); import blue; print(blue.__version__)"
    runs = app(f"env.run(['python', '-c', {program!r}])")
    assert runs.stdout is not None
    runs.stdout.readline()
    update = app("env._progress = lambda event: print(event.text, flush=True)\nenv.pip_install('blue>=2')")
    assert update.stdout is not None
    assert any("waiting for what runs from it" in line for line in update.stdout)
    assert runs.communicate("\n")[0].strip() == "1.0"
    update.communicate()
    assert update.returncode == 0
    assert env.packages() == {"blue": "2.0", "green": "1.0"}


KILLS = {
    "before-anything": "Folder.begin = die",
    "nothing-said": "Folder.write = die",
    "not-installed": "uv.edit = uv.realise = die",
    "not-committed": "Folder.commit = die",
}


@pytest.mark.parametrize("step", KILLS)
@pytest.mark.parametrize("first", [True, False], ids=["making", "changing"])
def test_killed_anywhere_the_next_call_repairs(
    settings: dict[str, str], app: App, env: IsolatedEnvironment, step: str, first: bool
) -> None:
    if not first:
        env.pip_install("blue<2")
    code = f"""
import os, signal
from kernel_iso.backends import uv
from kernel_iso.store.applications import Folder
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
{KILLS[step]}
env.pip_install("blue>=2")
"""
    assert app(code).wait() == -signal.SIGKILL
    again = IsolatedEnvironment(env.path, environ=settings)
    # What was whole before the change began still is; what had begun has no manifest, so that nobody takes it for whole.
    assert (again._folder.ready() is not None) == (not first and step == "before-anything")
    again.pip_install("blue>=2")
    assert again.packages() == {"blue": "2.0", "green": "1.0"}
    assert again.call("blue:__version__.upper") == "2.0"


def asked_for(index: Wheelhouse, filename: str, who: subprocess.Popen[str]) -> None:
    """Wait until a process that is still there has asked the index for a file."""
    while not any(path.endswith(filename) for path, _ in index.requests):
        assert who.poll() is None
        time.sleep(0.02)


def test_a_tool_that_outlives_its_killed_application_is_waited_for(
    app: App, env: IsolatedEnvironment, index: Wheelhouse
) -> None:
    """uv goes on downloading into the folder: the next call comes after it."""
    held = next(each for each in index.artefacts if each.filename.startswith("blue-2.0"))
    held.hold()
    killed = app('env.pip_install("blue>=2")')
    asked_for(index, held.filename, killed)
    killed.kill()
    killed.wait()
    follows = app('print(env.pip_install("blue>=2"), env.packages())')
    held.release()
    assert follows.communicate()[0].split(" ", 1) == ["True", "{'blue': '2.0', 'green': '1.0'}\n"]
    assert follows.returncode == 0


def test_a_change_that_is_interrupted_leaves_what_was_to_be_there(
    app: App, env: IsolatedEnvironment, index: Wheelhouse
) -> None:
    env.pip_install("blue<2")
    held = next(each for each in index.artefacts if each.filename.startswith("blue-2.0"))
    held.hold()
    interrupted = app('env.pip_install("blue>=2")')
    asked_for(index, held.filename, interrupted)
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.wait() != 0
    assert env.packages() == {"blue": "1.0", "green": "1.0"}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a stand-in driver, for LD_LIBRARY_PATH."""
    if COMPILER is None:
        pytest.skip("there is no C compiler to make the stand-in driver with")
    folder = tmp_path_factory.mktemp("driver")
    library("libnvidia-ml.so.1", folder)
    library("libcuda.so.1", folder)
    return folder


def gpu(settings: dict[str, str], driver: Path, cuda: str = "13000") -> dict[str, str]:
    """A driver with CUDA 13 for a GPU that no CUDA 13 build has code for."""
    return {
        **settings, "LD_LIBRARY_PATH": str(driver), "FAKE_GPUS": PASCAL, "FAKE_DRIVER": "580.95.05", "FAKE_CUDA": cuda,
    }  # fmt: skip


def torch_of(env: IsolatedEnvironment) -> str:
    return str(env.call("torch:__version__.lower"))


def test_auto_takes_the_build_for_this_machine_and_says_why(
    settings: dict[str, str], driver: Path, tmp_path: Path
) -> None:
    env = IsolatedEnvironment(tmp_path / "env", environ=gpu(settings, driver))
    env.pip_install("torch", accelerator="auto")
    assert torch_of(env) == "2.14.1+cu126"
    assert env.packages() == {"nvidia-nccl": "2.0", "torch": "2.14.1+cu126"}
    assert [reason for reason in env.reasons() if "sm_61" in reason] != []
    assert env.pip_install("torch", accelerator="auto") is False


def test_torch_that_comes_along_is_chosen_too(settings: dict[str, str], driver: Path, tmp_path: Path) -> None:
    """Nothing known to need torch is asked for; what is asked brings it."""
    env = IsolatedEnvironment(tmp_path / "env", environ=gpu(settings, driver))
    env.pip_install("whisper")
    assert torch_of(env) == "2.14.1+cu126"


def test_another_machine_gets_another_build_by_the_same_calls(
    settings: dict[str, str], driver: Path, tmp_path: Path
) -> None:
    """Without the GPU it is the CPU build of the same torch; back with it, and a newer driver is no reason to change."""
    found = []
    for machine in (gpu(settings, driver), settings, gpu(settings, driver), gpu(settings, driver, "13020")):
        env = IsolatedEnvironment(tmp_path / "env", environ=machine)
        found.append((env.pip_install("torch", accelerator="auto"), torch_of(env)))
    assert found == [
        (True, "2.14.1+cu126"),
        (True, "2.14.1+cpu"),
        (True, "2.14.1+cu126"),
        (False, "2.14.1+cu126"),
    ]


def test_a_build_can_be_asked_for_by_name_or_by_its_index(
    settings: dict[str, str], index: Wheelhouse, tmp_path: Path
) -> None:
    """The second is how the `isolated-environment` library did it."""
    named = IsolatedEnvironment(tmp_path / "named", environ=settings)
    named.pip_install("torch==2.14.1", accelerator="cu130")
    old = IsolatedEnvironment(tmp_path / "old", environ=settings)
    old.install_environment()
    old.pip_install("torch==2.14.1", f"{index.builds}/cu126")
    old.pip_install("whisper")
    assert (torch_of(named), torch_of(old)) == ("2.14.1+cu130", "2.14.1+cu126")
    with pytest.raises(ConflictError):
        old.pip_install("torch==1.0", f"{index.builds}/cu126")
    assert old.pip_install("torch==2.14.1", f"{index.builds}/cu126") is False


def test_clean_up_finds_the_environment_whose_distribution_was_uninstalled(
    settings: dict[str, str], index: Wheelhouse, tmp_path: Path
) -> None:
    """An installer removes only what it has installed itself: the environment in the package's folder stays behind."""
    code = "import kernel_iso, pathlib\n"
    code += "env = kernel_iso.IsolatedEnvironment(pathlib.Path(__file__).parent / 'env')\n"
    index.wheel("whisper-app", "1.0", files={"whisper_app/tool.py": code})
    site, tool = tmp_path / "site-packages", uv.find_uv_bin()
    where = ["--target", str(site), "-q"]
    subprocess.run(
        [tool, "pip", "install", "--index-url", index.url, "whisper-app", *where], check=True, env=settings
    )
    start = "from whisper_app.tool import env; env.pip_install('green'); print(env.path)"
    inside = {**settings, "PYTHONPATH": str(site)}
    out = subprocess.check_output([sys.executable, "-c", start], env=inside, text=True)
    env = site / "whisper_app" / "env"
    assert out.strip() == str(env)
    old = time.time() - 3600
    assert _clean(settings, env / ".kernel-iso" / "used", old) == []
    subprocess.run([tool, "pip", "uninstall", "whisper-app", *where], check=True, env=settings)
    assert env.is_dir()
    assert _clean(settings, env / ".kernel-iso" / "used", old) == [
        [str(env), "`whisper-app`, to which it belongs, was uninstalled"]
    ]
    assert (site / "whisper_app").exists() is False
    assert _clean(settings) == []


def _clean(settings: dict[str, str], used: Path | None = None, when: float = 0) -> list[list[str]]:
    if used is not None:
        os.utime(used, (when, when))
    done = subprocess.run(
        [sys.executable, "-m", "kernel_iso", "clean", "--json"], env=settings, capture_output=True, text=True
    )
    removed: list[list[str]] = json.loads(done.stdout.splitlines()[-1])["result"]["removed"]
    return removed
