"""A kernel in an environment that was found on this machine and is not ours.

What it needs beside the environment, the guest and, where ipykernel is missing, the companion set, lies in a small prefix
of its own in the store. The environment itself is never changed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from packaging.version import InvalidVersion, Version

from kernel_iso import backends, planning
from kernel_iso.discovery import Discovered, Disk, Environments, kernel_packages
from kernel_iso.engine import activating, discovered, fitting, preparing
from kernel_iso.engine.context import Engine
from kernel_iso.engine.discovered import KIND, kernel_name
from kernel_iso.engine.preparing import Ready, Wish
from kernel_iso.engine.targets import Target
from kernel_iso.errors import CancelledError, ImpossibleError, IsoError, ToolError
from kernel_iso.model import Emit, Generation, Lock, Package, Plan, Prefix, Python, Reason, Run, Spec
from kernel_iso.planning.environments import kernel_environment

_ASK = "import sys; print(sys.implementation.name + ' %d.%d.%d' % sys.version_info[:3])"


def realise(engine: Engine, target: Target) -> Ready:
    """Make sure that a kernel can start in a found environment, without changing it.

    With ipykernel in it nothing is resolved or fetched. Blocks; call it in a worker thread. Raises `ImpossibleError`
    (`environment-gone`, `environment-broken`, `environment-too-old`, `no-kernel-for-build`, `no-kernel-starts`),
    `ToolError` (`python-broken`), and whatever locking and installing the kernel's own packages raise.
    """
    found = required(target.name)
    companions = None if found.ipykernel else _companions_plan(engine, found)
    name = kernel_name(engine.store, found)
    key = engine.store.key(_meaning(found, companions), "found", name)

    def make(path: Path, emit: Emit) -> Prefix:
        inner = engine.with_emit(emit)
        run = inner.run("realise", key)
        _try(run, found)
        folder, first = _companions(inner, run, found, companions) if companions else ("", False)
        path.mkdir(parents=True)
        fitting.furnish(path)
        held = (*found.kernel, *(kernel_packages(folder) if folder else ()))
        return Prefix(
            key=key, path=str(path), python=found.python, version=found.version.rstrip("t"), backend="uv", owner=name,
            companions=folder, companions_first=first,
            packages=tuple(Package(name=name, version=version) for name, version in dict(reversed(held)).items()),
        )  # fmt: skip

    prefix = engine.store.realise(key, make, emit=engine.emit, cancelled=engine.cancelled)
    plan = _plan(engine, found, prefix)
    fitting.write_launch(prefix, plan, target)
    owner = engine.store.owner(name)
    if owner is None or owner.now is None or owner.now.key != key:
        generation = Generation(key=key, made=prefix.made)
        engine.store.add_generation(name, KIND, found.path, generation)
    return Ready(prefix=prefix, plan=plan, spec=Spec(), owner=name, target=target)


def as_prefix(engine: Engine, found: Discovered) -> Prefix:
    """A found environment as those see it who look into prefixes (`inspect`, `packages`); nothing is made for it.

    Its `path` and interpreter are the environment's own, its key is that of the last start here ("" before any).
    """
    name = kernel_name(engine.store, found)
    owner = engine.store.owner(name)
    last = engine.store.find(owner.now.key) if owner and owner.now else None
    return Prefix(
        key=last.key if last else "", path=found.path, python=found.python, version=found.version.rstrip("t"),
        backend=fitting.CONDA if found.kind == "conda" else "uv", owner=name, companions=last.companions if last else "",
        companions_first=bool(last and last.companions_first),
        packages=tuple(Package(name=name, version=version) for name, version in found.kernel),
    )  # fmt: skip


def chosen(engine: Engine, wish: Wish) -> Discovered | None:
    """The environment found on this machine whose kernel a notebook has chosen, None where it has not."""
    kernel = wish.reading.kernel if wish.reading else ""
    beside = engine.root or str(Path(wish.target.path).parent)
    return discovered.chosen(engine, kernel, beside=beside) if kernel else None


def refuse(engine: Engine, wish: Wish) -> None:
    """Raise `ImpossibleError` (`not-ours-to-change`) where the notebook runs in an environment that was only found."""
    found = chosen(engine, wish)
    if found is not None:
        raise ImpossibleError(
            "not-ours-to-change",
            f"cannot change the environment of `{wish.target.label}`",
            f"the notebook runs in `{found.path}`, which {found.tool} made",
            "choose the kernel Isolated Python; `kernel-iso isolate` proposes what the notebook then asks for",
        )


def required(path: str) -> Discovered:
    """The environment in a folder, one in which a kernel can run; raises like `realise`."""
    found = Environments().read(path)
    what, other = f"cannot start a kernel in `{path}`", "choose another kernel"
    if found is None:
        raise ImpossibleError(
            "environment-gone", what, "there is no environment in that folder any more", other
        )
    if found.broken:
        raise ImpossibleError(
            "environment-broken", what, found.broken, f"make that environment again, or {other}"
        )
    if Version(found.version.rstrip("t")) < Version("3.9"):
        raise ImpossibleError(
            "environment-too-old",
            what,
            f"it holds Python {found.version}, and kernels start in Python 3.9 and newer",
            "make it again with a newer Python, or choose another kernel",
        )
    return found


def _meaning(found: Discovered, companions: Plan | None) -> str:
    """What the small prefix depends on: another meaning makes another one."""
    stamp = Disk().stamp(found.python)
    folder = Path(fitting.__file__).parent.parent / "guest"
    guest = hashlib.sha256(b"".join((folder / name).read_bytes() for name in fitting.GUESTS)).hexdigest()
    said = [
        found.path, found.version, *map("==".join, found.kernel), str(stamp[2] if stamp else 0),
        companions.digest() if companions else "", guest,
    ]  # fmt: skip
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def _try(run: Run, found: Discovered) -> None:
    """Raise where the interpreter does not start, or is another Python than the environment was made for."""
    run.tell(f"trying Python {found.minor} of {found.name}")
    done = run([found.python, "-I", "-c", _ASK])
    what = f"cannot start a kernel in `{found.path}`"
    words = done.stdout.split()
    if done.status or len(words) != 2:
        raise ToolError(
            "python-broken", what, f"its interpreter ended with status {done.status}",
            "make that environment again, or choose another kernel", tail=tuple(done.stderr.splitlines()[-5:]),
        )  # fmt: skip
    if words[1].split(".")[:2] != found.version.rstrip("t").split(".")[:2]:
        raise ImpossibleError(
            "environment-broken", what,
            f"it was made for Python {found.minor}, and its interpreter is Python {words[1]} by now",
            "make that environment again, or choose another kernel",
        )  # fmt: skip


def _companions_plan(engine: Engine, found: Discovered) -> Plan:
    """The plan for the kernel's own packages alone, under this environment's Python."""
    if found.version.endswith("t"):
        raise ImpossibleError(
            "no-kernel-for-build",
            f"cannot start a kernel in `{found.path}`",
            f"ipykernel is not in it, and it holds the free-threaded Python {found.minor}",
            f"install ipykernel in it: uv pip install --python {found.python} ipykernel",
        )
    machine = preparing.machine_here(engine)
    own = Python(version=found.version, path=found.python, source="system")
    machine = msgspec.structs.replace(machine, pythons=(*machine.pythons, own))
    plan = planning.plan(
        Spec(python=found.minor), machine, msgspec.structs.replace(engine.policy, packages=())
    )
    # pip is asked for as a program, and nothing of this set is one that a cell can call.
    wanted = tuple(item for item in plan.companions if item != "pip")
    if "ipykernel" not in wanted:
        wanted = ("ipykernel", *wanted)
    return msgspec.structs.replace(plan, requirements=(), companions=wanted, platforms=())


def _companions(engine: Engine, run: Run, found: Discovered, plan: Plan) -> tuple[str, bool]:
    """The folder of the kernel's own packages, and whether it must go before the environment's."""
    try:
        folder = fitting.companion_set(engine, plan, _locked(engine, run, found, plan).parts[0].text)
    except CancelledError:
        raise
    except IsoError as error:
        what = f"cannot start a kernel in `{found.path}`, which has no ipykernel"
        told = (error.code, what, error.because, error.hint)
        raise type(error)(*told, tail=error.tail, log=error.log) from error
    if not any(_is_old(name, version) for name, version in found.kernel):
        return folder, False
    for first in (False, True):
        if fitting.kernel_starts(run, found.python, folder, first=first):
            return folder, first
    raise ImpossibleError(
        "no-kernel-starts",
        f"cannot start a kernel in `{found.path}`",
        f"neither beside {', '.join(map(' '.join, found.kernel))} nor with packages of its own",
        f"install ipykernel in it: uv pip install --python {found.python} ipykernel",
    )


def _locked(engine: Engine, run: Run, found: Discovered, plan: Plan) -> Lock:
    """The lock of the kernel's own packages, which environments with the same Python share."""
    if kept := engine.store.kept(plan.digest()):
        return kept
    run.tell(f"resolving ipykernel for Python {found.minor}")
    locked = backends.find(plan.backend).lock(plan, engine.run("lock", plan.digest()[:12]))
    engine.store.keep(locked)
    return locked


def _is_old(name: str, version: str) -> bool:
    try:
        return Version(version) < Version(fitting.SURE[name])
    except (InvalidVersion, KeyError):
        return True


def _plan(engine: Engine, found: Discovered, prefix: Prefix) -> Plan:
    """The plan of a kernel in it, for those who ask why: nothing is decided but where ipykernel comes from."""
    reasons = [
        Reason(rule="target", text=f"the kernel of {found.name} was chosen, an environment that was found")
    ]
    if prefix.companions:
        where = "before" if prefix.companions_first else "behind"
        reasons.append(
            Reason(
                rule="companions",
                text=f"ipykernel is not in it, and comes from a folder {where} its packages",
            )
        )
    else:
        reasons.append(Reason(rule="companions", text=f"ipykernel {found.ipykernel} is in it"))
    return Plan(
        backend=prefix.backend,
        python=Python(version=prefix.version, path=found.python, source=found.tool),
        env=_activated(engine, found, prefix) if found.kind == "conda" else (),
        reasons=tuple(reasons),
    )


def _activated(engine: Engine, found: Discovered, prefix: Prefix) -> tuple[tuple[str, str], ...]:
    folder = Path(prefix.path) / fitting.GUEST
    return activating.kept(folder, Path(found.path), found.name, found.python, engine.run("launch"))


def environment(ready: Ready, environ: Mapping[str, str], *, system: str = "") -> dict[str, str]:
    """The environment of a kernel in a found environment: as if it were activated, and nothing else was."""
    system = system or ("windows" if os.name == "nt" else "posix")
    path, env = ready.target.name, dict(ready.plan.env)
    made = kernel_environment(
        environ, prefix=path, python=ready.prefix.python, os=system, env=tuple(env.items())
    )
    return activating.activated(made, path, system) if "CONDA_PREFIX" in env else made


Realise = Callable[[Engine, Target], Ready]


def realising(target: Target) -> Realise:
    """What prepares a target: `realise` of here for a found environment, of `preparing` for all others."""
    return realise if target.kind == KIND else preparing.realise
