"""The `# /// script` block: found as PEP 723 says, read, and changed line by line."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_iso.errors import SpecError
from kernel_iso.model import Index, Spec
from kernel_iso.notebooks import pep723, toml_editing
from kernel_iso.notebooks.checking import checked

# The expression that PEP 723 prints as the definition ("Specification").
REGEX = r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$"

LINES = st.sampled_from(
    [
        "# /// script",
        "# ///",
        "#",
        "# x = 1",
        "# /// other",
        "#x",
        "",
        "x = 1",
        "# /// script ",
        "##",
        "# /// a b",
    ]
)


@settings(deadline=None)
@given(st.lists(LINES, max_size=14))
def test_blocks_are_those_that_the_expression_of_pep_723_finds(lines: list[str]) -> None:
    """Types and contents are the same, and in the same order."""
    text = "\n".join(lines)
    expected = [
        (
            match["type"],
            "".join(line[2:] if line[1:2] == " " else line[1:] for line in match["content"].splitlines(True)),
        )
        for match in re.finditer(REGEX, text)
    ]
    assert expected == [(block.type, block.content) for block in pep723.blocks(text)]


def test_many_openings_without_an_end_cost_no_time() -> None:
    """The expression would take hours for this text."""
    assert pep723.blocks("# /// script\n" * 200_000) == []


def test_windows_line_ends_do_not_hide_a_block() -> None:
    """A cell that was edited on Windows may have `\\r\\n`."""
    block = pep723.script("# /// script\r\n# dependencies = ['a']\r\n# ///\r\n", "cell 1")
    assert block is not None
    assert block.content == "dependencies = ['a']\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("# /// script\n# dependencies = []\nx = 1\n", "script-not-closed"),
        ("# /// script\n# a = 1\n# ///\n\n# /// script\n# a = 1\n# ///\n", "two-script-blocks"),
    ],
)
def test_a_block_that_cannot_count_is_an_error(text: str, code: str) -> None:
    """A block that is silently passed over would start the notebook without its packages."""
    with pytest.raises(SpecError) as caught:
        pep723.script(text, "cell 1")
    assert code == caught.value.code


@pytest.mark.parametrize(
    ("magic", "found"), [("%%writefile a.py", False), ("%%bash", False), ("%%time", True)]
)
def test_a_block_in_a_cell_of_another_language_is_not_the_notebooks(magic: str, found: bool) -> None:
    """`%%writefile` cells hold other scripts, with blocks of their own."""
    text = f"{magic}\n# /// script\n# dependencies = []\n# ///\n"
    assert found == (pep723.script(text, "cell 1") is not None)


def test_everything_that_a_block_may_ask_is_read() -> None:
    """The standard's keys, `[tool.kernel-iso]`, and of `[tool.uv]` only indexes, bindings and the cool-down."""
    content = """
requires-python = ">=3.11"
dependencies = ["Torch>=2", "numpy"]
[tool.kernel-iso]
python = "3.12"
accelerator = "cu126"
env = { OMP_NUM_THREADS = 4, TZ = "UTC" }
apt = ["libgl1"]
system-site-packages = true
[tool.uv]
exclude-newer = 2026-11-01
prerelease = "allow"
[[tool.uv.index]]
name = "torch-cu"
url = "https://example.org/whl/cu126"
explicit = true
[[tool.uv.index]]
name = "unused"
url = "https://example.org/other"
explicit = true
[tool.uv.sources]
torch = { index = "torch-cu" }
pandas = { path = "../pandas" }
"""
    spec = pep723.parse(content, "cell 2")
    expected = Spec(
        requirements=("torch>=2", "numpy"),
        python="3.12",
        accelerator="cu126",
        env=(("OMP_NUM_THREADS", "4"), ("TZ", "UTC")),
        apt=("libgl1",),
        system_site_packages=True,
        exclude_newer="2026-11-01",
        indexes=(Index(name="torch-cu", url="https://example.org/whl/cu126", explicit=True),),
        pins=(("torch", "torch-cu"),),
    )
    assert expected.meaning() == spec.meaning()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("dependencies = 'numpy'", "bad-table"),
        ("dependencies = [1]", "bad-table"),
        ("dependencies = [", "bad-toml"),
        ("a = " + "9" * 5000, "bad-toml"),
        ("a." * 60 + "b = 1", "bad-toml"),
        ("a = " + "[" * 10_000, "bad-toml"),
        ("dependencies = ['--index-url=https://example.org']", "bad-requirement"),
        ("dependencies = ['a\\nb']", "bad-requirement"),
        ('dependencies = ["a\\n-r b"]', "bad-requirement"),
        ("dependencies = ['../../x']", "bad-requirement"),
        ("dependencies = ['a @ https://me:secret@example.org/a.whl']", "credentials-in-url"),
        ("requires-python = 'snake'", "bad-python"),
        ("[tool.kernel-iso]\ngroups = ['dev']", "bad-table"),
        ("[tool.kernel-iso]\nacelerator = 'cpu'", "bad-table"),
        ("[tool.kernel-iso]\naccelerator = 'warp'", "bad-accelerator"),
        ("[tool.kernel-iso]\nbackend = '../x'", "bad-backend"),
        ("[tool.kernel-iso]\nown-code = 'yes'", "bad-own-code"),
        ("[tool.kernel-iso]\napt = ['-o=x']", "bad-apt"),
        ("[tool.kernel-iso]\nexclude-newer = 'soon'", "bad-exclude-newer"),
        ("[tool.kernel-iso]\nenv = { 'A=B' = 1 }", "bad-variable"),
        ("[tool.kernel-iso]\nconda = ['--file=x']", "bad-conda-dependency"),
        ("[tool.kernel-iso]\nconda = ['a']\nchannels = ['-c']", "bad-channel"),
        ("[tool.kernel-iso]\nconda = ['a']\nchannels = ['https://me:x@example.org']", "credentials-in-url"),
        ("[[tool.uv.index]]\nname = 'a'\nurl = '../simple'", "bad-index"),
        ("[[tool.uv.index]]\nname = 'a'\nurl = 'https://u:p@example.org/s'", "credentials-in-url"),
        ("dependencies = ['a']\n[tool.uv.sources]\na = { git = 'https://example.org' }", "foreign-source"),
        ("dependencies = ['a']\n[tool.uv.sources]\na = { workspace = true }", "foreign-source"),
        ("dependencies = ['a']\n[tool.uv.sources]\na = { index = 'x' }", "no-such-index"),
        ("dependencies = ['a']\n[tool.uv.sources]\na = { index = 'x', marker = 'y' }", "bad-table"),
    ],
)
def test_what_a_block_must_not_say_is_an_error_with_its_own_code(content: str, code: str) -> None:
    """Each message names the block, and none shows a secret."""
    with pytest.raises(SpecError) as caught:
        pep723.parse(content, "cell 2")
    assert code == caught.value.code
    assert "cell 2" in caught.value.what
    assert "secret" not in str(caught.value)


@settings(deadline=None)
@given(
    st.text()
    | st.lists(st.sampled_from(["[", "]", "=", '"', "a", ".", "tool", "uv", "{", "}", "\n", "1", ","])).map(
        "".join
    )
)
def test_no_block_escapes_with_another_error(content: str) -> None:
    """Whatever the TOML is, the result is a Spec or a SpecError."""
    with suppress(SpecError):
        pep723.parse(content, "cell 1")


@settings(deadline=None)
@given(
    st.text(),
    st.sampled_from(["requirements", "python", "conda", "channels", "apt", "exclude_newer", "accelerator"]),
)
def test_no_value_escapes_with_another_error(value: str, field: str) -> None:
    """Whatever a value is, it is in normal form afterwards, or a SpecError."""
    many = field in ("requirements", "conda", "channels", "apt")
    with suppress(SpecError):
        spec = checked(Spec.from_json({field: [value] if many else value}), "here", origin=Spec().origin)
        assert spec.meaning() == checked(spec, "here", origin=Spec().origin).meaning()


BLOCK = """\
x = 0
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "a",  # why a
#   "b",
# ]
#
# # the end
# ///
y = 1
"""


def changed(text: str, add: list[str], remove: list[str]) -> str:
    """A cell whose block was edited."""
    block = pep723.script(text, "cell 1")
    assert block is not None
    return pep723.replaced(text, block, toml_editing.edit_block(block.content, "cell 1", add, remove))


def test_an_edit_changes_only_the_lines_it_is_about() -> None:
    """Comments in the block and everything around it stay."""
    expected = BLOCK.replace('"a",', '"a>=2",').replace('#   "b",\n', '#   "c",\n')
    assert expected == changed(BLOCK, ["a>=2", "c"], ["b"])


def test_windows_line_ends_stay_in_an_edited_block() -> None:
    """Lines that an edit adds end like the others."""
    expected = BLOCK.replace('#   "b",\n', '#   "b",\n#   "c",\n').replace("\n", "\r\n")
    assert expected == changed(BLOCK.replace("\n", "\r\n"), ["c"], [])


def test_a_block_without_dependencies_gets_them_before_its_tables() -> None:
    """A key of the root must stand before the first table."""
    text = "# /// script\n# [tool.kernel-iso]\n# python = '3.12'\n# ///\n"
    edited = changed(text, ["a"], [])
    block = pep723.script(edited, "cell 1")
    assert block is not None
    assert pep723.parse(block.content, "cell 1").requirements == ("a",)


def test_removing_what_is_not_declared_is_an_error() -> None:
    """The message says what is declared."""
    with pytest.raises(SpecError) as caught:
        changed(BLOCK, [], ["zzz"])
    assert caught.value.code == "not-declared"
    assert "a, b" in caught.value.because


def test_a_new_block_asks_what_the_spec_asked() -> None:
    """Writing a Spec as a block and reading it gives the Spec back."""
    spec = Spec(
        requirements=("a>=1", 'b; python_version < "3.12"'),
        python="3.12",
        accelerator="cpu",
        env=(("TZ", "UTC"),),
        indexes=(Index(name="x", url="https://example.org/simple", explicit=True),),
        pins=(("a", "x"),),
        exclude_newer="3 days",
    )
    block = pep723.script(pep723.block(toml_editing.block_content(spec, "here")), "here")
    assert block is not None
    assert spec.meaning() == pep723.parse(block.content, "here").meaning()
