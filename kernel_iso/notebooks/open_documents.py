"""A notebook as it is open in a page: what is read and written instead of its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kernel_iso.errors import SpecError
from kernel_iso.notebooks import ipynb
from kernel_iso.notebooks.files import Files
from kernel_iso.notebooks.shown import clean
from kernel_iso.notebooks.writing import OURS


class OpenDocument(Files):
    """The disk with one notebook on it as a page holds it, outputs left out; an edit of it is kept for the page.

    Nothing is written to a file that a page has open: it would offer to reload, and what was typed since the last
    save would be lost. All other files are the disk's. Raises `SpecError`: `bad-notebook` where it is none.
    """

    def __init__(self, path: Path, document: object) -> None:
        self._path = str(path)
        self._given = _checked(document, self._path)
        super().__init__({self._path: json.dumps(self._given, indent=1).encode()})

    def write(self, path: Path, before: bytes | None, after: bytes) -> None:
        """Keep an edit of the document for the page; another file is written."""
        if str(path) == self._path:
            self._instead[self._path] = after
        else:
            super().write(path, before, after)

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the document at present."""
        found: dict[str, Any] = json.loads(self._instead[self._path])["metadata"]
        return found

    def changes(self) -> dict[str, Any]:
        """What the page must do to its document, empty where nothing changed.

        `metadata` is the whole of `metadata.kernel_iso` (null: take it away). `cells` have an `index` and the new
        `source`; with `insert` true they are new code cells that go there, and have `metadata` too.
        """
        now = json.loads(self._instead[self._path])
        told: dict[str, Any] = {}
        if now["metadata"].get(OURS) != self._given["metadata"].get(OURS):
            told["metadata"] = now["metadata"].get(OURS)
        if cells := _cells(self._given["cells"], now["cells"]):
            told["cells"] = cells
        return told


def _cells(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cells that differ. An edit changes one cell, or puts one in front."""
    if len(after) > len(before):
        new = after[0]
        return [
            {"index": 0, "source": _text(new["source"]), "metadata": new.get("metadata", {}), "insert": True}
        ]
    pairs = enumerate(zip(before, after, strict=True))
    return [
        {"index": index, "source": _text(new["source"])}
        for index, (old, new) in pairs
        if _text(old["source"]) != _text(new["source"])
    ]


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _checked(document: object, place: str) -> dict[str, Any]:
    """The document with everything that an edit relies on; raises where it is no notebook."""
    ipynb.parse(json.dumps(document), place)
    assert isinstance(document, dict)
    if not isinstance(document.get("cells"), list) or not isinstance(document.get("metadata"), dict):
        raise SpecError(
            "bad-notebook",
            f"cannot read `{clean(place)}` as a notebook",
            "the page sent a document without metadata or cells",
            "reload the page",
        )
    cells = [{"source": "", **cell} for cell in document["cells"]]
    return {**document, "cells": cells}
