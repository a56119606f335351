"""uv's command lines: what a plan says, in uv's own options. Pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

import tomli_w

from kernel_iso.backends.wheels import glibc, glibc_of, here
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Plan
from kernel_iso.planning.cooldown import limit

# uv's names for the platforms that a lock can be made for from elsewhere. 2.28 is what most wheels are built for.
_PLATFORMS = {
    "linux-x86_64": "x86_64-manylinux_2_28",
    "linux-aarch64": "aarch64-manylinux_2_28",
    "linux-riscv64": "riscv64-unknown-linux",
    "macos-arm64": "aarch64-apple-darwin",
    "macos-x86_64": "x86_64-apple-darwin",
    "windows-x86_64": "x86_64-pc-windows-msvc",
    "windows-aarch64": "aarch64-pc-windows-msvc",
    "windows-arm64": "aarch64-pc-windows-msvc",
}

# The minor versions of glibc that uv can resolve for.
_GLIBCS = (17, 28, *range(31, 41))


def compiling(uv: str, plan: Plan, machine: str, cache: str) -> list[str]:
    """`uv pip compile` for one machine, without its files: wheels only (see `wheels_only`), from the plan's indexes."""
    return [
        *(uv, "pip", "compile"),
        *everywhere(plan, cache),
        *("--python", plan.python.path or sys.executable, "--python-version", plan.python.minor),
        *platform(machine, plan.libc),
        *newest(plan, datetime.now(UTC)),
        *(*wheels_only(plan), "--no-header"),
        *indexes(plan),
    ]


def creating(uv: str, plan: Plan, at: str, cache: str, *, there: bool = False) -> list[str]:
    """`uv venv`. Relocatable: a prefix at a person's own path is exchanged by renaming. `there`: the folder exists."""
    options = ["--system-site-packages"] if plan.system_site_packages else []
    options += ["--allow-existing"] if there else []
    common = everywhere(plan, cache)
    return [uv, "venv", *common, "--no-project", "--relocatable", "--python", plan.python.path, *options, at]


def installing(uv: str, plan: Plan, python: str, lock: str, mode: str, cache: str) -> list[str]:
    """`uv pip install` of a lock: verified by hash, wheels only (see `wheels_only`), no bytecode is compiled.

    Not `uv pip sync`, which with system site packages would remove what the lock does not name.
    """
    return [
        *(uv, "pip", "install"),
        *everywhere(plan, cache),
        *("--python", python, *wheels_only(plan), "--require-hashes", "--link-mode", mode),
        *("--preview-features", "pylock", "-r", lock),
        *indexes(plan),
    ]


def syncing(
    uv: str, plan: Plan, python: str, lock: str, mode: str, cache: str, again: Iterable[str]
) -> list[str]:
    """`uv pip sync` of a lock: like `installing`, and what the lock does not name goes; `again` are installed anew."""
    return [
        *(uv, "pip", "sync", "--allow-empty-requirements"),
        *everywhere(plan, cache),
        *("--python", python, *wheels_only(plan), "--require-hashes", "--link-mode", mode),
        *(word for name in again for word in ("--reinstall-package", name)),
        *("--preview-features", "pylock", lock),
        *indexes(plan),
    ]


def wheels_only(plan: Plan) -> list[str]:
    """No package's code runs, apart from those that the plan lets be built: these are built, each in isolation.

    >>> from kernel_iso.model import Python
    >>> wheels_only(Plan(backend="uv", python=Python(version="3.12", path=""), builds=("a",)))
    ['--only-binary', ':all:', '--no-binary', 'a']
    """
    if not plan.builds:
        return ["--no-build"]
    # uv refuses --no-build beside --no-binary; of these two, the one with a name wins for that name.
    return ["--only-binary", ":all:", *(word for name in plan.builds for word in ("--no-binary", name))]


def everywhere(plan: Plan, cache: str) -> list[str]:
    """What every command gets: nobody's configuration, nothing downloaded but packages, and the cache."""
    options = ["--no-config", "--no-python-downloads", "--color", "never"]
    options += ["--cache-dir", cache] if cache else []
    options += ["--offline"] if plan.offline else []
    for host in plan.trusted_hosts:
        options += ["--allow-insecure-host", host]
    return options


def cached(command: list[str]) -> list[str]:
    """The same command, content with what is in the cache."""
    return command if "--offline" in command else [*command, "--offline"]


def indexes(plan: Plan) -> list[str]:
    """The plan's indexes in order, by name so that `UV_INDEX_<NAME>_USERNAME` is found; none means none.

    `--index` comes before `--default-index`, and the first that has a package serves it (`first-index`).

    >>> from kernel_iso.model import Index, Python
    >>> a, b = Index(name="a b", url="https://a.example.org"), Index(name="b", url="https://b.example.org")
    >>> indexes(Plan(backend="uv", python=Python(version="3.12", path=""), indexes=(a, b)))[:4]
    ['--index', 'a-b=https://a.example.org', '--default-index', 'b=https://b.example.org']
    """
    found = [f"{safe(index.name)}={index.url}" for index in plan.indexes if not index.explicit]
    if not found:
        return ["--no-index"]
    options = [word for index in found[:-1] for word in ("--index", index)]
    return [*options, "--default-index", found[-1], "--index-strategy", "first-index"]


def safe(name: str) -> str:
    """An index's name as uv accepts it: ASCII letters, digits, dashes, dots and underscores.

    >>> safe("my index!")
    'my-index-'
    """
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)


def platform(machine: str, libc: str = "") -> list[str]:
    """For which machine; nothing for this one, whose interpreter knows best, unless its `libc` is older than here.

    Raises `ImpossibleError` (`no-such-platform`).

    >>> platform("macos-arm64"), platform(here(), "glibc 2.99")
    (['--python-platform', 'aarch64-apple-darwin'], [])
    """
    minor = glibc_of(libc)
    if machine == here() and (not minor or minor >= glibc()):
        return []
    if machine not in _PLATFORMS:
        raise ImpossibleError(
            "no-such-platform",
            f"cannot lock for the platform `{machine}`",
            f"uv can lock from here for {', '.join(sorted(_PLATFORMS))}",
            "take it out of `platforms` in the policy, or lock on such a machine",
        )
    name = _PLATFORMS[machine]
    if minor and "manylinux" in name:
        most = minor if machine == here() else min(minor, 28)
        name = f"{name.split('_2_')[0]}_2_{max(each for each in _GLIBCS if each <= max(most, 17))}"
    return ["--python-platform", name]


def system(machine: str) -> dict[str, str]:
    """The variables that say which release of another machine's system is meant: uv takes macOS 13 unless told.

    torch 2.12 and newer have wheels for macOS 14 only (PyPI, 2026-11). What is locked is checked where it is installed.

    >>> system("linux-x86_64")
    {}
    """
    return {"MACOSX_DEPLOYMENT_TARGET": "14.0"} if machine.startswith("macos-") and machine != here() else {}


def newest(plan: Plan, now: datetime) -> list[str]:
    """How new a release may be, as a moment: an age is counted back from `now`.

    >>> from kernel_iso.model import Python
    >>> plan = Plan(backend="uv", python=Python(version="3.12", path=""), exclude_newer="3 days")
    >>> newest(plan, datetime(2026, 6, 4, tzinfo=UTC))
    ['--exclude-newer', '2026-06-01T00:00:00+00:00']
    """
    if not plan.exclude_newer:
        return []
    return ["--exclude-newer", limit(plan.exclude_newer, now).isoformat()]


def bound(plan: Plan, names: frozenset[str]) -> str:
    """A project file that binds `names` to their explicit indexes: `uv pip compile` has no option for it.

    `[tool.uv.sources]` belongs to the file that is compiled, so that `--no-config` does not drop it.
    """
    pins = {name: index for name, index in plan.pins if name in names}
    used = [index for index in plan.indexes if index.name in pins.values()]
    return tomli_w.dumps(
        {
            "project": {"name": PINS, "version": "0", "dependencies": sorted(pins)},
            "tool": {
                "uv": {
                    "sources": {name: {"index": safe(index)} for name, index in sorted(pins.items())},
                    "index": [{"name": safe(each.name), "url": each.url, "explicit": True} for each in used],
                }
            },
        }
    )


PINS = "kernel-iso-pins"
"""The name of that project; uv says it in its explanations instead of "you"."""
