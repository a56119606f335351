"""Prefixes in the store: what counts as one, what it costs to find it, and what a disk may refuse."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kernel_iso.errors import CancelledError, ConflictError, SpecError, ToolError
from kernel_iso.model import Emit, Event, Lock, Part, Prefix
from kernel_iso.store import Size, Store

KEY = "0123456789abcdef" * 2
OTHER = "fedcba9876543210" * 2


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that is not there yet."""
    return Store(tmp_path / "store")


def making(path: Path, emit: Emit, *, owner: str = "notebook", text: str = "x") -> Prefix:
    """Make a small prefix."""
    emit(Event(phase="realise", key=path.name, text="making"))
    (path / "bin").mkdir(parents=True)
    (path / "bin" / "python").write_text(text)
    return Prefix(
        key=path.name, path=str(path), python=str(path / "bin" / "python"), version="3.12.1", backend="fake",
        owner=owner,
    )  # fmt: skip


def never(path: Path, emit: Emit) -> Prefix:
    raise AssertionError("it was there already")


def failing(error: BaseException) -> Callable[[Path, Emit], Prefix]:
    """A maker that fails halfway."""

    def make(path: Path, emit: Emit) -> Prefix:
        making(path, emit)
        raise error

    return make


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises((ToolError, SpecError)) as raised:
        act()
    return raised.value.code


def test_the_key_of_a_prefix_stays_what_it_is(store: Store) -> None:
    """A change of the rule would make every prefix again; each of lock, tag and owner changes the key."""
    found = store.key("0" * 64, "linux-x86_64-3.12", "7d3b")
    assert found == "56ba0a46e4713a7a876fc8ae089796b7"
    others = {
        store.key("1" * 64, "linux-x86_64-3.12", "7d3b"),
        store.key("0" * 64, "linux-x86_64-3.13", "7d3b"),
        store.key("0" * 64, "linux-x86_64-3.12", "7d3c"),
        store.key("0" * 64, "linux-x86_64-3.127", "d3b"),
    }
    assert len(others - {found}) == 4


def test_nothing_is_there_at_first(store: Store) -> None:
    """Asking makes nothing."""
    assert store.find(KEY) is None
    assert store.history(KEY) == []
    assert store.sizes(KEY) == Size()
    assert not store.in_use(KEY)
    assert not store.root.exists()


@pytest.mark.parametrize("key", ["", "..", "../" + KEY[3:], KEY.upper(), KEY + "0", KEY[:-1] + "\n"])
def test_only_a_key_becomes_a_path(store: Store, key: str) -> None:
    """Everything else is refused before the disk is looked at."""
    for act in (store.find, store.history, store.in_use, store.sizes):
        assert code_of(lambda act=act: act(key)) == "bad-key"  # type: ignore[misc]


def test_a_prefix_is_made_once_and_then_found(store: Store) -> None:
    """In the place where it is used; the second time nothing is made."""
    events: list[Event] = []
    made = store.realise(KEY, making, emit=events.append)
    assert made.path == str(store.root / "prefixes" / KEY)
    assert store.find(KEY) == made
    assert store.realise(KEY, never, emit=events.append) == made
    assert [event.text for event in events] == ["making", "ready"]
    assert [event.text for event in store.history(KEY)] == ["begin", "making", "ready"]
    assert store.history(KEY)[0].done == os.getpid()


def test_a_prefix_counts_as_made_when_its_maker_does_not_say(store: Store) -> None:
    """The time is the store's then."""
    assert store.realise(KEY, making).made > 1_700_000_000


@pytest.mark.parametrize(
    "damage",
    [
        lambda place: (place / ".kernel-iso" / "manifest.json").unlink(),
        lambda place: (place / ".kernel-iso" / "manifest.json").write_bytes(b""),
        lambda place: (place / ".kernel-iso" / "manifest.json").write_bytes(b'{"key": "'),
        lambda place: (place / ".kernel-iso" / "manifest.json").write_bytes(b"\xff\xfe"),
        lambda place: (place / ".kernel-iso" / "manifest.json").write_bytes(b"{}"),
        lambda place: (place / "bin" / "python").unlink(),
    ],
)
def test_a_damaged_prefix_is_made_again(store: Store, damage: Callable[[Path], object]) -> None:
    """Without a whole manifest or its interpreter it is not there; what was left of it goes."""
    place = Path(store.realise(KEY, making).path)
    (place / "leftover").write_text("")
    damage(place)
    assert store.find(KEY) is None
    store.realise(KEY, making)
    assert store.find(KEY) is not None
    assert not (place / "leftover").exists()
    assert list((store.root / "trash").iterdir()) == []


def test_a_prefix_that_was_copied_elsewhere_is_none(store: Store, tmp_path: Path) -> None:
    """Its scripts hold the former place; under another key or in another store it is made again."""
    store.realise(KEY, making)
    shutil.copytree(store.root / "prefixes" / KEY, store.root / "prefixes" / OTHER)
    shutil.copytree(store.root, tmp_path / "copied")
    assert store.find(OTHER) is None
    assert Store(tmp_path / "copied").find(KEY) is None


def test_a_store_is_the_same_through_a_link(store: Store, tmp_path: Path) -> None:
    """Another way to the same folder finds the same prefixes."""
    store.realise(KEY, making)
    (tmp_path / "link").symlink_to(store.root)
    assert Store(tmp_path / "link").find(KEY) is not None


def test_a_prefix_whose_companions_went_is_none(store: Store, tmp_path: Path) -> None:
    """The kernel's own packages live apart; without them there is no kernel."""
    apart = tmp_path / "apart"
    apart.mkdir()

    def make(path: Path, emit: Emit) -> Prefix:
        prefix = making(path, emit)
        return Prefix.from_json(prefix.to_json() | {"companions": str(apart)})

    store.realise(KEY, make)
    assert store.find(KEY) is not None
    apart.rmdir()
    assert store.find(KEY) is None


@pytest.mark.parametrize(
    "error", [ConflictError("no", "cannot", "why", "hint"), KeyboardInterrupt(), ValueError("x")]
)
def test_a_failure_leaves_nothing_and_goes_on(store: Store, error: BaseException) -> None:
    """The same error reaches the caller; the log's last event tells it."""
    with pytest.raises(type(error)) as raised:
        store.realise(KEY, failing(error))
    assert raised.value is error
    assert store.find(KEY) is None
    assert list((store.root / "prefixes").iterdir()) == []
    assert list((store.root / "trash").iterdir()) == []
    last = store.history(KEY)[-1]
    assert last.error is not None
    assert store.realise(KEY, making) == store.find(KEY)
    assert [event.text for event in store.history(KEY)] == ["begin", "making", "ready"]


def test_a_make_without_an_interpreter_makes_no_prefix(store: Store) -> None:
    """It would never be found again."""

    def make(path: Path, emit: Emit) -> Prefix:
        prefix = making(path, emit)
        Path(prefix.python).unlink()
        return prefix

    assert code_of(lambda: store.realise(KEY, make)) == "no-interpreter-made"
    assert not (store.root / "prefixes" / KEY).exists()


def test_fresh_makes_it_again(store: Store) -> None:
    """Unless something runs from it."""
    place = Path(store.realise(KEY, making).path)
    (place / "added").write_text("by hand")
    store.realise(KEY, making, fresh=True)
    assert not (place / "added").exists()
    with store.using(KEY):
        assert store.in_use(KEY)
        assert code_of(lambda: store.realise(KEY, making, fresh=True)) == "prefix-in-use"
        assert store.realise(KEY, never).key == KEY
    assert not store.in_use(KEY)
    store.realise(KEY, making, fresh=True)


def test_several_use_one_prefix_at_once(store: Store) -> None:
    """It is in use until the last one ends."""
    store.realise(KEY, making)
    with store.using(KEY):
        with store.using(KEY):
            assert store.in_use(KEY)
        assert store.in_use(KEY)
    assert not store.in_use(KEY)


def test_where_locks_are_missing_a_file_that_is_open_cannot_be_renamed(tmp_path: Path) -> None:
    """The way of Windows, with a rename that refuses as it does there."""
    from kernel_iso.store import guards

    place = tmp_path / "in-use"

    def refuse(old: Path, new: Path) -> None:
        raise PermissionError(errno.EACCES, "used by another process")

    with guards._claimed_by_rename(place) as free:
        assert free
    place.touch()
    with guards._claimed_by_rename(place) as free:
        assert free
    with guards._claimed_by_rename(place, rename=refuse) as free:
        assert not free


def test_finding_lists_nothing_however_many_there_are(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 1,000 manifests beside it, no directory is read; one file is opened."""
    made = store.realise(KEY, making)
    text = (store.root / "prefixes" / KEY / ".kernel-iso" / "manifest.json").read_bytes()
    for number in range(1000):
        folder = store.root / "prefixes" / f"{number:032x}" / ".kernel-iso"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_bytes(text)
    seen: list[str] = []
    monkeypatch.setattr(os, "listdir", lambda *_: seen.append("listdir"))
    monkeypatch.setattr(os, "scandir", lambda *_: seen.append("scandir"))
    assert store.find(KEY) == made
    assert store.realise(KEY, never) == made
    assert seen == []


def test_cancelling_before_it_begins_does_not_stop_a_ready_one(store: Store) -> None:
    """Only what would wait or work is stopped."""
    cancelled = threading.Event()
    cancelled.set()
    made = store.realise(KEY, making)
    assert store.realise(KEY, never, cancelled=cancelled) == made


def test_a_cancelled_maker_leaves_nothing(store: Store) -> None:
    """The tools raise it; the log says so."""
    error = CancelledError("cancelled", "stopped `uv`", "you cancelled", "start it again")
    with pytest.raises(CancelledError):
        store.realise(KEY, failing(error))
    assert store.find(KEY) is None
    assert store.history(KEY)[-1].error["code"] == "cancelled"  # type: ignore[index]


def test_a_log_keeps_no_secret_of_an_unknown_error(store: Store) -> None:
    """An exception's own text has gone through no hands that redact it."""
    with pytest.raises(ValueError):
        store.realise(KEY, failing(ValueError("https://me:hunter2@example.org")))
    assert b"hunter2" not in store.log(KEY).read_bytes()


def test_sizes_tell_what_would_be_freed(store: Store, tmp_path: Path) -> None:
    """A file that is linked from elsewhere is shared; one that is linked twice inside counts once."""
    place = Path(store.realise(KEY, making).path)
    before = store.sizes(KEY)
    cache = tmp_path / "cached"
    cache.write_bytes(b"x" * 40960)
    os.link(cache, place / "shared")
    (place / "mine").write_bytes(b"y" * 81920)
    os.link(place / "mine", place / "mine-again")
    after = store.sizes(KEY)
    assert (after.shared - before.shared, after.files - before.files) == (40960, 3)
    assert 81920 <= after.unique - before.unique < 81920 + 8192


LOCK = Lock(plan="a" * 64, parts=(Part(text="lock-version = '1.0'"),), python="3.12", source="made")


def test_a_kept_lock_is_found_by_its_plan_and_by_its_digest(store: Store) -> None:
    """A damaged one is none."""
    assert store.kept(LOCK.plan) is None
    store.keep(LOCK)
    assert store.kept(LOCK.plan) == LOCK
    assert store.lock(LOCK.digest()) == LOCK
    assert store.lock(LOCK.plan) is None
    assert store.kept("../" + LOCK.plan) is None
    for path in (store.root / "locks").iterdir():
        path.write_bytes(path.read_bytes()[:-4])
    assert store.kept(LOCK.plan) is None
    assert store.lock(LOCK.digest()) is None


def test_a_lock_with_other_artefacts_is_not_taken_for_the_one_asked_for(store: Store) -> None:
    """Its digest is looked at, and not its name alone."""
    store.keep(LOCK)
    other = Lock.from_json(LOCK.to_json() | {"python": "3.13"})
    (store.root / "locks" / f"{LOCK.digest()}.json").write_text(other.to_text())
    assert store.lock(LOCK.digest()) is None
