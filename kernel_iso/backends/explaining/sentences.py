"""The errors that every resolver and installer ends in: one function for each thing a person does differently."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kernel_iso.errors import BuildError, ConflictError, ImpossibleError, IsoError, SpecError, ToolError
from kernel_iso.model import Plan
from kernel_iso.processes import redact

LOCK, INSTALL = "cannot lock an environment", "cannot install the environment"
"""The first lines: what could not be done."""

TAIL = 12
"""How many of a tool's own lines go with an error."""

# What people import, and what the index calls it: the mistakes that are made again and again.
_IMPORTED = {
    "bs4": "beautifulsoup4", "cv2": "opencv-python", "crypto": "pycryptodome", "dateutil": "python-dateutil",
    "docx": "python-docx", "dotenv": "python-dotenv", "fitz": "pymupdf", "git": "gitpython",
    "magic": "python-magic", "pil": "pillow", "pptx": "python-pptx", "serial": "pyserial",
    "skimage": "scikit-image", "sklearn": "scikit-learn", "usb": "pyusb", "yaml": "pyyaml", "zmq": "pyzmq",
}  # fmt: skip
_KNOWN = (
    "altair", "bokeh", "dask", "duckdb", "fastapi", "geopandas", "ipykernel", "ipython", "ipywidgets", "jax",
    "jupyter", "keras", "lightgbm", "matplotlib", "networkx", "numba", "numpy", "openpyxl", "pandas", "pillow",
    "plotly", "polars", "pyarrow", "pydantic", "pytest", "pyyaml", "requests", "scikit-image", "scikit-learn",
    "scipy", "seaborn", "sqlalchemy", "statsmodels", "sympy", "tensorflow", "torch", "torchvision", "tqdm",
    "transformers", "xarray", "xgboost",
)  # fmt: skip


def tail(text: str) -> tuple[str, ...]:
    """The last lines that say something, without secrets."""
    lines = [redact(line.rstrip()) for line in text.splitlines() if line.strip()]
    return tuple(line for line in lines if not line.startswith("warning:"))[-TAIL:]


def quoted(items: Iterable[str]) -> str:
    """The items as a person lists them, each in backquotes.

    >>> quoted(["numpy<2", "pandas"]), quoted(["a", "b", "c"])
    ('`numpy<2` and `pandas`', '`a`, `b` and `c`')
    """
    *front, last = [f"`{item}`" for item in items] or ["what is asked"]
    return f"{', '.join(front)} and {last}" if front else last


def declared(names: Iterable[str], plan: Plan) -> tuple[str, ...]:
    """What the person wrote about these packages, in the person's order."""
    wanted = {canonicalize_name(name) for name in names}
    return tuple(text for text in plan.requirements if canonicalize_name(Requirement(text).name) in wanted)


def limits(plan: Plan, text: str) -> str:
    """What else limits the choice: the constraints that `text` names, and the cool-down."""
    named = [each for each in plan.limits if re.search(rf"(?<![\w.-]){re.escape(each)}(?![\w.])", text)]
    found = (
        f"; {quoted(named)} {'is a constraint' if len(named) == 1 else 'are constraints'}" if named else ""
    )
    return found + (f"; no release newer than {plan.exclude_newer} is used" if plan.exclude_newer else "")


def conflict(clash: Sequence[str], why: str, plan: Plan, text: str) -> ConflictError:
    """No versions fit together. An empty `because` says that the tool's words were not understood."""
    hint = f"loosen or leave out one of {quoted(clash)}" if len(clash) > 1 else f"loosen {quoted(clash)}"
    because = ""
    if clash and why:
        together = "cannot live together" if len(clash) > 1 else "cannot be had"
        because = f"{quoted(clash)} {together}: {why}{limits(plan, text)}"
    return ConflictError(
        "no-versions-fit", "cannot find versions that fit together", because, hint, tail=tail(text)
    )


def no_such_version(wanted: str, there: str, plan: Plan, text: str) -> ConflictError:
    """The package is there, no release of it is as wanted."""
    return ConflictError(
        "no-such-version",
        f"cannot find a release for `{wanted}`",
        f"{there}{limits(plan, text)}",
        f"ask for a version that is there, or write `{Requirement(wanted).name}` alone",
        tail=tail(text),
    )


def no_such_package(name: str, needed_by: str, plan: Plan, text: str) -> SpecError:
    """No index has the package."""
    close = suggestion(name)
    indexes = ", ".join(index.name for index in plan.indexes) or "none is allowed"
    by = f", which {needed_by} needs" if needed_by else ""
    return SpecError(
        "no-such-package",
        f"cannot find the package `{name}`",
        f"no index has it{by} (asked: {indexes})",
        f"did you mean `{close}`?"
        if close
        else "check the spelling, or add the index that has it to the policy",
        tail=tail(text),
    )


def suggestion(name: str) -> str:
    """A package that was probably meant, or "".

    >>> suggestion("sklearn"), suggestion("matplotib"), suggestion("xyzzy")
    ('scikit-learn', 'matplotlib', '')
    """
    name = canonicalize_name(name)
    if name in _IMPORTED:
        return _IMPORTED[name]
    return next(iter(difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.8)), "")


def needs_build(name: str, needed_by: str, plan: Plan, machine: str, text: str) -> ImpossibleError:
    """Only source distributions can be had."""
    by = f" ({needed_by} needs it)" if needed_by else ""
    wanted = next(iter(declared([name], plan)), name)
    meant = _IMPORTED.get(canonicalize_name(name), "")
    return ImpossibleError(
        "needs-build",
        f"cannot install `{wanted}`",
        f"no wheel of it runs under Python {plan.python.minor} on {machine}{by}, and building it from source "
        "would run its code",
        f"did you mean `{meant}`?"
        if meant
        else f"ask for a version of `{name}` that has a wheel (newer ones mostly do), or for an older Python",
        tail=tail(text),
    )


def build_failed(name: str, flat: str, text: str) -> BuildError:
    """A package that may be built did not let itself be built."""
    call = re.search(r"Call to `([^`]+)` failed \((exit status: \d+|[^)]+)\)", flat)
    return BuildError(
        "build-failed",
        f"cannot build `{name}`",
        f"its `{call[1].rpartition('.')[2]}` failed ({call[2]}); its last lines are below"
        if call
        else "its own build failed; the last lines are below",
        "install what it needs to be built (a compiler, headers), or ask for a version that has a wheel",
        tail=tail(text),
    )


def no_wheel(name: str, needed_by: str, there: str, plan: Plan, machine: str, text: str) -> ImpossibleError:
    """There are wheels, for other Pythons or machines."""
    by = f", which {needed_by} needs" if needed_by else ""
    return ImpossibleError(
        "no-matching-wheel",
        f"cannot install `{name}`",
        f"it has no wheel for Python {plan.python.minor} on {machine}{by}" + (f"; {there}" if there else ""),
        f"ask for another version of `{name}`, or for another Python",
        tail=tail(text),
    )


def not_cached(name: str, what: str, text: str) -> ToolError:
    """Offline, and not in the cache."""
    return ToolError(
        "not-in-cache",
        what,
        f"{f'`{name}`' if name else 'something that is needed'} is not in the cache, and the network is off",
        "go online once, or set `offline = false` in the policy",
        tail=tail(text),
    )


def refused(url: str, status: str, what: str, text: str) -> ToolError:
    """The index wants to know who asks, or does not like the answer."""
    return ToolError(
        "index-refused",
        what,
        f"{place(url)} answered {status or 'that it wants credentials'}",
        "put the name and password into ~/.netrc or the keyring, or set UV_INDEX_<NAME>_USERNAME and _PASSWORD",
        tail=tail(text),
    )


def untrusted(url: str, what: str, text: str) -> ToolError:
    """The server's certificate is not trusted."""
    return ToolError(
        "index-untrusted",
        what,
        f"the certificate of {place(url)} is not trusted",
        "set SSL_CERT_FILE to your organisation's CA file",
        tail=tail(text),
    )


def unreachable(url: str, why: str, what: str, text: str) -> ToolError:
    """The index does not answer, or not properly."""
    return ToolError(
        "index-unreachable",
        what,
        f"{place(url)} cannot be used: {why}",
        "check the network, the proxy and the index's address in `kernel-iso policy`, then try again",
        tail=tail(text),
    )


def place(url: str) -> str:
    """Where an address is, for people.

    >>> place("https://example.org/simple/numpy/"), place("")
    ('example.org', 'the index')
    """
    parts = urlsplit(redact(url).strip("`"))
    return parts.netloc or "the index"


def mismatch(name: str, text: str) -> ToolError:
    """The bytes are not the ones that were locked."""
    return ToolError(
        "hash-mismatch",
        f"has not installed `{name}`" if name else "has not installed an artefact",
        "what the index served is not what was locked: its hash or size differs, so it was changed or damaged",
        "do not trust it; ask who runs the index, and lock again only when you know why",
        tail=tail(text),
    )


def broken(name: str, text: str) -> ToolError:
    """The artefact cannot be unpacked."""
    return ToolError(
        "download-broken",
        f"cannot unpack `{name}`" if name else "cannot unpack an artefact",
        "what came is cut off or no wheel",
        "try again; if it happens again, the index or a proxy serves a damaged file",
        tail=tail(text),
    )


_MACHINE = (
    (
        r"No space left on device|Disk quota exceeded|not enough space on the disk",
        "disk-full",
        "the disk is full",
        "free some space (`kernel-iso clean` shows what it would free), then try again",
    ),
    (
        r"Read-only file system|Permission denied|Operation not permitted|Access is denied",
        "cannot-write",
        "a folder may not be written",
        "check whose the store and the cache are (`kernel-iso doctor`)",
    ),
    (
        r"Failed to (query|inspect) Python interpreter|No interpreter found|cannot execute",
        "python-broken",
        "the interpreter does not work, or is no longer there",
        "choose another Python (`kernel-iso probe` lists them), or install it again",
    ),
)


def of_the_machine(text: str, what: str) -> IsoError | None:
    """The disk's, the rights' or the interpreter's fault, whoever stumbled over it; else None."""
    for pattern, code, because, hint in _MACHINE:
        if re.search(pattern, text):
            return ToolError(code, what, because, hint, tail=tail(text))
    return None


@contextmanager
def faults(what: str) -> Iterator[None]:
    """Turn an `OSError` of ours (a full disk, a folder of somebody else's) into a `ToolError`."""
    try:
        yield
    except OSError as error:
        words = f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
        raise of_the_machine(words, what) or failed("the file system", what, words) from error


def failed(tool: str, what: str, text: str) -> ToolError:
    """The tool failed, and its words are not known to us."""
    return ToolError(
        "lock-failed" if what == LOCK else "install-failed",
        what,
        f"{tool} failed; its last lines are below",
        "try again; if they do not help, `kernel-iso doctor`",
        tail=tail(text),
    )
