"""What the engine adds to conda's prefixes: parts that fit, damage that is seen, bytecode, and a cache that is cleaned."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from kernel_iso.backends import explicit
from kernel_iso.backends.conda import caches, prefixes
from kernel_iso.engine import Engine, acts, channels, compiling, conda_caches, virtual
from kernel_iso.engine.doctoring import conda
from kernel_iso.model import Lock, Package, Part, Plan, Prefix, Python, Spec


def plan(accelerator: str, *has: str) -> Plan:
    python = Python(version="3.12", path="")
    return Plan(backend="conda", python=python, accelerator=accelerator, virtual=has)


def lock(**needs: tuple[str, ...]) -> Lock:
    """A lock with a part for each accelerator, whose packages need these virtual packages."""
    parts = tuple(
        Part(
            kind="conda", platform="linux-x86_64", accelerator=accelerator,
            text=explicit.write((), platform="linux-64", virtual=each),
        )
        for accelerator, each in needs.items()
    )  # fmt: skip
    return Lock(plan="", parts=parts)


@pytest.mark.parametrize(
    ("present", "taken"),
    [
        (plan("cu130", "__cuda=13.0"), "cu126"),
        (plan("cu124", "__cuda=12.4"), ""),
        (plan("cu126", "__cuda=12.6"), ""),
        (plan("cpu"), ""),
        (plan("rocm7.2"), "cpu"),
    ],
)
def test_a_part_at_hand_is_taken_where_its_packages_run(present: Plan, taken: str) -> None:
    """A newer driver takes the part for an older one; an older driver does not; who has no CUDA takes the CPU's."""
    held = lock(cpu=(), cu126=("__cuda", "__cuda >=12.6"))
    assert virtual.at_hand(present, [held], "linux-x86_64") == taken


def test_another_platform_s_part_is_none_at_hand() -> None:
    assert virtual.at_hand(plan("cu130", "__cuda=13.0"), [lock(cu126=())], "linux-aarch64") == ""


@pytest.mark.parametrize(
    ("need", "has", "met"),
    [
        ("__cuda", "__cuda=12.8", True),
        ("__cuda >=12.6,<13.0a0", "__cuda=12.8", True),
        ("__cuda 12.*", "__cuda=12.8", True),
        ("__cuda 12.*", "__cuda=13.0", False),
        ("__cuda_arch >=8.0", "__cuda=12.8", False),
        ("__cuda >=12|<10", "__cuda=12.8", False),
        ("__glibc >=99", "__cuda=12.8", True),
    ],
)
def test_needs_of_the_gpu_are_compared_as_conda_means_them(need: str, has: str, met: bool) -> None:
    """What cannot be read counts as not met; what is not about GPUs the solver has settled."""
    assert (virtual.lacking([need], [has]) == ()) is met


def copied(prefix: Path, folder: Path) -> Path:
    """A prefix at another path: its programs still name the old one, its files are whole."""
    return Path(shutil.copytree(prefix, folder / "prefix", symlinks=True))


def test_the_doctor_sees_what_is_not_as_conda_linked_it(tiny_prefix: Path, tmp_path: Path) -> None:
    """A changed file, a missing one; a whole prefix has none."""
    assert list(conda.damaged(tiny_prefix)) == []
    prefix = copied(tiny_prefix, tmp_path)
    site = next(prefix.glob("lib/python3.*/site-packages"))
    with (site / "blue/__init__.py").open("a") as stream:
        stream.write("\nevil = True\n")
    (site / "green/__init__.py").unlink()
    found = [(package, Path(name).name) for package, name in conda.damaged(prefix)]
    assert sorted(found) == [("blue", "__init__.py"), ("green", "__init__.py")]
    (finding,) = conda.files(prefix, "mend it")
    assert (finding.level, finding.check) == ("problem", "files")
    assert "blue" in finding.seen


def prefix_of(path: Path, **more: Any) -> Prefix:
    fields = {"version": prefixes.version(path), "backend": "conda", "owner": "o", **more}
    return Prefix(key="k", path=str(path), python=prefixes.python_of(str(path)), **fields)


def test_noarch_packages_get_their_bytecode_once_the_prefix_is_there(
    engine: Engine, tiny_prefix: Path, tmp_path: Path
) -> None:
    """In another process: the caller goes on at once, and only noarch packages are compiled."""
    prefix = copied(tiny_prefix, tmp_path)
    site = next(prefix.glob("lib/python3.*/site-packages"))
    for folder in [*prefix.rglob("__pycache__")]:  # others have imported from the one that was copied
        shutil.rmtree(folder)
    assert compiling.compile_later(engine, prefix_of(prefix))
    until = time.monotonic() + 60
    while not list((site / "blue").rglob("*.pyc")) and time.monotonic() < until:
        time.sleep(0.05)
    assert list((site / "blue").rglob("*.pyc"))
    assert not list((prefix / "lib").glob("python3.*/json/__pycache__"))


def test_a_venv_has_nothing_to_compile(engine: Engine, tmp_path: Path) -> None:
    assert not compiling.compile_later(engine, prefix_of(tmp_path, backend="uv"))


def unpacked(folder: Path, name: str, age: float) -> None:
    """A package in conda's cache that was last used so many seconds ago."""
    (folder / name / "info").mkdir(parents=True)
    (folder / name / "data").write_bytes(b"x" * 10_000)
    (folder / f"{name}.lock").write_bytes(b"")
    for path in (folder / name, folder / f"{name}.lock"):
        os.utime(path, (time.time() - age,) * 2)


def test_the_clean_up_takes_cached_packages_that_no_prefix_uses(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a prefix holds stays, and what is so young that somebody may be linking it; it says what it frees."""
    folder = caches.root(engine.policy.cache) / "pkgs"
    for name, age in (("used-1-0", 1e7), ("unused-1-0", 1e7), ("young-1-0", 60)):
        unpacked(folder, name, age)
    held = prefix_of(tmp_path, packages=(Package(name="used", version="1", build="0"),))
    monkeypatch.setattr(type(engine.store), "prefixes", lambda _: (held,))
    dry = conda_caches.sweep(engine, days=30, dry=True)
    assert [name for name, _ in dry.removed] == ["unused-1-0"]
    assert dry.freed >= 10_000
    assert conda_caches.sweep(engine, days=30) == dry
    assert sorted(path.name for path in folder.iterdir()) == [
        "used-1-0", "used-1-0.lock", "young-1-0", "young-1-0.lock",
    ]  # fmt: skip


def test_names_of_channels_complete_without_the_network(engine: Engine) -> None:
    folder = caches.root(engine.policy.cache) / caches.NAMES
    folder.mkdir(parents=True)
    (folder / "a.json").write_text('["numpy", "numba", "gdal"]')
    (folder / "broken.json").write_text("{")
    assert sorted(conda_caches.names(engine, "num")) == ["numba", "numpy"]


@pytest.mark.parametrize("ours", [False, True])
def test_the_person_s_condarc_names_the_channels_where_no_policy_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: bool
) -> None:
    """`kernel-iso policy` says so; a policy of ours goes before it, and packages from PyPI ask no such file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".condarc").write_text("channels: [bioconda, conda-forge]\n")
    environ = {"HOME": str(tmp_path), "KERNEL_ISO_STORE": str(tmp_path / "store")}
    made = Engine.open(environ | ({"KERNEL_ISO_CHANNELS": "team"} if ours else {}))
    expected = ("team",) if ours else ("bioconda", "conda-forge")
    assert channels.channels(made, Spec(conda=("gdal",))) == expected
    assert channels.channels(made, Spec(requirements=("numpy",))) == ()
    row = acts.policy(made, {}).data["channels"]
    assert row["value"] == ", ".join(expected)
    assert row["source"] == ("KERNEL_ISO_CHANNELS" if ours else str(tmp_path / ".condarc"))


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    environ = dict(os.environ) | {
        "KERNEL_ISO_STORE": str(tmp_path / "store"), "KERNEL_ISO_CACHE": str(tmp_path / "cache"),
    }  # fmt: skip
    return Engine.open(environ)


def test_the_prefix_of_the_tests_runs(tiny_prefix: Path) -> None:
    """What stands above is about a real one."""
    done = subprocess.run([prefixes.python_of(str(tiny_prefix)), "-c", "import blue; print(blue.__version__)"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "2.0"
