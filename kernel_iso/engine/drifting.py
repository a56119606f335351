"""What has changed on the machine since a prefix was last prepared: driver, devices, and the torch inside."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from packaging.version import Version

from kernel_iso import accelerators, planning
from kernel_iso.engine.fitting import GUEST, write_changed
from kernel_iso.errors import SpecError
from kernel_iso.model import Accelerator, Machine, Package, Plan, Prefix

RECORD = "machine.json"
"""The file in a prefix's own folder that holds the machine it was last prepared on. It lies beside the manifest, not in
it: a driver that still takes the same build leaves the prefix as it is."""


def record(prefix: Prefix, machine: Machine) -> None:
    """Note the machine for which a prefix was prepared; written only where it changed, and only where that is possible."""
    target = Path(prefix.path) / GUEST / RECORD
    text = msgspec.structs.replace(machine, pythons=(), tools=(), findings=()).to_text()
    with contextlib.suppress(OSError):  # a read-only store: it is only a memory
        write_changed(target, text)


def recorded(prefix: Prefix) -> Machine | None:
    """The machine for which a prefix was last prepared, None where that is not known."""
    try:
        return Machine.from_text((Path(prefix.path) / GUEST / RECORD).read_bytes())
    except (OSError, SpecError):
        return None


def drift(
    prefix: Prefix, plan: Plan, machine: Machine, there: Mapping[str, str], before: Machine | None
) -> tuple[str, ...]:
    """Sentences on what differs: devices and drivers from `before`, the build from the plan's, torch from what was made.

    `there` are the versions that are installed at present.
    """
    texts = [*_devices(before, machine)] if before else []
    return (*texts, *_build(prefix, plan, machine), *_swapped(prefix, there))


def _devices(before: Machine, now: Machine) -> Iterator[str]:
    """Drivers and devices that a kernel sees. Another device of the same model is no difference: nothing hangs on it."""
    if before.tag != now.tag:
        yield f"it was prepared on {before.tag}, and this is {now.tag}"
    seen, sees = (
        Counter(_model(each) for each in machine.accelerators if each.visible) for machine in (before, now)
    )
    yield from (f"{_counted(model, count)} is here no more" for model, count in (seen - sees).items())
    yield from (f"{_counted(model, count)} is new here" for model, count in (sees - seen).items())
    for kind in sorted(
        {each.kind for each in before.accelerators} & {each.kind for each in now.accelerators}
    ):
        old, new = _drivers(before.accelerators, kind), _drivers(now.accelerators, kind)
        if old != new:
            yield f"the driver was {old or 'not known'}, and is {new or 'not known'} now"


def _model(device: Accelerator) -> str:
    architecture = accelerators.sm(device.architecture)
    name = device.name or f"a GPU ({device.kind})"
    return f"{name} ({architecture})" if architecture and architecture != name else name


def _counted(model: str, count: int) -> str:
    return model if count == 1 else f"{count} × {model}"


def _drivers(devices: Sequence[Accelerator], kind: str) -> str:
    texts = (
        f"{each.driver} (CUDA {each.cuda})" if each.driver and each.cuda else each.driver or each.cuda
        for each in devices
        if each.kind == kind
    )
    return ", ".join(dict.fromkeys(filter(None, texts)))


def _build(prefix: Prefix, plan: Plan, machine: Machine) -> Iterator[str]:
    """That the build cannot compute here, or that another one would be chosen now."""
    torch = next((Version(item.version).public for item in prefix.packages if item.name == "torch"), "")
    if not torch:
        return
    why = planning.unfit(prefix.accelerator, torch, machine, accelerators.table())
    if why:
        yield f"the {prefix.accelerator} build of torch {torch} does not compute here: {why}"
    if plan.accelerator != prefix.accelerator:
        chosen = [reason.text for reason in plan.reasons if reason.rule == "accelerator"]
        yield (
            f"it has the build {_named(prefix.accelerator)}, and would get {_named(plan.accelerator)} now: "
            + ("; ".join(chosen) or "nothing that is asked for needs torch")
        )


def _named(tag: str) -> str:
    return tag or "of the ordinary index"


def _swapped(prefix: Prefix, there: Mapping[str, str]) -> Iterator[str]:
    """Packages of torch's family that something else put in the place of those that were made."""
    family = {*accelerators.table().family("cu126")}
    made: tuple[Package, ...] = tuple(item for item in prefix.packages if item.name in family)
    for item in made:
        now = there.get(item.name, "")
        if now == item.version:
            continue
        what = f"{item.name} {now} is in the place of {item.version}" if now else f"{item.name} is gone"
        yield f"{what}: something else than kernel-iso changed it (`!pip` in a cell does that)"
