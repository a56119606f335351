"""An environment that was found on this machine as what can be exported: read from its files, and never changed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
from packaging.utils import canonicalize_name

from kernel_iso import backends, condarc, planning
from kernel_iso.backends import explicit, installed, wheels
from kernel_iso.backends.conda import locking, prefixes
from kernel_iso.backends.conda.specs import pypi_name
from kernel_iso.condarc import Condarc
from kernel_iso.discovery import Discovered
from kernel_iso.engine import detailing, preparing, unpacking
from kernel_iso.engine.context import Engine
from kernel_iso.errors import SpecError
from kernel_iso.exporting import Conda, Content, Pin, Source
from kernel_iso.guest import probe
from kernel_iso.model import Origin, Package, Python, Spec
from kernel_iso.model.conda_specs import conda_name, conda_text
from kernel_iso.notebooks.conda_wishes import python_wish

SEEDS = ("pip", "setuptools", "wheel")
"""What comes with an environment without being asked for."""

HASHED = ("conda-lock", "pixi.lock", "pylock.toml", "requirements.txt")
"""Formats that name files: an index has to be asked for those of what was found."""

_SPECS = re.compile(r"^# (?P<what>update|remove|neutered) specs: (?P<specs>\[.*\])\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A Python package of the environment: where it came from ("" for an index), and whether a person asked for it."""

    package: Package
    address: str = ""
    local: bool = False
    asked: bool = False


def source(engine: Engine, found: Discovered, form: str) -> Source:
    """What is in the environment, with the hashes of an index's files where the format names such.

    Raises what the uv backend raises where no index has what is there.
    """
    rc = condarc.read(engine.environ, Path.home(), system=probe.os_name(sys.platform))
    records = prefixes.records(Path(found.path)) if found.kind == "conda" else {}
    conda = tuple(each for name in sorted(records) if (each := _conda(records[name], rc)))
    there = _distributions(found, {pypi_name(each.name): each.version for each in conda})
    notes = [
        f"left out: {each.package.name}, which is installed from a folder of this machine"
        for each in there
        if each.local
    ]
    kept = [each for each in there if not each.local]
    pins = tuple(
        Pin(name=each.package.name, version=each.package.version, requires=each.package.requires, address=each.address,
            role="asked" if each.asked else "")
        for each in kept
    )  # fmt: skip
    if form in HASHED and pins and not any(pin.address for pin in pins):
        pins = _hashed(engine, found, pins, conda)
    tag = wheels.here()
    over = {pypi_name(each.name) for each in conda} & {pin.name for pin in pins}
    notes += [f"{name} was put over conda's by pip, and both are named" for name in sorted(over)]
    wished = (history(Path(found.path)) or requested(records)) if records else ()
    if records and not wished:
        wished = _unneeded(conda)
        notes.append("nobody recorded what was asked for: it is taken to be what nothing else needs")
    spec = _asked(found, records, kept, wished)
    made = Source(
        name=re.sub(r"[^\w.+-]+", "-", found.name).strip("-.") or "environment",
        spec=spec, python=found.minor.rstrip("t"), conda=found.kind == "conda",
        channels=tuple(dict.fromkeys(each.base for each in conda)), indexes=engine.policy.indexes,
        contents=(Content(platform=tag, subdir=locking.subdir(tag) if conda else "", conda=conda, pypi=pins),),
        notes=tuple(notes),
    )  # fmt: skip
    return detailing.detailed(engine, made, form, engine.policy.channels)


def _conda(record: Mapping[str, Any], rc: Condarc) -> Conda | None:
    """A package by its record in `conda-meta`; None for what is none."""
    url = str(record.get("url") or "")
    try:
        (made,) = explicit.read(f"@EXPLICIT\n{url}").artefacts
    except (SpecError, ValueError):
        return None
    sha256 = record.get("sha256")
    plain = Conda(
        name=made.name, version=made.version, build=made.build, base=condarc.canonical(made.base, rc), subdir=made.subdir,
        format=made.format, sha256=sha256 if isinstance(sha256, str) else "",
    )  # fmt: skip
    return detailing.with_record(plain, record)


def _distributions(found: Discovered, conda: Mapping[str, str]) -> list[Installed]:
    """The Python packages that conda (its versions by PyPI's names) did not install; a folder's own code is `local`.

    What pip put over a package of conda's is among them.
    """
    folder = installed.site_packages(found.python)
    if folder is None:
        return []
    packages = installed.packages(folder, wheels.environment(found.version.rstrip("t")))
    notes: dict[str, metadata.Distribution] = {}
    for item in metadata.distributions(path=[str(folder)]):
        notes.setdefault(str(canonicalize_name(item.metadata["Name"] or "")), item)
    needed = {name for each in packages for name in each.requires}
    noted = any(item.read_text("REQUESTED") is not None for item in notes.values())
    return [
        _installed(each, notes[each.name], asked=_is_asked(each, notes[each.name], needed, noted=noted))
        for each in packages
        if each.installer != prefixes.INSTALLER
        and each.name in notes
        and (each.name not in conda or (each.installer and conda[each.name] != each.version))
    ]


def _is_asked(each: Package, item: metadata.Distribution, needed: set[str], *, noted: bool) -> bool:
    """An installer notes what it was asked for (PEP 376); where none did, it is what nothing else needs."""
    return item.read_text("REQUESTED") is not None if noted else each.name not in needed


def _installed(each: Package, item: metadata.Distribution, *, asked: bool) -> Installed:
    """PEP 610: what came from an index has no `direct_url.json`."""
    try:
        address = json.loads(item.read_text("direct_url.json") or "{}")
        url = str(address.get("url") or "")
        vcs = address.get("vcs_info") or {}
        commit = f"@{vcs['commit_id']}" if vcs.get("commit_id") else ""
        url = f"{vcs['vcs']}+{url}{commit}" if vcs.get("vcs") else url
    except (ValueError, AttributeError, KeyError, TypeError):
        url = ""
    local = bool(url) and not re.match(r"(git\+)?https?://", url)
    # A wheel of this machine that an index may have too (`pip install ./numpy-2.whl`) is still what it is: local.
    return Installed(package=each, address="" if local else _bare(url), local=local, asked=asked)


def _bare(url: str) -> str:
    """An address without its login, its commit behind the last `@` kept."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def _asked(
    found: Discovered, records: Mapping[str, Any], there: list[Installed], wished: Sequence[str]
) -> Spec:
    """The Spec that a found environment stands for: conda's history, and what pip was asked for in its version."""
    python, conda = ("", []) if records else (found.minor.rstrip("t"), [])
    for text in wished:
        wish = _python(text)
        python = wish or python
        conda += [text] if wish is None else []
    wanted = tuple(
        f"{each.package.name} @ {each.address}"
        if each.address
        else f"{each.package.name}=={each.package.version}"
        for each in there
        if each.asked and each.package.name not in SEEDS
    )
    return Spec(
        requirements=wanted, conda=tuple(conda), python=python, backend="conda" if records else "",
        origin=Origin(kind="environment", path=found.name, detail="found here"),
    )  # fmt: skip


def _python(text: str) -> str | None:
    """The Python that a spec of conda's means, None where it is about another package, or only conda can tell."""
    try:
        return python_wish(text)
    except SpecError:
        return None


def history(prefix: Path) -> tuple[str, ...]:
    """What conda was asked for, by what it writes into `conda-meta/history`; the last word on each package counts."""
    try:
        text = (prefix / "conda-meta" / "history").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    asked: dict[str, str] = {}
    for line in _SPECS.finditer(text):
        for item in _listed(line["specs"]):
            try:
                name, spec = conda_name(item), conda_text(item)
            except SpecError:
                continue  # an address, or what a later conda may write
            if line["what"] == "remove":
                asked.pop(name, None)
            else:
                asked[name] = spec
    return tuple(asked[name] for name in sorted(asked))


def _unneeded(conda: tuple[Conda, ...]) -> tuple[str, ...]:
    """The packages that no other one needs, in their versions."""
    needed = {text.split()[0] for each in conda for text in each.depends or () if text.strip()}
    return tuple(f"{each.name}={each.version}" for each in conda if each.name not in needed)


def requested(records: Mapping[str, Any]) -> tuple[str, ...]:
    """What mamba, pixi and kernel-iso were asked for, by what they write into each package's record.

    >>> requested({"a": {"requested_spec": "a >=2"}, "b": {"requested_specs": ["b"]}, "c": {"requested_spec": ""}, "d": {}})
    ('a>=2', 'b')
    """
    found = []
    for name in sorted(records):
        several = records[name].get("requested_specs")
        texts = (
            several if isinstance(several, list) and several else [records[name].get("requested_spec") or ""]
        )
        for text in texts:
            try:
                found.append(conda_text(str(text)))
            except SpecError:
                continue  # "" where it only came along
    return tuple(found)


def _listed(text: str) -> list[str]:
    """A list as conda (`['a', 'b']`) or mamba (`["a", "b"]`) writes it."""
    return [first or second for first, second in re.findall(r"'([^']*)'|\"([^\"]*)\"", text)]


def _hashed(
    engine: Engine, found: Discovered, pins: tuple[Pin, ...], conda: tuple[Conda, ...]
) -> tuple[Pin, ...]:
    """The same packages with their files, as the policy's indexes have them."""
    machine = preparing.machine_here(engine)
    own = Python(version=found.version, path=found.python, source="system")
    machine = msgspec.structs.replace(machine, pythons=(*machine.pythons, own))
    wanted = tuple(f"{pin.name}=={pin.version}" for pin in pins)
    asked = Spec(requirements=wanted, python=found.minor, backend="uv")
    plan = planning.plan(asked, machine, msgspec.structs.replace(engine.policy, packages=(), companions=()))
    beside = tuple(f"{pypi_name(each.name)}=={each.version}" for each in conda if _is_python(each))
    plan = msgspec.structs.replace(
        plan, companions=(), constraints=(*plan.constraints, *beside), platforms=(), exclude_newer=""
    )
    run = engine.run("export")
    run.tell(f"asking the index for the files of {len(wanted)} packages")
    text = backends.find(plan.backend).lock(plan, run).parts[0].text
    files = {each.name: each for each in unpacking.pins(text)}
    return tuple(
        replace(pin, files=files[pin.name].files, index=files[pin.name].index) if pin.name in files else pin
        for pin in pins
    )


def _is_python(each: Conda) -> bool:
    needs = {text.split()[0] for text in each.depends or () if text.strip()}
    return each.noarch == "python" or "python" in needs
