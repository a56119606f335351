"""The conda channel that tests make is one: py-rattler reads it, installs from it, and what is installed runs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import conda_channel
import pytest
import rattler
from conda_channel import PLACEHOLDER, SUBDIR, Package
from conda_channel.pythons import installation
from rattler.package_streaming import extract

from kernel_iso import discovery


def repodata(channel: Path) -> dict[str, dict[str, Any]]:
    """The entries of both formats, by file name."""
    found = {}
    for path in channel.glob("*/repodata.json"):
        data = json.loads(path.read_text(encoding="utf-8"))
        found.update({**data["packages"], **data["packages.conda"]})
    return found


def say(prefix: Path, *command: str, **environ: str) -> str:
    """Run a command of a prefix; what it printed."""
    env = {**quiet(), **environ}
    done = subprocess.run(
        [prefix / "bin" / command[0], *command[1:]], capture_output=True, text=True, env=env, check=True
    )
    return done.stdout.strip()


def quiet() -> Mapping[str, str]:
    return {**os.environ, "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}


class TestPackages:
    def test_every_file_has_the_hash_and_the_size_that_the_channel_says(self, tiny_channel: Path) -> None:
        entries = repodata(tiny_channel)
        files = [*tiny_channel.glob("*/*.conda"), *tiny_channel.glob("*/*.tar.bz2")]

        assert {path.name for path in files} == set(entries)
        for path in files:
            content = path.read_bytes()
            expected = (entries[path.name]["sha256"], entries[path.name]["size"])
            assert expected == (hashlib.sha256(content).hexdigest(), len(content))

    def test_both_formats_are_there(self, tiny_channel: Path) -> None:
        assert {".conda", ".bz2"} == {Path(name).suffix for name in repodata(tiny_channel)}

    @pytest.mark.parametrize("name", ["greeting", "green-2.0", "green-1.0", "pytorch-2.9.1", "python"])
    def test_a_package_is_what_its_paths_say(self, tiny_channel: Path, tmp_path: Path, name: str) -> None:
        archive = conda_channel.packages(tiny_channel, name)[0]
        extract(archive, tmp_path)

        index = rattler.IndexJson.from_package_directory(tmp_path)
        assert archive.name.startswith(f"{index.name.source}-{index.version}-")
        paths = rattler.PathsJson.from_package_directory(tmp_path).paths
        there = {path for path in tmp_path.rglob("*") if not path.is_dir() and path.parts[-2] != "info"}
        assert {tmp_path / path.relative_path for path in paths} == there
        for each in paths:
            content = (tmp_path / each.relative_path).read_bytes()
            # py-rattler tells nothing where a file is empty.
            told = (each.sha256, each.size_in_bytes or 0)
            assert told == (hashlib.sha256(content).digest(), len(content))
            marked = each.prefix_placeholder.placeholder if each.prefix_placeholder else None
            soft = (tmp_path / each.relative_path).is_symlink()
            assert marked == (PLACEHOLDER if PLACEHOLDER.encode() in content and not soft else None)

    def test_texts_and_binaries_are_told_apart(self, tiny_channel: Path, tmp_path: Path) -> None:
        extract(conda_channel.packages(tiny_channel, "greeting")[0], tmp_path)

        paths = rattler.PathsJson.from_package_directory(tmp_path).paths
        modes = {
            str(each.relative_path): "text" if each.prefix_placeholder.file_mode.text else "binary"
            for each in paths
            if each.prefix_placeholder
        }
        assert modes == {
            "bin/greeting": "text",
            "share/greeting/place.txt": "text",
            "share/greeting/place.bin": "binary",
        }

    def test_a_package_has_equal_bytes_every_time(self) -> None:
        package = conda_channel.python_module("green")

        assert package.to_bytes() == package.to_bytes()


class TestPrefix:
    def test_python_runs_from_a_place_it_was_not_built_for(self, tiny_prefix: Path) -> None:
        code = (
            "import bz2, ctypes, decimal, hashlib, lzma, sqlite3, ssl, sys, sysconfig, zlib, venv, blue, green\n"
            "print(sys.prefix, sysconfig.get_config_var('prefix'), sysconfig.get_path('purelib'))\n"
            "print(blue.__file__)"
        )
        minor = next((tiny_prefix / "lib").glob("python3.*")).name
        site = tiny_prefix / "lib" / minor / "site-packages"

        printed = say(tiny_prefix, "python", "-c", code).split()

        assert printed == [
            str(tiny_prefix),
            str(tiny_prefix),
            str(site),
            str(site / "blue" / "__init__.py"),
        ]

    def test_the_prefix_is_in_texts_and_in_binaries_of_it(self, tiny_prefix: Path) -> None:
        place = tiny_prefix / "share" / "greeting"
        binary = (place / "place.bin").read_bytes()
        libraries = next(tiny_prefix.glob("lib/python3.*/lib-dynload/_ctypes.*.so")).read_bytes()

        assert say(tiny_prefix, "greeting") == f"hello from {place}"
        assert (place / "link.txt").read_text() == f"{place}\n"
        assert binary.strip(b"\0\1").split(b"\0")[0] == f"{tiny_prefix}/lib".encode()
        assert len(binary) == len(PLACEHOLDER) + 2 + len("/lib") + len(b"\0behind\0")
        assert f"{tiny_prefix}/lib".encode() + b"\0" in libraries
        assert PLACEHOLDER.encode() not in libraries

    def test_commands_run(self, tiny_prefix: Path) -> None:
        assert say(tiny_prefix, "blue") == "blue 2.0"

    def test_what_is_installed_is_recorded(self, tiny_prefix: Path, tiny_channel: Path) -> None:
        records = {
            record.name.normalized: record
            for record in map(rattler.PrefixRecord.from_path, (tiny_prefix / "conda-meta").glob("*.json"))
        }

        assert set(records) == {"activating", "blue", "green", "greeting", "python"}
        expected = repodata(tiny_channel)["green-2.0-pyhiso_0.conda"]
        assert records["green"].sha256.hex() == expected["sha256"]
        assert records["green"].url == f"{tiny_channel.as_uri()}/noarch/green-2.0-pyhiso_0.conda"

    def test_activating_sets_its_variables(self, tiny_prefix: Path) -> None:
        from rattler.shell import ActivationVariables, Shell, activate

        script = activate(tiny_prefix, ActivationVariables(None, []), Shell.bash).script
        shown = 'echo "$ACTIVATING_HOME|$ACTIVATING_MODE|$ACTIVATING_WORDS"'
        done = subprocess.run(
            ["bash", "-c", f"{script}\n{shown}"], capture_output=True, text=True, check=True
        )

        expected = f'{tiny_prefix}/share/activating|quiet|two words; $HOME and "quotes"'
        assert done.stdout.splitlines()[-1] == expected

    def test_link_scripts_leave_a_witness(
        self, tiny_channel: Path, conda_cache: Path, tmp_path: Path
    ) -> None:
        prefix = tmp_path / "prefix"
        witness = tmp_path / "linking-witness.txt"

        conda_channel.installed(tiny_channel, prefix, "linking", cache=conda_cache)
        assert not witness.exists()
        shutil.rmtree(prefix)
        conda_channel.installed(tiny_channel, prefix, "linking", cache=conda_cache, link_scripts=True)
        conda_channel.installed(tiny_channel, prefix, "greeting", cache=conda_cache, link_scripts=True)

        lines = [f"{step} {prefix} linking 1.0" for step in ("linked", "unlinked")]
        assert witness.read_text().splitlines() == lines


class TestSolving:
    def names(self, channel: Path, cache: Path, *specs: str, **virtual: str) -> list[str]:
        machine = conda_channel.virtual_packages(**virtual)
        return [
            f"{record.name.normalized} {record.version} {str(record.build).partition('_')[0]}"
            for record in conda_channel.solved(channel.as_uri(), *specs, cache=cache, virtual=machine)
            if record.name.normalized in ("pytorch", "cuda-version", "green")
        ]

    @pytest.mark.parametrize(
        ("cuda", "expected"),
        [
            ("", ["pytorch 2.10.0 cpu"]),
            ("12.4", ["cuda-version 12.9 hiso", "pytorch 2.10.0 cuda129"]),
            ("13.0", ["cuda-version 13.0 hiso", "pytorch 2.10.0 cuda130"]),
        ],
    )
    def test_the_driver_chooses_the_build(
        self, tiny_channel: Path, conda_cache: Path, cuda: str, expected: list[str]
    ) -> None:
        virtual = {"cuda": cuda} if cuda else {}

        assert self.names(tiny_channel, conda_cache, "pytorch", **virtual) == expected

    def test_a_build_of_torch_tells_what_it_is(
        self, tiny_channel: Path, conda_cache: Path, tmp_path: Path
    ) -> None:
        machine = conda_channel.virtual_packages(cuda="12.6")
        prefix = conda_channel.installed(
            tiny_channel, tmp_path / "prefix", "pytorch-gpu 2.9.*", cache=conda_cache, virtual=machine
        )

        code = "import torch.version; print(torch.__version__, torch.version.cuda, torch.version.build)"
        version, cuda, build = say(prefix, "python", "-c", code).split()
        assert (version, cuda) == ("2.9.1", "12.6")
        assert build.startswith("cuda126_generic_py3")

    @pytest.mark.parametrize(
        ("specs", "word"),
        [
            (("blue 2.*", "cyan"), "green <2"),
            (("tomorrow",), "__glibc >=99"),
            (("ahead",), "python >=3.99"),
            (("pytorch-gpu",), "__cuda"),
        ],
    )
    def test_what_cannot_be_says_why(
        self, tiny_channel: Path, conda_cache: Path, specs: tuple[str, ...], word: str
    ) -> None:
        with pytest.raises(Exception, match="Cannot solve") as raised:
            self.names(tiny_channel, conda_cache, *specs)
        assert word in str(raised.value)

    def test_what_is_newer_can_be_left_out(self, tiny_channel: Path, conda_cache: Path) -> None:
        before = datetime(2024, 6, 1, tzinfo=UTC)
        records = conda_channel.solved(tiny_channel, "blue", cache=conda_cache, exclude_newer=before)

        versions = {record.name.normalized: str(record.version) for record in records}
        assert (versions["blue"], versions["green"]) == ("1.0", "1.0")

    def test_a_replaced_package_is_indexed_again(self, tmp_path: Path) -> None:
        for depends in ("__glibc", "__unix"):
            conda_channel.make_channel(tmp_path, [Package(name="one", depends=[depends])])

        assert repodata(tmp_path)["one-1.0-0.conda"]["depends"] == ["__unix"]


class TestKeeping:
    @pytest.fixture(autouse=True)
    def elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def test_what_was_made_is_not_made_again(self) -> None:
        from conda_channel.channels import kept

        made = []
        folders = {kept("x", ["1"], lambda folder: made.append(folder.name)) for _ in range(2)}

        assert len(folders) == len(made) == 1

    def test_a_build_that_was_killed_leaves_nothing(self, tmp_path: Path) -> None:
        from conda_channel.channels import kept

        def killed(folder: Path) -> None:
            (folder / "half").touch()
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            kept("x", ["1"], killed)

        folder = kept("x", ["1"], lambda folder: (folder / "whole").touch())
        assert [path.name for path in folder.iterdir()] == ["whole"]


def test_the_python_of_a_distribution_is_repacked_too(tmp_path: Path) -> None:
    from conda_channel.channels import repacked_python

    found = discovery.pythons({}, home=tmp_path)
    chosen = [
        one for each in found if each.source == "system" and not (one := installation(each.path)).refused
    ]
    if not chosen:
        pytest.skip("no Python of a distribution is here that can be repacked")
    packages = [*repacked_python(chosen[0]), conda_channel.python_module("green")]
    channel = conda_channel.make_channel(tmp_path / "channel", packages)

    prefix = conda_channel.installed(channel, tmp_path / "prefix", "green", cache=tmp_path / "cache")

    code = (
        "import ctypes, sqlite3, ssl, sys, sysconfig, green; print(sys.prefix, sysconfig.get_path('purelib'))"
    )
    site = prefix / "lib" / f"python{chosen[0].minor}" / "site-packages"
    assert say(prefix, "python", "-c", code) == f"{prefix} {site}"


def test_no_python_to_repack_says_why(tmp_path: Path) -> None:
    from conda_channel.pythons import usable

    with pytest.raises(conda_channel.NoPython, match="no-such-python"):
        usable([tmp_path / "no-such-python"])


def test_the_subdirectory_is_this_machines(tiny_channel: Path) -> None:
    assert (tiny_channel / SUBDIR).is_dir()
    assert str(rattler.Subdir.current()) == SUBDIR
