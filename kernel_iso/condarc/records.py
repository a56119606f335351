"""What was read: a record without any secret, and credentials that nothing can write down."""

from __future__ import annotations

import re

from kernel_iso.model import Record

ALIAS = "https://conda.anaconda.org"
"""Where a channel that is only a name is found."""

REPOSITORY = "https://repo.anaconda.com"
"""Where the channels behind `defaults` are found, as `pkgs/main` and others."""

DEFAULTS = (f"{REPOSITORY}/pkgs/main", f"{REPOSITORY}/pkgs/r")
DEFAULTS_WINDOWS = (*DEFAULTS, f"{REPOSITORY}/pkgs/msys2")


class Condarc(Record, frozen=True, kw_only=True):
    """What the person has configured for conda, mamba and pixi. No value holds a password or a token.

    `channels` in order of priority, as they are written; () where nobody configured any. `default_channels` is what
    `defaults` means. `alias` is the URL before a channel that is only a name. `custom` are pairs of a channel's name
    and the URL *before* that name, `multi` pairs of a name and the channels behind it. `mirrors` are pairs of a
    channel's name or URL and the URLs that are to be asked in its place, in order. `allowed` (where there are any) and
    `denied` are the channels that may be used, and that may not. `channel_priority` is `strict`, `flexible` or `disabled`.
    `proxies` are pairs of a scheme (`http`), a scheme and host, or `no_proxy`, and the proxy's URL. `ssl_verify` is
    `false`, `truststore` or the path of a CA bundle. "" is what is not set. `read` are the files that were read, the
    one that counts most last, and `ignored` sentences about what could not be.
    """

    channels: tuple[str, ...] = ()
    default_channels: tuple[str, ...] = DEFAULTS
    alias: str = ALIAS
    custom: tuple[tuple[str, str], ...] = ()
    multi: tuple[tuple[str, tuple[str, ...]], ...] = ()
    mirrors: tuple[tuple[str, tuple[str, ...]], ...] = ()
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    channel_priority: str = ""
    proxies: tuple[tuple[str, str], ...] = ()
    ssl_verify: str = ""
    offline: bool = False
    pkgs_dirs: tuple[str, ...] = ()
    envs_dirs: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


class Credential:
    """What opens the URLs that begin with `url`: `kind` is `basic`, `token` (in the path, `/t/TOKEN/`) or `bearer`.

    It is no record and no dataclass, so that no encoder writes `secret` down; `repr` hides it.

    >>> Credential(url="https://example.org/conda", kind="basic", user="ada", secret="hunter2")
    Credential(url='https://example.org/conda', kind='basic', user='ada', secret=…)
    """

    __slots__ = ("kind", "secret", "url", "user")

    def __init__(self, *, url: str, kind: str, user: str = "", secret: str) -> None:
        self.url = url
        self.kind = kind
        self.user = user
        self.secret = secret

    @property
    def host(self) -> str:
        """The host without its port: rattler's store of credentials knows no more of a URL (seen with 0.28)."""
        return re.sub(r":\d*$", "", self.url.partition("://")[2].partition("/")[0])

    def __repr__(self) -> str:
        return f"Credential(url={self.url!r}, kind={self.kind!r}, user={self.user!r}, secret=…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credential) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[str, str, str, str]:
        return self.url, self.kind, self.user, self.secret
