"""Every row of `tests/plans/*.toml`: Spec, Machine and Policy, and the Plan, Reasons or error they end in.

A row gives what differs from `MACHINE` below, an empty Spec and the default Policy. `expect` holds fields of
the Plan, `reasons` the whole text that a rule leaves, or a list of parts of it, `error` fields of the error.
`torch_backend` is the person's UV_TORCH_BACKEND, `brought_torch` what a resolution showed.
A file is named as its rule is; rows of one rule may lie in several (`accelerator.nvidia.toml`).
"""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kernel_iso import planning
from kernel_iso.errors import IsoError
from kernel_iso.model import Machine, Plan, Policy, Spec, canonical

FOLDER = Path(__file__).parents[1] / "plans"
NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
MACHINE: dict[str, Any] = {
    "os": "linux",
    "arch": "x86_64",
    "libc": "glibc 2.36",
    "pythons": [
        {"version": "3.12.1", "path": "/uv/3.12.1/bin/python3.12", "source": "uv"},
        {"version": "3.13.0", "path": "/pyenv/3.13.0/bin/python", "source": "pyenv"},
        {"version": "3.11.7", "path": "/pyenv/3.11.7/bin/python", "source": "pyenv"},
        {"version": "3.9.18", "path": "/pyenv/3.9.18/bin/python", "source": "pyenv"},
        {"version": "3.8.18", "path": "/pyenv/3.8.18/bin/python", "source": "pyenv"},
        {"version": "3.12.3", "path": "/usr/bin/python3.12"},
        {"version": "3.11", "path": "/usr/bin/python3.11"},
        {"version": "3.11.7", "path": "/pyenv/3.11.7/bin/python3.11", "source": "self"},
    ],
}


def rows() -> list[tuple[str, dict[str, Any]]]:
    """Every row, with the name of its file."""
    files = sorted(FOLDER.glob("*.toml"))
    return [
        (file.stem, row) for file in files for row in tomllib.loads(file.read_text(encoding="utf-8"))["row"]
    ]


def planned(row: dict[str, Any]) -> Plan:
    """The plan of a row."""
    return planning.plan(
        Spec.from_json(row.get("spec", {})),
        Machine.from_json(MACHINE | row.get("machine", {})),
        Policy.from_json(row.get("policy", {})),
        now=NOW,
        torch_backend=row.get("torch_backend", ""),
        brought_torch=row.get("brought_torch", ""),
    )


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{file}: {row['name']}") for file, row in rows()])
def test_a_row_ends_in_what_it_expects(row: dict[str, Any]) -> None:
    """The row's plan has the fields and reasons that it expects, or it ends in the error that it expects."""
    known = {
        "name",
        "spec",
        "machine",
        "policy",
        "torch_backend",
        "brought_torch",
        "expect",
        "reasons",
        "error",
    }
    assert set(row) <= known
    assert row.get("expect") or row.get("reasons") or row.get("error"), (
        "a row that expects nothing proves nothing"
    )
    if "error" in row:
        with pytest.raises(IsoError) as caught:
            planned(row)
        told = caught.value.to_json()
        assert row["error"] == {key: told[key] for key in row["error"]}
        return
    plan = planned(row)
    for field, expected in row.get("expect", {}).items():
        assert expected == json.loads(canonical(getattr(plan, field))), field
    for rule, text in row.get("reasons", {}).items():
        found = [reason.text for reason in plan.reasons if reason.rule == rule]
        if isinstance(text, list):
            assert [part for part in text if not any(part in whole for whole in found)] == [], found
        else:
            assert [text] == found


def test_every_rule_has_a_file_of_rows() -> None:
    """The files are named as the rules are, and none is missing."""
    assert set(planning.RULES) == {file.split(".")[0] for file, _ in rows()}


def test_every_error_of_planning_has_a_row() -> None:
    """Each code that planning can end in is the end of some row."""
    sources = [file.read_text(encoding="utf-8") for file in Path(planning.__file__).parent.glob("*.py")]
    raised = {code for text in sources for code in re.findall(r'Error\(\s*"([a-z-]+)"', text)}
    assert raised == {row["error"]["code"] for _, row in rows() if "error" in row}
