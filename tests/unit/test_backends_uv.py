"""uv's options and words."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import pytest

from kernel_iso.backends import uv, wheels
from kernel_iso.backends.uv import commands, locking
from kernel_iso.backends.uv.realising import Progress
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Index, Machine, Plan, Python

A = Index(name="a", url="https://a.example.org/simple")
B = Index(name="b builds", url="https://b.example.org/simple", explicit=True)
C = Index(name="c", url="https://c.example.org/simple")


def plan(**more: object) -> Plan:
    fields = {"python": Python(version="3.12.1", path="/opt/python"), "indexes": (A,), **more}
    return Plan(backend="uv", **fields)  # type: ignore[arg-type]


class TestCommands:
    def test_resolving_builds_nothing_and_reads_nobodys_configuration(self) -> None:
        words = commands.compiling("uv", plan(), wheels.here(), "/cache")
        assert words == [
            *("uv", "pip", "compile", "--no-config", "--no-python-downloads", "--color", "never"),
            *("--cache-dir", "/cache", "--python", "/opt/python", "--python-version", "3.12"),
            *("--no-build", "--no-header"),
            *("--default-index", "a=https://a.example.org/simple", "--index-strategy", "first-index"),
        ]

    def test_installing_requires_hashes_builds_nothing_and_compiles_nothing(self) -> None:
        words = commands.installing("uv", plan(), "/at/bin/python", "/x/pylock.toml", "clone", "")
        assert {"--no-config", "--no-build", "--require-hashes"} <= {*words}
        assert "--compile-bytecode" not in words
        assert words[words.index("--link-mode") + 1] == "clone"

    def test_what_the_plan_allows_is_passed_on(self) -> None:
        words = commands.everywhere(plan(offline=True, trusted_hosts=("a.example.org",)), "")
        assert words[-3:] == ["--offline", "--allow-insecure-host", "a.example.org"]
        assert commands.cached(["uv", *words]) == ["uv", *words]
        assert commands.cached(["uv"]) == ["uv", "--offline"]

    def test_indexes_keep_their_order_and_explicit_ones_wait_to_be_named(self) -> None:
        assert commands.indexes(plan(indexes=(A, B, C)))[:4] == [
            *("--index", "a=https://a.example.org/simple"),
            *("--default-index", "c=https://c.example.org/simple"),
        ]
        assert commands.indexes(plan(indexes=(B,))) == ["--no-index"]

    def test_a_bound_package_has_its_index_in_a_project_file(self) -> None:
        text = commands.bound(
            plan(indexes=(A, B), pins=(("torch", "b builds"), ("other", "a"))), frozenset({"torch"})
        )
        assert tomllib.loads(text) == {
            "project": {"name": commands.PINS, "version": "0", "dependencies": ["torch"]},
            "tool": {
                "uv": {
                    "sources": {"torch": {"index": "b-builds"}},
                    "index": [{"name": "b-builds", "url": B.url, "explicit": True}],
                }
            },
        }

    def test_a_python_that_is_not_there_yet_can_be_locked_for(self) -> None:
        words = commands.compiling("uv", plan(python=Python(version="3.14", path="")), wheels.here(), "")
        assert words[words.index("--python-version") + 1] == "3.14"
        assert words[words.index("--python") + 1]

    @pytest.mark.parametrize(
        ("machine", "expected"),
        [("windows-x86_64", "x86_64-pc-windows-msvc"), ("macos-arm64", "aarch64-apple-darwin")],
    )
    def test_other_machines_have_uvs_names(self, machine: str, expected: str) -> None:
        assert commands.platform(machine) == ["--python-platform", expected]

    def test_an_unknown_machine_is_refused(self) -> None:
        with pytest.raises(ImpossibleError) as caught:
            commands.platform("plan9-mips")
        assert caught.value.code == "no-such-platform"

    def test_a_date_means_the_end_of_its_day(self) -> None:
        words = commands.newest(plan(exclude_newer="2026-06-01"), datetime(2026, 7, 1, tzinfo=UTC))
        assert words == ["--exclude-newer", "2026-06-01T23:59:59.999999+00:00"]


def test_what_compile_prints_is_read() -> None:
    text = (
        "ipython-pygments-lexers==1.1.1  # via ipython\n"
        "    # from https://index.example.org/simple\n"
        "numpy==2.5.5              # via contourpy, -r requirements.in\n"
        "contourpy==1.4.0          # via kernel-iso-pins (pyproject.toml)\n"
        "torch==2.8.0+cu126\n"
        "    # from https://b.example.org/whl\n"
    )
    assert {pick.name: (pick.version, pick.index, set(pick.requires)) for pick in locking.parsed(text)} == {
        "ipython-pygments-lexers": ("1.1.1", "https://index.example.org/simple", set()),
        "numpy": ("2.5.5", "", set()),
        "contourpy": ("1.4.0", "", {"numpy"}),
        "torch": ("2.8.0+cu126", "https://b.example.org/whl", set()),
    }


def test_progress_counts_the_bytes_that_uv_names() -> None:
    told: list[tuple[object, ...]] = []

    class Hands:
        def tell(self, *words: object) -> None:
            told.append(words)

    progress = Progress(Hands(), 38)  # type: ignore[arg-type]
    for line in (
        "Using Python 3.12.1 environment at: /x",
        "Downloading numpy (15.0MiB)",
        "Downloading kiwisolver (1.5MiB)",
        " Downloaded kiwisolver",
        " Downloaded numpy",
        "Prepared 38 packages in 1.14s",
        "Installed 38 packages in 134ms",
        " + numpy==2.5.5",
    ):
        progress(line)
    assert told == [
        ("downloading numpy", 0, 15728640, "bytes"),
        ("downloading numpy, kiwisolver", 0, 17301504, "bytes"),
        ("downloading numpy", 1572864, 17301504, "bytes"),
        ("downloaded", 17301504, 17301504, "bytes"),
        ("unpacked, linking 38 packages", 0, 38, "packages"),
    ]


class TestReady:
    machine = Machine(os="linux", arch="x86_64")

    def test_an_old_uv_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(uv, "MINIMUM", "999")
        uv._found.cache_clear()
        try:
            assert "is too old: 999 or newer is needed" in uv.ready(self.machine)
            with pytest.raises(ImpossibleError) as caught:
                uv.path()
            assert caught.value.code == "uv-missing"
        finally:
            uv._found.cache_clear()

    def test_a_uv_without_its_program_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import uv as package

        def missing() -> str:
            raise FileNotFoundError

        monkeypatch.setattr(package, "find_uv_bin", missing)
        uv._found.cache_clear()
        try:
            assert uv.ready(self.machine) == "the uv package is not installed beside kernel-iso"
        finally:
            uv._found.cache_clear()
