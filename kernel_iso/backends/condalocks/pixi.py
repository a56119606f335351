"""rattler's lock, as pixi has it (versions 4 to 7). py-rattler parses it, in a process of its own."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

from kernel_iso.backends.condalocks import yamls
from kernel_iso.backends.condalocks.records import Foreign, address, artefact, bad, foreign, wheel
from kernel_iso.model import Run

WORKER = "kernel_iso.backends.conda.worker"


def pixi_lock(text: str, subdir: str, name: str, run: Run | None) -> Foreign:
    """Its environment `default`, or the only one."""
    if run is None:
        bad(name, "py-rattler is needed to read it, and may not be started here")
    yamls.check(text, name)
    asked = {"do": "lockfile", "how": "read", "text": text, "subdir": subdir, "name": name}
    found = cast("dict[str, Any]", run.worker(WORKER, asked))
    artefacts, wheels = [], []
    for number, each in enumerate(found["packages"], 1):
        where = f"package {number}"
        if each["kind"] == "conda":
            if not each["sha256"]:
                bad(name, f"{where}: {each['name'][:80]} has no SHA-256, or a broken one")
            made = artefact(each["url"], each["sha256"], where, name)
            wanted = {text.split()[0] for text in each["depends"] if text.strip()}
            artefacts.append(replace(made, requires=tuple(sorted(wanted)), size=each["size"]))
        elif each["kind"] == "pypi" and re.match(r"https?://", each["url"]):
            wheels.append(wheel(each["name"], each["version"], each["sha256"], where, name))
        elif each["kind"] == "pypi":
            address(str(each["name"]), name)
        else:
            bad(name, f"{where}: {each['name'][:80]} is a source package, which would have to be built")
    return foreign(artefacts, wheels, found["channels"], subdir, name)
