"""The kernel beside what is asked, or apart from it; and how a backend is found."""

from __future__ import annotations

import pytest
from packaging.pylock import PackageWheel

from kernel_iso import backends
from kernel_iso.backends import clashes, companions, finding, pylocks
from kernel_iso.backends.pylocks import Pick
from kernel_iso.errors import ConflictError, ImpossibleError, SpecError, ToolError
from kernel_iso.model import Plan, Python


class Index:
    """A resolver whose packages have one version each; some exclude each other."""

    def __init__(self, needs: dict[str, str], *clashing: set[str], why: str = "because") -> None:
        self.needs = needs
        self.clashing = clashing
        self.why = why
        self.asked: list[tuple[tuple[str, ...], tuple[str, ...]]] = []

    def __call__(self, plan: Plan, machine: str) -> tuple[Pick, ...]:
        self.asked.append((plan.requirements, plan.constraints))
        picks = tuple(self.pick(name) for name in self.needs)
        found = pylocks.reachable(picks, plan.requirements)
        if set(plan.requirements) - set(self.needs):
            raise SpecError("no-such-package", "", "not there", "")
        if any(clash <= found for clash in self.clashing):
            raise ConflictError("no-versions-fit", "", self.why, "", tail=("words",))
        return tuple(pick for pick in picks if pick.name in found)

    def pick(self, name: str) -> Pick:
        wheel = PackageWheel(
            url=f"https://files.example.org/{name}-1-py3-none-any.whl", hashes={"sha256": "0" * 64}
        )
        return Pick(name=name, version="1", wheels=(wheel,), requires=frozenset(self.needs[name].split()))


class Said:
    """Hands that only listen."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def tell(self, text: str, *more: object) -> None:
        self.texts.append(text)


def plan(*requirements: str, kernel: tuple[str, ...] = ("kern",), **more: object) -> Plan:
    python = Python(version="3.12.1", path="")
    return Plan(backend="uv", python=python, requirements=requirements, companions=kernel, **more)  # type: ignore[arg-type]


def lock(wish: Plan, index: Index, said: Said | None = None):  # type: ignore[no-untyped-def]
    return companions.lock(wish, said or Said(), index)  # type: ignore[arg-type]


def names(text: str) -> list[str]:
    return [each.name for each in pylocks.packages(text)]


def test_what_only_the_kernel_needs_is_its_companion() -> None:
    index = Index({"a": "shared", "kern": "shared own", "shared": "", "own": ""})
    locked = lock(plan("a"), index)
    assert names(locked.parts[0].text) == ["a", "kern", "own", "shared"]
    assert (locked.companions, locked.detached, locked.python) == (("kern", "own"), "", "3.12")
    assert len(index.asked) == 1


def test_companions_that_fit_stay_when_another_does_not() -> None:
    index = Index({"a": "old", "old": "", "kern": "new", "new": "", "pip": ""}, {"old", "new"})
    said = Said()
    locked = lock(plan("a", kernel=("kern", "pip"), constraints=("old<2",)), index, said)
    assert names(locked.parts[0].text) == ["a", "old", "pip"]
    assert names(locked.detached) == ["kern", "new"]
    assert locked.companions == ("pip",)
    assert said.texts == ["kern cannot live beside what is asked: because"]
    assert index.asked[-1] == (("kern",), ("ipykernel>=6.0",)), "nobody's constraints limit what lives apart"


def test_one_that_is_asked_by_name_may_be_old() -> None:
    index = Index({"ipykernel": "", "kern": ""})
    lock(plan("ipykernel"), index)
    assert index.asked == [(("ipykernel", "kern"), ())]


def test_a_kernel_that_cannot_be_had_at_all_is_an_error() -> None:
    with pytest.raises(SpecError):
        lock(plan(), Index({"a": ""}))
    with pytest.raises(SpecError):
        lock(plan("a"), Index({"a": ""}))


def test_an_index_that_is_down_is_not_a_conflict() -> None:
    def down(wish: Plan, machine: str) -> tuple[Pick, ...]:
        raise ToolError("index-unreachable", "", "", "")

    with pytest.raises(ToolError):
        lock(plan("a"), down)  # type: ignore[arg-type]


def test_a_conflict_without_words_is_narrowed_by_trying() -> None:
    index = Index({"a": "", "b": "", "c": "", "kern": ""}, {"a", "c"}, why="")
    with pytest.raises(ConflictError) as caught:
        lock(plan("a", "b", "c"), index)
    assert caught.value.because == "these cannot live together: `a`, `c`"
    assert caught.value.tail == ("words",)


def test_each_platform_has_its_part() -> None:
    locked = lock(plan("a", platforms=("linux-x86_64", "macos-arm64")), Index({"a": "", "kern": ""}))
    assert [part.platform for part in locked.parts] == ["linux-x86_64", "macos-arm64"]


class TestClashes:
    def test_the_smallest_clash_is_found_wherever_it_is(self) -> None:
        def fits(part: tuple[str, ...]) -> bool:
            return not {"c", "f"} <= set(part)

        assert clashes.smallest("abcdefg", fits) == ("c", "f")

    def test_one_that_cannot_be_had_alone_is_named_alone(self) -> None:
        assert clashes.smallest("abc", lambda part: "b" not in part) == ("b",)

    def test_it_gives_up_in_time(self) -> None:
        tried: list[tuple[str, ...]] = []

        def fits(part: tuple[str, ...]) -> bool:
            tried.append(part)
            return False

        ticks = iter(range(0, 1000, 10))
        assert clashes.smallest("abcdefg", fits, seconds=25, clock=lambda: next(ticks)) == tuple("cdefg")
        assert len(tried) == 2
        assert clashes.smallest("abcdefg", fits, tries=3) == tuple("defg")


class TestFind:
    def test_backends_are_found_by_name(self) -> None:
        assert [backends.find(name).name for name in ("uv", "virtualenv")] == ["uv", "virtualenv"]

    def test_another_name_says_which_there_are(self) -> None:
        with pytest.raises(ImpossibleError) as caught:
            backends.find("mamba")
        assert caught.value.code == "no-backend"
        assert "uv, virtualenv" in caught.value.because

    def test_one_that_cannot_be_imported_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from importlib.metadata import EntryPoint

        point = EntryPoint(name="broken", value="kernel_iso.nowhere", group=backends.GROUP)
        monkeypatch.setattr(finding, "entry_points", lambda group: [point])
        with pytest.raises(ImpossibleError) as caught:
            backends.find("broken")
        assert caught.value.code == "no-backend"

    def test_uv_is_the_one_of_its_package(self) -> None:
        import uv

        assert backends.uv_path() == uv.find_uv_bin()
