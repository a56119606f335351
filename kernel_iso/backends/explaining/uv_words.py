"""What uv said. It wraps and indents its explanations differently in each version; the words stay.

error: No solution found when resolving dependencies
  cause: Because all versions of cyan depend on green<2 and blue>=2.0 depends on green>=2, we can conclude
         that blue>=2.0 and all versions of cyan are incompatible.
         And because you require blue>=2 and cyan, we can conclude that your requirements are unsatisfiable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from kernel_iso.backends.explaining import sentences as say
from kernel_iso.errors import IsoError
from kernel_iso.model import Plan

_FRAME = re.compile(r"^[\s×│├╰─▶]*(?:cause:|Caused by:)?\s*")
_SENTENCE = re.compile(
    r"[Bb]ecause (.+?),? we can conclude that (.+?)\.(?: \(\d+\))?(?= (?:And b|B)ecause |$)"
)
_REQUIRED = re.compile(r"(?:^|\band )you require (.*)$")
_PINS = re.compile(r"kernel-iso-pins depends on")
_NAME = r"([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)"
_LISTED = re.compile(r"all of: (.*?) (?=depend |have |cannot |are |and )")

PREMISES = 4
"""How many of uv's premises are quoted; the rest is in the tail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """uv's explanation: all its words in one line, why it is so, and which names were required."""

    flat: str
    why: str
    required: tuple[str, ...]

    def needed_by(self, name: str) -> str:
        """Who depends on `name`, "" where the person asked for it."""
        if canonicalize_name(name) in {canonicalize_name(each) for each in self.required}:
            return ""
        found = re.search(rf"{_NAME}(?:[=<>!~]\S*)? depends? on {re.escape(name)}\b", self.flat)
        return found[1] if found else ""


def uv(text: str, plan: Plan, machine: str, what: str = say.LOCK) -> IsoError:
    """The error that uv's stderr describes."""
    flat = _flat(text)
    if found := re.search(r"Failed to build `([^`]+)`", flat):
        return say.build_failed(found[1], flat, text)
    if fault := _of_the_artefact(flat, text) or _of_the_index(flat, what, text):
        return fault
    if "No solution found" in flat:
        return _unsolved(_story(flat), plan, machine, text)
    return say.of_the_machine(flat, what) or say.failed("uv", what, text)


def _flat(text: str) -> str:
    """All the words in one line: without frames, marks and line ends.

    >>> _flat("  × No solution:\\n  ╰─▶ Because a\\n      was not found")
    'No solution: Because a was not found'
    """
    lines = (_FRAME.sub("", line) for line in text.splitlines() if not line.startswith("warning:"))
    return _PINS.sub("you require", " ".join(" ".join(lines).split()))


def _story(flat: str) -> Story:
    """The story that the explanation tells, which begins with "No solution found"."""
    solution = flat[flat.index("No solution found") :].split(" hint: ")[0]
    sentences = _SENTENCE.findall(solution)
    required: list[str] = []
    premises: list[str] = []
    for premise, _ in sentences:
        if found := _REQUIRED.search(premise):
            required += re.split(r",? and |, ", found[1])
            premise = premise[: found.start()].removesuffix(" and").strip()
        premises += _atoms(premise)
    concluded = sentences[-2][1] if len(sentences) > 1 else ""
    names = [found[1] for each in required if (found := re.match(_NAME, each))]
    return Story(flat=flat, why=_why(premises, concluded), required=tuple(dict.fromkeys(names)))


def _atoms(premise: str) -> list[str]:
    """The single statements of a premise, without what was said before ("we know from (1) that …").

    >>> _atoms("a>1,<2 depends on b{os_name == 'nt'}>=1 and we know from (1) that c cannot be used")
    ['a>1,<2 depends on b>=1']
    """
    premise = re.sub(r"\{.*?\}", "", premise)
    premise = _LISTED.sub(lambda found: found[1].replace(" ", ", ") + " ", premise)
    parts = re.split(
        r" and (?=(?:all versions of |only |we know )|\S+(?:, \S+)* (?:depends?|has|have|was) )", premise
    )
    return [part for part in parts if part and not part.startswith("we know from")]


def _why(premises: list[str], concluded: str) -> str:
    """The reason in as few words as it needs: uv's own conclusion where that names two packages."""
    if " depend" in concluded and "cannot be used" not in concluded:
        return _atoms(concluded)[0]
    told = [each for each in premises if " depend" in each] or premises
    return "; ".join(told[:PREMISES]) + ("; …" if len(told) > PREMISES else "")


def _unsolved(story: Story, plan: Plan, machine: str, text: str) -> IsoError:
    clash = say.declared(story.required, plan)
    missing = re.search(rf"{_NAME} was not found in the (?:package registry|provided package)", story.flat)
    if missing and (len(clash) <= 1 or say.declared([missing[1]], plan)):
        return say.no_such_package(missing[1], story.needed_by(missing[1]), plan, text)
    # Further on only where one thing is asked in vain: of two, each may be had without the other.
    if len(clash) <= 1:
        if fault := _unusable(story, plan, machine, text):
            return fault
        if clash and " depend" not in story.why and (there := _available(story.flat)):
            return say.no_such_version(clash[0], there, plan, text)
    exclusive = "they exclude each other" if len(clash) > 1 else ""
    return say.conflict(clash, story.why or exclusive, plan, text)


def _available(flat: str) -> str:
    """What there is of a package of which something else is asked.

    >>> _available("Because only the following versions of a are available: a<=1 a>=3 and you require a==2, we")
    'only a<=1 and a>=3 are available'
    """
    if found := re.search(
        rf"only the following versions of {_NAME} are available: (.*?) and you require", flat
    ):
        return f"only {found[2].replace(' ', ' and ')} are available"
    found = re.search(rf"only {_NAME}[=<>!~]\S* (?:is|are) available", flat)
    return found[0] if found else ""


def _unusable(story: Story, plan: Plan, machine: str, text: str) -> IsoError | None:
    """No wheel at all, or none for this Python or machine; which one it is about stands in the hints."""
    flat = story.flat
    if found := re.search(rf"hint: Wheels are required for `{_NAME}`", flat):
        return say.needs_build(found[1], story.needed_by(found[1]), plan, machine, text)
    hint = re.search(
        r"hint: (?:Wheels are available|You require .*? but we only found wheels) for (.*)", flat
    )
    if found := re.search(rf"{_NAME}(?:[=<>!~]\S*)? (?:has|have) no wheels with a matching", flat):
        there = f"there are some for {hint[1].split(' hint: ')[0]}" if hint else ""
        return say.no_wheel(found[1], story.needed_by(found[1]), there, plan, machine, text)
    return None


def _of_the_index(flat: str, what: str, text: str) -> IsoError | None:
    if "network was disabled" in flat or "Network connectivity is disabled" in flat:
        found = re.search(rf"{_NAME} was not found in the cache", flat) or re.search(
            r"download `([^`]+)`", flat
        )
        return say.not_cached(found[1] if found else "", what, text)
    url = re.search(r"https?://[^\s`)]+", flat)
    address = url[0] if url else ""
    if status := re.search(r"\b(401 Unauthorized|403 Forbidden|407 Proxy Authentication Required)", flat):
        return say.refused(address, status[1], what, text)
    if re.search(r"invalid peer certificate|UnknownIssuer|certificate verify failed", flat):
        return say.untrusted(address, what, text)
    if "Failed to fetch" in flat or "error sending request" in flat or "Request failed after" in flat:
        status = re.search(r"status (?:server|client) error \((\d{3} [\w ]+)\)", flat)
        return say.unreachable(address, status[1] if status else _last_cause(text), what, text)
    return None


def _last_cause(text: str) -> str:
    """The last of uv's causes, which is the first thing that went wrong."""
    lines = [_FRAME.sub("", line) for line in text.splitlines() if line.strip()]
    return re.sub(r"\s*\((?:https?://\S+|os error \d+)\)$", "", lines[-1]) or "no reason was given"


def _of_the_artefact(flat: str, text: str) -> IsoError | None:
    name = re.search(
        r"(?:Failed to (?:download|install|unpack|read)[^`]*|(?:Hash|Size) mismatch for )`([^`]+)`", flat
    )
    what = name[1] if name else ""
    if "Hash mismatch" in flat or "Size mismatch" in flat:
        return say.mismatch(what, text)
    if re.search(
        r"Failed to extract archive|Bad uncompressed size|Bad CRC|invalid Zip|not a valid zip", flat, re.I
    ):
        return say.broken(what, text)
    return None
