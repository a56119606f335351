"""What every backend keeps when a lock or a notebook is a stranger's: the same suite for each of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from benches import Bench, Say, house, only_of_wheels, only_uv
from wheelhouse import Wheelhouse

from kernel_iso.errors import ConflictError, ImpossibleError, IsoError, SpecError, ToolError
from kernel_iso.model import Index, Lock, Part


def files_of(index: Wheelhouse) -> str:
    """Where an index has its files; a channel has them below its own address."""
    return f"{index.url.removesuffix('/simple')}/files/" if index.url.endswith("/simple") else f"{index.url}/"


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

    @only_of_wheels
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

    @only_of_wheels
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
        # The MD5 of an explicit list has no name before it, and half as many digits.
        text = re.sub("#md5:([0-9a-f]{32})[0-9a-f]{32}", r"#\1", text)
        with pytest.raises(ToolError) as caught:
            bench.realise(plan, Lock(plan="", parts=(bench.part(text),)))
        assert caught.value.code == "no-hash"

    def test_text_that_is_no_lock_is_refused(self, bench: Bench) -> None:
        for text in (
            "",
            "hello = ",
            'lock-version = "9.0"',
            '[[packages]]\nname = "../../x"\n',
            "@EXPLICIT\n../../x",
        ):
            with pytest.raises(SpecError) as caught:
                bench.realise(bench.plan(), Lock(plan="", parts=(bench.part(text),)))
            assert caught.value.code == "bad-lock"

    def test_another_address_in_the_lock_is_not_visited(self, bench: Bench, say: Say) -> None:
        plan = bench.plan("green")
        with house(bench.name) as evil:
            evil.wheel("green", "2.0")
            text = bench.backend.lock(plan, bench.run).parts[0].text
            moved = text.replace(files_of(bench.index), files_of(evil))
            assert moved != text
            held = Lock(plan="", parts=(bench.part(moved),))
            if bench.name == "conda":  # the address says which channel it is
                with pytest.raises(ImpossibleError) as caught:
                    bench.realise(plan, held)
                assert caught.value.code == "lock-not-allowed"
            else:
                python = bench.realise(plan, held)
                assert say(python, "import green; print(green.__version__)") == "2.0"
            assert evil.requests == []

    def test_an_artefact_that_no_allowed_index_has_is_refused(self, bench: Bench) -> None:
        """Its own hash does not make a stranger's wheel an index's."""
        plan = bench.plan("green")
        with house(bench.name) as evil:
            wheel = evil.wheel("green", "2.0", files={"green/evil.py": ""})
            text = bench.backend.lock(plan, bench.run).parts[0].text
            ours = next(each for each in bench.index.artefacts if each.filename.startswith("green-2.0"))
            moved = text.replace(files_of(bench.index), files_of(evil))
            forged = moved.replace(ours.sha256, wheel.sha256)
            with pytest.raises(IsoError) as caught:
                bench.realise(plan, Lock(plan="", parts=(bench.part(forged),)))
            # pip sees it only when it has the bytes.
            seen = {"uv": "lock-not-allowed", "virtualenv": "hash-mismatch", "conda": "lock-not-allowed"}
            assert caught.value.code == seen[bench.name]
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
        with pytest.raises(IsoError) as caught:
            bench.realise(plan, lock)
        # Only the address in conda's lock tells that its channel had it.
        assert caught.value.code == ("package-gone" if bench.name == "conda" else "lock-not-allowed")

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
        assert caught.value.code == bench.code("index-refused")
        assert f"127.0.0.1:{bench.index.port}" in caught.value.because

    def test_those_in_an_address_are_not_written_down(self, bench: Bench, tmp_path: Path) -> None:
        bench.index.login = ("ada", "hunter2")
        url = bench.index.url.replace("://", "://ada:hunter2@")
        if bench.name == "conda":
            (tmp_path / ".condarc").write_text(f"channels: [{url}]\n")
            lock = bench.lock("blue", channels=(url,))
        else:
            lock = bench.lock("blue", indexes=(Index(name="main", url=url),))
        assert [word for word in ("hunter2", "ada:") if word in lock.to_text() + bench.said] == []

    @only_uv
    def test_the_environment_has_them_by_the_name_of_the_index(self, bench: Bench) -> None:
        bench.index.login = ("ada", "hunter2")
        bench.environ |= {"UV_INDEX_MAIN_USERNAME": "ada", "UV_INDEX_MAIN_PASSWORD": "hunter2"}
        plan = bench.plan("blue")
        bench.realise(plan, bench.backend.lock(plan, bench.run))
        assert "hunter2" not in bench.said
