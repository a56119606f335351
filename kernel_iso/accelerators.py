"""Which builds of torch exist, and for which devices each has code: questions over `accelerators.toml`. Pure.

A build is *loadable* where the driver's CUDA has its major version or a newer one (NVIDIA's minor-version
compatibility), and *runnable* on a device of capability M.m where it has machine code sm_M.n with n <= m, or
PTX of at most M.m which a driver of at least the build's own CUDA compiles.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import msgspec

FILE = Path(__file__).with_suffix(".toml")


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """A table of the file."""


class Release(_Row, frozen=True, kw_only=True):
    """A minor release of torch: its newest `patch`, Pythons (oldest, newest), and `tags` by machine.

    A tag in `only_asked` is taken only where it is asked for. `torchvision` and `torchaudio` are the minor
    releases that go with it.
    """

    release: str
    patch: int
    python: tuple[str, str]
    python_elsewhere: tuple[str, str] | None = None
    only_asked: tuple[str, ...] = ()
    torchvision: tuple[str, ...]
    torchaudio: tuple[str, ...]
    tags: dict[str, tuple[str, ...]]

    def pythons(self, machine: str) -> tuple[str, str]:
        """The oldest and the newest Python on a machine ("linux-x86_64")."""
        return self.python if machine.startswith("linux-") else self.python_elsewhere or self.python

    @property
    def key(self) -> tuple[int, ...]:
        """The release as numbers, for comparing."""
        return numbers(self.release)


class Code(_Row, frozen=True, kw_only=True):
    """What some builds have code for: machine code, PTX and AMD targets, in `torch` releases (first, last)."""

    tags: tuple[str, ...]
    machines: tuple[str, ...]
    torch: tuple[str, str]
    sm: tuple[str, ...] = ()
    ptx: tuple[str, ...] = ()
    gfx: tuple[str, ...] = ()


class Other(_Row, frozen=True, kw_only=True):
    """Packages built for one CUDA major: a pattern for the name, and for an extra where that decides."""

    name: str
    extra: str = ""
    major: int = 0


class Unbuilt(_Row, frozen=True, kw_only=True):
    """A package without wheels, and what to say of it."""

    name: str
    text: str


class Table(_Row, frozen=True, kw_only=True):
    """The file."""

    checked: str
    bound: tuple[str, ...]
    bound_for_gpus: tuple[str, ...]
    bound_for_cuda: tuple[str, ...]
    dependents: tuple[str, ...]
    directml: tuple[str, ...]
    exact: tuple[str, ...]
    branches: dict[str, str]
    drivers: dict[str, tuple[str, str]]
    others: tuple[Other, ...]
    unbuilt: tuple[Unbuilt, ...]
    code: tuple[Code, ...]
    torch: tuple[Release, ...]

    @property
    def releases(self) -> tuple[Release, ...]:
        """Newest first."""
        return tuple(sorted(self.torch, key=lambda each: each.key, reverse=True))

    @property
    def tags(self) -> frozenset[str]:
        """Every tag of any release."""
        return frozenset(tag for each in self.torch for tags in each.tags.values() for tag in tags)

    def family(self, tag: str) -> tuple[str, ...]:
        """The names that are bound to the index of a tag."""
        gpus = self.bound_for_gpus if kind(tag) not in ("cpu", "mps") else ()
        return (*self.bound, *gpus, *(self.bound_for_cuda if kind(tag) == "cuda" else ()))

    def code_of(self, release: str, tag: str, machine: str) -> Code | None:
        """What a build has code for, or None where the table does not say."""
        return next(
            (
                row
                for row in self.code
                if tag in row.tags
                and machine in row.machines
                and numbers(row.torch[0]) <= numbers(release) <= numbers(row.torch[1])
            ),
            None,
        )

    def driver_cuda(self, driver: str) -> str:
        """The newest CUDA of a driver by its branch, or "" for one older than the table."""
        branch = numbers(driver)[:1]
        known = [name for name in self.branches if numbers(name) <= branch]
        return self.branches[max(known, key=numbers)] if known else ""

    @property
    def newest_cuda(self) -> str:
        """The newest CUDA of any driver in the table."""
        return max(self.branches.values(), key=numbers)

    def runs(self, code: Code, capability: str, cuda: str, tag: str) -> bool:
        """True where a build with this code runs on a device of this capability under a driver's CUDA.

        >>> row = Code(tags=("cu126",), machines=(), torch=("2.6", "2.14"), sm=("5.0", "6.0", "8.6"))
        >>> [table().runs(row, each, "13.0", "cu126") for each in ("6.1", "8.9", "9.0", "6.2")]
        [True, True, False, False]
        """
        wanted = numbers(capability)
        if capability in self.exact:
            return capability in code.sm
        native = any(numbers(sm)[0] == wanted[0] and numbers(sm) <= wanted for sm in code.sm)
        return native or (numbers(cuda) >= cuda_of(tag) and any(numbers(ptx) <= wanted for ptx in code.ptx))

    def newer_than_known(self, capability: str) -> bool:
        """True for a device of a generation after every one that the table knows."""
        newest = max(numbers(sm)[0] for row in self.code for sm in row.sm)
        return numbers(capability)[0] > newest


@lru_cache(maxsize=1)
def table() -> Table:
    """The table that comes with this version."""
    return read(FILE.read_text(encoding="utf-8"))


def read(text: str) -> Table:
    """The table in a TOML text."""
    return msgspec.convert(tomllib.loads(text), Table)


def numbers(text: str) -> tuple[int, ...]:
    """A version as numbers; (0,) for what has none.

    >>> numbers("2.14"), numbers("580.95.05"), numbers("")
    ((2, 14), (580, 95, 5), (0,))
    """
    return tuple(int(part) for part in re.findall(r"\d+", text)) or (0,)


def kind(tag: str) -> str:
    """The kind of device that a tag's builds are for.

    >>> [kind(tag) for tag in ("cu126", "rocm7.2", "xpu", "mps", "cpu")]
    ['cuda', 'rocm', 'xpu', 'mps', 'cpu']
    """
    return "cuda" if re.fullmatch(r"cu\d+", tag) else "rocm" if tag.startswith("rocm") else tag


def cuda_of(tag: str) -> tuple[int, ...]:
    """The CUDA of a tag, as numbers.

    >>> cuda_of("cu126"), cuda_of("cu92"), cuda_of("cpu")
    ((12, 6), (9, 2), (0,))
    """
    digits = tag[2:] if kind(tag) == "cuda" else ""
    return (int(digits[:-1]), int(digits[-1])) if digits else (0,)


def loadable(tag: str, cuda: str) -> bool:
    """True where a driver's CUDA loads the builds of a tag (minor-version compatibility, CUDA 11 and newer).

    >>> loadable("cu126", "12.0"), loadable("cu130", "12.9"), loadable("cu126", "13.0")
    (True, False, True)
    """
    return numbers(cuda)[0] >= cuda_of(tag)[0]


def sm(capability: str) -> str:
    """A capability as compilers write it.

    >>> sm("6.1"), sm("12.0"), sm("gfx1100")
    ('sm_61', 'sm_120', 'gfx1100')
    """
    return f"sm_{capability.replace('.', '')}" if re.fullmatch(r"\d+\.\d+", capability) else capability


def newest(releases: Iterable[Release]) -> Release | None:
    """The newest of some releases."""
    return max(releases, key=lambda each: each.key, default=None)
