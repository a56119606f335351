"""Clean-up: what goes, why, what it frees, and what never goes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from test_store import making

from kernel_iso.model import Emit, Event, Generation, Lock, Part, Prefix
from kernel_iso.store import Store, Swept

NOW = time.time()
HOUR, DAY = 3600.0, 86400.0
LOCK = Lock(plan="a" * 64, parts=(Part(text="x"),))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that is not there yet."""
    return Store(tmp_path / "store")


class Scene:
    """Puts prefixes into a store, of a size and an age that a test chooses."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.count = 0

    def prefix(
        self, name: str, *, idle: float, size: int = 0, kind: str = "notebook", companions: str = ""
    ) -> str:
        """A prefix of the owner `name`, unused for `idle` seconds; its notebook exists."""
        self.count += 1
        key = f"{self.count:032x}"

        def make(path: Path, emit: Emit) -> Prefix:
            prefix = making(path, emit, owner=name)
            (path / "big").write_bytes(b"x" * size)
            return Prefix.from_json(
                prefix.to_json() | {"companions": companions} if companions else prefix.to_json()
            )

        self.store.realise(key, make)
        path = ""
        if kind == "notebook":
            path = str(self.folder / f"{name}.ipynb")
            Path(path).touch()
        if name:
            self.store.add_generation(name, kind, path, Generation(key=key))
        self.age(key, idle)
        return key

    def age(self, key: str, idle: float) -> None:
        """Make it unused for that long."""
        used = self.store.root / "prefixes" / key / ".kernel-iso" / "used"
        os.utime(used, (NOW - idle, NOW - idle))

    def sweep(self, **more: object) -> Swept:
        return self.store.sweep(**({"now": NOW, "keep_days": 30} | more))  # type: ignore[arg-type]


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Scene:
    """An empty one."""
    return Scene(store, tmp_path)


def reasons(swept: Swept) -> dict[str, str]:
    return dict(swept.removed)


def test_an_empty_store_has_nothing_to_sweep(scene: Scene) -> None:
    """Nor does one that is not there."""
    assert scene.sweep() == Swept()


def test_what_was_not_used_for_long_goes(scene: Scene) -> None:
    """And nothing else; a later start would make it again."""
    old, young = scene.prefix("old", idle=31 * DAY, size=100_000), scene.prefix("young", idle=29 * DAY)
    events: list[Event] = []
    swept = scene.sweep(emit=events.append)
    assert reasons(swept) == {old: "not used for 31 days"}
    assert 100_000 < swept.freed < 150_000
    assert (scene.store.find(old), scene.store.find(young) is not None) == (None, True)
    assert [(event.phase, event.key, event.text) for event in events] == [
        ("sweep", old, "not used for 31 days")
    ]
    assert list((scene.store.root / "trash").iterdir()) == []
    scene.store.realise(old, making)
    assert scene.sweep() == Swept()


def test_a_dry_run_changes_nothing_and_tells_the_same(scene: Scene) -> None:
    """What it says is what the real one does."""
    old = scene.prefix("old", idle=31 * DAY, size=100_000)
    (scene.store.root / "prefixes" / ("f" * 32) / "half").mkdir(parents=True)
    os.utime(scene.store.root / "prefixes" / ("f" * 32), (NOW - HOUR, NOW - HOUR))
    told = scene.sweep(dry=True)
    assert scene.store.find(old) is not None
    assert scene.sweep(dry=True) == told
    assert scene.sweep() == told
    assert sorted(reasons(told).values()) == ["half made, and nobody goes on with it", "not used for 31 days"]


def test_age_without_a_limit_keeps_everything(scene: Scene) -> None:
    """0 days is no limit in the policy."""
    scene.prefix("old", idle=3000 * DAY)
    assert scene.sweep(keep_days=0) == Swept()


def test_the_prefixes_of_a_notebook_that_is_gone_go_after_a_day(scene: Scene) -> None:
    """A drive may be away for a while."""
    long, short = scene.prefix("long", idle=25 * HOUR), scene.prefix("short", idle=23 * HOUR)
    for name in ("long", "short"):
        (scene.folder / f"{name}.ipynb").unlink()
    assert reasons(scene.sweep()) == {long: f"{scene.folder / 'long.ipynb'} is gone"}
    assert scene.store.find(short) is not None


def test_what_nobody_owns_goes_after_a_day(scene: Scene) -> None:
    """An environment's former prefix after its rename, for example."""
    one, other = scene.prefix("vision", idle=25 * HOUR, kind="environment"), scene.prefix("", idle=23 * HOUR)
    scene.store.remove_owner("vision")
    assert reasons(scene.sweep()) == {one: "nobody owns it"}
    assert scene.store.find(other) is not None


def test_generations_beyond_the_way_back_go(scene: Scene) -> None:
    """The last ten stay, as long as they are not too old."""
    keys = [scene.prefix("a", idle=2 * HOUR) for _ in range(12)]
    assert reasons(scene.sweep()) == dict.fromkeys(keys[:2], "`a` has newer ones and cannot go back to it")
    assert scene.sweep() == Swept()


def test_what_was_just_used_stays(scene: Scene) -> None:
    """A kernel that was given it may only be starting; so does what was just made for nobody yet."""
    for _ in range(12):
        scene.prefix("a", idle=0.5 * HOUR)
    scene.prefix("", idle=0.5 * HOUR)
    assert scene.sweep(budget_bytes=1) == Swept()


def test_asking_takes_what_was_used_today(scene: Scene) -> None:
    """Days as the person says; with 0 everything that was not used within the last minute."""
    keys = [
        scene.prefix(name, idle=idle)
        for name, idle in (("a", 10), ("b", 300), ("c", 3 * HOUR), ("d", 3 * DAY))
    ]
    named = scene.prefix("vision", idle=3 * DAY, kind="environment")
    assert list(reasons(scene.sweep(keep_days=1, asked=True))) == [keys[3]]
    assert set(reasons(scene.sweep(keep_days=0, asked=True))) == {keys[1], keys[2], named}
    assert scene.store.find(keys[0]) is not None


def test_what_a_named_environment_is_at_present_stays(scene: Scene) -> None:
    """People keep those on purpose; what it was before goes by age."""
    former, present = (scene.prefix("vision", idle=90 * DAY, kind="environment") for _ in range(2))
    assert reasons(scene.sweep()) == {former: "not used for 90 days"}
    assert scene.store.find(present) is not None


def test_the_budget_takes_what_was_not_used_for_longest(scene: Scene) -> None:
    """Until the rest fits; named environments come last."""
    named = scene.prefix("vision", idle=20 * DAY, size=1_000_000, kind="environment")
    keys = [scene.prefix(f"n{day}", idle=day * DAY, size=1_000_000) for day in (5, 9, 7)]
    assert scene.sweep(budget_bytes=10_000_000) == Swept()
    swept = scene.sweep(budget_bytes=2_500_000)
    assert reasons(swept) == dict.fromkeys([keys[1], keys[2]], "the budget is 0.0025 GB")
    assert list(reasons(scene.sweep(budget_bytes=500_000))) == [keys[0], named]


def test_files_that_are_linked_from_a_cache_do_not_count(scene: Scene) -> None:
    """Deleting them would free nothing."""
    key = scene.prefix("a", idle=5 * DAY)
    cached = scene.folder / "cached"
    cached.write_bytes(b"x" * 5_000_000)
    os.link(cached, scene.store.root / "prefixes" / key / "linked")
    assert scene.sweep(budget_bytes=1_000_000) == Swept()
    assert 0 < scene.sweep(keep_days=1).freed < 1_000_000
    assert cached.stat().st_size == 5_000_000


def test_what_runs_stays_however_old_it_is(scene: Scene) -> None:
    """A kernel in another process holds a shared lock on the prefix's `in-use` file for its life."""
    key = scene.prefix("a", idle=90 * DAY)
    place = scene.store.root / "prefixes" / key / ".kernel-iso" / "in-use"
    program = (
        "import fcntl, os, sys\n"
        "fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB)\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    kernel = subprocess.Popen(
        [sys.executable, "-c", program, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with kernel:
        assert kernel.stdout is not None
        assert kernel.stdout.readline() == "held\n"
        assert scene.store.in_use(key)
        assert scene.sweep() == Swept(kept_in_use=(key,))
        assert scene.sweep(keep_days=0, asked=True, budget_bytes=1) == Swept(kept_in_use=(key,))
        kernel.kill()
    assert not scene.store.in_use(key)
    assert list(reasons(scene.sweep())) == [key]


def test_companions_stay_with_the_prefixes_that_need_them(scene: Scene) -> None:
    """They are used through those; then they go with the next clean-up."""
    apart = scene.prefix("", idle=90 * DAY)
    folder = str(scene.store.root / "prefixes" / apart / "bin")
    key = scene.prefix("a", idle=2 * DAY, companions=folder)
    assert scene.sweep(budget_bytes=0) == Swept()
    assert list(reasons(scene.sweep(keep_days=1))) == [key]
    assert list(reasons(scene.sweep(keep_days=1))) == [apart]


def test_half_made_prefixes_go_when_nobody_makes_them(scene: Scene) -> None:
    """Older than a minute; what is being made in this moment stays."""
    store = scene.store
    going, go_on = threading.Event(), threading.Event()
    key = "e" * 32

    def make(path: Path, emit: Emit) -> Prefix:
        prefix = making(path, emit)
        os.utime(path, (NOW - DAY, NOW - DAY))
        going.set()
        go_on.wait(30)
        return prefix

    thread = threading.Thread(target=store.realise, args=(key, make))
    thread.start()
    going.wait(30)
    for number, idle in ((1, 30), (2, 90)):
        path = store.root / "prefixes" / f"{number:032x}"
        (path / "lib").mkdir(parents=True)
        os.utime(path, (NOW - idle, NOW - idle))
    swept = scene.sweep()
    assert reasons(swept) == {f"{2:032x}": "half made, and nobody goes on with it"}
    assert swept.kept_in_use == (key,)
    go_on.set()
    thread.join(30)
    assert store.find(key) is not None


def test_a_manifest_that_cannot_be_read_keeps_its_prefix_for_a_day(scene: Scene) -> None:
    """A newer kernel-iso on the same store may have written it; it knows better what it is worth."""
    one, other = scene.prefix("a", idle=23 * HOUR), scene.prefix("b", idle=25 * HOUR)
    for key in (one, other):
        manifest = scene.store.root / "prefixes" / key / ".kernel-iso" / "manifest.json"
        manifest.write_text(manifest.read_text().replace("{", '{"later":1,', 1))
    assert reasons(scene.sweep()) == {other: "its manifest cannot be read"}


def test_the_trash_is_emptied(scene: Scene) -> None:
    """Of what a killed process left; not of what is being moved there in this moment. Read-only folders go too."""
    key = scene.prefix("a", idle=0)
    trash = scene.store.root / "trash"
    old, new = trash / f"{key}-{int((NOW - 3600) * 1e9)}-1", trash / f"{key}-{time.time_ns()}-2"
    for place in (old, new):
        (place / "lib").mkdir(parents=True)
        (place / "lib" / "file").write_bytes(b"x" * 100_000)
        (place / "lib").chmod(0o500)
    swept = scene.sweep()
    assert reasons(swept) == {key: "left over from an earlier removal"}
    assert swept.freed > 100_000
    assert [path.name for path in trash.iterdir()] == [new.name]
    (new / "lib").chmod(0o700)


def test_a_prefix_used_while_it_is_taken_is_put_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at its last use and the removal, another process was given it."""
    from kernel_iso.store import builds, sweeps

    key = scene.prefix("a", idle=90 * DAY)
    aside = builds.set_aside

    def used_just_before(places: object, path: Path) -> Path:
        assert scene.store.realise(key, making).key == key
        return aside(scene.store.places, path)

    monkeypatch.setattr(sweeps, "set_aside", used_just_before)
    assert scene.sweep() == Swept()
    assert scene.store.find(key) is not None


def test_old_logs_and_locks_go(scene: Scene) -> None:
    """Not those of prefixes that are there, nor locks that an owner goes back to."""
    store = scene.store
    key = scene.prefix("a", idle=0)
    other = Lock(plan="b" * 64, parts=(Part(text="y"),))
    for lock in (LOCK, other):
        store.keep(lock)
    store.add_generation("vision", "environment", "", Generation(key=key, lock=LOCK.digest()))
    (store.root / "logs" / f"{'d' * 32}.ndjson").write_text("x")
    for path in (*(store.root / "logs").iterdir(), *(store.root / "locks").iterdir()):
        os.utime(path, (NOW - 40 * DAY, NOW - 40 * DAY))
    assert scene.sweep(keep_days=50) == Swept()
    swept = scene.sweep()
    assert (swept.removed, swept.freed > 100) == ((), True)
    assert [path.stem for path in (store.root / "logs").iterdir()] == [key]
    assert [path.stem for path in (store.root / "locks").iterdir()] == [LOCK.digest()]
    assert store.lock(LOCK.digest()) == LOCK


def test_the_record_of_a_lost_notebook_goes_last(scene: Scene) -> None:
    """When its prefixes are gone and nobody has asked for it for long."""
    key = scene.prefix("a", idle=40 * DAY)
    (scene.folder / "a.ipynb").unlink()
    assert list(reasons(scene.sweep())) == [key]
    assert scene.store.owner("a") is not None
    (place,) = (scene.store.root / "owners").glob("*.json")
    os.utime(place, (NOW - 40 * DAY, NOW - 40 * DAY))
    scene.sweep()
    assert scene.store.owner("a") is None
