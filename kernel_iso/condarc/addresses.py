"""URLs of channels and proxies, taken apart: where, and with which credentials. Pure; no text is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

SUBDIRS = re.compile(
    r"noarch|(?:linux|osx|win|freebsd|emscripten|wasi|zos)-(?:32|64|x86_64|aarch64|arm64|armv6l|armv7l|ppc64|ppc64le"
    r"|riscv32|riscv64|s390x|loongarch64|wasm32|z)"
)
"""The folders of a channel, one for each platform (CEP 26)."""

LONGEST = 4096
"""Characters of the longest URL; what is longer is none."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://([^/?#]*)([^?#]*)")
# An unescaped `/`, `?` or `#` in a password ends the authority too early: `user:pa/ss@host`. What follows the colon of a
# true authority is a port.
_SPLIT_PASSWORD = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://([^/?#@\[]*:(?!\d*[/?#])[^@]*)@(.*)", re.DOTALL)
# Behind a host's colon stands a port; anything else is the rest of a login.
_NO_PORT = re.compile(r":(?!\d*$)[^\]]*$")
_TOKEN = re.compile(r"/t/([^/]+)(?=/|$)")
_PORTS = {"http": ":80", "https": ":443"}
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Address:
    """A URL without credentials, query and fragment, and the credentials that were in it, unquoted."""

    url: str
    user: str = ""
    password: str = ""
    token: str = ""


def address(url: str) -> Address:
    """A URL, taken apart; what is no URL has neither user nor token, and loses nothing.

    >>> found = address("https://ada:p%40ss@Repo.example.org:443/t/ab-12/team/?x=1")
    >>> found.url, found.user, found.password, found.token
    ('https://repo.example.org/team', 'ada', 'p@ss', 'ab-12')
    >>> address("http://ada:a/b@proxy:3128").url, address("https://example.org/@scope/x").url
    ('http://proxy:3128', 'https://example.org/@scope/x')
    """
    text, userinfo = url.strip(), ""
    if len(text) > LONGEST:
        return Address(url="")
    if torn := _SPLIT_PASSWORD.fullmatch(text):
        userinfo, text = torn[2], f"{torn[1]}://{torn[3]}"
    parts = _URL.match(text)
    if parts is None:
        return Address(url=text)
    scheme, authority, path = parts[1].lower(), parts[2], parts[3]
    before, at, host = authority.rpartition("@")
    # What is left before the host belongs to the credentials too.
    userinfo = "@".join(part for part in (userinfo, before) if part) if at else userinfo
    token = ""
    if scheme != "file" and (found := _TOKEN.search(path)):
        token, path = unquote(found[1]), path[: found.start()] + path[found.end() :]
    path = re.sub("/{2,}", "/", path) if scheme != "file" else path
    user, _, password = userinfo.partition(":")
    host = _NO_PORT.sub("", host.lower()).removesuffix(_PORTS.get(scheme, " "))
    return Address(
        url=f"{scheme}://{host}{path.rstrip('/')}",
        user=unquote(user),
        password=unquote(password),
        token=token,
    )


def with_login(url: str) -> str:
    """A URL with the user and password that are in it, quoted as they have to be.

    >>> with_login("http://ada:a/b@proxy:3128/")
    'http://ada:a%2Fb@proxy:3128'
    """
    found = address(url)
    scheme, _, rest = found.url.partition("://")
    login = quote(found.user, safe="") + (":" + quote(found.password, safe="") if found.password else "")
    return f"{scheme}://{login}@{rest}" if login else found.url


def bare(url: str) -> str:
    """A URL, a channel's name or its path, as it may be shown and compared.

    >>> bare("HTTPS://ada:secret@example.org/t/ab-12/team/"), bare(" conda-forge/ "), bare("ada:secret@example.org/x")
    ('https://example.org/team', 'conda-forge', 'example.org/x')
    """
    text = url.strip().rstrip("/")
    if is_url(text) or len(text) > LONGEST:
        return address(text).url
    # Somebody may have left out the scheme, and nothing else.
    return text if is_absolute(text) else _TOKEN.sub("", text.rpartition("@")[2])


def is_url(text: str) -> bool:
    """True for what has a scheme.

    >>> is_url("file:///srv/channel"), is_url("conda-forge"), is_url("C:/channel")
    (True, False, False)
    """
    return _URL.match(text) is not None


def is_absolute(path: str) -> bool:
    """True for an absolute path, of POSIX or of Windows.

    >>> is_absolute("/srv/channel"), is_absolute(r"D:\\channel"), is_absolute("conda-forge/label/dev")
    (True, True, False)
    """
    return path.startswith(("/", "\\\\")) or _DRIVE.match(path) is not None


def file_url(path: str) -> str:
    """The URL of a local channel.

    >>> file_url("/srv/my channel/"), file_url(r"D:\\channel"), file_url(r"\\\\host\\share")
    ('file:///srv/my%20channel', 'file:///D:/channel', 'file://host/share')
    """
    path = path.replace("\\", "/") if _DRIVE.match(path) or path.startswith("\\\\") else path
    start = "file:" if path.startswith("//") else "file://" if path.startswith("/") else "file:///"
    return (start + quote(path, safe="/:")).rstrip("/")


def beside(url: str, above: str) -> str | None:
    """What of a URL follows another one, "" where they are equal; None where it does not lie below that.

    >>> beside("https://a.org/x/y", "https://a.org/x"), beside("https://a.org/xy", "https://a.org/x")
    ('/y', None)
    """
    rest = url.removeprefix(above)
    return rest if url.startswith(above) and (not rest or rest.startswith("/")) else None
