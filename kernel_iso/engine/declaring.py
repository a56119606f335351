"""The verbs that change what is declared: from plain arguments to an edit, or to a new named environment."""

from __future__ import annotations

from pathlib import Path

from kernel_iso import notebooks
from kernel_iso.engine import editing, environments, wanting
from kernel_iso.engine.acts import Arguments, edit_told, ready_told, target_of
from kernel_iso.engine.context import Engine
from kernel_iso.engine.targets import Target
from kernel_iso.engine.verbs import Outcome
from kernel_iso.errors import SpecError


def split(engine: Engine, arguments: Arguments) -> tuple[Target, tuple[str, ...]]:
    """A notebook named first among the packages is the target: `kernel-iso add analysis.ipynb polars`."""
    words = [*(arguments.get("packages") or ())]
    if words and words[0].endswith((".ipynb", ".py")) and not arguments.get("name"):
        return target_of(engine, {**arguments, "target": words[0]}), tuple(words[1:])
    named = arguments.get("notebook") or arguments.get("target")
    return target_of(engine, {**arguments, "target": named}), tuple(words)


def add(engine: Engine, arguments: Arguments) -> Outcome:
    """Declare and install more."""
    target, words = split(engine, arguments)
    dry = bool(arguments.get("dry"))
    edited = editing.add(
        engine, target, words, conda=side(arguments), channels=channels(arguments),
        here=bool(arguments.get("here")), dry=dry,
    )  # fmt: skip
    return edit_told(edited, target, dry=dry)


def remove(engine: Engine, arguments: Arguments) -> Outcome:
    """Declare and install less."""
    target, words = split(engine, arguments)
    dry = bool(arguments.get("dry"))
    edited = editing.remove(
        engine, target, words, channels=channels(arguments), here=bool(arguments.get("here")), dry=dry
    )
    return edit_told(edited, target, dry=dry)


def choose(engine: Engine, arguments: Arguments) -> Outcome:
    """Ask for another Python or accelerator."""
    target, dry = target_of(engine, arguments), bool(arguments.get("dry"))
    edited = editing.choose(
        engine,
        target,
        python=str(arguments.get("python") or ""),
        accelerator=str(arguments.get("accelerator") or ""),
        here=bool(arguments.get("here")),
        dry=dry,
    )
    return edit_told(edited, target, dry=dry)


def upgrade(engine: Engine, arguments: Arguments) -> Outcome:
    """Lock again with newer versions."""
    target, words = split(engine, arguments)
    dry = bool(arguments.get("dry"))
    return edit_told(editing.upgrade(engine, target, words, dry=dry), target, dry=dry)


def create(engine: Engine, arguments: Arguments) -> Outcome:
    """Create a named environment."""
    name, words = named(arguments)
    ready = environments.create(
        engine, name, words, conda=side(arguments), channels=channels(arguments),
        python=arguments.get("python") or "", source=arguments.get("source") or "",
        prefix=arguments.get("prefix") or "", cwd=str(Path.cwd()),
    )  # fmt: skip
    data, text = ready_told(ready)
    return Outcome(
        data=data | {"name": name}, text=f'{name}: {text}\nchoose the kernel "Isolated: {name}", or -n {name}'
    )


def named(arguments: Arguments) -> tuple[str, tuple[str, ...]]:
    """The name of an environment to create, and its packages.

    The name is the first word, or as conda has it `-n NAME`; where neither is one, that of the folder in `--prefix`, or the
    one that an `environment.yml` gives. Raises `SpecError` (`nothing-named`).

    >>> named({"environment": "vision", "packages": ["numpy"]})
    ('vision', ('numpy',))
    >>> named({"name": "vision", "environment": "python=3.12", "packages": ["numpy"]})
    ('vision', ('python=3.12', 'numpy'))
    """
    first, words = str(arguments.get("environment") or ""), tuple(arguments.get("packages") or ())
    name = str(arguments.get("name") or "")
    if not name and first and not set(first) & set("=<>!~[: "):
        return first, words
    name = name or (Path(arguments["prefix"]).name if arguments.get("prefix") else "")
    name = name or (
        notebooks.given_name(Path(arguments["source"]).expanduser()) if arguments.get("source") else ""
    )
    if not name:
        because = f"no name was given: `{first}` is a package" if first else "no name was given"
        raise SpecError("nothing-named", "cannot create", because, "kernel-iso env create vision torch")
    return name, (first, *words) if first else words


def side(arguments: Arguments) -> bool | None:
    """True for `--conda`, False for `--pypi`, None where neither was said; raises `SpecError` (`two-sides`)."""
    conda, pypi = bool(arguments.get("conda")), bool(arguments.get("pypi"))
    if conda and pypi:
        raise SpecError(
            "two-sides",
            "cannot take packages from conda and from PyPI at once",
            f"{wanting.SIDES[True]} and {wanting.SIDES[False]} were both given",
            "name the packages of each in a command of their own",
        )
    return conda if conda or pypi else None


def channels(arguments: Arguments) -> tuple[str, ...]:
    """The channels that were named."""
    return tuple(arguments.get("channels") or ())
