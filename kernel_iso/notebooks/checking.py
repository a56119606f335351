"""Is one declared thing well formed: a requirement, a Python, an environment variable, a whole Spec.

Whatever people or foreign notebooks declare passes here before it becomes part of a Spec, wherever it was
written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NoReturn

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name

from kernel_iso.errors import SpecError
from kernel_iso.model import Index, Origin, Spec, conda_specs
from kernel_iso.notebooks.shown import clean, has_credentials

LONGEST = 2_000
"""Characters that one declared value may have: real ones have below 300."""

ACCELERATOR = re.compile(r"auto|cpu|cu\d{2,4}|rocm\d+(\.\d+){0,2}|xpu|mps")
OWN_CODE = ("path", "editable", "wheel", "none")

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
_BACKEND = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_APT = re.compile(r"[a-z0-9][a-z0-9+.-]{0,100}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}")
_HASH = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_NEWER = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?"
    r"|\d{1,5} ?(hours?|days?|weeks?|months?|years?)|P(?=.)(\d{1,5}[YMWD]){0,4}(T(\d{1,5}[HMS]){1,3})?"
)
_CHANNEL_URL = re.compile(r"(https?://|file:///)[\w.:/%~-]+", re.ASCII)
_INDEX = re.compile(r"(https?|file)://[^\s]+")


def refuse(code: str, text: str, where: str, because: str, hint: str) -> NoReturn:
    """Raise the `SpecError` about `text` that was declared in `where`."""
    raise SpecError(code, f"cannot read `{clean(text)}` in {clean(where)}", because, hint)


def parsed(text: str, where: str = "the command line") -> Requirement:
    """The requirement in a PEP 508 text, with its name and extras in canonical form.

    Raises `SpecError`: `bad-requirement` where it is none (an option, a path, several lines, a wrong name),
    `credentials-in-url`.
    """
    hint = 'write it as PEP 508 says: name, name>=1.2, name[extra]==1.*, name>=1; python_version < "3.12"'
    text = text.strip(" \t")
    if len(text) > LONGEST or _CONTROL.search(text):
        refuse("bad-requirement", text, where, "a requirement is one short line of text", hint)
    try:
        item = Requirement(text)
        item.name = canonicalize_name(item.name, validate=True)
        item.extras = {canonicalize_name(extra, validate=True) for extra in item.extras}
        str(item)
    except (InvalidRequirement, InvalidName, InvalidSpecifier, RecursionError, ValueError) as error:
        refuse("bad-requirement", text, where, _first_line(error), hint)
    if item.url and has_credentials(item.url):
        _refuse_credentials(item.name, where)
    return item


def requirement(text: str, where: str = "the command line") -> str:
    """A requirement in normal form; raises like `parsed`.

    >>> requirement('Foo_Bar [B,a] (>=1, <2) ; python_version<"3.13"')
    'foo-bar[a,b]<2,>=1; python_version < "3.13"'
    """
    return str(parsed(text, where))


def name_of(text: str, where: str = "the command line") -> str:
    """The canonical name that a requirement, or a bare name, is about.

    >>> name_of("Zope.Interface>=5")
    'zope-interface'
    """
    return parsed(text, where).name


def group_name(text: str, where: str) -> str:
    """The canonical name of a group, an extra or a profile (`bad-name` where it is none)."""
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName:
        refuse("bad-name", text, where, "it is not a name", "use letters, digits, `-`, `_` and `.`")


def python(text: str, where: str = "the command line") -> str:
    """A wish for a Python in normal form: "3.12", a PEP 440 specifier, `self`, or "" (`bad-python` else).

    >>> [python(text, "here") for text in ("3.12", "3.12.*", "==3.12.*", ">=3.9, <4", "self")]
    ['3.12', '3.12', '==3.12.*', '<4,>=3.9', 'self']
    """
    text = text.strip()
    if text in ("", "self"):
        return text
    if match := re.fullmatch(r"(\d{1,3}(\.\d{1,3}){1,2})(\.\*)?", text):
        return match[1]
    try:
        if len(text) > LONGEST:
            raise InvalidSpecifier("it is too long")
        return str(SpecifierSet(text))
    except (InvalidSpecifier, ValueError) as error:
        refuse("bad-python", text, where, _first_line(error), 'write "3.12", ">=3.10,<3.14" or "self"')


def accelerator(text: str, where: str = "the command line") -> str:
    """The name of an accelerator's build, `cpu` or `auto` (`bad-accelerator` where there is none of that name)."""
    if not ACCELERATOR.fullmatch(text):
        hint = "write auto, cpu, cu126 (and its like), rocm7.2, xpu or mps"
        refuse("bad-accelerator", text, where, "there is no such accelerator build", hint)
    return text


def exclude_newer(text: str, where: str) -> str:
    """A date, a time or an age after which releases are not seen (`bad-exclude-newer` where it is none).

    >>> [exclude_newer(text, "here") for text in ("2026-11-01", "2026-11-01T12:00:00Z", "3 days", "P3D")]
    ['2026-11-01', '2026-11-01T12:00:00Z', '3 days', 'P3D']
    """
    if text and not _NEWER.fullmatch(text):
        hint = 'write "2026-11-01" or "3 days"'
        refuse("bad-exclude-newer", text, where, "it is neither a date nor an age", hint)
    return text


def conda_dependency(text: str, where: str = "the command line") -> str:
    """One dependency of conda in normal form (`bad-conda-dependency` for what is not plain: a file, a web address).

    >>> conda_dependency("NumPy >=2, <3")
    'numpy>=2,<3'
    """
    try:
        return conda_specs.conda_text(text)
    except SpecError as error:
        refuse(error.code, text, where, error.because, error.hint)


def channel(text: str, where: str = "the command line") -> str:
    """One conda channel, by its name or URL (`bad-channel`, `credentials-in-url`)."""
    text = text.strip()
    if has_credentials(text) or "/t/" in text:
        _refuse_credentials("a channel", where)
    known = conda_specs.CHANNEL.fullmatch(text) or (_CHANNEL_URL.fullmatch(text) and "/.." not in text)
    if len(text) > LONGEST or not known:
        hint = "write conda-forge, for example"
        refuse("bad-channel", text, where, "it is neither a name nor a web address", hint)
    return text


def index(item: Index, where: str) -> Index:
    """A package index whose name and URL are well formed (`bad-index`, `credentials-in-url`).

    Whether it may be used is for the policy to say.
    """
    if has_credentials(item.url):
        _refuse_credentials(f"index {item.name}", where)
    if len(item.url) > LONGEST or _CONTROL.search(item.url) or not _INDEX.fullmatch(item.url):
        hint = 'write url = "https://…/simple"'
        refuse("bad-index", item.url, where, "an index needs a whole web address", hint)
    return Index(name=group_name(item.name, where), url=item.url, explicit=item.explicit)


def hashes(values: Iterable[str], where: str) -> tuple[str, ...]:
    """Hashes of artefacts, "sha256:…", once each (`bad-hash` for weaker or broken ones)."""
    found = dict.fromkeys(value.lower() for value in values)
    for value in found:
        if not _HASH.fullmatch(value):
            hint = "make the file again with its tool"
            refuse("bad-hash", value, where, "it is no SHA-256, SHA-384 or SHA-512", hint)
    return tuple(found)


def variables(pairs: Iterable[tuple[str, str]], where: str) -> tuple[tuple[str, str], ...]:
    """Environment variables as sorted pairs (`bad-variable`); policy says which names a notebook may set."""
    found = dict(pairs)
    for name, value in found.items():
        if not _VARIABLE.fullmatch(name) or "\0" in value or len(value) > LONGEST:
            refuse("bad-variable", name, where, "it is not a name and one value", 'write NAME = "value"')
    return tuple(sorted(found.items()))


def checked(spec: Spec, where: str, *, origin: Origin) -> Spec:
    """A Spec whose every part is well formed and in normal form, read from `origin`.

    What a document must not say about itself (`own_paths`, `origin`, `overruled`) is dropped, and conda packages ask for
    the conda backend by themselves. Raises `SpecError` with the code of the part that is wrong.
    """
    _choices(spec, where)
    each: Callable[..., tuple[str, ...]] = lambda check, items: tuple(  # noqa: E731
        dict.fromkeys(check(item, where) for item in items)
    )
    return msgspec.structs.replace(
        spec,
        requirements=each(requirement, spec.requirements),
        constraints=each(requirement, spec.constraints),
        hashes=tuple((name_of(name, where), hashes(values, where)) for name, values in spec.hashes),
        python=python(spec.python, where),
        conda=each(conda_dependency, spec.conda),
        channels=each(channel, spec.channels),
        backend=spec.backend or ("conda" if spec.conda else ""),
        indexes=tuple(index(item, where) for item in spec.indexes),
        pins=tuple((name_of(name, where), group_name(to, where)) for name, to in spec.pins),
        exclude_newer=exclude_newer(spec.exclude_newer, where),
        groups=each(group_name, spec.groups),
        extras=each(group_name, spec.extras),
        profile=group_name(spec.profile, where) if spec.profile else "",
        env=variables(spec.env, where),
        own_paths=(),
        origin=origin,
        overruled=(),
    )


def _choices(spec: Spec, where: str) -> None:
    accelerator(spec.accelerator, where)
    if spec.backend and not _BACKEND.fullmatch(spec.backend):
        hint = "write uv, virtualenv or conda"
        refuse("bad-backend", spec.backend, where, "it is not a backend's name", hint)
    if spec.own_code not in OWN_CODE:
        hint = "write path, editable, wheel or none"
        refuse("bad-own-code", spec.own_code, where, "there is no such way", hint)
    for item in spec.apt:
        if not _APT.fullmatch(item):
            hint = "write libgl1, for example"
            refuse("bad-apt", item, where, "it is not the name of a system package", hint)


def _refuse_credentials(name: str, where: str) -> NoReturn:
    raise SpecError(
        "credentials-in-url",
        f"does not read the URL of {clean(name)} in {clean(where)}",
        "it holds a user name, password or token, which would get into locks and logs",
        "take it out of the URL; put it into netrc, a keyring or UV_INDEX_<NAME>_PASSWORD",
    )


def _first_line(error: Exception) -> str:
    return clean(str(error).partition("\n")[0] or type(error).__name__)
