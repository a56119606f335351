"""What another generation means for a kernel that runs: it can use it from now on, or what is loaded stands in the way."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePath

from packaging.utils import canonicalize_name

from kernel_iso.backends.conda import prefixes
from kernel_iso.engine.fitting import CONDA, site_packages
from kernel_iso.model import Prefix, Record

_LIBRARY = re.compile(r"\.(so(\.[\w.]+)?|dylib|dll)$", re.ASCII)


class Loaded(Record, frozen=True, kw_only=True):
    """A package that differs in another generation, and which of its modules and libraries are loaded.

    `before` or `after` is "" where it is not there; equal versions are told with their builds.
    """

    name: str
    before: str
    after: str
    modules: tuple[str, ...]


class Step(Record, frozen=True, kw_only=True):
    """From one generation to another: the `python` that differs (as "3.12 → 3.13"), and what is loaded and differs.

    Where both are empty, a running kernel can be pointed at the other generation.
    """

    python: str = ""
    loaded: tuple[Loaded, ...] = ()

    @property
    def live(self) -> bool:
        """True where the running kernel can go along."""
        return not self.python and not self.loaded


def step(former: Prefix, later: Prefix, modules: Mapping[str, str]) -> Step:
    """What stands between a running kernel of `former` and `later`.

    `modules` are the files that the kernel's modules were loaded from, relative to the prefix they were in: `former`, or one
    from which the kernel could go along to it. What is installed counts, not what was made: `!pip` may have been there.
    """
    if _minor(former) != _minor(later):
        return Step(python=f"{_minor(former)} → {_minor(later)}")
    old, new = _installed(former), _installed(later)
    found = []
    for name in sorted(old):
        before, after = old[name], new.get(name, _GONE)
        if (before.version, before.build) == (after.version, after.build):
            continue
        files = {*before.files()}
        loaded = {module for module, file in modules.items() if PurePath(file).as_posix() in files}
        if not _tells_libraries():
            loaded |= {PurePath(file).name for file in files if _LIBRARY.search(file)}
        if loaded:
            told = (
                f"{each.version} {each.build if before.version == after.version else ''}"
                for each in (before, after)
            )
            was, will = (text.strip() for text in told)
            found.append(Loaded(name=name, before=was, after=will, modules=outermost(loaded)))
    return Step(loaded=tuple(found))


def _tells_libraries() -> bool:
    """True where a kernel can tell which libraries it has loaded; elsewhere each of them may be."""
    return sys.platform == "linux"


def outermost(modules: Iterable[str]) -> tuple[str, ...]:
    """The modules that are in no other of them.

    >>> outermost(["numpy", "numpy.linalg", "google.cloud.storage"])
    ('google.cloud.storage', 'numpy')
    """
    names = set(modules)

    def inside(name: str) -> bool:
        parts = name.split(".")
        return any(".".join(parts[:length]) in names for length in range(1, len(parts)))

    return tuple(sorted(name for name in names if not inside(name)))


def _minor(prefix: Prefix) -> str:
    return ".".join(prefix.version.split(".")[:2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A package in a prefix: `build` is conda's, `files` gives its files relative to the prefix."""

    version: str
    build: str = ""
    files: Callable[[], Iterable[str]] = tuple


_GONE = Held(version="")


def _installed(prefix: Prefix) -> Mapping[str, Held]:
    """What is in a prefix at present, by name: conda's packages, of which few are Python's, and distributions."""
    of_conda = prefixes.records(Path(prefix.path)) if prefix.backend == CONDA else {}
    found = {name: _of_conda(data) for name, data in of_conda.items()}
    folder = site_packages(Path(prefix.path), prefix.version)
    where = folder.relative_to(prefix.path).as_posix()
    seen: set[str] = set()
    for item in metadata.distributions(path=[str(folder)]):
        name = str(canonicalize_name(item.metadata["Name"] or ""))
        if name and name not in seen and not (of_conda and _is_condas(item)):
            seen.add(name)
            found[name] = _distribution(item, where)
    return found


def _of_conda(data: Mapping[str, object]) -> Held:
    files = data.get("files")
    listed = tuple(map(str, files)) if isinstance(files, list) else ()
    return Held(version=str(data.get("version", "")), build=str(data.get("build", "")), files=lambda: listed)


def _is_condas(item: metadata.Distribution) -> bool:
    return (item.read_text("INSTALLER") or "").strip() == prefixes.INSTALLER


def _distribution(item: metadata.Distribution, where: str) -> Held:
    return Held(
        version=item.version,
        files=lambda: (f"{where}/{PurePath(str(file)).as_posix()}" for file in item.files or ()),
    )
