"""What a notebook imports and installs, by its text alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kernel_iso import discovery
from kernel_iso.notebooks import imports

SCRIPT = Path(imports.__file__).parents[1] / "guest" / "distributions.py"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a, b.c as d", ["a", "b.c"]),
        ("from a.b import c, d", ["a.b", "a.b.c", "a.b.d"]),
        ("from . import a\nfrom .b import c", []),
        ("from a import *", ["a"]),
        ("if True:\n    %matplotlib inline\n    import a", ["a"]),
        ("files = !ls\nx, y = %sql select\nimport a", ["a"]),
        ("a?\nimport b\n??c", ["b"]),
        ("%%time\nimport a", ["a"]),
        ("\n%%bash\nimport a", []),
        ("%%html\n<b>from x import y</b>", []),
        ("def f():\n    import a", ["a"]),
        ("try:\n    import a\nexcept ImportError:\n    a = None", ["a"]),
        ("this is no Python\nimport a as b\nfrom c.d import e", ["a", "c.d"]),
        ("text = 'import a'", []),
        ("'\\d'; import a", ["a"]),
        ("", []),
    ],
)
def test_imports_of_a_cell(source: str, expected: list[str]) -> None:
    assert imports.imported(source) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%pip install a b>=1", ["a", "b>=1"]),
        ("!pip3 install -q --upgrade a", ["a"]),
        ("! python -m pip install 'a[x]<2'", ["a[x]<2"]),
        ("%uv pip install a", ["a"]),
        ("%pip install -r requirements.txt --index-url https://example.org a", ["a"]),
        ("%pip install ./folder git+https://example.org/a.git", []),
        ("%pip install a  # the good one", ["a"]),
        ("%pip install 'a", []),
        ("!ls pip install a", []),
    ],
)
def test_what_a_cell_installs(line: str, expected: list[str]) -> None:
    assert [name for name, _ in imports.of_cells([(1, line)]).installed] == expected


def test_the_first_cell_that_imports_is_named() -> None:
    assert imports.of_cells([(2, "import a"), (5, "import a, b")]).modules == (("a", 2), ("b", 5))


def _info(site: Path, name: str, version: str, files: list[str], **extra: str) -> None:
    """An installed distribution with these files."""
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for place in (site / file for file in files if not file.startswith("..")):
        # Python 3.12 and newer leave out what RECORD names and is not there.
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("raise SystemExit('nothing is imported')\n" if place.suffix == ".py" else "")
    for file, text in extra.items():
        (folder / file.replace("_json", ".json").replace("_txt", ".txt")).write_text(text)


def _ask(python: str, site: Path, modules: list[str]) -> dict[str, object]:
    """What the guest says, with the distributions of a folder too."""
    code = f"import runpy, sys; sys.path.insert(0, {str(site)!r}); runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    done = subprocess.run(
        [python, "-I", "-c", code], input=json.dumps(modules), capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


FOUND = discovery.pythons({}, home=Path.home(), own=sys.executable)
PYTHONS = {python.minor: python.path for python in FOUND if python.sort_key >= (3, 8)}


@pytest.mark.parametrize("minor", sorted(PYTHONS))
def test_an_interpreter_tells_which_package_gives_a_module(minor: str, tmp_path: Path) -> None:
    """Names that several share go to the one that has the most of it; nothing is imported for that."""
    _info(tmp_path, "Google.Auth", "1", ["google/auth/__init__.py"])
    _info(
        tmp_path,
        "google-storage",
        "2",
        ["google/cloud/storage/__init__.py", "google/cloud/storage/client.py"],
    )
    _info(tmp_path, "pillow", "3", ["PIL/Image.py", "../../bin/pil"])
    _info(tmp_path, "single", "4", ["single_module.py", "_single.cpython-311-x86_64-linux-gnu.so"])
    _info(tmp_path, "mine", "5", ["mine.pth"], direct_url_json='{"url": "file:///x", "dir_info": {"editable": true}}',
          top_level_txt="mine\n")  # fmt: skip
    modules = [
        "google.cloud.storage",
        "google.auth",
        "google",
        "PIL.Image",
        "single_module",
        "_single",
        "mine",
        "absent",
    ]
    answer = _ask(PYTHONS[minor], tmp_path, modules)
    assert answer["found"] == {
        "google.cloud.storage": ["google-storage"],
        "google.auth": ["google-auth"],
        "google": ["google-auth", "google-storage"],
        "PIL.Image": ["pillow"],
        "single_module": ["single"],
        "_single": ["single"],
        "mine": ["mine"],
        "absent": [],
    }
    assert answer["local"] == ["mine"]
    assert str(answer["version"]).startswith(f"{minor}.")
