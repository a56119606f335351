"""Deleting what a person chose, listing what is there: the store's side of the overview."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kernel_iso.errors import SpecError
from kernel_iso.model import Emit, Lock, Part, Prefix
from kernel_iso.store import Store


def maker(companions: str = "") -> Callable[[Path, Emit], Prefix]:
    """What makes a small prefix."""

    def make(path: Path, emit: Emit) -> Prefix:
        path.mkdir()
        python = path / "python"
        python.write_text("x" * 10_000)
        return Prefix(
            key=path.name, path=str(path), python=str(python), version="3.12.1", backend="uv", owner="a",
            companions=companions,
        )  # fmt: skip

    return make


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def old(store: Store, key: str) -> None:
    """Make a prefix one that was used an hour ago."""
    os.utime(store.places.used(key), (time.time() - 3600,) * 2)


def test_a_chosen_prefix_goes_and_a_dry_run_only_tells(store: Store) -> None:
    key = store.key("lock", "tag", "a")
    store.realise(key, maker())
    old(store, key)
    dry = store.remove([key], now=time.time(), dry=True)
    assert (dry.removed, dry.refused) == (((key, "you chose it"),), ())
    assert store.find(key) is not None
    assert store.remove([key, key], now=time.time()) == dry
    assert store.find(key) is None


def test_what_others_have_their_kernels_packages_in_stays(store: Store) -> None:
    """Until they are gone."""
    shared, user = store.key("c", "tag", "companions"), store.key("lock", "tag", "a")
    inner = Path(store.realise(shared, maker()).path) / "lib"
    inner.mkdir()
    store.realise(user, maker(str(inner)))
    for key in (shared, user):
        old(store, key)
    assert store.remove([shared], now=time.time()).refused == (
        (shared, "other environments have their kernel's packages in it"),
    )
    assert store.remove([user, shared], now=time.time()).refused == ()


def test_nothing_but_a_key_is_deleted(store: Store) -> None:
    with pytest.raises(SpecError) as caught:
        store.remove(["../../etc"], now=time.time())
    assert caught.value.code == "bad-key"


def test_prefixes_are_listed_whole_ones_only(store: Store) -> None:
    """What is half made is none."""
    keys = sorted(store.key("lock", "tag", owner) for owner in "ab")
    for key in keys:
        store.realise(key, maker())
    store.places.prefix("0" * 32).mkdir()
    assert [prefix.key for prefix in store.prefixes()] == keys
    assert store.used(keys[0]) == store.places.used(keys[0]).stat().st_mtime
    assert store.used("0" * 32) == 0


def test_kept_locks_are_listed_once_the_newest_first(store: Store) -> None:
    """Each is kept under two digests; damaged files and others are passed over."""
    locks = [Lock(plan=str(number) * 64, parts=(Part(text=str(number)),)) for number in (1, 2)]
    for age, lock in ((100, locks[0]), (0, locks[1])):
        store.keep(lock)
        for digest in (lock.plan, lock.digest()):
            os.utime(store.places.locks / f"{digest}.json", (time.time() - age,) * 2)
    (store.places.locks / f"{'3' * 64}.json").write_text("{")
    (store.places.locks / "note.json").write_text("{}")
    assert list(store.locks()) == [locks[1], locks[0]]
    assert list(store.locks(limit=3)) == [locks[1]]
