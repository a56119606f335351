"""Where a channel is fetched from on this machine, and under which URL it is locked. Pure.

A lock names the public place of what has one, so that a private mirror stays on the machine that has it, and another
machine uses its own. Artefacts are verified by their hashes wherever they come from.

Names: https://docs.conda.io/projects/conda/en/stable/user-guide/concepts/channels.html
Mirrors: https://docs.conda.io/projects/conda/en/stable/user-guide/configuration/mirroring.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from kernel_iso.condarc.addresses import SUBDIRS, bare, beside, file_url, is_absolute, is_url
from kernel_iso.condarc.records import ALIAS, REPOSITORY, Condarc

PUBLIC = (
    "anaconda", "bioconda", "conda-canary", "conda-forge", "dglteam", "fastai", "fastchan", "huggingface", "intel", "main",
    "menpo", "microsoft", "msys2", "numba", "nvidia", "ohmeta", "plotly", "pypi", "pytorch", "pytorch-lts",
    "pytorch-nightly", "pytorch-test", "pytorch3d", "pyviz", "qiime2", "r", "rapidsai", "rapidsai-nightly", "robostack",
    "simpleitk", "xformers",
)  # fmt: skip
"""Channels that everybody knows under one name: a custom channel that is called so is a mirror of it."""

_DEFAULT = re.compile(r"/(pkgs/(?:main|r|msys2|free|pro|archive))$")
_SAFE = re.compile(r"[\w.+~:-]+(?:/[\w.+~:-]+)*", re.ASCII)

_TURNS = 10
"""Mirrors of mirrors that are followed; with more of them the URL only grows, and stays as it was."""

Rule = tuple[str, tuple[str, ...]]
"""A canonical URL, and those that are asked here in its place."""


def urls(name: str, condarc: Condarc) -> tuple[str, ...]:
    """The URLs, without credentials, from which a channel is fetched here: the first mirror of each.

    A channel that stands for several (`defaults`) has several. Those of `nodefaults`, of `local` where nobody configured
    one, and of what is no channel's name (a relative path, `..`) are none.

    >>> urls("conda-forge/label/dev", Condarc()), urls("/srv/channel", Condarc(alias="https://nexus.example.org/conda"))
    (('https://conda.anaconda.org/conda-forge/label/dev',), ('file:///srv/channel',))
    >>> urls("defaults", Condarc())
    ('https://repo.anaconda.com/pkgs/main', 'https://repo.anaconda.com/pkgs/r')
    >>> urls("https://nexus.example.org/t/ab-12/team/linux-64", Condarc())
    ('https://nexus.example.org/team',)
    """
    name = _without_subdir(bare(name))
    several = {"defaults": condarc.default_channels, "local": ()} | dict(condarc.multi)
    names = [inner for each in several.get(name, (name,)) for inner in several.get(each, (each,))]
    found = (url for each in names for url in _single(_without_subdir(each), condarc))
    return tuple(dict.fromkeys(local(canonical(url, condarc), condarc)[0] for url in found))


def canonical(url: str, condarc: Condarc) -> str:
    """The URL under which what is fetched from `url` is locked: its public place, where that is known.

    What comes by the person's own alias or by a mirror is written as at conda.anaconda.org (or repo.anaconda.com); a
    custom channel stays what it is, unless it is called like one that everybody knows (`PUBLIC`).

    >>> canonical("https://ada:pw@nexus.example.org/conda/bioconda", Condarc(alias="https://nexus.example.org/conda"))
    'https://conda.anaconda.org/bioconda'
    """
    url = bare(url)
    seen: list[str] = []
    while url not in seen and len(seen) < _TURNS:
        seen.append(url)
        url = _public(url, _rules(condarc))
    # A mirror may be mirrored in turn; where that goes round, any of them will do, if it is always the same.
    return min(seen[seen.index(url) :]) if url in seen else seen[0]


def local(url: str, condarc: Condarc) -> tuple[str, ...]:
    """Where what is locked under `url` is to be fetched here, the first to be tried first.

    Where mirrors are configured these are all: who wants the original too lists it among them, as in pixi.

    >>> local("https://conda.anaconda.org/x/noarch/a-1-0.conda", Condarc(mirrors=(("x", ("https://a.org/x", "file:///x")),)))
    ('https://a.org/x/noarch/a-1-0.conda', 'file:///x/noarch/a-1-0.conda')
    """
    url = bare(url)
    for public, here in sorted(_rules(condarc), key=lambda rule: -len(rule[0])):
        if (rest := beside(url, public)) is not None:
            return tuple(each + rest for each in here)
    return (url,)


def _public(url: str, rules: tuple[Rule, ...]) -> str:
    """The URL by the rule whose place here is the longest."""
    found = [
        (len(here), public + rest)
        for public, places in rules
        for here in places
        if (rest := beside(url, here)) is not None
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else url


def _single(name: str, condarc: Condarc) -> Iterator[str]:
    """The URL of a channel that is not several, mirrors apart; none for what is no channel."""
    if is_url(name):
        yield name
    elif is_absolute(name):
        yield file_url(name)
    elif (
        _SAFE.fullmatch(name)
        and not {".", ".."} & set(name.split("/"))
        and name != "nodefaults"
        and name[0] != "~"
    ):
        yield f"{_location(name, condarc)}/{name}"


def _location(name: str, condarc: Condarc) -> str:
    """The URL before a name: that of the custom channel which has it, or begins it, or else the alias."""
    custom = {"pkgs/pro": REPOSITORY} | dict(condarc.custom)
    parts = name.split("/")
    starts = ("/".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((custom[start] for start in starts if start in custom), condarc.alias)


def _without_subdir(name: str) -> str:
    """A channel without a platform behind it: `x/linux-64`, or `x[linux-64,noarch]`.

    >>> _without_subdir("conda-forge/linux-64"), _without_subdir("conda-forge[noarch]"), _without_subdir("noarch")
    ('conda-forge', 'conda-forge', 'noarch')
    """
    name = re.sub(r"\[[^\[\]]*\]$", "", name)
    before, slash, last = name.rpartition("/")
    return before if slash and SUBDIRS.fullmatch(last) else name


@lru_cache(maxsize=8)
def _rules(condarc: Condarc) -> tuple[Rule, ...]:
    """Which URLs stand for which here; of two that are equally long the first counts."""
    usual = (*_customs(condarc), *_defaults(condarc))
    if condarc.alias != ALIAS:
        usual = (*usual, (ALIAS, (condarc.alias,)))
    mirrors = tuple(
        (_public(url, usual), tuple(place for each in here for place in _single(each, condarc)))
        for name, here in condarc.mirrors
        for url in _single(name, condarc)
        if name not in ("defaults", *dict(condarc.multi))
    )
    return (*(rule for rule in mirrors if rule[1]), *usual)


def _customs(condarc: Condarc) -> Iterator[Rule]:
    for name, location in condarc.custom:
        here = f"{location}/{name}"
        yield (f"{ALIAS}/{name}" if name.split("/")[0] in PUBLIC else here), (here,)


def _defaults(condarc: Condarc) -> Iterator[Rule]:
    """`default_channels` are often those of repo.anaconda.com, at a mirror that keeps the end of their paths."""
    for url in condarc.default_channels:
        if (found := _DEFAULT.search(url)) and is_url(url):
            yield f"{REPOSITORY}/{found[1]}", (url,)
