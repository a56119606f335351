"""What a person typed as packages: for conda or for PyPI, a Python among them, and what is declared elsewhere already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from kernel_iso import notebooks
from kernel_iso.backends.conda.specs import pypi_name
from kernel_iso.errors import SpecError
from kernel_iso.model import Spec, conda_specs
from kernel_iso.store import Edit

SIDES = {True: "--conda", False: "--pypi"}
"""How each side is asked for."""


def for_conda(spec: Spec, conda: bool | None, channels: Sequence[str] = ()) -> bool:
    """True where packages go to conda: as it was said, or where a channel is named, or what is asked has conda already.

    >>> for_conda(Spec(conda=("gdal",)), None), for_conda(Spec(), None), for_conda(Spec(conda=("gdal",)), False)
    (True, False, False)
    """
    if conda is not None:
        return conda
    return bool(channels or spec.conda) or spec.backend == "conda"


def added(
    spec: Spec,
    words: Sequence[str],
    label: str,
    *,
    conda: bool | None = None,
    channels: Sequence[str] = (),
    known: Sequence[str] = (),
) -> Edit:
    """The edit that declares what a person typed, for the side of `for_conda`; `python=3.12` asks for a Python.

    With `conda` said, what is declared on the other side moves. The first channel that is named comes before those that
    counted without a declaration (`known`), as it does for conda. Raises `SpecError`: `declared-elsewhere`,
    `written-for-conda`, `written-for-pypi`, `two-pythons`, and the codes of requirements and conda dependencies.
    """
    to_conda = for_conda(spec, conda, channels)
    pythons, wanted = pythons_and_packages(words, to_conda)
    there = declared(spec.requirements if to_conda else spec.conda, conda=not to_conda)
    here = declared(spec.conda if to_conda else spec.requirements, conda=to_conda)
    names = [canonical(item, conda=to_conda) for item in wanted]
    moved = [name for name in names if name in there]
    if conda is None:
        for name, item in zip(names, wanted, strict=True):
            if name in there and name not in here:
                _elsewhere(item, there[name][0], label, to_conda=to_conda)
        moved = []
    channels = tuple(notebooks.channel(item) for item in channels)
    if channels and not spec.channels:
        channels = tuple(dict.fromkeys((*channels, *known)))
    edit = Edit(channels=channels, python=pythons)
    if to_conda:
        return msgspec.structs.replace(edit, conda=wanted, remove=tuple(dict.fromkeys(moved)))
    return msgspec.structs.replace(edit, add=wanted, conda_remove=_conda_names(moved, there))


def removed(spec: Spec, words: Sequence[str], label: str, *, channels: Sequence[str] = ()) -> Edit:
    """The edit that declares packages no longer, on whichever side they are; raises `SpecError` (`not-declared`)."""
    pypi: dict[str, None] = {}
    conda: dict[str, None] = {}
    for word in words:
        of_pypi = _meant(word, declared(spec.requirements, conda=False))
        of_conda = _meant(word, {conda_specs.conda_name(item): [] for item in spec.conda}, conda=True)
        if not of_pypi and not of_conda:
            not_declared(word, (*spec.requirements, *spec.conda), label)
        pypi |= dict.fromkeys(of_pypi)
        conda |= dict.fromkeys(of_conda)
    for channel in channels:
        if channel not in spec.channels:
            not_declared(channel, spec.channels, label)
    return Edit(remove=tuple(pypi), conda_remove=tuple(conda), channels_remove=tuple(channels))


def _meant(word: str, names: Iterable[str], *, conda: bool = False) -> list[str]:
    """Those of one side's names that a word means: as that side writes it, or else as the other one does.

    >>> _meant("torch", ["numpy", "pytorch"], conda=True), _meant("pytorch", ["pytorch", "pytorch-gpu"], conda=True)
    (['pytorch'], ['pytorch'])
    >>> _meant("pytorch", ["torch"])
    ['torch']
    """
    there = list(names)
    written = canonical(word, conda=False)
    exact = [name for name in there if canonical(name, conda=False) == written]
    other = canonical(word, conda=not conda)
    return exact or [name for name in there if canonical(name, conda=conda) == other]


def pythons_and_packages(words: Iterable[str], to_conda: bool) -> tuple[str | None, tuple[str, ...]]:
    """The Python that is among the words (None where there is none), and the packages in the form of their side.

    Raises like `added`.

    >>> pythons_and_packages(["python=3.12", "numpy==2.1.*"], True)
    ('3.12', ('numpy=2.1',))
    """
    pythons, packages = [], []
    for word in words:
        python = notebooks.python_wish(word)
        if python is None:
            packages.append(notebooks.conda_wish(word) if to_conda else _requirement(word))
        elif python:
            pythons.append(python)
    if len(set(pythons)) > 1:
        two_pythons(pythons)
    return (pythons[0] if pythons else None), tuple(packages)


def two_pythons(pythons: Sequence[str]) -> NoReturn:
    """Raise the `SpecError` about several Pythons that are asked for at once."""
    raise SpecError(
        "two-pythons",
        "cannot tell which Python is asked for",
        f"{' and '.join(pythons)} were both given",
        "leave one of them out",
    )


def not_declared(name: str, there: Sequence[str], label: str) -> NoReturn:
    """Raise the `SpecError` about something to remove that is not declared."""
    raise SpecError(
        "not-declared",
        f"cannot remove `{name}` from `{label}`",
        "it is not declared there; declared are: " + (", ".join(there) or "no packages"),
        f"kernel-iso tree --why {name}   shows what needs it",
    )


def declared(items: Iterable[str], *, conda: bool) -> dict[str, list[str]]:
    """What is declared on one side, by names that both sides have for it."""
    found: dict[str, list[str]] = {}
    for item in items:
        found.setdefault(canonical(item, conda=conda), []).append(item)
    return found


def _conda_names(named: Iterable[str], there: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names of these packages as conda writes them."""
    found = (conda_specs.conda_name(item) for name in named for item in there.get(name, ()))
    return tuple(dict.fromkeys(found))


def canonical(word: str, *, conda: bool) -> str:
    """The name of a package of one side, in the form in which the names of both are compared: PyPI's.

    >>> canonical("conda-forge::pytorch=2", conda=True), canonical("Torch>=2", conda=False), canonical("a b c", conda=False)
    ('torch', 'torch', 'a b c')
    """
    try:
        name = Requirement(word).name
    except InvalidRequirement:
        try:
            name = conda_specs.conda_name(word)
        except SpecError:
            return word
    return pypi_name(name.lower()) if conda else str(canonicalize_name(name))


def _requirement(word: str) -> str:
    """A requirement of PyPI; raises `SpecError` (`written-for-conda`) for conda's own form, and `bad-requirement`."""
    try:
        return notebooks.requirement(word)
    except SpecError as error:
        try:
            item = conda_specs.parsed(word)
        except SpecError:
            raise error from None
    exact = item.version.lstrip("=")
    version = f", or as PyPI has it: {item.name}=={exact}" if re.fullmatch(r"\d[\w.*]*", exact) else ""
    raise SpecError(
        "written-for-conda",
        f"cannot ask PyPI for `{item.text}`",
        "that is how conda writes it, and packages come from PyPI here",
        f'take it from conda: --conda "{item.text}"{version}',
    )


def _elsewhere(item: str, there: str, label: str, *, to_conda: bool) -> NoReturn:
    side = "a package of PyPI" if to_conda else "a conda package"
    raise SpecError(
        "declared-elsewhere",
        f"cannot add `{item}` to `{label}`",
        f"it is declared as {side} there: {there}",
        f'kernel-iso add {SIDES[not to_conda]} "{item}"   changes it there; {SIDES[to_conda]} moves it',
    )
