"""Exact artefacts, with hashes."""

from __future__ import annotations

from kernel_iso.model.records import Record, digest


class Package(Record, frozen=True, kw_only=True):
    """One installed or locked package.

    `role` is `asked`, `companion` (the kernel's own) or "" (something else needs it). `requires` are the
    canonical names of its direct dependencies; `size` is in bytes (0: not known). `build` and `channel` are conda's
    ("" for one from an index).
    """

    name: str
    version: str
    role: str = ""
    requires: tuple[str, ...] = ()
    size: int = 0
    installer: str = ""
    build: str = ""
    channel: str = ""


class Part(Record, frozen=True, kw_only=True):
    """One part of a lock, for one platform and accelerator.

    `text` is a PEP 751 text (`kind` = `pylock`) or a conda explicit list (`conda`); then `pypi` is the PEP 751 text of the
    wheels that are installed on top of conda's packages ("" where there are none).
    """

    text: str
    kind: str = "pylock"
    pypi: str = ""
    platform: str = ""
    accelerator: str = ""


class Lock(Record, frozen=True, kw_only=True):
    """Exact artefacts with hashes, in parts, and the digest of the Plan they answer.

    `plan` is `Plan.digest()`. `companions` are the canonical names that only the kernel needs. `detached` is a
    second PEP 751 text: the companion set, when it cannot live beside what the person pins; it is installed
    into a folder of its own. `python` is the minor version it was made for, `source` tells where it came from.
    `brought_torch` is the newest torch that turned out to come along where nothing asked is known to need it: with
    it the next start chooses the same build without resolving.
    """

    plan: str
    parts: tuple[Part, ...]
    python: str = ""
    companions: tuple[str, ...] = ()
    detached: str = ""
    source: str = ""
    brought_torch: str = ""

    def digest(self) -> str:
        """The digest of the artefacts."""
        data = self.to_json()
        data.pop("source", None)
        data.pop("plan", None)
        data.pop("brought_torch", None)
        return digest({"lock": data})

    def part(self, platform: str, accelerator: str) -> Part | None:
        """The part for a platform (`Machine.tag`) and an accelerator; "" in a part fits everything."""
        for part in self.parts:
            if part.platform in ("", platform) and part.accelerator in ("", accelerator):
                return part
        return None
