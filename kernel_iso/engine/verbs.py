"""The verbs: their names, arguments and help. Every face is made from this one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kernel_iso.engine.arguments import (
    CHANNEL,
    CONDA,
    DRY,
    ENVIRONMENT,
    EXPORT,
    HERE,
    MACHINE,
    NAME,
    NOTEBOOK,
    PACKAGES,
    PYPI,
    SOURCE,
    TARGET,
    TRUST,
    Argument,
)  # fmt: skip

if TYPE_CHECKING:
    from kernel_iso.engine.context import Engine

__all__ = [
    "CHANNEL",
    "CONDA",
    "DRY",
    "ENVIRONMENT",
    "HERE",
    "MACHINE",
    "NAME",
    "NOTEBOOK",
    "PACKAGES",
    "PYPI",
    "SOURCE",
    "TABLE",
    "TARGET",
    "TRUST",
    "Argument",
    "Outcome",
    "Verb",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a verb ended with: `data` for programs (JSON types only), `text` for people, and an exit `status`."""

    data: Mapping[str, Any]
    text: str = ""
    status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One verb: `name` ("env create" is a verb in a group), one sentence of help, and what it does.

    `slow` ones may resolve, fetch or build: a face that must answer at once makes a job of them. `access` is what a
    server's administrator grants for it: `read`, `execute`, or "" for what is never reachable over HTTP.
    """

    name: str
    help: str
    act: Callable[[Engine, Mapping[str, Any]], Outcome]
    arguments: tuple[Argument, ...] = ()
    aliases: tuple[str, ...] = ()
    description: str = ""
    examples: tuple[str, ...] = field(default=())
    slow: bool = False
    access: str = "read"


def _act(function: str) -> Callable[[Engine, Mapping[str, Any]], Outcome]:
    """The function of that name in `acts`, or of another module of the engine ("viewing:review").

    It is imported when it is called: the table alone stays light.
    """
    module, _, name = function.rpartition(":")

    def act(engine: Engine, arguments: Mapping[str, Any]) -> Outcome:
        acts = import_module(f"kernel_iso.engine.{module or 'acts'}")
        outcome: Outcome = getattr(acts, name)(engine, arguments)
        return outcome

    return act


_VERBS = (
    Verb(
        name="plan", help="say what would be made, and why", act=_act("plan"), aliases=("why",),
        arguments=(
            TARGET, NAME,
            MACHINE,
        ),
        examples=("kernel-iso plan analysis.ipynb",),
    ),
    Verb(
        name="lock", help="choose exact versions, and lay the lock with the notebook", act=_act("lock"),
        slow=True, access="execute",
        arguments=(
            TARGET, NAME,
            Argument(name="beside", help="write pylock.<name>.toml beside the notebook", kind="flag", flags=("--beside",)),
            Argument(name="tags", help="have a part for each of these builds of torch (cpu,cu126)", flags=("--for",),
                     default="", metavar="BUILDS"),
            MACHINE,
        ),
        examples=(
            "kernel-iso lock analysis.ipynb", "kernel-iso lock train.ipynb --for cpu,cu126,cu130",
            "kernel-iso lock train.ipynb --machine node.json",
        ),
    ),
    Verb(
        name="realise", help="make the environment, or find it ready", act=_act("realise"),
        slow=True, access="execute",
        arguments=(TARGET, NAME, Argument(name="fresh", help="make it again", kind="flag", flags=("--fresh",)), TRUST),
        examples=("kernel-iso realise analysis.ipynb",),
    ),
    Verb(
        name="run", help="execute a notebook in its environment and write the executed one", act=_act("run"), access="",
        arguments=(
            Argument(name="target", help="the notebook", kind="path", metavar="NOTEBOOK"),
            Argument(name="output", help="where to write it (default: NOTEBOOK.executed.ipynb)", kind="path",
                     flags=("-o", "--output"), default=""),
            TRUST,
            Argument(name="timeout", help="seconds allowed for a cell (0: no limit)", flags=("--timeout",), default="0"),
            Argument(name="allow_errors", help="go on after a cell that fails", kind="flag", flags=("--allow-errors",)),
        ),
        examples=("kernel-iso run analysis.ipynb -o out.ipynb",),
    ),
    Verb(
        name="add", help="declare and install packages", act=_act("declaring:add"), aliases=("install",),
        slow=True, access="execute",
        arguments=(PACKAGES, NOTEBOOK, NAME, CONDA, PYPI, CHANNEL, DRY, HERE),
        description="Where conda packages are declared already, or a channel is named, packages are conda's; else PyPI's. "
                    "With --conda or --pypi, one that is declared on the other side moves.",
        examples=(
            'kernel-iso add analysis.ipynb polars "numpy<2"', "kernel-iso add -n vision pillow",
            'kernel-iso add maps.ipynb --conda "gdal>=3.9" -c conda-forge',
        ),
    ),
    Verb(
        name="remove", help="declare packages no longer", act=_act("declaring:remove"), aliases=("uninstall",),
        slow=True, access="execute",
        arguments=(
            PACKAGES, NOTEBOOK, NAME,
            Argument(name="channels", help="a channel to declare no longer", kind="many", flags=("-c", "--channel"),
                     metavar="CHANNEL"),
            DRY, HERE,
        ),
    ),
    Verb(
        name="choose", help="ask for another Python or accelerator", act=_act("declaring:choose"),
        slow=True, access="execute",
        arguments=(
            TARGET, NAME,
            Argument(name="python", help="its Python, as 3.12 or \">=3.11\" (`default`: what the policy says)",
                     flags=("--python", "-p"), default=""),
            Argument(name="accelerator", help="the build of torch and its like, as cpu or cu126 (`auto`: what fits)",
                     flags=("--accelerator",), default=""),
            DRY, HERE,
        ),
        examples=("kernel-iso choose analysis.ipynb --python 3.12", "kernel-iso choose train.ipynb --accelerator cpu"),
    ),
    Verb(
        name="upgrade", help="lock again with newer versions", act=_act("declaring:upgrade"), aliases=("update",),
        slow=True, access="execute",
        arguments=(PACKAGES, NOTEBOOK, NAME, DRY),
    ),
    Verb(
        name="adopt", help="declare what was installed by hand, in the versions that are there",
        act=_act("adopting:adopted"), slow=True, access="execute",
        arguments=(
            Argument(name="names", help="only these packages", kind="many", metavar="PACKAGE"), NOTEBOOK, NAME, DRY,
        ),
        examples=("kernel-iso adopt -b analysis.ipynb",),
    ),
    Verb(
        name="imports", help="find what a notebook imports and does not declare", act=_act("importing:told"),
        slow=True, access="execute",
        arguments=(
            TARGET, Argument(name="add", help="declare and install it", kind="flag", flags=("--add",)), DRY,
        ),
        examples=("kernel-iso imports analysis.ipynb --add",),
    ),
    Verb(
        name="use", help="choose the named environment that a notebook runs in", act=_act("selecting:told"),
        access="",
        arguments=(ENVIRONMENT, NOTEBOOK),
        examples=("kernel-iso use vision -b analysis.ipynb",),
    ),
    Verb(
        name="take", help="make the edits that wait for the page which has the notebook open", act=_act("take"),
        access="execute",
        arguments=(
            TARGET, Argument(name="taken", help="edits that are in its document now", kind="many", flags=("--taken",)),
        ),
    ),
    Verb(
        name="undo", help="go back to the former generation, and write what it asked", act=_act("viewing:undo"),
        slow=True, access="execute",
        arguments=(
            TARGET, NAME, DRY,
            Argument(name="redo", help="undo an undo: go forward again", kind="flag", flags=("--redo",)),
        ),
        examples=("kernel-iso undo analysis.ipynb --dry-run",),
    ),
    Verb(
        name="search", help="look a package up on the index, or complete the beginning of a name",
        act=_act("viewing:search"),
        arguments=(
            Argument(name="name", help="its name", default="", metavar="PACKAGE"),
            Argument(name="prefix", help="list the known names that begin so, without the network",
                     flags=("--complete",), default="", metavar="LETTERS"),
            Argument(name="target", help="tell what is installed for this notebook", kind="path",
                     flags=("-b", "--notebook"), default=""),
            Argument(name="environment", help="tell what is installed in this named environment", flags=("-n",),
                     default="", metavar="NAME"),
            CONDA, PYPI,
        ),
        examples=("kernel-iso search polars", "kernel-iso search --complete sci"),
    ),
    Verb(name="packages", help="list what is installed", act=_act("telling:packages"), arguments=(TARGET, NAME)),
    Verb(
        name="tree", help="show what pulled what in", act=_act("telling:tree"),
        arguments=(
            Argument(name="package", help="only what needs this package", flags=("--why",), default="", metavar="PACKAGE"),
            TARGET, NAME,
        ),
        examples=("kernel-iso tree analysis.ipynb --why pytz",),
    ),
    Verb(
        name="inspect", help="show the state of an environment", act=_act("telling:inspect"), aliases=("status",),
        arguments=(TARGET, NAME),
    ),
    Verb(
        name="diff", help="show what differs from what was made: what was installed by hand, another driver",
        act=_act("adopting:diff"), arguments=(TARGET, NAME),
    ),
    Verb(
        name="doctor", help="look for what is broken, and say what to type", act=_act("doctor"),
        slow=True, access="execute",
        arguments=(
            TARGET, NAME,
            Argument(name="repair", help="mend damaged files, and the wrong build of torch", kind="flag",
                     flags=("--repair",)),
        ),
    ),
    Verb(
        name="trust", help="approve what a notebook asks, on this machine", act=_act("trust"), access="",
        arguments=(
            TARGET,
            Argument(name="show", help="only show what it asks", kind="flag", flags=("--show",)),
            Argument(name="revoke", help="approve it no longer", kind="flag", flags=("--revoke",)),
        ),
    ),
    Verb(
        name="review", help="show what a notebook wants before it is approved, and what is new since the last approval",
        act=_act("viewing:review"), access="",
        arguments=(
            TARGET,
            Argument(name="versions", help="resolve and look up sizes and ages too", kind="flag", flags=("--versions",)),
        ),
        examples=("kernel-iso review analysis.ipynb --versions",),
    ),
    Verb(name="policy", help="show what is allowed, and where each value was set", act=_act("policy")),
    Verb(
        name="clean", help="delete environments that nobody uses", act=_act("clean"),
        slow=True, access="execute",
        arguments=(
            Argument(name="dry", help="only show what would be deleted", kind="flag", flags=("--dry-run",)),
            Argument(name="older_than", help="days since the last use (default: the policy's)", flags=("--older-than",),
                     default="", metavar="DAYS"),
            Argument(name="keys", help="only this environment (`overview` shows the keys)", kind="many", flags=("--key",),
                     metavar="KEY"),
        ),
        examples=("kernel-iso clean --dry-run", "kernel-iso clean --older-than 14"),
    ),
    Verb(name="overview", help="show every environment on this machine, its size and its last use",
         act=_act("viewing:overview")),
    Verb(
        name="isolate", help="propose what a notebook needs, from what it imports and what its present kernel has",
        act=_act("viewing:isolate"),
        slow=True, access="execute",
        arguments=(
            TARGET,
            Argument(name="python", help="the Python that it runs on now (default: python3 on PATH)", kind="path",
                     flags=("--python",), default=""),
            Argument(name="apply", help="write the proposal into the notebook and make its environment", kind="flag",
                     flags=("--apply",)),
            Argument(name="trial", help="run a copy of the notebook in its environment, and say which cells fail",
                     kind="flag", flags=("--try",)),
        ),
        examples=("kernel-iso isolate analysis.ipynb --python .venv/bin/python",),
    ),
    Verb(
        name="frontends", help="list the front ends that packages of an environment bring for the page",
        act=_act("viewing:frontends"),
        arguments=(
            TARGET, NAME,
            Argument(name="served", help="a front end that the server has itself, as NAME@VERSION", kind="many",
                     flags=("--served",), metavar="FRONTEND"),
        ),
    ),
    Verb(
        name="log", help="show the log of an environment's last build", act=_act("viewing:log"),
        arguments=(
            TARGET, NAME,
            Argument(name="key", help="the environment with this key", flags=("--key",), default=""),
        ),
    ),
    Verb(
        name="export", help="write an environment as a file that others use", act=_act("exporting:told"),
        slow=True, access="execute",
        arguments=(TARGET, NAME, *EXPORT),
        description="Of notebooks, named environments, and any other environment by its folder (--prefix). No home path, "
                    "login or private address leaves; what is left out is said.",
        examples=(
            "kernel-iso export analysis.ipynb --as pylock.toml -o pylock.toml",
            "kernel-iso export -n maps --as environment.yml --from-history",
            "kernel-iso export --prefix ~/miniforge3/envs/lab --as conda-lock -o conda-lock.yml",
        ),
    ),
    Verb(name="probe", help="show what is known of this machine", act=_act("probe")),
    Verb(
        name="exec", help="run a command in an environment", act=_act("execute"), access="",
        arguments=(
            NAME,
            Argument(name="target", help="the notebook or folder", kind="path", flags=("-b", "--notebook"), default=""),
            Argument(name="capture", help="return the output in the result", kind="flag", flags=("--capture",)),
            TRUST,
            Argument(name="command", help="the command, after --", kind="command", metavar="COMMAND"),
        ),
        examples=("kernel-iso exec -n vision -- python -V",),
    ),
    Verb(name="shell", help="open a shell in an environment", act=_act("shell"), access="", arguments=(TARGET, NAME)),
    Verb(
        name="env create", help="create a named environment", act=_act("declaring:create"), aliases=("create",),
        slow=True, access="execute",
        arguments=(
            Argument(name="environment", help="its name", default="", metavar="NAME"),
            Argument(name="packages", help="what it holds; python=3.12 is its Python", kind="many", metavar="PACKAGE"),
            Argument(name="name", help="its name: then every word is a package", flags=("-n", "--name"), default=""),
            Argument(name="prefix", help="make it in this folder, and call it NAME", kind="path", flags=("--prefix",),
                     default=""),
            Argument(name="python", help="its Python, as 3.12 or \">=3.11\"", flags=("--python", "-p"), default=""),
            Argument(name="source", help="take what a file, notebook or folder declares", kind="path",
                     flags=("-f", "--file"), default=""),
            CHANNEL, CONDA, PYPI,
        ),
        examples=(
            "kernel-iso env create vision pillow numpy --python 3.12", "kernel-iso env create lab -f environment.yml",
            "kernel-iso create -n maps python=3.12 gdal -c conda-forge",
        ),
    ),
    Verb(name="env list", help="list the named environments", act=_act("listing"), aliases=("list",)),
    Verb(
        name="env clone", help="make another one with the same artefacts", act=_act("clone"), aliases=("clone",),
        slow=True, access="execute",
        arguments=(SOURCE, ENVIRONMENT),
    ),
    Verb(
        name="env rename", help="give an environment another name", act=_act("rename"), aliases=("rename",),
        slow=True, access="execute",
        arguments=(SOURCE, ENVIRONMENT),
    ),
    Verb(
        name="env export", help="the same as export, for an environment by its name", act=_act("exporting:told"),
        slow=True, access="execute",
        arguments=(
            Argument(name="environment", help="its name, or its folder", default="", metavar="NAME"), NAME, *EXPORT,
        ),
        examples=("kernel-iso env export maps --no-builds",),
    ),
    Verb(
        name="env remove", help="delete a named environment", act=_act("discard"), slow=True, access="execute",
        arguments=(ENVIRONMENT,),
    ),
)  # fmt: skip

TABLE: dict[str, Verb] = {verb.name: verb for verb in _VERBS}
