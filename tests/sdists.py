"""Source distributions with a build backend of their own, which need nothing else to be built."""

from __future__ import annotations

import hashlib
import io
import tarfile

from wheelhouse import Artefact, Wheelhouse

_PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "{name}"
version = "1.0"
dynamic = ["dependencies", "scripts"]
"""

_BACKEND = """
import os, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    {body}
    info, name = "{module}-1.0.dist-info/", "{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("{module}.py", "built = True\\ndef main(): print('{name}')\\n")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\nRequires-Dist: {needs}\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "entry_points.txt", "[console_scripts]\\n{script} = {module}:main\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""


def add(
    index: Wheelhouse, name: str, *, body: str = "pass", needs: str = "green<2", script: str = ""
) -> None:
    """Put version 1.0 of a source distribution into the index; building it does `body` first.

    The wheel has one module, which knows that it was `built`, and one command, which prints the name.
    """
    module = name.replace("-", "_")
    backend = _BACKEND.format(name=name, module=module, body=body, needs=needs, script=script or name)
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        "pyproject.toml": _PROJECT.format(name=name),
        "backend.py": backend,
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{module}-1.0/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    content = buffer.getvalue()
    index.artefacts.append(
        Artefact(name, f"{module}-1.0.tar.gz", content, hashlib.sha256(content).hexdigest())
    )
