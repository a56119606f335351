"""Small packages that do not exist: each has one thing that real ones have, and that goes wrong.

greeting           texts and a binary that name the prefix
activating         variables while it is active: scripts, and a file of them
linking            scripts that conda runs after it is linked and before it is unlinked
clobbering-one     and clobbering-two bring the same path
tomorrow           needs a C library that no machine has
blue green cyan    Python modules in versions that need one another, or cannot be together
kern tail          the names the other backends are tried with
pytorch            builds for the processor and for several CUDAs; what it needs as conda-forge writes it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fakes import torch_files

from conda_channel.packing import BUILT, PLACEHOLDER, File, Package
from conda_channel.pythons import Installation

# It has the names that are asked of torch, and asks the stand-in driver of `fakes`.
STANDIN = torch_files("2")["torch/__init__.py"]
# 2025-01-01: what is newer than the rest.
LATER = 1_735_689_600

# version: the CUDAs it was built for. As on conda-forge, not every release has every build.
TORCHES: Mapping[str, Sequence[str]] = {
    "2.9.1": ("12.6", "13.0"),
    "2.10.0": ("12.9", "13.0"),
    "2.7.1": ("12.6",),
}

_ACTIVATE = """\
export ACTIVATING_HOME="$CONDA_PREFIX/share/activating"
export ACTIVATING_WORDS='two words; $HOME and "quotes"'
export ACTIVATING_PATH="$ACTIVATING_HOME:${ACTIVATING_PATH:-}"
unset ACTIVATING_UNWANTED
"""
_DEACTIVATE = "unset ACTIVATING_HOME ACTIVATING_WORDS ACTIVATING_PATH\n"
# What is left outside the prefix can still be read when the prefix is gone.
_LINK = """\
#!/bin/sh
echo "{step} $PREFIX $PKG_NAME $PKG_VERSION" >> "${{LINKING_WITNESS:-$PREFIX/../linking-witness.txt}}"
"""


def python_module(
    name: str,
    version: str = "1.0",
    *,
    depends: Sequence[str] = (),
    python: str = "python",
    files: Mapping[str, str] | None = None,
    timestamp: int = BUILT,
    old: bool = False,
) -> Package:
    """A noarch package that holds the module `name` (which knows its version) and a command of the same name.

    `files` are more of them, by their path in the prefix's `site-packages`.
    """
    module = name.replace("-", "_")
    info = f"site-packages/{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    code = f"__version__ = {version!r}\n\n\ndef main():\n    print({name!r}, __version__)\n"
    command = f"{name} = {module}:main"
    return Package(
        name=name,
        version=version,
        build="pyhiso_0",
        noarch="python",
        depends=[python, *depends],
        entry_points=[command],
        timestamp=timestamp,
        old=old,
        files={
            f"site-packages/{module}/__init__.py": code,
            f"{info}/METADATA": metadata,
            f"{info}/INSTALLER": "conda\n",
            f"{info}/entry_points.txt": f"[console_scripts]\n{command}\n",
            **{f"site-packages/{path}": text for path, text in (files or {}).items()},
        },
    )


def modules() -> Iterator[Package]:
    """`blue 2` needs `green 2`, and `cyan` cannot be with it; half of them are in the old format."""
    yield python_module("blue", "1.0", depends=["green >=1"])
    yield python_module("blue", "2.0", depends=["green >=2"], timestamp=LATER)
    yield python_module("green", "1.0", old=True)
    yield python_module("green", "2.0", files={"green/data.txt": "green\n"}, timestamp=LATER)
    yield python_module("cyan", "1.0", depends=["green <2"], old=True)
    yield python_module("kern", "7.0", depends=["green", "tail"])
    yield python_module("tail", "1.0", old=True)
    yield python_module("ahead", "1.0", python="python >=3.99")


def curiosities() -> Iterator[Package]:
    """Packages without Python."""
    yield Package(
        name="greeting",
        noarch="generic",
        files={
            "bin/greeting": f"#!/bin/sh\necho hello from {PLACEHOLDER}/share/greeting\n",
            "share/greeting/place.txt": f"{PLACEHOLDER}/share/greeting\n",
            "share/greeting/place.bin": b"\x00\x01" + f"{PLACEHOLDER}/lib".encode() + b"\x00behind\x00",
            "share/greeting/link.txt": File(link="place.txt"),
        },
    )
    yield Package(
        name="activating",
        noarch="generic",
        files={
            "etc/conda/activate.d/activating.sh": _ACTIVATE,
            "etc/conda/deactivate.d/activating.sh": _DEACTIVATE,
            "etc/conda/env_vars.d/activating.json": '{"ACTIVATING_MODE": "quiet"}',
            "share/activating/here.txt": "here\n",
        },
    )
    yield Package(
        name="linking",
        noarch="generic",
        files={
            "bin/.linking-post-link.sh": _LINK.format(step="linked"),
            "bin/.linking-pre-unlink.sh": _LINK.format(step="unlinked"),
            "share/linking/here.txt": "here\n",
        },
    )
    for number in ("one", "two"):
        name = f"clobbering-{number}"
        files = {"share/clobbering/same.txt": f"of {number}\n", f"share/clobbering/{number}.txt": number}
        yield Package(name=name, noarch="generic", files=files, old=number == "two")
    yield Package(name="tomorrow", depends=["__glibc >=99"], files={"share/tomorrow/here.txt": "here\n"})


def torches(pythons: Iterable[Installation]) -> Iterator[Package]:
    """`pytorch`, `pytorch-cpu`, `pytorch-gpu` and `cuda-version`.

    As in the recipe of conda-forge: a CUDA build has the higher build number (it is preferred where it can be) and
    needs `__cuda` of any version, `cuda-version` of its own major version, and that one constrains `__cuda` by its
    major version only (a driver runs every CUDA of its major version).
    """
    cudas = sorted({cuda for each in TORCHES.values() for cuda in each})
    for cuda in cudas:
        major = int(cuda.split(".")[0])
        yield Package(
            name="cuda-version",
            version=cuda,
            build="hiso_3",
            number=3,
            noarch="generic",
            constrains=[f"__cuda >={major}", f"cudatoolkit {cuda}|{cuda}.*"],
        )
    for one in pythons:
        for version, built in TORCHES.items():
            for cuda in ("", *built):
                yield from _torch(version, cuda, one)


def _torch(version: str, cuda: str, one: Installation) -> Iterator[Package]:
    """One build, and the package that asks for just it."""
    kind = f"cuda{cuda.replace('.', '')}" if cuda else "cpu"
    number = 200 if cuda else 0
    build = f"{kind}_generic_py{one.cp[2:]}_hiso_{number}"
    depends = [f"python {one.minor}.*", f"python_abi {one.minor}.* *_{one.cp}", "__glibc >=2.17,<3.0.a0"]
    constrains = [f"pytorch-cpu =={version}", "pytorch-gpu <0.0a0"]
    if cuda:
        depends += ["__cuda", f"cuda-version >={cuda},<{int(cuda.split('.')[0]) + 1}"]
        constrains = [f"pytorch-gpu =={version}", "pytorch-cpu <0.0a0"]
    site = f"lib/python{one.minor}/site-packages"
    info = f"{site}/torch-{version}.dist-info"
    told = f"__version__ = {version!r}\ncuda = {cuda or None!r}\nhip = None\nbuild = {build!r}\n"
    # conda's torch has no local version in its own.
    code = f"VERSION, CUDA, ARCHS = {version!r}, {cuda!r}, {_archs(cuda)!r}\n"
    yield Package(
        name="pytorch",
        version=version,
        build=build,
        number=number,
        depends=depends,
        constrains=constrains,
        files={
            f"{site}/torch/__init__.py": STANDIN,
            f"{site}/torch/_build.py": code,
            f"{site}/torch/version.py": told,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n",
            f"{info}/INSTALLER": "conda\n",
        },
    )
    yield Package(
        name="pytorch-gpu" if cuda else "pytorch-cpu",
        version=version,
        build=build,
        number=number,
        depends=[f"pytorch {version} {build}"],
        index={} if cuda else {"track_features": "pytorch-cpu"},
    )


def _archs(cuda: str) -> list[str]:
    """What a build has code for: CUDA 13 left the GPUs before Turing behind."""
    older = ["sm_50", "sm_60", "sm_70"] if cuda.startswith("12") else []
    return [*older, "sm_75", "sm_80", "sm_86", "sm_90"] if cuda else []
