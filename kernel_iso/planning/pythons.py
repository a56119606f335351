"""Which Python: what was asked for, against those that are there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.model import Plan, Python
from kernel_iso.model.conda_specs import conda_name
from kernel_iso.planning.rules import Case, attempt, decided, listed

OLDEST = (3, 9)
"""The oldest minor version that a prefix holds."""

SOURCES = ("uv", "pyenv", "system", "conda", "self")
"""Where interpreters of one minor version are taken from first."""

FETCHED = "uv-download"
"""The `source` of a Python that is not here yet: its `path` is "", and uv fetches it."""

# Far beyond every release, for asking which versions a specifier would take.
_MINORS, _PATCHES = 60, 60

# Where fetching starts to look for a machine that does not tell the engine's own minor version (2026-11: the
# one for which most packages have wheels).
_USUAL = 12

CHANNEL = "conda-channel"
"""The `source` of a Python that conda installs: its `path` is ""."""

_MINOR = re.compile(r"3\.\d+")
_BARE = re.compile(r"(\d+(?:\.\d+){0,2})(\.\*)?")


def python(plan: Plan, case: Case) -> Plan:
    """Choose the interpreter, or let uv fetch one where the policy and the network allow it.

    Raises `SpecError` (`bad-python`) and `ImpossibleError` (`python-too-old`, `no-such-python`).
    """
    here, asked = case.machine.pythons, case.spec.python.strip()
    own = next((each.minor for each in here if each.source == "self"), "")
    request = asked or case.policy.python.strip() or own
    if plan.backend == "conda":
        return _of_conda(plan, case, request, own)
    chosen = choose(request, here, own=own, where="" if asked else case.policy.source_of("python"))
    if chosen is not None:
        return decided(plan, "python", _reason(case, request, chosen, own), python=chosen)
    version = "" if request == "self" else fetchable(request, own)
    if not version:
        _refuse_old(case, request)
    obstacle = _why_not_fetched(plan, case, request, version)
    wish = f"Python {request} is asked for" if request else "a Python is needed"
    if obstacle:
        names = _names(here)
        hints = [f"ask for {'it' if len(names) == 1 else 'one of these'}"] if names else []
        hints += [f"install it: uv python install {version}"] if version else []
        raise ImpossibleError(
            "no-such-python",
            attempt(case.spec),
            f"{wish}; {_there_are(names)}, and {obstacle}",
            ", or ".join(hints) or "ask for a release that exists",
        )
    text = f"{wish}; {_there_are(_names(here))}, so uv fetches {version}"
    return decided(plan, "python", text, python=Python(version=version, path="", source=FETCHED))


def _of_conda(plan: Plan, case: Case, request: str, own: str) -> Plan:
    """conda installs its own Python: the version that is asked for, or the nearest to the engine's that fits.

    Where a spec of conda names Python itself, conda decides, and the minor version is read from there.
    """
    for item in case.spec.conda:
        if conda_name(item) == "python" and (found := _MINOR.search(item)):
            text = f"conda's `{item}` decides which Python"
            return decided(plan, "python", text, python=Python(version=found[0], path="", source=CHANNEL))
    request = own if request == "self" else request
    version = fetchable(request, own)
    if not version:
        _refuse_old(case, request)
        raise ImpossibleError(
            "no-such-python", attempt(case.spec), f"Python {request} is asked for, and no release of Python 3 fits",
            "ask for a release that exists",
        )  # fmt: skip
    why = (
        f"{request} is asked for"
        if case.spec.python
        else "none is asked for, so the policy's or kernel-iso's own"
    )
    return decided(
        plan,
        "python",
        f"conda installs Python {version}: {why}",
        python=Python(version=version, path="", source=CHANNEL),
    )


def _refuse_old(case: Case, request: str) -> None:
    if request != "self" and fetchable(request, oldest=(2, 0)):
        raise ImpossibleError(
            "python-too-old",
            attempt(case.spec),
            f"Python {request} is asked for, and prefixes hold Python 3.{OLDEST[1]} and newer",
            f'ask for a newer one, for example python = ">=3.{OLDEST[1]}"',
        )


def choose(request: str, pythons: Iterable[Python], *, own: str = "", where: str = "") -> Python | None:
    """The interpreter for a request ("3.12", "3.12.1", ">=3.11,<3.14", "self", or "" for any), or None.

    `own` is the engine's own minor version: it is preferred where several minor versions fit, and otherwise
    the newest that fits. Of one minor version, uv's come before pyenv's, the system's and the engine's own;
    of one source, the newest. Raises `SpecError` (`bad-python`), which names `where`: the place in the policy
    that made the request, if it was not the notebook.

    >>> here = (Python(version="3.11.7", path="/a", source="pyenv"), Python(version="3.12.1", path="/b"))
    >>> choose(">=3.11", here, own="3.11").path, choose(">=3.11", here, own="3.10").path
    ('/a', '/b')
    >>> choose("3.13", here) is None
    True
    """
    if request == "self":
        return next((each for each in pythons if each.source == "self"), None)
    wanted = specifiers(request, where)
    fits = [each for each in pythons if each.sort_key[:2] >= OLDEST and wanted.contains(each.version)]
    if not fits:
        return None
    minors = {each.minor: each.sort_key[:2] for each in fits}
    minor = own if own in minors else max(minors, key=lambda name: minors[name])
    return min((each for each in fits if each.minor == minor), key=_preference)


def specifiers(request: str, where: str = "") -> SpecifierSet:
    """The PEP 440 specifiers that a request means; "" and `self` allow every version.

    >>> str(specifiers("3.12")), str(specifiers("3.12.1")), str(specifiers("~=3.11"))
    ('==3.12.*', '==3.12.1', '~=3.11')
    """
    if request in ("", "self"):
        return SpecifierSet()
    if bare := _BARE.fullmatch(request):
        exact = bare[1].count(".") == 2
        return SpecifierSet(f"=={bare[1]}" if exact else f"=={bare[1]}.*")
    try:
        return SpecifierSet(request)
    except InvalidSpecifier:
        raise SpecError(
            "bad-python",
            f"cannot read the Python version `{request}`",
            "it is no version (3.12 or 3.12.1), no PEP 440 specifier (>=3.11,<3.14), and not `self`"
            + (f"; the policy ({where}) says it" if where else ""),
            'write python = "3.12"; PyPy and free-threaded builds (3.13t) cannot be asked for',
        ) from None


def fetchable(request: str, own: str = "", *, oldest: tuple[int, int] = OLDEST) -> str:
    """The version to fetch for a request: the minor nearest to `own` that fits, its patch only where needed.

    "" where no version fits, be it released or not.

    >>> fetchable(">=3.14", "3.11"), fetchable("<3.11", "3.11"), fetchable(">=3.12,<3.12.3"), fetchable("4.0")
    ('3.14', '3.10', '3.12.2', '')
    """
    wanted = specifiers(request)
    start = int(own.split(".")[1]) if own else _USUAL
    minors = [(3, minor) for minor in range(_MINORS)] + [(2, 7)]
    for major, minor in sorted(minors, key=lambda each: (abs(each[1] - start), -each[1])):
        name = f"{major}.{minor}"
        patches = [patch for patch in range(_PATCHES) if wanted.contains(f"{name}.{patch}")]
        if patches and (major, minor) >= oldest:
            return name if patches[-1] == _PATCHES - 1 else f"{name}.{patches[-1]}"
    return ""


def _preference(python: Python) -> tuple[int, list[int]]:
    source = SOURCES.index(python.source) if python.source in SOURCES else len(SOURCES)
    return source, [-part for part in python.sort_key]


def _reason(case: Case, request: str, chosen: Python, own: str) -> str:
    if case.spec.python:
        text = f"{request} is asked for"
    elif case.policy.python:
        text = f"no Python is asked for, and the policy ({case.policy.source_of('python')}) says {request}"
    elif own:
        text = f"no Python is asked for, and kernel-iso's own is {own}"
    else:
        text = "no Python is asked for"
    if request != "self" and not _BARE.fullmatch(request):
        fits = (
            f"{own}, kernel-iso's own, fits"
            if chosen.minor == own
            else f"{chosen.minor} is the newest that fits"
        )
        text += f"; {fits}"
    text += f": {_named(chosen)} at {chosen.path}"
    wanted = specifiers(request)
    newest = max(
        (
            each
            for each in case.machine.pythons
            if each.minor == chosen.minor and wanted.contains(each.version)
        ),
        key=lambda each: each.sort_key,
    )
    if newest.sort_key > chosen.sort_key:
        text += f"; {_named(newest)} is newer, but {chosen.source}'s come first"
    return text


def _named(python: Python) -> str:
    return f"{python.version} ({'kernel-iso itself' if python.source == 'self' else python.source})"


def _names(here: tuple[Python, ...]) -> list[str]:
    """Which Pythons could be asked for; the engine's own is named only where it is found in no other way."""
    usable = [each for each in here if each.sort_key[:2] >= OLDEST]
    others = {each.version for each in usable if each.source != "self"}
    shown = [each for each in usable if each.source != "self" or each.version not in others]
    return list(dict.fromkeys(_named(each) for each in sorted(shown, key=lambda each: each.sort_key)))


def _there_are(names: list[str]) -> str:
    return f"there {'is' if len(names) == 1 else 'are'} {listed(names)}" if names else "there is none"


def _why_not_fetched(plan: Plan, case: Case, request: str, version: str) -> str:
    """Why uv does not fetch the version, or "" where it does."""
    policy = case.policy
    if request == "self":
        return "kernel-iso itself does not run on a Python that a prefix can hold"
    if not version:
        return "no release of Python 3 fits"
    if policy.offline:
        return f"none is fetched: offline is set ({policy.source_of('offline')})"
    if not policy.python_fetch:
        return f"the policy ({policy.source_of('python_fetch')}) lets none be fetched"
    return "" if plan.backend == "uv" else f"the {plan.backend} backend fetches none"
