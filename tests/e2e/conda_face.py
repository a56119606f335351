"""The command line as people with conda use it, on a channel that is a folder: every environment is made in a second."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel_iso.engine.verbs import TABLE

GROUPS = {name.split()[0] for name in TABLE if " " in name}


@dataclass
class Iso:
    """Runs verbs with `--json` in a folder; `channel` is the one that the policy allows."""

    channel: Path
    environ: dict[str, str]
    cwd: Path

    @property
    def url(self) -> str:
        """The channel's address."""
        return self.channel.as_uri()

    def __call__(self, *words: str, **extra: str) -> dict[str, Any]:
        """A verb's result with its `status`, or its error."""
        done = subprocess.run(
            self.command(*words), env={**self.environ, **extra}, cwd=self.cwd, capture_output=True, text=True
        )
        assert done.stdout, done.stderr
        last = json.loads(done.stdout.splitlines()[-1])
        return {"status": done.returncode, **(last.get("result") or last["error"])}

    def text(self, *words: str, **extra: str) -> str:
        """What a person sees."""
        command = [sys.executable, "-m", "kernel_iso", *words]
        environ = {**self.environ, **extra}
        return subprocess.run(command, env=environ, cwd=self.cwd, capture_output=True, text=True).stdout

    def said(self, *words: str, **extra: str) -> str:
        """What one command in an environment printed (`exec --capture`)."""
        done = self(*words[:1], "--capture", *words[1:], **extra)
        assert done["status"] == 0, done
        return str(done["stdout"])

    @staticmethod
    def command(*words: str) -> list[str]:
        """The command with `--json`, in its place after the verb."""
        verb = 2 if words[0] in GROUPS else 1
        return [sys.executable, "-m", "kernel_iso", *words[:verb], "--json", *words[verb:]]


def face(
    channel: Path,
    cache: Path,
    folder: Path,
    environ: Mapping[str, str],
    *more: Path,
    index: str = "",
    policy: str = "companions = []\n",
) -> Iso:
    """A command line whose policy allows this channel, `more`, and one index of wheels; `folder` is its working folder.

    Unless told, environments hold nothing for kernels. `HOME` is a folder without conda's configuration.
    """
    indexes = f'indexes = [{{name = "local", url = "{index}"}}]\n' if index else ""
    config, home = folder.parent / f"{folder.name}-policy.toml", folder.parent / f"{folder.name}-home"
    channels = json.dumps([each.as_uri() for each in (channel, *more)])
    config.write_text(f'channels = {channels}\ncache = "{cache}"\n{indexes}{policy}')
    home.mkdir(exist_ok=True)
    folder.mkdir(exist_ok=True)
    own = {"KERNEL_ISO_CONFIG": str(config), "HOME": str(home), "JUPYTER_DATA_DIR": str(home / "jupyter")}
    return Iso(channel, {**environ, **own}, folder)


def notebook(path: Path, *cells: str) -> Path:
    """A notebook that declares nothing itself."""
    sources: list[dict[str, object]] = [
        {"cell_type": "code", "source": text, "metadata": {}, "outputs": [], "execution_count": None}
        for text in cells
    ]
    kernelspec = {"name": "iso", "display_name": "Isolated Python", "language": "python"}
    metadata = {"kernelspec": kernelspec}
    path.write_text(json.dumps({"cells": sources, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}))
    return path


def project(folder: Path, channel: str, *dependencies: str, more: str = "", second: str = "") -> Path:
    """An `environment.yml` with one channel or two, and `more` lines of YAML."""
    channel += f"\n  - {second}" if second else ""
    lines = "".join(f"  - {item}\n" for item in dependencies)
    path = folder / "environment.yml"
    path.write_text(f"name: study\nchannels:\n  - {channel}\ndependencies:\n{lines}{more}")
    return path


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Sizes and times of what lies in a folder, but for bytecode, which any import writes."""
    found = {}
    for root, _, names in os.walk(folder):
        for name in names if not root.endswith("__pycache__") else ():
            status = (Path(root) / name).lstat()
            found[str(Path(root) / name)] = (status.st_size, status.st_mtime_ns)
    return found
