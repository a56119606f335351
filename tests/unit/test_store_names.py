"""Names and folders that people give."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from kernel_iso.errors import SpecError
from kernel_iso.model import Generation, Prefix
from kernel_iso.store import Store, safe_name
from kernel_iso.store.names import protected


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that is not there yet."""
    return Store(tmp_path / "store")


def refused(act: Callable[[], object]) -> SpecError:
    with pytest.raises(SpecError) as raised:
        act()
    return raised.value


@pytest.mark.parametrize(
    "name",
    ["a", "vision", "torch-2.1_cpu", "_x", "3d", "Äpfel", "環境", "हिन्दी", "x" * 64, "環" * 64, "console"],
)
def test_a_good_name_is_kept(name: str) -> None:
    """Letters of any language among them."""
    assert safe_name(name) == name


def test_a_name_is_composed() -> None:
    """Two ways to write one letter are one name."""
    assert safe_name("A\u0308pfel") == "Äpfel"


@pytest.mark.parametrize(
    ("name", "because"),
    [
        ("", "it is empty"),
        ("x" * 65, "it has 65 characters, and 64 is the most"),
        ("𠀀" * 60, "it is too long for a file name"),
        ("a/b", "solidus cannot be in it"),
        ("a\\b", "reverse solidus cannot be in it"),
        ("..", "it begins with `.`"),
        ("a..b", "`..` is the folder above"),
        (".hidden", "it begins with `.`"),
        ("-rf", "it begins with `-`"),
        ("a.", "it ends with a dot, which Windows drops"),
        ("a ", "space cannot be in it"),
        ("a b", "space cannot be in it"),
        ("a\nb", "a control character cannot be in it"),
        ("a\x00b", "a control character cannot be in it"),
        ("a\u202eb", "right-to-left override cannot be in it"),
        ("a\u200bb", "zero width space cannot be in it"),
        ("\ud800", "a control character cannot be in it"),
        ("$(id)", "dollar sign cannot be in it"),
        ("a:b", "colon cannot be in it"),
        ("a*", "asterisk cannot be in it"),
        ("NUL", "Windows keeps it for a device"),
        ("com1.txt", "Windows keeps it for a device"),
        ("bare", "kernel-iso itself uses that name"),
        ("p-0123456789abcdef", "kernel-iso itself uses that name"),
    ],
)
def test_a_bad_name_is_told(name: str, because: str) -> None:
    """With what is wrong, in one sentence that a terminal can show."""
    error = refused(lambda: safe_name(name))
    assert (error.code, error.because) == ("bad-name", because)
    assert str(error).replace("\n", "").isprintable()


def test_a_name_that_differs_by_case_alone_is_refused(store: Store) -> None:
    """Exactly the same one is fine: it is how an existing environment is named."""
    store.add_generation("Vision", "environment", "", Generation(key="0" * 32))
    assert store.safe_name("Vision") == "Vision"
    error = refused(lambda: store.safe_name("vision"))
    assert (error.code, "`Vision`" in error.because) == ("bad-name", True)


@pytest.mark.parametrize(
    ("path", "because"),
    [
        ("/", "your home folder is in it"),
        ("/home", "your home folder is in it"),
        ("/home/me", "it is your home folder"),
        ("/home/me/.local/share", "the store is in it"),
        ("/home/me/.local/share/store", "it is in the store, which kernel-iso keeps for itself"),
        ("/home/me/.local/share/store/prefixes/a", "it is in the store, which kernel-iso keeps for itself"),
        ("/etc", "it belongs to the system"),
        ("/usr", "it belongs to the system"),
        ("/usr/lib/python3", "it belongs to the system"),
        ("/usr/local", "it belongs to the system"),
        ("/usr/local/envs/a", ""),
        ("/home/me/envs", ""),
        ("/opt/envs", ""),
        ("/etcetera", ""),
    ],
)
def test_the_systems_folders_are_protected(path: str, because: str) -> None:
    """And the home folder, the store, and what contains them."""
    home, store = PurePosixPath("/home/me"), PurePosixPath("/home/me/.local/share/store")
    assert protected(PurePosixPath(path), "posix", home=home, store=store) == because


@pytest.mark.parametrize(
    ("path", "because"),
    [
        ("C:\\", "your home folder is in it"),
        ("D:\\", "it is the root of the file system"),
        ("c:\\windows\\system32", "it belongs to the system"),
        ("C:\\Program Files\\a", "it belongs to the system"),
        ("C:\\Users", "your home folder is in it"),
        ("C:\\Users\\me\\envs", ""),
        ("D:\\envs", ""),
    ],
)
def test_the_systems_folders_are_protected_on_windows(path: str, because: str) -> None:
    """Whatever the case of the letters."""
    home, store = (
        PureWindowsPath("C:\\Users\\me"),
        PureWindowsPath("C:\\Users\\me\\AppData\\Local\\kernel-iso"),
    )
    assert protected(PureWindowsPath(path), "nt", home=home, store=store) == because


def test_a_new_or_empty_folder_is_safe(store: Store, tmp_path: Path) -> None:
    """It comes back real and absolute."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name, expected in (
        ("new/deep", "new/deep"),
        ("empty", "empty"),
        ("link", "empty"),
        ("new/../empty", "empty"),
    ):
        assert store.safe_folder(tmp_path / name, home=tmp_path / "home") == tmp_path / expected


def test_a_folder_with_something_else_in_it_is_refused(store: Store, tmp_path: Path) -> None:
    """One with an environment of ours is not; a link does not hide what is behind it."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(other)
    home = tmp_path / "h"
    for name in ("other", "file", "link"):
        assert refused(partial(store.safe_folder, tmp_path / name, home=home)).code == "not-ours"
    (other / ".kernel-iso").mkdir()
    manifest = other / ".kernel-iso" / "manifest.json"
    manifest.write_text("{}")
    assert refused(lambda: store.safe_folder(other, home=home)).code == "not-ours"
    prefix = Prefix(key="0" * 32, path=str(other), python="python", version="3.12.1", backend="uv", owner="a")
    manifest.write_text(prefix.to_text())
    assert store.safe_folder(other, home=home) == other


def test_a_protected_folder_is_refused_through_a_link_too(store: Store, tmp_path: Path) -> None:
    """Where it leads is what counts."""
    (tmp_path / "innocent").symlink_to("/etc")
    for path in (Path("/etc/envs"), tmp_path / "innocent" / "envs", store.root / "x", tmp_path):
        assert refused(partial(store.safe_folder, path, home=tmp_path / "h")).code == "protected-folder"


@pytest.mark.parametrize("name", ["x" * 300, "y/" * 600 + "z", "a\nb", "a\x00b", "a\x1b[31m"])
def test_a_folder_that_cannot_be_one_is_refused(store: Store, tmp_path: Path, name: str) -> None:
    """Too long, or with control characters."""
    error = refused(lambda: store.safe_folder(tmp_path / name, home=tmp_path / "h"))
    assert error.code == "bad-folder"
    assert str(error).replace("\n", "").isprintable()
