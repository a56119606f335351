"""What every backend keeps when it locks: the same suite for each of them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from benches import Bench, Say, allowed, only_of_wheels, only_uv, only_virtualenv
from wheelhouse import Wheelhouse

from kernel_iso.backends import pylocks
from kernel_iso.backends.wheels import here
from kernel_iso.errors import ConflictError, ImpossibleError, IsoError, SpecError, ToolError
from kernel_iso.model import Index, Machine


class TestLock:
    def test_a_lock_has_hashes_roles_and_who_needs_whom(self, bench: Bench) -> None:
        plan = bench.plan("blue", companions=("kern",))
        lock = bench.backend.lock(plan, bench.run)
        assert (lock.plan, lock.companions, lock.detached) == (plan.digest(), ("kern", "tail"), "")
        assert [(part.platform, part.kind, part.accelerator) for part in lock.parts] == [
            (here(), bench.kind, "")
        ]
        found = bench.packages(lock.parts[0])
        assert [(each.name, each.version, each.role, each.requires) for each in found] == [
            ("blue", "2.0", "asked", ("green",)),
            ("green", "2.0", "", ()),
            ("kern", "7.0", "companion", ("green", "tail")),
            ("tail", "1.0", "companion", ()),
        ]
        assert bench.answers(lock.parts[0]) == (plan.digest(), f"=={plan.python.minor}.*")
        announced = {each.project: each.sha256 for each in bench.index.artefacts}
        assert bench.artefacts(lock.parts[0]) == {
            name: (bench.index.url, (announced[name],)) for name in ("blue", "green", "kern", "tail")
        }
        # The same question gets the same text.
        assert bench.backend.lock(plan, bench.run) == lock

    @only_of_wheels
    def test_extras_and_markers_are_followed(self, bench: Bench) -> None:
        bench.index.wheel("rose", requires=["tail; python_version < '3'"], extras={"x": ["green<2"]})
        found = pylocks.packages(bench.lock("rose[x]").parts[0].text)
        assert [(each.name, each.version, each.requires) for each in found] == [
            ("green", "1.0", ()),
            ("rose", "1.0", ("green",)),
        ]

    def test_an_edit_changes_only_what_it_must(self, bench: Bench) -> None:
        plan = bench.plan("blue", "green")
        kept = bench.backend.lock(
            plan, bench.run, preferences=bench.kept("green==1.0", "blue==1.0", "gone==3")
        )
        assert bench.versions(kept) == {"blue": "1.0", "green": "1.0"}
        plan = bench.plan("blue>=2", "green", "tail")
        pins = bench.kept("green==1.0", "blue==1.0", "tail==1.0")
        moved = bench.backend.lock(plan, bench.run, preferences=pins)
        assert bench.versions(moved) == {"blue": "2.0", "green": "2.0", "tail": "1.0"}

    def test_constraints_limit_and_add_nothing(self, bench: Bench) -> None:
        lock = bench.lock("blue", constraints=("green<2", "cyan==1.0"))
        assert bench.versions(lock) == {"blue": "1.0", "green": "1.0"}

    @only_uv
    def test_what_something_else_installs_binds_and_no_index_need_have_it(self, bench: Bench) -> None:
        """conda's packages, for one: a version that no index knows fits, and one that does not fit is a conflict."""
        assert bench.versions(bench.lock("blue", provided=("green==7.7",))) == {"blue": "2.0", "green": "7.7"}
        assert bench.versions(bench.lock("blue", provided=("green==1.0",))) == {"blue": "1.0", "green": "1.0"}
        with pytest.raises(ConflictError):
            bench.lock("blue>=2", provided=("green==1.0",))

    def test_a_release_that_is_too_new_is_not_used(self, bench: Bench) -> None:
        bench.index.wheel("green", "3.0", uploaded="2031-01-01T00:00:00Z")
        assert bench.versions(bench.lock("green", exclude_newer="2030-01-01")) == {"green": "2.0"}
        assert bench.versions(bench.lock("green")) == {"green": "3.0"}

    @only_uv
    def test_only_allowed_hashes_are_locked(self, bench: Bench) -> None:
        green = next(each for each in bench.index.artefacts if each.filename.startswith("green-2.0"))
        lock = bench.lock("green", hashes=(("Green", (f"sha256:{green.sha256}",)),))
        assert bench.versions(lock) == {"green": "2.0"}
        with pytest.raises(ConflictError) as caught:
            bench.lock("green", hashes=(("green", ("sha256:" + "0" * 64,)),))
        assert caught.value.code == "hash-not-allowed"

    def test_an_index_without_hashes_is_hashed_by_us_or_refused(self, bench: Bench) -> None:
        bench.index.hashes = False
        green = next(each for each in bench.index.artefacts if each.filename.startswith("green-2.0"))
        if bench.name != "uv":  # the others fetch no package to resolve
            with pytest.raises(ToolError) as caught:
                bench.lock("green")
            assert caught.value.code == "no-hash"
            return
        [wheel] = tomllib.loads(bench.lock("green").parts[0].text)["packages"][0]["wheels"]
        assert wheel["hashes"] == {"sha256": green.sha256}

    def test_nothing_asked_is_an_empty_lock(self, bench: Bench) -> None:
        assert bench.versions(bench.lock()) == {}

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
        (tmp_path / ".condarc").write_text("channels: [http://127.0.0.1:9/channel]\n")
        monkeypatch.chdir(tmp_path)
        assert bench.versions(bench.lock("green")) == {"green": "2.0"}


class TestCompanions:
    def test_what_does_not_fit_is_locked_and_realised_apart(self, bench: Bench, say: Say) -> None:
        bench.index.wheel("aqua", "1.0", requires=["green>=2"])
        if bench.apart is not bench.index:
            bench.apart.wheel("aqua", "1.0", requires=["green>=2"])
        plan = bench.plan(
            "cyan", companions=("aqua", "tail"), hashes=(("green", allowed(bench, "green-1.0")),)
        )
        lock = bench.backend.lock(plan, bench.run)
        assert bench.versions(lock) == {"cyan": "1.0", "green": "1.0", "tail": "1.0"}
        assert lock.companions == ("tail",)
        apart = pylocks.packages(lock.detached)
        assert [(each.name, each.version, each.role) for each in apart] == [
            ("aqua", "1.0", "companion"),
            ("green", "2.0", "companion"),
        ]
        assert "aqua cannot live beside what is asked" in bench.said
        python = bench.realise_apart(plan, lock)
        assert say(python, "import aqua, green; print(green.__version__)") == "2.0"

    @only_uv
    def test_a_kernel_that_is_too_old_counts_as_not_fitting(self, bench: Bench) -> None:
        bench.index.wheel("ipykernel", "5.5", requires=["green"])
        bench.index.wheel("ipykernel", "7.4", requires=["green>=2"])
        lock = bench.lock("cyan", companions=("ipykernel",))
        assert bench.versions(lock) == {"cyan": "1.0", "green": "1.0"}
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
                "`{}` and `{}` cannot live",
            ),
            (("green>=9",), ConflictError, "no-such-version", "2.0"),
            (("sklearn",), SpecError, "no-such-package", "has"),
        ],
    )
    def test_a_lock_that_cannot_be_is_explained(
        self, bench: Bench, requirements: tuple[str, ...], kind: type[IsoError], code: str, words: str
    ) -> None:
        with pytest.raises(kind) as caught:
            bench.lock(*requirements)
        assert caught.value.code == code
        assert words.format(*bench.words(*requirements)) in caught.value.because

    @only_of_wheels
    @pytest.mark.parametrize(
        ("requirements", "kind", "code", "words"),
        [
            (("sklearn",), SpecError, "no-such-package", "no index has it (asked: main)"),
            (("winonly",), ImpossibleError, "no-matching-wheel", "win_amd64"),
            (("needy",), ImpossibleError, "needs-build", "needy needs it"),
            (("not a name",), SpecError, "bad-requirement", ""),
        ],
    )
    def test_a_lock_of_wheels_that_cannot_be_is_explained(
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
        assert caught.value.code == bench.code(code)
        assert f"127.0.0.1:{bench.index.port}" in caught.value.because


class TestSeveralIndexes:
    @only_uv
    def test_the_first_that_has_a_package_serves_it(self, bench: Bench) -> None:
        with Wheelhouse() as second:
            second.wheel("green", "9.0")
            second.wheel("other", "1.0")
            indexes = (Index(name="main", url=bench.index.url), Index(name="second", url=second.url))
            assert bench.versions(bench.lock("green", "other", indexes=indexes)) == {
                "green": "2.0",
                "other": "1.0",
            }

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
            assert bench.versions(lock) == expected
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
