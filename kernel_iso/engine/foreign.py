"""Locks that other tools wrote: honoured as pins by version and hash, where they still fit what is declared."""

from __future__ import annotations

import hashlib
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kernel_iso import backends
from kernel_iso.engine.context import Engine
from kernel_iso.errors import SpecError
from kernel_iso.model import Reason, Record, Spec
from kernel_iso.notebooks import FoundLock


class Pins(Record, frozen=True, kw_only=True):
    """What a foreign lock holds: versions ("name==1.2") and the hashes allowed for each name."""

    versions: tuple[str, ...] = ()
    hashes: tuple[tuple[str, tuple[str, ...]], ...] = ()


def pinned(engine: Engine, spec: Spec, locks: tuple[FoundLock, ...]) -> tuple[Spec, list[Reason]]:
    """The Spec with the pins of the first foreign lock that fits it, and the Reasons.

    The lock is not installed as it is: it has no kernel in it. Its versions become constraints and its
    hashes the only ones allowed, so the resolver adds what the kernel needs and changes nothing else. A lock
    that contradicts what is declared is passed over, with a Reason.
    """
    for found in locks:
        if found.kind == "kernel-iso":
            continue
        pins = read(engine, found)
        if (clash := _clash(spec, pins)) is not None:
            text = f"{found.where} is out of date: it pins {clash[1]}, and {clash[0]} is declared; it is passed over"
            return spec, [Reason(rule="lock", text=text)]
        requirements = spec.requirements
        if not requirements and found.kind == "pylock" and spec.origin.path == found.path:
            requirements = pins.versions  # a lock alone says all that is asked
        pinned_spec = msgspec.structs.replace(
            spec,
            requirements=requirements,
            constraints=(*spec.constraints, *pins.versions),
            hashes=_merged(spec.hashes, pins.hashes),
        )
        return pinned_spec, [
            Reason(rule="lock", text=f"{len(pins.versions)} versions are pinned by {found.where}")
        ]
    return spec, []


def _clash(spec: Spec, pins: Pins) -> tuple[str, str] | None:
    """The first declared requirement that the pins contradict, and the pin."""
    versions = {canonicalize_name(pin.split("==")[0]): pin.split("==")[1] for pin in pins.versions}
    for text in spec.requirements:
        requirement = Requirement(text)
        version = versions.get(canonicalize_name(requirement.name))
        if version and not requirement.specifier.contains(version, prereleases=True):
            return text, f"{requirement.name} {version}"
    return None


def _merged(
    mine: tuple[tuple[str, tuple[str, ...]], ...], theirs: tuple[tuple[str, tuple[str, ...]], ...]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((dict(theirs) | dict(mine)).items())


def read(engine: Engine, found: FoundLock) -> Pins:
    """The pins of a foreign lock; kept by the digest of its text, since reading one may run uv.

    Raises `SpecError` (`bad-lock`).
    """
    digest = hashlib.sha256(f"{found.kind}\n{found.text}".encode()).hexdigest()
    kept = engine.store.root / "foreign" / f"{digest}.json"
    try:
        return Pins.from_text(kept.read_bytes())
    except (OSError, SpecError):
        pass
    pins = parse(found.text if found.kind == "pylock" else _exported(engine, found), found.where)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(pins.to_text(), encoding="utf-8")
    except OSError:
        pass  # it is only a memory
    return pins


def parse(text: str, where: str) -> Pins:
    """The pins in a PEP 751 text.

    >>> parse('[[packages]]\\nname="a"\\nversion="1"\\nwheels=[{url="u",hashes={sha256="00"}}]', "x").versions
    ('a==1',)
    """
    try:
        packages: list[dict[str, Any]] = tomllib.loads(text).get("packages", [])
        versions, hashes = [], []
        for item in packages:
            if "version" not in item or "directory" in item:
                continue  # the project itself, or something that has no artefact
            name = canonicalize_name(item["name"])
            versions.append(f"{name}=={item['version']}")
            sums = tuple(
                f"{kind}:{value}"
                for wheel in item.get("wheels", ())
                for kind, value in wheel.get("hashes", {}).items()
            )
            if sums:
                hashes.append((name, sums))
        return Pins(versions=tuple(versions), hashes=tuple(hashes))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(
            "bad-lock",
            f"cannot read the lock in {where}",
            f"{type(error).__name__}: {error}",
            "make the lock again",
        ) from None


def _exported(engine: Engine, found: FoundLock) -> str:
    """A `uv.lock` as PEP 751, by uv itself: its format is not a standard, so we do not parse it."""
    run = engine.run("read")
    with tempfile.TemporaryDirectory(prefix="kernel-iso-") as folder:
        work = Path(folder)
        command = [
            backends.uv_path(),
            "export",
            "--frozen",
            "--offline",
            "--no-config",
            "--format",
            "pylock.toml",
        ]
        if found.path.endswith("uv.lock"):
            project = Path(found.path).with_name("pyproject.toml")
            (work / "pyproject.toml").write_bytes(project.read_bytes())
            (work / "uv.lock").write_text(found.text, encoding="utf-8")
            command += ["--no-emit-project", "--all-groups", "--all-extras"]
        else:
            (work / "script.py").write_text("# /// script\n# dependencies = []\n# ///\n", encoding="utf-8")
            (work / "script.py.lock").write_text(found.text, encoding="utf-8")
            command += ["--script", "script.py"]
        done = run([*command, "-o", str(work / "pylock.toml")], cwd=folder)
        if done.status != 0:
            raise SpecError(
                "bad-lock",
                f"cannot read the lock in {found.where}",
                "uv cannot export it",
                "make it again with `uv lock`",
                tail=tuple(done.stderr.splitlines()[-5:]),
            )
        return (work / "pylock.toml").read_text(encoding="utf-8")
