"""What is wrong in a conda prefix's own files: `conda-meta` has the SHA-256 of every one as it was linked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kernel_iso.backends.conda import prefixes
from kernel_iso.engine.doctoring.findings import Finding, ok, problem


def files(prefix: Path, again: str) -> Iterator[Finding]:
    """Files that are not what conda has linked; what a pip put in the place of conda's package counts as drift, not here."""
    wrong = [f"{package}: {name}" for package, name in damaged(prefix)]
    if wrong:
        shown = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        means = "they were changed, cut off or deleted after the installation"
        yield problem("files", f"files that are not what conda installed: {shown}", means, again)
    else:
        yield ok("files", "every file of conda's packages has the hash in its record")


def damaged(prefix: Path) -> Iterator[tuple[str, str]]:
    """The package and name of each such file."""
    replaced = {
        item.name
        for item in prefixes.inspect(prefixes.python_of(str(prefix)))
        if item.installer != prefixes.INSTALLER
    }
    for name, record in prefixes.records(prefix).items():
        if name in replaced:
            continue
        for entry in _entries(record):
            path = prefix / str(entry.get("_path", ""))
            expected = entry.get("sha256_in_prefix") or entry.get("sha256")
            if expected and not path.is_symlink() and _sum(path) != expected:
                yield name, str(entry["_path"])


def _entries(record: dict[str, object]) -> list[dict[str, Any]]:
    data = record.get("paths_data")
    found = data.get("paths", []) if isinstance(data, dict) else []
    # A link's hash is that of what it leads to; what rattler generates (entry points) has none.
    return [each for each in found if isinstance(each, dict) and each.get("path_type") == "hardlink"]


def _sum(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
