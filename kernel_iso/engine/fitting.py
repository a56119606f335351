"""What an environment needs to be a kernel's: an interpreter, the kernel's own packages, the guest."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import tomllib
from importlib import resources
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from uv import find_uv_bin

from kernel_iso import backends, discovery
from kernel_iso.engine.context import Engine
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Lock, Part, Plan, Prefix

GUEST = ".kernel-iso"
"""The folder in a prefix that holds what is ours; nothing in it is on the kernel's `sys.path`."""


def pinned_versions(text: str) -> dict[str, str]:
    """The canonical names and versions in a PEP 751 text; entries without a version are left out.

    >>> pinned_versions('[[packages]]\\nname = "Six"\\nversion = "1.16"')
    {'six': '1.16'}
    """
    packages = tomllib.loads(text).get("packages", [])
    return {canonicalize_name(item["name"]): item["version"] for item in packages if "version" in item}


def preferences(former: Lock | None) -> tuple[str, ...]:
    """What a new lock should keep where it still fits: "name==version" for each artefact of the former one."""
    if former is None:
        return ()
    versions: dict[str, str] = {}
    for part in former.parts:
        if part.kind == "pylock":
            versions |= pinned_versions(part.text)
    return tuple(f"{name}=={version}" for name, version in sorted(versions.items()))


def roles(plan: Plan, locked: Lock) -> dict[str, str]:
    """The role of each package: what was asked, and what only the kernel needs."""
    found = {name: "companion" for name in locked.companions}
    found |= {canonicalize_name(Requirement(item).name): "asked" for item in plan.requirements}
    return found


def with_python(engine: Engine, plan: Plan) -> Plan:
    """The plan with an interpreter that is there: fetched by uv where the plan says so.

    Raises `ImpossibleError` (`python-not-fetched`) where the download failed.
    """
    if plan.python.path:
        return plan
    run, wanted = engine.run("realise"), plan.python.version
    run.tell(f"fetching Python {wanted}")
    done = run([find_uv_bin(), "python", "install", "--no-config", wanted])
    if done.status == 0:
        pythons = discovery.pythons(engine.environ, home=Path.home(), own=sys.executable)
        for python in pythons:
            if python.source == "uv" and (python.minor == wanted or python.version == wanted):
                return msgspec.structs.replace(plan, python=python)
    raise ImpossibleError(
        "python-not-fetched",
        f"cannot fetch Python {wanted}",
        "uv could not download it, and it was not found on this machine",
        "install that Python, or ask for one that is there (`kernel-iso probe` lists them)",
        tail=tuple(done.stderr.splitlines()[-5:]),
    )


def companions(engine: Engine, plan: Plan, locked: Lock) -> str:
    """The folder of the kernel's own packages, where they could not be locked beside what was asked; else "".

    The folder is the site-packages of a prefix of its own, shared by everyone with the same lock and Python.
    """
    if not locked.detached:
        return ""
    part = Part(text=locked.detached)
    alone = Lock(plan="", parts=(part,))
    key = engine.store.key(alone.digest(), f"companions-{plan.python.minor}", "companions")

    def make(path: Path, emit: object) -> Prefix:
        run = engine.run("realise", key)
        run.tell("installing the kernel's own packages apart")
        backend = backends.find(plan.backend)
        python = backend.realise(plan, part, str(path), run)
        (path / GUEST).mkdir(exist_ok=True)
        return Prefix(
            key=key, path=str(path), python=python, version=plan.python.version, backend=plan.backend,
            owner="companions", lock=alone.digest(), packages=backend.inspect(python, run),
        )  # fmt: skip

    prefix = engine.store.realise(key, make, emit=engine.emit, cancelled=engine.cancelled)
    return str(site_packages(Path(prefix.path), prefix.version))


def site_packages(prefix: Path, version: str) -> Path:
    """The folder of a prefix's packages, by the layout of its system (`Lib` on Windows)."""
    if (prefix / "Lib" / "site-packages").is_dir():
        return prefix / "Lib" / "site-packages"
    minor = ".".join(version.split(".")[:2])
    return prefix / "lib" / f"python{minor}" / "site-packages"


def furnish(path: Path) -> None:
    """Copy the guest into a prefix's own folder."""
    folder = path / GUEST
    folder.mkdir(exist_ok=True)
    for name in ("boot.py",):
        source = resources.files("kernel_iso.guest").joinpath(name)
        (folder / name).write_bytes(source.read_bytes())


def write_launch(prefix: Prefix, plan: Plan) -> None:
    """Tell the guest where the companions and the project's own code lie; written only where it changed."""
    target = Path(prefix.path) / GUEST / "launch.json"
    wanted = {
        "companions": prefix.companions,
        "companions_first": prefix.companions_first,
        "own_paths": list(plan.own_paths),
    }
    text = json.dumps(wanted, indent=1, sort_keys=True) + "\n"
    try:
        if target.read_text(encoding="utf-8") == text:
            return
    except OSError:
        pass
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix="launch-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(temporary).replace(target)
    except OSError:
        # A read-only store serves what is ready: without own code there is nothing to tell.
        if plan.own_paths or prefix.companions:
            raise
