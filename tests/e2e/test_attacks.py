"""What a notebook that somebody sends could try, before any of its code has run (see SECURITY.md)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from wheelhouse import Wheelhouse


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    """An index with one good package, and one that exists only as a source whose build leaves a mark."""
    with Wheelhouse() as house:
        house.wheel("good", "1.0")
        yield house


@pytest.fixture
def settings(
    environ: dict[str, str], index: Wheelhouse, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """An environment whose policy knows this index alone, and a kernel without companions: nothing else is fetched."""
    policy = tmp_path_factory.mktemp("policy") / "policy.toml"
    policy.write_text(f'companions = []\nindexes = [{{name = "local", url = "{index.url}"}}]\n')
    return {**environ, "KERNEL_ISO_CONFIG": str(policy)}


def iso(settings: dict[str, str], cwd: Path, *arguments: str) -> tuple[int, str]:
    """Run the command line; return its status and everything it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "kernel_iso", *arguments],
        env=settings,
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def write(path: Path, block: str = "", metadata: dict[str, object] | None = None) -> None:
    """A notebook with a PEP 723 cell and metadata."""
    cells = [nbformat.v4.new_code_cell(f"# /// script\n{block}\n# ///")] if block else []
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata.update(metadata or {})
    nbformat.write(made, path)


def test_a_good_notebook_is_realised_once_it_is_approved(settings: dict[str, str], tmp_path: Path) -> None:
    """The control: without it every refusal below would prove nothing."""
    write(tmp_path / "a.ipynb", '# dependencies = ["good"]')
    assert iso(settings, tmp_path, "realise", "a.ipynb")[0] == 8
    status, text = iso(settings, tmp_path, "realise", "a.ipynb", "--trust")
    assert status == 0, text


def test_a_source_distribution_is_never_built(
    settings: dict[str, str], index: Wheelhouse, tmp_path: Path
) -> None:
    """Not while locking, not while installing: the mark of its setup.py never appears."""
    mark = tmp_path / "ran"
    index.sdist(
        "evil", "1.0", setup=f"open({str(mark)!r}, 'w').close()\nfrom setuptools import setup\nsetup()\n"
    )
    write(tmp_path / "a.ipynb", '# dependencies = ["evil"]')
    status, text = iso(settings, tmp_path, "realise", "a.ipynb", "--trust")
    assert (status, "[needs-build]" in text) == (5, True) or (status, "[needs-build]" in text) == (4, True), (
        text
    )
    assert not mark.exists()


@pytest.mark.parametrize(
    "requirement",
    [
        "evil @ file:///tmp/evil",
        "evil @ git+https://example.org/evil.git",
        "evil @ https://example.org/evil-1.0.tar.gz",
    ],
)
def test_addresses_instead_of_releases_are_refused(
    settings: dict[str, str], tmp_path: Path, requirement: str
) -> None:
    """Folders, repositories and files of unknown origin have no owner, and reading them may run their code."""
    write(tmp_path / "a.ipynb", f'# dependencies = ["{requirement}"]')
    status, text = iso(settings, tmp_path, "realise", "a.ipynb", "--trust")
    assert status in (3, 4)
    assert "direct-reference" in text, text


@pytest.mark.parametrize(
    "requirement", ["good\\n--index-url https://example.org", "-r /etc/passwd", "--pre", "../../x"]
)
def test_options_do_not_pass_as_requirements(
    settings: dict[str, str], tmp_path: Path, requirement: str
) -> None:
    """A requirement is parsed before any tool sees it."""
    write(tmp_path / "a.ipynb", f'# dependencies = ["{requirement}"]')
    status, text = iso(settings, tmp_path, "realise", "a.ipynb", "--trust")
    assert (status, "[bad-requirement]" in text) == (3, True), text


def test_a_notebook_brings_no_index_of_its_own(settings: dict[str, str], tmp_path: Path) -> None:
    """Only the policy's indexes are asked: dependency confusion needs another one."""
    block = '# dependencies = ["good"]\n# [[tool.uv.index]]\n# name = "evil"\n# url = "https://evil.example.org/simple"'
    write(tmp_path / "a.ipynb", block)
    status, text = iso(settings, tmp_path, "realise", "a.ipynb", "--trust")
    assert (status, "[index-not-allowed]" in text) == (4, True), text


def test_configuration_beside_the_notebook_changes_nothing(settings: dict[str, str], tmp_path: Path) -> None:
    """`uv.toml`, `pip.conf` and `.python-version` in the folder or above are not read."""
    (tmp_path / "uv.toml").write_text(
        '[[index]]\nname = "evil"\nurl = "http://127.0.0.1:9/simple"\ndefault = true\n'
    )
    (tmp_path / ".python-version").write_text("2.7\n")
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:9/simple\n")
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "a.ipynb", '# dependencies = ["good"]')
    status, text = iso(settings, tmp_path / "sub", "realise", "a.ipynb", "--trust")
    assert status == 0, text


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONSTARTUP", "PATH", "PYTHONPATH", "LD_LIBRARY_PATH"])
def test_variables_that_run_code_are_refused(settings: dict[str, str], tmp_path: Path, name: str) -> None:
    """Only names on the policy's list can be set, and these never."""
    write(
        tmp_path / "a.ipynb", f'# dependencies = ["good"]\n# [tool.kernel-iso.env]\n# {name} = "/tmp/evil.so"'
    )
    status, text = iso(settings, tmp_path, "realise", "a.ipynb", "--trust")
    assert (status, "[variable-not-allowed]" in text) == (4, True), text


def lock_of(settings: dict[str, str], tmp_path: Path) -> tuple[Path, dict[str, object]]:
    """A notebook with its lock inside, and the notebook as JSON."""
    path = tmp_path / "a.ipynb"
    write(path, '# dependencies = ["good"]')
    iso(settings, tmp_path, "trust", "a.ipynb")
    status, text = iso(settings, tmp_path, "lock", "a.ipynb")
    assert status == 0, text
    return path, json.loads(path.read_text())


@pytest.mark.parametrize(
    "entry",
    [
        'directory = {path = "../../../etc"}',
        'vcs = {type = "git", url = "https://example.org/evil.git", commit-id = "0000000000000000000000000000000000000000"}',
        'archive = {url = "https://example.org/evil.tar.gz", hashes = {sha256 = "00"}}',
        'wheels = [{url = "https://evil.example.org/evil-1.0-py3-none-any.whl", hashes = {sha256 = "00"}}]',
        'wheels = [{path = "/tmp/evil-1.0-py3-none-any.whl", hashes = {sha256 = "00"}}]',
        'wheels = [{url = "https://example.org/evil-1.0-py3-none-any.whl", hashes = {}}]',
    ],
)
def test_entries_that_lead_elsewhere_are_refused_in_a_lock(
    settings: dict[str, str], tmp_path: Path, entry: str
) -> None:
    """A lock that travels with a notebook holds wheels of allowed indexes with hashes, or it is not used."""
    path, data = lock_of(settings, tmp_path)
    part = data["metadata"]["kernel_iso"]["lock"]["parts"][0]  # type: ignore[index]
    part["text"] += f'\n[[packages]]\nname = "evil"\nversion = "1.0"\n{entry}\n'
    path.write_text(json.dumps(data))
    settings = {**settings, "KERNEL_ISO_STORE": str(tmp_path / "other-store")}
    status, text = iso(settings, tmp_path, "realise", "a.ipynb", "--trust")
    assert status in (3, 4), text
    assert not list((tmp_path / "other-store").glob("prefixes/*")), text


def test_a_changed_artefact_is_not_installed(
    settings: dict[str, str], index: Wheelhouse, tmp_path: Path
) -> None:
    """The index serves something else than what was locked."""
    lock_of(settings, tmp_path)
    index.artefacts[0].tamper()
    settings = {**settings, "KERNEL_ISO_STORE": str(tmp_path / "other-store"), "KERNEL_ISO_CACHE": "off"}
    status, text = iso(settings, tmp_path, "realise", "a.ipynb", "--trust")
    assert status == 6, text
    assert "hash" in text
    assert not list((tmp_path / "other-store").glob("prefixes/*"))


def test_an_approval_covers_what_was_approved_and_nothing_else(
    settings: dict[str, str], tmp_path: Path
) -> None:
    """The same wishes in another file are approved with it; a changed wish or lock is asked for again."""
    path, data = lock_of(settings, tmp_path)
    (tmp_path / "copy.ipynb").write_text(path.read_text())
    assert iso(settings, tmp_path, "realise", "copy.ipynb")[0] == 0
    data["metadata"]["kernel_iso"]["lock"]["parts"][0]["text"] += "\n"  # type: ignore[index]
    path.write_text(json.dumps(data))
    assert iso(settings, tmp_path, "realise", "a.ipynb")[0] == 8


def test_a_file_laid_into_the_approvals_does_not_approve(settings: dict[str, str], tmp_path: Path) -> None:
    """Approvals are signed with this person's secret."""
    write(tmp_path / "a.ipynb", '# dependencies = ["good"]')
    _, text = iso(settings, tmp_path, "trust", "a.ipynb", "--show", "--json")
    digest = json.loads(text.splitlines()[-1])["result"]["digest"]
    approvals = Path(settings["KERNEL_ISO_STORE"]) / "approvals"
    approvals.mkdir(parents=True, exist_ok=True)
    (approvals / f"{digest}.json").write_text(json.dumps({"digest": digest, "about": {}, "mac": "00" * 32}))
    assert iso(settings, tmp_path, "realise", "a.ipynb")[0] == 8
    assert iso({**settings, "KERNEL_ISO_TRUST": digest}, tmp_path, "realise", "a.ipynb")[0] == 0


@pytest.mark.parametrize("name", ["..", "../evil", "a/b", "-rf", ".hidden", "nul", "x" * 300, "a\nb"])
def test_names_never_become_other_paths(settings: dict[str, str], tmp_path: Path, name: str) -> None:
    """Every name that people can give becomes a safe path or a clear error."""
    status, text = iso(settings, tmp_path, "env", "create", "--", name)
    assert status in (2, 3), text
    assert "bad-name" in text or status == 2, text


def test_credentials_reach_no_lock_log_or_event(
    settings: dict[str, str], index: Wheelhouse, tmp_path: Path
) -> None:
    """An index that asks for a password gets it from the environment, and nobody else sees it."""
    index.login = ("me", "s3cr3t-word")
    settings = {**settings, "UV_INDEX_LOCAL_USERNAME": "me", "UV_INDEX_LOCAL_PASSWORD": "s3cr3t-word"}
    write(tmp_path / "a.ipynb", '# dependencies = ["good"]')
    status, text = iso(settings, tmp_path, "realise", "a.ipynb", "--trust", "--json")
    assert status == 0, text
    assert iso(settings, tmp_path, "lock", "a.ipynb")[0] == 0
    kept = [path.read_bytes() for path in Path(settings["KERNEL_ISO_STORE"]).rglob("*") if path.is_file()]
    everything = b"".join([*kept, text.encode(), (tmp_path / "a.ipynb").read_bytes()])
    assert b"s3cr3t-word" not in everything
