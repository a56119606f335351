"""The verbs: their names, arguments and help. Every face is made from this one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernel_iso.engine.context import Engine


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a verb ended with: `data` for programs (JSON types only), `text` for people, and an exit `status`."""

    data: Mapping[str, Any]
    text: str = ""
    status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One verb: `name` ("env create" is a verb in a group), one sentence of help, and what it does."""

    name: str
    help: str
    act: Callable[[Engine, Mapping[str, Any]], Outcome]
    arguments: tuple[Argument, ...] = ()
    aliases: tuple[str, ...] = ()
    description: str = ""
    examples: tuple[str, ...] = field(default=())


def _act(function: str) -> Callable[[Engine, Mapping[str, Any]], Outcome]:
    """The function of that name in `acts`, imported when it is called: the table alone stays light."""

    def act(engine: Engine, arguments: Mapping[str, Any]) -> Outcome:
        from kernel_iso.engine import acts

        outcome: Outcome = getattr(acts, function)(engine, arguments)
        return outcome

    return act


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
ENVIRONMENT = Argument(name="environment", help="its name", metavar="NAME")
SOURCE = Argument(name="source", help="the environment to start from", metavar="SOURCE")

_VERBS = (
    Verb(
        name="plan", help="say what would be made, and why", act=_act("plan"),
        arguments=(
            TARGET, NAME,
            Argument(name="machine", help="plan for a recorded machine (`probe --json`)", kind="path",
                     flags=("--machine",), default=""),
        ),
        examples=("kernel-iso plan analysis.ipynb",),
    ),
    Verb(
        name="lock", help="choose exact versions, and lay the lock with the notebook", act=_act("lock"),
        arguments=(
            TARGET, NAME,
            Argument(name="beside", help="write pylock.<name>.toml beside the notebook", kind="flag", flags=("--beside",)),
            Argument(name="tags", help="have a part for each of these builds of torch (cpu,cu126)", flags=("--for",),
                     default="", metavar="BUILDS"),
        ),
        examples=("kernel-iso lock analysis.ipynb", "kernel-iso lock train.ipynb --for cpu,cu126,cu130"),
    ),
    Verb(
        name="realise", help="make the environment, or find it ready", act=_act("realise"),
        arguments=(TARGET, NAME, Argument(name="fresh", help="make it again", kind="flag", flags=("--fresh",)), TRUST),
        examples=("kernel-iso realise analysis.ipynb",),
    ),
    Verb(
        name="run", help="execute a notebook in its environment and write the executed one", act=_act("run"),
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
        name="add", help="declare and install packages", act=_act("add"), aliases=("install",),
        arguments=(PACKAGES, NOTEBOOK, NAME, DRY, HERE),
        examples=('kernel-iso add analysis.ipynb polars "numpy<2"', "kernel-iso add -n vision pillow"),
    ),
    Verb(
        name="remove", help="declare packages no longer", act=_act("remove"), aliases=("uninstall",),
        arguments=(PACKAGES, NOTEBOOK, NAME, DRY, HERE),
    ),
    Verb(
        name="upgrade", help="lock again with newer versions", act=_act("upgrade"), aliases=("update",),
        arguments=(PACKAGES, NOTEBOOK, NAME, DRY),
    ),
    Verb(name="packages", help="list what is installed", act=_act("packages"), arguments=(TARGET, NAME)),
    Verb(
        name="tree", help="show what pulled what in", act=_act("tree"),
        arguments=(
            Argument(name="package", help="only what needs this package", flags=("--why",), default="", metavar="PACKAGE"),
            TARGET, NAME,
        ),
        examples=("kernel-iso tree analysis.ipynb --why pytz",),
    ),
    Verb(name="inspect", help="show the state of an environment", act=_act("inspect"), arguments=(TARGET, NAME)),
    Verb(
        name="doctor", help="look for what is broken, and say what to type", act=_act("doctor"),
        arguments=(
            TARGET, NAME, Argument(name="repair", help="make a damaged environment again", kind="flag", flags=("--repair",)),
        ),
    ),
    Verb(
        name="trust", help="approve what a notebook asks, on this machine", act=_act("trust"),
        arguments=(
            TARGET,
            Argument(name="show", help="only show what it asks", kind="flag", flags=("--show",)),
            Argument(name="revoke", help="approve it no longer", kind="flag", flags=("--revoke",)),
        ),
    ),
    Verb(name="policy", help="show what is allowed, and where each value was set", act=_act("policy")),
    Verb(
        name="clean", help="delete environments that nobody uses", act=_act("clean"),
        arguments=(
            Argument(name="dry", help="only show what would be deleted", kind="flag", flags=("--dry-run",)),
            Argument(name="older_than", help="days since the last use (default: the policy's)", flags=("--older-than",),
                     default="", metavar="DAYS"),
        ),
    ),
    Verb(name="probe", help="show what is known of this machine", act=_act("probe")),
    Verb(
        name="exec", help="run a command in an environment", act=_act("execute"),
        arguments=(
            NAME,
            Argument(name="target", help="the notebook or folder", kind="path", flags=("-b", "--notebook"), default=""),
            Argument(name="capture", help="return the output in the result", kind="flag", flags=("--capture",)),
            TRUST,
            Argument(name="command", help="the command, after --", kind="command", metavar="COMMAND"),
        ),
        examples=("kernel-iso exec -n vision -- python -V",),
    ),
    Verb(name="shell", help="open a shell in an environment", act=_act("shell"), arguments=(TARGET, NAME)),
    Verb(
        name="env create", help="create a named environment", act=_act("create"), aliases=("create",),
        arguments=(
            ENVIRONMENT,
            Argument(name="packages", help="what it holds", kind="many", metavar="PACKAGE"),
            Argument(name="prefix", help="make it in this folder, and call it NAME", kind="path", flags=("--prefix",),
                     default=""),
            Argument(name="python", help="its Python, as 3.12 or \">=3.11\"", flags=("--python", "-p"), default=""),
            Argument(name="source", help="take what a file, notebook or folder declares", kind="path",
                     flags=("-f", "--file"), default=""),
        ),
        examples=("kernel-iso env create vision pillow numpy --python 3.12",),
    ),
    Verb(name="env list", help="list the named environments", act=_act("listing"), aliases=("list",)),
    Verb(
        name="env clone", help="make another one with the same artefacts", act=_act("clone"), aliases=("clone",),
        arguments=(SOURCE, ENVIRONMENT),
    ),
    Verb(
        name="env rename", help="give an environment another name", act=_act("rename"), aliases=("rename",),
        arguments=(SOURCE, ENVIRONMENT),
    ),
    Verb(name="env remove", help="delete a named environment", act=_act("discard"), arguments=(ENVIRONMENT,)),
)  # fmt: skip

TABLE: dict[str, Verb] = {verb.name: verb for verb in _VERBS}
