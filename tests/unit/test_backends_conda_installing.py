"""What becomes of conda's packages in a prefix: places, links, caches, link scripts, and packages that collide."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from conda_channel import PLACEHOLDER, File, Package, Served, make_channel, python_module
from conda_desk import PYTHON, Desk, artefacts, mounted, say
from msgspec.structs import replace

from kernel_iso.backends import conda, links
from kernel_iso.errors import ImpossibleError, ToolError
from kernel_iso.model import Part


class TestPrefix:
    def test_it_runs_where_it_is_and_knows_its_place(self, desk: Desk) -> None:
        """Texts and binaries name the place where a package was built; each then names the prefix."""
        python = desk.make("blue", "greeting", name="a prefix with spaces")
        prefix = desk.folder / "a prefix with spaces"
        assert say(python, "import sys; print(sys.prefix)") == str(prefix)
        assert (prefix / "share/greeting/place.txt").read_text() == f"{prefix}/share/greeting\n"
        binary = (prefix / "share/greeting/place.bin").read_bytes()
        assert binary.startswith(b"\x00\x01" + f"{prefix}/lib".encode() + b"\x00")
        assert len(binary) == 2 + len(PLACEHOLDER) + 4 + len(b"\x00behind\x00")
        assert (prefix / "share/greeting/link.txt").is_symlink()
        for command, words in (("greeting", f"hello from {prefix}/share/greeting"), ("blue", "blue 2.0")):
            done = subprocess.run([prefix / "bin" / command], capture_output=True, text=True, check=True)
            assert done.stdout.strip() == words

    def test_conda_finds_what_it_wants_to_know(self, desk: Desk) -> None:
        plan = desk.plan("blue >=1")
        lock = desk.lock("blue >=1")
        desk.realise(plan, lock)
        meta = desk.folder / "prefix" / "conda-meta"
        assert {path.stem for path in meta.glob("*.json")} == {
            f"{each.name}-{each.version}-{each.build}" for each in artefacts(lock).values()
        }
        for each in artefacts(lock).values():
            record = json.loads((meta / f"{each.name}-{each.version}-{each.build}.json").read_bytes())
            assert (record["url"], record["channel"], record["sha256"], record["fn"]) == (
                each.url, each.base, each.sha256, each.filename,
            )  # fmt: skip
            assert record["requested_spec"] == {"blue": "blue >=1", "python": plan.conda[0]}.get(
                each.name, "None"
            )
        history = (meta / "history").read_text().splitlines()
        assert history[-1] == f"# update specs: {json.dumps([plan.conda[0], 'blue >=1'])}"

    def test_inspect_tells_what_is_there(self, desk: Desk) -> None:
        found = desk.inspect(desk.make("blue"))
        assert [*found] == ["blue", "green", "python"]
        blue = found["blue"]
        assert (blue.version, blue.build, blue.channel, blue.installer, blue.requires) == (
            "2.0", "pyhiso_0", desk.channel, "conda", ("green", "python"),
        )  # fmt: skip

    def test_a_relative_place_is_the_same_place(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(desk.folder)
        plan = desk.plan("greeting")
        conda.realise(plan, desk.lock("greeting").parts[0], "here", desk.run)
        text = (desk.folder / "here/share/greeting/place.txt").read_text()
        assert text == f"{desk.folder}/here/share/greeting\n"

    def test_without_python_it_is_not_finished(self, desk: Desk) -> None:
        text = desk.lock("greeting").parts[0].text
        kept = "\n".join(line for line in text.splitlines() if "/python-" not in line)
        with pytest.raises(ToolError) as caught:
            desk.realise(desk.plan(), Part(text=kept, kind="conda"))
        assert caught.value.code == "prefix-incomplete"

    def test_too_little_space_is_said_before_anything_is_made(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plan, lock = desk.plan("blue"), desk.lock("blue")
        usage = shutil.disk_usage(desk.folder)._replace(free=1_000_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
        with pytest.raises(ImpossibleError) as caught:
            desk.realise(plan, lock)
        assert caught.value.code == "no-space"
        assert not (desk.folder / "prefix").exists()


class TestLinks:
    def test_an_edit_in_place_reaches_no_other_prefix_and_not_the_cache(self, desk: Desk) -> None:
        plan, lock = desk.plan("green", "greeting"), desk.lock("green", "greeting")
        pythons = [desk.realise(plan, lock, name) for name in ("one", "two")]
        assert [links.shared(desk.folder / name) for name in ("one", "two")] == [(), ()]
        for path in (
            *(desk.folder / "one").glob("lib/python*/site-packages/green/*.*"),
            desk.folder / "one/bin/greeting",
        ):
            with path.open("a") as file:
                file.write("\n__version__ = 'edited'\n")
        assert say(pythons[0], "import green; print(green.__version__)") == "edited"
        pythons.append(desk.realise(plan, lock, "three"))
        assert [say(each, "import green; print(green.__version__)") for each in pythons[1:]] == ["2.0", "2.0"]
        assert "edited" not in (desk.folder / "three/bin/greeting").read_text()

    def test_large_binaries_take_their_space_once(self, desk: Desk, tmp_path: Path) -> None:
        if links.mode(desk.folder) != "hardlink":
            pytest.skip("this disk clones files instead of linking them")
        large = Package(
            name="large", noarch="generic", files={"lib/large.so": b"\x7fELF\0" + b"x" * links.LARGE}
        )
        channel = make_channel(tmp_path / "large", [large]).as_uri()
        desk.make("large", channels=(desk.channel, channel))
        assert (desk.folder / "prefix/lib/large.so").stat().st_nlink == 2

    def test_the_cache_may_lie_on_another_disk(self, desk: Desk) -> None:
        here = desk.folder.stat().st_dev
        places = [Path("/dev/shm"), Path(tempfile.gettempdir()), Path.home()]
        others = [each for each in places if os.access(each, os.W_OK) and each.stat().st_dev != here]
        if not others:
            pytest.skip("there is no other disk here")
        with tempfile.TemporaryDirectory(dir=others[0]) as other:
            python = desk.make("blue", cache=other)
            assert say(python, "import blue; print(blue.__version__)") == "2.0"
            assert (Path(other) / "conda" / "pkgs" / "blue-2.0-pyhiso_0").is_dir()
            assert links.shared(desk.folder / "prefix") == ()


class TestCaches:
    def test_a_second_prefix_fetches_nothing(self, desk: Desk, served_channel: Served) -> None:
        plan = desk.plan("blue", channels=(served_channel.url,))
        lock = conda.lock(plan, desk.run)
        desk.realise(plan, lock, "one")
        assert len(served_channel.packages) == 3
        served_channel.requests.clear()
        desk.realise(plan, lock, "two")
        assert served_channel.requests == []

    def test_offline_what_was_read_and_fetched_once_is_enough(
        self, desk: Desk, served_channel: Served
    ) -> None:
        plan = desk.plan("blue", channels=(served_channel.url,))
        lock = conda.lock(plan, desk.run)
        desk.realise(plan, lock, "one")
        served_channel.requests.clear()
        offline = replace(plan, offline=True)
        again = conda.lock(offline, desk.run)
        assert again == lock
        assert say(desk.realise(offline, again, "two"), "import blue; print(blue.__version__)") == "2.0"
        assert served_channel.requests == []

    def test_offline_what_was_not_is_named(self, desk: Desk, served_channel: Served) -> None:
        plan = desk.plan("blue", channels=(served_channel.url,), offline=True)
        with pytest.raises(ToolError) as caught:
            conda.lock(plan, desk.run)
        assert caught.value.code == "not-in-cache"
        lock = conda.lock(replace(plan, offline=False), desk.run)
        with pytest.raises(ToolError) as caught:
            desk.realise(plan, lock)
        assert caught.value.code == "not-in-cache"
        assert served_channel.packages == []
        assert not (desk.folder / "prefix").exists()

    def test_offline_a_channel_that_is_a_folder_is_read(self, desk: Desk) -> None:
        assert say(desk.make("green", offline=True), "import green; print(green.__version__)") == "2.0"

    def test_the_condarc_may_say_offline(self, desk: Desk, served_channel: Served) -> None:
        desk.condarc("offline: true\n")
        with pytest.raises(ToolError) as caught:
            desk.lock("blue", channels=(served_channel.url,))
        assert (caught.value.code, served_channel.requests) == ("not-in-cache", [])

    def test_a_cache_that_is_off_leaves_nothing(self, desk: Desk) -> None:
        python = desk.make("blue", cache="off")
        assert say(python, "import blue; print(blue.__version__)") == "2.0"
        assert not Path(desk.cache).exists()
        assert not (desk.home / ".cache").exists()

    def test_the_same_name_with_other_bytes_is_fetched_anew(self, desk: Desk, tmp_path: Path) -> None:
        """Two channels may have packages of one name, version and build: the hash tells them apart."""
        other = make_channel(
            tmp_path / "other", [python_module("green", "2.0", files={"green/other.py": "x = 1\n"})]
        )
        first = desk.make("green", name="one")
        second = desk.make("green", name="two", channels=(other.as_uri(), desk.channel))
        third = desk.make("green", name="three")
        code = "import importlib.util as u; print(u.find_spec('green.other') is not None)"
        assert [say(each, code) for each in (first, second, third)] == ["False", "True", "False"]

    @pytest.mark.parametrize("why", ["file", "read-only"])
    def test_a_cache_that_cannot_be_written_is_said(self, desk: Desk, why: str) -> None:
        plan, lock = desk.plan("blue"), desk.lock("blue")
        broken = desk.folder / "broken"
        with contextlib.ExitStack() as stack:
            if why == "file":
                broken.write_text("")
            else:
                stack.enter_context(mounted(broken, "ro,size=1m"))
            with pytest.raises(ToolError) as caught:
                desk.realise(replace(plan, cache=str(broken)), lock)
        assert caught.value.code == "conda-cache-read-only"
        assert not (desk.folder / "prefix").exists()


class TestLinkScripts:
    @pytest.fixture
    def witness(self, desk: Desk) -> Path:
        path = desk.folder / "witness.txt"
        desk.environ["LINKING_WITNESS"] = str(path)
        return path

    def test_they_do_not_run_and_that_is_told(self, desk: Desk, witness: Path) -> None:
        desk.make("linking", "blue")
        assert not witness.exists()
        assert not (desk.folder / "linking-witness.txt").exists()
        assert "did not run the link scripts of linking: " in desk.said

    def test_they_run_where_the_plan_lets_them(self, desk: Desk, witness: Path) -> None:
        desk.make("linking", link_scripts=True)
        found = [path for path in (witness, desk.folder / "linking-witness.txt") if path.exists()]
        assert [path.read_text() for path in found] == [f"linked {desk.folder / 'prefix'} linking 1.0\n"]
        assert "did not run" not in desk.said

    @pytest.mark.parametrize("way", ["folder", "server", "cache"])
    def test_who_brings_them_is_known_before_anything_is_installed(
        self, desk: Desk, served_channel: Served, way: str
    ) -> None:
        channel = desk.channel if way == "folder" else served_channel.url
        plan = desk.plan("linking", "blue", channels=(channel,))
        lock = conda.lock(plan, desk.run)
        if way == "cache":
            desk.realise(plan, lock, "first")
            served_channel.requests.clear()
        assert conda.link_scripts(plan, lock.parts[0], desk.run) == ("linking",)
        if way == "cache":
            assert served_channel.requests == []

    def test_a_secret_of_ours_is_not_told_to_them(self, desk: Desk, tmp_path: Path) -> None:
        """They get what conda gives them; the file of tokens is gone or unreadable to nobody else by then."""
        script = File(b'#!/bin/sh\nenv > "$PREFIX/seen.txt"\n', executable=True)
        package = Package(name="curious", noarch="generic", files={"bin/.curious-post-link.sh": script})
        channel = make_channel(tmp_path / "curious", [package]).as_uri()
        desk.condarc("channels: ['https://ada:hunter2@example.org/team']\n")
        desk.make("curious", channels=(desk.channel, channel), link_scripts=True)
        assert "hunter2" not in (desk.folder / "prefix/seen.txt").read_text()


class TestCollisions:
    def test_packages_that_bring_one_path_are_named_and_one_of_them_has_it(self, desk: Desk) -> None:
        """As conda does: a warning, and the prefix is made."""
        texts = set()
        for name in ("one", "two"):
            desk.make("clobbering-one", "clobbering-two", name=name)
            texts.add((desk.folder / name / "share/clobbering/same.txt").read_text())
            assert (desk.folder / name / "share/clobbering/two.txt").read_text() == "two"
        (text,) = texts
        owner, other = ("one", "two") if text == "of one\n" else ("two", "one")
        words = f"clobbering-{owner} and clobbering-{other} both bring share/clobbering/same.txt: it is clobbering-{owner}'s"
        assert words in desk.said

    def test_the_interpreter_of_this_suite_is_in_the_channel(self, desk: Desk) -> None:
        found = artefacts(desk.lock(f"python =={PYTHON.version}"))
        assert found["python"].version == PYTHON.version
