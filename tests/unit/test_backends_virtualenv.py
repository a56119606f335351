"""pip's options and its report."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment

from kernel_iso.backends import virtualenv
from kernel_iso.backends.virtualenv import commands, desks, locking
from kernel_iso.backends.virtualenv.realising import Progress
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Index, Machine, Plan, Python

A = Index(name="a", url="https://a.example.org/simple")
B = Index(name="b", url="https://b.example.org/simple")


def plan(**more: object) -> Plan:
    fields = {"python": Python(version="3.12.1", path="/opt/python"), "indexes": (A,), **more}
    return Plan(backend="virtualenv", **fields)  # type: ignore[arg-type]


class TestCommands:
    def test_resolving_takes_wheels_only_and_installs_nothing(self) -> None:
        words = commands.resolving("/tool/python", plan(), "/x/report.json", "/cache")
        assert words[:2] == ["/tool/python", "-I"]
        assert words[words.index("install") : words.index("install") + 5] == [
            *("install", "--dry-run", "--ignore-installed", "--report", "/x/report.json")
        ]
        assert words[words.index("--only-binary") + 1] == ":all:"
        assert words[-2:] == ["--index-url", A.url]

    def test_installing_takes_what_has_the_hash_and_nothing_more(self) -> None:
        words = commands.installing("/tool/python", "/at/bin/python", plan(indexes=(A, B)), "/x/r.txt", "")
        assert {"--no-deps", "--require-hashes", "--no-compile", "--no-input"} <= {*words}
        assert words[words.index("--python") + 1] == "/at/bin/python"
        assert words.index("--python") < words.index("install")
        assert words[words.index("--extra-index-url") + 1] == B.url

    def test_what_the_plan_allows_is_passed_on(self) -> None:
        assert commands.common(plan(indexes=(), trusted_hosts=("h",)), "")[-3:] == [
            "--trusted-host",
            "h",
            "--no-index",
        ]
        words = commands.newest(plan(exclude_newer="3 days"), datetime(2026, 6, 4, tzinfo=UTC))
        assert words == ["--uploaded-prior-to", "2026-06-01T00:00:00+00:00"]

    def test_nobodys_configuration_is_read(self) -> None:
        assert {"PIP_CONFIG_FILE": os.devnull} == commands.ENVIRON


def item(name: str, *requires: str) -> dict[str, Any]:
    url = f"https://files.example.org/{name}-1.0-py3-none-any.whl"
    return {
        "metadata": {"name": name, "version": "1.0", "requires_dist": list(requires)},
        "download_info": {"url": url, "archive_info": {"hashes": {"sha256": "0" * 64}}},
    }


def test_a_report_says_who_needs_whom() -> None:
    report = {
        "install": [
            item("A", "b[x]>=1", "gone; python_version < '3'"),
            item("b", "c; extra == 'x'"),
            item("C"),
        ],
        "environment": default_environment(),
    }
    assert [
        (pick.name, pick.version, set(pick.requires), pick.index) for pick in locking.picked(report, plan())
    ] == [
        ("a", "1.0", {"b"}, A.url),
        ("b", "1.0", {"c"}, A.url),
        ("c", "1.0", set(), A.url),
    ]


def test_an_interpreter_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    with (
        pytest.raises(ImpossibleError) as caught,
        desks.desk(plan(python=Python(version="3.14", path="")), None),  # type: ignore[arg-type]
    ):
        pass
    assert caught.value.code == "no-interpreter"


def test_progress_counts_what_pip_collects() -> None:
    told: list[tuple[object, ...]] = []

    class Hands:
        def tell(self, *words: object) -> None:
            told.append(words)

    progress = Progress(Hands(), 2)  # type: ignore[arg-type]
    for line in (
        "Looking in indexes: https://a.example.org/simple",
        "Collecting blue==2.0 (from -r r.txt (line 1))",
        "  Downloading blue-2.0-py3-none-any.whl (983 bytes)",
        "Collecting green==2.0 (from -r r.txt (line 2))",
        "Installing collected packages: green, blue",
    ):
        progress(line)
    assert told == [
        ("fetching blue", 1, 2, "packages"),
        ("fetching green", 2, 2, "packages"),
        ("unpacking 2 packages", 0, 2, "packages"),
    ]


def test_an_old_virtualenv_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtualenv, "MINIMUM", "999")
    assert "is too old" in virtualenv.ready(Machine(os="linux", arch="x86_64"))
