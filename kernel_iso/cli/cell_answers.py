"""What a cell is answered: the verbs of a line, texts as they are typed in a cell, and what is shown."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from kernel_iso.cli import parsing
from kernel_iso.engine import Engine, verbs
from kernel_iso.engine.verbs import Outcome, Verb
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Event

PROG = "%iso"


def _shown(engine: Engine, arguments: Mapping[str, Any]) -> Outcome:
    """The small panel, for people without the extension of JupyterLab."""
    error = ImpossibleError(
        "no-widgets",
        "cannot show a panel in this notebook",
        "ipywidgets is not installed in its environment",
        "%iso add ipywidgets   (everything that the panel does, %iso does without it)",
    )
    buttons = [
        {"label": "Add", "line": "add", "words": True},
        {"label": "Remove", "line": "remove", "words": True},
        {"label": "Upgrade", "line": "upgrade", "words": True},
        {"label": "Undo", "line": "undo"},
    ]
    about = {"state": "status", "placeholder": "polars numpy<2", "text": "%iso status", "buttons": buttons}
    return Outcome(data={"panel": {**about, "error": error.to_json()}})


PANEL = Verb(name="panel", help="show a small panel in this notebook", act=_shown)


def in_cell(text: str) -> str:
    """A text with the commands in it as they are typed in a cell.

    >>> in_cell("kernel-iso add polars   declares it; kernel-iso cannot know")
    '%iso add polars   declares it; kernel-iso cannot know'
    """
    names = "|".join(sorted({re.escape(name.split()[0]) for name in parsing.index(lines())}))
    return re.sub(rf"\bkernel-iso (?=(?:{names})\b)", f"{PROG} ", text)


def lines() -> dict[str, Verb]:
    """The verbs of a line: the engine's, and those that only a cell has."""
    helps = verbs.Argument(name="verb", help="the verb; without one, all of them", kind="many", default=())
    told = Verb(name="help", help="show help on a verb", act=_shown, arguments=(helps,))
    return {**verbs.TABLE, PANEL.name: PANEL, told.name: told}


def shown(text: str, html: str = "", **more: Any) -> Outcome:
    """The answer that shows a text, and does what else is named."""
    bundle = {"text/plain": text}
    if html:
        bundle["text/html"] = html
    return Outcome(data={"show": [bundle] if text else [], **more})


def tell(engine: Engine, text: str, html: str) -> None:
    """Show something before the end: an event whose unit is `show` holds texts by their MIME types."""
    bundle = json.dumps({"text/plain": text, "text/html": html})
    engine.emit(Event(phase="cell", at=time.time(), text=bundle, unit="show"))
