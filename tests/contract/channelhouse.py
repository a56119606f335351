"""A conda channel that is told of packages as `wheelhouse` is of wheels: the same suite runs on both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from wheelhouse import UPLOADED, Artefact, Handler, Wheelhouse


def spec(requirement: str) -> str:
    """A requirement as conda writes it.

    >>> spec("green>=2,<3"), spec("tail")
    ('green <3,>=2', 'tail')
    """
    asked = Requirement(requirement)
    return f"{asked.name} {','.join(sorted(str(each) for each in asked.specifier))}".strip()


class CondaArtefact(Artefact):
    """A package of conda. `content` is what is served, `entry` what the channel says of it."""

    entry: Mapping[str, Any]
    subdir = "noarch"

    def tamper(self) -> None:
        """Serve another package, whole and sound, under the hash that was announced."""
        self.content = _package(
            self.project, self.entry["version"], (), {f"{self.project}/evil.py": ""}
        ).to_bytes()


class Channelhouse(Wheelhouse):
    """A channel on 127.0.0.1: made-up packages without platform, and the Python that the suite runs on."""

    @staticmethod
    def handler() -> type[Handler]:
        return _Handler

    @property
    def url(self) -> str:
        """The channel's address, without credentials."""
        return f"http://127.0.0.1:{self.port}/{self.token}/channel"

    def wheel(
        self,
        name: str,
        version: str = "1.0",
        *,
        requires: Sequence[str] = (),
        files: Mapping[str, str | bytes] | None = None,
        uploaded: str = UPLOADED,
        **not_conda: object,
    ) -> Artefact:
        """Add a package with a Python module. conda knows neither tags nor extras."""
        assert not not_conda, f"a conda package has no {', '.join(not_conda)}"
        package = _package(name, version, [spec(each) for each in requires], files or {}, uploaded)
        return self._made(package, package.to_bytes())

    def python(self, channel: Path, version: str) -> None:
        """Add a Python from another channel."""
        from conda_channel import SUBDIR, packages

        (path,) = packages(channel, f"python-{version}")
        said = json.loads((channel / SUBDIR / "repodata.json").read_bytes())["packages.conda"][path.name]
        self._kept(path.name, path.read_bytes(), said, SUBDIR)

    def _made(self, package: Any, content: bytes) -> CondaArtefact:
        return self._kept(package.filename, content, package._index(), package.subdir)

    def _kept(self, filename: str, content: bytes, entry: Mapping[str, Any], subdir: str) -> CondaArtefact:
        digest = hashlib.sha256(content).hexdigest()
        made = CondaArtefact(entry["name"], filename, content, digest)
        made.entry, made.subdir = entry, subdir
        self.artefacts.append(made)
        return made

    def repodata(self, subdir: str) -> bytes:
        """What the channel has of a platform."""
        found = {each.filename: dict(self._entry(each)) for each in self._of(subdir)}
        return json.dumps({"info": {"subdir": subdir}, "packages": {}, "packages.conda": found}).encode()

    def _of(self, subdir: str) -> Iterator[CondaArtefact]:
        return (each for each in self.artefacts if isinstance(each, CondaArtefact) and each.subdir == subdir)

    def _entry(self, each: CondaArtefact) -> Iterator[tuple[str, Any]]:
        yield from each.entry.items()
        yield "size", len(each.content)
        if self.hashes:
            yield "sha256", each.sha256


def _package(
    name: str,
    version: str,
    depends: Sequence[str],
    files: Mapping[str, str | bytes],
    uploaded: str = UPLOADED,
) -> Any:
    from conda_channel import python_module

    at = int(datetime.fromisoformat(uploaded).timestamp())
    return python_module(name, version, depends=depends, files=_texts(files), timestamp=at)


def _texts(files: Mapping[str, str | bytes]) -> dict[str, str]:
    return {path: each if isinstance(each, str) else each.decode() for path, each in files.items()}


class _Handler(Handler):
    """Answers for a channel: plain lists of packages, and packages."""

    index: Channelhouse

    def serve(self, parts: list[str]) -> None:
        if len(parts) == 3 and parts[0] == "channel":
            if parts[2] == "repodata.json":
                return self.answer(200, self.index.repodata(parts[1]), "application/json")
            for each in self.index.artefacts:
                if (each.filename, getattr(each, "subdir", "")) == (parts[2], parts[1]):
                    self.index._closing.wait(self.index.slow)
                    return self.answer(200, each.content, "application/octet-stream", each)
        return self.answer(404, b"not here", "text/plain")
