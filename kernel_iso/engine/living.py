"""What another generation means for a kernel that runs: it can use it from now on, or what is loaded stands in the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path, PurePath

from packaging.utils import canonicalize_name

from kernel_iso.engine.fitting import site_packages
from kernel_iso.model import Prefix, Record

Distributions = Mapping[str, metadata.Distribution]


class Loaded(Record, frozen=True, kw_only=True):
    """A distribution that differs in another generation, and which of its modules are loaded.

    `before` or `after` is "" where it is not there.
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
    where = site_packages(Path(former.path), former.version).relative_to(former.path).as_posix()
    found = []
    for name in sorted(old):
        before, after = old[name].version, new[name].version if name in new else ""
        if before == after:
            continue
        files = {f"{where}/{PurePath(str(file)).as_posix()}" for file in old[name].files or ()}
        loaded = {module for module, file in modules.items() if PurePath(file).as_posix() in files}
        if loaded:
            found.append(Loaded(name=name, before=before, after=after, modules=outermost(loaded)))
    return Step(loaded=tuple(found))


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


def _installed(prefix: Prefix) -> Distributions:
    """The distributions in a prefix at present, by their canonical names."""
    folder = str(site_packages(Path(prefix.path), prefix.version))
    found: dict[str, metadata.Distribution] = {}
    for item in metadata.distributions(path=[folder]):
        if name := item.metadata["Name"]:
            found.setdefault(str(canonicalize_name(name)), item)
    return found
