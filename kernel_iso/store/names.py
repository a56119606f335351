"""Names and folders that people give: a safe one, or an error that says what is wrong with it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from kernel_iso.errors import SpecError

LONGEST = 64
"""Characters of an environment's name."""

RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")
"""Windows' devices: https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""

OURS = ("bare", "companions")
"""What our own owners are called."""

MADE_UP = re.compile(r"[pcn]-[0-9a-f]{16}")
"""What notebooks without an id of their own are called."""

SYSTEM_FOLDERS = {
    "posix": (
        "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr",
        "/System", "/Library", "/private/etc", "/var/lib", "/var/log", "/var/cache",
    ),
    "nt": ("Windows", "Program Files", "Program Files (x86)", "ProgramData", "System Volume Information"),
}  # fmt: skip
"""Folders that nothing of ours goes into; on Windows below any drive's root."""

NOT_SYSTEM = {"posix": ("/usr/local", "/run/user", "/run/media"), "nt": ()}
"""Folders inside those that people own."""

LONGEST_FOLDER = {"posix": 1024, "nt": 100}
"""Characters. Windows ends paths at 260 and a deep package takes 150; elsewhere 4096 is the end."""


def safe_name(name: str, existing: Iterable[str] = ()) -> str:
    """The name of an environment, in Unicode's composed form.

    1 to 64 letters and digits of any language, and `-_.`; it begins with a letter, a digit or `_`, is no
    device's name on Windows, and does not differ from an `existing` one by case alone. Raises `SpecError`
    (`bad-name`).

    >>> safe_name("vision-2.1")
    'vision-2.1'
    """
    name = unicodedata.normalize("NFC", name)
    because = _fault(name)
    if not because:
        twin = next(
            (other for other in existing if other != name and other.casefold() == name.casefold()), ""
        )
        because = (
            f"`{twin}` differs from it by case alone, which not every system can tell apart" if twin else ""
        )
    if because:
        shown = "".join(sign if sign.isprintable() else "?" for sign in name[:80])
        raise SpecError(
            "bad-name",
            f"cannot call an environment `{shown}`",
            because,
            "use letters, digits, `-`, `_` and `.`, as in `vision-2`",
        )
    return name


def _fault(name: str) -> str:
    """What is wrong with a name, "" where nothing is."""
    wrong = next((sign for sign in name if not _allowed(sign)), "")
    checks = (
        (not name, "it is empty"),
        (len(name) > LONGEST, f"it has {len(name)} characters, and {LONGEST} is the most"),
        (len(name.encode(errors="replace")) > 200, "it is too long for a file name"),
        (
            bool(wrong),
            f"{unicodedata.name(wrong, 'a control character').lower() if wrong else ''} cannot be in it",
        ),
        (name[:1] in (".", "-"), f"it begins with `{name[:1]}`"),
        (name.endswith("."), "it ends with a dot, which Windows drops"),
        (".." in name, "`..` is the folder above"),
        (bool(RESERVED.fullmatch(name)), "Windows keeps it for a device"),
        (name in OURS or bool(MADE_UP.fullmatch(name)), "kernel-iso itself uses that name"),
    )
    return next((because for fault, because in checks if fault), "")


def _allowed(sign: str) -> bool:
    # Marks (M*) belong to the letters of many scripts.
    return sign in "-_." or unicodedata.category(sign)[0] in "LM" or unicodedata.category(sign) == "Nd"


def safe_folder(path: Path, *, ours: Callable[[Path], bool], store: Path, home: Path) -> Path:
    """The real, absolute path of a folder that a person wants an environment in.

    It may be new, empty, or one of `ours`. Raises `SpecError`: `protected-folder` for the system's, the home
    folder, the store and whatever contains them; `not-ours` where something else is in it; `bad-folder` where
    it is too long or cannot be a path.
    """
    text = str(path)
    if "\0" in text or not text.isprintable():
        raise _refused("bad-folder", path, "there are control characters in it", "give a plain path")
    real = Path(os.path.realpath(path))
    longest = LONGEST_FOLDER.get(os.name, 1024)
    if len(str(real)) > longest or any(len(part.encode(errors="replace")) > 255 for part in real.parts):
        raise _refused(
            "bad-folder", path, f"it is too long: {longest} characters, and 255 in each part, are the most",
            "choose a folder nearer to the root",
        )  # fmt: skip
    if because := protected(
        real, os.name, home=Path(os.path.realpath(home)), store=Path(os.path.realpath(store))
    ):
        raise _refused("protected-folder", path, because, "choose a new folder in your home or your project")
    if real.exists() and not real.is_dir():
        raise _refused("not-ours", path, "it is a file", "choose a folder that does not exist yet")
    if real.is_dir() and any(real.iterdir()) and not ours(real):
        raise _refused(
            "not-ours",
            path,
            "something is in it that kernel-iso did not make",
            "choose a new or an empty folder",
        )
    return real


def protected(path: PurePath, system: str, *, home: PurePath, store: PurePath) -> str:
    """Why nothing may be made in a folder, "" where it may. Pure: `system` is `os.name`.

    >>> at_home = {"home": PurePosixPath("/home/me"), "store": PurePosixPath("/home/me/store")}
    >>> protected(PurePosixPath("/home"), "posix", **at_home)
    'your home folder is in it'
    >>> protected(PurePosixPath("/home/me/envs/a"), "posix", **at_home)
    ''
    """
    if path == home:
        return "it is your home folder"
    if path == store or path.is_relative_to(store):
        return "it is in the store, which kernel-iso keeps for itself"
    for name, inner in (("your home folder", home), ("the store", store)):
        if inner.is_relative_to(path):
            return f"{name} is in it"
    if path == path.parent:
        return "it is the root of the file system"
    return "it belongs to the system" if _systems(path, system) else ""


def _systems(path: PurePath, system: str) -> bool:
    kind = PureWindowsPath if system == "nt" else PurePosixPath
    folders, free = SYSTEM_FOLDERS[system], NOT_SYSTEM[system]
    if any(path != kind(folder) and path.is_relative_to(kind(folder)) for folder in free):
        return False
    return any(path.is_relative_to(kind(path.anchor, folder)) for folder in folders)


def _refused(code: str, path: Path, because: str, hint: str) -> SpecError:
    shown = "".join(sign if sign.isprintable() else "?" for sign in str(path)[:120])
    return SpecError(code, f"cannot make an environment in `{shown}`", because, hint)
