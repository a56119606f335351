"""Whose a prefix is: records, generations, copies and renames."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from test_store import KEY, OTHER, code_of, making

from kernel_iso.model import Generation, Owner
from kernel_iso.store import Store

ID = "5f0c2d1e-7a38-4c6b-9e0d-1a2b3c4d5e6f"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that is not there yet."""
    return Store(tmp_path / "store")


def notebook(path: Path, own_id: str = "") -> Path:
    """A stand-in for a notebook: a file that holds its id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"id": own_id}))
    return path


def id_at(path: Path) -> str:
    try:
        return str(json.loads(path.read_text())["id"])
    except OSError:
        return ""


def whose(store: Store, path: Path) -> str:
    return store.owner_for(path, id_at(path), id_at=id_at)


def opened(store: Store, path: Path, key: str = KEY) -> str:
    """Open a notebook as the engine does: find its owner, and remember where it is."""
    owner = whose(store, path)
    store.add_generation(owner, "notebook", str(path), Generation(key=key))
    return owner


def test_an_owner_is_remembered(store: Store) -> None:
    """Whole, by its id; nobody else is."""
    owner = Owner(
        id=ID, path="/a.ipynb", generations=(Generation(key=KEY, spec="{}", lock="l", made=1.5),), current=0
    )
    assert store.owner(ID) is None
    store.record(owner)
    assert store.owner(ID) == owner
    assert store.owner(ID[:-1]) is None


@pytest.mark.parametrize(
    "owner_id", ["../../escaped", "a/b", "", ".", "CON", "nul.txt", "x" * 300, "Ünï cödé", "a\x00b"]
)
def test_any_id_is_remembered_inside_the_store(store: Store, tmp_path: Path, owner_id: str) -> None:
    """An id comes from a notebook, which anybody may have written."""
    store.record(Owner(id=owner_id))
    assert store.owner(owner_id) == Owner(id=owner_id)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    (place,) = (store.root / "owners").iterdir()
    assert place.stem.isprintable()
    assert len(place.name) < 80


def test_ids_that_differ_by_case_are_two(store: Store) -> None:
    """Also where the file system does not tell case apart."""
    store.record(Owner(id="vision", path="a"))
    store.record(Owner(id="Vision", path="b"))
    names = [path.name for path in (store.root / "owners").iterdir()]
    assert len({name.casefold() for name in names}) == 2
    assert (store.owner("vision"), store.owner("Vision")) == (
        Owner(id="vision", path="a"),
        Owner(id="Vision", path="b"),
    )


def test_a_damaged_record_is_none(store: Store) -> None:
    """It is written anew with the next generation."""
    opened_id = store.add_generation(ID, "notebook", "/a", Generation(key=KEY)).id
    (place,) = (store.root / "owners").glob("*.json")
    place.write_bytes(place.read_bytes()[:-3])
    assert store.owner(opened_id) is None
    assert store.add_generation(ID, "notebook", "/a", Generation(key=OTHER)).generations == (
        Generation(key=OTHER),
    )


def test_generations_follow_each_other(store: Store) -> None:
    """The last is the current one; the same again only changes the address."""
    store.add_generation(ID, "notebook", "/a", Generation(key="1", made=1.0))
    store.add_generation(ID, "notebook", "/a", Generation(key="2", made=2.0))
    found = store.add_generation(ID, "notebook", "/b", Generation(key="2", made=3.0, spec="changed"))
    assert ([item.key for item in found.generations], found.current, found.path) == (["1", "2"], 1, "/b")
    assert found.now == Generation(key="2", made=2.0, spec="changed")
    assert store.owner(ID) == found


def test_a_change_after_going_back_ends_the_way_forward(store: Store) -> None:
    """What was undone is forgotten, and the clean-up may take it."""
    for key in ("1", "2", "3"):
        found = store.add_generation(ID, "notebook", "/a", Generation(key=key))
    store.record(Owner(id=ID, path="/a", generations=found.generations, current=0))
    found = store.add_generation(ID, "notebook", "/a", Generation(key="4"))
    assert ([item.key for item in found.generations], found.current) == (["1", "4"], 1)


def test_ten_generations_are_kept(store: Store) -> None:
    """The oldest go."""
    for number in range(12):
        found = store.add_generation(ID, "notebook", "/a", Generation(key=str(number)))
    assert ([item.key for item in found.generations], found.current) == ([str(n) for n in range(2, 12)], 9)


def test_threads_that_add_at_once_lose_nothing(store: Store) -> None:
    """Each change is made on the record that the former one left."""
    threads = [
        threading.Thread(
            target=store.add_generation, args=(ID, "notebook", "/a", Generation(key=str(number)))
        )
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    owner = store.owner(ID)
    assert owner is not None
    assert sorted(item.key for item in owner.generations) == [str(number) for number in range(8)]


def test_a_notebook_with_an_id_is_its_own_owner_wherever_it_is(store: Store, tmp_path: Path) -> None:
    """Before anything was made for it, after that, and after it was moved."""
    first = notebook(tmp_path / "a.ipynb", ID)
    assert whose(store, first) == ID
    assert opened(store, first) == ID
    assert whose(store, first) == ID
    second = first.rename(tmp_path / "b.ipynb")
    assert opened(store, second) == ID
    assert store.owner(ID).path == str(second)  # type: ignore[union-attr]


def test_a_copy_has_an_owner_of_its_own(store: Store, tmp_path: Path) -> None:
    """Always the same one, also when the original is gone; two copies are two."""
    original = notebook(tmp_path / "a.ipynb", ID)
    opened(store, original)
    one, two = notebook(tmp_path / "b.ipynb", ID), notebook(tmp_path / "c.ipynb", ID)
    found = opened(store, one)
    assert len({ID, found, whose(store, two)}) == 3
    assert whose(store, one) == found
    assert whose(store, original) == ID
    original.unlink()
    assert whose(store, one) == found


def test_another_notebook_at_the_old_place_makes_no_copy(store: Store, tmp_path: Path) -> None:
    """The old place no longer carries the id: so the notebook was moved."""
    original = notebook(tmp_path / "a.ipynb", ID)
    opened(store, original)
    moved = original.rename(tmp_path / "b.ipynb")
    notebook(tmp_path / "a.ipynb", "another")
    assert whose(store, moved) == ID


def test_links_to_a_notebook_are_that_notebook(store: Store, tmp_path: Path) -> None:
    """Symbolic and hard ones."""
    original = notebook(tmp_path / "a.ipynb", ID)
    opened(store, original)
    (tmp_path / "soft.ipynb").symlink_to(original)
    os.link(original, tmp_path / "hard.ipynb")
    assert [whose(store, tmp_path / name) for name in ("soft.ipynb", "hard.ipynb")] == [ID, ID]


@pytest.mark.parametrize("bad", ["bare", "companions", "../x", "a b", "x" * 200, "a\nb"])
def test_an_id_that_cannot_be_ours_gets_a_safe_owner(store: Store, tmp_path: Path, bad: str) -> None:
    """Always the same one; the notebook gets it as its id at its next edit."""
    path = notebook(tmp_path / "a.ipynb", bad)
    found = whose(store, path)
    assert found.startswith("n-")
    assert found == whose(store, path)


def test_a_notebook_cannot_take_an_environments_name(store: Store, tmp_path: Path) -> None:
    """An id that is a name, or an address that is one, leads elsewhere; both ways round."""
    path = notebook(tmp_path / "a.ipynb", "vision")
    assert opened(store, path) == "vision"
    store.add_generation("vision", "environment", "", Generation(key=OTHER))
    found = opened(store, path)
    assert found.startswith("c-")
    assert store.environment("vision").now == Generation(key=OTHER)  # type: ignore[union-attr]
    assert store.owner("vision") == store.environment("vision")


def test_without_an_id_the_place_is_the_owner(store: Store, tmp_path: Path) -> None:
    """The same through a link; another place is another owner."""
    one, two = notebook(tmp_path / "a.ipynb"), notebook(tmp_path / "b.ipynb")
    found = opened(store, one)
    assert found.startswith("p-")
    assert len(found) == 18
    assert whose(store, one) == found
    assert whose(store, two) != found
    (tmp_path / "link.ipynb").symlink_to(one)
    assert whose(store, tmp_path / "link.ipynb") == found


def test_a_rename_is_followed_without_an_id(store: Store, tmp_path: Path) -> None:
    """Twice too; a new notebook at the old place is another one, and a copy back is none of it."""
    first = notebook(tmp_path / "a.ipynb")
    found = opened(store, first)
    second = first.rename(tmp_path / "b.ipynb")
    assert store.move(first, second) == (found,)
    assert whose(store, second) == found
    third = second.rename(tmp_path / "c.ipynb")
    store.move(second, third)
    assert whose(store, third) == found
    newcomers = [notebook(tmp_path / name) for name in ("a.ipynb", "b.ipynb")]
    owners = [opened(store, path) for path in newcomers]
    assert len({found, *owners}) == 3
    assert [whose(store, path) for path in newcomers] == owners


def test_the_rename_of_a_folder_takes_its_notebooks_along(store: Store, tmp_path: Path) -> None:
    """Those inside, and no others."""
    inside, beside = (
        notebook(tmp_path / "old" / "deep" / "a.ipynb"),
        notebook(tmp_path / "older" / "b.ipynb", ID),
    )
    found = opened(store, inside)
    opened(store, beside)
    (tmp_path / "old").rename(tmp_path / "new")
    assert store.move(tmp_path / "old", tmp_path / "new") == (found,)
    assert whose(store, tmp_path / "new" / "deep" / "a.ipynb") == found
    assert store.owner(ID).path == str(beside)  # type: ignore[union-attr]


def test_an_address_that_became_an_id_is_still_known(store: Store, tmp_path: Path) -> None:
    """An edit writes the owner into the notebook; from then on it may move, and its copy is a copy."""
    path = notebook(tmp_path / "a.ipynb")
    found = opened(store, path)
    notebook(path, found)
    assert whose(store, path) == found
    copied = notebook(tmp_path / "copied.ipynb", found)
    assert whose(store, copied) != found
    moved = path.rename(tmp_path / "moved.ipynb")
    assert opened(store, moved) == found
    assert opened(store, notebook(tmp_path / "a.ipynb")) != found


def test_environments_are_listed_by_name(store: Store) -> None:
    """Notebooks are not among them."""
    assert store.environments() == ()
    store.add_generation(ID, "notebook", "/a", Generation(key=KEY))
    for name in ("vision", "Äpfel", "nlp"):
        store.add_generation(name, "environment", "", Generation(key=KEY))
    assert [owner.id for owner in store.environments()] == ["nlp", "vision", "Äpfel"]
    assert store.environment("vision") == store.owner("vision")
    assert store.environment(ID) is None


def test_an_owner_is_forgotten(store: Store) -> None:
    """With its prefixes or without; what runs is kept, and then nothing has changed."""

    def named(name: str, key: str) -> None:
        store.realise(key, making)
        store.add_generation(name, "environment", "", Generation(key=key))

    named("vision", KEY)
    assert store.remove_owner("vision") == 0
    assert store.environment("vision") is None
    assert store.find(KEY) is not None
    named("vision", KEY)
    store.realise(OTHER, making)
    store.add_generation("vision", "environment", "", Generation(key=OTHER))
    with store.using(KEY):
        assert code_of(lambda: store.remove_owner("vision", delete=True)) == "prefix-in-use"
    assert store.environment("vision") is not None
    assert store.find(OTHER) is not None
    assert store.remove_owner("vision", delete=True) > 0
    assert (store.find(KEY), store.find(OTHER), store.environment("vision")) == (None, None, None)
    assert store.remove_owner("vision", delete=True) == 0


def test_the_owners_of_places_stay_what_they_are() -> None:
    """A change of the rule would take every notebook's environment from it."""
    from kernel_iso.store import addresses, owners

    assert addresses.address("/home/me/a.ipynb") == "p-1e48b16af135e04e"
    assert owners.file_name("../a") == "=a89584d4dd6efc702eeafe165f472661.json"
