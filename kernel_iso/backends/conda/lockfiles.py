"""rattler's own lock files, read and written by py-rattler; and what channels tell of packages. Called in the worker."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from rattler import LockFile, RepoDataRecord
from rattler.lock import CondaLockedBinaryPackage, Environment, LockPlatform, PypiLockedPackage
from rattler.lock.package import LockedPackage

from kernel_iso.backends.conda.places import place
from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.processes.serving import Tell


async def lockfile(request: dict[str, Any], tell: Tell) -> object:
    """`how` = `write`: the text as rattler writes it; `read`: its packages for `subdir`. Raises `IsoError` (`bad-lock`)."""
    with tempfile.TemporaryDirectory(prefix="kernel-iso-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "pixi.lock"
        path.write_text(request["text"], encoding="utf-8")
        try:
            lock = LockFile.from_path(path)
            if request["how"] == "read":
                return _read(lock, request)
            lock.to_path(path)
        except (SpecError, ImpossibleError):
            raise
        except BaseException as error:
            # A panic of its Rust code is no `Exception`.
            raise _bad(request, str(error).splitlines()[0] if str(error) else type(error).__name__) from None
        return path.read_text(encoding="utf-8")


def _read(lock: LockFile, request: dict[str, Any]) -> dict[str, Any]:
    environment = _environment(lock, request)
    platforms = environment.platforms()
    chosen = _platform(platforms, request)
    # A platform that is made here is unknown to the lock, and asking for it panics (0.28): it comes from the lock.
    packages = environment.packages(chosen) or []
    return {
        "channels": [str(each) for each in environment.channels()],
        "packages": [_table(each) for each in packages],
    }


def _environment(lock: LockFile, request: dict[str, Any]) -> Environment:
    found = dict(lock.environments())
    if "default" in found:
        return found["default"]
    if len(found) == 1:
        return next(iter(found.values()))
    raise _bad(request, f"it has no environment `default`, only {', '.join(sorted(found)) or 'none'}")


def _platform(platforms: list[LockPlatform], request: dict[str, Any]) -> LockPlatform:
    """The platform by its name; else the first whose packages are for it (a variant for some GPU)."""
    subdir = request["subdir"]
    fitting = [each for each in platforms if str(each.subdir) == subdir]
    named = [each for each in fitting if each.name == subdir]
    if not fitting:
        names = ", ".join(sorted(each.name for each in platforms)) or "no platform"
        raise ImpossibleError(
            "lock-does-not-fit", f"cannot use `{request['name']}`", f"it is for {names}, and {subdir} is needed here",
            f"lock for {subdir} too: pixi project platform add {subdir}",
        )  # fmt: skip
    return (named or fitting)[0]


def _table(package: LockedPackage) -> dict[str, Any]:
    if isinstance(package, CondaLockedBinaryPackage):
        record = package.repo_data_record()
        return {
            "kind": "conda", "name": package.name, "url": record.url, "depends": record.depends,
            "sha256": record.sha256.hex() if record.sha256 else "", "size": record.size or 0,
        }  # fmt: skip
    if isinstance(package, PypiLockedPackage):
        url, _, digest = package.location.partition("#sha256=")
        # `PypiLockedPackage.hashes` wraps None where there are none.
        hashes = package._package.hashes
        sha256 = hashes.sha256.hex() if hashes and hashes.sha256 else digest
        return {
            "kind": "pypi", "name": package.name, "version": package.version or "", "url": url, "sha256": sha256,
        }  # fmt: skip
    return {"kind": "source", "name": package.name}


async def records(request: dict[str, Any], tell: Tell) -> list[dict[str, Any] | None]:
    """What the channels tell of each of `artefacts` (`name`, `file`, `sha256`), None of one that none of them has."""
    with place(request) as where:
        bases = [base for name in request["channels"] for base in where.bases(name)]
        names = sorted({each["name"] for each in request["artefacts"]})
        found: dict[tuple[str, str], RepoDataRecord] = {}
        queried = await where.gateway.query(bases, [request["subdir"], "noarch"], names, recursive=False)
        for group in queried:
            for record in group:
                found[record.file_name, record.sha256.hex() if record.sha256 else ""] = record
        return [_told(found.get((each["file"], each["sha256"]))) for each in request["artefacts"]]


def _told(record: RepoDataRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    noarch = "python" if record.noarch.python else "generic" if record.noarch.generic else ""
    return {
        "md5": record.md5.hex() if record.md5 else "", "depends": record.depends, "constrains": record.constrains,
        "noarch": noarch, "license": record.license or "", "size": record.size or 0,
        "timestamp": int(record.timestamp.timestamp() * 1000) if record.timestamp else 0,
    }  # fmt: skip


def _bad(request: dict[str, Any], because: str) -> SpecError:
    return SpecError(
        "bad-lock",
        f"cannot read `{request['name']}`",
        because[:300],
        "make it again with the tool that wrote it",
    )
