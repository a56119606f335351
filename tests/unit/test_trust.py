"""Approvals: what they cover, and what does not count as one."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kernel_iso.errors import SpecError, ToolError
from kernel_iso.model import Index, Origin, Policy, Spec
from kernel_iso.trust import Approvals, covers, trusted_folder

SPEC = Spec(requirements=("numpy>=2",), python="3.12")
DIGEST = covers(SPEC)


@pytest.fixture
def approvals(tmp_path: Path) -> Approvals:
    """A person's approvals, none yet."""
    return Approvals(tmp_path / "store" / "approvals")


def test_an_approval_covers_what_is_asked_and_not_where() -> None:
    """The same wishes elsewhere are the same; the project's place is not part of them."""
    moved = Spec(
        requirements=("numpy>=2",), python="3.12", origin=Origin(kind="pep723", path="/b"), own_paths=("/c",)
    )
    assert covers(SPEC) == covers(moved)


@pytest.mark.parametrize(
    "other",
    [
        covers(Spec(requirements=("numpy>=2", "evil"), python="3.12")),
        covers(Spec(requirements=("numpy>=2",), python="3.11")),
        covers(Spec(requirements=("numpy>=2",), python="3.12", env=(("A", "b"),))),
        covers(SPEC, ["lock"]),
        covers(SPEC, ["lock", "another"]),
        covers(SPEC, (), [Index(name="own", url="https://own.example.org/simple")]),
        covers(SPEC, (), [Index(name="own", url="https://other.example.org/simple")]),
    ],
)
def test_any_change_of_spec_lock_or_indexes_asks_again(other: str) -> None:
    """Each gives another digest."""
    assert other != DIGEST


def test_the_digest_of_an_approval_stays_what_it_is() -> None:
    """A change of the rule would silently ask every person again."""
    found = covers(SPEC, ["lock-version = '1.0'"], [Index(name="own", url="https://own.example.org/simple")])
    assert found == "d0ab6009737883a8ec8226b61af8eea9159aa8efbeb5edd60809527aac91ee32"


def test_nothing_is_approved_at_first_and_asking_makes_nothing(approvals: Approvals) -> None:
    """Not even the folder."""
    assert not approvals.has(DIGEST)
    assert approvals.all() == ()
    assert not approvals.revoke(DIGEST)
    assert not approvals.folder.exists()


def test_what_is_approved_counts_until_it_is_revoked(approvals: Approvals) -> None:
    """For every later process; with what it was about, when and where."""
    approvals.approve(DIGEST, {"target": "a.ipynb"}, where="here")
    again = Approvals(approvals.folder)
    assert again.has(DIGEST)
    (found,) = again.all()
    assert (found.digest, found.about, found.where) == (DIGEST, {"target": "a.ipynb"}, "here")
    assert found.at > 1_700_000_000
    assert again.revoke(DIGEST)
    assert not approvals.has(DIGEST)


def test_a_changed_approval_counts_for_nothing(approvals: Approvals) -> None:
    """Any field."""
    approvals.approve(DIGEST, {"target": "a.ipynb"})
    place = approvals.folder / f"{DIGEST}.json"
    data = json.loads(place.read_text())
    for change in ({"about": {"target": "b"}}, {"at": 0.5}, {"where": "x"}, {"seal": "0" * 64}, {"more": 1}):
        place.write_text(json.dumps(data | change))
        assert not approvals.has(DIGEST), change
    place.write_text(json.dumps(data)[:-10])
    assert not approvals.has(DIGEST)
    place.write_text(json.dumps(data))
    assert approvals.has(DIGEST)


def test_a_renamed_approval_counts_for_nothing(approvals: Approvals) -> None:
    """What was approved for one digest does not speak for another."""
    approvals.approve(DIGEST, {})
    other = covers(Spec(requirements=("evil",)))
    (approvals.folder / f"{DIGEST}.json").rename(approvals.folder / f"{other}.json")
    assert not approvals.has(other)
    assert approvals.all() == ()


def test_an_approval_from_elsewhere_counts_for_nothing(approvals: Approvals, tmp_path: Path) -> None:
    """A file put there, without a secret here or with another one."""
    elsewhere = Approvals(tmp_path / "elsewhere")
    elsewhere.approve(DIGEST, {})
    approvals.folder.mkdir(parents=True)
    shutil.copy(elsewhere.folder / f"{DIGEST}.json", approvals.folder)
    assert not approvals.has(DIGEST)
    approvals.approve(covers(Spec()), {})
    assert not approvals.has(DIGEST)
    assert [approval.digest for approval in approvals.all()] == [covers(Spec())]


def test_a_damaged_secret_is_made_again(approvals: Approvals) -> None:
    """What it sealed is asked again; nothing is sealed with an empty secret."""
    approvals.approve(DIGEST, {})
    (approvals.folder / "secret").write_bytes(b"")
    assert not approvals.has(DIGEST)
    other = covers(Spec())
    approvals.approve(other, {})
    assert approvals.has(other)
    assert len((approvals.folder / "secret").read_bytes()) == 32
    assert not approvals.has(DIGEST)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mode bits: the person's profile is private there")
def test_files_are_the_persons_alone(approvals: Approvals) -> None:
    """Whatever the umask is."""
    before = os.umask(0)
    try:
        approvals.approve(DIGEST, {})
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in approvals.folder.iterdir()}
    assert modes == {"secret": 0o600, f"{DIGEST}.json": 0o600}
    assert stat.S_IMODE(approvals.folder.stat().st_mode) == 0o700


def test_what_is_no_digest_never_becomes_a_path(approvals: Approvals) -> None:
    """It is not approved, and cannot be."""
    for text in ("../secret", "", "A" * 64, DIGEST + "\n"):
        assert not approvals.has(text)
        with pytest.raises(SpecError) as raised:
            approvals.approve(text, {})
        assert raised.value.code == "bad-digest"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Here it is a file; a read-only folder ends the same way."""
    (tmp_path / "approvals").write_text("")
    approvals = Approvals(tmp_path / "approvals")
    assert not approvals.has(DIGEST)
    with pytest.raises(ToolError) as raised:
        approvals.approve(DIGEST, {})
    assert raised.value.code == "approvals-unwritable"
    assert str(tmp_path / "approvals") in raised.value.because


def test_processes_that_approve_first_at_once_share_one_secret(approvals: Approvals) -> None:
    """None of their approvals is lost."""
    code = (
        "import sys; from pathlib import Path; from kernel_iso.trust import Approvals\n"
        "sys.stdin.read(); Approvals(Path(sys.argv[1])).approve(sys.argv[2], {})"
    )
    digests = [covers(Spec(requirements=(f"a{number}",))) for number in range(6)]
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(approvals.folder), one], stdin=subprocess.PIPE)
        for one in digests
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
    assert [child.wait(60) for child in children] == [0] * 6
    assert [approvals.has(one) for one in digests] == [True] * 6
    assert sorted(path.suffix for path in approvals.folder.iterdir()) == ["", *[".json"] * 6]


def test_a_trusted_folder_covers_what_really_lies_in_it(tmp_path: Path) -> None:
    """Through links too, by where they lead; a sibling with the same beginning is another folder."""
    mine, other = tmp_path / "mine", tmp_path / "mine-not"
    for folder in (mine / "deep", other):
        folder.mkdir(parents=True)
        (folder / "a.ipynb").write_text("{}")
    (mine / "out.ipynb").symlink_to(other / "a.ipynb")
    (other / "in.ipynb").symlink_to(mine / "deep" / "a.ipynb")
    (tmp_path / "alias").symlink_to(mine)
    policy = Policy(trusted_folders=(str(mine),))
    assert trusted_folder(mine / "deep" / "a.ipynb", policy)
    assert trusted_folder(other / "in.ipynb", policy)
    assert not trusted_folder(mine / "out.ipynb", policy)
    assert not trusted_folder(mine / ".." / "mine-not" / "a.ipynb", policy)
    assert not trusted_folder(other / "a.ipynb", policy)
    assert trusted_folder(mine / "deep" / "a.ipynb", Policy(trusted_folders=(str(tmp_path / "alias"),)))
    assert not trusted_folder(mine / "deep" / "a.ipynb", Policy(trusted_folders=("",)))
    assert not trusted_folder(mine / "deep" / "a.ipynb", Policy())
