"""The arguments of verbs, and those that several verbs share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of a verb.

    `kind`: `text` (one value), `optional` (an option whose value may be left out: then it is "yes"), `many` (none or
    more values), `flag` (true where given), `path` (one value, completed as a file), `command` (all the rest, after
    `--`). `flags` ("--out", "-o") make it an option; without flags it is positional, and optional where `default` is
    not None. `choices` restrict the value.
    """

    name: str
    help: str
    kind: str = "text"
    flags: tuple[str, ...] = ()
    default: Any = None
    choices: tuple[str, ...] = ()
    metavar: str = ""


TARGET = Argument(
    name="target",
    help="a notebook, a script or a project's folder",
    kind="path",
    default="",
    metavar="NOTEBOOK",
)
NAME = Argument(
    name="name",
    help="work on a named environment (its name, or its folder)",
    flags=("-n", "--name", "--prefix"),
    default="",
)
TRUST = Argument(
    name="trust", help="approve what it asks, on this machine (`yes`, or the digest that was reviewed)",
    kind="optional", flags=("--trust",), default="",
)  # fmt: skip
MACHINE = Argument(
    name="machine", help="for a recorded machine (the output of `probe --json` there)", kind="path",
    flags=("--machine",), default="", metavar="FILE",
)  # fmt: skip
DRY = Argument(name="dry", help="only show what would change", kind="flag", flags=("--dry-run",))
HERE = Argument(
    name="here",
    help="keep the change in the notebook, not in the project's file",
    kind="flag",
    flags=("--here",),
)
PACKAGES = Argument(
    name="packages", help="packages, after the notebook they are for", kind="many", metavar="PACKAGE"
)
NOTEBOOK = Argument(
    name="notebook", help="the notebook to change", kind="path", flags=("-b", "--notebook"), default=""
)
CONDA = Argument(
    name="conda", help="take the packages from conda's channels", kind="flag", flags=("--conda",)
)
PYPI = Argument(
    name="pypi", help="take the packages from PyPI, or the policy's index", kind="flag", flags=("--pypi",)
)
CHANNEL = Argument(
    name="channels", help="a channel to take conda packages from, after those that are declared", kind="many",
    flags=("-c", "--channel"), metavar="CHANNEL",
)  # fmt: skip
ENVIRONMENT = Argument(name="environment", help="its name", metavar="NAME")
SOURCE = Argument(name="source", help="the environment to start from", metavar="SOURCE")
EXPORT = (
    Argument(name="form", help="the format (default: environment.yml)", flags=("--as",), default="environment.yml",
             choices=("environment.yml", "explicit", "conda-lock", "pixi.lock", "pylock.toml", "requirements.txt")),
    Argument(name="out", help="write it there: a file, or a folder where there are several", kind="path",
             flags=("-o", "--output", "--file"), default="", metavar="OUT"),
    Argument(name="no_builds", help="environment.yml without builds: versions only", kind="flag", flags=("--no-builds",)),
    Argument(name="history", help="environment.yml with what was asked only", kind="flag", flags=("--from-history",)),
    Argument(name="minimal", help="requirements.txt with what was asked only", kind="flag", flags=("--minimal",)),
    MACHINE,
    Argument(name="addresses", help="let the addresses of private indexes out (never a login)", kind="flag",
             flags=("--addresses",)),
)  # fmt: skip
