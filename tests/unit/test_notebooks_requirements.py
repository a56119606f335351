"""Requirements files, as pip reads them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_iso.errors import SpecError
from kernel_iso.notebooks import requirement, requirements
from kernel_iso.notebooks.line_editing import edit_requirements

SUM = "sha256:" + "0" * 64
OTHER = "sha256:" + "1" * 64


def test_a_file_as_people_have_it() -> None:
    """Comments, blank lines, continuations, markers, extras, hashes and includes."""
    files = {"base.txt": "-c limits.txt\nSix\n", "limits.txt": "numpy<3\n"}
    text = f"""\
# the analysis
-i https://pypi.org/simple
--only-binary :all:
-r base.txt
Numpy >= 2 ; python_version >= "3.11" \\
    --hash={SUM} \\
    --hash={OTHER}   # two files

pandas[Excel]==2.*  # tables
six
"""
    spec = requirements.parse(text, "requirements.txt", lambda place, name: (name, files[name]))
    assert spec.requirements == ("six", 'numpy>=2; python_version >= "3.11"', "pandas[excel]==2.*")
    assert spec.constraints == ("numpy<3",)
    assert spec.hashes == (("numpy", (SUM, OTHER)),)


def test_a_direct_reference_is_kept_for_planning_to_judge() -> None:
    """Whether it is allowed is for the policy; a bare place has not even a name."""
    spec = requirements.parse("a @ git+https://example.org/a.git@v1\n", "requirements.txt")
    assert spec.requirements == ("a @ git+https://example.org/a.git@v1",)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("--index-url https://example.org/simple", "requirement-option"),
        ("-ihttps://example.org/simple", "requirement-option"),
        ("--extra-index-url=https://example.org/simple", "requirement-option"),
        ("-f ./wheels", "requirement-option"),
        ("-f https://example.org/?x=1&token=abc", "requirement-option"),
        ("-e .", "requirement-option"),
        ("-e git+https://example.org/a.git#egg=a", "requirement-option"),
        ("--trusted-host example.org", "requirement-option"),
        ("--pre", "requirement-option"),
        ("--no-binary :all:", "requirement-option"),
        ("a --config-settings=x=y", "requirement-option"),
        ("a --global-option='--x'", "requirement-option"),
        ("-r 'open", "requirement-option"),
        ("https://example.org/a.whl", "requirement-url"),
        ("git+https://example.org/a.git", "requirement-url"),
        ("./a", "requirement-url"),
        ("../a.whl", "requirement-url"),
        ("a-1-py3-none-any.whl", "requirement-url"),
        ("C:\\a", "requirement-url"),
        (".", "requirement-url"),
        (".[dev]", "requirement-url"),
        ("a>=", "bad-requirement"),
        ("${NAME}", "bad-requirement"),
        ("a --hash=md5:00", "bad-hash"),
        ("a @ https://example.org/a?token=abc", "credentials-in-url"),
        ("-r https://example.org/r.txt", "include-outside"),
        ("-r other.txt", "include-outside"),
    ],
)
def test_what_may_not_stand_in_the_file_is_named_with_its_line(line: str, code: str) -> None:
    """Each has its own code, and the message says where."""
    with pytest.raises(SpecError) as caught:
        requirements.parse(f"# first\n{line}\n", "requirements.txt")
    assert code == caught.value.code
    assert "requirements.txt, line 2" in caught.value.what
    assert "abc" not in str(caught.value)


def test_files_that_include_each_other_are_an_error() -> None:
    """A cycle would never end."""
    with pytest.raises(SpecError) as caught:
        requirements.parse("-r b\n", "a", lambda place, name: (name, "-r a\n" if name == "b" else "-r b\n"))
    assert caught.value.code == "include-cycle"


def test_a_file_that_is_included_twice_is_read_once() -> None:
    """Files that include their neighbour twice would otherwise double with each level."""

    def load(place: str, name: str) -> tuple[str, str]:
        return name, f"-r {int(name) + 1}\n" * 2 if int(name) < 60 else "x"

    spec = requirements.parse("-r 0\n", "a", load)
    assert spec.requirements == ("x",)


def test_too_many_files_are_an_error() -> None:
    """A chain without end stops."""
    with pytest.raises(SpecError) as caught:
        requirements.parse("-r 0\n", "a", lambda place, name: (name, f"-r {int(name) + 1}\n"))
    assert caught.value.code == "too-many-includes"


def test_too_many_requirements_are_an_error() -> None:
    """What no resolver could answer is refused before it takes minutes to read."""
    with pytest.raises(SpecError) as caught:
        requirements.parse("a\n" * 20_001, "a")
    assert caught.value.code == "too-many-requirements"


TOKENS = st.sampled_from(
    [
        "-r",
        "-c",
        "-e",
        "--hash=",
        SUM,
        "a",
        "==1",
        "\\",
        "\n",
        " ",
        "#",
        "'",
        '"',
        ";",
        "@",
        "[",
        "]",
        "://",
        "-",
        "=",
    ]
)


@settings(deadline=None)
@given(st.text() | st.lists(TOKENS).map("".join))
def test_no_file_escapes_with_another_error(text: str) -> None:
    """Whatever the file is, the result is a Spec or a SpecError."""
    with suppress(SpecError):
        requirements.parse(text, "a", lambda place, name: (name, "b\n"))


@settings(deadline=None)
@given(st.text(alphabet="aB-_.[]<>=!~;@ ,()*'\"12\n\\/:#") | st.text())
def test_a_requirement_in_normal_form_is_its_own_normal_form(text: str) -> None:
    """Normalising twice changes nothing, and only a SpecError can escape."""
    with suppress(SpecError):
        normal = requirement(text)
        assert normal == requirement(normal)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-r x",
        "a\n--index-url=https://example.org",
        "a\rb",
        "a --hash=" + SUM,
        "..",
        "a/b",
        "a" * 3000,
        "(" * 5000,
    ],
)
def test_an_option_or_a_path_is_no_requirement(text: str) -> None:
    """Nothing that a tool would take for an option, a line end or a path gets through."""
    with pytest.raises(SpecError) as caught:
        requirement(text)
    assert caught.value.code == "bad-requirement"


FILE = "# the analysis\r\n  numpy>=1 \\\r\n    ,<2\r\n-r base.txt\r\nPandas  # tables\r\n\r\n# end\r\n"


def load(place: str, name: str) -> tuple[str, str]:
    """The one file that is included."""
    return name, "six\n"


def test_an_edit_changes_only_its_lines() -> None:
    """Comments, blank lines, the order and the line ends stay."""
    expected = FILE.replace("  numpy>=1 \\\r\n    ,<2\r\n", "  numpy>=2\r\n").replace(
        "Pandas  # tables\r\n", ""
    )
    expected = expected.replace("# end\r\n", "# end\r\npolars\r\n")
    assert expected == edit_requirements(FILE, "r.txt", ["numpy>=2", "polars"], ["pandas"], load)


def test_a_comment_stays_with_the_line_that_is_replaced() -> None:
    """People write there why they need a package."""
    assert "pandas>=2  # tables\r\n" in edit_requirements(FILE, "r.txt", ["pandas>=2"], [], load)


def test_a_file_without_a_last_line_end_gets_a_line_of_its_own() -> None:
    """The new requirement must not stick to the last one."""
    assert edit_requirements("a", "r.txt", ["b"], [], None) == "a\nb\n"
    assert edit_requirements("", "r.txt", ["b"], [], None) == "b\n"


@pytest.mark.parametrize(
    ("text", "add", "remove", "code"),
    [
        (f"a==1 --hash={SUM}\n", ["b"], [], "edit-by-hand"),
        ("-r base.txt\n", ["six>=2"], [], "edit-by-hand"),
        ("-r base.txt\n", [], ["six"], "edit-by-hand"),
        ("a\n", [], ["b"], "not-declared"),
    ],
)
def test_an_edit_that_is_not_safe_is_left_to_the_person(
    text: str, add: list[str], remove: list[str], code: str
) -> None:
    """Compiled files and included ones are not ours to change."""
    with pytest.raises(SpecError) as caught:
        edit_requirements(text, "r.txt", add, remove, load)
    assert code == caught.value.code


NAMES = st.sampled_from(
    ["a", "b>=1", "c[x]", 'd; python_version >= "3.9"', "# note", "", "e \\\n >=1", "a==2  # why"]
)


@settings(deadline=None)
@given(st.lists(NAMES), st.sampled_from(["a>=3", "f", "e==5"]), st.sampled_from(["\n", "\r\n"]))
def test_an_edited_file_asks_for_exactly_the_new_requirement(lines: list[str], item: str, end: str) -> None:
    """The added one is asked for once by its name, and nothing else changes."""
    text = end.join(lines).replace("\\\n", "\\" + end)
    before = [old for old in requirements.parse(text, "r.txt").requirements if old[0] != item[0]]
    after = requirements.parse(edit_requirements(text, "r.txt", [item], [], None), "r.txt").requirements
    assert [item] == [new for new in after if new[0] == item[0]]
    assert before == [new for new in after if new[0] != item[0]]
