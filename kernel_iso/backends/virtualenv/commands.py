"""pip's command lines: what a plan says, in pip's own options. Pure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from kernel_iso.model import Plan
from kernel_iso.planning.cooldown import limit

# pip reports on stdout; its words are wanted where progress is heard.
_START = (
    "import os, runpy, sys; os.dup2(2, 1); sys.argv[0] = 'pip'; "
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)

ENVIRON = {"PIP_CONFIG_FILE": os.devnull}
"""Not `--isolated`, which would also drop PIP_CERT and PIP_KEYRING_PROVIDER; `scrub` drops the rest of PIP_*."""


def pip(python: str, *before: str) -> list[str]:
    """pip of the environment that `python` belongs to, with what stands before the command's name."""
    return [python, "-I", "-c", _START, *before]


def resolving(python: str, plan: Plan, report: str, cache: str) -> list[str]:
    """Resolve without installing: wheels only, the answer as an installation report."""
    return [
        *pip(python),
        *("install", "--dry-run", "--ignore-installed", "--report", report),
        *common(plan, cache),
        *newest(plan, datetime.now(UTC)),
    ]


def installing(python: str, prefix_python: str, plan: Plan, requirements: str, cache: str) -> list[str]:
    """Install exactly what a requirements file with hashes names; no bytecode is compiled."""
    return [
        *pip(python, "--python", prefix_python),
        *("install", "--no-deps", "--require-hashes", "--no-compile"),
        *("--no-warn-script-location", "--root-user-action", "ignore"),
        *common(plan, cache),
        *("-r", requirements),
    ]


def common(plan: Plan, cache: str) -> list[str]:
    """What every command gets: wheels only, the plan's indexes, the cache, no questions."""
    options = ["--only-binary", ":all:", "--no-input", "--no-color", "--disable-pip-version-check"]
    options += ["--progress-bar", "off"]
    options += ["--cache-dir", cache] if cache else []
    for host in plan.trusted_hosts:
        options += ["--trusted-host", host]
    return [*options, *indexes([index.url for index in plan.indexes])]


def indexes(urls: Sequence[str]) -> list[str]:
    """The indexes. pip merges them, which is safe only where hashes say what may come (`locking` sees to it).

    >>> indexes(["https://a.example.org/simple", "https://b.example.org/simple"])[2:]
    ['--extra-index-url', 'https://b.example.org/simple']
    """
    if not urls:
        return ["--no-index"]
    return ["--index-url", urls[0], *(word for url in urls[1:] for word in ("--extra-index-url", url))]


def newest(plan: Plan, now: datetime) -> list[str]:
    """How new a release may be, as a moment: an age is counted back from `now`."""
    if not plan.exclude_newer:
        return []
    return ["--uploaded-prior-to", limit(plan.exclude_newer, now).isoformat(timespec="seconds")]
