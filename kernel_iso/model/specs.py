"""What a notebook asks."""

from __future__ import annotations

from kernel_iso.model.records import Record, digest


class Origin(Record, frozen=True, kw_only=True):
    """Where a Spec was read.

    `kind` is one of `environment` (a named one was chosen), `pep723`, `metadata`, `project`, `command`
    (the person typed it), `application` (its author wrote it) or `default` (nothing was declared). `path` is the
    file, `detail` the place in it ("cell 2", "[project] and group dev").
    """

    kind: str = "default"
    path: str = ""
    detail: str = ""


class Index(Record, frozen=True, kw_only=True):
    """A package index by its name. `url` has no credentials; an `explicit` one serves only packages bound to it."""

    name: str
    url: str
    explicit: bool = False


class Spec(Record, frozen=True, kw_only=True):
    """What the notebook asks, normalised.

    `requirements` and `constraints` are PEP 508 strings. `python` is a version specifier ("3.12",
    ">=3.11,<3.14"), `self` for the engine's own, or "" for the policy's default. `hashes` maps a canonical
    name to the only artefact hashes allowed for it ("sha256:…"), as hash-checked requirements files do.
    `pins` names the indexes that packages are bound to, as (package, index name). `env` holds (name, value)
    pairs. `own_code` says how the project's own code becomes importable: `path`, `editable`, `wheel` or
    `none`; `own_paths` are the absolute source folders (never digested into a lock). `origin` and `overruled`
    say where it was read and which lower sources disagree.
    """

    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    hashes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    python: str = ""
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    accelerator: str = "auto"
    backend: str = ""
    indexes: tuple[Index, ...] = ()
    pins: tuple[tuple[str, str], ...] = ()
    exclude_newer: str = ""
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    profile: str = ""
    env: tuple[tuple[str, str], ...] = ()
    apt: tuple[str, ...] = ()
    own_code: str = "path"
    own_paths: tuple[str, ...] = ()
    system_site_packages: bool = False
    origin: Origin = Origin()
    overruled: tuple[Origin, ...] = ()

    def meaning(self) -> dict[str, object]:
        """What the Spec asks, apart from where it was read and where its project happens to lie."""
        data = self.to_json()
        for key in ("origin", "overruled", "own_paths"):
            data.pop(key, None)
        return data

    def digest(self) -> str:
        """The digest of the meaning: equal wishes are equal wherever they are written."""
        return digest({"spec": self.meaning()})

    @property
    def asks_nothing(self) -> bool:
        """True where nothing was declared, so that the policy alone decides and no approval is needed."""
        return not self.meaning()
