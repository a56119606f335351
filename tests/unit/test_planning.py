"""The plan as a whole, and its pure functions where a row of `tests/plans` says too little."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kernel_iso import planning
from kernel_iso.model import Machine, Origin, Policy, Python, Spec
from kernel_iso.planning.cooldown import limit, normalised
from kernel_iso.planning.indexes import comparable
from kernel_iso.planning.pythons import choose, fetchable
from kernel_iso.planning.variables import forbidden

MACHINE = Machine(
    os="linux",
    arch="x86_64",
    pythons=(
        Python(version="3.12.1", path="/pyenv/3.12.1/bin/python", source="pyenv"),
        Python(version="3.11.7", path="/pyenv/3.11.7/bin/python3.11", source="self"),
    ),
)


def test_the_reasons_stand_in_the_order_of_the_rules() -> None:
    """A plain notebook's plan tells these decisions, in this order."""
    spec = Spec(
        requirements=("numpy",),
        python="3.12",
        env=(("TZ", "UTC"),),
        exclude_newer="3 days",
        accelerator="cpu",
        own_paths=("/w/src",),
        apt=("ffmpeg",),
        origin=Origin(kind="pep723", path="/w/fit.ipynb", detail="cell 1"),
    )
    plan = planning.plan(spec, MACHINE, Policy(offline=True, platforms=("linux-x86_64", "macos-arm64")))
    assert [reason.rule for reason in plan.reasons] == [
        "source", "backend", "python", "requirements", "companions", "indexes", "environment",
        "exclude-newer", "platforms", "accelerator", "own-code", "system-packages", "network",
    ]  # fmt: skip
    assert [rule for rule in planning.RULES if rule in {reason.rule for reason in plan.reasons}] == [
        reason.rule for reason in plan.reasons
    ]


def test_the_same_case_gives_the_same_plan() -> None:
    """Planning looks at nothing but what it is given."""
    spec = Spec(requirements=("numpy",), exclude_newer="3 days")
    assert planning.plan(spec, MACHINE, Policy()) == planning.plan(spec, MACHINE, Policy())


def test_a_plan_with_an_age_has_the_same_digest_on_another_day() -> None:
    """A lock that answers a plan with a cool-down goes on answering it."""
    policy = Policy(exclude_newer="3 days")
    digests = {
        planning.plan(Spec(), MACHINE, policy, now=datetime(2026, month, 1, tzinfo=UTC)).digest()
        for month in (1, 6, 12)
    }
    assert len(digests) == 1


def test_where_the_wish_was_written_does_not_change_the_digest() -> None:
    """A wish in a notebook and the same wish in a project are answered by one lock."""
    one = Spec(requirements=("numpy",), origin=Origin(kind="pep723", path="/w/fit.ipynb"))
    two = Spec(
        requirements=("numpy",), origin=Origin(kind="project", path="/w/pyproject.toml"), own_paths=("/w",)
    )
    digests = {planning.plan(spec, MACHINE, Policy()).digest() for spec in (one, two)}
    assert len(digests) == 1


def pythons(*texts: str) -> tuple[Python, ...]:
    """Interpreters written as "source version"."""
    pairs = [text.split() for text in texts]
    return tuple(
        Python(source=source, version=version, path=f"/{source}/{version}") for source, version in pairs
    )


@pytest.mark.parametrize(
    ("request_text", "here", "own", "expected"),
    [
        ("3.12", ("system 3.12.9", "uv 3.12.1", "uv 3.12.4", "pyenv 3.12.8"), "3.11", "/uv/3.12.4"),
        ("3.12", ("system 3.12.9", "pyenv 3.12.8"), "3.11", "/pyenv/3.12.8"),
        ("3.12", ("self 3.12.9", "system 3.12.3"), "3.12", "/system/3.12.3"),
        ("3.12", ("self 3.12.9",), "3.12", "/self/3.12.9"),
        ("3", ("pyenv 3.10.13", "pyenv 3.9.18"), "3.11", "/pyenv/3.10.13"),
        ("3.10.*", ("pyenv 3.10.13", "pyenv 3.9.18"), "3.11", "/pyenv/3.10.13"),
        ("==3.10.*", ("pyenv 3.10.13", "pyenv 3.9.18"), "3.11", "/pyenv/3.10.13"),
        ("~=3.9", ("pyenv 3.9.18", "pyenv 3.10.13"), "", "/pyenv/3.10.13"),
        ("", ("pyenv 3.13.0", "pyenv 3.11.7"), "3.11", "/pyenv/3.11.7"),
        (">=3.9, !=3.11.*", ("pyenv 3.13.0", "pyenv 3.11.7"), "3.11", "/pyenv/3.13.0"),
        ("3.9", ("pyenv 3.9.5", "pyenv 3.9.18"), "", "/pyenv/3.9.18"),
        ("3.1", ("pyenv 3.10.13", "pyenv 3.12.1"), "", None),
        ("<3.9", ("pyenv 3.8.18",), "3.11", None),
        (">=3.11.4", ("system 3.11",), "3.11", None),
        ("self", ("pyenv 3.11.7",), "3.11", None),
    ],
)
def test_an_interpreter_is_chosen(
    request_text: str, here: tuple[str, ...], own: str, expected: str | None
) -> None:
    """The wanted minor, the first source that has it, its newest patch; None where nothing fits."""
    chosen = choose(request_text, pythons(*here), own=own)
    assert expected == (chosen and chosen.path)


@pytest.mark.parametrize(
    ("request_text", "own", "expected"),
    [
        ("3.12", "3.11", "3.12"),
        ("==3.12", "3.11", "3.12.0"),
        ("3.14", "3.11", "3.14"),
        ("<3.10", "3.11", "3.9"),
        (">=3.13", "3.11", "3.13"),
        ("!=3.11.*", "3.11", "3.12"),
        (">3.12,<3.12.4", "3.11", "3.12.3"),
        ("", "", "3.12"),
        ("3.8", "3.11", ""),
        ("2.7", "3.11", ""),
        ("4", "3.11", ""),
    ],
)
def test_what_is_fetched_is_near_to_the_engines_own(request_text: str, own: str, expected: str) -> None:
    """A minor where its newest patch fits, an exact patch where only that does, nothing where none can."""
    assert expected == fetchable(request_text, own)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("https://example.org/simple", "https://example.org/simple/", True),
        ("https://example.org:443/simple", "https://EXAMPLE.org/simple", True),
        ("https://ada:secret@example.org/simple", "https://example.org/simple", True),
        ("https://example.org/simple", "http://example.org/simple", False),
        ("https://example.org/simple", "https://example.org/Simple", False),
        ("https://example.org/simple", "https://example.org:8443/simple", False),
        ("https://example.org/simple", "https://example.org/simple?x=1", False),
        ("https://example.org/simple", "https://example.org.evil.example/simple", False),
        ("https://example.org:abc/simple", "https://example.org:abd/simple", False),
        ("https://[::1]:8080/simple", "https://[::1]:8080/simple/", True),
    ],
)
def test_two_urls_mean_one_index(one: str, other: str, equal: bool) -> None:
    """Spelling does not count; scheme, host, port, path and query do."""
    assert equal == (comparable(one) == comparable(other))


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "PYTHONSTARTUP", "PYTHONPATH",
        "PYTHONHOME", "PYTHONBREAKPOINT", "PATH", "Path", "BASH_ENV", "ENV", "JUPYTER_CONFIG_DIR",
        "JPY_PARENT_PID", "KERNEL_ISO_TRUST", "IPYTHONDIR",
    ],
)  # fmt: skip
def test_no_notebook_sets_what_chooses_code(name: str) -> None:
    """Such names are forbidden whatever the policy says."""
    assert forbidden(name)


@pytest.mark.parametrize("name", ["PYTHONHASHSEED", "OMP_NUM_THREADS", "ENVIRONMENT", "PATHWAY", "LDAP_URL"])
def test_names_that_only_look_like_those_are_the_policys_matter(name: str) -> None:
    """A pattern stands for whole names."""
    assert not forbidden(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 days", "2026-06-07T12:00:00+00:00"),
        ("36 hours", "2026-06-09T00:00:00+00:00"),
        ("1 week", "2026-06-03T12:00:00+00:00"),
        ("2026-06-01", "2026-06-01T23:59:59.999999+00:00"),
        ("2026-06-01t12:00:00z", "2026-06-01T12:00:00+00:00"),
        ("2026-06-01 12:00:00.5-05:00", "2026-06-01T12:00:00.500000-05:00"),
    ],
)
def test_a_cool_down_ends_at_a_moment(text: str, expected: str) -> None:
    """Ages count back from now, a date ends with its day, a time is what it says."""
    assert expected == limit(normalised(text, ""), datetime(2026, 6, 10, 12, tzinfo=UTC)).isoformat()
