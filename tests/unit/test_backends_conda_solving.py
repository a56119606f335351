"""What conda's solver is asked, and how its answers and its refusals read."""

from __future__ import annotations

from pathlib import Path

import pytest
from conda_desk import MINOR, Desk, artefacts, versions

from kernel_iso.backends import conda, explicit
from kernel_iso.backends.wheels import here
from kernel_iso.errors import ConflictError, ImpossibleError, IsoError, SpecError

GREEN_1 = "green==1.0=pyhiso_0"


class TestChannels:
    @pytest.fixture
    def second(self, tmp_path: Path) -> str:
        """A channel with a newer `green`, and with a package of its own."""
        import conda_channel

        packages = [
            conda_channel.python_module("green", "9.0"),
            conda_channel.python_module("lone", "1.0", depends=["green"]),
        ]
        return conda_channel.make_channel(tmp_path / "second", packages).as_uri()

    def test_the_first_that_has_a_package_serves_it(self, desk: Desk, second: str) -> None:
        """Strict priority: what a channel behind has newer is not looked at."""
        assert versions(desk.lock("green", "lone", channels=(desk.channel, second))) == {
            "green": "2.0", "lone": "1.0",
        }  # fmt: skip
        assert versions(desk.lock("green", channels=(second, desk.channel))) == {"green": "9.0"}

    def test_the_person_may_have_chosen_another_priority(self, desk: Desk, second: str) -> None:
        desk.condarc("channel_priority: disabled\n")
        assert versions(desk.lock("green", channels=(desk.channel, second))) == {"green": "9.0"}

    def test_a_spec_may_name_the_channel(self, desk: Desk, second: str, tmp_path: Path) -> None:
        desk.condarc(f"custom_channels:\n  second: {tmp_path.as_uri()}\n")
        lock = desk.lock("second::green", channels=(desk.channel, "second"))
        assert (artefacts(lock)["green"].base, artefacts(lock)["green"].version) == (second, "9.0")
        with pytest.raises(ConflictError) as caught:
            desk.lock("elsewhere::green")
        assert "`elsewhere::green` cannot be installed" in caught.value.because

    def test_what_is_no_channel_is_said(self, desk: Desk) -> None:
        with pytest.raises(SpecError) as caught:
            desk.lock("nodefaults::green")
        assert caught.value.code == "bad-conda-dependency"


class TestWhatIsAsked:
    @pytest.mark.parametrize(
        ("spec", "version"),
        [
            ("python ==3.12.1", "3.12.1"),
            ("python 3.12.1", "3.12.1"),
            ("python=3.12", "3.12.1"),
            ("python 3.13.0", "3.13.0"),
            ("python >=3.11,<3.12", "3.11.7"),
        ],
    )
    def test_a_python_is_asked_for_as_conda_writes_it(self, desk: Desk, spec: str, version: str) -> None:
        import conda_channel

        minor = version.rpartition(".")[0]
        if not (found := conda_channel.packages(conda_channel.tiny(), "python")) or not any(
            path.name.startswith(f"python-{version}-") for path in found
        ):
            pytest.skip(f"there is no Python {minor} of this version here")
        assert artefacts(desk.lock(spec))["python"].version == version

    def test_limits_bound_what_is_chosen_and_add_nothing(self, desk: Desk) -> None:
        assert versions(desk.lock("blue", conda_limits=("green <2", "cyan ==1.0"))) == {
            "blue": "1.0", "green": "1.0",
        }  # fmt: skip

    def test_a_former_lock_is_kept_where_it_fits(self, desk: Desk) -> None:
        kept = (GREEN_1, "blue==1.0=pyhiso_0", "gone==1=0")
        assert versions(desk.lock("blue", preferences=kept)) == {"blue": "1.0", "green": "1.0"}
        assert versions(desk.lock("blue >=2", preferences=kept)) == {"blue": "2.0", "green": "2.0"}

    def test_a_build_that_is_another_now_is_not_kept(self, desk: Desk) -> None:
        assert versions(desk.lock("green", preferences=("green==1.0=other_0",))) == {"green": "2.0"}

    def test_what_is_too_new_is_left_out(self, desk: Desk) -> None:
        assert versions(desk.lock("blue", exclude_newer="2024-06-01")) == {"blue": "1.0", "green": "1.0"}
        with pytest.raises(ConflictError) as caught:
            desk.lock("blue >=2", exclude_newer="2024-06-01")
        assert caught.value.because.startswith(
            "`blue >=2` cannot be installed: blue 2.0 is left out, because"
        )

    def test_roles_say_who_asked(self, desk: Desk) -> None:
        lock = desk.lock("blue", companions=("kern>=7", "tail"))
        assert lock.companions == ("kern", "tail")
        assert {name: each.role for name, each in artefacts(lock).items()} == {
            "blue": "asked", "green": "", "kern": "companion", "python": "asked", "tail": "companion",
        }  # fmt: skip

    def test_the_same_question_gets_the_same_text(self, desk: Desk) -> None:
        first = desk.lock("kern", "blue")
        assert desk.lock("kern", "blue") == first
        held = explicit.read(first.parts[0].text)
        assert (held.plan, held.platform) == (first.plan, conda.specs.SUBDIRS[here()])

    def test_versions_are_listed_newest_first(self, desk: Desk) -> None:
        found = conda.versions("green", desk.plan(), desk.run)
        assert [(each["version"], each["build"], each["channel"]) for each in found] == [
            ("2.0", "pyhiso_0", desk.channel),
            ("1.0", "pyhiso_0", desk.channel),
        ]
        assert found[0]["uploaded"].startswith("2025-01-01")
        assert conda.versions("nothing", desk.plan(), desk.run) == ()


class TestOtherMachines:
    @pytest.fixture
    def several(self, tmp_path: Path) -> str:
        """A channel with a Python that only is named, for three platforms, and a package that tells them apart."""
        import conda_channel

        packages = []
        for subdir, need in (
            ("win-64", "__win"),
            ("osx-arm64", "__osx >=13"),
            ("linux-aarch64", "__glibc >=2.28"),
        ):
            for name, version in (("python", "3.12.1"), ("native", "1.0")):
                index = {"subdir": subdir}
                packages.append(
                    conda_channel.Package(name=name, version=version, index=index, depends=[need])
                )
        folder = tmp_path / "several"
        for each in packages:
            path = folder / str(each.index["subdir"]) / each.filename
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(each.to_bytes())
        return conda_channel.make_channel(folder, []).as_uri()

    def test_a_lock_has_a_part_for_each_with_what_is_usual_there(self, desk: Desk, several: str) -> None:
        platforms = ("windows-x86_64", "macos-arm64", "linux-aarch64")
        lock = desk.lock("python 3.12.*", "native", channels=(several,), platforms=platforms)
        found = [explicit.read(part.text) for part in lock.parts]
        assert [part.platform for part in lock.parts] == [*platforms]
        assert [(each.platform, each.virtual) for each in found] == [
            ("win-64", ("__win",)),
            ("osx-arm64", ("__osx >=13",)),
            ("linux-aarch64", ("__glibc >=2.28",)),
        ]
        assert {artefact.subdir for each in found for artefact in each.artefacts} == {
            "win-64", "osx-arm64", "linux-aarch64",
        }  # fmt: skip

    def test_an_unknown_one_is_refused(self, desk: Desk) -> None:
        with pytest.raises(ImpossibleError) as caught:
            desk.lock("green", platforms=("plan9-mips",))
        assert caught.value.code == "no-such-platform"

    def test_what_the_machine_lacks_is_said(self, desk: Desk) -> None:
        with pytest.raises(ImpossibleError) as caught:
            desk.lock("tomorrow")
        assert caught.value.code == "machine-lacks"
        assert "`__glibc >=99`" in caught.value.because

    def test_an_older_glibc_than_here_counts_where_the_plan_says_so(self, desk: Desk) -> None:
        with pytest.raises(ImpossibleError) as caught:
            desk.lock(f"python {MINOR}.*", libc="glibc 2.5")
        assert (caught.value.code, "__glibc" in caught.value.because) == ("machine-lacks", True)


class TestRefusals:
    @pytest.mark.parametrize(
        ("specs", "kind", "code", "words"),
        [
            (("blue>=2", "cyan", "tail"), ConflictError, "no-versions-fit",
             "`blue>=2` and `cyan` cannot live together: they need different versions of green"),
            (("green >=9",), ConflictError, "no-such-version", "there are 2.0, 1.0"),
            (("tail ==7",), ConflictError, "no-such-version", "there is 1.0"),
            (("sklearn",), SpecError, "no-such-package", "no channel has `sklearn`"),
            (("sklearn >=1",), SpecError, "no-such-package", "no channel has `sklearn`"),
            (("ahead",), ConflictError, "no-versions-fit", "it needs `python >=3.99`"),
            (("=",), SpecError, "bad-conda-dependency", ""),
            ((f"python {MINOR}.*", "pytorch * cuda126*"), ImpossibleError, "machine-lacks", "`__cuda`"),
        ],
    )  # fmt: skip
    def test_a_lock_that_cannot_be_is_explained(
        self, desk: Desk, specs: tuple[str, ...], kind: type[IsoError], code: str, words: str
    ) -> None:
        with pytest.raises(kind) as caught:
            desk.lock(*specs)
        assert (type(caught.value), caught.value.code) == (kind, code)
        assert words in caught.value.because
        assert "├─" not in caught.value.because

    def test_a_limit_that_leaves_nothing_is_named(self, desk: Desk) -> None:
        with pytest.raises(ConflictError) as caught:
            desk.lock("blue >=2", conda_limits=("green <2",))
        assert caught.value.because == "`blue >=2` cannot be installed: the limit `green <2` leaves nothing"

    def test_what_is_asked_is_to_blame_when_it_does_not_fit_alone(self, desk: Desk) -> None:
        with pytest.raises(ConflictError) as caught:
            desk.lock("blue >=2", "cyan", companions=("kern",))
        assert "kern" not in caught.value.because
