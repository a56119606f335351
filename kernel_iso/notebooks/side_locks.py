"""Lock files beside a notebook and in a project, and the locks of ours that they carry; `side_texts` has their form."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Part, Record
from kernel_iso.notebooks import checking, files
from kernel_iso.notebooks.files import Files
from kernel_iso.notebooks.shown import clean
from kernel_iso.notebooks.side_texts import COMMENT, CONDA, TABLE, WHEELS, Answer

# What may follow a stem in the name of one part: its platform, its accelerator, or both.
_PART = re.compile(
    r"(?P<of>.+?)(?:-(?P<platform>(?:linux|macos|windows)-[a-z0-9_]+))?"
    r"(?:-(?P<accelerator>cpu|cu\d{2,4}|rocm\d+(?:_\d+){0,2}|xpu|mps))?"
)
_NAME = re.compile(r"pylock(?:\.(?P<name>[^.]+))?\.toml")
_LIST = re.compile(r"conda\.(?P<name>[^.]+)\.lock")


class FoundLock(Record, frozen=True, kw_only=True):
    """A lock that lies with a Spec, unparsed.

    `kind` is `kernel-iso` (the text is a Lock's JSON), `pylock` or `uv.lock`; `where` names the place for
    people, `path` is the absolute file, `accelerator` is the one its name says ("": any).
    """

    text: str
    kind: str
    where: str
    path: str
    accelerator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """A side file: `found` as it counts alone, and what stands at its end where it is ours, with the `text` before that."""

    found: FoundLock
    text: str = ""
    answer: Answer | None = None


def beside(notebook: Path, disk: Files) -> list[FoundLock]:
    """The notebook's own lock files, the general one first; ours as one Lock with all its parts.

    Raises `SpecError` (`bad-toml`, `bad-table`, `bad-lock`) for one of ours that is broken, or has lost its wheels.
    """
    found: list[_Side] = []
    stem, names = _own_stem(notebook.name), files.names(notebook.parent)
    others = _notebooks(names) - {stem}
    for name, path in (*_matching(_LIST, notebook.parent, names), *_matching(_NAME, notebook.parent, names)):
        of, accelerator = _part(name)
        if name == stem or (of == stem and name not in others):
            side = _side(path, disk, f"{path.name} beside the notebook", accelerator if name != stem else "")
            if side.answer or side.found.kind != CONDA:
                found.insert(0 if name == stem else len(found), side)
    return _joined(found)


def of_project(folder: Path, *, names: Iterable[str] = ()) -> list[tuple[Path, str]]:
    """A project's `pylock.toml` and `pylock.<name>.toml`, with accelerators; those in `names` first.

    A file named after a notebook in the folder is that notebook's. Other names count where they are an
    accelerator's, or where there is no other.
    """
    present = files.names(folder)
    own = _notebooks(present)
    wanted = {name.replace(".", "_") for name in names}
    ranked: list[tuple[int, str, Path, str]] = []
    for name, path in _matching(_NAME, folder, present):
        if name in own or _part(name)[0] in own:
            continue
        accelerator = _part(f"x-{name}")[1]
        rank = 0 if name in wanted else 1 if not name else 2 if accelerator else 3
        ranked.append((rank, name, path, accelerator))
    if len(ranked) > 1:
        ranked = [item for item in ranked if item[0] < 3]
    return [(path, accelerator) for _, _, path, accelerator in sorted(ranked)]


def load(paths: Iterable[tuple[Path, str]], disk: Files) -> list[FoundLock]:
    """The locks in files that `of_project` found; raises `SpecError` like `Files.text` and `parse`."""
    return _joined([_side(path, disk, str(path), accelerator) for path, accelerator in paths])


def uv_lock(folder: Path, disk: Files) -> list[FoundLock]:
    """The `uv.lock` of a project."""
    path = folder / "uv.lock"
    if not files.is_file(path):
        return []
    return [
        FoundLock(text=disk.text(path, files.LOCK_LIMIT), kind="uv.lock", where=str(path), path=str(path))
    ]


def refuse_others(notebook: Path, texts: Iterable[Path]) -> None:
    """Raise `SpecError` (`not-a-side-lock`) where one of these files has the name of another notebook's lock."""
    others = _notebooks(files.names(notebook.parent)) - {_own_stem(notebook.name)}
    for path in texts:
        found = _NAME.fullmatch(path.name) or _LIST.fullmatch(path.name)
        if found and found["name"] in others:
            raise SpecError(
                "not-a-side-lock",
                f"cannot write the lock of `{clean(notebook.name)}` beside it",
                f"`{clean(path.name)}` is the lock of another notebook in this folder",
                "keep it in the notebook, or rename one of them",
            )


def outdated(notebook: Path, texts: Iterable[Path], disk: Files) -> list[Path]:
    """Files of ours that a lock in the files `texts` replaces: wheels or a list of conda packages of the same names."""
    new = {path.name for path in texts}
    names = {
        found["name"] for name in new for pattern in (_NAME, _LIST) if (found := pattern.fullmatch(name))
    }
    old = [
        notebook.with_name(form.format(name))
        for name in sorted(names)
        for form in ("pylock.{}.toml", "conda.{}.lock")
    ]
    return [
        path
        for path in old
        if path.name not in new and files.is_file(path) and _side(path, disk, path.name, "").answer
    ]


def _side(path: Path, disk: Files, where: str, accelerator: str) -> _Side:
    """A side file; raises `SpecError` (`bad-toml`, `bad-table`) where what is ours at its end is broken."""
    text = disk.text(path, files.LOCK_LIMIT)
    kind = CONDA if path.suffix == ".lock" else "pylock"
    mark = COMMENT if kind == CONDA else TABLE
    body, found, said = text.rpartition("\n" + mark)
    body += "\n" if kind == CONDA else ""
    plain = FoundLock(text=text, kind=kind, where=where, path=str(path), accelerator=accelerator)
    if not found:
        return _Side(found=plain)
    answer = _answer(said, str(path), toml=mark == TABLE)
    part = Part(text=body, kind=kind, platform=answer.platform, accelerator=answer.accelerator)
    ours = Lock(
        plan=answer.plan,
        parts=(part,),
        python=checking.python(answer.python, str(path)),
        companions=answer.companions,
        detached=answer.detached,
        source=answer.source,
        brought_torch=answer.brought_torch,
    )
    return _Side(
        found=msgspec.structs.replace(plain, kind="kernel-iso", text=ours.to_text()), text=body, answer=answer
    )


def _answer(said: str, where: str, *, toml: bool) -> Answer:
    what, hint = f"cannot read {clean(where)}", "make the lock again"
    if len(said) > files.PROJECT_LIMIT:
        raise SpecError("bad-toml" if toml else "bad-table", what, "its table is too long", hint)
    try:
        data = tomllib.loads(said) if toml else msgspec.json.decode(said)
    except (ValueError, RecursionError) as error:
        raise SpecError("bad-toml" if toml else "bad-table", what, clean(str(error)), hint) from None
    try:
        return msgspec.convert(data, Answer)
    except (msgspec.ValidationError, RecursionError) as error:
        raise SpecError("bad-table", what, clean(str(error)), hint) from None


def _whole(sides: Sequence[_Side]) -> Iterator[tuple[int, FoundLock]]:
    """The locks with their parts' numbers; wheels lie on conda's packages, and are none alone.

    Raises `SpecError` (`bad-lock`) where they are missing: without them another environment would be made.
    """
    wheels = {
        (side.answer.plan, side.answer.number): side.text
        for side in sides
        if side.answer and side.answer.holds == WHEELS
    }
    for side in sides:
        answer, found = side.answer, side.found
        if answer and answer.with_wheels:
            top = wheels.get((answer.plan, answer.number))
            if top is None:
                raise SpecError(
                    "bad-lock",
                    f"cannot read {clean(found.path)}",
                    "the wheels on top of its conda packages are not in the pylock file of its name",
                    "bring that file too, or delete this one and make the lock again",
                )
            lock = Lock.from_text(found.text)
            part = msgspec.structs.replace(lock.parts[0], pypi=top)
            found = msgspec.structs.replace(
                found, text=msgspec.structs.replace(lock, parts=(part,)).to_text()
            )
        if answer is None or answer.holds != WHEELS:
            yield answer.number if answer else 0, found


def _joined(sides: Sequence[_Side]) -> list[FoundLock]:
    """The same locks, those of ours that answer one plan as one Lock in place of the first of them."""
    plans: dict[str, list[FoundLock]] = {}
    for _, item in sorted(_whole(sides), key=lambda pair: pair[0]):
        plan = Lock.from_text(item.text).plan if item.kind == "kernel-iso" else item.path
        plans.setdefault(plan, []).append(item)
    joined = []
    for group in plans.values():
        first = group[0]
        if len(group) > 1:
            locks = [Lock.from_text(item.text) for item in group]
            parts = tuple(part for item in locks for part in item.parts)
            whole = msgspec.structs.replace(locks[0], parts=parts)
            first = msgspec.structs.replace(first, text=whole.to_text(), accelerator="")
        joined.append(first)
    return joined


def _own_stem(name: str) -> str:
    """How a file's stem is written in the name of its lock."""
    return Path(name).stem.replace(".", "_")


def _notebooks(names: Iterable[str]) -> set[str]:
    return {_own_stem(name) for name in names if name.endswith(".ipynb")}


def _part(name: str) -> tuple[str, str]:
    """The stem and the accelerator in the name of a lock.

    >>> _part("a-rocm7_2"), _part("a-linux-x86_64-cpu"), _part("a-b")
    (('a', 'rocm7.2'), ('a', 'cpu'), ('a-b', ''))
    """
    match = _PART.fullmatch(name)
    return (match["of"], (match["accelerator"] or "").replace("_", ".")) if match else ("", "")


def _matching(pattern: re.Pattern[str], folder: Path, names: Iterable[str]) -> list[tuple[str, Path]]:
    """The files among the names in a folder that match: what stands between the dots, and the path."""
    found = [(match["name"] or "", folder / name) for name in names if (match := pattern.fullmatch(name))]
    return [(name, path) for name, path in found if files.is_file(path)]
