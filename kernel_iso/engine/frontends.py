"""Front ends that packages of a prefix bring for the page: federated extensions of JupyterLab, and nbextensions.

A widget's Python half lies in the prefix, its other half in `share/jupyter/labextensions` there, where the server does
not look: https://jupyterlab.readthedocs.io/en/stable/extension/extension_dev.html#prebuilt-extensions
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from kernel_iso.engine.fitting import site_packages
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Policy, Prefix, Record

SHARE = "share/jupyter"

BASE = "@jupyter-widgets/base"
"""What every front end of a widget shares with the page: https://ipywidgets.readthedocs.io/en/stable/dev_release.html"""

LARGEST = 4 * 2**20
"""Bytes of the largest `package.json` that is read."""


class Frontend(Record, frozen=True, kw_only=True):
    """One front end: which `package` (and `version`) brought it, and the `module` that the page asks for.

    `kind` is `labextension` or `nbextension`; `url` is relative to the prefix. `parts` are what a labextension exposes
    for the page to activate (`./extension`, `./style`). `widget` is true where it draws the widgets of its package:
    a prefix may hold extensions of JupyterLab of every other kind. `conflict` is one sentence where the server has
    another one of that name itself ("": none).
    """

    package: str
    version: str
    module: str
    kind: str
    url: str
    parts: tuple[str, ...]
    widget: bool
    conflict: str


def frontends(prefix: Prefix, served: Mapping[str, str]) -> tuple[Frontend, ...]:
    """The front ends in a prefix, by module. `served` are the versions that the server has itself, by module."""
    root = Path(prefix.path)
    owners = _owners(site_packages(root, prefix.version), root)
    widgets = {item.name for item in prefix.packages if "ipywidgets" in item.requires}
    found = [*_labextensions(root, owners, served, widgets), *_nbextensions(root, owners, widgets)]
    return tuple(sorted(found, key=lambda item: (item.module, item.kind)))


def refusal(policy: Policy) -> ImpossibleError | None:
    """Why no page may load a front end out of an environment, None where the policy lets a person be asked."""
    if policy.frontends != "never":
        return None
    return ImpossibleError(
        "frontends-not-allowed",
        "does not give the page a widget's front end",
        'the policy says `frontends = "never"`',
        "install the widget's package beside JupyterLab, or ask the administrator",
    )


def _labextensions(
    root: Path, owners: Mapping[str, tuple[str, str]], served: Mapping[str, str], widgets: Set[str]
) -> Iterator[Frontend]:
    base = root / SHARE / "labextensions"
    for manifest in sorted((*base.glob("*/package.json"), *base.glob("@*/*/package.json"))):
        data = _read(manifest)
        module, version = str(data.get("name", "")), str(data.get("version", ""))
        build = _part(data, "jupyterlab", "_build")
        load = build.get("load")
        if not module or not isinstance(load, str) or not _inside(load):
            continue  # not prebuilt, or not to be believed
        folder = manifest.parent.relative_to(root).as_posix()
        package, _ = owners.get(f"{folder}/package.json", ("", ""))
        shares = BASE in _part(data, "jupyterlab", "sharedPackages") or BASE in _part(data, "dependencies")
        parts = tuple(part for key in ("extension", "style") if isinstance(part := build.get(key), str))
        yield Frontend(
            package=package, version=version, module=module, kind="labextension",
            url=f"{folder}/{PurePosixPath(load)}", parts=parts, widget=shares or package in widgets,
            conflict=conflict(module, version, served.get(module, "")),
        )  # fmt: skip


def _nbextensions(root: Path, owners: Mapping[str, tuple[str, str]], widgets: Set[str]) -> Iterator[Frontend]:
    base = root / SHARE / "nbextensions"
    for folder in sorted((*base.glob("[!@]*/"), *base.glob("@*/*/"))):
        entry = next(
            (folder / name for name in ("index.js", "extension.js") if (folder / name).is_file()), None
        )
        if entry is None:
            continue
        url = entry.relative_to(root).as_posix()
        package, version = owners.get(url, ("", ""))
        module = folder.relative_to(base).as_posix()
        yield Frontend(
            package=package, version=version, module=module, kind="nbextension", url=url, parts=(),
            widget=package in widgets, conflict="",
        )  # fmt: skip


def _owners(site: Path, root: Path) -> dict[str, tuple[str, str]]:
    """Which package, in which version, brought each file below `share/jupyter`, as its RECORD says."""
    found: dict[str, tuple[str, str]] = {}
    for record in site.glob("*.dist-info/RECORD"):
        name, _, version = record.parent.name.removesuffix(".dist-info").rpartition("-")
        try:
            with record.open(newline="", encoding="utf-8", errors="replace") as stream:
                rows = [row[0] for row in csv.reader(stream) if row and SHARE in row[0]]
        except (OSError, csv.Error):
            continue
        for row in rows:
            place = PurePosixPath(row.replace("\\", "/"))
            if SHARE in str(place):
                inner = SHARE + str(place).split(SHARE, 1)[1]
                found[inner] = (str(canonicalize_name(name)), version)
    return found


def _read(path: Path) -> dict[str, Any]:
    """A JSON object of a package; {} for anything else."""
    try:
        if path.stat().st_size > LARGEST:
            return {}
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _part(data: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        inner = data.get(key)
        data = inner if isinstance(inner, dict) else {}
    return data


def _inside(load: str) -> bool:
    """True for a path that stays in its folder."""
    path = PurePosixPath(load)
    return bool(load) and "\\" not in load and not path.is_absolute() and ".." not in path.parts


def conflict(module: str, version: str, served: str) -> str:
    """The sentence about two front ends of one name that do not go together, "" where they do.

    >>> conflict("bqplot", "0.5.44", "0.5.40"), conflict("bqplot", "0.5.44", "0.6.1")[:31]
    ('', 'the page already has bqplot 0.6')
    """
    if not served or not version or line(version) == line(served):
        return ""
    return (
        f"the page already has {module} {served} from the server, and this environment needs {version}: "
        "a page holds only one of a name"
    )


def line(version: str) -> tuple[int, ...]:
    """The releases that go together as semver says: the major number, and before 1.0 the minor one too.

    >>> line("2.3.1"), line("0.5.44")
    ((2,), (0, 5))
    """
    try:
        parsed = Version(version.split("-", maxsplit=1)[0])
    except InvalidVersion:
        return ()
    return (parsed.major,) if parsed.major else (0, parsed.minor)


def as_served(given: Sequence[object]) -> dict[str, str]:
    """What a caller says that the server has: `{"name", "version"}` each, or "NAME@VERSION".

    >>> as_served(["@a/b@1.0", {"name": "c", "version": "2"}])
    {'@a/b': '1.0', 'c': '2'}
    """
    found: dict[str, str] = {}
    for item in given:
        if isinstance(item, dict):
            found[str(item.get("name", ""))] = str(item.get("version", ""))
        else:
            name, _, version = str(item).rpartition("@")
            found[name] = version
    return found
