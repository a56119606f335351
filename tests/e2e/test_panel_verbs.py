"""The verbs that the panel adds, through the command line: review, undo, search, isolate, front ends, overview, clean, log.

The index is local and the policy has no companions, so that each environment is made in a fraction of a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from wheelhouse import Wheelhouse

from kernel_iso.engine import Engine, acts, isolating, targets, undoing
from kernel_iso.engine.verbs import TABLE
from kernel_iso.notebooks import OpenDocument

Iso = Callable[..., dict[str, Any]]

WIDGET = {
    "bluewidget-1.5.data/data/share/jupyter/labextensions/blue-widget/package.json": json.dumps(
        {
            "name": "blue-widget",
            "version": "1.5.2",
            "jupyterlab": {"_build": {"load": "static/remoteEntry.ab.js"}},
        }
    ),
    "bluewidget-1.5.data/data/share/jupyter/labextensions/blue-widget/static/remoteEntry.ab.js": "1;",
    "bluewidget-1.5.data/data/share/jupyter/nbextensions/blue-widget/extension.js": "2;",
    "bluewidget-1.5.data/data/share/jupyter/labextensions/evil/package.json": json.dumps(
        {"name": "evil", "version": "1", "jupyterlab": {"_build": {"load": "../../../../etc/passwd"}}}
    ),
}


@pytest.fixture
def index() -> Iterator[Wheelhouse]:
    """An index with a few packages."""
    with Wheelhouse() as house:
        house.wheel("blue", "1.0", requires=["green"], uploaded="2024-03-01T00:00:00Z")
        newest = house.wheel("blue", "2.0", requires=["green"], uploaded="2024-05-01T00:00:00Z")
        newest.metadata += "Summary: A colour between violet\n and cyan\n"
        house.wheel("blue", "3.0rc1", requires=["green"])
        house.wheel("green", "1.0")
        house.wheel("green", "1.1")
        house.wheel("bluewidget", "1.5", files=WIDGET)
        yield house


@pytest.fixture
def settings(
    environ: dict[str, str], index: Wheelhouse, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """An environment whose policy knows this index alone."""
    policy = tmp_path_factory.mktemp("policy") / "policy.toml"
    policy.write_text(f'companions = []\nindexes = [{{name = "local", url = "{index.url}"}}]\n')
    return {**environ, "KERNEL_ISO_CONFIG": str(policy)}


@pytest.fixture
def iso(settings: dict[str, str], tmp_path: Path) -> Iso:
    """Run a verb with `--json` and return its result, or its error under "code"."""

    def call(verb: str, *arguments: str, **extra: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "kernel_iso", *verb.split(), "--json", *arguments],
            env={**settings, **extra}, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        last = json.loads(done.stdout.splitlines()[-1])
        return {"status": done.returncode, **(last.get("result") or last["error"])}

    return call


def write(path: Path, *cells: str, block: list[str] | None = None, **metadata: object) -> Path:
    """A notebook with these cells, after a PEP 723 cell where a block is given."""
    sources = list(cells)
    if block is not None:
        sources.insert(0, f"# /// script\n# dependencies = {json.dumps(block)}\n# ///")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    made.metadata.update(metadata)
    nbformat.write(made, path)
    return path


def aged(settings: dict[str, str], key: str) -> None:
    """Make a prefix one that was used an hour ago."""
    used = Path(settings["KERNEL_ISO_STORE"]) / "prefixes" / key / ".kernel-iso" / "used"
    os.utime(used, (time.time() - 3600,) * 2)


# Review


def test_a_review_asks_no_index_until_versions_are_asked_for(
    iso: Iso, tmp_path: Path, index: Wheelhouse
) -> None:
    """What is declared is shown as it is declared; nothing is resolved, fetched or approved."""
    write(tmp_path / "a.ipynb", block=["blue>=1"])
    found = iso("review", "a.ipynb")
    assert index.requests == []
    assert found["asks"]["requirements"] == ["blue>=1"]
    assert found["where"] == {"path": str(tmp_path / "a.ipynb"), "detail": "cell 1"}
    assert (found["approved"], found["differs"], found["versions"], found["locks"]) == (False, None, None, [])
    assert found["digest"] == iso("trust", "a.ipynb", "--show")["digest"]


def test_versions_that_were_reviewed_are_the_versions_that_are_installed(
    iso: Iso, tmp_path: Path, index: Wheelhouse
) -> None:
    """Names, versions, hashes, sizes and ages are told, and a release that comes later changes nothing."""
    write(tmp_path / "a.ipynb", block=["blue"])
    versions = iso("review", "a.ipynb", "--versions")["versions"]
    rows = {row["name"]: row for row in versions["packages"]}
    wheel = next(item for item in index.artefacts if item.filename.startswith("blue-2.0"))
    assert rows["blue"] == {
        "name": "blue", "version": "2.0", "hash": f"sha256:{wheel.sha256}", "index": index.url,
        "size": len(wheel.content), "uploaded": "2024-05-01T00:00:00+00:00",
    }  # fmt: skip
    assert versions["bytes"] == sum(row["size"] for row in rows.values())
    assert (versions["newest"]["name"], versions["newest"]["age_days"] > 900) == ("blue", True)
    index.wheel("blue", "2.5", requires=["green"])
    ready = iso("realise", "a.ipynb", "--trust")
    assert ready["packages"] == {name: row["version"] for name, row in rows.items()}


def test_a_review_tells_what_is_new_since_the_last_approval(iso: Iso, tmp_path: Path) -> None:
    """The approval before is found by the notebook, not by what it asked."""
    write(tmp_path / "other.ipynb", block=["green"])
    iso("trust", "other.ipynb")
    write(tmp_path / "a.ipynb", block=["blue<2", "green"])
    iso("trust", "a.ipynb")
    assert iso("review", "a.ipynb")["differs"] is None
    write(tmp_path / "a.ipynb", block=["blue<3", "bluewidget"])
    assert iso("review", "a.ipynb")["differs"] == {
        "added": ["bluewidget"],
        "removed": ["green"],
        "changed": ["blue<2 → blue<3"],
    }


def test_a_review_names_what_would_steer_code(iso: Iso, tmp_path: Path) -> None:
    """Variables, foreign indexes and the project's own code are sentences."""
    spec = {
        "requirements": ["blue"],
        "env": [["MPLBACKEND", "agg"]],
        "indexes": [{"name": "evil", "url": "https://example.org/simple"}],
    }
    write(tmp_path / "a.ipynb", kernel_iso={"spec": spec})
    assert iso("review", "a.ipynb")["runs_code"] == [
        "the index evil (https://example.org/simple) is not in your policy: refused",
        "the variable MPLBACKEND is set to agg: programs in the kernel may act on it",
    ]


def test_a_review_shows_what_a_lock_holds(iso: Iso, tmp_path: Path) -> None:
    """A notebook that carries its lock shows exact versions and hashes without an index."""
    write(tmp_path / "a.ipynb", block=["blue==1.0"])
    iso("trust", "a.ipynb")
    iso("lock", "a.ipynb")
    (lock,) = iso("review", "a.ipynb")["locks"]
    assert lock["where"] == "metadata.kernel_iso.lock"
    assert [(row["name"], row["version"]) for row in lock["packages"]] == [("blue", "1.0"), ("green", "1.1")]
    assert all(row["hash"].startswith("sha256:") for row in lock["packages"])


# Undo


def test_undo_goes_back_to_the_kept_prefix_and_redo_forward_again(iso: Iso, tmp_path: Path) -> None:
    """The block is written back, byte for byte, and the next start uses the former prefix."""
    path = write(tmp_path / "a.ipynb", block=["green", "blue<2"], kernel_iso={"id": "n1"})
    first = iso("realise", "a.ipynb", "--trust")
    before = path.read_bytes()
    second = iso("remove", "a.ipynb", "blue")
    after = path.read_bytes()
    assert iso("undo", "a.ipynb", "--dry-run")["changes"] == [{"name": "blue", "after": "1.0"}]
    assert path.read_bytes() == after
    undone = iso("undo", "a.ipynb")
    assert (undone["ready"]["key"], undone["ready"]["made"]) == (first["key"], False)
    assert path.read_bytes() == before
    assert iso("realise", "a.ipynb")["key"] == first["key"]
    assert iso("inspect", "a.ipynb")["state"] == "ready"
    assert iso("undo", "a.ipynb")["code"] == "nothing-to-undo"
    assert iso("undo", "a.ipynb", "--redo")["ready"]["key"] == second["ready"]["key"]
    assert path.read_bytes() == after
    assert iso("undo", "a.ipynb", "--redo")["code"] == "nothing-to-undo"


def test_an_undone_package_may_stand_elsewhere_in_the_list(iso: Iso, tmp_path: Path) -> None:
    """The order of what is declared means nothing: the former prefix still answers it."""
    write(tmp_path / "a.ipynb", block=["blue<2", "green"], kernel_iso={"id": "n1"})
    first = iso("realise", "a.ipynb", "--trust")
    iso("remove", "a.ipynb", "blue")
    assert iso("undo", "a.ipynb")["ready"]["key"] == first["key"]
    assert iso("review", "a.ipynb")["asks"]["requirements"] == ["green", "blue<2"]
    assert iso("inspect", "a.ipynb")["state"] == "ready"


def test_an_undo_that_cannot_be_built_leaves_the_generation_that_was_there(
    iso: Iso, tmp_path: Path, settings: dict[str, str], index: Wheelhouse
) -> None:
    """The index no longer has what the former one held: notebook and current prefix stay."""
    path = write(tmp_path / "a.ipynb", block=["blue<2"], kernel_iso={"id": "n1"})
    first = iso("realise", "a.ipynb", "--trust")
    second = iso("add", "a.ipynb", "blue>=2")
    before = path.read_bytes()
    aged(settings, first["key"])
    iso("clean", "--key", first["key"])
    next(item for item in index.artefacts if item.filename.startswith("blue-1.0")).tamper()
    assert iso("undo", "a.ipynb", KERNEL_ISO_CACHE=str(tmp_path / "cache"))["code"] == "hash-mismatch"
    assert path.read_bytes() == before
    assert iso("realise", "a.ipynb")["key"] == second["ready"]["key"]
    assert iso("inspect", "a.ipynb")["state"] == "ready"


def test_a_generation_whose_prefix_is_gone_is_made_again_from_its_lock(
    iso: Iso, tmp_path: Path, settings: dict[str, str], index: Wheelhouse
) -> None:
    """The versions are those of then, whatever the index has now."""
    write(tmp_path / "a.ipynb", block=["green"], kernel_iso={"id": "n1"})
    first = iso("realise", "a.ipynb", "--trust")
    iso("add", "a.ipynb", "blue")
    aged(settings, first["key"])
    assert iso("clean", "--key", first["key"])["removed"] == [[first["key"], "you chose it"]]
    index.wheel("green", "1.9")
    undone = iso("undo", "a.ipynb")
    assert (undone["ready"]["key"], undone["ready"]["made"]) == (first["key"], True)
    assert undone["ready"]["packages"] == {"green": "1.1"}


def test_an_upgrade_is_undone_in_the_lock_that_the_notebook_carries(
    iso: Iso, tmp_path: Path, index: Wheelhouse
) -> None:
    """Nothing that is declared changes; the lock in the notebook is the former one again."""
    write(tmp_path / "a.ipynb", block=["green"], kernel_iso={"id": "n1"})
    iso("trust", "a.ipynb")
    iso("lock", "a.ipynb")
    first = iso("realise", "a.ipynb")
    index.wheel("green", "1.9")
    assert iso("upgrade", "a.ipynb")["ready"]["packages"] == {"green": "1.9"}
    assert iso("undo", "a.ipynb")["ready"]["key"] == first["key"]
    (lock,) = iso("review", "a.ipynb")["locks"]
    assert [row["version"] for row in lock["packages"]] == ["1.1"]
    assert iso("realise", "a.ipynb")["key"] == first["key"]


def test_a_named_environment_goes_back_too(iso: Iso, settings: dict[str, str]) -> None:
    """Its kernel starts in the former prefix, and its list of packages is the former one."""
    first = iso("env create", "vision", "blue==1.0")
    second = iso("add", "-n", "vision", "blue==2.0")
    assert iso("undo", "-n", "vision")["ready"]["key"] == first["key"]
    found = {item["name"]: item["version"] for item in iso("packages", "-n", "vision")["packages"]}
    assert found == {"blue": "1.0", "green": "1.1"}
    assert iso("undo", "-n", "vision", "--redo")["ready"]["key"] == second["ready"]["key"]


def test_what_requirements_cannot_say_is_not_undone_silently(iso: Iso, tmp_path: Path) -> None:
    """A constraint was asked for since: the message says so, and nothing changes."""
    spec = {"requirements": ["green"]}
    path = write(tmp_path / "a.ipynb", kernel_iso={"id": "n1", "spec": spec})
    iso("realise", "a.ipynb", "--trust")
    wider = {"requirements": ["green", "blue"], "constraints": ["blue<2"]}
    write(path, kernel_iso={"id": "n1", "spec": wider})
    iso("realise", "a.ipynb", "--trust")
    before = path.read_bytes()
    error = iso("undo", "a.ipynb")
    assert (error["code"], "constraints" in error["because"]) == ("undo-by-hand", True)
    assert path.read_bytes() == before


def test_an_undo_of_an_open_notebook_changes_the_page_and_not_the_file(
    iso: Iso, settings: dict[str, str], tmp_path: Path
) -> None:
    """Nothing writes to a file that a page has open: what changes is told to the page."""
    path = write(tmp_path / "a.ipynb", block=["green"], kernel_iso={"id": "n1"})
    iso("realise", "a.ipynb", "--trust")
    iso("add", "a.ipynb", "blue<2")
    before = path.read_bytes()
    target = targets.Target(
        kind="notebook", path=str(path), document=OpenDocument(path, json.loads(path.read_text()))
    )
    undone = undoing.undo(Engine.open(settings), target)
    assert [str(change) for change in undone.changes] == ["- blue 1.0"]
    assert path.read_bytes() == before
    (cell,) = acts.changed(target)["document"]["cells"]
    assert "blue" not in cell["source"]


# Search


def test_a_package_is_looked_up_on_the_policys_index(iso: Iso, tmp_path: Path, index: Wheelhouse) -> None:
    """Versions, the newest first; what one gets who asks for no version; what is installed here."""
    write(tmp_path / "a.ipynb", block=["blue<2"])
    iso("realise", "a.ipynb", "--trust")
    found = iso("search", "Blue", "-b", "a.ipynb")
    found.pop("status")
    assert found == {
        "name": "blue",
        "summary": "A colour between violet and cyan",
        "index": "local",
        "versions": ["3.0rc1", "2.0", "1.0"],
        "newest": {"version": "2.0", "uploaded": "2024-05-01T00:00:00+00:00"},
        "installed": "1.0",
    }
    missing = iso("search", "bleu")
    assert (missing["code"], missing["status"]) == ("no-such-package", 3)


def test_a_search_keeps_the_cool_down_and_the_offline_switch(
    iso: Iso, settings: dict[str, str], index: Wheelhouse
) -> None:
    """What the policy would not install is not offered, and no network means no question."""
    assert iso("search", "blue", KERNEL_ISO_EXCLUDE_NEWER="2024-04-01")["newest"]["version"] == "1.0"
    index.requests.clear()
    assert iso("search", "blue", KERNEL_ISO_OFFLINE="true")["code"] == "index-offline"
    assert index.requests == []


def test_a_search_gives_an_index_its_credentials_and_tells_nobody(
    iso: Iso, settings: dict[str, str], index: Wheelhouse
) -> None:
    """They are found where uv finds them; without them the message says what is missing."""
    index.login = ("ada", "hunter2")
    assert iso("search", "blue")["code"] == "index-refused"
    login = {"UV_INDEX_LOCAL_USERNAME": "ada", "UV_INDEX_LOCAL_PASSWORD": "hunter2"}
    found = iso("search", "blue", **login)
    assert found["versions"][-1] == "1.0"
    assert "hunter2" not in json.dumps(found)
    index.login = None
    index.failure = 503
    assert iso("search", "blue")["code"] == "index-unreachable"


def test_a_package_with_hundreds_of_releases_is_looked_up_whole(iso: Iso, index: Wheelhouse) -> None:
    """The answer is longer than what is read of a worker at once."""
    for number in range(600):
        index.wheel("many", f"1.{number}")
    found = iso("search", "many")
    assert (len(found["versions"]), found["newest"]["version"]) == (600, "1.599")


def test_names_are_completed_from_what_was_seen_here(iso: Iso, tmp_path: Path, index: Wheelhouse) -> None:
    """From prefixes and kept locks, without a question to the index."""
    write(tmp_path / "a.ipynb", block=["blue", "bluewidget"])
    iso("realise", "a.ipynb", "--trust")
    index.requests.clear()
    assert iso("search", "--complete", "Bl")["names"] == ["blue", "bluewidget"]
    assert iso("search", "--complete", "x")["names"] == []
    assert index.requests == []


# Isolate


@pytest.fixture
def messy(tmp_path_factory: pytest.TempPathFactory, index: Wheelhouse) -> str:
    """An environment into which somebody has installed things by hand."""
    folder = tmp_path_factory.mktemp("messy") / "env"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
    python = str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    packages = ["blue==1.0", "green==1.0"]
    subprocess.run(
        [*uv, "pip", "install", "-q", "--python", python, "--index-url", index.url, *packages], check=True
    )
    return python


def test_a_messy_notebook_becomes_a_proposal_and_nothing_else(iso: Iso, tmp_path: Path, messy: str) -> None:
    """Imports, what a cell installs, what nothing gives, what lies beside it: each in its place."""
    (tmp_path / "helpers.py").write_text("x = 1\n")
    path = write(
        tmp_path / "a.ipynb",
        "%pip install -q bluewidget\n!ls\nimport os, blue",
        "from sklearn import svm\nimport helpers\nfrom . import here",
    )
    before = path.read_bytes()
    found = iso("isolate", "a.ipynb", "--python", messy)
    assert found["imports"] == ["os", "blue", "sklearn", "helpers"]
    assert found["proposal"] == [
        {"requirement": "blue~=1.0", "installed": "1.0", "import": "blue", "why": "cell 1 imports blue"},
        {"requirement": "bluewidget", "installed": "", "import": "", "why": "cell 1 installs it with pip"},
    ]
    assert (found["missing"], found["suggested"]) == (["sklearn"], {"sklearn": "scikit-learn"})
    assert found["local"] == ["helpers"]
    assert path.read_bytes() == before


def test_a_proposal_that_is_applied_locks_what_was_installed(iso: Iso, tmp_path: Path, messy: str) -> None:
    """Also what the imports need themselves: green 1.0 was installed, though 1.1 is the newest."""
    write(tmp_path / "a.ipynb", "import blue")
    done = iso("isolate", "a.ipynb", "--python", messy, "--apply")
    assert done["ready"]["packages"] == {"blue": "1.0", "green": "1.0"}
    assert done["written"] == str(tmp_path / "a.ipynb")
    spec = nbformat.read(tmp_path / "a.ipynb", as_version=4).metadata.kernel_iso.spec
    assert dict(spec) == {
        "requirements": ["blue~=1.0"],
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
    }
    assert iso("realise", "a.ipynb")["key"] == done["ready"]["key"]
    assert iso("isolate", "a.ipynb", "--python", messy)["proposal"] == []


def test_a_proposal_for_an_open_notebook_goes_into_the_page(
    settings: dict[str, str], tmp_path: Path, messy: str
) -> None:
    """The page's cells count, which are newer than the file's, and the file stays as it is."""
    path = write(tmp_path / "a.ipynb", "import os")
    before = path.read_bytes()
    open_in_page = json.loads(before)
    open_in_page["cells"][0]["source"] = "import blue"
    target = targets.Target(kind="notebook", path=str(path), document=OpenDocument(path, open_in_page))
    found = isolating.isolate(Engine.open(settings), target, messy, apply=True)
    assert [row.requirement for row in found.proposal] == ["blue~=1.0"]
    assert path.read_bytes() == before
    document = acts.changed(target)["document"]
    assert document["metadata"]["spec"]["requirements"] == ["blue~=1.0"]
    assert "cells" not in document


def test_a_proposal_typed_in_a_terminal_waits_for_the_page_that_has_the_notebook_open(
    iso: Iso, settings: dict[str, str], tmp_path: Path, messy: str
) -> None:
    """The file is the page's to write; the edit is left for it."""
    path = write(tmp_path / "a.ipynb", "import blue")
    before = path.read_bytes()
    store = Engine.open(settings).store
    with store.open_notebooks.opened(path):
        done = iso("isolate", "a.ipynb", "--python", messy, "--apply")
    assert done["written"] == "a.ipynb, which a page has open: save it there"
    assert path.read_bytes() == before
    ((_, edit),) = store.open_notebooks.waiting(path)
    assert edit.add == ("blue~=1.0",)


def test_an_interpreter_that_is_none_is_told(iso: Iso, tmp_path: Path) -> None:
    """A missing program and one that is no Python end in three lines."""
    write(tmp_path / "a.ipynb", "import blue")
    assert iso("isolate", "a.ipynb", "--python", "no/such/python")["code"] == "no-such-interpreter"
    assert iso("isolate", "a.ipynb", "--python", "/bin/echo")["code"] == "interpreter-silent"


@pytest.mark.network
def test_a_proposal_is_tried_by_a_run_that_names_the_first_cell_that_fails(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """A real kernel, in a real environment made from the imports of the notebook and of what is installed here."""
    path = write(tmp_path / "a.ipynb", "import six", "print(six.__version__)", "1 / 0", "2 / 0")
    command = [
        sys.executable,
        "-m",
        "kernel_iso",
        "isolate",
        "--json",
        str(path),
        "--python",
        sys.executable,
        "--try",
    ]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    result = json.loads(done.stdout.splitlines()[-1])["result"]
    assert [row["import"] for row in result["proposal"]] == ["six"]
    failed = result["tried"]["failed"]
    assert (failed["cell"], failed["ename"], done.returncode) == (3, "ZeroDivisionError", 1)
    assert [item.name for item in tmp_path.iterdir()] == ["a.ipynb"]


# Front ends


def test_front_ends_are_found_with_the_package_that_brings_them(iso: Iso, tmp_path: Path) -> None:
    """A manifest that leads out of its folder is not believed."""
    write(tmp_path / "a.ipynb", block=["bluewidget"])
    assert iso("frontends", "a.ipynb")["code"] == "not-made-yet"
    iso("realise", "a.ipynb", "--trust")
    found = iso("frontends", "a.ipynb", "--served", "blue-widget@1.0.0")["frontends"]
    share = "share/jupyter"
    assert found == [
        {
            "package": "bluewidget", "version": "1.5.2", "module": "blue-widget", "kind": "labextension",
            "url": f"{share}/labextensions/blue-widget/static/remoteEntry.ab.js",
            "parts": [], "widget": False, "conflict": "",
        },
        {
            "package": "bluewidget", "version": "1.5", "module": "blue-widget", "kind": "nbextension",
            "url": f"{share}/nbextensions/blue-widget/extension.js",
            "parts": [], "widget": False, "conflict": "",
        },
    ]  # fmt: skip
    other = iso("frontends", "a.ipynb", "--served", "blue-widget@2.0.0")["frontends"][0]["conflict"]
    assert other.startswith("the page already has blue-widget 2.0.0 from the server")


# Overview, clean, log


def test_the_overview_shows_whose_everything_is(iso: Iso, tmp_path: Path) -> None:
    """Notebooks, named environments, and orphans of notebooks that are gone."""
    write(tmp_path / "a.ipynb", block=["green"])
    write(tmp_path / "gone.ipynb", block=["green"])
    keys = {name: iso("realise", f"{name}.ipynb", "--trust")["key"] for name in ("a", "gone")}
    keys["vision"] = iso("env create", "vision", "blue")["key"]
    (tmp_path / "gone.ipynb").unlink()
    found = iso("overview")
    rows = {row["label"]: row for row in found["rows"]}
    assert {label: (row["kind"], row["state"], row["exists"]) for label, row in rows.items()} == {
        "a.ipynb": ("notebook", "idle", True),
        "gone.ipynb": ("notebook", "orphan", False),
        "vision": ("environment", "idle", True),
    }
    assert {row["key"] for row in rows.values()} == set(keys.values())
    assert found["total_bytes"] == sum(row["unique_bytes"] for row in rows.values())
    assert found["free_bytes"] > 0


def test_what_is_chosen_goes_and_what_runs_stays(iso: Iso, tmp_path: Path, settings: dict[str, str]) -> None:
    """Each that stays is told with its reason; whose prefix went starts again from its lock."""
    write(tmp_path / "a.ipynb", block=["green"])
    write(tmp_path / "b.ipynb", block=["green"])
    one, two = (iso("realise", name, "--trust")["key"] for name in ("a.ipynb", "b.ipynb"))
    assert iso("clean", "--key", one)["refused"] == [
        [one, "it was used a moment ago: a kernel may just be starting"]
    ]
    aged(settings, one)
    aged(settings, two)
    nobody = "0" * 32
    with Engine.open(settings).store.using(two):
        assert {row["label"]: row["state"] for row in iso("overview")["rows"]}["b.ipynb"] == "in-use"
        dry = iso("clean", "--dry-run", "--key", one, "--key", two)
        assert dry["removed"] == [[one, "you chose it"]]
        done = iso("clean", "--key", one, "--key", two, "--key", nobody)
    assert done["removed"] == [[one, "you chose it"]]
    assert done["freed_bytes"] == dry["freed_bytes"] > 0
    assert done["refused"] == [
        [two, "a kernel or a command runs from it"],
        [nobody, "there is no such environment"],
    ]
    assert iso("clean", "--key", "../x")["code"] == "bad-key"
    again = iso("realise", "a.ipynb")
    assert (again["key"], again["made"]) == (one, True)


def test_the_log_of_a_build_can_be_read_afterwards_also_of_one_that_failed(
    iso: Iso, tmp_path: Path, index: Wheelhouse
) -> None:
    """The events of the last build, and how it ended."""
    write(tmp_path / "a.ipynb", block=["green"])
    assert iso("log", "a.ipynb")["events"] == []
    key = iso("realise", "a.ipynb", "--trust")["key"]
    log = iso("log", "a.ipynb")
    assert (log["key"], log["events"][-1]["text"]) == (key, "ready")
    write(tmp_path / "b.ipynb", block=["blue<2"])
    next(item for item in index.artefacts if item.filename.startswith("blue-1.0")).tamper()
    failed = iso("realise", "b.ipynb", "--trust")
    assert iso("log", "b.ipynb")["events"][-1]["error"]["code"] == failed["code"]


def test_verbs_say_who_may_use_them_and_how_long_they_take() -> None:
    """What runs any program, or approves, is out of reach of a page; what builds is slow."""
    assert {verb.name for verb in TABLE.values() if not verb.access} == {
        "trust",
        "exec",
        "shell",
        "run",
        "review",
        "use",
    }
    assert {verb.name for verb in TABLE.values() if verb.slow} == {
        "lock", "realise", "add", "adopt", "imports", "remove", "choose", "upgrade", "undo", "clean", "isolate", "doctor",
        "env create", "env clone", "env rename", "env remove", "env export", "export",
    }  # fmt: skip
    assert all(verb.access == "execute" for verb in TABLE.values() if verb.slow)
    assert {verb.access for verb in TABLE.values()} == {"", "read", "execute"}
