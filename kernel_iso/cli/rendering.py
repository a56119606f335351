"""HTML for cells, made from what a verb answered. Pure. Everything that is shown may quote a stranger, and is escaped."""

from __future__ import annotations

import html as escaping
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kernel_iso.cli.terminals import printable

GREEN, AMBER, RED = "#2e7d32", "#b26a00", "#c62828"
COLOURS = {"ready": GREEN, "in-use": GREEN, "found": GREEN, "out-of-date": AMBER, "not-made": AMBER}


def html(name: str, data: Mapping[str, Any], text: str) -> str:
    """The answer of a verb as HTML: what has a form of its own in it, everything else as the text."""
    if name == "inspect" and data.get("rows") is not None:
        return status(data, text)
    if data.get("changes"):
        return changes(text)
    return pre(text)


def pre(text: str) -> str:
    """A text as it is.

    >>> pre("a <b>")
    '<pre style="margin:0;white-space:pre-wrap">a &lt;b&gt;</pre>'
    """
    return f'<pre style="margin:0;white-space:pre-wrap">{_plain(text)}</pre>'


def changes(text: str) -> str:
    """Lines of which those that begin with a sign of a change are coloured.

    >>> changes("  + polars 1.33")
    '<pre style="margin:0;white-space:pre-wrap"><span style="color:#2e7d32">  + polars 1.33</span></pre>'
    """
    colours = {"+": GREEN, "~": AMBER, "-": RED}
    made = []
    for line in text.split("\n"):
        colour = colours.get(line.strip()[:1]) if line.startswith("  ") else None
        made.append(f'<span style="color:{colour}">{_plain(line)}</span>' if colour else _plain(line))
    joined = "\n".join(made)
    return f'<pre style="margin:0;white-space:pre-wrap">{joined}</pre>'


def status(data: Mapping[str, Any], text: str) -> str:
    """The state of an environment: what it is, declared against installed, and what differs."""
    colour = COLOURS.get(data["state"], RED)
    prefix = data.get("prefix") or {}
    torch = next((row["installed"] for row in data["rows"] if row["name"] == "torch"), "")
    devices = [f"{item['name']} {item.get('driver', '')}".strip() for item in data["machine"]["accelerators"]]
    facts = [
        ("Python", f"{prefix['version']} ({prefix['backend']})" if prefix else ""),
        ("torch", f"{torch} {data['accelerator']}".strip()),
        ("accelerators", ", ".join(devices)),
        ("declared in", declared(data["spec"])),
        ("lock", "in the store" if prefix.get("lock") else ""),
        ("folder", prefix.get("path", "")),
    ]
    asked = [row for row in data["rows"] if row["role"] in ("asked", "added")]
    head = f'<b>{_plain(data["label"])}</b>: <span style="color:{colour}">{_plain(data["state"])}</span>'
    rows = _table([(name, value) for name, value in facts if value])
    packages = [
        (item["name"], item["declared"], item["locked"], item["installed"], _mark(item)) for item in asked
    ]
    found = _table(packages, ("package", "declared", "locked", "installed", "")) if packages else ""
    more = "".join(f"<div>{_plain(line)}</div>" for line in _after(text))
    drift = "".join(f'<div style="color:{AMBER}">{_plain(line)}</div>' for line in data["machine_drift"])
    return f"<div>{head}{rows}{found}{drift}{more}</div>"


def declared(spec: Mapping[str, Any]) -> str:
    """Where the Spec was read.

    >>> declared({"origin": {"kind": "pep723", "path": "/home/me/a.ipynb", "detail": "cell 1"}}), declared({})
    ('/home/me/a.ipynb, cell 1', '')
    """
    origin = spec.get("origin") or {}
    return ", ".join(part for part in (origin.get("path", ""), origin.get("detail", "")) if part)


def _mark(row: Mapping[str, str]) -> str:
    if row["role"] == "added":
        return "installed by hand: %iso adopt"
    if not row["installed"]:
        return "not installed"
    return "differs" if row["locked"] and row["locked"] != row["installed"] else ""


def _after(text: str) -> Iterable[str]:
    """The lines of the text that say what to do."""
    return [line for line in text.split("\n") if "%iso " in line]


def _table(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> str:
    cell = '<{0} style="text-align:left;padding:0 1em 0 0">{1}</{0}>'
    made = ["<tr>" + "".join(cell.format("th", _plain(item)) for item in head) + "</tr>"] if head else []
    made += ["<tr>" + "".join(cell.format("td", _plain(item)) for item in row) + "</tr>" for row in rows]
    return f'<table style="margin:.3em 0">{"".join(made)}</table>'


def _plain(text: object) -> str:
    return escaping.escape(printable(str(text)))
