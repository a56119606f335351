"""What every backend keeps: the same suite for each of them."""

from __future__ import annotations

import os
import shutil
import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import msgspec
import psutil
import pytest
from benches import PYTHON, Bench
from wheelhouse import Wheelhouse

from kernel_iso import backends
from kernel_iso.backends import links, pylocks
from kernel_iso.backends.wheels import here
from kernel_iso.errors import CancelledError, ConflictError, ImpossibleError, IsoError, SpecError, ToolError
from kernel_iso.model import PYPI, Event, Index, Lock, Machine, Part, Plan
from kernel_iso.processes import Tools

Say = Callable[[str, str], str]


# What pip cannot do and refuses (`TestWhatPipCannot`), or what both do with the same code of ours.
only_uv = pytest.mark.parametrize("bench", ["uv"], indirect=True)
only_virtualenv = pytest.mark.parametrize("bench", ["virtualenv"], indirect=True)


class TestLock:
    def test_a_lock_is_pep_751_with_hashes_roles_and_who_needs_whom(self, bench: Bench) -> None:
        plan = bench.plan("blue", companions=("kern",))
        lock = bench.backend.lock(plan, bench.run)
        assert (lock.plan, lock.companions, lock.detached) == (plan.digest(), ("kern", "tail"), "")
        assert [(part.platform, part.kind, part.accelerator) for part in lock.parts] == [
            (here(), "pylock", "")
        ]
        found = pylocks.packages(lock.parts[0].text)
        assert [(each.name, each.version, each.role, each.requires) for each in found] == [
            ("blue", "2.0", "asked", ("green",)),
            ("green", "2.0", "", ()),
            ("kern", "7.0", "companion", ("green", "tail")),
            ("tail", "1.0", "companion", ()),
        ]
        data = tomllib.loads(lock.parts[0].text)
        assert data["requires-python"] == f"=={plan.python.minor}.*"
        assert data["tool"]["kernel-iso"]["plan"] == plan.digest()
        wheels = {each["name"]: each["wheels"] for each in data["packages"]}
        announced = {each.project: each.sha256 for each in bench.index.artefacts}
        assert {name: [wheel["hashes"] for wheel in each] for name, each in wheels.items()} == {
            name: [{"sha256": announced[name]}] for name in wheels
        }
        assert {each["index"] for each in data["packages"]} == {bench.index.url}
        # The same question gets the same text.
        assert bench.backend.lock(plan, bench.run) == lock

    def test_extras_and_markers_are_followed(self, bench: Bench) -> None:
        bench.index.wheel("rose", requires=["tail; python_version < '3'"], extras={"x": ["green<2"]})
        found = pylocks.packages(bench.lock("rose[x]").parts[0].text)
        assert [(each.name, each.version, each.requires) for each in found] == [
            ("green", "1.0", ()),
            ("rose", "1.0", ("green",)),
        ]

    def test_an_edit_changes_only_what_it_must(self, bench: Bench) -> None:
        plan = bench.plan("blue", "green")
        kept = bench.backend.lock(plan, bench.run, preferences=("green==1.0", "blue==1.0", "gone==3"))
        assert versions(kept) == {"blue": "1.0", "green": "1.0"}
        plan = bench.plan("blue>=2", "green", "tail")
        moved = bench.backend.lock(plan, bench.run, preferences=("green==1.0", "blue==1.0", "tail==1.0"))
        assert versions(moved) == {"blue": "2.0", "green": "2.0", "tail": "1.0"}

    def test_constraints_limit_and_add_nothing(self, bench: Bench) -> None:
        lock = bench.lock("blue", constraints=("green<2", "cyan==1.0"))
        assert versions(lock) == {"blue": "1.0", "green": "1.0"}

    def test_a_release_that_is_too_new_is_not_used(self, bench: Bench) -> None:
        bench.index.wheel("green", "3.0", uploaded="2031-01-01T00:00:00Z")
        assert versions(bench.lock("green", exclude_newer="2030-01-01")) == {"green": "2.0"}
        assert versions(bench.lock("green")) == {"green": "3.0"}

    @only_uv
    def test_only_allowed_hashes_are_locked(self, bench: Bench) -> None:
        green = next(each for each in bench.index.artefacts if each.filename.startswith("green-2.0"))
        lock = bench.lock("green", hashes=(("Green", (f"sha256:{green.sha256}",)),))
        assert versions(lock) == {"green": "2.0"}
        with pytest.raises(ConflictError) as caught:
            bench.lock("green", hashes=(("green", ("sha256:" + "0" * 64,)),))
        assert caught.value.code == "hash-not-allowed"

    def test_an_index_without_hashes_is_hashed_by_us_or_refused(self, bench: Bench) -> None:
        bench.index.hashes = False
        green = next(each for each in bench.index.artefacts if each.filename.startswith("green-2.0"))
        if bench.name == "virtualenv":  # pip fetches only the metadata to resolve
            with pytest.raises(ToolError) as caught:
                bench.lock("green")
            assert caught.value.code == "no-hash"
            return
        [wheel] = tomllib.loads(bench.lock("green").parts[0].text)["packages"][0]["wheels"]
        assert wheel["hashes"] == {"sha256": green.sha256}

    def test_nothing_asked_is_an_empty_lock(self, bench: Bench) -> None:
        assert versions(bench.lock()) == {}

    def test_a_lock_needs_no_files_beside_the_notebook(
        self, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Configuration that lies where the process runs, or in HOME, changes nothing."""
        evil = 'index-url = "http://127.0.0.1:9/simple"\n'
        for folder in (tmp_path, tmp_path / ".config/uv"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "uv.toml").write_text(evil)
        (tmp_path / ".python-version").write_text("2.7\n")
        (tmp_path / ".config/pip").mkdir()
        (tmp_path / ".config/pip/pip.conf").write_text(f"[global]\n{evil}")
        (tmp_path / "setup.cfg").write_text(f"[install]\n{evil}")
        monkeypatch.chdir(tmp_path)
        assert versions(bench.lock("green")) == {"green": "2.0"}


class TestCompanions:
    def test_what_does_not_fit_is_locked_and_realised_apart(self, bench: Bench, say: Say) -> None:
        bench.index.wheel("aqua", "1.0", requires=["green>=2"])
        plan = bench.plan(
            "cyan", companions=("aqua", "tail"), hashes=(("green", allowed(bench, "green-1.0")),)
        )
        lock = bench.backend.lock(plan, bench.run)
        assert versions(lock) == {"cyan": "1.0", "green": "1.0", "tail": "1.0"}
        assert lock.companions == ("tail",)
        apart = pylocks.packages(lock.detached)
        assert [(each.name, each.version, each.role) for each in apart] == [
            ("aqua", "1.0", "companion"),
            ("green", "2.0", "companion"),
        ]
        assert "aqua cannot live beside what is asked" in bench.said
        python = bench.backend.realise(plan, Part(text=lock.detached), str(bench.folder / "x"), bench.run)
        assert say(python, "import aqua, green; print(green.__version__)") == "2.0"

    @only_uv
    def test_a_kernel_that_is_too_old_counts_as_not_fitting(self, bench: Bench) -> None:
        bench.index.wheel("ipykernel", "5.5", requires=["green"])
        bench.index.wheel("ipykernel", "7.4", requires=["green>=2"])
        lock = bench.lock("cyan", companions=("ipykernel",))
        assert versions(lock) == {"cyan": "1.0", "green": "1.0"}
        assert {each.name: each.version for each in pylocks.packages(lock.detached)} == {
            "green": "2.0",
            "ipykernel": "7.4",
        }

    @only_uv
    def test_what_is_asked_is_to_blame_when_it_does_not_fit_alone(self, bench: Bench) -> None:
        with pytest.raises(ConflictError) as caught:
            bench.lock("blue>=2", "cyan", companions=("kern",))
        assert "kern" not in caught.value.because


class TestExplanations:
    @pytest.mark.parametrize(
        ("requirements", "kind", "code", "words"),
        [
            (
                ("blue>=2", "cyan", "tail"),
                ConflictError,
                "no-versions-fit",
                "`blue>=2` and `cyan` cannot live",
            ),
            (("green>=9",), ConflictError, "no-such-version", "2.0"),
            (("sklearn",), SpecError, "no-such-package", "no index has it (asked: main)"),
            (("winonly",), ImpossibleError, "no-matching-wheel", "win_amd64"),
            (("needy",), ImpossibleError, "needs-build", "needy needs it"),
            (("not a name",), SpecError, "bad-requirement", ""),
        ],
    )
    def test_a_lock_that_cannot_be_is_explained(
        self, bench: Bench, requirements: tuple[str, ...], kind: type[IsoError], code: str, words: str
    ) -> None:
        bench.index.wheel("winonly", tag="cp311-cp311-win_amd64")
        bench.index.wheel("needy", requires=["onlysdist"])
        bench.index.sdist("onlysdist", setup="raise SystemExit")
        with pytest.raises(kind) as caught:
            bench.lock(*requirements)
        assert caught.value.code == code
        assert words in caught.value.because

    @pytest.mark.parametrize(
        ("failure", "code"),
        [(500, "index-unreachable"), ("drop", "index-unreachable"), (403, "index-refused")],
    )
    def test_an_index_that_does_not_serve_is_named(self, bench: Bench, failure: int | str, code: str) -> None:
        bench.index.failure = failure
        with pytest.raises(ToolError) as caught:
            bench.lock("blue")
        assert caught.value.code == code
        assert f"127.0.0.1:{bench.index.port}" in caught.value.because


class TestRealise:
    def test_a_prefix_runs_and_holds_what_is_locked(self, bench: Bench, say: Say) -> None:
        python = bench.make("blue")
        assert Path(say(python, "import sys; print(sys.prefix)")) == bench.folder / "prefix"
        assert say(python, "import blue, green; print(blue.__version__, green.__version__)") == "2.0 2.0"
        found = bench.backend.inspect(python, bench.run)
        assert [(each.name, each.version, each.requires) for each in found] == [
            ("blue", "2.0", ("green",)),
            ("green", "2.0", ()),
        ]
        assert list(bench.site().rglob("*.pyc")) == []
        last = [event for event in bench.events if event.unit != "log"][-1]
        assert (last.text, last.done, last.total, last.unit) == ("installed 2 packages", 2, 2, "packages")

    def test_an_empty_part_is_a_bare_environment(self, bench: Bench, say: Say) -> None:
        python = bench.make()
        assert bench.backend.inspect(python, bench.run) == ()
        assert Path(say(python, "import sys; print(sys.prefix)")) == bench.folder / "prefix"

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
        shutil.rmtree(bench.cache / "uv", ignore_errors=True)
        bench.index.slow = 60
        bench.index.requests.clear()

        def cancel_when_it_fetches() -> None:
            while not any(path.endswith(".whl") for path, _ in bench.index.requests):
                time.sleep(0.02)
            bench.cancelled.set()

        threading.Thread(target=cancel_when_it_fetches, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(CancelledError):
            bench.realise(plan, lock)
        assert time.monotonic() - began < 15
        assert [
            child for child in psutil.Process().children(recursive=True) if child.status() != "zombie"
        ] == []

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
    @only_uv
    def test_what_is_in_the_cache_installs_without_the_network(self, bench: Bench, say: Say) -> None:
        plan = bench.plan("blue")
        lock = bench.backend.lock(plan, bench.run)
        bench.realise(plan, lock, "warm")
        bench.index.requests.clear()
        offline = msgspec.structs.replace(plan, offline=True)
        assert versions(bench.backend.lock(offline, bench.run)) == {"blue": "2.0", "green": "2.0"}
        assert say(bench.realise(offline, lock, "again"), "import blue; print(blue.__version__)") == "2.0"
        assert bench.index.requests == []

    @only_uv
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


class TestStrangers:
    """What a lock or a notebook from somebody else may try."""

    @pytest.fixture
    def marker(self, tmp_path: Path) -> Path:
        return tmp_path / "it-ran"

    @pytest.fixture
    def project(self, tmp_path: Path, marker: Path) -> Path:
        """A folder whose build writes the marker."""
        folder = tmp_path / "project"
        folder.mkdir()
        (folder / "setup.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
        return folder

    def test_no_code_of_a_package_runs(self, bench: Bench, marker: Path, project: Path) -> None:
        bench.index.sdist("onlysdist", setup=f"open({str(marker)!r}, 'w').close()\n")
        wishes = [
            "onlysdist",
            f"onlysdist @ {project.as_uri()}",
            f"onlysdist @ git+{project.as_uri()}",
            f"onlysdist @ {bench.index.url.removesuffix('/simple')}/files/onlysdist-1.0.tar.gz",
        ]
        codes = []
        for wish in wishes:
            with pytest.raises(ImpossibleError) as caught:
                bench.lock(wish)
            codes.append(caught.value.code)
        assert codes == ["needs-build", "url-not-allowed", "url-not-allowed", "url-not-allowed"]
        assert not marker.exists()

    @pytest.mark.parametrize("kind", ["directory", "vcs", "archive", "sdist", "path", "index"])
    def test_a_lock_installs_nothing_but_wheels_of_allowed_indexes(
        self, bench: Bench, marker: Path, project: Path, kind: str
    ) -> None:
        source = bench.index.sdist("onlysdist", setup=f"open({str(marker)!r}, 'w').close()\n")
        address = f"{bench.index.url.removesuffix('/simple')}/files/{source.filename}"
        digest = f'hashes = {{sha256 = "{source.sha256}"}}'
        entry = {
            "directory": f'directory = {{path = "{project}"}}',
            "vcs": f'vcs = {{type = "git", url = "{project.as_uri()}", commit-id = "{"0" * 40}"}}',
            "archive": f'archive = {{url = "{address}", {digest}}}',
            "sdist": f'sdist = {{name = "{source.filename}", url = "{address}", {digest}}}',
            "path": f'wheels = [{{path = "/tmp/onlysdist-1.0-py3-none-any.whl", {digest}}}]',
            "index": f'index = "https://evil.example.org/simple"\nwheels = [{{url = "https://evil.example.org/'
            f'onlysdist-1.0-py3-none-any.whl", {digest}}}]',
        }[kind]
        text = (
            'lock-version = "1.0"\ncreated-by = "a stranger"\n'
            f'[[packages]]\nname = "onlysdist"\nversion = "1.0"\n{entry}\n'
        )
        with pytest.raises(ImpossibleError) as caught:
            bench.backend.realise(
                bench.plan("onlysdist"), Part(text=text), str(bench.folder / "p"), bench.run
            )
        assert caught.value.code == "lock-not-allowed"
        assert "`onlysdist`" in caught.value.because
        assert not marker.exists()
        assert list(bench.folder.iterdir()) == []

    def test_an_entry_without_a_hash_is_refused(self, bench: Bench) -> None:
        plan = bench.plan("green")
        text = bench.backend.lock(plan, bench.run).parts[0].text.replace("sha256", "md5")
        with pytest.raises(ToolError) as caught:
            bench.realise(plan, Lock(plan="", parts=(Part(text=text),)))
        assert caught.value.code == "no-hash"

    def test_text_that_is_no_lock_is_refused(self, bench: Bench) -> None:
        for text in ("", "hello = ", 'lock-version = "9.0"', '[[packages]]\nname = "../../x"\n'):
            with pytest.raises(SpecError) as caught:
                bench.realise(bench.plan(), Lock(plan="", parts=(Part(text=text),)))
            assert caught.value.code == "bad-lock"

    def test_another_address_in_the_lock_is_not_visited(self, bench: Bench, say: Say) -> None:
        plan = bench.plan("green")
        with Wheelhouse() as evil:
            evil.wheel("green", "2.0")
            text = bench.backend.lock(plan, bench.run).parts[0].text
            moved = text.replace(f"{bench.index.port}/files", f"{evil.port}/files")
            assert moved != text
            python = bench.realise(plan, Lock(plan="", parts=(Part(text=moved),)))
            assert say(python, "import green; print(green.__version__)") == "2.0"
            assert evil.requests == []

    def test_an_artefact_that_no_allowed_index_has_is_refused(self, bench: Bench) -> None:
        """Its own hash does not make a stranger's wheel an index's."""
        plan = bench.plan("green")
        with Wheelhouse() as evil:
            wheel = evil.wheel("green", "2.0", files={"green/evil.py": ""})
            text = bench.backend.lock(plan, bench.run).parts[0].text
            ours = next(each for each in bench.index.artefacts if each.filename.startswith("green-2.0"))
            moved = text.replace(f"{bench.index.port}/files", f"{evil.port}/files")
            forged = moved.replace(ours.sha256, wheel.sha256)
            with pytest.raises(IsoError) as caught:
                bench.realise(plan, Lock(plan="", parts=(Part(text=forged),)))
            # pip sees it only when it has the bytes.
            assert caught.value.code == {"uv": "lock-not-allowed", "virtualenv": "hash-mismatch"}[bench.name]
            assert evil.requests == []

    def test_a_wheel_that_was_changed_after_locking_is_refused(self, bench: Bench) -> None:
        plan = bench.plan("green")
        lock = bench.backend.lock(plan, bench.run)
        for artefact in bench.index.artefacts:
            artefact.tamper()
        with pytest.raises(ToolError) as caught:
            bench.realise(plan, lock)
        assert caught.value.code == "hash-mismatch", str(caught.value)

    def test_a_release_that_is_gone_is_said(self, bench: Bench) -> None:
        plan = bench.plan("green")
        lock = bench.backend.lock(plan, bench.run)
        bench.index.artefacts = [each for each in bench.index.artefacts if "green-2" not in each.filename]
        shutil.rmtree(bench.cache)
        with pytest.raises(ImpossibleError) as caught:
            bench.realise(plan, lock)
        assert caught.value.code == "lock-not-allowed"

    @only_uv
    def test_a_lock_for_another_python_is_refused(self, bench: Bench) -> None:
        plan = bench.plan("green")
        text = bench.backend.lock(plan, bench.run).parts[0].text
        other = text.replace(f"=={plan.python.minor}.*", "==3.6.*")
        with pytest.raises(ImpossibleError) as caught:
            bench.realise(plan, Lock(plan="", parts=(Part(text=other),)))
        assert caught.value.code == "lock-does-not-fit"

    @only_uv
    def test_hashes_that_are_not_allowed_are_refused_at_the_end_too(self, bench: Bench) -> None:
        lock = bench.lock("green")
        with pytest.raises(ConflictError) as caught:
            bench.realise(bench.plan("green", hashes=(("green", ("sha256:" + "0" * 64,)),)), lock)
        assert caught.value.code == "hash-not-allowed"


class TestCredentials:
    def test_they_come_from_netrc_and_are_nowhere_else(self, bench: Bench, tmp_path: Path, say: Say) -> None:
        bench.index.login = ("ada", "hunter2")
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login ada password hunter2\n")
        netrc.chmod(0o600)
        bench.environ["NETRC"] = str(netrc)
        plan = bench.plan("blue")
        lock = bench.backend.lock(plan, bench.run)
        python = bench.realise(plan, lock)
        assert say(python, "import blue; print(blue.__version__)") == "2.0"
        assert any(login for _, login in bench.index.requests)
        written = lock.to_text() + bench.said
        assert [word for word in ("hunter2", "ada:", "@127") if word in written] == []
        files = [
            path
            for path in (bench.folder / "prefix").rglob("*")
            if path.is_file() and path.stat().st_size < 10**6
        ]
        assert [path for path in files if b"hunter2" in path.read_bytes()] == []

    def test_without_them_the_index_that_asks_is_named(self, bench: Bench) -> None:
        bench.index.login = ("ada", "hunter2")
        with pytest.raises(ToolError) as caught:
            bench.lock("blue")
        assert caught.value.code == "index-refused"
        assert f"127.0.0.1:{bench.index.port}" in caught.value.because

    def test_those_in_an_address_are_not_written_down(self, bench: Bench) -> None:
        bench.index.login = ("ada", "hunter2")
        url = bench.index.url.replace("://", "://ada:hunter2@")
        lock = bench.lock("blue", indexes=(Index(name="main", url=url),))
        assert [word for word in ("hunter2", "ada:") if word in lock.to_text() + bench.said] == []

    @only_uv
    def test_the_environment_has_them_by_the_name_of_the_index(self, bench: Bench) -> None:
        bench.index.login = ("ada", "hunter2")
        bench.environ |= {"UV_INDEX_MAIN_USERNAME": "ada", "UV_INDEX_MAIN_PASSWORD": "hunter2"}
        plan = bench.plan("blue")
        bench.realise(plan, bench.backend.lock(plan, bench.run))
        assert "hunter2" not in bench.said


class TestSeveralIndexes:
    @only_uv
    def test_the_first_that_has_a_package_serves_it(self, bench: Bench) -> None:
        with Wheelhouse() as second:
            second.wheel("green", "9.0")
            second.wheel("other", "1.0")
            indexes = (Index(name="main", url=bench.index.url), Index(name="second", url=second.url))
            assert versions(bench.lock("green", "other", indexes=indexes)) == {"green": "2.0", "other": "1.0"}

    @only_uv
    @pytest.mark.parametrize("asked", ["torchy", "vision"])
    def test_a_bound_package_comes_from_its_index_whoever_needs_it(
        self, bench: Bench, asked: str, say: Say
    ) -> None:
        bench.index.wheel("vision", "1.0", requires=["torchy"])
        bench.index.wheel("torchy", "5.0")
        with Wheelhouse() as second:
            second.wheel("torchy", "1.0+cpu", requires=["green"])
            second.wheel("green", "9.0")
            indexes = (
                Index(name="main", url=bench.index.url),
                Index(name="cpu builds", url=second.url, explicit=True),
            )
            plan = bench.plan(asked, indexes=indexes, pins=(("torchy", "cpu builds"),))
            lock = bench.backend.lock(plan, bench.run)
            expected = {"torchy": "1.0+cpu", "green": "2.0"} | (
                {"vision": "1.0"} if asked == "vision" else {}
            )
            assert versions(lock) == expected
            assert say(bench.realise(plan, lock), "import torchy; print(torchy.__version__)") == "1.0+cpu"


class TestWhatPipCannot:
    @only_virtualenv
    def test_it_refuses(self, bench: Bench) -> None:
        two = (
            Index(name="main", url=bench.index.url),
            Index(name="second", url="https://b.example.org/simple"),
        )
        codes = []
        for more in ({"indexes": two}, {"pins": (("green", "main"),)}, {"platforms": ("windows-x86_64",)}):
            with pytest.raises(ImpossibleError) as caught:
                bench.lock("green", **more)
            codes.append(caught.value.code)
        assert codes == ["one-index-only", "one-index-only", "no-such-platform"]


class TestPlatforms:
    @only_uv
    def test_a_lock_has_a_part_for_each(self, bench: Bench) -> None:
        minor = bench.plan().python.minor.replace(".", "")
        bench.index.wheel("native", tag=f"cp{minor}-cp{minor}-win_amd64")
        bench.index.wheel("native", tag=f"cp{minor}-cp{minor}-manylinux_2_17_x86_64")
        bench.index.wheel("native", tag=f"cp{minor}-cp{minor}-macosx_11_0_arm64")
        bench.index.wheel("native", tag="cp36-cp36m-win_amd64")
        lock = bench.lock("native", platforms=("windows-x86_64", "macos-arm64", "linux-x86_64"))
        found = {part.platform: tomllib.loads(part.text)["packages"][0]["wheels"] for part in lock.parts}
        assert {
            platform: [wheel["url"].split("-")[-1] for wheel in each] for platform, each in found.items()
        } == {
            "windows-x86_64": ["win_amd64.whl"],
            "macos-arm64": ["macosx_11_0_arm64.whl"],
            "linux-x86_64": ["manylinux_2_17_x86_64.whl"],
        }

    def test_an_unknown_one_is_refused(self, bench: Bench) -> None:
        with pytest.raises(ImpossibleError) as caught:
            bench.lock("green", platforms=("plan9-mips",))
        assert caught.value.code == "no-such-platform"


def test_it_is_ready_here(bench: Bench) -> None:
    assert bench.backend.ready(Machine(os="linux", arch="x86_64")) == ""
    assert bench.backend.name == bench.name


@only_uv
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


def versions(lock: Lock) -> dict[str, str]:
    return {each.name: each.version for each in pylocks.packages(lock.parts[0].text)}


def allowed(bench: Bench, start: str) -> tuple[str, ...]:
    return tuple(f"sha256:{each.sha256}" for each in bench.index.artefacts if each.filename.startswith(start))
