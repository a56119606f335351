"""What side locks are called, and what stands in them: the texts of the files that hold a lock beside a notebook. Pure.

A notebook's own lock is `pylock.<stem>.toml`, one for each further accelerator or platform
`pylock.<stem>-<accelerator>.toml`. The name between the dots has none itself (PEP 751, "File name"), so dots
of the stem become `_`. What a lock answers stands in a table at the end of the file, which other tools pass
over.

Conda's packages lie in `conda.<stem>.lock`, an explicit list that every tool of conda's world installs; what it answers
stands in a comment at its end. The wheels on top of them lie in the `pylock` file of the same name between the dots.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import tomli_w

from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Part
from kernel_iso.notebooks.shown import clean

TABLE = "[tool.kernel-iso.lock]\n"
"""The head of the table at the end of a `pylock` file of ours."""

COMMENT = "# kernel-iso lock: "
"""What the last line of a list of conda packages of ours begins with; JSON follows."""

CONDA = "conda"
WHEELS = "wheels"
"""What a `pylock` file `holds` that lies on top of a list of conda packages."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands at the end of a side file: the Lock around its one part, and the part's number in it.

    `with_wheels` is said by a list of conda packages that has wheels on top of it, in a file whose `holds` is `wheels`.
    """

    plan: str
    number: int = 0
    holds: str = ""
    with_wheels: bool = False
    platform: str = ""
    accelerator: str = ""
    python: str = ""
    companions: tuple[str, ...] = ()
    detached: str = ""
    source: str = ""
    brought_torch: str = ""


def lock_name(stem: str, suffix: str = "") -> str:
    """The name of a notebook's side lock.

    >>> lock_name("2024.report"), lock_name("a", "rocm7.2")
    ('pylock.2024_report.toml', 'pylock.a-rocm7_2.toml')
    """
    return f"pylock.{_between(stem, suffix)}.toml"


def list_name(stem: str, suffix: str = "") -> str:
    """The name of the list of conda packages in a notebook's side lock.

    >>> list_name("2024.report"), list_name("a", "cu126")
    ('conda.2024_report.lock', 'conda.a-cu126.lock')
    """
    return f"conda.{_between(stem, suffix)}.lock"


def _between(stem: str, suffix: str) -> str:
    return (f"{stem}-{suffix}" if suffix else stem).replace(".", "_")


def side_files(notebook: Path, lock: Lock) -> dict[Path, str]:
    """The texts of the side files that hold a lock, those of the first part without a suffix.

    Raises `SpecError` (`not-a-side-lock`) for a part of another kind than wheels or conda's, or two parts of one name.
    """
    texts: dict[Path, str] = {}
    for number, part in enumerate(lock.parts):
        suffix = ""
        if texts:
            same = {item.platform for item in lock.parts} == {part.platform}
            suffix = part.accelerator if same else "-".join(filter(None, (part.platform, part.accelerator)))
        answer = Answer(
            plan=lock.plan,
            number=number,
            platform=part.platform,
            accelerator=part.accelerator,
            python=lock.python,
            companions=lock.companions,
            detached="" if texts else lock.detached,
            source=lock.source,
            brought_torch=lock.brought_torch,
        )
        written = {
            notebook.with_name(name): text for name, text in _texts(notebook.stem, suffix, part, answer)
        }
        if not written or written.keys() & texts.keys():
            raise SpecError(
                "not-a-side-lock",
                f"cannot write the lock of `{clean(notebook.name)}` beside it",
                "two parts have one name" if written else f"it has a part of kind {clean(part.kind)}",
                "keep it in the notebook",
            )
        texts |= written
    return texts


def _texts(stem: str, suffix: str, part: Part, answer: Answer) -> Iterator[tuple[str, str]]:
    """The names and texts of the files that hold a part, none for a kind that is not known."""
    if part.kind == CONDA:
        said = msgspec.json.encode(msgspec.structs.replace(answer, with_wheels=bool(part.pypi))).decode()
        yield list_name(stem, suffix), f"{_ended(part.text)}{COMMENT}{said}\n"
        if part.pypi:
            own = Answer(plan=answer.plan, number=answer.number, holds=WHEELS)
            yield lock_name(stem, suffix), _with_table(part.pypi, own)
    elif part.kind == "pylock":
        yield lock_name(stem, suffix), _with_table(part.text, answer)


def _with_table(text: str, answer: Answer) -> str:
    return f"{_ended(text)}\n{TABLE}{tomli_w.dumps(msgspec.to_builtins(answer))}"


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
