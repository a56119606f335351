"""Credentials and proxies, for the process that downloads and for nobody else.

rattler reads its own store (`credentials.json`, `RATTLER_AUTH_FILE`, the keyring) itself: that is left to it.
"""

from __future__ import annotations

import netrc
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote_plus

from kernel_iso.condarc.addresses import address, bare, is_absolute, is_url, with_login
from kernel_iso.condarc.places import LIMIT
from kernel_iso.condarc.reading import NO, Settings, gather, with_scheme
from kernel_iso.condarc.records import Credential

_TOKENS = 100
"""Token files that are looked at, at most."""


def credentials(
    environ: Mapping[str, str], home: Path, *, system: str, root: Path = Path("/")
) -> tuple[Credential, ...]:
    """What opens the configured channels: from their URLs, from anaconda-client's tokens, from netrc.

    For a URL the first whose `url` it begins with counts. A user without a password is none.
    """
    found = gather(environ, home, system=system, root=root)
    made = [*_configured(found)]
    if found.word("add_anaconda_token").lower() not in NO:
        made += _tokens(environ, home, system)
    made += _netrc(environ, home, system)
    first: dict[tuple[str, str], Credential] = {}
    for each in made:
        first.setdefault((each.url, each.kind), each)
    return tuple(first.values())


def proxies(environ: Mapping[str, str], home: Path, *, system: str, root: Path = Path("/")) -> dict[str, str]:
    """The proxies as they are configured, with their credentials; `HTTP_PROXY` and others are not among them.

    Keys are `http`, `https`, a scheme and host (`http://10.1.2.3`), and `no_proxy` (hosts, with commas).
    """
    found = gather(environ, home, system=system, root=root)
    return {
        bare(name): url if name == "no_proxy" or not url else with_login(with_scheme(url))
        for name, url in found.pairs("proxy_servers").items()
    }


def _configured(found: Settings) -> Iterator[Credential]:
    """Those in the URLs of channels, the ones that say more about a channel first."""
    for url in found.channels:
        yield from _in(url)
    for name, url in found.pairs("custom_channels").items():
        yield from _in(_with_scheme(url), "/" + bare(name.lstrip("/")))
    for table in (found.lists("mirrored_channels"), found.lists("custom_multichannels")):
        for name, urls in table.items():
            for url in (name, *urls):
                yield from _in(url)
    for url in found.items("default_channels"):
        yield from _in(url)
    yield from _in(_with_scheme(found.word("channel_alias")))


def _with_scheme(location: str) -> str:
    return location if is_url(location) or is_absolute(location) else f"https://{location}"


def _in(url: str, more: str = "") -> Iterator[Credential]:
    """The credentials in one URL; `more` belongs behind it.

    >>> [(each.url, each.kind, each.user) for each in _in("https://ada:pw@example.org/t/ab-12/conda")]
    [('https://example.org/conda', 'basic', 'ada'), ('https://example.org/conda', 'token', '')]
    """
    found = address(url)
    if found.password:
        yield Credential(url=found.url + more, kind="basic", user=found.user, secret=found.password)
    if found.token:
        yield Credential(url=found.url + more, kind="token", secret=found.token)


def _tokens(environ: Mapping[str, str], home: Path, system: str) -> Iterator[Credential]:
    """anaconda-client's tokens, one file for each server; the file's name is the quoted URL of its API.

    The channels of a server are where its URL says `conda` in the place of `api`: conda/gateways/anaconda_client.py
    """
    for folder in _token_folders(environ, home, system):
        try:
            names = sorted(name for name in os.listdir(folder) if name.endswith(".token"))  # noqa: PTH208
        except OSError:
            continue
        for name in names[:_TOKENS]:
            url, secret = unquote_plus(name.removesuffix(".token")), _small(folder / name).strip()
            if is_url(url) and secret and secret.isprintable():
                place = re.sub(r"([./])api([./]|$)", r"\1conda\2", bare(url), count=1)
                yield Credential(url=place, kind="token", secret=secret)


def _token_folders(environ: Mapping[str, str], home: Path, system: str) -> tuple[Path, ...]:
    if own := environ.get("BINSTAR_CONFIG_DIR"):
        return (Path(own) / "data", Path(own))
    newer = home / ".continuum" / "anaconda-client" / "tokens"
    if system == "windows":
        return (
            Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local", "ContinuumIO", "binstar"),
            newer,
        )
    if system == "macos":
        return (home / "Library" / "Application Support" / "binstar", newer)
    settings = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return (settings / "binstar", data / "binstar", newer)


def _small(path: Path) -> str:
    """The text of a token's file, "" where it has none that could be one."""
    try:
        if path.is_file() and path.stat().st_size <= 4096:
            return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        pass
    return ""


def _netrc(environ: Mapping[str, str], home: Path, system: str) -> Iterator[Credential]:
    """The logins of netrc, for their hosts alone; its `default` would be told to anybody."""
    names = ("_netrc", ".netrc") if system == "windows" else (".netrc",)
    for path in (Path(environ["NETRC"]),) if environ.get("NETRC") else tuple(home / name for name in names):
        try:
            if not path.is_file() or path.stat().st_size > LIMIT:
                continue
            hosts = netrc.netrc(str(path)).hosts
        except (OSError, ValueError, netrc.NetrcParseError):
            continue
        for host, (user, _, secret) in hosts.items():
            if host != "default" and secret:
                yield Credential(url=f"https://{host.lower()}", kind="basic", user=user or "", secret=secret)
        return
