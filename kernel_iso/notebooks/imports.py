"""What a notebook imports, and what its cells install by hand. Its code is parsed, never run. Pure, but for one door."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from kernel_iso.model import Record
from kernel_iso.notebooks import files, ipynb
from kernel_iso.notebooks.files import Files

# Magics of a whole cell whose body is Python all the same.
_PYTHON_MAGICS = ("time", "timeit", "capture", "prun", "memit", "mprun", "python", "python3", "px")
_IMPORT = re.compile(r"^\s*(?:import\s+(?P<plain>[\w., ]+)|from\s+(?P<module>[A-Za-z_][\w.]*)\s+import\b)")
# `%pip install x`, `!pip install x`, `!python -m pip install x`, `%uv pip install x`
_INSTALL = re.compile(
    r"^\s*[!%]+\s*(?:\S*python[\d.]*\s+-m\s+)?(?:uv\s+)?pip[\d.]*\s+install\s+(?P<words>.*)$"
)
_VALUED = ("-i", "-f", "-r", "-c", "-e", "-t", "--index-url", "--extra-index-url", "--find-links", "--requirement",
           "--constraint", "--editable", "--target", "--trusted-host", "--proxy", "--prefix", "--root")  # fmt: skip
"""Options of pip whose next word is their value, and no package."""


class Used(Record, frozen=True, kw_only=True):
    """What a notebook uses: `modules` are dotted names with the number of the cell (from 1) that imports each first.

    `installed` are the requirements that a cell installs with pip, with the cell's number.
    """

    modules: tuple[tuple[str, int], ...]
    installed: tuple[tuple[str, int], ...]


def used(path: Path, disk: Files | None = None) -> Used:
    """What the notebook or script at `path` uses; raises `SpecError` like reading does.

    `disk` may hold an open document in place of the file.
    """
    text = (disk or Files()).text(path, files.NOTEBOOK_LIMIT)
    if path.suffix != ".ipynb":
        return of_cells([(1, text)])
    notebook = ipynb.parse(text, str(path))
    return of_cells(
        (number, cell.text) for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"
    )


def of_cells(cells: Iterable[tuple[int, str]]) -> Used:
    """What cells use, by their numbers.

    >>> of_cells([(1, "%pip install -q polars>=1"), (2, "import numpy as np, os.path")]).modules
    (('numpy', 2), ('os.path', 2))
    """
    modules: dict[str, int] = {}
    installed: dict[str, int] = {}
    for number, source in cells:
        for module in imported(source):
            modules.setdefault(module, number)
        for line in source.splitlines():
            if found := _INSTALL.match(line):
                for requirement in _requirements(found["words"]):
                    installed.setdefault(requirement, number)
    return Used(modules=tuple(modules.items()), installed=tuple(installed.items()))


def imported(source: str) -> list[str]:
    """The dotted names that a cell imports, in order; relative imports are the notebook's own business.

    >>> imported("!ls\\nfrom google.cloud import storage\\nx = %sql select 1")
    ['google.cloud', 'google.cloud.storage']
    """
    lines = source.splitlines()
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%"):
        if first[2:].split()[:1] and first[2:].split()[0] not in _PYTHON_MAGICS:
            return []
        lines = lines[lines.index(next(line for line in lines if line.strip())) + 1 :]
    plain = "\n".join(_plain(line) for line in lines)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a stranger's invalid escape is no news
            return list(dict.fromkeys(_names(ast.parse(plain))))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return list(dict.fromkeys(name for line in lines for name in _of_line(line)))


def _plain(line: str) -> str:
    """A line as Python: what only IPython understands does nothing, at the same indent."""
    code = line.strip()
    magic = code.startswith(("%", "!", "?")) or (code.endswith("?") and not code.startswith("#"))
    if magic or re.match(r"[\w., ]+=\s*[!%]", code):
        return line[: len(line) - len(line.lstrip())] + "pass"
    return line


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            # What is imported may be a module too, and tells which of several packages share a name.
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")


def _of_line(line: str) -> Iterator[str]:
    """The names in one line of a cell that is not Python as a whole."""
    found = _IMPORT.match(line)
    if found and found["module"]:
        yield found["module"]
    elif found:
        yield from (word.split()[0] for word in found["plain"].split(",") if word.split())


def _requirements(words: str) -> Iterator[str]:
    """The requirements in the words after `pip install`; files, addresses and options are none."""
    try:
        # What a shell separates is another command; within quotes it is a marker.
        lexer = shlex.shlex(words, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        parts = list(itertools.takewhile(lambda word: word.strip(";&|"), lexer))
    except ValueError:
        return
    passed = False
    for word in parts:
        if passed or word.startswith("-"):
            passed = not passed and word in _VALUED
            continue
        try:
            requirement = Requirement(word)
        except InvalidRequirement:
            continue
        if not requirement.url:
            yield str(requirement)
