"""Fetch, verify and link conda packages: py-rattler's downloader and linker, called in the worker.

Every package is fetched into a folder of ours and checked against its SHA-256 there, because py-rattler believes a channel
that is a folder (0.28). It is linked from that file, and its record then gets the channel's address.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rattler import BuildString, Config, MatchSpec, PackageCache, PackageRecord, RepoDataRecord
from rattler import install as rattler_install
from rattler.exceptions import InvalidMatchSpecError
from rattler.package_streaming import PackageArchive

from kernel_iso import condarc
from kernel_iso.backends.conda import caches, explaining, fetching
from kernel_iso.backends.conda.places import Place, place
from kernel_iso.backends.conda.places import fetching as fetching_into
from kernel_iso.errors import ImpossibleError, ToolError
from kernel_iso.processes import redact
from kernel_iso.processes.serving import Tell

# Symbolic links stay allowed: they are those that packages bring. rattler (0.28) links nothing to the cache by them, and
# where they are not allowed it makes a second file of each.
_LINKS = {
    "hardlink": "allow-hard-links = true\nallow-ref-links = true\n",
    "clone": "allow-hard-links = false\nallow-ref-links = true\n",
    "copy": "allow-hard-links = false\nallow-ref-links = false\n",
}


async def install(request: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Make the folder `prefix` hold `artefacts`; return which packages have link scripts.

    The request has `channels` (the only ones from which an artefact may come), `artefacts` (tables as `solving` makes
    them), `asked` (specs by name), `scripts` (whether link scripts run), `mode` (how files are linked), `subdir`.
    Raises `IsoError`; then nothing bad stays in the cache.
    """
    with place(request) as where:
        vet(request, where)
        where.packages.mkdir(parents=True, exist_ok=True)
        cache = PackageCache(where.packages)
        index = await cache.index()
        every = request["artefacts"]
        missing = [each for each in every if not index.contains_record(_record(each))]
        with fetching_into(where) as folder:
            fetched = await fetching.fetch(missing, where, folder, tell)
            records = [await _local(each, fetched.get(each["name"]), where) for each in every]
            try:
                await rattler_install(
                    records, target_prefix=request["prefix"], package_cache=cache, reporter=Reports(tell, len(every)),
                    execute_link_scripts=request["scripts"], config=Config.from_toml(_LINKS[request["mode"]]),
                    requested_specs=[_match(text) for text in request["asked"].values()],
                )  # fmt: skip
            except BaseException as error:
                caches.heal(where.packages, [_directory(each) for each in missing])
                raise explaining.fault(error, "install") from None
        _tell_history(Path(request["prefix"]), request)
        return {
            "scripts": [each["name"] for each in every if caches.scripts(where.packages / _directory(each))]
        }


def vet(request: dict[str, Any], where: Place) -> None:
    """Raise unless each artefact comes from an allowed channel, is hashed, and is for this kind of machine."""
    allowed = {
        condarc.canonical(base, where.rc) for name in request["channels"] for base in where.bases(name)
    }
    for each in request["artefacts"]:
        why = ""
        if each["base"] not in allowed:
            may = ", ".join(request["channels"]) or "no channel"
            why = f"it is from {redact(each['base'])}, and the policy allows {may}"
        elif each["subdir"] not in (request["subdir"], "noarch"):
            raise ImpossibleError(
                "lock-does-not-fit", "cannot install what the lock holds",
                f"`{each['name']}` is for {each['subdir']}, and this machine is {request['subdir']}",
                "make it again here with `kernel-iso lock`",
            )  # fmt: skip
        elif not each["sha256"]:
            raise ToolError(
                "no-hash", f"cannot use {each['name']} {each['version']}",
                "it has no SHA-256: nobody could tell whether it is the same next time",
                "make the lock again with `kernel-iso lock`, or with `conda list --explicit --sha256`",
            )  # fmt: skip
        if why:
            raise ImpossibleError(
                "lock-not-allowed", "does not install what the lock holds", f"`{each['name']}`: {why}",
                "make the lock again with `kernel-iso lock`, from channels that the policy allows",
            )  # fmt: skip


def _directory(each: dict[str, Any]) -> str:
    return f"{each['name']}-{each['version']}-{each['build']}"


def _record(each: dict[str, Any]) -> RepoDataRecord:
    """As much of a record as the cache needs to know a package: its names and its hash."""
    sha256 = bytes.fromhex(each["sha256"])
    record = PackageRecord(
        each["name"], each["version"], BuildString(each["build"]), 0, each["subdir"], sha256=sha256
    )
    return RepoDataRecord(
        record, each["file"], f"{each['base']}/{each['subdir']}/{each['file']}", each["base"]
    )


async def _local(each: dict[str, Any], file: Path | None, where: Place) -> RepoDataRecord:
    """The whole record of an artefact, from the package itself: the file that was fetched, or what the cache holds."""
    if file is None:
        about = where.packages / _directory(each) / "info" / "index.json"
        record = PackageRecord.from_index_json(about, size=each["size"] or None, sha256=each["sha256"])
        found = RepoDataRecord(
            record, each["file"], f"{each['base']}/{each['subdir']}/{each['file']}", each["base"]
        )
    else:
        try:
            found = await RepoDataRecord.from_package_archive(file)
        except Exception as error:
            raise ToolError(
                "package-broken", explaining.INSTALL, f"{each['file']} is no package of conda: {str(error).splitlines()[0]}",
                "ask the channel's owner; nothing was installed",
            ) from None  # fmt: skip
    said = (found.name.normalized, str(found.version), str(found.build))
    if said != (each["name"], each["version"], each["build"]):
        raise ToolError(
            "package-broken", explaining.INSTALL, f"{each['file']} says of itself that it is {' '.join(said)}",
            "ask the channel's owner; nothing was installed",
        )  # fmt: skip
    return found


def _match(text: str) -> Any:
    # Its public objects raise TypeError here (py-rattler 0.28).
    try:
        return MatchSpec(text)._match_spec
    except InvalidMatchSpecError:
        return MatchSpec(text.split()[0])._match_spec


class Reports:
    """Tells what py-rattler reports while it unpacks and links."""

    def __init__(self, tell: Tell, packages: int) -> None:
        self._tell = tell
        self._packages = packages
        self._linked = 0
        self._names: list[str] = []

    def on_link_start(self, operation: int, package_name: str) -> int:
        """A package begins to be linked."""
        self._names.append(package_name)
        return len(self._names) - 1

    def on_link_complete(self, index: int) -> None:
        """One more is there."""
        self._linked += 1
        if self._linked % 10 == 0 or self._linked == self._packages:
            self._tell(f"linking {self._names[index]}", self._linked, self._packages, "packages")

    def __getattr__(self, name: str) -> Any:
        """What is not told: the rest of the protocol."""
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *_: 0


def _tell_history(prefix: Path, request: dict[str, Any]) -> None:
    """What conda's own tools want to know of a prefix: where each package is from, and what was asked for."""
    tables = {f"{_directory(each)}.json": each for each in request["artefacts"]}
    for path in (prefix / "conda-meta").glob("*.json"):
        each = tables.get(path.name)
        if each is None:
            continue
        data = json.loads(path.read_bytes())
        data["url"], data["channel"] = f"{each['base']}/{each['subdir']}/{each['file']}", each["base"]
        asked = request["asked"].get(each["name"])
        data["requested_spec"], data["requested_specs"] = asked or "None", [asked] if asked else []
        path.write_text(json.dumps(data, indent=2, sort_keys=True), encoding="utf-8")
    lines = ["==> 1970-01-01 00:00:00 <==", "# cmd: kernel-iso", "# conda version: 0.0.0"]
    lines += [f"+{each['base']}/{each['subdir']}::{_directory(each)}" for each in request["artefacts"]]
    lines.append(f"# update specs: {json.dumps([*request['asked'].values()])}")
    (prefix / "conda-meta" / "history").write_text("\n".join(lines) + "\n", encoding="utf-8")


async def scripts(request: dict[str, Any], tell: Tell) -> list[str]:
    """The packages of `artefacts` that bring link scripts: asked of the packages themselves, little of which is fetched.

    Raises `IsoError`.
    """
    with place(request) as where:
        vet(request, where)
        found = []
        for number, each in enumerate(request["artefacts"]):
            tell(f"looking for link scripts in {each['name']}", number, len(request["artefacts"]), "packages")
            found += [each["name"]] if await _has_scripts(each, where) else []
        return found


async def _has_scripts(each: dict[str, Any], where: Place) -> bool:
    unpacked = where.packages / _directory(each)
    if (unpacked / "info" / "paths.json").is_file():
        return caches.scripts(unpacked)
    url = fetching.urls(each, where)[0]
    try:
        archive = (
            await PackageArchive.from_path(fetching.path_of(url))
            if url.startswith("file:")
            else await PackageArchive.from_url(where.client, url)
        )
        files = await archive.paths_json()
        return any(caches.is_script(str(entry.relative_path)) for entry in files.paths)
    except Exception as error:
        raise explaining.unfetched(error, each, url) from None
