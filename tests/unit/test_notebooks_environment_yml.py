"""`environment.yml`: read, and its pip part changed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_iso.errors import SpecError
from kernel_iso.notebooks import environment_yml
from kernel_iso.notebooks.environment_editing import edit_environment

TEXT = """\
name: analysis   # ours
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.12
  - numpy=1.26    # arrays
  - conda-forge::cudatoolkit>=11
  - pip
  - pip:
      - polars>=1   # frames
      - 'six; python_version < "3.13"'
variables:
  OMP_NUM_THREADS: 4
  TZ: UTC
prefix: /somewhere/else
"""


def test_an_environment_with_conda_dependencies() -> None:
    """Python becomes a wish for a Python, the pip part requirements, and conda the backend."""
    spec = environment_yml.parse(TEXT, "environment.yml")
    assert spec.python == "3.12"
    assert spec.conda == ("numpy=1.26", "conda-forge::cudatoolkit>=11")
    assert spec.channels == ("conda-forge", "nodefaults")
    assert spec.requirements == ("polars>=1", 'six; python_version < "3.13"')
    assert spec.env == (("OMP_NUM_THREADS", "4"), ("TZ", "UTC"))
    assert spec.backend == "conda"


def test_an_environment_with_python_and_pip_only_needs_no_conda() -> None:
    """Its channels have nothing to serve."""
    spec = environment_yml.parse(
        "channels: [x]\ndependencies:\n- python=3.10\n- pip>=24\n- pip:\n  - a\n", "e.yml"
    )
    assert (spec.backend, spec.channels, spec.python, spec.requirements) == ("", (), "3.10", ("a",))


@pytest.mark.parametrize(
    "text", ["", "name: x\n", "dependencies:\n", "dependencies:\n  -\n", "dependencies:\n- pip:\n"]
)
def test_an_empty_environment_asks_nothing(text: str) -> None:
    """Empty values are no errors."""
    assert environment_yml.parse(text, "e.yml").asks_nothing


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "bad-yaml"),
        ("a: b: c", "bad-yaml"),
        ("\tx: 1", "bad-yaml"),
        ("a: " + "[" * 100_000, "bad-yaml"),
        ("- " * 100_000, "bad-yaml"),
        ("{a: " * 100_000, "bad-yaml"),
        ("a: &a [*a]", "bad-yaml"),
        ("x" * 2_000_000, "bad-yaml"),
        ("- a\n", "bad-table"),
        ("dependencies: a\n", "bad-table"),
        ("dependencies: [[a]]\n", "bad-table"),
        ("variables: [a]\n", "bad-table"),
        ("dependencies: [{conda: [a]}]\n", "bad-environment"),
        ("dependencies: [{pip: [a]}, {pip: [b]}]\n", "bad-environment"),
        ("dependencies: [--file=x]\n", "bad-conda-dependency"),
        ("dependencies: [https://example.org/a.conda]\n", "bad-conda-dependency"),
        ("dependencies: [{pip: [-e .]}]\n", "requirement-option"),
        ("dependencies: [{pip: [-r r.txt]}]\n", "include-outside"),
        ("dependencies: [a]\nchannels: ['https://u:p@example.org/c']\n", "credentials-in-url"),
        ("dependencies: [a]\nchannels: ['https://example.org/t/abc/c']\n", "credentials-in-url"),
        ("variables: {'a b': c}\n", "bad-variable"),
    ],
)
def test_what_is_wrong_has_its_own_code(text: str, code: str) -> None:
    """Neither deep nor broken documents end in anything else than a SpecError."""
    with pytest.raises(SpecError) as caught:
        environment_yml.parse(text, "environment.yml")
    assert code == caught.value.code


PIECES = [
    "dependencies:\n",
    "- a\n",
    "  - pip:\n",
    "    - b\n",
    "- python=3",
    "variables:\n",
    "  A: 1\n",
    "&a ",
    "*a",
    "[",
]


@settings(deadline=None)
@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_environment_escapes_with_another_error(text: str) -> None:
    """Whatever the file is, the result is a Spec or a SpecError."""
    with suppress(SpecError):
        environment_yml.parse(text, "e.yml")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_edit_changes_only_the_lines_of_the_pip_part(end: str) -> None:
    """Comments, quotes and everything of conda stay."""
    text = TEXT.replace("\n", end)
    expected = text.replace("- polars>=1   # frames", "- polars>=2   # frames")
    expected = expected.replace("""      - 'six; python_version < "3.13"'""", "      - rich")
    assert expected == edit_environment(text, "e.yml", ["polars>=2", "rich"], ["six"])


def test_the_first_requirement_makes_the_pip_part() -> None:
    """conda wants pip itself among the dependencies."""
    expected = "dependencies:\n  - numpy\n  - pip\n  - pip:\n      - a>=1\n"
    assert expected == edit_environment("dependencies:\n  - numpy\n", "e.yml", ["a>=1"], [])
    assert expected.rstrip() == edit_environment("dependencies:\n  - numpy", "e.yml", ["a>=1"], []).rstrip()


def test_removing_the_last_requirement_removes_the_pip_part() -> None:
    """conda does not take an empty list."""
    assert (
        edit_environment("dependencies:\n- a\n- pip:\n  - b\n", "e.yml", [], ["b"]) == "dependencies:\n- a\n"
    )


@pytest.mark.parametrize(
    ("text", "add", "remove", "code"),
    [
        (TEXT, ["numpy>=2"], [], "edit-by-hand"),
        (TEXT, [], ["numpy"], "edit-by-hand"),
        (TEXT, [], ["zzz"], "not-declared"),
        ("dependencies: [a]\n", ["b"], [], "edit-by-hand"),
        ("dependencies:\n- a\n- pip: [b]\n", ["c"], [], "edit-by-hand"),
        ("dependencies:\n- a\n- pip:\n  - >-\n    b\n", ["c"], [], "edit-by-hand"),
        ("name: x\n", ["c"], [], "edit-by-hand"),
        ("dependencies:\n- a # \u2028\n", ["b"], [], "edit-by-hand"),
    ],
)
def test_an_edit_that_is_not_safe_is_left_to_the_person(
    text: str, add: list[str], remove: list[str], code: str
) -> None:
    """What conda installs, and lists in other forms, are named with the line to type."""
    with pytest.raises(SpecError) as caught:
        edit_environment(text, "e.yml", add, remove)
    assert code == caught.value.code
