"""Foreign text as it may be shown: in one line, short, without control characters and secrets."""

from __future__ import annotations

import re

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_USER = re.compile(r"(?<=://)[^/@\s]*@")
_TOKEN = re.compile(
    r"(?i)([?&](?:token|access_token|api_?key|key|password|passwd|secret|sig|signature)=)[^&\s]*"
)


def clean(text: str, longest: int = 160) -> str:
    """A foreign text fit for a message: short, control characters escaped, credentials gone.

    >>> clean("a\\nb https://me:secret@example.org/x")
    'a\\\\x0ab https://***@example.org/x'
    """
    text = _TOKEN.sub(r"\1***", _USER.sub("***@", text[: 20 * longest]))
    text = _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode().replace("\\n", "\\x0a"), text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def has_credentials(url: str) -> bool:
    """True where a URL carries a user name, a password or a token (the `git@` of git over ssh is none).

    >>> has_credentials("https://me:secret@example.org/simple"), has_credentials("git+ssh://git@example.org/x")
    (True, False)
    """
    found = _USER.search(url)
    return bool(_TOKEN.search(url) or (found and found[0] != "git@"))
