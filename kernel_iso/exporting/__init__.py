"""A Spec and its exact artefacts as the files that people use: one module a format, nothing read, nothing run."""

from __future__ import annotations

from kernel_iso.errors import SpecError
from kernel_iso.exporting import (
    conda_locks,
    environment_yml,
    explicit_lists,
    leaving,
    pixi_locks,
    pylocks,
    requirements_txt,
)
from kernel_iso.exporting.sources import Conda, Content, Exported, File, Pin, Source, part_name

__all__ = [
    "DETAILED", "FORMATS", "Conda", "Content", "Exported", "File", "Pin", "Source", "export", "part_name",
]  # fmt: skip

FORMATS = ("environment.yml", "explicit", "conda-lock", "pixi.lock", "pylock.toml", "requirements.txt")

DETAILED = ("conda-lock", "pixi.lock")
"""Those that tell more of conda's packages than a lock of ours knows."""

_EXACT = {
    "explicit": explicit_lists.explicit, "conda-lock": conda_locks.conda_lock, "pixi.lock": pixi_locks.pixi_lock,
    "pylock.toml": pylocks.pylock,
}  # fmt: skip


def only_asked(form: str, *, history: bool = False, minimal: bool = False) -> bool:
    """True where a format tells the wishes only, so that nothing needs to be locked."""
    return (form == "environment.yml" and history) or (form == "requirements.txt" and minimal)


def export(
    source: Source, form: str, *, builds: bool = True, history: bool = False, minimal: bool = False
) -> Exported:
    """The files of one of `FORMATS`.

    `builds`, `history` (what was asked only) are about environment.yml, `minimal` about requirements.txt. Raises `SpecError`
    (`unknown-format`) and `ImpossibleError` (`format-cannot-hold`, `local-address`, `private-address`, `would-leak`).
    """
    if form == "environment.yml":
        made = (
            environment_yml.from_history(source) if history else environment_yml.full(source, builds=builds)
        )
    elif form == "requirements.txt":
        made = requirements_txt.minimal(source) if minimal else requirements_txt.hashed(source)
    elif form in _EXACT:
        made = _EXACT[form](source)
    else:
        raise SpecError(
            "unknown-format", f"cannot export as `{form[:60]}`", f"the formats are {', '.join(FORMATS)}", "name one of these"
        )  # fmt: skip
    return leaving.guarded(made, source, form)
