"""What a cell is answered: whose kernel it is, which modules stand in the way of another generation, what is shown."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kernel_iso.cli import cell_answers, cells, parsing, rendering
from kernel_iso.cli.cell_kernels import Kernel, aimed, kernel_of
from kernel_iso.engine import Engine, adopting, living, verbs
from kernel_iso.engine.verbs import Outcome, Verb
from kernel_iso.errors import ImpossibleError, IsoError, SpecError
from kernel_iso.model import Generation, Package, Prefix


def prefix(engine: Engine, key: str, owner: str, packages: Mapping[str, str], **more: Any) -> Prefix:
    """A prefix in the store, with the metadata of these packages in it; each has a module of its name."""
    path = engine.store.root / "prefixes" / key
    site = path / "lib" / "python3.12" / "site-packages"
    for name, version in packages.items():
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        rows = [f"{name}/__init__.py,,", f"{name}/deep.py,,", f"{info.name}/RECORD,,"]
        (info / "RECORD").write_text("\n".join(rows) + "\n")
    for folder in (".kernel-iso", "bin"):
        (path / folder).mkdir(parents=True)
    (path / "bin" / "python").touch(0o755)
    made = Prefix(
        key=key, path=str(path), python=str(path / "bin" / "python"), version=more.pop("version", "3.12.1"),
        backend="uv", owner=owner, packages=tuple(Package(name=n, version=v) for n, v in packages.items()), **more,
    )  # fmt: skip
    (path / ".kernel-iso" / "manifest.json").write_text(made.to_text())
    return made


@pytest.fixture
def engine(environ: dict[str, str]) -> Engine:
    return Engine.open(environ)


def test_a_kernel_is_found_by_its_prefix(engine: Engine, tmp_path: Path) -> None:
    """Its owner tells whose it is: a notebook by its present address, a named environment, nothing that is known."""
    prefix(engine, "a" * 32, "n-1", {})
    prefix(engine, "b" * 32, "vision", {})
    engine.store.add_generation("n-1", "notebook", "/home/ada/a.ipynb", Generation(key="a" * 32))
    engine.store.add_generation("vision", "environment", "", Generation(key="b" * 32))
    places = [str(engine.store.root / "prefixes" / (letter * 32)) for letter in "abc"]
    mine, named = (kernel_of(engine, {"prefix": place}) for place in places[:2])
    assert (mine.notebook, mine.environment) == ("/home/ada/a.ipynb", "")
    assert (named.notebook, named.environment) == ("", "vision")
    with pytest.raises(ImpossibleError) as raised:
        kernel_of(engine, {"prefix": places[2]})
    assert raised.value.code == "kernel-unknown"


def test_a_prefix_in_another_store_is_answered_from_there(environ: dict[str, str], tmp_path: Path) -> None:
    """A server's own settings may name a store that this process does not know of."""
    other = Engine.open({**environ, "KERNEL_ISO_STORE": str(tmp_path / "other")})
    made = prefix(other, "a" * 32, "vision", {"green": "1"})
    other.store.add_generation("vision", "environment", "", Generation(key="a" * 32))
    told = cells.answered(Engine.open(environ), {"do": "complete", "prefix": made.path}).data
    assert told["line"]["words"] == {"packages": ["green"], "environments": ["vision"]}


def kernel(engine: Engine, **about: Any) -> Kernel:
    made = Prefix(key="a", path="/p", python="/p/bin/python", version="3.12.1", backend="uv", owner="x")
    return Kernel(**{"prefix": made, "kind": "notebook", "modules": {}, **about})


@pytest.mark.parametrize(
    ("line", "named", "own"),
    [
        ("add polars", "vision", True),
        ("add other.ipynb polars", "", False),
        ("add -n other polars", "other", False),
        ("status", "vision", True),
        ("list", "", False),
    ],
)
def test_what_names_nothing_is_about_the_kernels_own(
    engine: Engine, line: str, named: str, own: bool
) -> None:
    """A named environment's kernel means that environment."""
    call = parsing.parse(cells.words_of(line), cell_answers.lines())
    values, its_own = aimed(call, kernel(engine, kind="environment", environment="vision"))
    assert (values.get("name", ""), its_own) == (named, own)


def test_a_found_environment_is_not_ours_to_speak_of(engine: Engine) -> None:
    """Without its notebook nothing is guessed; what needs no notebook works."""
    found = kernel(engine, kind="discovered", found="/opt/ml")
    with pytest.raises(ImpossibleError) as raised:
        aimed(parsing.parse(["add", "polars"], cell_answers.lines()), found)
    assert raised.value.code == "kernel-not-ours"
    assert aimed(parsing.parse(["list"], cell_answers.lines()), found)[1] is False


SITE = "lib/python3.12/site-packages"


@pytest.mark.parametrize(
    ("after", "loaded", "step"),
    [
        ({"green": "1", "blue": "1"}, ["green/__init__.py"], ()),
        ({"green": "2"}, [], ()),
        ({"green": "2"}, ["green/__init__.py", "green/deep.py"], (("green", "1", "2", ("m0",)),)),
        ({}, ["green/deep.py"], (("green", "1", "", ("m0",)),)),
        ({"green": "2"}, ["other/__init__.py"], ()),
    ],
)
def test_what_is_loaded_and_differs_needs_a_restart(
    engine: Engine, after: dict[str, str], loaded: list[str], step: tuple[object, ...]
) -> None:
    """An addition does not, nor does a change to what nothing has imported."""
    former = prefix(engine, "a" * 32, "n", {"green": "1"})
    later = prefix(engine, "b" * 32, "n", after)
    modules = {
        f"m{number}" if not number else f"m0.m{number}": f"{SITE}/{file}"
        for number, file in enumerate(loaded)
    }
    found = living.step(former, later, modules)
    assert tuple((item.name, item.before, item.after, item.modules) for item in found.loaded) == step
    assert found.live is not bool(step)


def test_another_python_needs_a_restart(engine: Engine) -> None:
    former = prefix(engine, "a" * 32, "n", {})
    later = prefix(engine, "b" * 32, "n", {}, version="3.13.0")
    assert living.step(former, later, {}) == living.Step(python="3.12 → 3.13")


def test_what_was_asked_for_by_hand_is_told_from_what_came_along(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installer notes what it was asked for, and where a package came from a folder (PEP 376, PEP 610)."""
    made = prefix(engine, "a" * 32, "n", {"green": "1"})
    there = prefix(engine, "b" * 32, "n", {"green": "1", "asked": "1", "along": "1", "mine": "1"})
    site = Path(there.path) / SITE
    for name in ("asked", "mine"):
        (site / f"{name}-1.dist-info" / "REQUESTED").touch()
    (site / "mine-1.dist-info" / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {}}')
    seen = tuple(
        Package(name=name, version="1", role="added") for name in ("green", "asked", "along", "mine")
    )
    monkeypatch.setattr("kernel_iso.engine.inspecting.installed", lambda engine, prefix: seen)
    found = adopting.by_hand(engine, Prefix.from_text(made.to_text().replace(made.path, there.path)))
    assert ([item.name for item in found.wanted], found.local) == (["asked"], ("mine",))


@pytest.fixture
def owned(engine: Engine) -> dict[str, Any]:
    """A request from a kernel of the named environment `vision`."""
    made = prefix(engine, "a" * 32, "vision", {"green": "1"})
    engine.store.add_generation("vision", "environment", "", Generation(key="a" * 32))
    return {"do": "line", "prefix": made.path}


def test_a_verb_of_a_later_engine_works_without_a_change_to_the_guest(
    engine: Engine, owned: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the table, so it is in help, in completion and in cells."""

    def act(engine: Engine, arguments: Mapping[str, Any]) -> Outcome:
        return Outcome(data={}, text=f"painted {arguments['colour']}: kernel-iso status   shows it")

    colour = verbs.Argument(name="colour", help="the colour")
    monkeypatch.setitem(
        verbs.TABLE, "paint", Verb(name="paint", help="paint it", act=act, arguments=(colour,))
    )
    (bundle,) = cells.answered(engine, {**owned, "line": "paint blue"}).data["show"]
    assert bundle["text/plain"] == "painted blue: %iso status   shows it"
    (bundle,) = cells.answered(engine, {**owned, "line": "paint --help"}).data["show"]
    assert bundle["text/plain"].startswith("usage: %iso paint COLOUR")
    assert "paint" in cells.answered(engine, {**owned, "do": "complete"}).data["line"]["verbs"]


def test_the_request_of_a_guest_that_says_less_is_answered(
    engine: Engine, owned: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys that are missing or not known are passed over; what is no request is told."""
    monkeypatch.setattr(
        sys, "stdin", io.StringIO(json.dumps({"prefix": owned["prefix"], "line": "help", "new": 1}))
    )
    (bundle,) = cells.answer(engine, {}).data["show"]
    assert bundle["text/plain"].startswith("usage: %iso VERB")
    monkeypatch.setattr(sys, "stdin", io.StringIO("status"))
    with pytest.raises(SpecError) as raised:
        cells.answer(engine, {})
    assert raised.value.code == "bad-request"


@pytest.mark.parametrize(
    ("line", "cell", "code"),
    [
        ("shell", None, "no-terminal"),
        ("ad polars", None, "unknown-verb"),
        ('add "polars', None, "bad-argument"),
        ("run --out 1x", "echo", "bad-result-name"),
        ("walk", "echo", "unknown-verb"),
    ],
)
def test_what_cannot_be_done_in_a_cell_is_told(
    engine: Engine, owned: dict[str, Any], line: str, cell: str | None, code: str
) -> None:
    with pytest.raises(IsoError) as raised:
        cells.answered(engine, {**owned, "line": line, "cell": cell})
    assert raised.value.code == code


def test_a_cell_approves_only_what_it_has_shown(environ: dict[str, str], tmp_path: Path) -> None:
    """`trust` shows and offers the digest; what has changed since is not approved by it."""
    path = tmp_path / "a.ipynb"
    block = '# /// script\n# dependencies = ["green"]\n# ///'
    notebook: dict[str, Any] = {"cells": [{"cell_type": "code", "source": block, "metadata": {}, "outputs": []}],
                                "metadata": {}, "nbformat": 4, "nbformat_minor": 5}  # fmt: skip
    path.write_text(json.dumps(notebook))
    engine = Engine.open(environ)
    made = prefix(engine, "a" * 32, "n-1", {})
    engine.store.add_generation("n-1", "notebook", str(path), Generation(key="a" * 32))
    ask = {"do": "line", "prefix": made.path}
    told = cells.answered(engine, {**ask, "line": "trust"}).data
    (offer,) = told["offers"]
    assert "green" in told["show"][0]["text/plain"]
    assert (
        cells.answered(engine, {**ask, "line": "trust --show"})
        .data["show"][0]["text/plain"]
        .endswith("not approved here")
    )
    path.write_text(json.dumps(notebook).replace("green", "evil"))
    with pytest.raises(SpecError) as raised:
        cells.answered(engine, {**ask, "line": offer["line"]})
    assert raised.value.code == "digest-differs"
    path.write_text(json.dumps(notebook))
    approved = cells.answered(engine, {**ask, "line": offer["line"]}).data["show"][0]["text/plain"]
    assert approved.endswith("approved on this machine")


def test_what_is_shown_is_escaped() -> None:
    """A stranger's notebook may say anything."""
    assert "<script>" not in rendering.changes("  + <script>alert(1)</script> 1\n<script>")
    data = {
        "label": "<script>", "state": "ready", "rows": [], "machine": {"accelerators": []}, "accelerator": "",
        "machine_drift": ["<script>"], "spec": {}, "prefix": None,
    }  # fmt: skip
    assert "<script>" not in rendering.status(data, "%iso <script>")
