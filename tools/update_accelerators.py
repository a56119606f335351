"""Refresh `kernel_iso/accelerators.toml` from the indexes of torch's builds.

python tools/update_accelerators.py                     read `<base>/<tag>/torch/` for every tag that the table has
python tools/update_accelerators.py cu134 rocm10.0      and for these
python tools/update_accelerators.py --base URL --check  of another index; change nothing, end with 1 where it is stale

Releases, patches, Pythons and tags are rewritten; what each build has code for, the pairs of torchvision and
torchaudio, and `only-asked` stay as they are, and are named where a release or a build is new. Nothing is written
where a page of a known tag cannot be read.
"""

from __future__ import annotations

import argparse
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import tomlkit
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from kernel_iso.accelerators import FILE, numbers, read
from kernel_iso.model import Policy

# The last part of a wheel's name, by machine.
_MACHINES = {
    r"(manylinux.*|linux)_x86_64": "linux-x86_64",
    r"(manylinux.*|linux)_aarch64": "linux-aarch64",
    r"win_amd64": "windows-x86_64",
    r"win_arm64": "windows-arm64",
    r"macosx_.*_arm64": "macos-arm64",
    r"macosx_.*_x86_64": "macos-x86_64",
}


class _Links(HTMLParser):
    """The names of the files that a PEP 503 page links."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") if tag == "a" else None
        if href and "data-yanked" not in dict(attrs):
            self.names.append(unquote(href.split("#")[0].rsplit("/", 1)[-1]))


def names(page: str) -> list[str]:
    """The names of the files on a PEP 503 page, yanked ones left out.

    >>> names('<a href="/whl/cpu/torch-2.14.1%2Bcpu-cp312-cp312-win_amd64.whl#sha256=00">torch</a>')
    ['torch-2.14.1+cpu-cp312-cp312-win_amd64.whl']
    """
    links = _Links()
    links.feed(page)
    return links.names


Facts = dict[str, dict[str, Any]]
"""By release: `patch`, `pythons` (minor versions), and `tags` by machine."""


def facts(pages: Mapping[str, str]) -> Facts:
    """What the pages of some tags say of the final releases since 2.0."""
    found: Facts = {}
    for tag, page in pages.items():
        for name in names(page):
            try:
                _, version, _, tags = parse_wheel_filename(name)
            except InvalidWheelFilename:
                continue
            if version.is_prerelease or version.major < 2 or version.local not in (None, tag):
                continue
            release = found.setdefault(
                f"{version.major}.{version.minor}", {"patch": 0, "pythons": set(), "tags": {}}
            )
            release["patch"] = max(release["patch"], version.micro)
            for each in tags:
                python = re.fullmatch(r"cp(\d)(\d+)", each.interpreter)
                machine = next(
                    (to for pattern, to in _MACHINES.items() if re.fullmatch(pattern, each.platform)), ""
                )
                if python and machine:
                    release["pythons"].add(f"{python[1]}.{python[2]}")
                    release["tags"].setdefault(machine, set()).update(
                        {tag, "mps"} if machine == "macos-arm64" else {tag}
                    )
    return found


def ordered(tags: Iterable[str]) -> list[str]:
    """Tags as the table lists them."""
    kinds = ("cpu", "cu", "rocm", "xpu", "mps")
    return sorted(tags, key=lambda tag: ([tag.startswith(kind) for kind in kinds].index(True), numbers(tag)))


def updated(text: str, found: Facts, today: str) -> tuple[str, list[str]]:
    """The table with what was found, and what a person has yet to add to it."""
    document = tomlkit.parse(text)
    rows: Any = document["torch"]
    known = {row["release"]: row for row in rows}
    todo = []
    for name in sorted(found, key=numbers):
        row, fresh = known.get(name), found[name]
        if row is None:
            row = tomlkit.table()
            row.update(
                {"release": name, "patch": 0, "python": [], "torchvision": [], "torchaudio": [], "tags": {}}
            )
            before = known[max(known, key=numbers)]
            for pair in ("torchvision", "torchaudio"):
                row[pair] = list(before[pair])
            rows.insert(0, row)
            known[name] = row
            todo.append(
                f"torch {name} is new: its torchvision and torchaudio are those of the release before"
            )
        pythons = sorted(fresh["pythons"], key=numbers)
        _put(row, "patch", fresh["patch"])
        _put(row, "python", [pythons[0], pythons[-1]])
        _put(row, "tags", {machine: ordered(tags) for machine, tags in sorted(fresh["tags"].items())})
    fresh_text = tomlkit.dumps(document)
    if fresh_text != text:
        document["checked"] = today
        fresh_text = tomlkit.dumps(document)
    table = read(fresh_text)
    todo += [
        f"{tag} of torch {row.release} for {machine} has no [[code]]"
        for row in table.releases
        for machine, tags in row.tags.items()
        for tag in tags
        if tag not in ("cpu", "mps", "xpu") and table.code_of(row.release, tag, machine) is None
    ]
    return fresh_text, todo


def _put(row: Any, key: str, value: Any) -> None:
    """Set a value only where it differs, so that its comment and its layout stay."""
    if row[key] != value:
        row[key] = value


def fetch(base: str, tag: str) -> str:
    """The page of a tag."""
    request = urllib.request.Request(f"{base.rstrip('/')}/{tag}/torch/", headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: bytes = answer.read()
    return content.decode("utf-8")


def main(arguments: list[str]) -> int:
    """Refresh or check; return the exit status."""
    parser = argparse.ArgumentParser(description="Refresh the table of torch's builds.")
    parser.add_argument("tags", nargs="*", help="tags that the table does not have yet")
    parser.add_argument("--base", default=Policy().torch_index)
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    text = options.file.read_text(encoding="utf-8")
    pages = {}
    for tag in ordered((read(text).tags - {"mps"}) | set(options.tags)):
        try:
            pages[tag] = fetch(options.base, tag)
        except (urllib.error.URLError, TimeoutError) as error:
            print(f"cannot read {options.base}/{tag}/torch/: {error}; nothing is written", file=sys.stderr)
            return 2
    fresh, todo = updated(text, facts(pages), datetime.now(UTC).date().isoformat())
    for line in todo:
        print(line)
    if fresh == text:
        return 0
    if options.check:
        print(f"{options.file} is stale", file=sys.stderr)
        return 1
    options.file.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
