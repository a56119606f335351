"""A kernelspec folder for every named environment.

They are real folders in the person's Jupyter data directory, so that tools which know nothing of provisioners or of our
server extension (VS Code, nbclient, papermill, consoles) list them too.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir

from kernel_iso.engine.targets import kernel_name
from kernel_iso.store import Store

PROVISIONER = "kernel-iso-provisioner"


def spec_of(name: str, store: Store) -> dict[str, Any]:
    """The kernelspec of a named environment, as `kernel.json` holds it.

    The interpreter of the argv form is absolute: jupyter_client replaces a bare `python` by the server's own.
    """
    return {
        "argv": [sys.executable, "-m", "kernel_iso", "launch", "--env", name, "-f", "{connection_file}"],
        "display_name": f"Isolated: {name}",
        "language": "python",
        "interrupt_mode": "signal",
        "metadata": {
            "debugger": True,
            "supported_encryption": ["curve"],
            "kernel_provisioner": {"provisioner_name": PROVISIONER, "config": {"environment": name}},
            "kernel_iso": {"environment": name, "store": str(store.root)},
        },
    }


def sync(store: Store) -> None:
    """Make the person's kernelspec folders agree with the named environments of this store.

    Folders of other stores and of other tools are left alone.
    """
    kernels = Path(jupyter_data_dir()) / "kernels"
    wanted = {kernel_name(owner.id): owner.id for owner in store.environments()}
    for folder in _ours(kernels, store):
        if folder.name not in wanted:
            shutil.rmtree(folder, ignore_errors=True)
    for folder_name, name in wanted.items():
        _write(kernels / folder_name, spec_of(name, store))


def _ours(kernels: Path, store: Store) -> list[Path]:
    found = []
    for spec in kernels.glob("iso-*/kernel.json"):
        try:
            metadata = json.loads(spec.read_text(encoding="utf-8")).get("metadata", {})
        except (OSError, ValueError):
            continue
        if metadata.get("kernel_iso", {}).get("store") == str(store.root):
            found.append(spec.parent)
    return found


def _write(folder: Path, spec: dict[str, Any]) -> None:
    """Write a kernelspec folder whole: made beside, and moved into place."""
    text = json.dumps(spec, indent=1) + "\n"
    target = folder / "kernel.json"
    if target.exists():
        if target.read_text(encoding="utf-8") != text:
            beside = target.with_suffix(".new")
            beside.write_text(text, encoding="utf-8")
            beside.replace(target)
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".iso-"))
    made.chmod(0o755)
    (made / "kernel.json").write_text(text, encoding="utf-8")
    logo = resources.files("kernel_iso").joinpath("logo.svg")
    (made / "logo-svg.svg").write_bytes(logo.read_bytes())
    made.rename(folder)
