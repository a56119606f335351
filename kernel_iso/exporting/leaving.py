"""What may leave the machine: public addresses, and names in place of the others. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from kernel_iso.errors import ImpossibleError
from kernel_iso.exporting.sources import Conda, Exported, File, Pin, Source
from kernel_iso.model import PYPI, Policy

_TORCH = Policy().torch_index.rstrip("/")
_ALIAS = "https://conda.anaconda.org/"
_PUBLIC_CHANNELS = (_ALIAS, "https://repo.anaconda.com/")
_LOGIN = re.compile(r"://[^/@\s\"']*:[^/@\s\"']*@|/t/[A-Za-z0-9-]+/")
_SECRET = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|PRIVATE|(^|_)(KEY|AUTH|PAT)($|_)", re.IGNORECASE
)


def cannot_hold(form: str, source: Source, because: str, hint: str) -> NoReturn:
    """Raise `ImpossibleError` (`format-cannot-hold`): the format has no way to say what is there."""
    raise ImpossibleError("format-cannot-hold", f"cannot export `{source.name}` as {form}", because, hint)


def bare(url: str) -> str:
    """An address without user, password, token, query and fragment.

    >>> bare("https://ada:pw@example.org/t/ab-12/team/a.conda?x=1#y")
    'https://example.org/team/a.conda'
    """
    scheme, mark, rest = url.partition("://")
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return re.sub(r"/t/[^/]+(?=/)", "", f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}")


def is_public(index: str) -> bool:
    """True for an index that everybody reaches: PyPI, and those of torch's builds.

    >>> is_public("https://pypi.org/simple/"), is_public("https://download.pytorch.org/whl/cu126")
    (True, True)
    >>> is_public("https://nexus.example.org/simple")
    False
    """
    url = bare(index).rstrip("/")
    return url == PYPI.url or url == _TORCH or url.startswith(f"{_TORCH}/")


def index_name(index: str, source: Source) -> str:
    """What an index is called where its address must not be told."""
    url = bare(index).rstrip("/")
    return next(
        (each.name for each in source.indexes if bare(each.url).rstrip("/") == url), "a private index"
    )


def index_lines(pins: Iterable[Pin], source: Source) -> tuple[list[str], list[str]]:
    """pip's options for the indexes that packages come from, and a sentence for each that must not be named."""
    lines, notes = [], []
    for url in dict.fromkeys(pin.index for pin in pins if pin.index):
        shown = bare(url).rstrip("/")
        if shown == PYPI.url:
            continue
        if is_public(url) or source.addresses:
            lines.append(f"--extra-index-url {shown}")
        else:
            names = [pin.name for pin in pins if pin.index == url]
            notes.append(
                f"{listed(names)} from the index `{index_name(url, source)}`: its address is left out"
            )
    return lines, notes


def file_url(pin: Pin, file: File, source: Source, form: str) -> str:
    """The address of a file, which a lock must name.

    Raises `ImpossibleError`: `local-address` for a file of this machine, `private-address` for one of a private index.
    """
    if urlsplit(file.url).scheme not in ("http", "https"):
        local(form, source, f"{pin.name} {pin.version} is a file of this machine")
    # Without a name it came from one of those that were asked.
    came = [pin.index] if pin.index else [each.url for each in source.indexes]
    if not source.addresses and not all(is_public(url) for url in came):
        raise ImpossibleError(
            "private-address", f"cannot export `{source.name}` as {form}",
            f"{pin.name} comes from `{index_name(pin.index, source)}`, and the format names every file by its address",
            "take requirements.txt, which names none, or let the addresses out with --addresses",
        )  # fmt: skip
    return bare(file.url)


def local(form: str, source: Source, because: str) -> NoReturn:
    """Raise `ImpossibleError` (`local-address`)."""
    raise ImpossibleError(
        "local-address", f"cannot export `{source.name}` as {form}", f"{because}, and nobody else can reach that",
        "lock it from a channel or an index that others reach, or take environment.yml, which names packages only",
    )  # fmt: skip


def conda_url(package: Conda, source: Source, form: str) -> str:
    """The address of a conda package; raises `ImpossibleError` (`local-address`)."""
    if urlsplit(package.base).scheme not in ("http", "https"):
        local(
            form,
            source,
            f"{package.name} {package.version} comes from a channel that is a folder of this machine",
        )
    return bare(package.url)


def channel_name(base: str) -> str:
    """A channel as everybody names it: by name where conda.anaconda.org has it, else by address.

    >>> channel_name("https://conda.anaconda.org/conda-forge/"), channel_name("https://u:p@x.example.org/team")
    ('conda-forge', 'https://x.example.org/team')
    """
    return bare(base).rstrip("/").removeprefix(_ALIAS) if "://" in base else base


def channels(source: Source) -> tuple[list[str], list[str]]:
    """The channels in order, the used ones behind those that are asked; and sentences on what others cannot reach."""
    used = (package.base for content in source.contents for package in content.conda)
    names = list(dict.fromkeys(channel_name(each) for each in (*source.channels, *used)))
    kept = [name for name in names if name != "nodefaults" and not _is_local(name)]
    notes = []
    if len(kept) < len(names) - names.count("nodefaults"):
        notes.append(
            "left out: a channel that is a folder of this machine, so that its packages cannot be found elsewhere"
        )
    private = [name for name in kept if "://" in name and not name.startswith(_PUBLIC_CHANNELS)]
    return kept, notes + [
        f"{name} is not a public channel: whoever uses the file must reach it" for name in private
    ]


def _is_local(channel: str) -> bool:
    return channel.startswith(("file:", "/", "~", ".", "\\")) or bool(re.match(r"[A-Za-z]:[\\/]", channel))


def asked(requirements: Iterable[str], source: Source, form: str) -> tuple[list[str], list[str]]:
    """Requirements as others can have them, and a sentence for each whose address had a login.

    Raises `ImpossibleError` (`local-address`) for one that is a place of this machine.
    """
    lines, notes = [], []
    for text in requirements:
        item = Requirement(text)
        if item.url:
            if not re.match(r"(git\+)?(https?|ssh)://", item.url):
                local(form, source, f"`{item.name}` is asked from a place of this machine")
            if (url := _without_login(item.url)) != item.url:
                notes.append(f"left out: the login in the address of {item.name}")
                text = f"{item.name} @ {url}" + (f" ; {item.marker}" if item.marker else "")
        lines.append(text)
    return lines, notes


def _without_login(url: str) -> str:
    """An address whose login is gone; the `git@` of ssh is none."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    user, at, place = host.rpartition("@")
    return url if not at or user == "git" else f"{scheme}://{place}{slash}{path}"


def variables(source: Source) -> tuple[dict[str, str], list[str]]:
    """The variables that may leave, and a sentence for those that may not: secrets, and paths of this machine."""
    kept = {
        name: value
        for name, value in source.spec.env
        if not _SECRET.search(name)
        and not (source.home and source.home in value)
        and not _LOGIN.search(value)
    }
    gone = [name for name, _ in source.spec.env if name not in kept]
    return kept, [
        f"left out: the variable {name}, which is a secret or names a path of this machine" for name in gone
    ]


_FIELDS = {
    "constraints": "the constraints", "hashes": "the hashes that are allowed", "exclude_newer": "the date limit",
    "apt": "the system packages", "pins": "which index a package is bound to", "system_site_packages":
    "the system's own packages", "own_paths": "the project's own code", "env": "the environment variables",
}  # fmt: skip


def untold(source: Source, told: Iterable[str] = ()) -> list[str]:
    """A sentence for each wish that a format does not tell.

    >>> from kernel_iso.model import Spec
    >>> untold(Source(name="a", spec=Spec(apt=("git",), accelerator="cpu")))
    ['left out: the system packages (git)', 'left out: the accelerator (cpu)']
    """
    spec, told = source.spec, {*told}
    found = []
    for key, words in _FIELDS.items():
        value = getattr(spec, key)
        if value and key not in told:
            shown = (
                ", ".join(value) if key in ("apt", "constraints") else value if key == "exclude_newer" else ""
            )
            found.append(f"left out: {words} ({shown})" if shown else f"left out: {words}")
    if spec.accelerator not in ("", "auto") and "accelerator" not in told:
        found.append(f"left out: the accelerator ({spec.accelerator})")
    return found


def listed(names: Iterable[str]) -> str:
    """A few names, and how many more there are.

    >>> listed("abcde")
    'a, b, c and 2 more'
    """
    names = list(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def names_home(text: str, home: str) -> bool:
    """True where a text has a path in the home folder; the path of an address that only looks alike is none.

    >>> [names_home(text, "/root") for text in ("see /root/x", "file:///root", "https://x.org/root/pypi")]
    [True, True, False]
    """
    home = home.rstrip("/\\")
    return len(home) > 2 and bool(re.search(rf"(?<![\w.-]){re.escape(home)}(?!\w)", text))


def guarded(made: Exported, source: Source, form: str) -> Exported:
    """The same, with the source's own notes; raises `ImpossibleError` (`would-leak`) where a text tells what is private.

    Every format leaves such things out by itself: this is the last door.
    """
    for text in made.files.values():
        words = (
            "a login" if _LOGIN.search(text) else "the home folder" if names_home(text, source.home) else ""
        )
        if words:
            raise ImpossibleError(
                "would-leak", f"has not exported `{source.name}` as {form}", f"{words} would be in it",
                "take out of what is asked the requirement, the channel or the variable that has it",
            )  # fmt: skip
    return Exported(files=made.files, notes=tuple(dict.fromkeys((*source.notes, *made.notes))))
