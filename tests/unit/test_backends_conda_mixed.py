"""Wheels on top of conda's packages: conda comes first, and nothing of it is replaced."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conda_desk import MINOR, Desk, artefacts, say, versions
from wheelhouse import Wheelhouse

from kernel_iso.backends import conda, pylocks
from kernel_iso.errors import ConflictError, ImpossibleError, IsoError, ToolError
from kernel_iso.model import Index, Lock, Part, Plan


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    with Wheelhouse() as house:
        house.wheel("top", "1.0", requires=["green>=2", "under"])
        house.wheel("under", "1.0")
        house.wheel("green", "2.0", files={"green/from_the_index.py": ""})
        house.wheel("green", "3.0")
        house.wheel("lean", "1.0", requires=["green>=3"])
        house.wheel("kern", "8.0", requires=["green"])
        house.wheel("torch", "2.10.0")
        house.wheel("vision", "1.0", requires=["torch"])
        yield house


class Mixed:
    """The desk with an index of wheels."""

    def __init__(self, desk: Desk, index: Wheelhouse) -> None:
        self.desk, self.index = desk, index

    def plan(self, specs: tuple[str, ...], requirements: tuple[str, ...], **more: Any) -> Plan:
        indexes = (Index(name="main", url=self.index.url),)
        return self.desk.plan(*specs, requirements=requirements, indexes=indexes, **more)

    def lock(self, specs: tuple[str, ...], requirements: tuple[str, ...], **more: Any) -> Lock:
        return conda.lock(self.plan(specs, requirements, **more), self.desk.run)


@pytest.fixture
def mixed(desk: Desk, index: Wheelhouse) -> Mixed:
    return Mixed(desk, index)


def wheels(lock: Lock) -> dict[str, str]:
    text = lock.parts[0].pypi
    return {each.name: each.version for each in pylocks.packages(text)} if text else {}


class TestLock:
    def test_what_conda_has_is_not_taken_from_the_index(self, mixed: Mixed) -> None:
        lock = mixed.lock(("blue",), ("top",))
        assert versions(lock) == {"blue": "2.0", "green": "2.0"}
        assert wheels(lock) == {"top": "1.0", "under": "1.0"}

    def test_without_requirements_there_are_no_wheels(self, mixed: Mixed) -> None:
        assert mixed.lock(("blue",), ()).parts[0].pypi == ""
        assert mixed.index.requests == []

    def test_a_name_that_differs_is_known(self, mixed: Mixed) -> None:
        """conda's pytorch is torch on PyPI."""
        lock = mixed.lock(("pytorch",), ("vision",))
        assert "pytorch" in artefacts(lock)
        assert wheels(lock) == {"vision": "1.0"}

    def test_a_wheel_that_needs_another_version_is_refused(self, mixed: Mixed) -> None:
        with pytest.raises(ConflictError) as caught:
            mixed.lock(("blue",), ("lean",))
        assert caught.value.code == "pypi-needs-other"
        assert caught.value.because.startswith("conda installs green 2.0, and ")

    def test_a_conflict_among_wheels_is_theirs(self, mixed: Mixed) -> None:
        mixed.index.wheel("stern", "1.0", requires=["under<1"])
        with pytest.raises(IsoError) as caught:
            mixed.lock(("blue",), ("top", "stern"))
        assert caught.value.code in {"no-versions-fit", "no-such-version"}

    @pytest.mark.parametrize("requirement", ["nowhere", "green>=9"])
    def test_what_the_index_has_not_is_said(self, mixed: Mixed, requirement: str) -> None:
        with pytest.raises(IsoError) as caught:
            mixed.lock(("cyan",), (requirement,))
        assert caught.value.code in {"no-such-package", "no-such-version", "pypi-needs-other"}

    def test_wheels_are_for_the_python_that_conda_brings(self, mixed: Mixed) -> None:
        mixed.index.wheel("picky", "1.0", requires_python=f"=={MINOR}.*")
        mixed.index.wheel("picky", "2.0", requires_python="==3.99.*")
        assert wheels(mixed.lock((), ("picky",))) == {"picky": "1.0"}


class TestCompanions:
    def test_those_that_the_channels_lack_come_from_the_index(self, mixed: Mixed) -> None:
        mixed.index.wheel("only-here", "1.0", requires=["tail"])
        mixed.index.wheel("tail", "1.0")
        lock = mixed.lock(("blue",), (), companions=("kern", "only-here"))
        assert versions(lock) == {"blue": "2.0", "green": "2.0", "kern": "7.0", "tail": "1.0"}
        assert wheels(lock) == {"only-here": "1.0"}
        assert (lock.companions, lock.detached) == (("kern", "only-here", "tail"), "")
        assert "only-here cannot come from the channels" in mixed.desk.said

    def test_those_that_fit_nowhere_beside_are_locked_apart(self, mixed: Mixed) -> None:
        """`lean` needs a `green` that conda's `blue` cannot live with; `kern` can."""
        lock = mixed.lock(("blue",), (), companions=("kern", "lean"))
        assert versions(lock) == {"blue": "2.0", "green": "2.0", "kern": "7.0", "tail": "1.0"}
        assert wheels(lock) == {}
        assert [(each.name, each.version) for each in pylocks.packages(lock.detached)] == [
            ("green", "3.0"),
            ("lean", "1.0"),
        ]
        assert "lean cannot live beside what is asked" in mixed.desk.said

    def test_beside_wheels_that_are_asked_for_too(self, mixed: Mixed) -> None:
        lock = mixed.lock(("blue",), ("under",), companions=("lean",))
        assert wheels(lock) == {"under": "1.0"}
        assert [each.name for each in pylocks.packages(lock.detached)] == ["green", "lean"]

    def test_one_that_can_be_had_nowhere_is_an_error(self, mixed: Mixed) -> None:
        with pytest.raises(IsoError) as caught:
            mixed.lock(("blue",), (), companions=("nowhere",))
        assert caught.value.code == "no-such-package"

    def test_an_extra_is_asked_of_the_index(self, mixed: Mixed) -> None:
        mixed.index.wheel("rich", "1.0", extras={"x": ["under"]})
        lock = mixed.lock(("blue",), (), companions=("rich[x]",))
        assert wheels(lock) == {"rich": "1.0", "under": "1.0"}


class TestRealise:
    def test_both_are_there_and_are_told_apart(self, mixed: Mixed) -> None:
        plan = mixed.plan(("blue",), ("top",))
        python = mixed.desk.realise(plan, conda.lock(plan, mixed.desk.run))
        assert (
            say(python, "import blue, green, top, under; print(green.__version__, top.__version__)")
            == "2.0 1.0"
        )
        found = mixed.desk.inspect(python)
        assert {name: each.installer for name, each in found.items()} == {
            "blue": "conda", "green": "conda", "python": "conda", "top": "uv", "under": "uv",
        }  # fmt: skip
        assert found["top"].requires == ("green", "under")
        assert not list(mixed.desk.folder.glob("prefix/lib/python*/site-packages/green/from_the_index.py"))
        assert "installed 5 packages" in mixed.desk.said

    def test_what_conda_really_installed_is_not_replaced(self, mixed: Mixed) -> None:
        """The names in a lock were guessed, or forged; the files of conda's packages count."""
        plan = mixed.plan(("blue",), ("top",))
        lock = conda.lock(plan, mixed.desk.run)
        alone = mixed.lock((), ("lean",))
        assert wheels(alone) == {"green": "3.0", "lean": "1.0"}
        forged = Part(text=lock.parts[0].text, kind="conda", pypi=alone.parts[0].pypi)
        with pytest.raises(ConflictError) as caught:
            mixed.desk.realise(plan, forged)
        assert caught.value.code == "would-replace-conda"
        assert "green 2.0, and the lock has 3.0" in caught.value.because

    @pytest.mark.slow
    def test_a_wheel_of_an_index_that_is_not_allowed_is_refused(self, mixed: Mixed) -> None:
        plan = mixed.plan(("blue",), ("under",))
        lock = conda.lock(plan, mixed.desk.run)
        text = lock.parts[0].pypi.replace(mixed.index.url, "https://evil.example.org/simple")
        with pytest.raises(ImpossibleError) as caught:
            mixed.desk.realise(plan, Part(text=lock.parts[0].text, kind="conda", pypi=text))
        assert caught.value.code == "lock-not-allowed"

    @pytest.mark.slow
    def test_a_wheel_that_was_changed_is_refused(self, mixed: Mixed) -> None:
        plan = mixed.plan(("blue",), ("under",))
        lock = conda.lock(plan, mixed.desk.run)
        for each in mixed.index.artefacts:
            each.tamper()
        with pytest.raises(ToolError) as caught:
            mixed.desk.realise(plan, lock)
        assert caught.value.code == "hash-mismatch"

    def test_offline_both_come_from_their_caches(self, mixed: Mixed) -> None:
        plan = mixed.plan(("blue",), ("top",))
        lock = conda.lock(plan, mixed.desk.run)
        mixed.desk.realise(plan, lock, "one")
        mixed.index.requests.clear()
        offline = mixed.plan(("blue",), ("top",), offline=True)
        assert conda.lock(offline, mixed.desk.run) == lock
        mixed.desk.realise(offline, lock, "two")
        assert mixed.index.requests == []

    def test_what_a_pip_put_over_conda_s_is_seen(self, mixed: Mixed, tmp_path: Path) -> None:
        """As `pip install` in a notebook does it: conda's records still say the old version."""
        python = mixed.desk.make("blue")
        wheel = tmp_path / "green-3.0-py3-none-any.whl"
        wheel.write_bytes(next(each for each in mixed.index.artefacts if each.filename == wheel.name).content)
        uv = shutil.which("uv") or os.environ.get("UV") or ""
        import uv as own

        subprocess.run(
            [
                uv or own.find_uv_bin(),
                "pip",
                "install",
                "-q",
                "--no-index",
                "--no-deps",
                "--python",
                python,
                wheel,
            ],
            check=True,
            env={**os.environ, "UV_NO_CONFIG": "1", "UV_CACHE_DIR": str(tmp_path / "uv-cache")},
        )
        found = mixed.desk.inspect(python)
        assert say(python, "import green; print(green.__version__)") == "3.0"
        assert (found["green"].version, found["green"].installer, found["green"].build) == ("3.0", "uv", "")
        assert (found["blue"].version, found["blue"].installer) == ("2.0", "conda")
