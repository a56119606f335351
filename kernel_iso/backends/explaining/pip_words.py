"""What pip said.

ERROR: Cannot install -r requirements.in (line 1) and middle because these package versions have
conflicting dependencies.

The conflict is caused by:
    cyan 1.0 depends on green<2
    blue 2.0 depends on green>=2
"""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from kernel_iso.backends.explaining import sentences as say
from kernel_iso.errors import IsoError
from kernel_iso.model import Plan

_DETAIL = re.compile(r"\s*(Skipping link: (?!not a file)|Could not fetch URL)")
_LINE = re.compile(r"-r \S*requirements\.in \(line (\d+)\)")
_COLLECTED = re.compile(r"Collecting ([A-Za-z0-9][\w.-]*).*\(from (.*)\)$")
_UNSATISFIED = re.compile(
    r"satisfies the requirement ([A-Za-z0-9][\w.-]*)(.*?)(?: \(from (?!versions)(.*?)\))? \(from versions: (.*?)\)"
)


def details(text: str) -> list[str]:
    """The lines of `pip -vv` that say why a package was not found; the rest is noise by the thousand."""
    return [line.strip() for line in text.splitlines() if _DETAIL.match(line)]


def pip(text: str, plan: Plan, machine: str, what: str = say.LOCK) -> IsoError:
    """The error that pip's output describes, together with the `details` of a second look."""
    if "DO NOT MATCH THE HASHES" in text:
        name = re.search(r"^\s+([A-Za-z0-9][\w.-]*(?:==\S+)?) from ", text, re.MULTILINE)
        return say.mismatch(name[1] if name else "", text)
    if re.search(r"has an invalid wheel|not a valid wheel|BadZipFile|is invalid", text):
        return say.broken("", text)
    if fault := _of_the_index(text, what):
        return fault
    if "The conflict is caused by:" in text:
        return _conflict(text, plan)
    if found := _UNSATISFIED.search(text):
        return _unsatisfied(found, text, plan, machine)
    return say.of_the_machine(text, what) or say.failed("pip", what, text)


def _conflict(text: str, plan: Plan) -> IsoError:
    listed = text.split("The conflict is caused by:")[1].split("\n\n")[0].splitlines()
    causes = [line.strip() for line in listed if line.strip()]
    premises = [line for line in causes if not line.startswith("The user requested")]
    origins = _origins(text)
    blamed = text.split("Cannot install ")[-1].split(" because these")[0]
    numbers = {int(number) for number in _LINE.findall(blamed)}
    for name in re.findall(r"[A-Za-z0-9][\w.-]*", _LINE.sub("", blamed)):
        numbers |= origins.get(canonicalize_name(name), set())
    for line in causes:
        # A line names who depends; what brought that in is what the person wrote.
        numbers |= origins.get(canonicalize_name(line.split()[0]), set())
    clash = tuple(each for number, each in enumerate(plan.requirements, 1) if number in numbers)
    asked = re.findall(r"The user requested ([A-Za-z0-9][\w.-]*)", text)
    clash = tuple(dict.fromkeys((*clash, *say.declared(asked, plan))))
    ordered = tuple(each for each in plan.requirements if each in clash)
    return say.conflict(ordered, "; ".join(premises[:3]) or "they exclude each other", plan, text)


def _origins(text: str) -> dict[str, set[int]]:
    """The lines of the requirements file that brought each package in."""
    found: dict[str, set[int]] = {}
    for line in text.splitlines():
        if match := _COLLECTED.match(line.strip()):
            numbers = {int(number) for number in _LINE.findall(match[2])}
            found.setdefault(canonicalize_name(match[1]), set()).update(numbers)
    return found


def _unsatisfied(found: re.Match[str], text: str, plan: Plan, machine: str) -> IsoError:
    name, specifier, parent, versions = found.groups()
    needed_by = "" if not parent or parent.startswith("-r ") else parent.split("->")[0]
    if versions != "none":
        wanted = say.declared([name], plan)
        there = f"only {versions} {'is' if ',' not in versions else 'are'} available"
        if wanted and not needed_by:
            return say.no_such_version(wanted[0], there, plan, text)
        parents = say.declared([needed_by], plan) or wanted
        return say.conflict(parents, f"{needed_by} needs {name}{specifier.strip()}, and {there}", plan, text)
    if "No sources permitted" in text:
        return say.needs_build(name, needed_by, plan, machine, text)
    if tags := re.findall(r"none of the wheel's tags \((.*?)\)", text):
        there = "there are some for " + ", ".join(sorted(set(tags))[:5])
        return say.no_wheel(name, needed_by, there, plan, machine, text)
    return say.no_such_package(name, needed_by, plan, text)


def _of_the_index(text: str, what: str) -> IsoError | None:
    url = re.search(r"(?:fetch URL|for url:|getting|from|fetching) (https?://\S+)", text)
    address = url[1] if url else ""
    if status := re.search(r"\b(401 Client Error: Unauthorized|403 Client Error: Forbidden|407 [^:]+)", text):
        return say.refused(address, status[1].replace("Client Error: ", ""), what, text)
    if re.search(r"CERTIFICATE_VERIFY_FAILED|SSLError|certificate verify failed", text):
        return say.untrusted(address, what, text)
    if status := re.search(r"too many (5\d\d) error responses|(5\d\d) Server Error", text):
        return say.unreachable(address, f"{status[1] or status[2]} server error", what, text)
    if why := re.search(r"connection error: (.*?)(?: - skipping|$)|Failed to connect to .*\n.*?> (.*)", text):
        return say.unreachable(address, _reason(why[1] or why[2]), what, text)
    if "Max retries exceeded" in text:
        return say.unreachable(address, _reason(text), what, text)
    return None


def _reason(why: str) -> str:
    """The reason inside the exceptions that pip before 26.1 prints as they are."""
    found = re.search(r"NewConnectionError\(.*: (.*?)'\)|ProtocolError\('(.*?)\.?'", why)
    return ((found[1] or found[2]) if found else why).rstrip(".")
