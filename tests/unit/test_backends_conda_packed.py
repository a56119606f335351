"""conda-pack packs a prefix of ours, and what it packed runs elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest
from conda_desk import Desk, say

pytestmark = pytest.mark.slow


_PACK = "import sys, conda_pack; conda_pack.pack(prefix=sys.argv[1], output=sys.argv[2])"


def test_a_packed_prefix_runs_where_it_is_unpacked(desk: Desk) -> None:
    pytest.importorskip("conda_pack", reason="conda-pack is not installed")
    desk.make("blue", "greeting")
    packed = desk.folder / "packed.tar.gz"
    subprocess.run(
        [sys.executable, "-c", _PACK, desk.folder / "prefix", packed], check=True, capture_output=True
    )
    (desk.folder / "prefix").rename(desk.folder / "gone")
    with tempfile.TemporaryDirectory(prefix="elsewhere-") as folder:
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="fully_trusted")
        subprocess.run([Path(folder) / "bin/conda-unpack"], check=True, capture_output=True)
        python = str(Path(folder) / "bin/python")
        assert say(python, "import blue, sys; print(blue.__version__, sys.prefix)") == f"2.0 {folder}"
        # conda-pack finds the interpreter by PATH, as in a prefix that is active.
        active = {**desk.environ, "PATH": os.pathsep.join([f"{folder}/bin", os.environ["PATH"]])}
        for command, words in (("greeting", f"hello from {folder}/share/greeting"), ("blue", "blue 2.0")):
            done = subprocess.run(
                [Path(folder) / "bin" / command], capture_output=True, text=True, check=True, env=active
            )
            assert done.stdout.strip() == words
