"""Conda packages, channels and the Python of an `environment.yml`, changed line by line."""

from __future__ import annotations

from contextlib import suppress

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_iso.errors import SpecError
from kernel_iso.model.conda_specs import conda_name, replaced
from kernel_iso.notebooks import environment_yml
from kernel_iso.notebooks.environment_editing import edit_environment

TEXT = """\
name: analysis   # ours
channels:
  - conda-forge   # first
  - nodefaults
dependencies:
  # the language
  - python=3.12   # ours too
  - "numpy=1.26"    # arrays
  - conda-forge::cudatoolkit>=11
  # the end
  - pip
  - pip:
      - polars>=1   # frames
variables:
  TZ: UTC
"""


def edit(
    text: str,
    *conda: str,
    remove: tuple[str, ...] = (),
    channels: tuple[str, ...] = (),
    gone: tuple[str, ...] = (),
    python: str | None = None,
    pip: tuple[str, ...] = (),
    unpip: tuple[str, ...] = (),
) -> str:
    """The text after an edit."""
    change, where = (conda, remove), (channels, gone)
    return edit_environment(text, "e.yml", pip, unpip, conda=change, channels=where, python=python)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (("numpy>=2",), '- "numpy=1.26"    # arrays', "- numpy>=2    # arrays"),
        (("gdal>=3.9",), "cudatoolkit>=11\n", "cudatoolkit>=11\n  - gdal>=3.9\n"),
        (("cudatoolkit",), "conda-forge::cudatoolkit>=11", "cudatoolkit"),
        (("bioconda::samtools 1.*",), "toolkit>=11\n", "toolkit>=11\n  - bioconda::samtools 1.*\n"),
        (("python_abi=*=*_cp312",), "toolkit>=11\n", "toolkit>=11\n  - python_abi=*=*_cp312\n"),
        (("a[build='x*']",), "toolkit>=11\n", "toolkit>=11\n  - a[build='x*']\n"),
    ],
)
def test_a_conda_package_changes_one_line(change: tuple[str, ...], old: str, new: str, end: str) -> None:
    """What is there keeps its line and its comment; what is new comes last, before pip and its list."""
    text = TEXT.replace("\n", end)
    assert edit(text, *change) == TEXT.replace(old, new).replace("\n", end)


def test_what_is_declared_so_already_keeps_its_very_characters() -> None:
    """Quotes and spaces are the person's."""
    text = TEXT.replace('"numpy=1.26"', "'numpy  = 1.26'")
    assert edit(text, "numpy=1.26") == text


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_removed_package_takes_its_line_along(end: str) -> None:
    """Comments on lines of their own stay."""
    text, line = TEXT.replace("\n", end), '  - "numpy=1.26"    # arrays\n'.replace("\n", end)
    assert edit(text, remove=("numpy",)) == text.replace(line, "")


def test_a_package_that_stands_twice_is_one_afterwards() -> None:
    """The first place is kept."""
    assert edit("dependencies:\n- a\n- b\n- a<3  # why\n", "a>=2") == "dependencies:\n- a>=2\n- b\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("dependencies:\n    -   a\n", "dependencies:\n    -   a\n    -   g\n"),
        ("dependencies:\n- a", "dependencies:\n- a\n- g\n"),
        ("dependencies:\n- pip\n- pip:\n  - b\n", "dependencies:\n- g\n- pip\n- pip:\n  - b\n"),
        ("dependencies:\n  - pip:\n    - b\n", "dependencies:\n  - g\n  - pip:\n    - b\n"),
        ("dependencies:\n- pip:\n  - b\n- a\n", "dependencies:\n- pip:\n  - b\n- a\n- g\n"),
        ("dependencies:\n", "dependencies:\n  - g\n"),
        ("dependencies:   # none\nname: x\n", "dependencies:   # none\n  - g\nname: x\n"),
        ("---\ndependencies:\n- a   \n\n# end\n", "---\ndependencies:\n- a   \n- g\n\n# end\n"),
    ],
)
def test_a_new_package_is_indented_as_the_others_are(text: str, after: str) -> None:
    """Odd spaces, a missing last line end and an empty list."""
    assert edit(text, "g") == after


FLOW = "dependencies: [a, b]\n"


@pytest.mark.parametrize(
    ("text", "change"),
    [
        (FLOW, {"conda": ("g",)}),
        (FLOW, {"remove": ("a",)}),
        (FLOW, {"python": "3.12"}),
        ("{dependencies: [a]}\n", {"conda": ("g",)}),
        ("name: x\n", {"conda": ("g",)}),
        ("name: x\n", {"channels": ("c",)}),
        ("dependencies:\n- >-\n  a\n", {"conda": ("a>=1",)}),
        ("dependencies:\n- >-\n  a\n", {"conda": ("g",)}),
        ("dependencies:\n- >-\n  a\n", {"remove": ("a",)}),
        ("dependencies:\n- &x a\n- b\n", {"conda": ("a>=1",)}),
        ("x: &d\n- a\ndependencies: *d\n", {"conda": ("g",)}),
        ("dependencies:\n- a # \u2028\n", {"conda": ("g",)}),
        ("dependencies:\n- a\r- b\n", {"conda": ("g",)}),
        ("dependencies:\n- a\t# x\n", {"conda": ("g",)}),
        ("channels: [c]\ndependencies:\n- a\n", {"channels": ("d",)}),
        ("channels: [c]\ndependencies:\n- a\n", {"gone": ("c",)}),
        ("dependencies:\n- a\n", {"python": "self"}),
    ],
)  # fmt: skip
def test_what_is_not_one_item_a_line_is_left_to_the_person(
    text: str, change: dict[str, tuple[str, ...]]
) -> None:
    """Lists in brackets, folded items, anchors, tabs and unusual line ends; the message says what to write."""
    with pytest.raises(SpecError) as caught:
        edit(text, *change.pop("conda", ()), **change)  # type: ignore[arg-type]
    assert caught.value.code == "edit-by-hand"
    assert caught.value.hint


@pytest.mark.parametrize(("text", "remove"), [(TEXT, "zzz"), (TEXT, "polars"), ("dependencies:\n", "a")])
def test_what_conda_does_not_have_cannot_be_removed(text: str, remove: str) -> None:
    """What pip installs is not conda's."""
    with pytest.raises(SpecError) as caught:
        edit(text, remove=(remove,))
    assert caught.value.code == "not-declared"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (TEXT, TEXT.replace("# first\n", "# first\n  - bioconda\n")),
        (TEXT.replace("\n", "\r\n"), TEXT.replace("# first\n", "# first\n  - bioconda\n").replace("\n", "\r\n")),
        ("dependencies:\n- a\n", "channels:\n  - bioconda\ndependencies:\n- a\n"),
        ("# x\nname: y\ndependencies:\n- a\n", "# x\nname: y\nchannels:\n  - bioconda\ndependencies:\n- a\n"),
        ("channels:\ndependencies:\n- a\n", "channels:\n  - bioconda\ndependencies:\n- a\n"),
        ("channels:\n- bioconda # x\ndependencies:\n- a\n", "channels:\n- bioconda # x\ndependencies:\n- a\n"),
    ],
)  # fmt: skip
def test_a_channel_is_asked_after_those_that_are_there(text: str, after: str) -> None:
    """The others keep their places, and `nodefaults` stays last."""
    assert edit(text, channels=("bioconda",)) == after


def test_a_channel_is_taken_out_with_its_line() -> None:
    """As packages are."""
    assert edit(TEXT, gone=("nodefaults",)) == TEXT.replace("  - nodefaults\n", "")
    with pytest.raises(SpecError) as caught:
        edit(TEXT, gone=("bioconda",))
    assert caught.value.code == "not-declared"


@pytest.mark.parametrize(
    ("text", "python", "after"),
    [
        (TEXT, "3.13", TEXT.replace("python=3.12 ", "python=3.13 ")),
        (TEXT, "3.12", TEXT),
        (TEXT, "<3.14,>=3.11", TEXT.replace("python=3.12 ", "python<3.14,>=3.11 ")),
        (TEXT, "", TEXT.replace("python=3.12 ", "python ")),
        ("dependencies:\n- x::python 3.11.*\n", "3.12", "dependencies:\n- x::python=3.12\n"),
        ("dependencies:\n- python=3.11|3.12\n", "3.12", "dependencies:\n- python=3.12\n"),
        ("dependencies:\n  # why\n  - a\n", "3.12", "dependencies:\n  # why\n  - python=3.12\n  - a\n"),
        ("dependencies:\n  - pip:\n    - a\n", "3.12", "dependencies:\n  - python=3.12\n  - pip:\n    - a\n"),
        ("dependencies:\n- python_abi=3.12\n", "3.12", "dependencies:\n- python=3.12\n- python_abi=3.12\n"),
        ("dependencies:\n", "3.12", "dependencies:\n  - python=3.12\n"),
        ("dependencies:\n- a\n", "", "dependencies:\n- a\n"),
    ],
)  # fmt: skip
def test_another_python_is_one_line(text: str, python: str, after: str) -> None:
    """It keeps its line, comment and channel; a new one comes first."""
    assert edit(text, python=python) == after


def test_a_package_moves_from_pip_to_conda_and_back() -> None:
    """In one edit; pip's list goes with its last item."""
    text = "dependencies:\n- a\n- pip\n- pip:\n    - numpy>=1\n"
    moved = edit(text, "numpy>=2", unpip=("numpy",))
    assert moved == "dependencies:\n- a\n- numpy>=2\n- pip\n"
    assert edit(moved, remove=("numpy",), pip=("numpy>=1",)) == text


def test_what_stands_on_both_sides_can_be_one() -> None:
    """A file that somebody wrote so by hand is mended by the edit."""
    text = "dependencies:\n- numpy\n- pip:\n  - numpy>=1\n"
    assert edit(text, "numpy>=2", unpip=("numpy",)) == "dependencies:\n- numpy>=2\n"


ITEMS = ["a", "b>=1", "c 1.*", "x::d", "e=1=py_0", "python=3.12", "pip"]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(ITEMS), min_size=1, unique=True),
    st.sampled_from(["a>=2", "x::d=2", "f", "g[build='*_0']", "true", "null=1"]),
    st.sampled_from(["- ", "  - ", "    -   "]),
    st.sampled_from(["", "  # why", "   "]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_adding_asks_what_was_meant_and_changes_one_line(
    declared: list[str], item: str, lead: str, tail: str, end: str, pip: bool
) -> None:
    """Read again, the list is the former one with that package; every other line is as it was."""
    rest = [f"{lead}pip:", f"{' ' * len(lead)}  - z"] if pip else []
    text = end.join(["dependencies:", *(lead + each + tail for each in declared), *rest, ""])
    after = edit(text, item)
    found = environment_yml.document(after, "e.yml").dependencies
    assert {str(each) for each in found if isinstance(each, str)} == set(replaced(declared, [item]))
    assert yaml.safe_load(after)["dependencies"].count(item) == 1
    before, now = text.split(end), after.split(end)
    same = [each for each in declared if conda_name(each) == conda_name(item)]
    assert len(now) == len(before) + (not same)
    assert len([line for line in before if line not in now]) == len(same)
    gone = edit(after, remove=(item,))
    assert item not in gone
    if not same:
        assert gone == text


PIECES = [
    "dependencies:\n", "- a\n", "  - pip:\n", "    - b\n", "- python=3", "channels:\n", "&a ", "*a", "[", "'", "\r",
]  # fmt: skip


@settings(deadline=None)
@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_edit_escapes_with_another_error(text: str) -> None:
    """Whatever the file is, the result is a text or a SpecError."""
    with suppress(SpecError):
        edit(text, "a>=1", channels=("c",), python="3.12")
    with suppress(SpecError):
        edit(text, remove=("a",), gone=("c",))
