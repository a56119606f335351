"""What the panel's verbs decide, without a disk or an index: differences, proposals, front ends, ages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kernel_iso.engine import approving, frontends, isolating, lookups, reviewing, undoing
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Generation, Index, Lock, Owner, Package, Part, Policy, Prefix, Spec
from kernel_iso.notebooks import FoundLock
from kernel_iso.notebooks.imports import Used
from kernel_iso.trust import Approval


def lock(version: str, digest: str = "ab") -> FoundLock:
    """A lock beside a notebook that holds six."""
    text = (
        'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "six"\n'
        f'version = "{version}"\n[[packages.wheels]]\nurl = "https://example.org/six-{version}-py3-none-any.whl"\n'
        f'hashes = {{sha256 = "{digest}"}}\n'
    )
    return FoundLock(text=text, kind="pylock", where="pylock.toml", path="/w/pylock.toml")


def approved(spec: Spec, *locks: FoundLock, owner: str = "n1", at: float = 1) -> Approval:
    """An approval as it is kept."""
    about = approving.about("a.ipynb", owner, spec, locks, None)
    return Approval(digest=f"{at:064.0f}", about=about, at=at)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Spec(requirements=("a",)), Spec(requirements=("a", "b")), (("b",), (), ())),
        (Spec(requirements=("a", "b")), Spec(requirements=("b",)), ((), ("a",), ())),
        (Spec(requirements=("A_b<2",)), Spec(requirements=("a-b<3",)), ((), (), ("A_b<2 → a-b<3",))),
        (Spec(python="3.11"), Spec(python="3.12"), ((), (), ("Python 3.11 → Python 3.12",))),
        (Spec(), Spec(env=(("X", "1"),)), (("X=1",), (), ())),
        (
            Spec(indexes=(Index(name="i", url="https://a"),)),
            Spec(indexes=(Index(name="i", url="https://b"),)),
            ((), (), ("index i at https://a → index i at https://b",)),
        ),
        (Spec(), Spec(pins=(("a", "i"),)), (("a only from the index i",), (), ())),
        (Spec(), Spec(own_code="none"), (("own code none",), (), ())),
    ],
)
def test_every_part_of_a_spec_is_compared(before: Spec, after: Spec, expected: tuple[Any, ...]) -> None:
    differs = approving.differs(approved(before), after, ())
    assert differs == approving.Differs(added=expected[0], removed=expected[1], changed=expected[2])


def test_no_field_of_a_spec_changes_unseen() -> None:
    """A field that is added to the Spec later must be told too, or be known to mean nothing here."""
    told = {"requirements", "constraints", "hashes", "python", "conda", "channels", "accelerator", "backend", "indexes",
            "pins", "exclude_newer", "groups", "extras", "profile", "env", "own_code", "system_site_packages"}  # fmt: skip
    silent = {"apt", "own_paths", "origin", "overruled"}
    assert set(Spec.__struct_fields__) == told | silent


def test_other_versions_and_other_files_in_a_lock_are_told() -> None:
    """A lock with the same versions and other hashes is another lock."""
    former = approved(Spec(), lock("1.16"))
    changed = approving.differs(former, Spec(), [lock("1.17")])
    assert changed is not None
    assert changed.changed == ("six 1.16 (locked) → six 1.17 (locked)",)
    changed = approving.differs(former, Spec(), [lock("1.16", "cd")])
    assert changed is not None
    assert changed.changed == ("the lock names other files of the same versions",)
    assert approving.differs(former, Spec(), [lock("1.16")]) == approving.Differs(
        added=(), removed=(), changed=()
    )


def test_the_approval_before_is_the_newest_of_the_same_notebook() -> None:
    """Two notebooks may have been approved for the same: both remember it."""
    old, new = approved(Spec(python="3.9"), at=1), approved(Spec(python="3.10"), at=2)
    other = approved(Spec(python="3.11"), owner="n2", at=3)
    assert approving.before([new, old, other], "n1", "") == new
    assert approving.before([new, old, other], "n1", new.digest) == old
    assert approving.before([other], "n1", "") is None
    both = approving.about("b.ipynb", "n2", Spec(), (), old)
    assert both["owners"] == ["n1", "n2"]


def test_an_approval_of_an_older_kernel_iso_tells_what_it_can() -> None:
    """It has no owners, so that it is nobody's; without a Spec there is nothing to compare."""
    old = Approval(digest="0" * 64, about={"target": "a.ipynb", "spec": {}}, at=1)
    assert approving.before([old], "n1", "") is None
    assert approving.differs(Approval(digest="0" * 64, about={}, at=1), Spec(), ()) is None


def test_a_lock_without_wheels_or_from_a_folder_is_said_to_be_refused() -> None:
    """Both would run code of a stranger."""
    text = """
lock-version = "1.0"
created-by = "test"
[[packages]]
name = "built"
version = "1"
[packages.sdist]
url = "https://example.org/built-1.tar.gz"
hashes = {sha256 = "ab"}
[[packages]]
name = "near"
directory = {path = "."}
"""
    found = FoundLock(text=text, kind="pylock", where="pylock.toml", path="/w/pylock.toml")
    assert list(reviewing._not_wheels(found)) == [
        "built in the lock of pylock.toml has no wheel; a build would run its code: refused",
        "near in the lock of pylock.toml comes from a folder: refused",
    ]
    broken = FoundLock(text="[[", kind="pylock", where="x", path="/x")
    assert list(reviewing._not_wheels(broken)) == ["the lock in x cannot be read: it would be refused"]


def test_the_newest_release_is_told_with_its_age() -> None:
    """Rows without a time tell nothing."""
    rows = [
        reviewing.Artefact(name=name, version="1", hash="", index="", size=0, uploaded=uploaded)
        for name, uploaded in (
            ("a", "2026-01-01T00:00:00+00:00"),
            ("b", "2026-01-03T00:00:00+00:00"),
            ("c", ""),
        )
    ]
    now = datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert reviewing.newest(rows, now) == reviewing.Newest(name="b", version="1", age_days=2)
    assert reviewing.newest(rows[2:], now) is None


def test_what_is_undone_is_a_step_backward_or_forward() -> None:
    owner = Owner(
        id="a", generations=(Generation(key="1"), Generation(key="2"), Generation(key="3")), current=1
    )
    assert undoing.goal(owner, redo=False, label="a") == 0
    assert undoing.goal(owner, redo=True, label="a") == 2
    for none in (None, Owner(id="a"), Owner(id="a", generations=owner.generations, current=0)):
        with pytest.raises(ImpossibleError) as caught:
            undoing.goal(none, redo=False, label="a")
        assert caught.value.code == "nothing-to-undo"


THERE = isolating.Installed(
    version="3.11.2",
    stdlib=("os",),
    installed={"numpy": "2.1.3", "opencv-python": "4.9.0.80", "mine": "1", "ipython": "9", "pandas": "2.2"},
    local=("mine",),
    found={
        "numpy": ("numpy",),
        "numpy.linalg": ("numpy",),
        "cv2": ("opencv-python",),
        "mine": ("mine",),
        "IPython.display": ("ipython",),
        "pandas": ("pandas",),
    },
)


def test_a_proposal_leaves_out_what_needs_no_declaration() -> None:
    """The standard library, the kernel's own, the notebook's folder, what is declared already."""
    modules = (
        "os",
        "numpy",
        "numpy.linalg",
        "cv2",
        "mine",
        "IPython.display",
        "pandas",
        "helpers",
        "unknown.part",
    )
    used = Used(modules=tuple((name, place) for place, name in enumerate(modules, 1)), installed=())
    made = isolating.proposal(
        used, THERE, Spec(requirements=("pandas>=2",)), frozenset({"helpers"}), frozenset({"ipython"})
    )
    assert [(row.requirement, row.imported, row.why) for row in made.proposal] == [
        ("numpy~=2.1", "numpy", "cell 2 imports numpy"),
        ("opencv-python~=4.9", "cv2", "cell 4 imports cv2"),
    ]
    assert made.missing == ("unknown",)
    assert made.local == ("mine", "helpers")
    assert made.python == "3.11"


def test_what_conda_packages_give_is_declared_already() -> None:
    """Under its name on PyPI; and what only conda's records know is proposed under that name."""
    used = Used(modules=(("torch", 1), ("cv2", 2), ("osgeo.gdal", 3)), installed=())
    there = isolating.Installed(
        version="3.12.1", stdlib=(), installed={"torch": "2.9.1"}, local=(),
        found={"torch": ("torch",), "cv2": (), "osgeo.gdal": ()},
        conda={"cv2": ("py-opencv", "4.12.0"), "osgeo.gdal": ("gdal", "3.9.1")},
    ).named()  # fmt: skip
    made = isolating.proposal(used, there, Spec(conda=("pytorch>=2",)), frozenset(), frozenset())
    assert [row.requirement for row in made.proposal] == ["opencv-python~=4.12", "gdal~=3.9"]
    assert made.missing == ()


def test_what_a_cell_installs_is_proposed_where_nothing_imports_it() -> None:
    """As it was typed where it is not installed, as it is installed where it is."""
    used = Used(modules=(), installed=(("numpy", 1), ("polars>=1", 2)))
    made = isolating.proposal(used, THERE, Spec(), frozenset(), frozenset())
    assert [row.requirement for row in made.proposal] == ["numpy~=2.1", "polars>=1"]


def test_installed_versions_become_a_lock_that_the_next_one_keeps_to() -> None:
    """Builds of one machine and broken versions are no versions of an index."""
    made = isolating.as_lock({"a": "1.0", "torch": "2.4.1+cu126", "b": "not a version"})
    assert made == Lock(
        plan="", parts=(Part(text='packages = [\n    { name = "a", version = "1.0" },\n]\n'),)
    )


def test_a_cool_down_hides_young_and_yanked_files() -> None:
    """A file whose age is not known is shown: the resolver decides about it."""
    engine: Any = SimpleNamespace(policy=Policy(exclude_newer="2026-01-02"))
    files = [
        {"version": "1", "uploaded": "2026-01-01T00:00:00+00:00", "yanked": False},
        {"version": "2", "uploaded": "2026-02-01T00:00:00+00:00", "yanked": False},
        {"version": "3", "uploaded": "", "yanked": False},
        {"version": "4", "uploaded": "", "yanked": True},
    ]
    assert [file["version"] for file in lookups.allowed(engine, files)] == ["1", "3"]


def test_front_ends_that_cannot_be_believed_are_left_out(tmp_path: Path) -> None:
    """No address leaves its folder, and a manifest may be anything."""
    base = tmp_path / "share" / "jupyter" / "labextensions"
    manifests = {
        "up": {"name": "up", "jupyterlab": {"_build": {"load": "../x.js"}}},
        "root": {"name": "root", "jupyterlab": {"_build": {"load": "/etc/passwd"}}},
        "none": {"name": "none", "jupyterlab": {"extension": True}},
        "list": ["no object"],
        "@org/good": {"name": "@org/good", "version": "1", "jupyterlab": {"_build": {"load": "static/a.js"}}},
    }
    for name, data in manifests.items():
        (base / name).mkdir(parents=True)
        (base / name / "package.json").write_text(json.dumps(data))
    (base / "@org" / "cut").mkdir()
    (base / "@org" / "cut" / "package.json").write_text('{"name"')
    prefix = Prefix(key="", path=str(tmp_path), python="", version="3.11.1", backend="uv", owner="a")
    assert [item.url for item in frontends.frontends(prefix, {})] == [
        "share/jupyter/labextensions/@org/good/static/a.js"
    ]


def test_a_widgets_front_end_is_told_from_other_extensions(tmp_path: Path) -> None:
    """By what it shares with the page, or by a package that stands on ipywidgets; its address is a plain one."""
    base = tmp_path / "share" / "jupyter" / "labextensions"
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    built = {"load": "./static/a.js", "extension": "./extension", "style": "./style", "mimeExtension": True}
    manifests = {
        "shares": {"jupyterlab": {"_build": built, "sharedPackages": {frontends.BASE: {"bundled": False}}}},
        "depends": {"jupyterlab": {"_build": built}, "dependencies": {frontends.BASE: "^6"}},
        "theme": {"jupyterlab": {"_build": built}},
        "any": {"jupyterlab": {"_build": {"load": "static/a.js"}}},
    }
    for name, data in manifests.items():
        (base / name).mkdir(parents=True)
        (base / name / "package.json").write_text(json.dumps({"name": name, "version": "1", **data}))
    (site / "any_widget-1.dist-info").mkdir(parents=True)
    record = "../../../share/jupyter/labextensions/any/package.json,,\n"
    (site / "any_widget-1.dist-info" / "RECORD").write_text(record)
    package = Package(name="any-widget", version="1", requires=("ipywidgets",))
    prefix = Prefix(
        key="", path=str(tmp_path), python="", version="3.11.1", backend="uv", owner="a", packages=(package,)
    )
    found = {item.module: item for item in frontends.frontends(prefix, {})}
    assert {name: (item.widget, item.parts) for name, item in found.items()} == {
        "any": (True, ()),
        "depends": (True, ("./extension", "./style")),
        "shares": (True, ("./extension", "./style")),
        "theme": (False, ("./extension", "./style")),
    }
    assert found["shares"].url == "share/jupyter/labextensions/shares/static/a.js"
    assert found["any"].package == "any-widget"


def test_the_policy_says_whether_a_person_is_asked_about_front_ends() -> None:
    """`never` is told before anybody clicks."""
    assert frontends.refusal(Policy(frontends="ask")) is None
    refused = frontends.refusal(Policy(frontends="never"))
    assert refused is not None
    assert refused.code == "frontends-not-allowed"
