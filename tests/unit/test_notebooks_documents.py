"""Surgery on JSON texts: one value changes, every other character stays."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_iso.errors import SpecError
from kernel_iso.notebooks.document_strings import replace_in_string
from kernel_iso.notebooks.documents import drop_value, insert_item, set_value

# Numbers, escapes and blanks that no round trip through `json` would give back.
ODD = r"""{
 "cells": [
  {
   "cell_type": "code",
   "source": ["caf\u00e9\n", "b"], "outputs": [1e-05, 1E5, -0.0,
     123456789012345678901234567890, NaN, "\/", "\ud83d\ude00"]
  }
 ],

 "metadata": {
  "b": 1.10,
  "z": {  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
"""


def test_everything_else_stays_byte_for_byte() -> None:
    """Floats, big integers, escapes, NaN and blank lines around the new member keep their characters."""
    changed = set_value(ODD, ("metadata", "kernel_iso", "id"), "x")
    inserted = '  "kernel_iso": {\n   "id": "x"\n  },\n'
    assert ODD.replace('  "z": {  }', inserted + '  "z": {  }') == changed


def test_dropping_what_was_set_gives_the_old_text_back() -> None:
    """Setting and dropping a member are each other's opposite."""
    changed = set_value(ODD, ("metadata", "kernel_iso"), {"id": "x", "spec": {"requirements": ["a"]}})
    assert changed != ODD
    assert drop_value(changed, ("metadata", "kernel_iso")) == ODD


@pytest.mark.parametrize("indent", [None, 0, 1, 2, 4, "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("sort", [True, False])
def test_the_habits_of_a_document_are_kept(
    indent: int | str | None, newline: str, ascii_only: bool, sort: bool
) -> None:
    """What `json` would write in the document's own style is what surgery makes of it."""
    data: dict[str, Any] = {
        "nbformat": 4,
        "metadata": {"a": {"ü": "é"}, "z": 1} if sort else {"z": 1, "a": {"ü": "é"}},
        "cells": [],
    }

    def dumped(value: object) -> str:
        text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, sort_keys=sort)
        return text.replace("\n", newline) + newline

    expected = copy.deepcopy(data)
    expected["metadata"]["kernel_iso"] = {"id": "ä", "list": ["x", 1], "none": {}}
    assert dumped(expected) == set_value(
        dumped(data), ("metadata", "kernel_iso"), {"id": "ä", "list": ["x", 1], "none": {}}
    )


def test_a_tight_document_stays_tight() -> None:
    """Separators without spaces are a habit too."""
    assert (
        set_value('{"metadata":{"a":1},"b":2}', ("metadata", "k"), {"x": [1, 2]})
        == '{"metadata":{"a":1,"k":{"x":[1,2]}},"b":2}'
    )


def test_an_equal_value_changes_nothing() -> None:
    """A value that is there already keeps the form it has."""
    text = '{"m": {"b": [1,\n2], "a": "\\u0041"}}'
    assert text == set_value(text, ("m",), {"a": "A", "b": [1, 2]})


def test_the_last_of_two_equal_names_counts() -> None:
    """A duplicate name is read by every parser as its last one, so that is the one to change."""
    assert set_value('{"m": 1, "m": 2}', ("m",), 3) == '{"m": 1, "m": 3}'


def test_text_that_utf8_cannot_hold_is_escaped() -> None:
    """A lone surrogate would make the file unreadable if it were written as it is."""
    assert set_value('{"a": "é"}', ("k",), "\ud800") == '{"a": "é", "k": "\\ud800"}'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad-notebook"),
        ("[]", "bad-notebook"),
        ('{"metadata": [1]}', "bad-notebook"),
        ('{"metadata": "x"}', "bad-notebook"),
        ('{"metadata": {"a": 1', "bad-json"),
        ('{"a": 1} {', "bad-notebook"),
        ('{"metadata" {}}', "bad-json"),
        ("{'metadata': {}}", "bad-json"),
        ('{"a": ' + "[" * 100_000, "bad-json"),
    ],
)
def test_what_cannot_be_edited_is_an_error(text: str, code: str) -> None:
    """Broken or foreign documents are refused with a code."""
    with pytest.raises(SpecError) as caught:
        set_value(text, ("metadata", "k", "x") if text != '{"a": 1} {' else ("a", "b"), 1)
    assert code == caught.value.code


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
STYLES = st.sampled_from(
    [
        {"indent": None},
        {"indent": 1},
        {"indent": 4},
        {"separators": (",", ":")},
        {"indent": 2, "ensure_ascii": False},
    ]
)


@settings(deadline=None)
@given(data=st.dictionaries(st.text(), JSON, max_size=5), name=st.text(), value=JSON, style=STYLES)
def test_setting_means_what_it_says(
    data: dict[str, Any], name: str, value: Any, style: dict[str, Any]
) -> None:
    """The text parses to the old data with the one value set, and dropping it leaves the rest."""
    text = json.dumps(data, **style)
    changed = set_value(text, (name,), value)
    assert {**data, name: value} == json.loads(changed)
    assert {key: item for key, item in data.items() if key != name} == json.loads(
        drop_value(changed, (name,))
    )


@settings(deadline=None)
@given(text=st.text(alphabet='{}[]",:ab1\\ \n') | st.text())
def test_no_text_escapes_with_another_error(text: str) -> None:
    """Whatever the text is, the result is a text or a SpecError."""
    for edit in (
        lambda: set_value(text, ("metadata", "a"), 1),
        lambda: drop_value(text, ("metadata", "a")),
        lambda: insert_item(text, ("cells",), 0, {}),
    ):
        with suppress(SpecError):
            edit()


def test_an_item_is_inserted_like_its_neighbours() -> None:
    """A new cell is laid out as the cells are."""
    text = json.dumps({"cells": [{"a": 1}, {"b": 2}]}, indent=1)
    expected = json.dumps({"cells": [{"c": []}, {"a": 1}, {"b": 2}]}, indent=1)
    assert expected == insert_item(text, ("cells",), 0, {"c": []})


def test_an_item_enters_an_empty_list() -> None:
    """A notebook without cells gets its first one."""
    assert json.dumps({"cells": [{"c": 1}]}, indent=1) == insert_item(
        '{\n "cells": []\n}', ("cells",), 0, {"c": 1}
    )


@settings(deadline=None)
@given(old=st.text(), new=st.text(), ascii_only=st.booleans())
def test_a_string_changes_to_exactly_the_new_one(old: str, new: str, ascii_only: bool) -> None:
    """The string reads as the new one, and around it nothing changes."""
    text = json.dumps({"a": old, "b": old}, ensure_ascii=ascii_only)
    changed = replace_in_string(text, ("b",), old, new)
    assert {"a": old, "b": new} == json.loads(changed)
    assert changed.startswith(json.dumps({"a": old}, ensure_ascii=ascii_only)[:-1])


@settings(deadline=None)
@given(lines=st.lists(st.text(alphabet="ab\n\\é"), min_size=1), new=st.text(alphabet="ab\n\\é"))
def test_a_list_of_lines_changes_to_exactly_the_new_text(lines: list[str], new: str) -> None:
    """However the list is cut into items, joined they read as the new text."""
    changed = replace_in_string(json.dumps(lines, indent=1), (), "".join(lines), new)
    assert new == "".join(json.loads(changed))


def test_characters_around_a_change_keep_their_escapes() -> None:
    """Only the changed characters of a string are written anew."""
    text = '{"source": "\\u0061 caf\\u00e9 \\ud83d\\ude00 x = 1\\n"}'
    expected = text.replace("x = 1", "x = 2")
    assert expected == replace_in_string(text, ("source",), "a café 😀 x = 1\n", "a café 😀 x = 2\n")
