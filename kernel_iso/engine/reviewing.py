"""What a notebook wants, shown before anything of it happens: the page and the terminal approve what stands here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from packaging.pylock import Package as LockedPackage
from packaging.requirements import Requirement

from kernel_iso import backends
from kernel_iso.backends import explicit, pylocks
from kernel_iso.backends.wheels import fits, here
from kernel_iso.engine import approving, foreign, held, lookups, preparing
from kernel_iso.engine.approving import Differs
from kernel_iso.engine.channels import channels
from kernel_iso.engine.context import Engine
from kernel_iso.engine.fitting import CONDA
from kernel_iso.engine.preparing import Wish
from kernel_iso.engine.targets import Target
from kernel_iso.errors import IsoError
from kernel_iso.model import PYPI, Lock, Part, Plan, Record, Spec
from kernel_iso.notebooks import FoundLock
from kernel_iso.planning.indexes import channel_meaning, comparable
from kernel_iso.processes import redact


class Where(Record, frozen=True, kw_only=True):
    """Where it is declared: the file, and the place in it."""

    path: str
    detail: str


class Named(Record, frozen=True, kw_only=True):
    """An index that is named, without credentials."""

    name: str
    url: str


class Asks(Record, frozen=True, kw_only=True):
    """What is declared, as it is declared."""

    requirements: tuple[str, ...]
    conda: tuple[str, ...]
    channels: tuple[str, ...]
    python: str
    accelerator: str
    constraints: tuple[str, ...]
    indexes: tuple[Named, ...]
    env: tuple[tuple[str, str], ...]
    own_code: str


class Artefact(Record, frozen=True, kw_only=True):
    """One locked package: `hash` is that of its wheel for this machine where it has one.

    `size` is in bytes (0: not known), `uploaded` an ISO time ("": not known).
    """

    name: str
    version: str
    hash: str
    index: str
    size: int
    uploaded: str


class Locked(Record, frozen=True, kw_only=True):
    """A lock that lies with the notebook."""

    where: str
    packages: tuple[Artefact, ...]


class Newest(Record, frozen=True, kw_only=True):
    """The youngest release: a bad one is mostly found within days."""

    name: str
    version: str
    age_days: int


class Versions(Record, frozen=True, kw_only=True):
    """What would be installed, with the bytes that are downloaded where they are known.

    `scripts` are the conda packages that would run scripts as they are installed.
    """

    packages: tuple[Artefact, ...]
    bytes: int
    newest: Newest | None
    scripts: tuple[str, ...] = ()


class Review(Record, frozen=True, kw_only=True):
    """What a notebook wants, and the `digest` that an approval of exactly this covers.

    `runs_code` are sentences about what would run or steer code, `differs` what is new since the last approval of this
    notebook (None: there was none, or it is approved as it is), `versions` the resolution where it was asked for.
    """

    path: str
    label: str
    digest: str
    approved: bool
    where: Where
    asks: Asks
    locks: tuple[Locked, ...]
    runs_code: tuple[str, ...]
    differs: Differs | None
    versions: Versions | None


def review(engine: Engine, target: Target, *, versions: bool = False) -> Review:
    """Say what a target wants. Nothing is resolved or fetched, unless `versions` are asked for.

    Nothing is approved either. Raises what reading raises, and with `versions` what locking raises.
    """
    wish = preparing.read(engine, target)
    spec, digest = wish.spec, preparing.covered(engine, wish)
    approved = preparing.is_approved(engine, wish)
    differs = None
    if not approved and (former := approving.before(engine.approvals.all(), wish.owner, digest)):
        differs = approving.differs(former, spec, wish.locks)
    return Review(
        path=target.path, label=target.label, digest=digest, approved=approved,
        where=Where(path=spec.origin.path, detail=spec.origin.detail), asks=asks(spec),
        locks=tuple(_locked(engine, found) for found in wish.locks), runs_code=tuple(runs_code(engine, wish)),
        differs=differs, versions=_versions(engine, wish) if versions else None,
    )  # fmt: skip


def asks(spec: Spec) -> Asks:
    """What a Spec declares, without credentials."""
    return Asks(
        requirements=tuple(redact(item) for item in spec.requirements), conda=spec.conda, channels=spec.channels,
        python=spec.python, accelerator=spec.accelerator, constraints=spec.constraints,
        indexes=tuple(Named(name=index.name, url=redact(index.url)) for index in spec.indexes), env=spec.env,
        own_code=spec.own_code,
    )  # fmt: skip


def runs_code(engine: Engine, wish: Wish) -> Iterator[str]:
    """What would run code beside the cells, or choose which code runs: one sentence for each."""
    spec = wish.spec
    yield from _sources(engine, spec)
    yield from _conda(engine, spec)
    for name, value in spec.env:
        yield f"the variable {name} is set to {value}: programs in the kernel may act on it"
    if spec.own_code == "path" and spec.own_paths:
        yield f"code of the project itself can be imported, from {', '.join(spec.own_paths)}"
    elif spec.own_code in ("editable", "wheel"):
        yield "the project itself is to be built, which runs its code: refused, nothing is built"
    if spec.system_site_packages:
        yield "packages of the system's Python can be imported too, which nobody has locked"
    for found in wish.locks:
        yield from _not_wheels(found)


def _sources(engine: Engine, spec: Spec) -> Iterator[str]:
    """Places that packages are to come from, other than PyPI."""
    for text in spec.requirements:
        if (requirement := Requirement(text)).url:
            yield f"{requirement.name} is to come from {redact(requirement.url)}: refused, no index vouches for it"
    allowed = {comparable(index.url) for index in engine.policy.indexes}
    for index in spec.indexes:
        if comparable(index.url) not in allowed:
            yield f"the index {index.name} ({redact(index.url)}) is not in your policy: refused"
        elif comparable(index.url) != comparable(PYPI.url):
            yield f"packages may come from the index {index.name} ({redact(index.url)}), which your policy allows"


def _conda(engine: Engine, spec: Spec) -> Iterator[str]:
    """Channels that are not the policy's, and the scripts that conda's packages may run."""
    allowed = channels(engine, spec)
    for name in spec.channels:
        if channel_meaning(name) not in {channel_meaning(each) for each in allowed} | {"nodefaults"}:
            yield f"the channel {redact(name)} is not in your policy: refused"
    if allowed and engine.policy.link_scripts == "approved":
        yield "conda packages may run scripts of theirs as they are installed (`link-scripts` in your policy allows it)"


def _not_wheels(found: FoundLock) -> Iterator[str]:
    """The entries of a lock that are no wheels of an index; such a lock is refused when it is installed."""
    for text in _texts(found):
        try:
            packages = pylocks.read(text).packages
        except IsoError:
            yield f"the lock in {found.where} cannot be read: it would be refused"
            return
        for package in packages:
            kinds = {
                "a repository": package.vcs,
                "a folder": package.directory,
                "an archive": package.archive,
            }
            for kind, given in kinds.items():
                if given is not None:
                    yield f"{package.name} in the lock of {found.where} comes from {kind}: refused"
            if package.sdist is not None and not package.wheels:
                yield f"{package.name} in the lock of {found.where} has no wheel; a build would run its code: refused"


def _texts(found: FoundLock) -> list[str]:
    """The PEP 751 texts of a lock; none of a `uv.lock`, which only uv can read."""
    if found.kind == "kernel-iso":
        lock = Lock.from_text(found.text)
        texts = [*map(held.wheels, lock.parts), lock.detached]
        return [text for text in texts if text]
    return [found.text] if found.kind == "pylock" else []


def _locked(engine: Engine, found: FoundLock) -> Locked:
    """A lock's packages by name; those of a lock that cannot be read are none (`runs_code` says so)."""
    try:
        if found.kind == "uv.lock":
            return Locked(where=found.where, packages=_pinned(foreign.read(engine, found)))
        minor, rows = "", []
        if found.kind == "kernel-iso":
            lock = Lock.from_text(found.text)
            minor, rows = lock.python, [row for part in lock.parts for row in of_conda(part)]
        rows += [row for text in _texts(found) for row in artefacts(text, minor)]
    except IsoError:
        rows = []
    return Locked(where=found.where, packages=tuple({(row.name, row.version): row for row in rows}.values()))


def _pinned(pins: foreign.Pins) -> tuple[Artefact, ...]:
    """The pins of a lock that uv has exported."""
    sums = dict(pins.hashes)
    rows = (pin.split("==") for pin in pins.versions)
    return tuple(
        Artefact(
            name=name, version=version, hash=next(iter(sums.get(name, ())), ""), index="", size=0, uploaded=""
        )
        for name, version in rows
    )


def of_conda(part: Part) -> list[Artefact]:
    """The conda packages of a part. Raises `SpecError` (`bad-lock`)."""
    listed = explicit.read(part.text).artefacts if part.kind == CONDA else ()
    return [
        Artefact(
            name=each.name, version=each.version, hash=f"sha256:{each.sha256}" if each.sha256 else "",
            index=redact(each.base), size=each.size, uploaded="",
        )
        for each in listed
    ]  # fmt: skip


def artefacts(text: str, minor: str) -> list[Artefact]:
    """The packages of a PEP 751 text, by name. Raises `SpecError` (`bad-lock`)."""
    packages = sorted(pylocks.read(text).packages, key=lambda package: package.name)
    return [_artefact(package, minor) for package in packages]


def _artefact(package: LockedPackage, minor: str) -> Artefact:
    wheels = list(package.wheels or ())
    best = next((wheel for wheel in wheels if minor and fits(wheel.filename, minor, here())), None)
    wheel = best or next(iter(wheels), None)
    sums = dict(wheel.hashes) if wheel else {}
    kind = "sha256" if "sha256" in sums else next(iter(sums), "")
    uploaded = wheel.upload_time if wheel else None
    return Artefact(
        name=package.name, version=str(package.version or ""), hash=f"{kind}:{sums[kind]}" if kind else "",
        index=redact(package.index or ""), size=(wheel.size or 0) if wheel else 0,
        uploaded=uploaded.isoformat() if uploaded else "",
    )  # fmt: skip


def _versions(engine: Engine, wish: Wish) -> Versions:
    """Resolve, as a start would: what is shown is kept, and is what an approved start installs."""
    machine = preparing.machine_here(engine)
    plan, locked = preparing.lock(engine, wish, preparing.make_plan(engine, wish, machine), machine)
    part = locked.part(machine.tag, plan.accelerator)
    texts = [held.wheels(part), locked.detached] if part else []
    rows = [row for text in texts if text for row in artefacts(text, plan.python.minor)]
    rows = [*(of_conda(part) if part else ()), *_dated(engine, rows)]
    return Versions(
        packages=tuple(rows), bytes=sum(row.size for row in rows), newest=newest(rows, datetime.now(UTC)),
        scripts=tuple(_scripts(engine, plan, part)),
    )  # fmt: skip


def _scripts(engine: Engine, plan: Plan, part: Part | None) -> list[str]:
    """The conda packages that would run link scripts: the packages themselves are asked, and little of them is fetched."""
    if part is None or part.kind != CONDA or not plan.link_scripts:
        return []
    backend = cast("Any", backends.find(CONDA))
    return list(backend.link_scripts(plan, part, engine.run("review")))


def _dated(engine: Engine, rows: Sequence[Artefact]) -> list[Artefact]:
    """The rows with sizes and times of upload, as far as the indexes tell; an index that fails tells nothing."""
    missing = [row for row in rows if not row.uploaded or not row.size]
    if not missing or engine.policy.offline:
        return list(rows)
    try:
        answers = lookups.ask(engine, [(row.name, row.version, row.index) for row in missing])
    except IsoError:
        return list(rows)
    known: dict[str, dict[str, Any]] = {
        f"sha256:{file['sha256']}": file for answer in answers for file in answer["files"]
    }
    told = []
    for row in rows:
        file = known.get(row.hash, {"size": 0, "uploaded": ""})
        told.append(
            Artefact(
                name=row.name, version=row.version, hash=row.hash, index=row.index, size=row.size or file["size"],
                uploaded=row.uploaded or file["uploaded"],
            )
        )  # fmt: skip
    return told


def newest(rows: Sequence[Artefact], now: datetime) -> Newest | None:
    """The youngest of the packages whose age is known."""
    dated = [row for row in rows if row.uploaded]
    if not dated:
        return None
    row = max(dated, key=lambda row: datetime.fromisoformat(row.uploaded))
    age = now - datetime.fromisoformat(row.uploaded)
    return Newest(name=row.name, version=row.version, age_days=max(age.days, 0))


def lines(found: Review) -> list[str]:
    """The review for a terminal."""
    asked = found.asks
    told = [
        f"{found.label} wants: "
        + (", ".join((*asked.requirements, *asked.conda)) or "nothing beyond the kernel")
    ]
    if found.where.path:
        told.append(f"  declared in {Path(found.where.path).name} ({found.where.detail or 'the whole file'})")
    told += [f"  Python {asked.python}"] if asked.python else []
    told += [f"  constraint {item}" for item in asked.constraints]
    told += [f"  index {index.name}: {index.url}" for index in asked.indexes]
    told += [f"  channel {redact(name)}" for name in asked.channels]
    told += [f"  a lock of {len(lock.packages)} packages in {lock.where}" for lock in found.locks]
    told += [f"  note: {text}" for text in found.runs_code]
    if found.differs is not None:
        told += ["since you approved it last:", *_marked(found.differs)]
    if found.versions is not None:
        told += _resolved(found.versions)
    told.append(f"digest {found.digest}")
    told.append(
        "approved here"
        if found.approved
        else f'not approved here: kernel-iso trust "{found.path}" approves exactly this'
    )
    return told


def _marked(differs: Differs) -> list[str]:
    rows = [f"  + {text}" for text in differs.added] + [f"  - {text}" for text in differs.removed]
    return [*rows, *(f"  ~ {text}" for text in differs.changed)] or [
        "  nothing that it asks: an index of the policy"
    ]


def _resolved(versions: Versions) -> list[str]:
    width = max((len(row.name) for row in versions.packages), default=0)
    rows = [
        f"  {row.name:<{width}}  {row.version:<12} {row.uploaded[:10]:<10} {row.hash[:19]}".rstrip()
        for row in versions.packages
    ]
    count = len(versions.packages)
    size = f", {versions.bytes / 1e6:.1f} MB to download" if versions.bytes else ""
    told = [f"it would install {count} packages{size}:", *rows]
    told += (
        [f"these run scripts as they are installed: {', '.join(versions.scripts)}"]
        if versions.scripts
        else []
    )
    if versions.newest:
        age, days = versions.newest, versions.newest.age_days
        told.append(f"the newest is {age.name} {age.version}, {days} {'day' if days == 1 else 'days'} old")
    return told
