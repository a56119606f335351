"""A real server lists the environments of this machine, and starts kernels in them without changing them."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting_client import Server, running

from kernel_iso import backends
from kernel_iso.engine import Engine, borrowing, discovered


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose person has an environment `bare` in ~/.virtualenvs, and one beside a notebook."""
    folder = tmp_path_factory.mktemp("server")
    virtual(folder / ".virtualenvs" / "bare")
    virtual(folder / "root" / "project" / ".venv")
    with running(folder) as made:
        yield made


def virtual(path: Path, *packages: str, python: str = sys.executable) -> Path:
    """A virtual environment made by virtualenv; packages from the index."""
    subprocess.run(
        [sys.executable, "-m", "virtualenv", "-q", "--no-seed", "-p", python, str(path)], check=True
    )
    if packages:
        install = [backends.uv_path(), "pip", "install", "-q", "--python", str(path / "bin" / "python")]
        subprocess.run([*install, *packages], check=True)
    return path


def kernelspecs(server: Server) -> dict[str, Any]:
    status, answer, _ = server.request("GET", "/api/kernelspecs")
    assert status == 200
    return dict(answer["kernelspecs"])


def kernel_of(server: Server, path: Path) -> str:
    """The name of the kernel of the environment in a folder."""
    (name,) = (
        name
        for name, model in kernelspecs(server).items()
        if model["spec"]["metadata"].get("kernel_iso", {}).get("path") == str(path)
    )
    return name


@contextlib.contextmanager
def session(server: Server, kernel: str, notebook: str) -> Iterator[Any]:
    path = server.notebook(notebook)
    session_id, kernel_id, _ = server.session(path, kernel)
    try:
        yield server.channels(kernel_id)
    finally:
        server.request("DELETE", f"/api/sessions/{session_id}")


def files(path: Path) -> set[Path]:
    """What lies in an environment, but for the bytecode that any import of its modules writes."""
    return {each.relative_to(path) for each in path.rglob("*") if "__pycache__" not in each.parts}


WHERE = "import sys, os; print(sys.prefix, os.environ['VIRTUAL_ENV'], os.environ['PATH'].split(':')[0])"


def test_the_list_holds_found_environments_beside_the_stock_kernels(server: Server) -> None:
    """With what they run, whose they are, and a logo that can be fetched; the stock kernel is as it was."""
    listed = kernelspecs(server)
    minor = ".".join(map(str, sys.version_info[:2]))
    names = {model["spec"]["display_name"] for model in listed.values()}
    assert {f"Python {minor} — bare (virtualenv)", f"Python {minor} — project (venv)"} <= names
    assert listed["python3"]["spec"]["display_name"] == "Python 3 (ipykernel)"
    assert listed["iso"]["spec"]["display_name"] == "Isolated Python"
    model = listed[kernel_of(server, server.folder / ".virtualenvs" / "bare")]
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{model['resources']['logo-svg']}")
    request.add_header("Authorization", "token t")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.read().startswith(b"<svg")


def test_an_environment_that_is_made_is_there_at_once(server: Server) -> None:
    """And one that is deleted is gone."""
    made = virtual(server.folder / ".virtualenvs" / "later")
    assert kernel_of(server, made)
    shutil.rmtree(made)
    shown = [model["spec"]["display_name"] for model in kernelspecs(server).values()]
    assert [name for name in shown if "later" in name] == []


@pytest.mark.network
def test_an_environment_without_ipykernel_runs_cells_and_stays_as_it_was(server: Server) -> None:
    """What the kernel needs comes from a folder of its own, behind everything that is in the environment."""
    bare = server.folder / ".virtualenvs" / "bare"
    before = files(bare)
    with session(server, kernel_of(server, bare), "one") as channels:
        status, text = channels.outcome(channels.run(WHERE), 240)
        assert (status, text.split()) == ("ok", [str(bare), str(bare), str(bare / "bin")])
        code = "import sys, ipykernel; print(ipykernel.__file__.startswith(sys.prefix), sys.path[-1] in ipykernel.__file__)"
        assert channels.outcome(channels.run(code)) == ("ok", "False True\n")
        # Other programs of the environment see nothing of it.
        code = "import subprocess; print(subprocess.call(['python', '-c', 'import ipykernel'], stderr=-3))"
        assert channels.outcome(channels.run(code)) == ("ok", "1\n")
        assert channels.outcome(channels.run("%iso")) == ("ok", "")
        status, text = channels.outcome(channels.run("%iso add six"))
        assert (status, "[kernel-not-ours]" in text) == ("error", True)
    assert files(bare) == before


@pytest.mark.network
def test_an_environment_with_ipykernel_starts_where_nothing_can_be_fetched(tmp_path: Path) -> None:
    """Nothing is resolved or installed; without ipykernel, and offline, the cells say what is missing."""
    full = virtual(tmp_path / "root" / "deep" / "er" / "venv", "ipykernel")
    bare = virtual(tmp_path / ".virtualenvs" / "bare")
    before = files(full)
    policy = f"--KernelIso.policy={ {'offline': True, 'cache': str(tmp_path / 'cache')} }"
    with running(tmp_path, policy) as server:
        with session(server, kernel_of(server, full), "two") as channels:
            status, text = channels.outcome(channels.run(WHERE), 60)
            assert (status, text.split()) == ("ok", [str(full), str(full), str(full / "bin")])
        assert not (tmp_path / "store" / "locks").exists()
        with session(server, kernel_of(server, bare), "three") as channels:
            status, text = channels.outcome(channels.run("1"), 60)
        assert status == "error"
        assert f"cannot start a kernel in `{bare}`, which has no ipykernel  [not-in-cache]" in text
        assert "because: `ipykernel` is not in the cache, and the network is off" in text
    assert files(full) == before


@pytest.mark.network
def test_packages_that_are_too_old_for_a_kernel_step_behind_it(server: Server) -> None:
    """With traitlets 4 no ipykernel starts: in the kernel its own packages come first, and `pip` still sees the old."""
    old = virtual(server.folder / ".virtualenvs" / "old", "traitlets<5", "six")
    with session(server, kernel_of(server, old), "old") as channels:
        code = "import sys, six, traitlets; print(traitlets.version_info[0] > 4, six.__file__.startswith(sys.prefix))"
        assert channels.outcome(channels.run(code), 240) == ("ok", "True True\n")


@pytest.mark.network
def test_what_was_started_is_known_by_the_name_in_the_notebook(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Which environment it is, whose, and what is in it, also for `inspect` on the command line."""
    full = virtual(tmp_path / "venv", "ipykernel<7", "six==1.17.0")
    engine = Engine.open(environ)
    ready = borrowing.realise(engine, discovered.target(str(full)))
    found = discovered.chosen(engine, ready.owner)
    assert found is not None
    assert (found.path, found.ipykernel[:2], ready.made) == (str(full), "6.", False)
    prefix = borrowing.as_prefix(engine, found)
    assert (prefix.key, prefix.path, prefix.python) == (
        ready.prefix.key,
        str(full),
        str(full / "bin" / "python"),
    )
    packages = backends.find("uv").inspect(prefix.python, engine.run("inspect"))
    assert {item.name: item.version for item in packages}["six"] == "1.17.0"


def test_what_cannot_start_says_why_in_three_lines(server: Server) -> None:
    """An environment whose Python went away after it was chosen answers each cell."""
    broken = virtual(server.folder / ".virtualenvs" / "broken")
    kernel = kernel_of(server, broken)
    for name in ("python", "python3", f"python{sys.version_info[0]}.{sys.version_info[1]}"):
        (broken / "bin" / name).unlink(missing_ok=True)
        (broken / "bin" / name).symlink_to(server.folder / "gone")
    with session(server, kernel, "three") as channels:
        status, text = channels.outcome(channels.run("1"), 60)
    assert status == "error"
    assert f"kernel-iso cannot start a kernel in `{broken}`  [environment-broken]" in text
    assert "because: the Python that it was made from is gone" in text
    shutil.rmtree(broken)


def test_a_kernel_that_nobody_has_is_not_found(server: Server) -> None:
    """A name that looks like one of ours is still only a name."""
    body = {
        "path": server.notebook("four"),
        "type": "notebook",
        "kernel": {"name": "env-bare-0123456789abcdef"},
    }
    assert server.request("POST", "/api/sessions", body)[0] >= 400


def test_a_persons_own_manager_keeps_its_say(tmp_path: Path) -> None:
    """The configured class is subclassed: what it lists stays, and what it lists already is not told twice."""
    bare = virtual(tmp_path / ".virtualenvs" / "bare")
    other = virtual(tmp_path / ".virtualenvs" / "other")
    (tmp_path / "root").mkdir()
    (tmp_path / "mine.py").write_text(
        "from jupyter_client.kernelspec import KernelSpec, KernelSpecManager\n"
        "class Mine(KernelSpecManager):\n"
        "    def get_all_specs(self):\n"
        f"        spec = KernelSpec(argv=['{bare}/bin/python', '-m', 'ipykernel_launcher'], display_name='Mine')\n"
        f"        return {{'mine': {{'resource_dir': '{tmp_path}', 'spec': spec.to_dict()}}}}\n"
    )
    (tmp_path / "config").mkdir()
    config = tmp_path / "config" / "jupyter_server_config.py"
    config.write_text(
        f"import sys; sys.path.append('{tmp_path}')\nc.ServerApp.kernel_spec_manager_class = 'mine.Mine'\n"
    )
    with running(tmp_path) as server:
        listed = kernelspecs(server)
        found = {
            model["spec"]["metadata"].get("kernel_iso", {}).get("path", name)
            for name, model in listed.items()
        }
        assert found == {"mine", str(other)}


def test_a_policy_decides_what_is_listed(tmp_path: Path) -> None:
    """`kernels = "own"` leaves *Isolated Python* and the stock kernels."""
    virtual(tmp_path / ".virtualenvs" / "bare")
    with running(tmp_path, f"--KernelIso.policy={ {'kernels': 'own'} }") as server:
        assert sorted(kernelspecs(server)) == ["iso", "python3"]
