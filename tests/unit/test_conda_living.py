"""What another generation of a conda prefix means for a kernel that runs: most of what is in it is no Python package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kernel_iso.engine import living
from kernel_iso.model import Prefix

SITE = "lib/python3.12/site-packages"
Packages = dict[str, tuple[str, str, list[str]]]


def prefix(path: Path, packages: Packages, wheels: tuple[str, ...] = (), version: str = "3.12.1") -> Prefix:
    """A prefix by its records: name to version, build and files; `wheels` are "name==version" from an index."""
    (path / "conda-meta").mkdir(parents=True)
    for name, (number, build, files) in packages.items():
        record = {"name": name, "version": number, "build": build, "files": files}
        (path / "conda-meta" / f"{name}-{number}-{build}.json").write_text(json.dumps(record))
    for installer, items in (
        ("uv", wheels),
        ("conda", [f"{name}=={packages[name][0]}" for name in packages]),
    ):
        for name, number in (item.split("==") for item in items):
            info = path / SITE / f"{name}-{number}.dist-info"
            info.mkdir(parents=True)
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
            (info / "INSTALLER").write_text(f"{installer}\n")
            (info / "RECORD").write_text(f"{name}/__init__.py,,\n")
    return Prefix(key="k", path=str(path), python="", version=version, backend="conda", owner="o")


FORMER: Packages = {
    "pytorch": ("2.9.1", "cpu_0", [f"{SITE}/torch/__init__.py"]),
    "libblas": ("3.9", "h1_0", ["lib/libblas.so.3", "share/blas.txt"]),
    "python": ("3.12.1", "h1_0", ["bin/python3.12", "lib/python3.12/os.py"]),
}
MODULES = {
    "torch": f"{SITE}/torch/__init__.py",
    "os": "lib/python3.12/os.py",
    "libblas.so.3": "lib/libblas.so.3",
}


@pytest.mark.parametrize(
    ("change", "loaded", "told"),
    [
        ({"green": ("1.0", "0", [f"{SITE}/green.py"])}, MODULES, []),
        ({"pytorch": ("2.9.1", "cuda_0", [])}, MODULES, [("pytorch", "2.9.1 cpu_0", "2.9.1 cuda_0", ("torch",))]),
        ({"libblas": ("4.0", "h1_0", [])}, MODULES, [("libblas", "3.9", "4.0", ("libblas.so.3",))]),
        ({"libblas": ("4.0", "h1_0", [])}, {"os": "lib/python3.12/os.py"}, []),
        ({"libblas": None}, MODULES, [("libblas", "3.9", "", ("libblas.so.3",))]),
        ({"python": ("3.12.1", "h2_0", [])}, MODULES, [("python", "3.12.1 h1_0", "3.12.1 h2_0", ("os",))]),
    ],
)  # fmt: skip
def test_a_package_counts_by_its_version_and_its_build(
    tmp_path: Path, change: Packages, loaded: dict[str, str], told: list[tuple[object, ...]]
) -> None:
    """A build for a GPU is another package of the same version; what is not loaded is no reason."""
    after = {name: each for name, each in (FORMER | change).items() if each}
    found = living.step(prefix(tmp_path / "a", FORMER), prefix(tmp_path / "b", after), loaded)
    assert [(item.name, item.before, item.after, item.modules) for item in found.loaded] == told
    assert found.live is not bool(told)


def test_wheels_on_top_count_as_everywhere(tmp_path: Path) -> None:
    """Also where what conda had comes from an index by then."""
    former = prefix(tmp_path / "a", FORMER, ("red==1.0",))
    modules = MODULES | {"red": f"{SITE}/red/__init__.py"}
    assert living.step(former, prefix(tmp_path / "b", FORMER, ("red==1.0", "blue==1.0")), modules).live
    found = living.step(former, prefix(tmp_path / "c", FORMER, ("red==2.0",)), modules)
    assert [(item.name, item.before, item.after) for item in found.loaded] == [("red", "1.0", "2.0")]


def test_where_no_kernel_can_tell_its_libraries_each_may_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS and Windows."""
    monkeypatch.setattr("sys.platform", "darwin")
    after = FORMER | {"libblas": ("4.0", "h1_0", [])}
    found = living.step(prefix(tmp_path / "a", FORMER), prefix(tmp_path / "b", after), {})
    assert [(item.name, item.modules) for item in found.loaded] == [("libblas", ("libblas.so.3",))]
