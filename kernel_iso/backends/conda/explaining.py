"""py-rattler's words as errors of ours. A parser carries a sample of what it parses."""

from __future__ import annotations

import errno
import re
from typing import Any

from kernel_iso.backends.conda import conflicts
from kernel_iso.errors import ConflictError, ImpossibleError, IsoError, SpecError, ToolError
from kernel_iso.processes import redact

LOCK = "cannot lock the conda packages"
INSTALL = "cannot install the conda packages"

PREFACE = "Cannot solve the request because of:"

MOST = 40
"""Lines of an explanation that are shown."""

# Cannot solve the request because of: No candidates were found for numpy <1.
_NONE = re.compile(
    r"No candidates were found for (?P<name>[\w.-]+) ?(?P<bounds>[^\n]*?)\.?\s*$", re.MULTILINE
)

# error sending request for url (http://127.0.0.1:9/x/noarch/repodata.json) … HTTP status client error (401 Unauthorized)
_STATUS = re.compile(r"(?:status|HTTP)[^(\n]*\(?(?P<status>[45]\d\d)")
_URL = re.compile(r"(?P<url>[a-z]+://[^\s)'\"]+)")


def fault(error: BaseException, what: str) -> IsoError:
    """Any failure of py-rattler; a panic of its Rust code too."""
    if isinstance(error, IsoError):
        return error
    words = _words(error)
    shown = LOCK if what in ("solve", "versions") else INSTALL
    if _full(error, words):
        return ImpossibleError(
            "no-space",
            shown,
            "the disk is full",
            "kernel-iso clean   (or put the store on a larger disk)",
            tail=_tail(words),
        )
    if isinstance(error, NotADirectoryError | FileExistsError | PermissionError) or re.search(
        r"[Rr]ead-only file system|[Pp]ermission denied|os error (13|20|30)\b", words
    ):
        return ToolError(
            "conda-cache-read-only", shown, "the cache of conda packages, or the store, cannot be written",
            "set `cache` in the policy to a folder that is yours", tail=_tail(words),
        )  # fmt: skip
    if what in ("solve", "versions"):
        return _unreached(words) or ToolError(
            "lock-failed",
            shown,
            _first(words),
            "try again; `kernel-iso doctor` shows versions",
            tail=_tail(words),
        )
    return ToolError(
        "install-failed", shown, _first(words), "try again: nothing half-made is kept", tail=_tail(words)
    )


def unsolved(error: BaseException, request: dict[str, Any], lacks: str = "") -> IsoError:
    """Why no packages fit: a name that no channel has, versions that are not there, or several that cannot live together.

    `lacks` is the spec of a virtual package with which they would fit. `request["there"]` are the versions that there are.
    """
    words = _words(error)
    if type(error).__name__ != "SolverError":
        return fault(error, "solve")
    words = words.removeprefix(PREFACE).strip()
    if lacks:
        return _lacks(lacks, request, words)
    if "\n" not in words and (found := _NONE.search(words)):
        return _nothing(found["name"], found["bounds"].strip(), request, words)
    return ConflictError(
        "no-versions-fit", "cannot find conda packages that fit together",
        conflicts.sentence(words, request["specs"]) or _first(words),
        "loosen or leave out one of them; the whole explanation is below", tail=_head(words),
    )  # fmt: skip


def lacking(error: BaseException) -> tuple[tuple[str, ...], bool]:
    """The specs of virtual packages that the solver missed, and whether that is all that it tells."""
    if type(error).__name__ != "SolverError":
        return (), False
    words = str(error).removeprefix(PREFACE).strip()
    alone = _NONE.search(words) if "\n" not in words else None
    found = (f"{alone['name']} {alone['bounds']}".strip(),) if alone else conflicts.missing(words)
    virtual = tuple(each for each in found if each.startswith("__"))
    return virtual, virtual == found and not conflicts.contested(words)


def unknown(error: BaseException) -> str:
    """The name of the package of which the solver found no version at all that is asked for, "" where it is not that."""
    words = str(error).removeprefix(PREFACE).strip()
    if type(error).__name__ != "SolverError" or "\n" in words:
        return ""
    found = _NONE.search(words)
    return found["name"] if found and not found["name"].startswith("__") else ""


def _nothing(name: str, bounds: str, request: dict[str, Any], words: str) -> IsoError:
    channels = ", ".join(request["channels"])
    there = request.get("there", ())
    if name.startswith("__"):
        return _lacks(f"{name} {bounds}".strip(), request, words)
    if not there and (bounds in ("", "*") or "there" in request):
        return SpecError(
            "no-such-package", LOCK, f"no channel has `{name}` for {request['subdir']} (asked: {channels})",
            f"check the name, or ask for it from PyPI: kernel-iso add --pypi {name}", tail=_tail(words),
        )  # fmt: skip
    has = f"; there {'is' if len(there) == 1 else 'are'} {', '.join(there)}" if there else ""
    return ConflictError(
        "no-such-version", LOCK, f"no channel has `{name} {bounds}` for {request['subdir']} (asked: {channels}){has}",
        f"kernel-iso search {name}   shows which versions there are", tail=_tail(words),
    )  # fmt: skip


def _lacks(what: str, request: dict[str, Any], words: str) -> IsoError:
    has = ", ".join(request["virtual"]) or "no GPU"
    return ImpossibleError(
        "machine-lacks", LOCK, f"the packages need `{what}`, which this machine has not (it has {has})",
        "ask for older or other builds; `kernel-iso probe` shows what was found", tail=_tail(words),
    )  # fmt: skip


def unfetched(error: BaseException, each: dict[str, Any], url: str) -> IsoError:
    """Why a package could not be fetched."""
    if isinstance(error, IsoError):
        return error
    words = _words(error)
    if _full(error, words):
        return fault(error, "install")
    if isinstance(error, FileNotFoundError) or re.search(r"\b404\b", words):
        return ToolError(
            "package-gone", INSTALL, f"the channel does not have {each['file']} any more ({redact(url)})",
            "make the lock again with `kernel-iso lock`", tail=_tail(words),
        )  # fmt: skip
    return _unreached(words, url) or ToolError(
        "download-broken",
        INSTALL,
        f"{each['file']} came only in part from {redact(url)}",
        "try again",
        tail=_tail(words),
    )


def _unreached(words: str, url: str = "") -> IsoError | None:
    place = redact(url or (found["url"] if (found := _URL.search(words)) else "the channel"))
    if (found := _STATUS.search(words)) and found["status"] in ("401", "403", "407"):
        return ToolError(
            "channel-refused", "cannot read a conda channel", f"{place} answers {found['status']}",
            "put the credentials where conda has them (`.condarc`, netrc, or `rattler auth login`)", tail=_tail(words),
        )  # fmt: skip
    if "force-cache-only" in words or re.search(
        r"no (usable )?(cache(d)?|repodata cache)\b|no cache(d)? (entry|repodata|data)|not (in|available in) (the )?cache",
        words,
        re.IGNORECASE,
    ):
        return ToolError(
            "not-in-cache", LOCK, f"the network is off, and {place} was never read here",
            "go online once, or take `offline` out of the policy", tail=_tail(words),
        )  # fmt: skip
    if found or re.search(
        r"error sending request|[Cc]onnect|dns error|timed? ?out|reset by peer|request failed|No such file",
        words,
    ):
        status = f"it answers {found['status']}" if found else _last(words)
        return ToolError(
            "channel-unreachable", "cannot read a conda channel", f"{place}: {status}",
            "check the network and the proxy; `kernel-iso policy` shows the channels", tail=_tail(words),
        )  # fmt: skip
    return None


def _full(error: BaseException, words: str) -> bool:
    """True where the disk, a quota or a limit of this process leaves no room: ENOSPC, EDQUOT, EFBIG."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or bool(
        re.search(r"No space left on device|File too large|[Qq]uota exceeded|os error (28|27|122)\b", words)
    )


def _words(error: BaseException) -> str:
    chain: list[str] = []
    current: BaseException | None = error
    while current is not None and len(chain) < 5:
        chain.append(str(current) or type(current).__name__)
        current = current.__cause__ or current.__context__
    return redact("\n".join(dict.fromkeys(chain)))


def _first(words: str) -> str:
    return _clean(next((line for line in words.splitlines() if line.strip()), "py-rattler said nothing"))


def _last(words: str) -> str:
    return _clean([line for line in words.splitlines() if line.strip()][-1])


def _clean(line: str) -> str:
    return line.strip(" │├└─").removeprefix("Caused by: ")[:300]


def _head(words: str) -> tuple[str, ...]:
    """The beginning of a tree: what is asked for stands at its top."""
    lines = [line.rstrip() for line in words.splitlines() if line.strip()]
    return (*lines[:MOST], "…") if len(lines) > MOST else tuple(lines)


def _tail(words: str) -> tuple[str, ...]:
    return tuple(line.rstrip() for line in words.splitlines() if line.strip())[-25:]
