"""The files and the variables, read and merged."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel_iso.condarc import layers, merging
from kernel_iso.condarc.addresses import address, bare, file_url, is_absolute, is_url
from kernel_iso.condarc.layers import Layer
from kernel_iso.condarc.places import Disk, Files, chosen_roots, condarcs, tomls
from kernel_iso.condarc.records import ALIAS, DEFAULTS, DEFAULTS_WINDOWS, Condarc

YES = ("1", "true", "yes", "on", "y", "t")
NO = ("0", "false", "no", "off", "n", "f")

_VARIABLE = re.compile(r"\$(?:(\w+)|\{([^}]*)\})")
_WINDOWS_VARIABLE = re.compile(r"%(\w+)%")


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """What is configured, with the credentials that are in it: never to be shown."""

    files: tuple[Layer, ...]
    variables: tuple[Layer, ...]
    environ: Mapping[str, str]
    home: Path
    system: str

    @property
    def layers(self) -> tuple[Layer, ...]:
        return (*self.files, *self.variables)

    @property
    def channels(self) -> tuple[str, ...]:
        """Those of conda and mamba; pixi's default channels where these have none."""
        conda = [layer for layer in self.layers if not layer.where.endswith(".toml")]
        pixi = [layer for layer in self.files if layer.where.endswith(".toml") and "channels" in layer.values]
        found = merging.items(conda, "channels") or merging.items(pixi[-1:], "channels")
        return tuple(map(self._expanded, found))

    def word(self, name: str) -> str:
        return self._expanded(merging.word(self.layers, name))

    def items(self, name: str) -> tuple[str, ...]:
        return tuple(self._expanded(item) for item in merging.items(self.layers, name))

    def pairs(self, name: str) -> dict[str, str]:
        return {key: self._expanded(value) for key, value in merging.pairs(self.layers, name).items()}

    def lists(self, name: str) -> dict[str, tuple[str, ...]]:
        found = merging.lists(self.layers, name)
        return {
            self._expanded(key): tuple(map(self._expanded, value)) for key, value in found.items() if value
        }

    def path(self, text: str) -> str:
        """An absolute path: `~` is the person's home, and what is relative begins there."""
        if text == "~" or text.startswith(("~/", "~\\")):
            return str(self.home / text[2:])
        return text if is_absolute(text) else str(self.home / text)

    def _expanded(self, text: str) -> str:
        """A text with `$NAME`, `${NAME}` and on Windows `%NAME%` filled in; what is not set stays as it is."""
        text = _VARIABLE.sub(lambda found: self.environ.get(found[1] or found[2], found[0]), text)
        if self.system == "windows":
            text = _WINDOWS_VARIABLE.sub(lambda found: self.environ.get(found[1], found[0]), text)
        return text


def read(
    environ: Mapping[str, str],
    home: Path,
    *,
    system: str,
    root: Path = Path("/"),
    installed: Sequence[str] | None = None,
    files: Files | None = None,
) -> Condarc:
    """What the person has configured; never an error.

    `system` is `os` of a Machine. `installed` are the installations whose own files count (`places.chosen_roots` unless
    given), `files` another way to read.
    """
    found = gather(environ, home, system=system, root=root, installed=installed, files=files)
    condarc, odd = _condarc(found)
    ignored = tuple(sentence for layer in found.layers for sentence in layer.ignored) + odd
    where = tuple(layer.where for layer in found.files if layer.values or not layer.ignored)
    return msgspec.structs.replace(condarc, read=where, ignored=ignored)


def gather(
    environ: Mapping[str, str],
    home: Path,
    *,
    system: str,
    root: Path = Path("/"),
    installed: Sequence[str] | None = None,
    files: Files | None = None,
) -> Settings:
    """Every layer, the one that counts most last: pixi's and rattler's, conda's and mamba's files, the variables."""
    files = files or Disk()
    if installed is None:
        installed = chosen_roots(environ, home, system=system, root=root)
    own = tomls(environ, home, system=system, root=root)
    conda = condarcs(files, environ, home, system=system, root=root, installed=installed)
    found = (*_read(own, files), *_read(conda, files))
    return Settings(found, layers.from_variables(environ, system), environ, home, system)


def _read(paths: Iterable[str], files: Files) -> Iterator[Layer]:
    for path in dict.fromkeys(paths):
        try:
            text = files.text(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            reason = str(error.strerror or "it is not readable")
            yield Layer(path, ignored=(f"{path} cannot be read: {reason[:1].lower()}{reason[1:]}",))
            continue
        if text.strip():
            yield (layers.from_toml if path.endswith(".toml") else layers.from_yaml)(text, path)


def _condarc(found: Settings) -> tuple[Condarc, tuple[str, ...]]:
    """The record, and sentences about values that mean nothing."""
    priority, odd = _priority(found.word("channel_priority"))
    offline = found.word("offline").lower()
    if offline and offline not in YES + NO:
        odd = (*odd, "`offline` is neither yes nor no")
    usual = DEFAULTS_WINDOWS if found.system == "windows" else DEFAULTS
    return Condarc(
        channels=_channels(found, found.channels),
        default_channels=_channels(found, found.items("default_channels")) or usual,
        alias=_base(found.word("channel_alias")) or ALIAS,
        custom=tuple(
            (bare(name.lstrip("/")), _base(url)) for name, url in found.pairs("custom_channels").items() if url
        ),
        multi=tuple((bare(name), _channels(found, urls)) for name, urls in found.lists("custom_multichannels").items()),
        mirrors=tuple(
            (bare(name), _channels(found, urls)) for name, urls in found.lists("mirrored_channels").items()
        ),
        allowed=_channels(found, found.items("allowlist_channels")),
        denied=_channels(found, found.items("denylist_channels")),
        channel_priority=priority,
        proxies=tuple(
            (bare(name), url if name == "no_proxy" else proxy(url))
            for name, url in found.pairs("proxy_servers").items()
        ),
        ssl_verify=_verified(found),
        offline=offline in YES,
        pkgs_dirs=tuple(map(found.path, found.items("pkgs_dirs"))),
        envs_dirs=tuple(map(found.path, found.items("envs_dirs"))),
    ), odd  # fmt: skip


def _channels(found: Settings, names: Iterable[str]) -> tuple[str, ...]:
    """Channels as they are written, without credentials; a path is made absolute."""
    local = (found.path(name) if name.startswith(("~", "./", "../", ".\\")) else name for name in names)
    return tuple(dict.fromkeys(bare(name) for name in local))


def _base(location: str) -> str:
    """The URL before a channel's name; without a scheme it is a host, or a path.

    >>> _base("https://ada:hunter2@repo.example.org/conda/"), _base("repo.example.org/conda"), _base("/srv/conda")
    ('https://repo.example.org/conda', 'https://repo.example.org/conda', 'file:///srv/conda')
    """
    if is_absolute(location):
        return file_url(location)
    return bare(location if is_url(location) or not location else f"https://{location}")


def proxy(url: str) -> str:
    """A proxy's URL as it may be shown; without a scheme it is an HTTP proxy.

    >>> proxy("ada:hunter2@proxy:3128"), proxy("http://proxy:3128/")
    ('http://proxy:3128', 'http://proxy:3128')
    """
    return address(with_scheme(url)).url if url else ""


def with_scheme(url: str) -> str:
    """A proxy's URL with its scheme."""
    return url if is_url(url) else f"http://{url}"


def _priority(text: str) -> tuple[str, tuple[str, ...]]:
    text = text.lower()
    # conda had yes and no before it had words.
    text = "flexible" if text in YES else "disabled" if text in NO else text
    if text in ("", "strict", "flexible", "disabled"):
        return text, ()
    return "", ("`channel_priority` is none of strict, flexible and disabled",)


def _verified(found: Settings) -> str:
    text = found.word("ssl_verify")
    if text.lower() in ("", *YES):
        return ""
    if text.lower() in NO:
        return "false"
    if text.lower() == "truststore":
        return "truststore"
    return str(found.home / text[2:]) if text.startswith(f"~{os.sep}") else text
