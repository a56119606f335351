"""What an environment needs to be a kernel's: an interpreter, the kernel's own packages, the guest."""

from __future__ import annotations

import contextlib
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
from packaging.version import Version

from kernel_iso import backends, discovery
from kernel_iso.backends import installed
from kernel_iso.engine.context import Engine
from kernel_iso.engine.targets import Target
from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.model import Emit, Lock, Package, Part, Plan, Prefix, Python, Run
from kernel_iso.model.conda_specs import conda_name

GUEST = ".kernel-iso"
"""The folder in a prefix that holds what is ours; nothing in it is on the kernel's `sys.path`."""

GUESTS = ("boot.py", "magics.py", "widgets.py")
"""What is copied there."""


CONDA = "conda"
"""The backend that brings its own Python."""


def pinned_versions(text: str) -> dict[str, str]:
    """The canonical names and versions in a PEP 751 text; entries without a version are left out.

    A lock may come with a notebook: what is no name or version raises `SpecError` (`bad-lock`), and never
    reaches a file that a tool reads.

    >>> pinned_versions('[[packages]]\\nname = "Six"\\nversion = "1.16"')
    {'six': '1.16'}
    """
    try:
        packages = tomllib.loads(text).get("packages", [])
        return {
            str(canonicalize_name(item["name"], validate=True)): str(Version(item["version"]))
            for item in packages
            if "version" in item
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(
            "bad-lock",
            "cannot read the lock",
            str(error).splitlines()[0] if str(error) else type(error).__name__,
            "make it again with `kernel-iso lock`",
        ) from None


def roles(plan: Plan, locked: Lock) -> dict[str, str]:
    """The role of each package: what was asked, and what only the kernel needs."""
    found = {name: "companion" for name in locked.companions}
    found |= {canonicalize_name(Requirement(item).name): "asked" for item in plan.requirements}
    # The Python that the plan chose (`planning.conda`) is no package that somebody asked for, and could take back.
    return found | {conda_name(item): "asked" for item in plan.conda if not item.startswith("python ")}


def with_python(engine: Engine, plan: Plan) -> Plan:
    """The plan with an interpreter that is there: fetched by uv where the plan says so.

    Raises `ImpossibleError` (`python-not-fetched`) where the download failed.
    """
    if plan.python.path or plan.backend == CONDA:
        return plan
    run, wanted = engine.run("realise"), plan.python.version
    run.tell(f"fetching Python {wanted}")
    done = run([backends.uv_path(), "python", "install", "--no-config", wanted])
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


def with_own_python(plan: Plan, python: str) -> Plan:
    """The plan for what is installed apart from conda's packages: the Python that conda has brought, and uv."""
    if plan.backend != CONDA:
        return plan
    version = installed.version_of(python) or plan.python.version
    return msgspec.structs.replace(
        plan, backend="uv", python=Python(version=version, path=python, source=CONDA), conda=(), channels=()
    )


SURE = {
    "ipykernel": "6.29", "ipython": "8.0", "traitlets": "5.4", "tornado": "6.2", "jupyter-client": "8.0", "pyzmq": "25.0",
    "jupyter-core": "5.0",
}  # fmt: skip
"""From these versions on a kernel starts under every Python that they are installed for; below, it is tried."""


def companions(engine: Engine, plan: Plan, locked: Lock) -> str:
    """The folder of the kernel's own packages, where they could not be locked beside what was asked; else ""."""
    return companion_set(engine, plan, locked.detached) if locked.detached else ""


def companion_set(engine: Engine, plan: Plan, text: str) -> str:
    """The site-packages of a prefix that holds a companion set alone, shared by everyone with the same set and Python."""
    part = Part(text=text)
    alone = Lock(plan="", parts=(part,))
    key = engine.store.key(alone.digest(), f"companions-{plan.python.minor}", "companions")

    def make(path: Path, emit: Emit) -> Prefix:
        run = engine.with_emit(emit).run("realise", key)
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


def rescue(engine: Engine, plan: Plan, python: str, installed: tuple[Package, ...], apart: str) -> str:
    """The folder of a companion set that must go *first*, where what was pinned cannot start a kernel; else "".

    Only a set with old versions is tried: importing takes a second and compiles bytecode. With the rescue the kernel
    starts, and what it needs itself (traitlets, say) is then its own version in this process; other
    programs of the prefix see what was pinned.
    """
    versions = {item.name: item.version for item in installed}
    old = [
        name for name, least in SURE.items() if name in versions and Version(versions[name]) < Version(least)
    ]
    run = engine.run("realise", Path(python).parent.parent.name)
    if not old or kernel_starts(run, python, apart, first=False):
        return ""
    named = ", ".join(f"{name} {versions[name]}" for name in old)
    run.tell(f"no kernel starts with {named} under Python {plan.python.version}: it gets packages of its own")
    # An ipykernel that was asked for by name is no companion, and may be the very one that does not start.
    wanted = tuple(dict.fromkeys((*plan.companions, "ipykernel")))
    alone = msgspec.structs.replace(
        plan, requirements=(), companions=wanted, constraints=(), hashes=(), pins=()
    )
    locked = engine.store.kept(alone.digest())
    if locked is None:
        locked = backends.find(plan.backend).lock(alone, run)
        engine.store.keep(locked)
    folder = companion_set(engine, alone, locked.parts[0].text)
    if not kernel_starts(run, python, folder, first=True):
        raise ImpossibleError(
            "no-kernel-starts",
            "cannot start a kernel in this environment",
            f"neither with {named} nor with newer packages of its own",
            "loosen these pins, or choose a Python of their time",
        )
    return folder


def kernel_starts(run: Run, python: str, folder: str, *, first: bool) -> bool:
    """True where a kernel's modules can be imported, with the companions' folder last or `first` on `sys.path`."""
    place = f"sys.path.insert({0 if first else 'len(sys.path)'}, {folder!r}); " if folder else ""
    code = f"import sys; {place}import ipykernel.kernelapp, ipykernel.ipkernel, IPython.core.interactiveshell"
    return run([python, "-I", "-c", code]).status == 0


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
    for name in GUESTS:
        source = resources.files("kernel_iso.guest").joinpath(name)
        (folder / name).write_bytes(source.read_bytes())


def write_launch(prefix: Prefix, plan: Plan, whose: Target) -> None:
    """Tell the guest where the companions and the own code lie, and what `%iso` calls; written only where it changed.

    `whose` it is stands there for a person who has to type a command, because no engine can be reached from a cell.
    """
    target = Path(prefix.path) / GUEST / "launch.json"
    wanted = {
        "companions": prefix.companions,
        "companions_first": prefix.companions_first,
        "own_paths": list(plan.own_paths),
        # -P: the notebook's folder is not where the engine's modules come from.
        "cli": [sys.executable, "-P", "-m", "kernel_iso"],
        "notebook": whose.path,
        "environment": whose.name if whose.kind == "environment" else "",
    }
    text = json.dumps(wanted, indent=1, sort_keys=True) + "\n"
    try:
        write_changed(target, text)
    except OSError:
        # A read-only store serves what is ready: without own code there is nothing to tell.
        if plan.own_paths or prefix.companions:
            raise


def write_changed(target: Path, text: str) -> None:
    """Write a small file whole, unless it says that already. Raises `OSError`."""
    with contextlib.suppress(OSError):
        if target.read_text(encoding="utf-8") == text:
            return
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f"{target.stem}-")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(temporary).replace(target)
