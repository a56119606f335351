"""The environments that were found on this machine: which are listed, and what their kernels are called.

They are not ours and are never changed; `borrowing` starts kernels in them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from kernel_iso.discovery import Discovered, Environments
from kernel_iso.engine.context import Engine
from kernel_iso.engine.targets import Target
from kernel_iso.model import Policy
from kernel_iso.store import Store

KIND = "discovered"
"""The kind of these targets (`name` is the environment's folder) and of their owners in the store."""

KERNEL_PREFIX = "env-"
"""Kernels of found environments are called `env-NAME-DIGEST`."""


def everything(engine: Engine, environments: Environments, beside: str = "") -> tuple[Discovered, ...]:
    """Every environment on this machine that the policy lets Jupyter list; `beside` is the notebooks' folder."""
    if engine.policy.kernels != "all":
        return ()
    found = environments.find(
        engine.environ, home=Path.home(), beside=beside, folders=engine.policy.kernel_folders
    )
    return tuple(each for each in found if allowed(engine.policy, each))


def allowed(policy: Policy, found: Discovered) -> bool:
    """True where a pattern of the policy's `kernel_filter` matches its name, its path or its tool.

    >>> ml = Discovered(kind="conda", tool="conda", name="ml", path="/c/envs/ml", python="", version="3.12.1")
    >>> [allowed(Policy(kernel_filter=(item,)), ml) for item in ("*", "m?", "/c/*", "conda", "poetry")]
    [True, True, True, True, False]
    """
    patterns = [
        str(Path(item).expanduser()) if item.startswith("~") else item for item in policy.kernel_filter
    ]
    return any(fnmatchcase(text, item) for item in patterns for text in (found.name, found.path, found.tool))


def newest(engine: Engine, found: Iterable[Discovered]) -> list[Discovered]:
    """Those that are listed: the last used first, `kernel_limit` of them at most, none in which nothing can run.

    The last use is the last start of a kernel in it, or a later change of its packages.
    """
    whole = [each for each in found if not each.broken]
    limit = engine.policy.kernel_limit
    if not limit or len(whole) <= limit:
        return whole
    used = _last_starts(engine.store)
    return sorted(whole, key=lambda each: -max(each.changed, used.get(each.path, 0)))[:limit]


def _last_starts(store: Store) -> dict[str, float]:
    found: dict[str, float] = {}
    for path in store.places.owners.glob(f"{KERNEL_PREFIX}*.json"):
        owner = store.owner(path.stem)
        if owner and owner.kind == KIND and owner.now:
            with contextlib.suppress(OSError):
                found[owner.path] = store.places.used(owner.now.key).stat().st_mtime
    return found


def kernel_name(store: Store, found: Discovered) -> str:
    """The kernel's name of an environment in Jupyter: the same as long as the store is the same.

    A secret of the store is in it, so that no notebook that comes from elsewhere can name an interpreter which came
    with it: opening it would run that interpreter before anybody has chosen it.
    """
    plain = re.sub(r"[^a-z0-9._]+", "-", found.name.lower()).strip("-._")[:40] or found.kind
    digest = hashlib.sha256(f"{_secret(store.root)}\n{found.path}".encode()).hexdigest()[:16]
    return f"{KERNEL_PREFIX}{plain}-{digest}"


@cache
def _secret(root: Path) -> str:
    """The store's secret, made when it is first asked for; a store that cannot be written has one for this process."""
    path = root / "kernels.secret"
    with contextlib.suppress(OSError):
        if text := path.read_text(encoding="utf-8"):
            return text
    try:
        root.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".new-{secrets.token_hex(8)}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):  # another process was first
            path.hardlink_to(temporary)
        temporary.unlink()
        return path.read_text(encoding="utf-8")
    except OSError:
        return secrets.token_hex(32)


def chosen(engine: Engine, kernel: str, *, beside: str = "") -> Discovered | None:
    """The found environment whose kernel a notebook has chosen, None where it has not, or where that is gone.

    `beside` is the folder of the notebooks (the server's root, or the notebook's own folder).
    """
    if not kernel.startswith(KERNEL_PREFIX):
        return None
    environments = Environments()
    owner = engine.store.owner(kernel)
    known = environments.read(owner.path) if owner and owner.kind == KIND else None
    if known is not None and kernel_name(engine.store, known) == kernel:
        return known
    found = everything(engine, environments, beside)
    return next((each for each in found if kernel_name(engine.store, each) == kernel), None)


def target(path: str) -> Target:
    """The target that stands for the environment in a folder."""
    return Target(kind=KIND, name=path, why="the kernel that was chosen names it")
