"""What is read from an environment's files, and what is done to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from packaging.markers import default_environment

from kernel_iso.backends import dependencies, installed, links, spaces
from kernel_iso.errors import ImpossibleError, ToolError
from kernel_iso.model import Done


def no_run(*args: object, **more: object) -> Done:
    raise AssertionError("no tool is run for this")


@pytest.fixture
def python(tmp_path: Path) -> str:
    """An environment as uv leaves it, with two packages."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nversion_info = 3.12.1\n")
    dist(tmp_path, "Foo_Bar", "1.0", "Requires-Dist: baz[x]>=1; python_version >= '3'\nRequires-Dist: ???\n")
    dist(tmp_path, "baz", "2.0.0", "Requires-Dist: foo-bar; extra == 'x'\nRequires-Dist: q; extra == 'y'\n")
    return str(tmp_path / "bin/python")


def dist(prefix: Path, name: str, version: str, more: str = "") -> None:
    folder = prefix / f"lib/python3.12/site-packages/{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}")
    (folder / "INSTALLER").write_text("uv\n")


class TestInspect:
    def test_packages_are_read_from_files(self, python: str) -> None:
        found = installed.inspect(python, no_run)  # type: ignore[arg-type]
        assert [(each.name, each.version, each.requires, each.installer) for each in found] == [
            ("baz", "2.0.0", ("foo-bar",), "uv"),
            ("foo-bar", "1.0", ("baz",), "uv"),
        ]

    @pytest.mark.parametrize(
        "line", ["version_info = 3.12.1", "version_info = 3.12.1.final.0", "version = 3.12.1"]
    )
    def test_every_tool_writes_the_version_in_its_way(self, python: str, line: str) -> None:
        (Path(python).parent.parent / "pyvenv.cfg").write_text(f"home = /usr/bin\n{line}\n")
        assert installed.version_of(python) == "3.12.1"

    def test_an_interpreter_that_is_no_environment_is_asked(self, python: str) -> None:
        prefix = Path(python).parent.parent
        (prefix / "pyvenv.cfg").unlink()
        site = prefix / "lib/python3.12/site-packages"
        found = installed.inspect(python, lambda argv, **more: Done(status=0, stdout=f"3.12.1\n{site}\n"))  # type: ignore[arg-type]
        assert [each.name for each in found] == ["baz", "foo-bar"]
        with pytest.raises(ToolError) as caught:
            installed.inspect(python, lambda argv, **more: Done(status=1, stderr="boom"))  # type: ignore[arg-type]
        assert (caught.value.code, caught.value.tail) == ("python-broken", ("boom",))

    def test_windows_has_its_own_layout(self, tmp_path: Path) -> None:
        (tmp_path / "pyvenv.cfg").write_text("version_info = 3.12.1\n")
        (tmp_path / "Lib/site-packages").mkdir(parents=True)
        assert installed.site_packages(str(tmp_path / "Scripts/python.exe")) == tmp_path / "Lib/site-packages"
        assert Path(installed.python_of("x", "nt")).parts == ("x", "Scripts", "python.exe")


class TestVerify:
    def test_versions_are_compared_by_meaning(self, python: str) -> None:
        installed.verify(python, {"foo-bar": "1", "baz": "2.0"})

    def test_what_is_missing_or_other_is_named(self, python: str) -> None:
        with pytest.raises(ToolError) as caught:
            installed.verify(python, {"foo-bar": "1.0", "baz": "3.0", "gone": "1"})
        assert caught.value.code == "prefix-incomplete"
        assert caught.value.because == "these are not as locked: baz 3.0 (there is 2.0.0), gone 1"


def test_lines_that_are_no_requirements_are_passed_over() -> None:
    wishes = {"a": ["b>=1; python_version < '3'", "not a requirement ???", "C"]}
    assert dependencies.edges(wishes, default_environment()) == {"a": {"c"}}


def test_what_the_person_asks_with_extras_counts() -> None:
    wishes = {"a": ["b; extra == 'x'"]}
    assert dependencies.edges(wishes, default_environment(), ["a[x]"]) == {"a": {"b"}}
    assert dependencies.edges(wishes, default_environment()) == {"a": set()}


class TestLinks:
    @pytest.fixture
    def cache(self, tmp_path: Path) -> Path:
        """A cache and a prefix that shares its files."""
        cache, prefix = tmp_path / "cache", tmp_path / "prefix/deep"
        cache.mkdir()
        prefix.mkdir(parents=True)
        large = b"\0" * links.LARGE
        for name, data in {
            "small.py": b"x = 1\n",
            "large.py": b"#" * links.LARGE,
            "small.so": b"\0",
            "large.so": large,
            "large.so.3": b"#" * links.LARGE,
            "large.bin": large,
            "own.py": b"own",
        }.items():
            (cache / name).write_bytes(data)
            os.utime(cache / name, ns=(10**18, 10**18))
            if name != "own.py":
                (prefix / name).hardlink_to(cache / name)
        (cache / "small.py").chmod(0o755)
        (prefix / "own.py").write_bytes(b"own")
        (prefix / "link.py").symlink_to("small.py")
        return cache

    def test_all_but_large_binaries_are_parted(self, cache: Path) -> None:
        prefix = cache.parent / "prefix"
        assert sorted(path.name for path in links.shared(prefix)) == ["large.py", "small.py", "small.so"]
        assert links.part(prefix) == 3
        assert links.shared(prefix) == ()
        large = ("large.so", "large.so.3", "large.bin")
        shared = {name for name in large if (prefix / "deep" / name).samefile(cache / name)}
        assert shared == set(large)

    def test_a_parted_file_is_the_same_file_but_for_its_inode(self, cache: Path) -> None:
        prefix = cache.parent / "prefix"
        links.part(prefix)
        old, new = (cache / "small.py").stat(), (prefix / "deep/small.py").stat()
        assert (old.st_mode, old.st_mtime_ns, old.st_size) == (new.st_mode, new.st_mtime_ns, new.st_size)
        assert old.st_ino != new.st_ino
        assert (prefix / "deep/large.py").read_bytes() == (cache / "large.py").read_bytes()
        assert (prefix / "deep/link.py").is_symlink()

    def test_an_edit_does_not_reach_the_cache(self, cache: Path) -> None:
        prefix = cache.parent / "prefix"
        links.part(prefix)
        with (prefix / "deep/small.py").open("a") as file:
            file.write("x = 2\n")
        assert (cache / "small.py").read_text() == "x = 1\n"

    def test_a_failure_is_raised(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*args: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            links.part(cache.parent / "prefix")

    @pytest.mark.parametrize(("system", "expected"), [("win32", "copy"), ("darwin", "clone")])
    def test_each_system_has_its_mode(self, system: str, expected: str, tmp_path: Path) -> None:
        assert links.mode(tmp_path, system) == expected

    def test_linux_clones_where_it_can(self, tmp_path: Path) -> None:
        assert links.mode(tmp_path, "linux") == ("clone" if links._clones(tmp_path) else "hardlink")


class TestSpaces:
    def test_there_must_be_room_for_what_is_unpacked(self, tmp_path: Path) -> None:
        spaces.check(100_000_000, tmp_path / "not/there/yet", free=lambda folder: 400_000_001)
        with pytest.raises(ImpossibleError) as caught:
            spaces.check(100_000_000, tmp_path / "not/there/yet", free=lambda folder: 399_000_000)
        assert caught.value.code == "no-space"
        assert caught.value.because == f"it needs about 400 MB, and 399 MB are free on the disk of {tmp_path}"

    def test_a_lock_that_does_not_know_its_size_needs_the_reserve(self, tmp_path: Path) -> None:
        spaces.check(0, tmp_path, free=lambda folder: spaces.RESERVE)
        with pytest.raises(ImpossibleError):
            spaces.check(0, tmp_path, free=lambda folder: spaces.RESERVE - 1)
