"""(d) The same with a thousand prefixes in the store."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks import answering, starting
from benchmarks.grounds import Ground, notebook_of
from benchmarks.measuring import Section, interleave
from kernel_iso.model import Emit, Generation, Package, Prefix


def measure(ground: Ground) -> list[Section]:
    """Fill the store, then measure starts, the engine and the commands again."""
    count = ground.options.prefixes
    begin = time.perf_counter()
    fill(ground, count)
    print(f"  {count} prefixes in {time.perf_counter() - begin:.1f} s", file=sys.stderr)
    suffix = f", {count} prefixes in the store"
    starting.stock(ground)
    seconds = interleave(starting.candidates(ground), ground.options.rounds, warm_up=2)
    start = Section(
        title=f"Start of a ready kernel{suffix}",
        baseline="stock ipykernel",
        seconds=seconds,
        goal=starting.GOAL,
    )
    return [start, *answering.measure(ground, suffix=suffix)]


def fill(ground: Ground, count: int) -> None:
    """Add prefixes of other notebooks: whole for the store, with few files in them."""
    model = ground.ready.prefix
    packages = tuple(Package(name=f"package-{at}", version="1.0") for at in range(40))
    notebooks = ground.folder / "others"
    notebooks.mkdir()
    for at in range(count):
        notebook = notebooks / f"{at}.ipynb"
        notebook.write_text(json.dumps(notebook_of([])), encoding="utf-8")
        owner = f"{at:08x}-0000-4000-8000-000000000000"
        key = ground.engine.store.key(model.lock, f"bench-{at}", owner)

        def make(path: Path, emit: Emit, *, key: str = key, owner: str = owner) -> Prefix:
            for name in ("bin/python", *(f"lib/module{number}.py" for number in range(20))):
                file = path / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("pass\n", encoding="utf-8")
            return Prefix(
                key=key,
                path=str(path),
                python=str(path / "bin" / "python"),
                version=model.version,
                backend=model.backend,
                owner=owner,
                lock=model.lock,
                plan=model.plan,
                packages=packages,
                made=time.time(),
            )

        ground.engine.store.realise(key, make)
        generation = Generation(key=key, spec="{}", lock=model.lock, made=time.time())
        ground.engine.store.add_generation(owner, "notebook", str(notebook), generation)
