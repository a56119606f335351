"""When no build of torch is chosen, because somebody else has decided where torch comes from."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from kernel_iso.accelerators import Table
from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.model import Plan
from kernel_iso.planning import asking, torches
from kernel_iso.planning.indexes import comparable, no_torch_index, torch_tag
from kernel_iso.planning.rules import Case, attempt
from kernel_iso.planning.torches import Wish


def aside(wish: Wish, plan: Plan, case: Case, table: Table) -> tuple[str, str] | None:
    """The tag (mostly "") and the reason where torch is taken as it comes; None where a build is to be chosen.

    That is where the notebook binds torch to an index of the policy, where the policy's packages come from
    indexes of its own and none is set for the builds of torch, and where torch is pinned to an artefact.
    Raises `SpecError` (`accelerator-contradicts`) and `ImpossibleError` (`no-torch-index`).
    """
    asked = "" if case.spec.accelerator == "auto" else case.spec.accelerator
    wanted = asked or asking.bound(plan, case, table)
    if wanted and torches.is_tag(wish.local) and wish.local != wanted:
        raise SpecError(
            "accelerator-contradicts",
            attempt(case.spec),
            f"the build `{wanted}` is asked for, and a version is pinned to the build `+{wish.local}`",
            f'set accelerator = "{wish.local}", or leave one of the two out'
            if asked
            else f"bind torch to the index of {wish.local}, or leave one of the two out",
        )
    if own := _bound(plan, case, table):
        return own
    if closed := _closed(plan, case):
        if asked and not _default(asked, case):
            raise ImpossibleError(
                "no-torch-index",
                attempt(case.spec),
                f"the build `{asked}` is asked for, and {closed}",
                "set `torch-index` in the policy to an index that has a folder for each build, and use the uv backend",
            )
        return "", f"{closed}: torch is the build that they have"
    if wish.local and not torches.is_tag(wish.local):
        return "", f"torch is pinned to the build `+{wish.local}`, which is none of PyTorch's own"
    if any(canonicalize_name(name) == "torch" for name, _ in plan.hashes) and not wish.local and not asked:
        return "", "the artefact of torch is pinned by its hash, so no build is chosen"
    return _outside(wish, case, table)


def _outside(wish: Wish, case: Case, table: Table) -> tuple[str, str] | None:
    """Machines and releases of which the table tells nothing."""
    machine = case.machine.tag
    if not any(machine in each.tags for each in table.torch):
        return (
            "",
            f"the table of {table.checked} knows no build of torch for {machine}: the index's own is taken",
        )
    if not any(wish.allows(each) for each in table.torch) and not wish.allows_newer(table.releases[0]):
        known = f"{table.releases[-1].release} to {table.releases[0].release}"
        return (
            "",
            f"{wish.text} fits none of torch {known}, of which the builds are known: the index's own is taken",
        )
    return None


def _bound(plan: Plan, case: Case, table: Table) -> tuple[str, str] | None:
    """The notebook's own binding, but to an index of torch's builds; the index tells the tag where it is named so."""
    index = next((index for name, index in plan.pins if name in table.bound), "")
    url = next((each.url for each in plan.indexes if each.name == index), "")
    if not index or torch_tag(url, case.policy):
        return None
    last = comparable(url).rsplit("/", 1)[-1]
    tag = last if last in table.tags or torches.is_tag(last) else ""
    return tag, f"torch is bound to {index} where the wish is declared, so no build is chosen"


def _closed(plan: Plan, case: Case) -> str:
    """Why the builds' own indexes are not used, or ""."""
    if plan.backend == "virtualenv":
        return "the virtualenv backend takes everything from one index"
    return no_torch_index(case.policy)


def _default(asked: str, case: Case) -> bool:
    """True where the default index's build is the one that is asked for."""
    system = case.machine.os
    return (asked == "mps" and system == "macos") or (asked == "cpu" and system in ("macos", "windows"))
