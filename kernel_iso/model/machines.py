"""Facts about where the kernel will run."""

from __future__ import annotations

from kernel_iso.model.records import Record


class Python(Record, frozen=True, kw_only=True):
    """An interpreter: `version` in full ("3.12.1"), absolute `path`, and `source`.

    Sources are `self`, `uv`, `pyenv`, `system`, `conda`, and `uv-download` for one that uv has yet to fetch.
    """

    version: str
    path: str
    source: str = "system"

    @property
    def minor(self) -> str:
        """The minor version: "3.12"."""
        return ".".join(self.version.split(".")[:2])

    @property
    def sort_key(self) -> tuple[int, ...]:
        """The version as numbers, for comparing."""
        return tuple(int(part) for part in self.version.split(".")[:3] if part.isdigit())


class Accelerator(Record, frozen=True, kw_only=True):
    """One accelerator device: `kind` (`cuda`, `rocm`, `xpu`, `mps`), architecture ("8.9", "gfx942"), and its driver.

    `cuda` is the newest CUDA that the driver supports, `index` the place that the driver's own tool gives it,
    and `memory` its bytes. `visible` is False for one that a kernel cannot or may not use. `mig` is True where
    the GPU is cut in instances; `parts` are their UUIDs.
    """

    kind: str
    name: str = ""
    uuid: str = ""
    architecture: str = ""
    driver: str = ""
    cuda: str = ""
    visible: bool = True
    index: int = 0
    memory: int = 0
    mig: bool = False
    parts: tuple[str, ...] = ()


class Tool(Record, frozen=True, kw_only=True):
    """A tool that was found: its absolute path and version."""

    name: str
    path: str
    version: str = ""


class Machine(Record, frozen=True, kw_only=True):
    """Facts about the machine on which the kernel will run.

    `os` is `linux`, `macos` or `windows`; `arch` is `x86_64`, `aarch64` or `arm64`; `libc` is "glibc 2.36",
    "musl 1.2" or "". `findings` are sentences about what is broken (a driver that does not answer).
    """

    os: str
    arch: str
    libc: str = ""
    pythons: tuple[Python, ...] = ()
    accelerators: tuple[Accelerator, ...] = ()
    tools: tuple[Tool, ...] = ()
    findings: tuple[str, ...] = ()

    def tool(self, name: str) -> Tool | None:
        """The tool called `name`, if it was found."""
        return next((tool for tool in self.tools if tool.name == name), None)

    @property
    def tag(self) -> str:
        """What a prefix made here fits, apart from Python: "linux-x86_64"."""
        return f"{self.os}-{self.arch}"
