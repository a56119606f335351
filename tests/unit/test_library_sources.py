"""Where the packages of an application's environment come from: indexes that its author names, and builds by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import sdists
from wheelhouse import Wheelhouse

from kernel_iso import IsolatedEnvironment
from kernel_iso.errors import BuildError, ImpossibleError, IsoError, SpecError

Make = Callable[..., IsolatedEnvironment]


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    with Wheelhouse() as house:
        house.wheel("green", "1.0")
        house.wheel("green", "2.0")
        house.wheel("tool", "1.0")
        yield house


@pytest.fixture
def settings(environ: dict[str, str], index: Wheelhouse, tmp_path: Path) -> dict[str, str]:
    """An environment whose policy knows this index alone, with a cache of its own: ports come again."""
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f'cache = "{tmp_path / "cache"}"\nindexes = [{{name = "local", url = "{index.url}"}}]\n'
    )
    return {**environ, "KERNEL_ISO_CONFIG": str(policy)}


@pytest.fixture
def make(settings: dict[str, str], tmp_path: Path) -> Make:
    """An environment at `tmp_path / "env"`, or what is said otherwise."""

    def made(**more: object) -> IsolatedEnvironment:
        return IsolatedEnvironment(**{"path": tmp_path / "env", "environ": settings, **more})  # type: ignore[arg-type]

    return made


def test_an_explicit_index_serves_only_what_is_asked_from_it(make: Make, index: Wheelhouse) -> None:
    """Its green is newer, and is not taken: nobody asked for green from there."""
    with Wheelhouse() as other:
        other.wheel("gold", "1.0", requires=["green"])
        other.wheel("green", "3.0")
        env = make()
        assert env.pip_install("gold", other.url) is True
        assert env.packages() == {"gold": "1.0", "green": "2.0"}
        assert env.pip_install("gold", other.url) is False
        assert env.pip_install("green", other.url) is True
        assert env.packages() == {"gold": "1.0", "green": "3.0"}


def test_the_same_version_of_another_index_is_installed_anew(make: Make) -> None:
    with Wheelhouse() as other:
        other.wheel("tool", "1.0", files={"tool/mark.py": ""})
        env = make()
        env.pip_install("tool")
        assert env.pip_install("tool", other.url) is True
        assert next(env.path.rglob("tool/mark.py")).exists()


def test_an_administrator_who_locks_the_indexes_is_obeyed(make: Make) -> None:
    env = make()
    policy = msgspec.structs.replace(env._engine.policy, locked=("indexes",))
    env.__dict__["_engine"] = replace(env._engine, policy=policy)
    with Wheelhouse() as other, pytest.raises(ImpossibleError) as caught:
        env.pip_install("gold", other.url)
    assert caught.value.code == "index-not-allowed"


def test_an_index_with_a_password_is_refused_without_telling_it(make: Make) -> None:
    with pytest.raises(SpecError) as caught:
        make().pip_install("gold", "https://ada:hunter2@example.org/simple")
    assert caught.value.code == "credentials-in-index"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("blue=2", "bad-requirement"),
        ("git+https://example.org/x", "bad-requirement"),
        ("x @ https://example.org/x.whl", "direct-reference-not-allowed"),
        ("no-such-thing", "no-such-package"),
    ],
)
def test_what_is_no_release_of_an_index_is_refused(make: Make, text: str, code: str) -> None:
    with pytest.raises(IsoError) as caught:
        make().pip_install(text)
    assert caught.value.code == code


def test_what_has_no_wheel_is_built_only_where_it_is_named(
    make: Make, index: Wheelhouse, tmp_path: Path
) -> None:
    """Refused, none of its code has run; named, it is built once, and only it."""
    sdists.add(index, "clay", body=f"open({str(tmp_path / 'ran')!r}, 'a').write('x')")
    sdists.add(index, "mud")
    env = make()
    with pytest.raises(ImpossibleError) as caught:
        env.pip_install("clay")
    assert caught.value.code == "needs-build"
    assert not (tmp_path / "ran").exists()
    assert env.pip_install("clay", allow_build=["Clay"]) is True
    assert (tmp_path / "ran").read_text().count("x") >= 1
    assert env.packages() == {"clay": "1.0", "green": "1.0"}
    assert env.run(["python", "-c", "import clay; assert clay.built"]).returncode == 0
    with pytest.raises(ImpossibleError) as caught:
        env.pip_install("mud", allow_build=["clay"])
    assert caught.value.code == "needs-build"


def test_what_may_be_built_and_has_a_wheel_is_not_built(
    make: Make, index: Wheelhouse, tmp_path: Path
) -> None:
    sdists.add(index, "tool", body=f"open({str(tmp_path / 'ran')!r}, 'a').write('x')")
    make().pip_install("tool", allow_build=["tool"])
    assert not (tmp_path / "ran").exists()


def test_a_build_that_fails_says_so_in_its_own_words(make: Make, index: Wheelhouse) -> None:
    sdists.add(index, "clay", body="raise SystemExit('no compiler was found')")
    with pytest.raises(BuildError) as caught:
        make().pip_install("clay", allow_build=["clay"])
    assert caught.value.code == "build-failed"
    assert "no compiler was found" in "\n".join(caught.value.tail)


def test_a_policy_that_says_never_is_obeyed(make: Make, index: Wheelhouse, settings: dict[str, str]) -> None:
    sdists.add(index, "clay")
    with pytest.raises(ImpossibleError) as caught:
        make(environ={**settings, "KERNEL_ISO_SOURCE_BUILDS": "never"}).pip_install(
            "clay", allow_build=["clay"]
        )
    assert caught.value.code == "builds-not-allowed"
