"""A stranger's conda environment: what is shown before anything is installed, and what the policy refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from conda_face import Iso, face, files, notebook, project

from kernel_iso.discovery import Environments
from kernel_iso.engine import Engine, discovered


@pytest.fixture
def iso(tiny_channel: Path, conda_cache: Path, tmp_path: Path, environ: dict[str, str]) -> Iso:
    return face(tiny_channel, conda_cache, tmp_path / "work", environ)


def test_nothing_is_installed_before_it_is_approved(iso: Iso) -> None:
    """Neither asked of a channel nor written; then exactly what was shown is approved."""
    project(iso.cwd, iso.url, "python", "blue")
    notebook(iso.cwd / "a.ipynb")
    store = Path(iso.environ["KERNEL_ISO_STORE"])
    for verb in ("realise", "run", "lock"):
        refused = iso(verb, "a.ipynb")
        assert (refused["status"], refused["code"]) == (8, "not-approved")
        assert "`blue`" in refused["because"]
    assert not list(store.glob("prefixes/*"))
    assert not list(store.glob("locks/*"))
    told = iso.text("review", "a.ipynb")
    assert "a.ipynb wants: blue" in told
    assert "declared in environment.yml" in told
    assert f"  channel {iso.url}" in told
    assert f"  channel {iso.url}" in iso.text("trust", "a.ipynb", "--show")
    iso("trust", "a.ipynb")
    assert iso("realise", "a.ipynb")["packages"]["blue"] == "2.0"


def test_a_review_shows_packages_channels_and_what_would_run(iso: Iso) -> None:
    """With `--versions` the exact packages, and those whose scripts the policy lets run."""
    project(iso.cwd, iso.url, "python", "green", "linking")
    notebook(iso.cwd / "a.ipynb")
    seen = iso("review", "a.ipynb")
    assert (seen["asks"]["conda"], seen["asks"]["channels"]) == (["green", "linking"], [iso.url])
    assert [text for text in seen["runs_code"] if "scripts" in text] == []
    shown = iso("review", "a.ipynb", "--versions", KERNEL_ISO_LINK_SCRIPTS="approved")
    assert shown["status"] == 0, shown
    assert any("may run scripts" in text for text in shown["runs_code"])
    rows = {row["name"]: row for row in shown["versions"]["packages"]}
    assert rows["green"]["version"] == "2.0"
    assert rows["green"]["hash"].startswith("sha256:")
    assert rows["green"]["index"].startswith(iso.url)
    assert shown["versions"]["scripts"] == ["linking"]
    assert not list(Path(iso.environ["KERNEL_ISO_STORE"]).glob("prefixes/*"))


def test_link_scripts_run_only_where_the_policy_says_so(iso: Iso, tmp_path: Path) -> None:
    """By default never, and it is said; approved, they run with what conda tells them."""
    witness = tmp_path / "witness.txt"
    project(iso.cwd, iso.url, "python", "linking")
    notebook(iso.cwd / "a.ipynb")
    extra = {"LINKING_WITNESS": str(witness)}
    assert iso("realise", "a.ipynb", "--trust", **extra)["status"] == 0
    assert not witness.exists()
    log = iso.text("log", "a.ipynb")
    assert "did not run the link scripts of linking" in log
    made = iso("realise", "a.ipynb", "--fresh", **extra, KERNEL_ISO_LINK_SCRIPTS="approved")
    assert made["status"] == 0
    assert witness.read_text() == f"linked {made['path']} linking 1.0\n"


def test_a_channel_that_the_policy_does_not_have_is_refused(iso: Iso, tmp_path: Path) -> None:
    """Approved or not, in the file or on the command line; the review says so before."""
    other = (tmp_path / "other").as_uri()
    project(iso.cwd, other, "python", "blue")
    notebook(iso.cwd / "a.ipynb")
    assert any(
        f"the channel {other} is not in your policy: refused" in text
        for text in iso("review", "a.ipynb")["runs_code"]
    )
    refused = iso("realise", "a.ipynb", "--trust")
    assert (refused["status"], refused["code"]) == (4, "channel-not-allowed")
    assert iso("create", "-n", "x", "blue", "-c", other)["code"] == "channel-not-allowed"
    assert iso("env", "list")["environments"] == []


def test_an_approval_covers_the_channels(iso: Iso, tmp_path: Path) -> None:
    """Other channels are another question, be they the file's or the policy's."""
    project(iso.cwd, iso.url, "python", "blue")
    notebook(iso.cwd / "a.ipynb")
    iso("trust", "a.ipynb")
    first = iso("review", "a.ipynb")
    assert first["approved"] is True
    project(iso.cwd, "conda-forge", "python", "blue")
    second = iso("review", "a.ipynb")
    assert (second["approved"], second["digest"] == first["digest"]) == (False, False)
    assert second["differs"] is not None
    (iso.cwd / "environment.yml").write_text("dependencies: [python, blue]\n")
    bare = iso("review", "a.ipynb")
    wider = iso("review", "a.ipynb", KERNEL_ISO_CHANNELS=f"{iso.url} {tmp_path.as_uri()}")
    assert bare["digest"] != wider["digest"]


def test_a_prefix_that_conda_made_is_used_as_it_is_and_never_edited(iso: Iso, tiny_prefix: Path) -> None:
    """A notebook that has chosen its kernel: it is looked at, activated for commands, and refused every edit."""
    found = Environments().read(str(tiny_prefix))
    assert found is not None
    name = discovered.kernel_name(Engine.open(iso.environ).store, found)
    path = notebook(iso.cwd / "a.ipynb")
    path.write_text(path.read_text().replace('"name": "iso"', f'"name": "{name}"'))
    before = files(tiny_prefix)
    extra = {"KERNEL_ISO_KERNEL_FOLDERS": str(tiny_prefix.parent)}
    for words in (
        ("add", "a.ipynb", "green"), ("add", "a.ipynb", "green", "--conda"), ("remove", "a.ipynb", "blue"),
        ("upgrade", "--notebook", "a.ipynb"), ("lock", "a.ipynb"), ("choose", "a.ipynb", "--python", "3.12"),
    ):  # fmt: skip
        refused = iso(*words, **extra)
        assert refused["status"] != 0, words
        assert refused["code"] == "not-ours-to-change", (words, refused)
    seen = iso("inspect", "a.ipynb", **extra)
    assert (seen["state"], seen["found"]["kind"]) == ("found", "conda")
    assert {row["name"] for row in seen["rows"]} >= {"blue", "green", "python"}
    assert files(tiny_prefix) == before
