"""Stand-ins for NVIDIA's driver: its two libraries, compiled from C, and its tool; see `fake.h` for what they tell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
LIBRARIES = {"libnvidia-ml.so.1": "nvml.c", "libcuda.so.1": "cuda.c"}
COMPILER = shutil.which("gcc") or shutil.which("cc")


def library(name: str, folder: Path) -> Path:
    """Compile one of `LIBRARIES` into `folder`, which is for LD_LIBRARY_PATH."""
    assert COMPILER, "there is no C compiler"
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / name
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", made, HERE / LIBRARIES[name]], check=True)
    return made


def tool(folder: Path) -> Path:
    """Put `nvidia-smi` into `folder`, which is for PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(HERE / "nvidia-smi", folder / "nvidia-smi"))


def tree(root: Path, files: dict[str, str]) -> Path:
    """Files below `root`; a name that ends with a slash is a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_text(text, encoding="utf-8")
    return root


def torch_files(version: str, *archs: str) -> dict[str, str]:
    """The files of a stand-in torch for a wheel: a build as its local version says, with code for `archs` ("sm_86")."""
    tag = version.partition("+")[2]
    cuda = f"{tag[2:-1]}.{tag[-1]}" if tag.startswith("cu") else ""
    build = f"VERSION, CUDA, ARCHS = {version!r}, {cuda!r}, {[*archs]!r}\n"
    return {
        "torch/__init__.py": (HERE / "standin_torch.py").read_text(encoding="utf-8"),
        "torch/_build.py": build,
    }
