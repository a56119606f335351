"""What is to be declared otherwise: in normal form, made in a Spec, and found again in what was written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from kernel_iso.model import Spec, conda_specs
from kernel_iso.notebooks import checking, toml_editing
from kernel_iso.notebooks.refusals import by_hand, not_declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be declared otherwise, in normal form; see `editing.edit_requirements`."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()
    conda_remove: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    channels_remove: tuple[str, ...] = ()
    python: str | None = None
    accelerator: str | None = None

    @property
    def requirements(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Requirements to add, and names to remove."""
        return self.add, self.remove

    @property
    def conda_packages(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Conda packages to add, and names to remove."""
        return self.conda, self.conda_remove

    @property
    def conda_channels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Channels to add, and channels to remove."""
        return self.channels, self.channels_remove

    @property
    def is_condas(self) -> bool:
        """True where conda packages or channels change."""
        return any((*self.conda_packages, *self.conda_channels))

    def __str__(self) -> str:
        wanted = [*(f"+{item}" for item in self.add), *(f"-{name}" for name in self.remove)]
        wanted += [f"conda +{item}" for item in self.conda] + [f"conda -{name}" for name in self.conda_remove]
        wanted += [f"channel +{item}" for item in self.channels]
        wanted += [f"channel -{item}" for item in self.channels_remove]
        wanted += [f'python = "{self.python}"'] if self.python is not None else []
        wanted += [f'accelerator = "{self.accelerator}"'] if self.accelerator is not None else []
        return " ".join(wanted)


def change(
    add: Sequence[str],
    remove: Sequence[str],
    *,
    conda: Sequence[str] = (),
    conda_remove: Sequence[str] = (),
    channels: Sequence[str] = (),
    channels_remove: Sequence[str] = (),
    python: str | None = None,
    accelerator: str | None = None,
) -> Change:
    """The change in normal form; raises like the functions of `checking`."""
    return Change(
        add=tuple(checking.requirement(item) for item in add),
        remove=tuple(checking.name_of(item) for item in remove),
        conda=tuple(checking.conda_dependency(item) for item in conda),
        conda_remove=tuple(conda_specs.conda_name(checking.conda_dependency(item)) for item in conda_remove),
        channels=tuple(checking.channel(item) for item in channels),
        channels_remove=tuple(checking.channel(item) for item in channels_remove),
        python=None if python is None else checking.python(python),
        accelerator=None if accelerator is None else checking.accelerator(accelerator),
    )


def edited(spec: Spec, wanted: Change, place: str) -> Spec:
    """The Spec after a change; what is added stands in the place of one of that name (`not-declared`).

    >>> edited(Spec(requirements=("a", "b", "b<2")), change(["b>=1"], ["a"]), "x").requirements
    ('b>=1',)
    >>> edited(Spec(conda=("gdal", "proj")), change([], [], conda=["gdal>=3"], conda_remove=["proj"]), "x").conda
    ('gdal>=3',)
    """
    declared = list(spec.requirements)
    for item in wanted.add:
        same = [
            position
            for position, old in enumerate(declared)
            if checking.name_of(old) == checking.name_of(item)
        ]
        declared[slice(same[0], same[0] + 1) if same else slice(len(declared), None)] = [item]
        declared = [old for position, old in enumerate(declared) if position not in same[1:]]
    for name in wanted.remove:
        kept = [old for old in declared if checking.name_of(old) != checking.name_of(name)]
        if len(kept) == len(declared):
            not_declared(name, place, declared)
        declared = kept
    present = {*map(conda_specs.conda_name, spec.conda), *spec.channels}
    for name in (*wanted.conda_remove, *wanted.channels_remove):
        if name not in present:
            not_declared(name, place, (*spec.conda, *spec.channels))
    channels = [item for item in spec.channels if item not in wanted.channels_remove]
    conda = conda_specs.without(spec.conda, wanted.conda_remove)
    return msgspec.structs.replace(
        spec,
        requirements=tuple(declared),
        conda=conda_specs.replaced(conda, wanted.conda),
        channels=tuple(dict.fromkeys((*channels, *wanted.channels))),
        python=spec.python if wanted.python is None else wanted.python,
        accelerator=wanted.accelerator or spec.accelerator,
    )


def check(asked: Spec, place: str, wanted: Change, *, elsewhere: bool, group: str) -> None:
    """Refuse (`edit-by-hand`) an edit whose result, when it is read, does not ask what was meant.

    `elsewhere` is a project, which says what Python it requires apart from what was chosen; of a `group` that does not
    count here nothing is asked.
    """
    pypi = _are_there(wanted.requirements, asked.requirements, checking.name_of) or (elsewhere and group)
    added = tuple(item for item in wanted.conda if not _unread(item, place))
    conda = _are_there((added, wanted.conda_remove), asked.conda, conda_specs.conda_name)
    # An environment.yml without conda packages has no use for channels.
    channels = _are_there(wanted.conda_channels, asked.channels, str) or not asked.conda
    chosen = wanted.python is None or toml_editing.specifier(asked.python) == toml_editing.specifier(
        wanted.python
    )
    chosen = chosen or (elsewhere and not wanted.python)
    chosen = chosen and wanted.accelerator in (None, asked.accelerator)
    if not (pypi and conda and channels and chosen):
        by_hand(place, "what it says would not be what was meant", str(wanted))


def _are_there(
    wanted: tuple[Sequence[str], Sequence[str]], asked: Sequence[str], name: Callable[[str], str]
) -> bool:
    """True where what is added is asked, and what is removed is not."""
    add, remove = wanted
    gone = {name(item) for item in remove} - {name(item) for item in add}
    return set(add) <= set(asked) and not gone & {name(item) for item in asked}


def _unread(item: str, place: str) -> bool:
    """True for pip in an `environment.yml`: every kernel has it, so that it asks for nothing."""
    return place.endswith((".yml", ".yaml")) and conda_specs.conda_name(item) == "pip"
