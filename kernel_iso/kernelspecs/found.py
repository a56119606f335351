"""The kernelspecs of environments that were found: they are on no disk, the kernelspec manager makes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from kernel_iso.discovery import Discovered
from kernel_iso.kernelspecs.named import PROVISIONER

LOGOS = Path(__file__).parent / "logos"
"""A folder with a logo for each kind of environment, as a kernelspec's resources."""


def spec_of(found: Discovered, display_name: str) -> dict[str, Any]:
    """The kernelspec of an environment that was found, as `kernel.json` would hold it.

    The provisioner replaces the beginning of its command; by it other tools see whose kernel it is.
    """
    return {
        "argv": [found.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": display_name,
        "language": "python",
        "interrupt_mode": "signal",
        "metadata": {
            "debugger": True,
            "supported_encryption": ["curve"] if _can_encrypt(found) else [],
            "kernel_provisioner": {"provisioner_name": PROVISIONER, "config": {"discovered": found.path}},
            "kernel_iso": {
                "kind": found.kind, "tool": found.tool, "name": found.name, "path": found.path,
                "python": found.version, "torch": found.torch, "ipykernel": found.ipykernel,
            },
        },
    }  # fmt: skip


def _can_encrypt(found: Discovered) -> bool:
    """Whether its ipykernel knows CurveZMQ, which came with 7.3; the newest for Python 3.9 does not.

    >>> new = Discovered(kind="venv", tool="venv", name="", path="", python="", version="3.10.2")
    >>> _can_encrypt(new), _can_encrypt(Discovered(**new.to_json() | {"version": "3.9.2"}))
    (True, False)
    """
    try:
        if found.ipykernel:
            return Version(found.ipykernel) >= Version("7.3")
        return Version(found.version.rstrip("t")) >= Version("3.10")
    except InvalidVersion:
        return False


def runs(python: str, torch: str) -> str:
    """What an environment runs.

    >>> runs("3.12", "2.9.1+cu126"), runs("3.11", "")
    ('Python 3.12 · torch 2.9.1+cu126', 'Python 3.11')
    """
    return f"Python {python}" + (f" · torch {torch}" if torch else "")


def display_names(found: Sequence[Discovered], home: Path) -> list[str]:
    """A telling name for each: what it runs, what it is called, whose it is; with its folder where two are alike.

    >>> ml = Discovered(kind="conda", tool="conda", name="ml", path="/c", python="", version="3.12.1", torch="2.9.1+cu126")
    >>> display_names([ml], Path("/home/ada"))
    ['Python 3.12 · torch 2.9.1+cu126 — ml (conda)']
    """
    plain = [f"{runs(each.minor, each.torch)} — {each.name} ({each.tool})" for each in found]
    alike = Counter(plain)
    return [
        text if alike[text] == 1 else f"{text[:-1]}, {_short(each.path, home)})"
        for text, each in zip(plain, found, strict=True)
    ]


def _short(path: str, home: Path) -> str:
    place = Path(path)
    return str(Path("~") / place.relative_to(home)) if place.is_relative_to(home) else path


def interpreters(spec: Mapping[str, Any]) -> set[str]:
    """The folders of the interpreters, and the environments, that a kernelspec's command names.

    nb_conda_kernels names them behind a runner of its own, others behind `conda run -p`.

    >>> sorted(interpreters({"argv": ["/e/bin/python3.12", "-m", "ipykernel_launcher"]}))
    ['/e/bin', '/e/bin/python3.12']
    """
    if spec.get("metadata", {}).get("kernel_provisioner", {}).get("provisioner_name") == PROVISIONER:
        return set()  # it names the interpreter that kernel-iso runs on
    paths = [Path(word) for word in spec.get("argv", ()) if Path(word).is_absolute()]
    folders = [path.parent.resolve() for path in paths if path.name.lower().startswith("python")]
    return {str(path) for path in (*folders, *paths)}
