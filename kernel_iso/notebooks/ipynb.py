"""What a notebook's text says to us: its cells' sources, its kernel, and `metadata.kernel_iso`."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Origin, Spec
from kernel_iso.notebooks import checking, pep723
from kernel_iso.notebooks.pep723 import Block
from kernel_iso.notebooks.shown import clean

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""A notebook's id: it becomes part of paths."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell's type and source; its outputs are passed over unread."""

    cell_type: str = ""
    source: str | list[str] = ""

    @property
    def text(self) -> str:
        """The source as one text."""
        return self.source if isinstance(self.source, str) else "".join(self.source)


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """The `kernelspec` or `language_info` of the metadata."""

    name: str = ""
    language: str | None = None


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """`metadata.kernel_iso`; keys of later versions are passed over."""

    id: str = ""
    spec: dict[str, Any] | None = None
    lock: dict[str, Any] | None = None


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """The notebook's metadata, as far as it concerns us."""

    kernelspec: Named = Named()
    language_info: Named = Named()
    kernel_iso: Ours = Ours()
    uv_lock: str = msgspec.field(default="", name="uv.lock")


class Notebook(msgspec.Struct, frozen=True, kw_only=True):
    """A notebook, as far as it concerns us."""

    nbformat: int
    nbformat_minor: int = 0
    metadata: Metadata = Metadata()
    cells: list[Cell] = []


def parse(text: str, place: str) -> Notebook:
    """The notebook in a JSON text; `place` names it in messages.

    Raises `SpecError`: `bad-json` with line and column, `bad-notebook` with the key path of a wrong type, and
    where the document is no notebook at all.
    """
    try:
        # One pass that builds nothing from outputs: a notebook of 50 MB takes a few hundredths of a second.
        return msgspec.json.decode(text, type=Notebook)
    except msgspec.ValidationError as error:
        _refuse(place, error)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        pass
    try:
        # Python's own reader takes what Jupyter writes and strict JSON has not (NaN), and tells the line.
        return msgspec.convert(json.loads(text, parse_int=_integer), Notebook)
    except msgspec.ValidationError as error:
        _refuse(place, error)
    except json.JSONDecodeError as error:
        because = f"{error.msg}, at line {error.lineno}, column {error.colno}"
    except RecursionError:
        because = "it is nested too deeply"
    hint = "it may be cut off or hold marks of a merge; restore it"
    raise SpecError("bad-json", f"cannot read `{clean(place)}`", because, hint)


def _integer(digits: str) -> int:
    # Python refuses to convert very long numbers; nothing that concerns us is one.
    return int(digits) if len(digits) < 20 else 0


def _refuse(place: str, error: msgspec.ValidationError) -> NoReturn:
    because = clean(str(error).replace("Object missing required field", "it has no field").replace("$.", ""))
    hint = "restore it, or open it with Jupyter and save it again"
    raise SpecError("bad-notebook", f"cannot read `{clean(place)}` as a notebook", because, hint) from None


def script_cell(notebook: Notebook, place: str) -> tuple[int, Block] | None:
    """The number (from 0) of the code cell with the script block, and the block.

    Raises `SpecError`: `two-script-blocks` where there is more than one, and what `pep723.script` raises.
    """
    found: list[tuple[int, Block]] = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and (block := pep723.script(cell.text, f"{place}, cell {number + 1}")):
            found.append((number, block))
    if len(found) > 1:
        pep723.two_blocks(place, f"cells {found[0][0] + 1} and {found[1][0] + 1}")
    return found[0] if found else None


def notebook_id(notebook: Notebook, place: str) -> str:
    """The notebook's id, "" where it has none yet (`bad-id` where it could not be part of a path)."""
    found = notebook.metadata.kernel_iso.id
    if found and not ID.fullmatch(found):
        hint = "remove metadata.kernel_iso.id; the notebook gets a new one"
        checking.refuse("bad-id", found, place, "an id has letters, digits, `-` and `_`", hint)
    return found


def metadata_spec(notebook: Notebook, place: str) -> Spec | None:
    """The Spec in `metadata.kernel_iso.spec`; raises `SpecError` (`bad-record`, codes of `checking`)."""
    data = notebook.metadata.kernel_iso.spec
    if data is None:
        return None
    where = f"{place}, metadata.kernel_iso.spec"
    origin = Origin(kind="metadata", path=place, detail="metadata.kernel_iso.spec")
    return checking.checked(_record(Spec, data, where), where, origin=origin)


def metadata_lock(notebook: Notebook, place: str) -> Lock | None:
    """The Lock in `metadata.kernel_iso.lock`; raises `SpecError` (`bad-record`)."""
    data = notebook.metadata.kernel_iso.lock
    return None if data is None else _record(Lock, data, f"{place}, metadata.kernel_iso.lock")


def _record(kind: type[Any], data: dict[str, Any], where: str) -> Any:
    try:
        return kind.from_json(data)
    except SpecError as error:
        what = f"cannot read the {kind.__name__} in {clean(where)}"
        raise SpecError(
            error.code, what, clean(error.because.replace("`$.", "`")), "correct or remove it"
        ) from None
    except RecursionError:
        what = f"cannot read the {kind.__name__} in {clean(where)}"
        raise SpecError("bad-record", what, "it is nested too deeply", "remove it") from None
