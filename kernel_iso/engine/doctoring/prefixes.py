"""What is wrong in a prefix's own files: changed, missing or clashing ones, and code that runs by itself."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from kernel_iso.accelerators import table
from kernel_iso.engine.doctoring.drivers import BEFORE
from kernel_iso.engine.doctoring.findings import Finding, note, ok, problem
from kernel_iso.engine.parting import FOLLOWS
from kernel_iso.model import Package
from kernel_iso.planning.environments import names_in


def files(site: Path, again: str) -> Iterator[Finding]:
    """Files that are not what was installed, and `.pth` files that run code."""
    wrong = [*tampered(site)]
    if wrong:
        shown = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        means = "they were changed, cut off or deleted after the installation"
        yield problem("files", f"files that are not what was installed: {shown}", means, again)
    else:
        yield ok("files", "every installed file has the hash in its RECORD")
    for name in running_pth(site):
        yield note(
            "pth", f"{name} runs code at every start of this Python",
            "some packages need that; malware uses it too", f"read {site / name}",
        )  # fmt: skip


def tampered(site: Path) -> Iterator[str]:
    """The files below `site` whose SHA-256 is not the one in their package's RECORD, or that are missing."""
    for _, names in damaged(site):
        yield from names


def damaged(site: Path) -> Iterator[tuple[str, list[str]]]:
    """Each package with such files, and their names.

    RECORD: https://packaging.python.org/en/latest/specifications/recording-installed-packages/ (rows of path,
    `sha256=` urlsafe base64 without padding, size).
    """
    for record in sorted(site.glob("*.dist-info/RECORD")):
        with record.open(newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.reader(stream) if len(row) >= 2 and row[1].startswith("sha256=")]
        # Scripts: their first line is written by the installer.
        own = [(row[0], row[1]) for row in rows if not row[0].startswith("..")]
        if wrong := [name for name, expected in own if _hash(site / name) != expected]:
            yield canonicalize_name(record.parent.name.split("-")[0]), wrong


def _hash(path: Path) -> str:
    try:
        found = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return ""
    return "sha256=" + base64.urlsafe_b64encode(found).rstrip(b"=").decode()


def running_pth(site: Path) -> list[str]:
    """The `.pth` files that run code: `site` executes their lines that begin with `import`."""
    found = []
    for path in sorted(site.glob("*.pth")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if path.name != "_virtualenv.pth" and any(line.startswith(("import ", "import\t")) for line in lines):
            found.append(path.name)
    return found


# ---- packages: all of it pure


def missing(found: Sequence[Package], again: str) -> Iterator[Finding]:
    """Packages that others need (under the markers of this prefix) and that are not there."""
    there = {item.name for item in found}
    lacking = {need: item.name for item in found for need in item.requires if need not in there}
    libraries = {name: by for name, by in lacking.items() if FOLLOWS.fullmatch(name)}
    others = {name: by for name, by in lacking.items() if name not in libraries}
    if libraries:
        yield problem(
            "missing", f"not installed: {_pulled(libraries)}",
            "they bring NVIDIA's libraries (`libcudart.so… cannot open shared object file`); `--no-deps` leaves them out",
            again,
        )  # fmt: skip
    if others:
        yield note(
            "requirements",
            f"not installed: {_pulled(others)}",
            "what needs them may fail at an import",
            again,
        )


def _pulled(names: Mapping[str, str], limit: int = 6) -> str:
    shown = [f"{name} (needed by {by})" for name, by in sorted(names.items())]
    return ", ".join(shown[:limit]) + (f" and {len(shown) - limit} more" if len(shown) > limit else "")


_PLAIN = re.compile(r"nvidia-(cublas|cuda-\w+|cufft|cufile|curand|cusolver|cusparse|nvjitlink|nvtx)")


def majors(found: Sequence[Package]) -> Iterator[Finding]:
    """Libraries of two CUDA majors: they write the same folders `nvidia/…`, and have the same names when loaded."""
    by_major: dict[int, list[Package]] = {}
    for item in found:
        if major := major_of(item):
            by_major.setdefault(major, []).append(item)
    if len(by_major) < 2:
        return
    texts = [
        f"CUDA {major}: {', '.join(item.name for item in items[:4])} (for {', '.join(wanters(items, found)) or 'nobody'})"
        for major, items in sorted(by_major.items())
    ]
    other = (wanters(by_major[min(by_major)], found) or ["PACKAGE"])[0]
    yield problem(
        "two-cudas", "libraries of two CUDAs are installed: " + "; ".join(texts),
        "they overwrite each other's files, and a process can hold one of each name only",
        f"kernel-iso env create {other}-alone {other}   (an environment for each framework)",
    )  # fmt: skip


def major_of(item: Package) -> int:
    """The CUDA major of one of NVIDIA's packages, 0 for all others.

    Those of CUDA 13 have no suffix, and versions of their own (its cuFFT is 12.0).

    >>> [major_of(Package(name=name, version="12.0")) for name in ("nvidia-cublas-cu12", "nvidia-cufft", "nvidia-ml-py")]
    [12, 13, 0]
    """
    suffix = re.fullmatch(r"nvidia-[\w-]+-cu(\d\d)", item.name)
    return int(suffix[1]) if suffix else 13 if _PLAIN.fullmatch(item.name) else 0


def wanters(items: Iterable[Package], found: Sequence[Package]) -> list[str]:
    """The packages, none of NVIDIA's, that some of these come from."""
    seen: set[str] = set()
    front = {item.name for item in items}
    while front:
        seen |= front
        front = {
            item.name
            for item in found
            if item.name not in seen and _is_nvidia(item.name) and front & set(item.requires)
        }
    return sorted(item.name for item in found if not _is_nvidia(item.name) and seen & set(item.requires))


def _is_nvidia(name: str) -> bool:
    return name.startswith("nvidia-") or name == "cuda-toolkit"


def family(found: Sequence[Package], repair: str) -> Iterator[Finding]:
    """Members of torch's family that were built for another torch's accelerator than the rest."""
    names = {*table().family("cu126")}
    tags = {
        item.name: item.version.partition("+")[2]
        for item in found
        if item.name in names and "+" in item.version
    }
    if len(set(tags.values())) > 1:
        shown = ", ".join(f"{item.name} {item.version}" for item in found if item.name in tags)
        means = "one of them was exchanged alone (`pip install torch` does that); they only work as built for each other"
        yield problem("family", f"torch's family has several builds: {shown}", means, repair)


# ---- LD_LIBRARY_PATH


def library_path(before: str, after: str) -> Iterator[Finding]:
    """The folders that the kernel does not get, and what is left that may come before the wheels' own libraries."""
    kept = [entry for entry in after.split(":") if entry]
    gone = [entry for entry in before.split(":") if entry and entry not in kept]
    if gone:
        yield note(
            "library-path-removed", f"LD_LIBRARY_PATH has {', '.join(gone)}",
            "the kernel is started without: libraries there would come before those in the packages",
        )  # fmt: skip
    for folder in kept:
        left = ":".join(entry for entry in kept if entry != folder)
        take_out = (f'export LD_LIBRARY_PATH="{left}"' if left else "unset LD_LIBRARY_PATH") + BEFORE
        rivals = sorted(
            {
                name.split(".so")[0]
                for name in names_in(folder)
                if re.match(r"lib(cudnn|cublas|cudart|nvJit)", name)
            }
        )
        if rivals:
            yield problem(
                "library-path", f"LD_LIBRARY_PATH has {folder}, which holds the driver and also {', '.join(rivals[:4])}",
                "the kernel needs the driver there, and gets these before the ones of its packages", take_out,
            )  # fmt: skip
        if (Path(folder).parent / "conda-meta").is_dir():
            yield problem(
                "library-path", f"LD_LIBRARY_PATH has {folder}, the libraries of a conda environment",
                "its libstdc++ comes before the one that the packages were built for (`GLIBCXX_… not found`)", take_out,
            )  # fmt: skip
