"""What tools may see of our environment, and what others may see of their words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

# With the variable of a notebook's session uv says nothing of what it downloads.
_DROPPED = re.compile(
    r"(UV|PIP|CONDA|_CONDA|_CE|MAMBA|POETRY|PDM|HATCH|VIRTUALENV)_.*|PYTHON.*|_?VIRTUAL_ENV.*|__PYVENV_LAUNCHER__|PYENV_VERSION"
    r"|LD_PRELOAD|LD_AUDIT|DYLD_INSERT_LIBRARIES|RUST_LOG|RUST_BACKTRACE|FORCE_COLOR|CLICOLOR_FORCE|JPY_SESSION_NAME"
)
# Credentials, certificates and patience are the person's own; none of these chooses what is installed.
_KEPT = re.compile(
    r"UV_INDEX_\w+_(USERNAME|PASSWORD)|(UV|PIP)_KEYRING_PROVIDER|UV_SYSTEM_CERTS|UV_NATIVE_TLS|PIP_CERT"
    r"|UV_HTTP_TIMEOUT|UV_HTTP_RETRIES|PIP_DEFAULT_TIMEOUT|PIP_RETRIES"
    # The person's conda configuration, which our own worker reads; no tool that we run obeys it.
    r"|(CONDA|MAMBA)_(CHANNEL_ALIAS|DEFAULT_CHANNELS|CHANNEL_PRIORITY|SSL_VERIFY|OFFLINE)"
)

_USERINFO = re.compile(r"(?<![\w+.-])([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#\"'`<>]*@")
_SECRET = r"token|signature|secret|password|passwd|credential|api[_-]?key|apikey"
_TOKEN = re.compile(rf"([?&;](?:[\w.-]*(?:{_SECRET})[\w.-]*|sig|key|auth)=)[^\s&;#\"'`<>\\)]+", re.IGNORECASE)
_HEADER = re.compile(
    r"(authorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|token)\s+)[^\s\"'\\]+", re.IGNORECASE
)


def scrub(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for tools: without what changes what they install, with what they need to reach it.

    Proxies, certificate variables, NETRC, HOME, TMPDIR, PATH and the locale stay, and so do the credentials
    `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD`.

    >>> scrub({"PATH": "/bin", "UV_INDEX_URL": "x", "PYTHONPATH": "y", "UV_INDEX_ACME_PASSWORD": "z"})
    {'PATH': '/bin', 'UV_INDEX_ACME_PASSWORD': 'z'}
    """
    return {
        name: value
        for name, value in environ.items()
        if _KEPT.fullmatch(name.upper()) or not _DROPPED.fullmatch(name.upper())
    }


def redact(text: str) -> str:
    """`text` without the credentials and token values of the URLs in it.

    >>> redact("GET https://me:hunter2@example.org/simple?token=abc&page=2 failed")
    'GET https://example.org/simple?token=***&page=2 failed'
    """
    if "://" in text:
        text = _USERINFO.sub(r"\1", text)
    if "=" in text:
        text = _TOKEN.sub(r"\1***", text)
    return _HEADER.sub(r"\1***", text)
