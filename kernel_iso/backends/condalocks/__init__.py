"""Locks that other tools of conda's world wrote: conda-lock's, pixi's and explicit lists.

They are strangers' texts: nothing in them is believed but names, versions and hashes. What they hold is installed only
where the policy's channels and indexes have it.
"""

from __future__ import annotations

from kernel_iso.backends.condalocks.conda_lock import conda_lock
from kernel_iso.backends.condalocks.explicit_lists import explicit_list
from kernel_iso.backends.condalocks.pixi import pixi_lock
from kernel_iso.backends.condalocks.records import Foreign, Wheel, bad
from kernel_iso.model import Run

__all__ = ["LIMIT", "Foreign", "Wheel", "read"]

LIMIT = 8 * 2**20
"""Characters of the largest lock that is read: conda-lock's for 400 packages on five platforms has 1.5 million."""


def read(path_name: str, text: str, platform_subdir: str, run: Run | None = None) -> Foreign:
    """What a lock holds for a platform ("linux-64"); which kind it is, its file's name tells.

    pixi's is read by py-rattler, with `run`. Raises `SpecError` (`bad-lock`) that says where, and `ImpossibleError`
    (`lock-does-not-fit`, `url-not-allowed`).
    """
    name = path_name.replace("\\", "/").rpartition("/")[2]
    if len(text) > LIMIT:
        bad(name, f"it has more than {LIMIT} characters")
    if name.endswith((".yml", ".yaml")):
        return conda_lock(text, platform_subdir, name)
    if name == "pixi.lock" or name.endswith(".pixi.lock"):
        return pixi_lock(text, platform_subdir, name, run)
    return explicit_list(text, platform_subdir, name)
