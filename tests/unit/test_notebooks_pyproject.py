"""`pyproject.toml`: projects, groups, extras, profiles; read and changed."""

from __future__ import annotations

import tomllib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_iso.errors import SpecError
from kernel_iso.notebooks import pyproject
from kernel_iso.notebooks.toml_editing import edit_pyproject

PROJECT = """\
[project]
name = "my-analysis"
requires-python = ">=3.10"
dependencies = [
  "numpy>=2",  # arrays
  "Pandas",
]

[project.optional-dependencies]
plot = ["matplotlib"]
all = ["my_analysis[plot]", "seaborn"]

[dependency-groups]
test = ["pytest"]
dev = [{include-group = "test"}, "ruff"]

[tool.kernel-iso]
env = { TZ = "UTC" }

[tool.kernel-iso.profiles.dev]
groups = ["dev"]
extras = ["plot"]
python = "3.12"
env = { OMP_NUM_THREADS = 1 }

[tool.kernel-iso.profiles.production]
exclude-newer = "2026-01-01"

[tool.other]
anything = [1, "x", { y = 2 }]
"""


def test_a_project_asks_for_its_dependencies_without_groups() -> None:
    """The default is what the project itself needs."""
    spec = pyproject.parse(PROJECT, "pyproject.toml")
    assert spec is not None
    assert spec.requirements == ("numpy>=2", "pandas")
    assert spec.python == ">=3.10"
    assert spec.env == (("TZ", "UTC"),)
    assert spec.origin.detail == "[project]"


def test_a_profile_names_a_set() -> None:
    """Its values take the place of the table's, its groups include others, its environment is added."""
    spec = pyproject.parse(PROJECT, "pyproject.toml", profile="Dev")
    assert spec is not None
    assert spec.requirements == ("numpy>=2", "pandas", "matplotlib", "pytest", "ruff")
    assert spec.python == "3.12"
    assert spec.env == (("OMP_NUM_THREADS", "1"), ("TZ", "UTC"))
    assert spec.origin.detail == "[project], profile dev, extra plot, group dev"


def test_an_extra_that_names_the_project_stands_for_its_extras() -> None:
    """`all = ["my_analysis[plot]"]` is how projects join their extras."""
    spec = pyproject.parse(PROJECT, "pyproject.toml", extras=["all"])
    assert spec is not None
    assert spec.requirements == ("numpy>=2", "pandas", "matplotlib", "seaborn")


@pytest.mark.parametrize("text", ["", "[tool.black]\nline-length = 100\n", "[build-system]\nrequires = []\n"])
def test_a_file_about_other_tools_says_nothing(text: str) -> None:
    """It is passed over, and the walk goes on."""
    assert pyproject.parse(text, "pyproject.toml") is None


def test_dynamic_dependencies_are_read_from_the_files_of_setuptools() -> None:
    """No build is needed to know them."""
    text = """
[project]
name = "x"
dynamic = ["dependencies"]
[tool.setuptools.dynamic]
dependencies = { file = ["requirements.in"] }
"""
    spec = pyproject.parse(text, "pyproject.toml", lambda place, name: (name, "numpy\n"))
    assert spec is not None
    assert spec.requirements == ("numpy",)


CONFLICT = (
    "[project]\nrequires-python = '>=3.12'\n[tool.kernel-iso]\npython = '3.11'\n[dependency-groups]\na = []\n"
)
CHAIN = (
    "[dependency-groups]\n"
    + "".join(f'g{n} = [{{include-group = "g{n + 1}"}}]\n' for n in range(200))
    + "g200 = []\n"
)
DOUBLE = (
    "[dependency-groups]\n"
    + "".join(f'g{n} = [{{include-group = "g{n + 1}"}}, {{include-group = "g{n + 1}"}}]\n' for n in range(40))
    + 'g40 = ["a"]\n'
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[dependency-groups]\na = [{include-group = "b"}]\nb = [{include-group = "a"}]\n', "group-cycle"),
        ('[dependency-groups]\na = [{include-group = "a"}]\n', "group-cycle"),
        (CHAIN.replace("g0 =", "a ="), "group-cycle"),
        ('[dependency-groups]\na = [{include-group = "zzz"}]\n', "no-such-group"),
        ('[dependency-groups]\nb = ["x"]\n', "no-such-group"),
        ('[dependency-groups]\na = ["x"]\nA = ["x"]\n', "bad-table"),
        ('[dependency-groups]\na = [{include = "x"}]\n', "bad-table"),
        ("[dependency-groups]\na = 'x'\n", "bad-table"),
        ("[project]\nname = 1\n", "bad-table"),
        ("project = 'x'\n", "bad-table"),
        ("[project]\nname = '../x'\n", "bad-name"),
        ("[project]\nname = 'x'\ndynamic = ['dependencies']\n", "dynamic-dependencies"),
        (
            "[project]\nrequires-python = '>=3.12'\n[tool.kernel-iso]\npython = '3.11'\n[dependency-groups]\na=[]",
            "python-conflict",
        ),
        ("[project]\nrequires-python = 'x'\n[dependency-groups]\na = []\n", "bad-python"),
        ("[tool.kernel-iso]\nprofile = 'x'\n", "no-such-profile"),
        ("[tool.kernel-iso]\nextras = ['x']\n", "no-such-extra"),
        ("[tool.kernel-iso]\nprofiles = 1\n", "bad-table"),
        ("[tool.kernel-iso]\nprofiles.dev.unknown = 1\n", "bad-table"),
        ("[project\n", "bad-toml"),
    ],
)
def test_what_is_wrong_with_a_project_has_its_own_code(text: str, code: str) -> None:
    """Groups, extras and profiles that are missing or include each other are refused."""
    with pytest.raises(SpecError) as caught:
        pyproject.parse(text, "pyproject.toml", groups=["a"])
    assert code == caught.value.code


def test_groups_that_include_their_neighbour_twice_cost_no_time() -> None:
    """Each group is read once."""
    spec = pyproject.parse(DOUBLE, "pyproject.toml", groups=["g0"])
    assert spec is not None
    assert spec.requirements == ("a",)


PIECES = [
    "[project]\n",
    "[dependency-groups]\n",
    "[tool.kernel-iso]\n",
    "name = 'x'\n",
    "dependencies = ['a']\n",
]
PIECES += [
    "a = ['b']\n",
    "a = [{include-group = 'a'}]\n",
    "groups = ['a']\n",
    "dynamic = ['dependencies']\n",
    "=",
    "[",
]


@settings(deadline=None)
@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join), st.sampled_from(["", "a"]))
def test_no_project_escapes_with_another_error(text: str, name: str) -> None:
    """Whatever the file is, the result is a Spec, nothing, or a SpecError."""
    with suppress(SpecError):
        pyproject.parse(text, "p", profile=name, groups=[name] if name else [])


def test_an_edit_changes_only_its_lines() -> None:
    """Comments, other tables and the form of the lists stay."""
    expected = PROJECT.replace('"numpy>=2",', '"numpy>=2.1",').replace('  "Pandas",\n', '  "polars",\n')
    assert expected == edit_pyproject(PROJECT, "p", ["numpy>=2.1", "polars"], ["pandas"])


def test_windows_line_ends_stay() -> None:
    """Lines that are added end like the others."""
    text = PROJECT.replace("\n", "\r\n")
    edited = edit_pyproject(text, "p", ["polars"], [])
    assert edited.count("\r\n") == edited.count("\n")
    assert edited.replace('  "polars",\r\n', "") == text


def test_a_requirement_is_replaced_in_the_group_that_has_it() -> None:
    """It is not declared a second time among the project's own."""
    edited = edit_pyproject(PROJECT, "p", ["pytest>=9"], [], groups=["dev"])
    assert edited == PROJECT.replace('test = ["pytest"]', 'test = ["pytest>=9"]')


def test_what_is_new_goes_to_the_group_that_was_named() -> None:
    """A group that is missing is made."""
    tables = tomllib.loads(edit_pyproject(PROJECT, "p", ["black"], [], group="lint"))
    assert tables["dependency-groups"]["lint"] == ["black"]
    tables = tomllib.loads(edit_pyproject("[project]\nname = 'x'\n", "p", ["black"], []))
    assert tables["project"]["dependencies"] == ["black"]


@pytest.mark.parametrize(
    ("text", "add", "remove", "code"),
    [
        ("[tool.kernel-iso]\n", ["a"], [], "edit-by-hand"),
        ("[project]\nname = 'x'\ndynamic = ['dependencies']\n", ["a"], [], "edit-by-hand"),
        (PROJECT, [], ["pytest"], "not-declared"),
    ],
)
def test_an_edit_that_is_not_safe_is_left_to_the_person(
    text: str, add: list[str], remove: list[str], code: str
) -> None:
    """Where there is no list to change, the message says what to type."""
    with pytest.raises(SpecError) as caught:
        edit_pyproject(text, "p", add, remove)
    assert code == caught.value.code
