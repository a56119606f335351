"""Made-up machines: what lies in /sys and /dev there, what the stand-in driver tells, which tools answer.

Whoever asks is shown one tree: our probe takes its root, uv sees parts of it mounted over the real ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fakes import tool, tree

MOUNTED = ("sys/module", "sys/bus/pci/devices", "proc/driver")
"""Folders that every tree has, to be mounted over this machine's own."""

NODE = "sys/class/kfd/kfd/topology/nodes/1/properties"
INTEL = "sys/bus/pci/devices/0000:03:00.0"
DEVICES = {"dev/nvidiactl": "", "dev/nvidia0": ""}
ZE = {"usr/lib/x86_64-linux-gnu/libze_loader.so.1": "", "dev/dri/renderD128": ""}


@dataclass(frozen=True, kw_only=True)
class Box:
    """A made-up machine: NVIDIA `gpus` (name and capability), their driver and its CUDA, other `files`.

    `agents` is what AMD's tool lists. A `module` is the driver in /sys, which a container sees of its host too.
    """

    name: str
    gpus: tuple[tuple[str, str], ...] = ()
    driver: str = ""
    cuda: str = ""
    module: bool = True
    files: dict[str, str] = field(default_factory=dict)
    agents: tuple[str, ...] = ()

    @property
    def told(self) -> dict[str, str]:
        """The variables that the stand-in libraries and tools read."""
        gpus = [f"{name},GPU-{place:08}-0000-0000-0000-000000000000,{capability},16384"
                for place, (name, capability) in enumerate(self.gpus, 1)]  # fmt: skip
        major, _, minor = self.cuda.partition(".")
        number = f"{int(major)}{int(minor):02}0" if self.cuda else "0"
        smi = "\n".join(self.driver for _ in self.gpus)
        return {
            "FAKE_GPUS": ";".join(gpus),
            "FAKE_DRIVER": self.driver,
            "FAKE_CUDA": number,
            "FAKE_SMI_LINES": smi,
        }

    def made(self, root: Path) -> Path:
        """The machine as files below `root`, its tools in `bin`."""
        for place in (*MOUNTED, "bin"):
            (root / place).mkdir(parents=True, exist_ok=True)
        files = {"sys/module/nvidia/version": self.driver + "\n"} if self.driver and self.module else {}
        tree(root, files | (DEVICES if self.gpus and self.module else {}) | self.files)
        if self.gpus:
            tool(root / "bin")
        if self.agents:
            agents = root / "bin" / "rocm_agent_enumerator"
            agents.write_text("#!/bin/sh\n" + "".join(f"echo {name}\n" for name in ("gfx000", *self.agents)))
            agents.chmod(0o755)
        return root


def _nvidia(driver: str, cuda: str, *gpus: tuple[str, str], name: str = "", **more: object) -> Box:
    text = name or " + ".join(gpu for gpu, _ in gpus) + f", driver {driver.split('.')[0]}"
    return Box(name=text, gpus=gpus, driver=driver, cuda=cuda, **more)  # type: ignore[arg-type]


def _amd(name: str, target: int, *agents: str) -> Box:
    return Box(name=name, files={NODE: f"gfx_target_version {target}\n", "dev/kfd": ""}, agents=agents)


def _intel(name: str, device: str, **files: str) -> Box:
    facts = {f"{INTEL}/class": "0x030000\n", f"{INTEL}/vendor": "0x8086\n", f"{INTEL}/device": device}
    return Box(name=name, files={**facts, **files})


PASCAL, VOLTA, ADA, BLACKWELL = (
    ("GTX 1080 Ti", "6.1"), ("V100", "7.0"), ("RTX 4090", "8.9"), ("RTX 5090", "12.0"),
)  # fmt: skip
MACHINES = (
    Box(name="no GPU"),
    _nvidia("580.95.05", "13.0", PASCAL),
    _nvidia("535.54.03", "12.2", PASCAL),
    _nvidia("580.95.05", "13.0", VOLTA),
    _nvidia("525.60.13", "12.0", ("T4", "7.5")),
    _nvidia("550.54.14", "12.4", ("A100", "8.0")),
    _nvidia("570.124.06", "12.8", ADA),
    _nvidia("580.95.05", "13.0", ("H100", "9.0")),
    _nvidia("580.95.05", "13.0", ("B200", "10.0")),
    _nvidia("570.124.06", "12.8", BLACKWELL),
    _nvidia("580.95.05", "13.0", VOLTA, BLACKWELL),
    _nvidia("580.95.05", "13.0", PASCAL, ADA),
    _nvidia("450.80.02", "11.0", ("A100", "8.0")),
    _nvidia("595.71.05", "13.2", ("A100", "8.0")),
    _nvidia("900.10", "15.0", ("H100", "9.0"), name="H100, driver newer than known (900)"),
    _nvidia("581.57", "13.0", ADA, name="RTX 4090 in WSL2, Windows' driver 581", module=False, files={"dev/dxg": ""}),
    Box(name="container on a GPU host, given no GPU", driver="580.95.05"),
    _amd("Radeon RX 7900 XTX (gfx1100)", 110000, "gfx1100"),
    _amd("Radeon 8060S (gfx1151)", 110501, "gfx1151"),
    _amd("Ryzen's graphics (gfx1036)", 100306, "gfx1036"),
    _intel("Intel UHD", "0x9bc5"),
    _intel("Intel Arc A770", "0x56a0", **ZE),
    _intel("Intel Arc A770 without Level Zero", "0x56a0", **{"dev/dri/renderD128": ""}),
)  # fmt: skip
