"""What a plan asks, in conda's words. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SUBDIRS = {
    "linux-x86_64": "linux-64", "linux-aarch64": "linux-aarch64", "linux-ppc64le": "linux-ppc64le",
    "macos-arm64": "osx-arm64", "macos-x86_64": "osx-64",
    "windows-x86_64": "win-64", "windows-arm64": "win-arm64", "windows-aarch64": "win-arm64",
}  # fmt: skip
"""conda's names for machines, by `Machine.tag`."""

PYPI_NAMES = {
    "pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch", "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack", "pytables": "tables", "python-graphviz": "graphviz", "py-opencv": "opencv-python",
    "opencv": "opencv-python", "pyqt": "pyqt5", "python-duckdb": "duckdb", "py-xgboost": "xgboost",
    "pyarrow-core": "pyarrow",
    "jupyterlab_widgets": "jupyterlab-widgets", "prompt_toolkit": "prompt-toolkit", "ruamel.yaml": "ruamel-yaml",
    "stack_data": "stack-data", "typing_extensions": "typing-extensions", "pytorch-lightning": "lightning",
    "seaborn-base": "seaborn", "uvicorn-standard": "uvicorn", "python-xxhash": "xxhash",
    "importlib_metadata": "importlib-metadata",
}  # fmt: skip
"""Packages of conda-forge that are called otherwise on PyPI, where more than case and dashes differs (2026-11)."""


def pypi_name(conda: str) -> str:
    """What a Python package of conda is called on PyPI; right wherever the names are alike.

    >>> pypi_name("pytorch"), pypi_name("prompt_toolkit"), pypi_name("numpy")
    ('torch', 'prompt-toolkit', 'numpy')
    """
    return PYPI_NAMES.get(conda, str(canonicalize_name(conda)))


def companion(requirement: str) -> str:
    """A companion's requirement as a conda spec; the versions of PEP 440 that are used here mean the same there.

    >>> companion("ipykernel>=6.29,<8"), companion("pip")
    ('ipykernel <8,>=6.29', 'pip')
    """
    asked = Requirement(requirement)
    bounds = ",".join(sorted(str(each) for each in asked.specifier))
    return f"{asked.name.lower()} {bounds}".strip()


def plain(requirements: Iterable[str]) -> tuple[str, ...]:
    """Those that conda could have under the same name: no extras, no marker.

    >>> plain(["ipykernel>=6", "a[x]", "b; os_name == 'nt'"])
    ('ipykernel>=6',)
    """
    parsed = ((text, Requirement(text)) for text in requirements)
    return tuple(text for text, each in parsed if not each.extras and each.marker is None)


def virtual(text: str) -> tuple[str, str, str]:
    """A virtual package's name, version and build: "__cuda=12.8" has the build "0".

    >>> virtual("__cuda=12.8"), virtual("__archspec=1=zen4")
    (('__cuda', '12.8', '0'), ('__archspec', '1', 'zen4'))
    """
    name, version, build = (*text.split("="), "0", "0")[:3]
    return name, version, build
