"""`env create -f` of a lock that conda, conda-lock or pixi wrote: exactly its packages, and a kernel's beside them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conda_channel import Served
from conda_face import Iso, face
from wheelhouse import Wheelhouse

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    """What stands for PyPI."""
    with Wheelhouse() as house:
        house.wheel("red", "1.0", requires=["green"])
        house.wheel("red", "2.0", requires=["green"])
        house.wheel("green", "1.0")
        house.wheel("green", "9.0")
        house.wheel("ipykernel", "7.0", requires=["tail"])
        house.wheel("tail", "1.0")
        yield house


@pytest.fixture
def iso(served_channel: Served, tmp_path: Path, environ: dict[str, str], index: Wheelhouse) -> Iso:
    """The channel over HTTP: what is exported may then name it."""
    policy = f'companions = ["ipykernel"]\nchannels = ["{served_channel.url}"]\n'
    made = face(served_channel.folder, tmp_path / "cache", tmp_path / "work", environ, index=index.url)
    config = Path(made.environ["KERNEL_ISO_CONFIG"])
    kept = [
        line for line in config.read_text().splitlines() if not line.startswith(("channels", "companions"))
    ]
    config.write_text(policy + "\n".join(kept) + "\n")
    return made


def held(iso: Iso, name: str) -> list[tuple[str, str, str]]:
    """Name, version and build of an environment's packages."""
    packages = iso("packages", "-n", name)["packages"]
    return [(item["name"], item["version"], item.get("build", "")) for item in packages]


@pytest.mark.parametrize(("form", "file"), [("conda-lock", "conda-lock.yml"), ("pixi.lock", "pixi.lock")])
def test_what_one_locked_another_makes(iso: Iso, form: str, file: str, index: Wheelhouse) -> None:
    """conda's packages by build, and the wheels on top by version; newer ones in the meantime change nothing."""
    made = iso("create", "-n", "one", f"python={HERE}", "blue<2", "activating", "--conda")
    assert made["status"] == 0, made
    added = iso("add", "-n", "one", "--pypi", "red<2")
    assert added["status"] == 0, json.dumps(added)
    told = iso("export", "-n", "one", "--as", form, "-o", file, "--addresses")
    assert told["status"] == 0, json.dumps(told)
    again = iso("create", "-n", "two", "-f", file)
    assert again["status"] == 0, again
    assert held(iso, "two") == held(iso, "one")
    assert [item for item in held(iso, "two") if item[0] in ("blue", "red")] == [
        ("blue", "1.0", "pyhiso_0"), ("red", "1.0", ""),
    ]  # fmt: skip
    assert iso("realise", "-n", "two")["key"] == again["key"]


def test_an_explicit_list_is_installed_as_it_is_and_gets_a_kernel(iso: Iso) -> None:
    """`conda list --explicit --sha256`: nothing is solved, and what the kernel needs comes from the index."""
    bare = {"KERNEL_ISO_COMPANIONS": "blue"}  # nothing from PyPI
    made = iso("create", "-n", "one", f"python={HERE}", "blue<2", "--conda", **bare)
    assert made["status"] == 0, made
    told = iso("export", "-n", "one", "--as", "explicit", "-o", "one.txt", **bare)
    assert told["status"] == 0, json.dumps(told)
    lines = [
        line for line in (iso.cwd / "one.txt").read_text().splitlines() if not line.startswith("# kernel-iso")
    ]
    (iso.cwd / "plain.txt").write_text("\n".join(lines) + "\n")
    made = iso("create", "-n", "two", "-f", "plain.txt")
    assert made["status"] == 0, made
    found = held(iso, "two")
    assert set(held(iso, "one")) < set(found)
    assert {name for name, _, _ in found} - {name for name, _, _ in held(iso, "one")} == {"ipykernel", "tail"}


def test_a_lock_from_a_channel_that_is_not_allowed_is_refused(iso: Iso, served_channel: Served) -> None:
    """Nothing is fetched from it, and no environment is left."""
    line = f"https://evil.example.org/c/noarch/blue-1.0-pyhiso_0.conda#sha256:{'0' * 64}"
    (iso.cwd / "evil.txt").write_text(f"@EXPLICIT\n{line}\n")
    assert iso("create", "-n", "evil", "-f", "evil.txt")["code"] == "channel-not-allowed"
    assert iso("env", "list")["environments"] == []


def test_a_lock_and_packages_at_once_are_refused(iso: Iso) -> None:
    line = f"https://example.org/c/noarch/blue-1.0-pyhiso_0.conda#sha256:{'0' * 64}"
    (iso.cwd / "one.txt").write_text(f"@EXPLICIT\n{line}\n")
    assert iso("create", "-n", "x", "blue", "-f", "one.txt")["code"] == "lock-and-packages"


def test_a_broken_lock_is_told_with_its_place(iso: Iso) -> None:
    (iso.cwd / "conda-lock.yml").write_text(
        json.dumps({"version": 1, "package": [{"name": 3}], "metadata": {}})
    )
    told = iso("create", "-n", "x", "-f", "conda-lock.yml")
    assert told["code"] == "bad-lock"
    assert "package" in told["because"]
