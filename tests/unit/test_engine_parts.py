"""The engine's pure parts: differences, edits of a Spec, trees, pins, tampered files."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from kernel_iso.engine import differences, doctoring, editing, foreign, held, inspecting, targets
from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Package, Part, Spec

PYLOCK = """
lock-version = "1.0"
created-by = "test"
[[packages]]
name = "Six"
version = "1.16.0"
[[packages.wheels]]
url = "https://example.org/six.whl"
hashes = {sha256 = "ab"}
[[packages]]
name = "the-project"
version = "1.0"
directory = {path = "."}
"""


def test_a_difference_tells_upgrades_and_removals_before_additions() -> None:
    """What is already there and changes is what a person must see first."""
    changes = differences.difference({"b": "1", "c": "1"}, {"a": "1", "b": "2"})
    assert differences.told(changes) == "  ~ b 1 → 2\n  - c 1\n  + a 1"


def test_equal_sets_change_nothing() -> None:
    """An empty difference is told in words."""
    assert differences.told(differences.difference({"a": "1"}, {"a": "1"})) == "nothing changes"


def test_versions_of_a_lock_include_the_detached_companions() -> None:
    """The kernel's own set is installed as well, so it counts as a change."""
    lock = Lock(plan="p", parts=(Part(text=PYLOCK),), detached='[[packages]]\nname="ipykernel"\nversion="7"')
    assert differences.versions(lock) == {"six": "1.16.0", "the-project": "1.0", "ipykernel": "7"}


def test_adding_a_declared_name_replaces_its_requirement() -> None:
    """Names are compared as PyPI does: case, `-`, `_` and `.` do not matter."""
    spec = editing.changed(Spec(requirements=("Foo_Bar>=1", "b")), ["foo-bar<2"], [], "x")
    assert spec.requirements == ("foo-bar<2", "b")


def test_removing_what_is_not_declared_says_what_is() -> None:
    """The error names the declared requirements."""
    with pytest.raises(SpecError) as caught:
        editing.changed(Spec(requirements=("a",)), [], ["b"], "nb.ipynb")
    assert caught.value.code == "not-declared"
    assert "declared are: a" in caught.value.because


def test_the_tree_opens_a_package_once() -> None:
    """A diamond is shown, but not opened twice, and cycles end."""
    found = [
        Package(name="top", version="1", role="asked", requires=("left", "right")),
        Package(name="left", version="1", requires=("shared",)),
        Package(name="right", version="1", requires=("shared",)),
        Package(name="shared", version="1", requires=("top",)),
    ]
    assert inspecting.tree(found) == [
        "top 1",
        "├── left 1",
        "│   └── shared 1",
        "│       └── top 1",
        "└── right 1",
        "    └── shared 1",
    ]


def test_what_needs_a_package_is_told_upward() -> None:
    """`tree --why` climbs to what was asked, and says so."""
    found = [
        Package(name="top", version="1", role="asked", requires=("low",)),
        Package(name="low", version="2"),
    ]
    assert inspecting.tree(found, "Low") == ["low 2", "└── top 1  (asked)"]
    with pytest.raises(SpecError) as caught:
        inspecting.tree(found, "absent")
    assert caught.value.code == "not-installed"


def test_pins_of_a_foreign_lock_leave_out_the_project_itself() -> None:
    """A directory entry is the project, and is not installed from a lock."""
    pins = foreign.parse(PYLOCK, "pylock.toml")
    assert pins == foreign.Pins(versions=("six==1.16.0",), hashes=(("six", ("sha256:ab",)),))


@pytest.mark.parametrize("text", ["[[packages", "[[packages]]\nversion=1", "packages = 3", "packages = [3]"])
def test_a_broken_foreign_lock_is_an_error_of_three_lines(text: str) -> None:
    """Cut-off files and wrong types end in `bad-lock`, nothing else."""
    with pytest.raises(SpecError) as caught:
        foreign.parse(text, "pylock.toml")
    assert caught.value.code == "bad-lock"


def test_preferences_are_the_versions_of_the_former_lock() -> None:
    """An edit keeps what it can keep."""
    assert held.preferences(Lock(plan="p", parts=(Part(text=PYLOCK),))) == (
        "six==1.16.0",
        "the-project==1.0",
    )
    assert held.preferences(None) == ()


def _install(site: Path, name: str, content: bytes) -> None:
    info = site / f"{name}-1.dist-info"
    info.mkdir(parents=True)
    (site / f"{name}.py").write_bytes(content)
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    (info / "RECORD").write_text(f"{name}.py,sha256={digest},{len(content)}\n{name}-1.dist-info/RECORD,,\n")


def test_tampered_and_missing_files_are_found_by_their_record(tmp_path: Path) -> None:
    """Only files that differ from their RECORD are named."""
    for name in ("whole", "changed", "gone"):
        _install(tmp_path, name, name.encode())
    assert list(doctoring.prefixes.tampered(tmp_path)) == []
    (tmp_path / "changed.py").write_bytes(b"evil")
    (tmp_path / "gone.py").unlink()
    assert list(doctoring.prefixes.tampered(tmp_path)) == ["changed.py", "gone.py"]


def test_pth_files_that_run_code_are_named(tmp_path: Path) -> None:
    """A `.pth` that only adds a folder runs nothing."""
    (tmp_path / "folder.pth").write_text("../src\n")
    (tmp_path / "code.pth").write_text("import os; os.system('true')\n")
    assert doctoring.prefixes.running_pth(tmp_path) == ["code.pth"]


def test_a_target_is_a_notebook_a_folder_or_a_name(tmp_path: Path) -> None:
    """What a person typed becomes one target, or a clear error."""
    (tmp_path / "a.ipynb").write_text("{}")
    assert targets.named("a.ipynb", cwd=str(tmp_path)).kind == "notebook"
    assert targets.named("", cwd=str(tmp_path)).kind == "folder"
    assert targets.named("", "vision", cwd=str(tmp_path)).name == "vision"
    with pytest.raises(SpecError) as caught:
        targets.named("missing.ipynb", cwd=str(tmp_path))
    assert caught.value.code == "no-notebook"
    with pytest.raises(SpecError) as caught:
        targets.named("a.ipynb", "vision", cwd=str(tmp_path))
    assert caught.value.code == "two-targets"


def test_kernel_names_of_environments_never_collide() -> None:
    """Names that Jupyter would fold into one are told apart by a digest."""
    names = [targets.kernel_name(name) for name in ("vision", "Vision", "visi on", "visi-on", "naïve")]
    assert names[0] == "iso-vision"
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "text",
    [
        "[[packages",
        "packages = 3",
        '[[packages]]\nname = "a\\n--index-url https://example.org"\nversion = "1"',
        '[[packages]]\nname = "a"\nversion = "1\\n-r /etc/passwd"',
        '[[packages]]\nversion = "1"',
    ],
)
def test_a_lock_that_came_with_a_notebook_smuggles_nothing_into_a_tools_file(text: str) -> None:
    """Names and versions are parsed before they become preferences or constraints."""
    with pytest.raises(SpecError) as caught:
        held.preferences(Lock(plan="p", parts=(Part(text=text),)))
    assert caught.value.code == "bad-lock"
