"""What is exported, free of any tool: the wishes, and the exact artefacts of each platform and accelerator."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from kernel_iso.model import Index, Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of an index: a wheel, or the source distribution of what is built (`sdist`)."""

    url: str
    sha256: str
    size: int = 0
    sdist: bool = False

    @property
    def name(self) -> str:
        """The file's name.

        >>> File(url="https://files.example.org/torch-2.9.1%2Bcpu-cp312-cp312-linux_x86_64.whl#x", sha256="").name
        'torch-2.9.1+cpu-cp312-cp312-linux_x86_64.whl'
        """
        return unquote(urlsplit(self.url).path.rpartition("/")[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A package from an index (`index` is its URL), with every file that fits; () where nobody knows them.

    `address` is where it came from instead (PEP 508, after the `@`), "" for an index.
    """

    name: str
    version: str
    role: str = ""
    requires: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    index: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conda:
    """A package of a conda channel, whose canonical URL is `base`.

    `depends` are its dependencies as its channel tells them, None where nobody asked; `requires` only their names.
    """

    name: str
    version: str
    build: str
    base: str
    subdir: str
    format: str = ".conda"
    sha256: str = ""
    md5: str = ""
    size: int = 0
    role: str = ""
    requires: tuple[str, ...] = ()
    depends: tuple[str, ...] | None = None
    constrains: tuple[str, ...] = ()
    noarch: str = ""
    license: str = ""
    timestamp: int = 0

    @property
    def filename(self) -> str:
        """The name of the file: "numpy-2.1.0-py312h1103770_0.conda"."""
        return f"{self.name}-{self.version}-{self.build}{self.format}"

    @property
    def url(self) -> str:
        """Where the channel has it."""
        return f"{self.base}/{self.subdir}/{self.filename}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What one platform ("linux-x86_64", "linux-64" to conda) and accelerator get."""

    platform: str
    subdir: str = ""
    accelerator: str = ""
    conda: tuple[Conda, ...] = ()
    pypi: tuple[Pin, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is exported: `contents` are exact, this machine's first; () where only the wishes count.

    `name` is the environment's or the notebook's. `python` is a minor version, `channels` are what conda asks, in order,
    `indexes` those whose names are known. With `addresses` those of private indexes go along. `home` is the person's
    folder, which never does. `conda` says that conda's packages were meant, be there any or not.
    """

    name: str
    spec: Spec
    python: str = ""
    channels: tuple[str, ...] = ()
    contents: tuple[Content, ...] = ()
    indexes: tuple[Index, ...] = ()
    conda: bool = False
    addresses: bool = False
    home: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Texts by file name, the most important first, and sentences on what they leave out."""

    files: dict[str, str]
    notes: tuple[str, ...] = field(default=())


def part_name(stem: str, ending: str, contents: tuple[Content, ...], place: int) -> str:
    """The name of one part's file; the first has no suffix (PEP 751: between the dots of a name there is none).

    >>> two = tuple(Content(platform="linux-x86_64", accelerator=each) for each in ("cpu", "rocm7.2"))
    >>> part_name("pylock", ".toml", two, 0), part_name("pylock", ".toml", two, 1)
    ('pylock.toml', 'pylock.rocm7_2.toml')
    """
    here = contents[place]
    same = {each.platform for each in contents} == {here.platform}
    words = [here.accelerator] if same else [here.platform, here.accelerator]
    suffix = "-".join(word for word in words if word).replace(".", "_") if place else ""
    return f"{stem}.{suffix}{ending}" if suffix else f"{stem}{ending}"
