"""What a person types as packages: for conda or for PyPI, moved between them, and a Python among them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kernel_iso.cli import parsing
from kernel_iso.engine import Engine, declaring, editing, environments, handing, undoing, wanting
from kernel_iso.engine.targets import Target
from kernel_iso.engine.verbs import TABLE
from kernel_iso.errors import SpecError
from kernel_iso.model import Origin, Spec
from kernel_iso.store import Edit

CONDA = Spec(conda=("numpy>=1", "conda-forge::typing_extensions"), requirements=("rich>=1",), backend="conda")
PYPI = Spec(requirements=("numpy>=1", "typing-extensions"))


def added(spec: Spec, *words: str, **more: Any) -> Edit:
    """The edit of what was typed."""
    return wanting.added(spec, words, "nb.ipynb", **more)


def raised(spec: Spec, *words: str, **more: Any) -> SpecError:
    """The error of what was typed."""
    with pytest.raises(SpecError) as caught:
        added(spec, *words, **more)
    return caught.value


@pytest.mark.parametrize(
    ("spec", "more", "conda"),
    [
        (Spec(), {}, False),
        (PYPI, {}, False),
        (CONDA, {}, True),
        (Spec(backend="conda"), {}, True),
        (Spec(conda=("a",)), {}, True),
        (Spec(backend="uv"), {"conda": True}, True),
        (CONDA, {"conda": False}, False),
        (Spec(), {"channels": ["conda-forge"]}, True),
        (Spec(), {"channels": ["conda-forge"], "conda": False}, False),
    ],
)
def test_packages_go_where_it_was_said_or_where_the_environment_is(
    spec: Spec, more: dict[str, Any], conda: bool
) -> None:
    """A conda environment gets conda packages, every other one PyPI's; a named channel is conda's."""
    edit = added(spec, "polars>=1,==2.1.*", **more)
    assert (edit.conda, edit.add) == ((("polars>=1,=2.1",), ()) if conda else ((), ("polars==2.1.*,>=1",)))


@pytest.mark.parametrize(
    ("spec", "word", "hint"),
    [
        (CONDA, "Rich>=2", 'kernel-iso add --pypi "rich>=2"   changes it there; --conda moves it'),
        (Spec(backend="conda", requirements=("typing-extensions",)), "typing_extensions",
         'kernel-iso add --pypi "typing_extensions"   changes it there; --conda moves it'),
    ],
)  # fmt: skip
def test_what_is_declared_on_the_other_side_is_not_declared_twice(spec: Spec, word: str, hint: str) -> None:
    """The message says how it is changed there, and how it moves."""
    error = raised(spec, word)
    assert (error.code, error.hint) == ("declared-elsewhere", hint)
    assert spec.requirements[0] in error.because


def test_what_is_said_moves() -> None:
    """Added on one side and removed on the other, by the name that the other side has for it."""
    edit = added(PYPI, "numpy>=2", "Typing_Extensions", "gdal", conda=True)
    assert (edit.conda, edit.remove) == (
        ("numpy>=2", "typing_extensions", "gdal"),
        ("numpy", "typing-extensions"),
    )
    edit = added(CONDA, "typing-extensions>=4", "numpy", "polars", conda=False)
    assert edit.add == ("typing-extensions>=4", "numpy", "polars")
    assert edit.conda_remove == ("typing_extensions", "numpy")
    after = editing.asked(CONDA, edit, "nb.ipynb")
    assert (after.conda, after.requirements) == ((), ("rich>=1", *edit.add))


def test_names_that_differ_between_the_sides_meet() -> None:
    """`pytorch` and `torch` are one package: it moves, is not declared twice, and goes by either name."""
    conda, pypi = Spec(conda=("numpy", "pytorch>=2", "pytorch-gpu")), Spec(requirements=("torch>=2",))
    edit = added(conda, "torch", conda=False)
    assert (edit.add, edit.conda_remove) == (("torch",), ("pytorch", "pytorch-gpu"))
    assert added(pypi, "pytorch", conda=True).remove == ("torch",)
    assert raised(msgspec.structs.replace(pypi, conda=("numpy",)), "pytorch").code == "declared-elsewhere"
    assert wanting.removed(conda, ["torch"], "x").conda_remove == ("pytorch", "pytorch-gpu")
    assert wanting.removed(conda, ["pytorch"], "x").conda_remove == ("pytorch",)
    assert wanting.removed(pypi, ["pytorch"], "x").remove == ("torch",)


def test_a_package_that_is_on_both_sides_can_be_changed_on_its_own() -> None:
    """Somebody wrote it so by hand; saying a side leaves it there only."""
    both = msgspec.structs.replace(CONDA, requirements=("numpy",))
    assert added(both, "numpy>=2").conda == ("numpy>=2",)
    assert added(both, "numpy>=2", conda=True).remove == ("numpy",)
    assert added(both, "numpy>=2", conda=False).conda_remove == ("numpy",)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("numpy=2.1", '--conda "numpy=2.1", or as PyPI has it: numpy==2.1'),
        ("conda-forge::gdal", '--conda "conda-forge::gdal"'),
        ("conda-forge::gdal>=3", '--conda "conda-forge::gdal>=3"'),
        ("python_abi=*=*_cp312", '--conda "python_abi=*=*_cp312"'),
        ("gdal 3.9.*", '--conda "gdal 3.9.*", or as PyPI has it: gdal==3.9.*'),
    ],
)
def test_conda_s_form_is_explained_where_packages_are_pypi_s(word: str, hint: str) -> None:
    """Who comes from conda types it so."""
    error = raised(PYPI, word)
    assert (error.code, error.hint) == ("written-for-conda", f"take it from conda: {hint}")


@pytest.mark.parametrize(
    ("spec", "word", "code"),
    [
        (PYPI, "a b", "bad-requirement"),
        (PYPI, "./a.whl", "bad-requirement"),
        (CONDA, "pkg[x]", "written-for-pypi"),
        (CONDA, "./a.conda", "bad-conda-dependency"),
        (CONDA, "https://example.org/a.conda", "bad-conda-dependency"),
        (CONDA, "a[url=https://example.org/a.conda]", "bad-conda-dependency"),
        (CONDA, "python=3.11|3.12", "bad-python"),
    ],
)
def test_what_is_no_package_of_the_side_is_refused(spec: Spec, word: str, code: str) -> None:
    """Before anything is read or fetched."""
    assert raised(spec, word).code == code


@pytest.mark.parametrize("spec", [PYPI, CONDA])
def test_a_python_among_the_packages_is_asked_for(spec: Spec) -> None:
    """It is no package of the name."""
    edit = added(spec, "python=3.12", "polars")
    assert (edit.python, edit.add + edit.conda) == ("3.12", ("polars",))
    assert editing.asked(spec, edit, "x").python == "3.12"
    assert added(spec, "python").python is None
    assert raised(spec, "python=3.12", "python>=3.13").code == "two-pythons"


def test_channels_are_added_below_those_that_are_declared() -> None:
    """Where none is declared, the policy's stay behind it, as they counted before."""
    spec = msgspec.structs.replace(CONDA, channels=("conda-forge",))
    assert added(spec, "a", channels=["bioconda"], known=["x"]).channels == ("bioconda",)
    assert added(CONDA, "a", channels=["bioconda"], known=["conda-forge", "bioconda"]).channels == (
        "bioconda", "conda-forge",
    )  # fmt: skip
    assert added(CONDA, "a", known=["conda-forge"]).channels == ()
    after = editing.asked(spec, added(spec, "a", channels=["bioconda"]), "x")
    assert after.channels == ("conda-forge", "bioconda")
    assert raised(spec, "a", channels=["../x"]).code == "bad-channel"


def test_a_package_is_removed_wherever_it_is_declared() -> None:
    """By its name as either side writes it."""
    edit = wanting.removed(CONDA, ["typing-extensions", "rich", "NumPy"], "x")
    assert (edit.remove, edit.conda_remove) == (("rich",), ("typing_extensions", "numpy"))
    assert editing.asked(CONDA, edit, "x").conda == ()
    both = msgspec.structs.replace(CONDA, requirements=("numpy",))
    edit = wanting.removed(both, ["numpy", "numpy"], "x")
    assert (edit.remove, edit.conda_remove) == (("numpy",), ("numpy",))


@pytest.mark.parametrize(
    ("names", "channels", "there"),
    [
        (["polars"], [], "numpy>=1, conda-forge::typing"),
        (["a b c"], [], "rich>=1"),
        ([], ["x"], "no packages"),
    ],
)
def test_what_is_declared_nowhere_cannot_be_removed(
    names: list[str], channels: list[str], there: str
) -> None:
    """The message says what is declared, on both sides."""
    with pytest.raises(SpecError) as caught:
        wanting.removed(CONDA, names, "x", channels=channels)
    assert (caught.value.code, there in caught.value.because) == ("not-declared", True)


# The command line


def values(*words: str) -> dict[str, Any]:
    """The values that a verb gets."""
    return dict(parsing.parse(words, TABLE).values)


def test_adding_has_conda_s_options() -> None:
    """A channel can be given more than once, and swallows no package."""
    given = values("add", "-c", "conda-forge", "maps.ipynb", "gdal>=3.9", "--conda", "--channel", "bioconda")
    assert given["packages"] == ("maps.ipynb", "gdal>=3.9")
    assert (given["channels"], given["conda"], given["pypi"]) == (("conda-forge", "bioconda"), True, False)
    assert declaring.side(given) is True
    assert declaring.side(values("add", "a", "--pypi")) is False
    assert declaring.side(values("add", "a")) is None
    with pytest.raises(SpecError) as caught:
        declaring.side(values("add", "a", "--pypi", "--conda"))
    assert caught.value.code == "two-sides"


@pytest.mark.parametrize(
    ("line", "name", "packages"),
    [
        ("env create vision numpy pillow", "vision", ("numpy", "pillow")),
        ("create -n vision python=3.12 numpy -c conda-forge", "vision", ("python=3.12", "numpy")),
        ("create -c conda-forge --name vision numpy", "vision", ("numpy",)),
        ("create vision python=3.12", "vision", ("python=3.12",)),
        ("create --prefix ./envs/lab python=3.12 numpy", "lab", ("python=3.12", "numpy")),
        ("create vision --prefix ./envs/lab", "vision", ()),
        ("create -n vision", "vision", ()),
    ],
)
def test_an_environment_is_created_in_conda_s_words(line: str, name: str, packages: tuple[str, ...]) -> None:
    """The name comes first, or with `-n`, where every word is a package then."""
    assert declaring.named(values(*line.split())) == (name, packages)


def test_an_environment_file_can_name_its_environment(tmp_path: Path) -> None:
    """As `conda env create -f` takes it; a name that is given counts first."""
    file = tmp_path / "environment.yml"
    file.write_text("name: lab\ndependencies:\n- numpy\n")
    assert declaring.named(values("env", "create", "-f", str(file))) == ("lab", ())
    assert declaring.named(values("env", "create", "mine", "-f", str(file))) == ("mine", ())


@pytest.mark.parametrize(
    "line", ["create", "create python=3.12 numpy", "create -f requirements.txt", "create -f x.yml"]
)
def test_an_environment_needs_a_name(line: str) -> None:
    """A package is none."""
    with pytest.raises(SpecError) as caught:
        declaring.named(values(*line.split()))
    assert caught.value.code == "nothing-named"


def test_a_new_environment_asks_what_was_typed() -> None:
    """conda's words make an environment of conda's, everything else one of PyPI's."""
    made = environments.declared(Spec(), ["python=3.12", "gdal"], "x", channels=["conda-forge"])
    assert made == Spec(conda=("gdal",), channels=("conda-forge",), python="3.12", backend="conda")
    made = environments.declared(Spec(), ["python=3.12", "numpy<2"], "x")
    assert made == Spec(requirements=("numpy<2",), python="3.12")
    assert environments.declared(Spec(), ["python=3.12"], "x", conda=True) == Spec(
        python="3.12", backend="conda"
    )
    read = Spec(conda=("numpy",), requirements=("rich",), backend="conda", python="3.11")
    made = environments.declared(read, ["gdal", "numpy>=2"], "x", python="3.12")
    assert (made.conda, made.requirements, made.python) == (("numpy>=2", "gdal"), ("rich",), "3.12")
    with pytest.raises(SpecError) as caught:
        environments.declared(Spec(), ["python=3.12"], "x", python="3.13")
    assert caught.value.code == "two-pythons"


# Edits that wait, and that are undone


def test_of_an_edit_that_waited_only_what_is_not_asked_yet_is_made() -> None:
    """Making it twice changes nothing more; what is gone already is not removed again."""
    edit = Edit(
        conda=("numpy>=1", "gdal"),
        conda_remove=("proj",),
        channels=("c", "d"),
        channels_remove=("e",),
        id="x",
    )
    spec = Spec(conda=("numpy>=1", "proj"), channels=("c", "e"))
    left = handing.remaining(spec, edit)
    assert left is not None
    assert (left.conda, left.conda_remove) == (("gdal",), ("proj",))
    assert (left.channels, left.channels_remove, left.id) == (("d",), ("e",), "x")
    assert handing.remaining(editing.asked(spec, edit, "x"), edit) is None


def test_an_edit_keeps_its_conda_parts_while_it_waits() -> None:
    """It lies as a file in the store."""
    edit = Edit(conda=("a>=1",), conda_remove=("b",), channels=("c",), channels_remove=("d",))
    assert Edit.from_text(edit.to_text()) == edit


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PYPI, CONDA),
        (CONDA, PYPI),
        (
            CONDA,
            msgspec.structs.replace(CONDA, conda=("numpy>=2", "gdal"), channels=("a", "b"), python="3.12"),
        ),
    ],
)
def test_the_steps_of_an_undo_lead_back(before: Spec, after: Spec) -> None:
    """Packages of both sides and channels; the backend follows from the packages."""
    again = editing.asked(after, undoing.steps(after, before), "x")
    assert sorted(again.conda) == sorted(before.conda)
    assert sorted(again.requirements) == sorted(before.requirements)
    assert (again.channels, again.python) == (before.channels, before.python)


def test_channels_that_counted_for_nothing_are_left_by_an_undo() -> None:
    """An `environment.yml` without conda packages has them all the same."""
    origin = Origin(kind="project", path="/x/environment.yml")
    edit = undoing.steps(Spec(conda=("a",), channels=("c",), origin=origin), Spec())
    assert (edit.conda_remove, edit.channels_remove) == (("a",), ())


def test_an_edit_that_is_refused_leaves_the_notebook_as_it_was(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """It is refused before anything is resolved."""
    notebook = tmp_path / "a.ipynb"
    notebook.write_text(
        '{"cells": [], "metadata": {"kernel_iso": {"id": "x", "spec": {"conda": ["numpy"]}}}, "nbformat": 4,'
        ' "nbformat_minor": 5}'
    )
    before = notebook.read_bytes()
    engine = Engine.open({**os.environ, **environ, "KERNEL_ISO_TRUSTED_FOLDERS": str(tmp_path)})
    target = Target(kind="notebook", path=str(notebook), why="the file named")
    codes = []
    for act in (
        lambda: editing.add(engine, target, ["pkg[x]"]),
        lambda: editing.add(engine, target, ["gdal=2"], conda=False),
        lambda: editing.add(engine, target, ["gdal", "python=3.12", "python=3.13"]),
        lambda: editing.remove(engine, target, ["polars"]),
        lambda: editing.add(engine, target, []),
    ):
        with pytest.raises(SpecError) as caught:
            act()
        codes.append(caught.value.code)
    assert codes == ["written-for-pypi", "written-for-conda", "two-pythons", "not-declared", "nothing-named"]
    assert notebook.read_bytes() == before
