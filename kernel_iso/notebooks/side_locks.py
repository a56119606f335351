"""Lock files beside a notebook and in a project: their names, and the locks of ours that they carry.

A notebook's own lock is `pylock.<stem>.toml`, one for each further accelerator or platform
`pylock.<stem>-<accelerator>.toml`. The name between the dots has none itself (PEP 751, "File name"), so dots
of the stem become `_`. What a lock answers stands in a table at the end of the file, which other tools pass
over.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import msgspec
import tomli_w

from kernel_iso.errors import SpecError
from kernel_iso.model import Lock, Part, Record
from kernel_iso.notebooks import checking, files
from kernel_iso.notebooks.files import Files
from kernel_iso.notebooks.shown import clean

_TABLE = "[tool.kernel-iso.lock]\n"
# What may follow a stem in the name of one part: its platform, its accelerator, or both.
_PART = re.compile(
    r"(?P<of>.+?)(?:-(?P<platform>(?:linux|macos|windows)-[a-z0-9_]+))?"
    r"(?:-(?P<accelerator>cpu|cu\d{2,4}|rocm\d+(?:_\d+){0,2}|xpu|mps))?"
)
_NAME = re.compile(r"pylock(?:\.(?P<name>[^.]+))?\.toml")


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


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The table at the end of a side file: the Lock around its one part, and the part's number in it."""

    plan: str
    number: int = 0
    platform: str = ""
    accelerator: str = ""
    python: str = ""
    companions: tuple[str, ...] = ()
    detached: str = ""
    source: str = ""


def lock_name(stem: str, accelerator: str = "") -> str:
    """The name of a notebook's side lock.

    >>> lock_name("2024.report"), lock_name("a", "rocm7.2")
    ('pylock.2024_report.toml', 'pylock.a-rocm7_2.toml')
    """
    name = f"{stem}-{accelerator}" if accelerator else stem
    return f"pylock.{name.replace('.', '_')}.toml"


def beside(notebook: Path, disk: Files) -> list[FoundLock]:
    """The notebook's own lock files, the general one first; ours as one Lock with all its parts."""
    found: list[tuple[int, FoundLock]] = []
    stem, names = _own_stem(notebook.name), files.names(notebook.parent)
    others = _notebooks(names) - {stem}
    for name, path in _pylocks(notebook.parent, names):
        of, accelerator = _part(name)
        if name == stem or (of == stem and name not in others):
            lock = _found(path, disk, f"{path.name} beside the notebook", accelerator if name != stem else "")
            found.insert(0 if name == stem else len(found), lock)
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
    for name, path in _pylocks(folder, present):
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
    return _joined([_found(path, disk, str(path), accelerator) for path, accelerator in paths])


def uv_lock(folder: Path, disk: Files) -> list[FoundLock]:
    """The `uv.lock` of a project."""
    path = folder / "uv.lock"
    if not files.is_file(path):
        return []
    return [
        FoundLock(text=disk.text(path, files.LOCK_LIMIT), kind="uv.lock", where=str(path), path=str(path))
    ]


def side_files(notebook: Path, lock: Lock) -> dict[Path, str]:
    """The texts of the side files that hold a lock, the first without a suffix.

    Raises `SpecError` (`not-a-side-lock`) for a part that is no PEP 751 text, or two parts of one name.
    """
    texts: dict[Path, str] = {}
    for part in lock.parts:
        suffix = ""
        if texts:
            same = {item.platform for item in lock.parts} == {part.platform}
            suffix = part.accelerator if same else "-".join(filter(None, (part.platform, part.accelerator)))
        path = notebook.with_name(lock_name(notebook.stem, suffix))
        if part.kind != "pylock" or path in texts:
            raise SpecError(
                "not-a-side-lock",
                f"cannot write the lock of `{clean(notebook.name)}` beside it",
                f"it has a part of kind {part.kind}" if part.kind != "pylock" else "two parts have one name",
                "keep it in the notebook",
            )
        answer = Answer(
            plan=lock.plan,
            number=len(texts),
            platform=part.platform,
            accelerator=part.accelerator,
            python=lock.python,
            companions=lock.companions,
            detached="" if texts else lock.detached,
            source=lock.source,
        )
        table = tomli_w.dumps(msgspec.to_builtins(answer))
        texts[path] = part.text + ("" if part.text.endswith("\n") else "\n") + "\n" + _TABLE + table
    return texts


def parse(text: str, where: str) -> tuple[int, Lock] | None:
    """The Lock of one part that a side file of ours carries, and its number; None for another tool's lock.

    Raises `SpecError` (`bad-toml`, `bad-table`) where the table at its end is broken.
    """
    body, found, table = text.rpartition("\n" + _TABLE)
    if not found:
        return None
    if len(table) > files.PROJECT_LIMIT:
        raise SpecError(
            "bad-toml", f"cannot read {clean(where)}", "its table is too long", "make the lock again"
        )
    try:
        data = tomllib.loads(table)
    except (ValueError, RecursionError) as error:
        because = clean(str(error))
        raise SpecError("bad-toml", f"cannot read {clean(where)}", because, "make the lock again") from None
    answer = _answer(data, where)
    part = Part(text=body, platform=answer.platform, accelerator=answer.accelerator)
    return answer.number, Lock(
        plan=answer.plan,
        parts=(part,),
        python=checking.python(answer.python, where),
        companions=answer.companions,
        detached=answer.detached,
        source=answer.source,
    )


def _answer(data: object, where: str) -> Answer:
    try:
        return msgspec.convert(data, Answer)
    except (msgspec.ValidationError, RecursionError) as error:
        because = clean(str(error))
        raise SpecError("bad-table", f"cannot read {clean(where)}", because, "make the lock again") from None


def _found(path: Path, disk: Files, where: str, accelerator: str) -> tuple[int, FoundLock]:
    text = disk.text(path, files.LOCK_LIMIT)
    number, ours = parse(text, str(path)) or (0, None)
    kind = "pylock" if ours is None else "kernel-iso"
    text = text if ours is None else ours.to_text()
    return number, FoundLock(text=text, kind=kind, where=where, path=str(path), accelerator=accelerator)


def _joined(numbered: list[tuple[int, FoundLock]]) -> list[FoundLock]:
    """The same locks, those of ours that answer one plan as one Lock in place of the first of them."""
    plans: dict[str, list[FoundLock]] = {}
    for _, item in sorted(numbered, key=lambda pair: pair[0]):
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


def _pylocks(folder: Path, names: Iterable[str]) -> list[tuple[str, Path]]:
    """The locks among the names in a folder: what stands between the dots, and the path."""
    found = [(match["name"] or "", folder / name) for name in names if (match := _NAME.fullmatch(name))]
    return [(name, path) for name, path in found if files.is_file(path)]
