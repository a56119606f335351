"""The table of torch's builds: what it says, and how a tool refreshes it from an index."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from wheelhouse import Wheelhouse

from kernel_iso import planning
from kernel_iso.accelerators import FILE, cuda_of, kind, loadable, numbers, read, table
from kernel_iso.model import Accelerator, Machine, Policy, Python, Spec

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """`tools/update_accelerators.py`."""
    spec = importlib.util.spec_from_file_location(
        "update_accelerators", ROOT / "tools/update_accelerators.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_gpu_build_says_what_it_has_code_for() -> None:
    """A tag of a release without a row of code could never be chosen by itself."""
    missing = [
        (row.release, tag, machine)
        for row in table().releases
        for machine, tags in row.tags.items()
        for tag in tags
        if kind(tag) in ("cuda", "rocm") and table().code_of(row.release, tag, machine) is None
    ]
    assert missing == []


def test_every_row_of_code_belongs_to_a_build() -> None:
    """No row is left over, and no build has two."""
    for release in table().releases:
        for machine, tags in release.tags.items():
            for tag in tags:
                rows = [
                    row
                    for row in table().code
                    if tag in row.tags
                    and machine in row.machines
                    and numbers(row.torch[0]) <= release.key <= numbers(row.torch[1])
                ]
                assert len(rows) == (kind(tag) in ("cuda", "rocm")), (release.release, tag, machine)
    assert {tag for row in table().code for tag in row.tags} <= table().tags


def test_every_release_has_a_cpu_build_wherever_it_has_any() -> None:
    """A machine without a GPU is always served."""
    assert {"cpu"} == {tag for row in table().releases for tags in row.tags.values() for tag in tags[:1]}


@pytest.mark.parametrize(
    ("release", "tag", "machine", "capability", "runs"),
    [
        ("2.14", "cu126", "linux-x86_64", "6.1", True),
        ("2.14", "cu126", "linux-x86_64", "10.0", False),
        ("2.15", "cu130", "linux-x86_64", "7.0", False),
        ("2.15", "cu130", "linux-x86_64", "12.1", True),
        ("2.7", "cu128", "linux-x86_64", "7.0", False),
        ("2.8", "cu128", "linux-x86_64", "7.0", True),
        ("2.11", "cu128", "linux-x86_64", "7.0", False),
        ("2.15", "cu130", "linux-aarch64", "7.5", False),
        ("2.15", "cu130", "linux-aarch64", "11.0", True),
        ("2.14", "cu126", "linux-aarch64", "8.7", False),
        ("2.7", "cu118", "linux-x86_64", "3.7", True),
        ("2.7", "cu118", "linux-x86_64", "3.5", False),
    ],
)
def test_a_build_runs_where_it_has_code(
    release: str, tag: str, machine: str, capability: str, runs: bool
) -> None:
    """Machine code of the same generation, not newer than the device; Jetson's own code only on Jetson."""
    code = table().code_of(release, tag, machine)
    assert code is not None
    assert runs == table().runs(code, capability, "13.0", tag)


def test_ptx_needs_a_driver_of_the_builds_own_cuda() -> None:
    """PTX is compiled by the driver, which must know the toolkit that wrote it."""
    code = table().code_of("2.8", "cu129", "linux-x86_64")
    assert code is not None
    assert [table().runs(code, "14.0", cuda, "cu129") for cuda in ("12.8", "12.9")] == [False, True]


@pytest.mark.parametrize(
    ("driver", "cuda"),
    [
        ("580.95.05", "13.0"),
        ("572.61", "12.8"),
        ("450.80.02", "11.0"),
        ("999.1", "13.4"),
        ("390.1", ""),
        ("", ""),
    ],
)
def test_a_drivers_number_tells_its_cuda(driver: str, cuda: str) -> None:
    """By its branch; a newer one than known as the newest, an older one not at all."""
    assert cuda == table().driver_cuda(driver)


def test_a_driver_loads_every_build_of_its_major() -> None:
    """Minor-version compatibility."""
    tags = ("cu118", "cu126", "cu130")
    assert [loadable(tag, "12.0") for tag in tags] == [True, True, False]
    assert [cuda_of(tag) for tag in tags] == [(11, 8), (12, 6), (13, 0)]


def test_a_plan_without_torch_does_not_depend_on_the_devices() -> None:
    """Its digest is the same on every machine, and with every wish for a build."""
    python = (Python(version="3.12.1", path="/p", source="self"),)
    gpu = Accelerator(kind="cuda", name="A100", architecture="8.0", driver="580.95.05", cuda="13.0")
    spec = Spec(requirements=("numpy",))
    digests = {
        planning.plan(
            wish, Machine(os="linux", arch="x86_64", pythons=python, accelerators=gpus), Policy()
        ).digest()
        for gpus in ((), (gpu,))
        for wish in (spec, Spec(requirements=("numpy",), accelerator="cu130"))
    }
    assert len(digests) == 1


PAGE = """<!DOCTYPE html><html><body>
<a href="/whl/{tag}/torch-2.16.1%2B{tag}-cp312-cp312-manylinux_2_28_x86_64.whl#sha256=00">a</a><br>
<a href="torch-2.16.0%2B{tag}-cp315-cp315t-win_amd64.whl">b</a>
<a href="torch-2.16.2%2B{tag}-cp312-cp312-manylinux_2_28_x86_64.whl" data-yanked="broken">c</a>
<a href="torch-2.17.0.dev20270101%2B{tag}-cp312-cp312-win_amd64.whl">d</a>
<a href="torch-1.13.1%2B{tag}-cp39-cp39-win_amd64.whl">e</a>
<a href="torch-2.16.0-cp312-none-macosx_14_0_arm64.whl">f</a> <a href="../">up</a>
</body></html>"""


def test_pages_tell_releases_pythons_and_tags(tool: ModuleType) -> None:
    """Final releases since 2.0, without yanked ones; macOS has its build on the CPU's page, without a tag."""
    assert {
        "2.16": {
            "patch": 1,
            "pythons": {"3.12", "3.15"},
            "tags": {"linux-x86_64": {"cpu"}, "windows-x86_64": {"cpu"}, "macos-arm64": {"cpu", "mps"}},
        }
    } == tool.facts({"cpu": PAGE.format(tag="cpu")})


def test_a_new_release_comes_first_and_what_it_lacks_is_named(tool: ModuleType) -> None:
    """The rest of the file stays as it is, comments included."""
    text = FILE.read_text(encoding="utf-8")
    pages = {tag: PAGE.format(tag=tag) for tag in ("cpu", "cu140")}
    fresh, todo = tool.updated(text, tool.facts(pages), "2027-01-02")
    new = read(fresh)
    assert (
        new.releases[0].release,
        new.releases[0].patch,
        new.releases[0].python,
    ) == ("2.16", 1, ("3.12", "3.15"))
    assert new.releases[0].tags["linux-x86_64"] == ("cpu", "cu140")
    assert ("2027-01-02", table().releases) == (new.checked, new.releases[1:])
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        line for line in fresh.splitlines() if line.startswith("#")
    ]
    assert "cu140 of torch 2.16 for linux-x86_64 has no [[code]]" in todo


def test_what_the_index_confirms_changes_nothing(tool: ModuleType) -> None:
    """Not even the date: it is that of the last change that was seen."""
    text = FILE.read_text(encoding="utf-8")
    newest = table().releases[0]
    found = {
        newest.release: {
            "patch": newest.patch,
            "pythons": set(newest.python),
            "tags": {machine: set(tags) for machine, tags in newest.tags.items()},
        }
    }
    assert (text, []) == tool.updated(text, found, "2027-01-02")


def test_the_tool_reads_an_index_over_http(tool: ModuleType, tmp_path: Path) -> None:
    """Every tag of the table is read; where a page is missing, nothing is written."""
    file = tmp_path / "accelerators.toml"
    text = FILE.read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    with Wheelhouse() as index:
        index.wheel("torch", "2.15.3+cpu", tag="cp312-cp312-manylinux_2_28_x86_64")
        assert tool.main(["--base", index.builds, "--file", str(file)]) == 2
        assert text == file.read_text(encoding="utf-8")
        for tag in sorted(table().tags - {"mps", "cpu"}):
            index.wheel("torch", f"2.15.3+{tag}", tag="cp312-cp312-manylinux_2_28_x86_64")
        assert tool.main(["--base", index.builds, "--file", str(file), "--check"]) == 1
        assert tool.main(["--base", index.builds + "/", "--file", str(file)]) == 0
        assert ("/whl/cu126/torch/", "") in index.requests
    assert read(file.read_text(encoding="utf-8")).releases[0].patch == 3


def test_the_probe_and_the_table_know_the_same_drivers() -> None:
    """The probe is sent as one file, so that it carries a copy of the branches."""
    from kernel_iso.guest import probe

    assert {str(branch): cuda for branch, cuda in probe.BRANCHES} == dict(table().branches)
