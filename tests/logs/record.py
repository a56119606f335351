"""Record the events of real preparations, which pytest and jest replay: python tests/logs/record.py

The index is made by hand (tests/wheelhouse.py), the engine and its tools are real. Folders of the machine that
records are replaced, and so are the times: one event comes a tenth of a second after the other.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import nbformat

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from wheelhouse import Wheelhouse  # noqa: E402

from kernel_iso.engine import Engine, preparing  # noqa: E402
from kernel_iso.engine.targets import named  # noqa: E402
from kernel_iso.errors import IsoError  # noqa: E402
from kernel_iso.model import Event  # noqa: E402

FIRST = 1_700_000_000.0
"""When every recorded log begins."""


@dataclass
class Recorder:
    """Takes events; `on` is called with each, so that a recording can interfere."""

    on: Callable[[Event], None] = lambda event: None
    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Take one."""
        self.events.append(event)
        self.on(event)


def record(folder: Path, index: Wheelhouse, *requirements: str, cancel_at: str = "") -> list[Event]:
    """The events of a start of a notebook that asks for `requirements`, cancelled in the phase `cancel_at`."""
    block = f"# /// script\n# dependencies = {msgspec.json.encode(requirements).decode()}\n# ///"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(block)])
    nbformat.write(notebook, folder / "analysis.ipynb")
    (folder / "policy.toml").write_text(
        f'indexes = [{{name = "local", url = "{index.url}"}}]\ncompanions = []\n'
    )
    environ = {
        **os.environ,
        "KERNEL_ISO_STORE": str(folder / "store"),
        "KERNEL_ISO_CONFIG": str(folder / "policy.toml"),
    }
    cancelled = threading.Event()
    taken = Recorder(lambda event: cancelled.set() if event.phase == cancel_at else None)
    engine = Engine.open(environ, emit=taken, cancelled=cancelled)
    try:
        preparing.realise(engine, named(str(folder / "analysis.ipynb"), cwd=str(folder)), trust="yes")
    except IsoError as error:
        # What the provisioner says when a start fails.
        taken(Event(phase="launch", text="the kernel cannot be started", error=error.to_json()))
    else:
        taken(Event(phase="launch", text="the kernel has started"))
    return taken.events


def portable(events: list[Event], folder: Path, index: str) -> str:
    """The events as ndjson, without what only this machine has."""
    lines = []
    for number, event in enumerate(events):
        moved = msgspec.structs.replace(event, at=FIRST + number / 10)
        text = moved.to_text().replace(str(folder), "/work").replace(index, "http://index.example")
        lines.append(re.sub(r"(?<=at: )/[^\"]*/bin/(python[0-9.]*)", r"/usr/bin/\1", text))
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Write every log."""
    cases = {
        "made": (("blue",), ""),
        "conflict": (("blue", "green<2"), ""),
        "cancelled": (("blue",), "realise"),
    }
    for name, (requirements, cancel_at) in cases.items():
        with Wheelhouse() as index, tempfile.TemporaryDirectory() as folder:
            index.wheel("ipykernel", "7.0")
            index.wheel("blue", "1.0", requires=["green>=2"])
            index.wheel("green", "1.0")
            index.wheel("green", "2.0")
            events = record(Path(folder), index, *requirements, cancel_at=cancel_at)
            text = portable(events, Path(folder), index.url.removesuffix("/simple"))
            (HERE / f"{name}.ndjson").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
