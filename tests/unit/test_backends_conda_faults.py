"""What goes wrong on the way to a conda prefix: nothing of it stays, and the next try with the same cache works."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from conda_channel import Fault, Package, Served, served, tampered
from conda_desk import Desk, artefacts, mounted, say
from msgspec.structs import replace

from kernel_iso.backends import conda
from kernel_iso.backends.conda import caches
from kernel_iso.errors import CancelledError, ImpossibleError, IsoError, ToolError
from kernel_iso.model import Part


def whole(desk: Desk, python: str) -> None:
    """A prefix that runs, from a cache whose packages are whole and that keeps nothing besides."""
    assert say(python, "import blue, green; print(blue.__version__, green.__version__)") == "2.0 2.0"
    for package in desk.packages.iterdir():
        # What was being unpacked has another name, and is thrown away later.
        assert package.is_file() or package.name.startswith(".") or caches.whole(package), package.name
    assert list((Path(desk.cache) / "conda").glob("fetching-*")) == []


class TestPackagesThatAreNotWhatWasLocked:
    @pytest.mark.parametrize("way", ["folder", "server"])
    def test_they_are_not_installed_and_the_next_try_works(
        self, desk: Desk, tiny_channel: Path, tmp_path: Path, way: str
    ) -> None:
        """The other package is sound and of equal size; py-rattler itself installs it from a folder without a word."""
        evil = tampered(tiny_channel, tmp_path / "evil", "green-2.0")
        with served(evil) as house:
            url = evil.as_uri() if way == "folder" else house.url
            plan = desk.plan("blue", channels=(url,))
            lock = conda.lock(plan, desk.run)
            with pytest.raises(ToolError) as caught:
                desk.realise(plan, lock)
        assert caught.value.code == "hash-mismatch"
        assert "green-2.0-pyhiso_0.conda" in caught.value.because
        assert not (desk.folder / "prefix").exists()
        whole(desk, desk.make("blue"))
        assert not (desk.folder / "prefix/share/tampered.txt").exists()

    def test_a_package_that_calls_itself_otherwise_is_refused(
        self, desk: Desk, served_channel: Served
    ) -> None:
        """Its hash is right; what it says of itself decides where a cache puts it, and is not believed."""
        false = Package(
            name="innocent", version="1.0", noarch="generic", files={"share/x.txt": "x"}
        ).to_bytes()
        served_channel.faults["green-2.0"] = Fault(content=false)
        plan = desk.plan("green", channels=(served_channel.url,))
        lock = conda.lock(plan, desk.run)
        ours = artefacts(lock)["green"].sha256
        text = lock.parts[0].text.replace(ours, hashlib.sha256(false).hexdigest())
        with pytest.raises(ToolError) as caught:
            desk.realise(plan, Part(text=text, kind="conda"))
        assert caught.value.code == "package-broken"

    def test_a_package_that_is_no_archive_is_refused(self, desk: Desk, served_channel: Served) -> None:
        served_channel.faults["green-2.0"] = Fault(content=b"PK no archive")
        plan = desk.plan("green", channels=(served_channel.url,))
        lock = conda.lock(plan, desk.run)
        ours = artefacts(lock)["green"].sha256
        text = lock.parts[0].text.replace(ours, hashlib.sha256(b"PK no archive").hexdigest())
        with pytest.raises(ToolError) as caught:
            desk.realise(plan, Part(text=text, kind="conda"))
        assert caught.value.code == "package-broken"
        served_channel.faults.clear()
        whole(desk, desk.make("blue"))

    @pytest.mark.parametrize(
        "path", ["../../outside.txt", "/tmp/outside-of-the-prefix.txt", "share/../../../outside.txt"]
    )
    def test_a_package_writes_nowhere_but_into_its_prefix(
        self, desk: Desk, tmp_path: Path, path: str
    ) -> None:
        import conda_channel

        package = Package(
            name="escaping", noarch="generic", files={path: "it got out\n", "share/in.txt": "in\n"}
        )
        channel = conda_channel.make_channel(tmp_path / "channel", [package]).as_uri()
        with pytest.raises(IsoError):
            desk.make("escaping", channels=(channel, desk.channel), name="a/b/prefix")
        found = [each for each in desk.folder.rglob("outside*.txt") if desk.packages not in each.parents]
        assert found == []
        assert not Path("/tmp/outside-of-the-prefix.txt").exists()


class TestDownloads:
    def test_what_is_cut_off_is_fetched_again(self, desk: Desk, served_channel: Served) -> None:
        served_channel.faults["green-2.0"] = Fault(cut=True, times=2)
        whole(desk, desk.make("blue", channels=(served_channel.url,)))

    @pytest.mark.slow
    def test_what_is_always_cut_off_is_said(self, desk: Desk, served_channel: Served) -> None:
        served_channel.faults["green-2.0"] = Fault(cut=True)
        with pytest.raises(ToolError) as caught:
            desk.make("blue", channels=(served_channel.url,))
        assert caught.value.code in {"download-broken", "channel-unreachable"}
        assert "green-2.0-pyhiso_0.conda" in caught.value.because
        assert not (desk.folder / "prefix").exists()
        served_channel.faults.clear()
        whole(desk, desk.make("blue", channels=(served_channel.url,)))

    def test_what_is_gone_is_said_at_once(self, desk: Desk, served_channel: Served) -> None:
        served_channel.faults["green-2.0"] = Fault(status=404)
        with pytest.raises(ToolError) as caught:
            desk.make("blue", channels=(served_channel.url,))
        assert caught.value.code == "package-gone"
        asked = [each for each in served_channel.requests if each.path.endswith("green-2.0-pyhiso_0.conda")]
        assert len(asked) == 1

    def test_a_server_that_fails_for_a_while_is_waited_for(self, desk: Desk, served_channel: Served) -> None:
        served_channel.faults["green-2.0"] = Fault(status=503, times=2)
        whole(desk, desk.make("blue", channels=(served_channel.url,)))

    @pytest.mark.slow
    def test_a_server_that_fails_is_named(self, desk: Desk, served_channel: Served) -> None:
        served_channel.faults["green-2.0"] = Fault(status=503)
        with pytest.raises(ToolError) as caught:
            desk.make("blue", channels=(served_channel.url,))
        assert (caught.value.code, "503" in caught.value.because) == ("channel-unreachable", True)


class TestDisks:
    def test_a_full_disk_is_said_and_what_was_there_stays(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("kernel_iso.backends.spaces.check", lambda download, folder: None)
        plan, lock = desk.plan("blue"), desk.lock("blue")
        small = desk.folder / "small"
        with mounted(small, "size=12m"):
            with pytest.raises(ImpossibleError) as caught:
                desk.realise(replace(plan, cache=str(small)), lock)
            assert caught.value.code == "no-space"
            # What is left there is whole, or is healed: with room it goes on.
            left = [each for each in (small / "conda/pkgs").iterdir() if each.is_dir()]
            assert [each.name for each in left if not caches.whole(each)] == []
            subprocess.run(["mount", "-o", "remount,size=200m", small], check=True)
            python = desk.realise(replace(plan, cache=str(small)), lock, "second")
            assert say(python, "import blue; print(blue.__version__)") == "2.0"

    def test_a_full_disk_under_the_prefix_is_said(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("kernel_iso.backends.spaces.check", lambda download, folder: None)
        plan, lock = desk.plan("blue"), desk.lock("blue")
        with mounted(desk.folder / "small", "size=12m"):
            with pytest.raises(ImpossibleError) as caught:
                desk.realise(plan, lock, "small/prefix")
            assert caught.value.code == "no-space"
        whole(desk, desk.realise(plan, lock))

    def test_files_that_may_not_grow_are_said(self, desk: Desk) -> None:
        """A quota: writing fails in the middle of a file, and the process lives on."""
        plan, lock = desk.plan("blue"), desk.lock("blue")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
        try:
            with pytest.raises(IsoError) as caught:
                desk.realise(plan, lock)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        assert caught.value.code == "no-space"
        whole(desk, desk.realise(plan, lock, "second"))


# Runs a realise as another process would: argv[1] is the plan, the part and the folder.
_RUN = """\
import json, os, sys
from kernel_iso.backends import conda
from kernel_iso.backends.conda import caches
from kernel_iso.model import Part, Plan
from kernel_iso.processes import Tools
plan, part, at = json.load(open(sys.argv[1]))
print("started", flush=True)
conda.realise(Plan.from_json(plan), Part.from_json(part), at, Tools(os.environ, emit=lambda event: None, phase="x"))
"""


class TestKills:
    @pytest.mark.parametrize(
        "tries", [2, pytest.param(15, marks=pytest.mark.slow)], ids=["a few times", "often"]
    )
    @pytest.mark.parametrize("whom", ["worker", "parent"])
    def test_after_a_kill_at_any_moment_the_next_try_is_whole(
        self, desk: Desk, whom: str, tries: int
    ) -> None:
        plan, lock = desk.plan("blue", "greeting"), desk.lock("blue", "greeting")
        chance = random.Random(f"{whom} {tries}")
        request = desk.folder / "request.json"
        for number in range(tries):
            at = str(desk.folder / f"killed-{number}")
            request.write_text(json.dumps([plan.to_json(), lock.parts[0].to_json(), at]))
            if number % 3 == 0:
                shutil.rmtree(desk.packages, ignore_errors=True)
            self.killed(request, desk.environ, whom, chance.uniform(0.1, 0.9))
            whole(desk, desk.realise(plan, lock, f"next-{number}"))
            shutil.rmtree(desk.folder / f"next-{number}")
            shutil.rmtree(at, ignore_errors=True)

    @staticmethod
    def killed(request: Path, environ: dict[str, str], whom: str, after: float) -> None:
        parent = subprocess.Popen(
            [sys.executable, "-c", _RUN, str(request)],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert parent.stdout is not None
        parent.stdout.readline()
        time.sleep(after)
        try:
            children = psutil.Process(parent.pid).children(recursive=True)
            for each in children if whom == "worker" else [psutil.Process(parent.pid)]:
                os.kill(each.pid, signal.SIGKILL)
        except (psutil.NoSuchProcess, ProcessLookupError):
            pass  # it was done already
        parent.wait(30)
        parent.stdout.close()
        # Nobody to tell that it is alone: a worker whose parent is gone may go on for a moment.
        psutil.wait_procs(children, timeout=30)

    def test_what_was_being_unpacked_is_thrown_away_later(self, desk: Desk) -> None:
        for name, age in ((".old-1.0-0xyz", 7200), (".new-1.0-0xyz", 60)):
            folder = desk.packages / name
            folder.mkdir(parents=True)
            os.utime(folder, (time.time() - age,) * 2)
        desk.make("blue")
        assert not (desk.packages / ".old-1.0-0xyz").exists()
        assert (desk.packages / ".new-1.0-0xyz").exists()

    def test_cancel_ends_it_at_once_and_leaves_no_process(self, desk: Desk, served_channel: Served) -> None:
        served_channel.faults["python-"] = Fault(held=True)
        plan = desk.plan("blue", channels=(served_channel.url,))
        lock = conda.lock(plan, desk.run)
        others = set(psutil.Process().children(recursive=True))

        def cancel_when_it_fetches() -> None:
            while not any("/python-3" in each.path for each in served_channel.requests):
                time.sleep(0.02)
            desk.cancelled.set()

        threading.Thread(target=cancel_when_it_fetches, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(CancelledError):
            desk.realise(plan, lock)
        assert time.monotonic() - began < 10
        left = set(psutil.Process().children(recursive=True)) - others
        assert [child for child in left if child.status() != "zombie"] == []
        desk.cancelled.clear()
        served_channel.faults["python-"].release()
        whole(desk, desk.realise(plan, lock, "second"))

    @pytest.mark.slow
    def test_two_at_once_share_a_cache(self, desk: Desk, served_channel: Served) -> None:
        plan = desk.plan("blue", channels=(served_channel.url,))
        lock = conda.lock(plan, desk.run)
        found: list[str] = []
        threads = [
            threading.Thread(target=lambda name=name: found.append(desk.realise(plan, lock, name)))
            for name in ("one", "two", "three")
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(found) == 3
        for python in found:
            whole(desk, python)
