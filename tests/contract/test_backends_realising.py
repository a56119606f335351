"""What every backend keeps when it installs: the same suite for each of them."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import msgspec
import psutil
import pytest
from benches import PYTHON, Bench, Say, only_of_wheels, only_with_a_memory

from kernel_iso import backends
from kernel_iso.backends import links
from kernel_iso.errors import CancelledError, ImpossibleError, ToolError
from kernel_iso.model import PYPI, Event, Plan
from kernel_iso.processes import Tools


class TestRealise:
    def test_a_prefix_runs_and_holds_what_is_locked(self, bench: Bench, say: Say) -> None:
        python = bench.make("blue")
        assert Path(say(python, "import sys; print(sys.prefix)")) == bench.folder / "prefix"
        assert say(python, "import blue, green; print(blue.__version__, green.__version__)") == "2.0 2.0"
        found = bench.installed(python)
        assert [(each.name, each.version, each.requires) for each in found] == [
            ("blue", "2.0", ("green",)),
            ("green", "2.0", ()),
        ]
        assert list(bench.site().rglob("*.pyc")) == []
        last = [event for event in bench.events if event.unit != "log"][-1]
        # conda's Python is one of its packages.
        count = 3 if bench.name == "conda" else 2
        assert (last.text, last.done, last.total, last.unit) == (
            f"installed {count} packages", count, count, "packages",
        )  # fmt: skip

    def test_an_empty_part_is_a_bare_environment(self, bench: Bench, say: Say) -> None:
        python = bench.make()
        assert bench.installed(python) == []
        assert Path(say(python, "import sys; print(sys.prefix)")) == bench.folder / "prefix"

    @only_of_wheels
    def test_system_site_packages_are_seen_and_not_touched(self, bench: Bench, say: Say) -> None:
        bench.index.wheel("pip", "0.1")
        python = bench.make("pip", system_site_packages=True)
        assert say(python, "import pip; print(pip.__version__)") == "0.1"
        assert "include-system-site-packages = true" in (bench.folder / "prefix/pyvenv.cfg").read_text()

    def test_an_edit_in_place_reaches_no_other_prefix_and_not_the_cache(self, bench: Bench, say: Say) -> None:
        plan = bench.plan("green")
        lock = bench.backend.lock(plan, bench.run)
        pythons = [bench.realise(plan, lock, name) for name in ("one", "two")]
        for path in (bench.site("one") / "green").rglob("*.*"):
            with path.open("a") as file:
                file.write("\n__version__ = 'edited'\n")
        assert say(pythons[0], "import green; print(green.__version__)") == "edited"
        pythons.append(bench.realise(plan, lock, "three"))
        assert [say(python, "import green; print(green.__version__)") for python in pythons[1:]] == [
            "2.0",
            "2.0",
        ]
        assert links.shared(bench.folder / "two") == ()
        assert (bench.site("three") / "green/data.txt").read_text() == "green\n"

    def test_cancel_ends_it_at_once_and_leaves_no_process(self, bench: Bench) -> None:
        plan = bench.plan("blue")
        lock = bench.backend.lock(plan, bench.run)
        for name in ("uv", "conda"):
            shutil.rmtree(bench.cache / name, ignore_errors=True)
        bench.index.slow = 60
        bench.index.requests.clear()
        others = set(psutil.Process().children(recursive=True))  # another suite's server, say

        def cancel_when_it_fetches() -> None:
            while not bench.fetched():
                time.sleep(0.02)
            bench.cancelled.set()

        threading.Thread(target=cancel_when_it_fetches, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(CancelledError):
            bench.realise(plan, lock)
        assert time.monotonic() - began < 15
        left = set(psutil.Process().children(recursive=True)) - others
        assert [child for child in left if child.status() != "zombie"] == []

    def test_too_little_space_is_said_before_anything_is_made(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plan = bench.plan("blue")
        lock = bench.backend.lock(plan, bench.run)
        full = SimpleNamespace(total=10**9, used=10**9, free=1_000_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: full)
        with pytest.raises(ImpossibleError) as caught:
            bench.realise(plan, lock)
        assert caught.value.code == "no-space"
        assert list(bench.folder.iterdir()) == []


class TestOffline:
    @only_with_a_memory
    def test_what_is_in_the_cache_installs_without_the_network(self, bench: Bench, say: Say) -> None:
        plan = bench.plan("blue")
        lock = bench.backend.lock(plan, bench.run)
        bench.realise(plan, lock, "warm")
        bench.index.requests.clear()
        offline = msgspec.structs.replace(plan, offline=True)
        assert bench.versions(bench.backend.lock(offline, bench.run)) == {"blue": "2.0", "green": "2.0"}
        assert say(bench.realise(offline, lock, "again"), "import blue; print(blue.__version__)") == "2.0"
        assert bench.index.requests == []

    @only_with_a_memory
    def test_a_second_prefix_fetches_nothing(self, bench: Bench) -> None:
        plan = bench.plan("blue")
        lock = bench.backend.lock(plan, bench.run)
        bench.realise(plan, lock, "one")
        bench.index.requests.clear()
        bench.realise(plan, lock, "two")
        assert bench.index.requests == []

    def test_what_is_not_in_the_cache_is_named(self, bench: Bench) -> None:
        with pytest.raises(ToolError) as caught:
            bench.lock("blue", offline=True)
        assert caught.value.code == "not-in-cache"
        lock = bench.lock("blue")
        with pytest.raises(ToolError) as caught:
            bench.realise(bench.plan("blue", offline=True), lock)
        assert caught.value.code == "not-in-cache"


@only_with_a_memory
def test_a_cache_that_is_off_leaves_nothing(bench: Bench, say: Say) -> None:
    python = bench.make("blue", cache="off")
    assert say(python, "import blue; print(blue.__version__)") == "2.0"
    assert [path.name for path in bench.cache.iterdir()] == ["virtualenv"]


@pytest.mark.network
def test_the_real_kernel_is_locked_and_realised(tmp_path: Path, say: Say) -> None:
    events: list[Event] = []
    uv, run = backends.find("uv"), Tools(os.environ, emit=events.append)
    plan = Plan(
        backend="uv", python=PYTHON, requirements=("six",), companions=("ipykernel", "pip"), indexes=(PYPI,)
    )
    lock = uv.lock(plan, run)
    assert "ipykernel" in lock.companions
    assert "six" not in lock.companions
    assert len(lock.to_text()) < 64 * 1024
    python = uv.realise(plan, lock.parts[0], str(tmp_path / "prefix"), run)
    assert say(python, "import ipykernel, six; print(ipykernel.__name__)") == "ipykernel"
    assert links.shared(tmp_path / "prefix") == ()
    assert {each.installer for each in uv.inspect(python, run)} == {"uv"}
