"""What a person types for conda: packages in PyPI's form or in conda's own, and a Python among them."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement

from kernel_iso.errors import SpecError
from kernel_iso.notebooks import checking
from kernel_iso.notebooks.shown import clean

_PYTHON = re.compile(r"(?:[\w./-]+::)?python(?P<rest>$|[ =<>!~].*)", re.ASCII)
_EXACT = re.compile(r"(?P<equals>==?)? ?(?P<version>\d+(\.\d+)*)(\.?\*)?([ =][\w.*]+)?")
# PEP 440's `==2.1.*`; conda takes the star off again and finds 2.1 alone (conda `VersionSpec.get_matcher`).
_SERIES = re.compile(r"(?<![=<>!~])==(?P<version>[^,*]+)\.\*")


def conda_wish(text: str, where: str = "the command line") -> str:
    """A conda dependency from what a person typed: conda's own form, or a requirement as PyPI has them.

    Raises `SpecError`: `written-for-pypi` for extras and markers, which conda packages do not have, and
    `bad-conda-dependency`.

    >>> conda_wish("NumPy>=2, <3"), conda_wish("numpy == 2.1.*"), conda_wish("conda-forge::gdal 3.9.*")
    ('numpy>=2,<3', 'numpy=2.1', 'conda-forge::gdal 3.9.*')
    """
    try:
        item = Requirement(text)
    except (InvalidRequirement, RecursionError):
        return checking.conda_dependency(text, where)
    if item.extras or item.marker:
        what = f"extra [{', '.join(sorted(item.extras))}]" if item.extras else f"marker `{item.marker}`"
        raise SpecError(
            "written-for-pypi",
            f"cannot ask conda for `{clean(text)}`",
            f"the {clean(what)} has no meaning for a conda package",
            f'leave it out, or take the package from PyPI: --pypi "{clean(text)}"',
        )
    if "(" in text and not item.url:
        text = f"{item.name}{item.specifier}"
    return _SERIES.sub(r"=\g<version>", checking.conda_dependency(text, where))


def python_wish(text: str) -> str | None:
    """The Python that one of the packages means ("" for any), None where it is about another package.

    Raises `SpecError` (`bad-python`) where it is Python in a form that only conda can decide.

    >>> [python_wish(text) for text in ("python=3.12", "python>=3.11", "python", "python_abi=3.12", "numpy")]
    ['3.12', '>=3.11', '', None, None]
    """
    named = _PYTHON.fullmatch(text.strip())
    if named is None:
        return None
    if (version := python_version(named["rest"])) is None:
        hint = "write python=3.12, or python>=3.11,<3.14"
        checking.refuse("bad-python", text, "the command line", "it is no version of Python", hint)
    return version


def python_version(rest: str) -> str | None:
    """A conda version of Python as a wish for a Python; None where only conda can decide.

    >>> [python_version(rest) for rest in ("", "=3.11", " 3.11.*", "==3.11.4", "=3.11.4=h1_cpython", "=3.9|3.10")]
    ['', '3.11', '3.11', '==3.11.4', '3.11.4', None]
    """
    rest = rest.strip()
    if exact := _EXACT.fullmatch(rest):
        if exact["version"].count(".") > 2:
            return None
        prefix = "==" if exact["equals"] == "==" or "." not in exact["version"] else ""
        return prefix + exact["version"] + (".*" if "." not in exact["version"] else "")
    try:
        return checking.python(rest)
    except SpecError:
        return None


def python_dependency(python: str) -> str:
    """A wish for a Python as conda writes it; the opposite of `python_version`.

    >>> [python_dependency(wish) for wish in ("3.12", "==3.12.*", "==3.12.1", "<3.14,>=3.11", "")]
    ['python=3.12', 'python=3.12', 'python==3.12.1', 'python<3.14,>=3.11', 'python']
    """
    written = f"={python}" if python[:1].isdigit() else python
    return "python" + (written if "," in written else _SERIES.sub(r"=\g<version>", written))
