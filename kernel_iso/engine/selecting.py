"""Choose the named environment that a notebook runs in."""

from __future__ import annotations

from pathlib import Path

from kernel_iso import notebooks
from kernel_iso.engine import folders
from kernel_iso.engine.acts import Arguments, target_of
from kernel_iso.engine.context import Engine
from kernel_iso.engine.targets import Target, kernel_name
from kernel_iso.engine.verbs import Outcome
from kernel_iso.errors import SpecError
from kernel_iso.notebooks import files


def use(engine: Engine, target: Target, name: str) -> str:
    """Write the kernel of a named environment into a notebook; return where, "" where a page has to choose it.

    Which kernel an open notebook has is its page's to say. Raises `SpecError` (`not-a-notebook`) and
    `ImpossibleError` (`no-environment`).
    """
    owner = folders.existing(engine.store, name)
    path = Path(target.path)
    if target.kind != "notebook" or path.suffix != ".ipynb":
        raise SpecError(
            "not-a-notebook",
            f"cannot choose an environment for `{target.label}`",
            "only a notebook has a kernel of its own",
            "kernel-iso use vision -b analysis.ipynb",
        )
    if engine.store.open_notebooks.is_open(path):
        return ""
    disk = files.Files()
    before = disk.read(path, files.NOTEBOOK_LIMIT)
    text, encoding = files.decoded(before, str(path))
    spec = {"display_name": f"Isolated: {owner.id}", "language": "python", "name": kernel_name(owner.id)}
    after = files.encoded(notebooks.set_metadata(text, ("kernelspec",), spec), encoding, str(path))
    if after != before:
        disk.write(path, before, after)
    return str(path)


def told(engine: Engine, arguments: Arguments) -> Outcome:
    """Choose a named environment."""
    name = str(arguments["environment"])
    target = target_of(engine, {"target": arguments.get("notebook") or ""})
    where = use(engine, target, name)
    kernel = f"Isolated: {name}"
    text = (
        f"{target.label} uses the environment {name} from its next start: restart the kernel"
        if where
        else f'{target.label} is open in a page: choose the kernel "{kernel}" there'
    )
    return Outcome(data={"environment": name, "kernel": kernel, "written": where}, text=text)
