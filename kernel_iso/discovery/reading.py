"""A conda or virtual environment, read from a handful of file names.

What they are, which Python and torch they hold and whether ipykernel is in them stands in `pyvenv.cfg`, in the names
in `conda-meta` and in the names in site-packages. Nothing is run, and nothing is imported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kernel_iso.discovery.remembering import Disk
from kernel_iso.model import Record

KERNEL = (
    "ipykernel", "ipython", "traitlets", "tornado", "jupyter-client", "jupyter-core", "pyzmq",
)  # fmt: skip
"""The packages whose versions decide whether a kernel starts."""

_PLAIN_NAMES = (".venv", "venv", ".env", "env", ".virtualenv", "virtualenv")
_CONFIGURED = re.compile(r"^(\w[\w-]*)\s*=\s*(.*?)\s*$", re.MULTILINE)
_CONDA_PYTHON = re.compile(r"python-(3\.\d+\.\d+|2\.7\.\d+)-([^-]+)\.json")
_CONDA_ITSELF = re.compile(r"conda-\d[^-]*-[^-]+\.json")
_CONDA_TORCH = re.compile(r"pytorch-(\d[^-]*)-([^-]+)\.json")
_CONDA_CUDA = re.compile(r"cuda_?(\d+)\.?(\d)")
# `.dist-info` (PEP 427) and `.egg-info` folders of the packages that matter, among the names of all.
_WANTED = "|".join((*KERNEL, "torch")).replace("-", "[-_]")
_INFO = re.compile(rf"^({_WANTED})-(\d[^-\n]*?)(?:-py[\d.]+)?\.(?:dist|egg)-info$", re.MULTILINE)
_HASHED = {
    "poetry": re.compile(r"(.+)-[\w-]{8}-py\d+(?:\.\d+)?"),
    "pipenv": re.compile(r"(.+)-[\w-]{8}(?:-[\w.-]+)?"),
}


class Discovered(Record, frozen=True, kw_only=True):
    """An environment that was found: `kind` is `conda` or `venv`, and `tool` what it belongs to (`poetry`, …).

    `path` and `python` are absolute (its real folder, its interpreter). `version` is its Python in full, with a `t`
    behind it for a free-threaded build; `torch` the version with its build ("2.9.1+cu126"), "" without torch.
    `kernel` are the packages of `KERNEL` that are in it, as (name, version). `changed` is when its packages last
    changed (seconds since the epoch). `broken` says in a sentence why nothing can run in it, "" where it can.
    `frozen`: it is not to be changed (CEP 22). `base`: it is a conda installation's own environment.
    """

    kind: str
    tool: str
    name: str
    path: str
    python: str
    version: str
    torch: str = ""
    kernel: tuple[tuple[str, str], ...] = ()
    changed: float = 0
    broken: str = ""
    frozen: bool = False
    base: bool = False

    @property
    def ipykernel(self) -> str:
        """The version of ipykernel in it, "" where there is none."""
        return dict(self.kernel).get("ipykernel", "")

    @property
    def minor(self) -> str:
        """The minor version of its Python: "3.12", or "3.13t"."""
        return ".".join(self.version.split(".")[:2]) + ("t" if self.version.endswith("t") else "")


def read(disk: Disk, path: str, tool: str, system: str) -> Discovered | None:
    """The environment at a path, read from file names; None where there is none, or where it is kernel-iso's own."""
    if disk.stamp(path) is None or disk.stamp(_in(path, ".kernel-iso")):
        return None
    real = os.path.realpath(path)  # links in the middle of the path count too
    configured = disk.text(_in(real, "pyvenv.cfg"))
    if configured:
        return _virtual(disk, real, tool, system, dict(_CONFIGURED.findall(configured)))
    metas = disk.names(_in(real, "conda-meta"))
    return _conda(disk, real, tool, system, metas) if metas else None


def _virtual(
    disk: Disk, path: str, tool: str, system: str, configured: Mapping[str, str]
) -> Discovered | None:
    """`uv venv` and virtualenv write `version_info` and `implementation`, the standard library writes `version`."""
    if configured.get("implementation", "CPython") != "CPython":
        return None
    version = re.match(
        r"\d+\.\d+(?:\.\d+)?", configured.get("version_info") or configured.get("version") or ""
    )
    if version is None:
        return None
    folder = _packages_folder(disk, path, system, ".".join(version[0].split(".")[:2]))
    if not folder:
        return None
    threads = "t" if Path(folder).parent.name.endswith("t") else ""
    python = _in(path, "Scripts", "python.exe") if system == "windows" else _in(path, "bin", "python")
    held, prompt = _held(disk, folder), configured.get("prompt", "").strip("'\"")
    return Discovered(
        kind="venv", tool=tool or "venv", name=name_of(path, tool, prompt), path=path, python=python,
        version=version[0] + threads, torch=held.torch, kernel=held.kernel, changed=held.changed,
        broken="" if disk.stamp(python) else "the Python that it was made from is gone",
    )  # fmt: skip


def _conda(disk: Disk, path: str, tool: str, system: str, metas: Sequence[str]) -> Discovered | None:
    """conda writes `conda-meta/NAME-VERSION-BUILD.json` for each package that is in the environment."""
    python = next((found for name in metas if (found := _CONDA_PYTHON.fullmatch(name))), None)
    if python is None or "pypy" in python[2]:
        return None
    threads = "t" if re.search(r"_cp3\d+t", python[2]) else ""
    minor = ".".join(python[1].split(".")[:2]) + threads
    held = _held(disk, _packages_folder(disk, path, system, minor))
    torch = next((found for name in metas if (found := _CONDA_TORCH.fullmatch(name))), None)
    interpreter = _in(path, "python.exe") if system == "windows" else _in(path, "bin", "python")
    tool = "pixi" if f"{os.sep}.pixi{os.sep}" in path else tool or "conda"
    return Discovered(
        kind="conda", tool=tool, name=name_of(path, tool), path=path, python=interpreter, version=python[1] + threads,
        torch=torch[1] + _conda_build(torch[2]) if torch else held.torch, kernel=held.kernel, changed=held.changed,
        broken="" if disk.stamp(interpreter) else "its interpreter is gone",
        # CEP 22: the file `conda-meta/frozen` marks an environment that is not to be changed.
        frozen="frozen" in metas, base=_is_base(disk, path, metas),
    )  # fmt: skip


def _is_base(disk: Disk, path: str, metas: Sequence[str]) -> bool:
    """True for an environment that conda runs from: it has conda, or the folder of what every shell gets of it."""
    return (
        any(_CONDA_ITSELF.fullmatch(name) for name in metas)
        or disk.stamp(_in(path, "condabin")) is not None
        or name_of(path, "conda") == "base" != Path(path).name
    )


def _conda_build(build: str) -> str:
    """What a wheel would carry as its local version, from the build of conda's package.

    >>> _conda_build("py3.12_cuda12.6_cudnn9.5_0"), _conda_build("cuda129_mkl_py312_h1_300"), _conda_build("cpu_h2_0")
    ('+cu126', '+cu129', '+cpu')
    """
    if cuda := _CONDA_CUDA.search(build):
        return f"+cu{cuda[1]}{cuda[2]}"
    return "+cpu" if "cpu" in build else ""


def _packages_folder(disk: Disk, path: str, system: str, minor: str) -> str:
    """The folder of an environment's packages, "" where there is none; a free-threaded Python has one of its own."""
    if system == "windows":
        return _in(path, "Lib", "site-packages")
    usual = _in(path, "lib", f"python{minor}", "site-packages")
    if disk.stamp(usual):
        return usual
    others = [name for name in sorted(disk.names(_in(path, "lib"))) if re.fullmatch(r"python3\.\d+t?", name)]
    return _in(path, "lib", others[-1], "site-packages") if others else ""


class _Held(NamedTuple):
    torch: str
    kernel: tuple[tuple[str, str], ...]
    changed: float


def _held(disk: Disk, folder: str) -> _Held:
    """What site-packages holds of the packages that matter, and when it last changed."""
    found = disk.stamp(folder)
    held = _versions(disk.names(folder))
    torch = held.pop("torch", "")
    return _Held(torch, tuple(sorted(held.items())), found[2] / 1e9 if found else 0.0)


def kernel_packages(folder: str) -> tuple[tuple[str, str], ...]:
    """The packages of `KERNEL` in a site-packages folder, as (name, version)."""
    return _held(Disk(), folder).kernel


def _versions(names: Sequence[str]) -> dict[str, str]:
    """The packages of `KERNEL`, and torch, with their versions, by the names in site-packages.

    >>> _versions(["torch-2.9.1+cu126.dist-info", "jupyter_client-8.6.dist-info", "torch", "ipython-1.0-py3.9.egg-info"])
    {'torch': '2.9.1+cu126', 'jupyter-client': '8.6', 'ipython': '1.0'}
    """
    # One search in one text: a list of environments looks at tens of thousands of names.
    return {name.lower().replace("_", "-"): version for name, version in _INFO.findall("\n".join(names))}


def name_of(path: str, tool: str, prompt: str = "") -> str:
    """What an environment is called: its folder's name, or its project's where every folder has the same name.

    >>> name_of("/home/ada/work/ml/.venv", ""), name_of("/home/ada/miniforge3", "conda")
    ('ml', 'base')
    >>> name_of("/c/pypoetry/virtualenvs/my-app-x1_3abcd-py3.12", "poetry"), name_of("/w/ml/.pixi/envs/gpu", "")
    ('my-app', 'ml:gpu')
    """
    parts = [_printable(part) for part in Path(path).parts]
    prompt = _printable(prompt)
    name, above = parts[-1], parts[-2] if len(parts) > 2 else ""
    if ".pixi" in parts[:-1] and above == "envs" and len(parts) > 4:
        return parts[-4] if name == "default" else f"{parts[-4]}:{name}"
    if tool == "hatch" and len(parts) > 3:
        return parts[-3] if name == parts[-3] else f"{parts[-3]}:{name}"
    if hashed := _HASHED.get(tool, re.compile("$^")).fullmatch(name):
        return hashed[1]
    if tool == "conda" and above != "envs" and re.search(r"conda|forge|mamba", name):
        return "base"
    if name in _PLAIN_NAMES:
        return prompt if prompt and prompt not in _PLAIN_NAMES else above
    return name


def _printable(text: str) -> str:
    """A name that anybody may have chosen, as it can be shown in a line."""
    return "".join(sign for sign in text if sign.isprintable())[:60]


def _in(*names: str) -> str:
    return os.sep.join(names)  # noqa: PTH118 - plain text: a listing makes thousands
