"""What the driver's answer means. Pure.

The codes: CUDA driver API, `CUresult`; NVML API, `nvmlReturn_t`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kernel_iso.engine.doctoring.answers import Answer, Driver
from kernel_iso.engine.doctoring.findings import Finding, note, ok, problem

BEFORE = "   (where Jupyter is started, then restart it)"

RELOAD = "sudo reboot"

# check, what it means, what to type; `{version}` is the kernel module's.
_CUDA = {
    34: ("stub", "a stub of libcuda, which a toolkit has to link with, is loaded instead of the driver's", "{without}"),
    101: ("visible-devices", "the GPU that was asked for does not exist", "nvidia-smi -L"),
    802: (
        "fabric-manager", "GPUs behind an NVSwitch need NVIDIA's Fabric Manager, of the driver's own version, to run",
        "sudo systemctl restart nvidia-fabricmanager   (version {version})",
    ),
    803: ("driver-mismatch", "the driver was updated while the old one is still loaded", RELOAD),
    804: ("compat", "a libcuda of cuda-compat is loaded, and this GPU does not allow that", "{without}"),
    999: (
        "driver-unknown", "the driver failed in an unknown way, as it does after a suspend",
        "sudo rmmod nvidia_uvm && sudo modprobe nvidia_uvm   (or restart the machine)",
    ),
}  # fmt: skip


def driver(answer: Answer) -> Iterator[Finding]:
    """The findings about the driver and the GPUs, with or without a prefix."""
    yield from _files(answer)
    if answer.driver.failure:
        yield problem(
            "driver", f"NVIDIA's library libcuda {answer.driver.failure}",
            "every program that computes on the GPU ends so, or waits for ever", RELOAD,
        )  # fmt: skip
    elif answer.driver.code is None:
        yield from _no_library(answer)
    elif answer.driver.code == 0 and answer.driver.devices:
        yield from _works(answer)
    else:
        yield _fails(answer)


def _files(answer: Answer) -> Iterator[Finding]:
    refused = [each for each in answer.files if each.refused]
    if refused:
        groups = ", ".join(sorted({each.refused for each in refused}))
        join = f'sudo usermod -aG {refused[0].refused} "$USER"   (then log in again)'
        yield problem(
            "device-files", f"this user may not open {', '.join(each.path for each in refused)}",
            f"they belong to the group {groups}, so that nothing computes on the GPU",
            "ls -l /dev/nvidia*   (ask the administrator for access)" if groups == "root" else join,
        )  # fmt: skip


def _no_library(answer: Answer) -> Iterator[Finding]:
    """libcuda is not there: no GPU, a container without one, or half a driver."""
    devices = [each.path for each in answer.files if each.path != "/dev/kfd"]
    if devices:
        yield problem(
            "driver", f"there is {devices[0]}, and no libcuda.so.1 that the kernel finds",
            "the driver's libraries are not installed, or a container was given the device alone",
            "install the driver's libraries; for a container: NVIDIA_DRIVER_CAPABILITIES=compute,utility",
        )  # fmt: skip
    elif answer.module:
        yield note(
            "container", f"NVIDIA's kernel module {answer.module} is loaded, and there is no /dev/nvidia*",
            "this container sees its host's driver but was given no GPU: everything computes on the CPU",
            "docker run --gpus all …   (or ask the scheduler for a GPU)",
        )  # fmt: skip
    else:
        yield ok("driver", "no NVIDIA driver is here")


def _works(answer: Answer) -> Iterator[Finding]:
    told = answer.driver
    names = "; ".join(f"{gpu.name} (sm_{gpu.architecture.replace('.', '')})" for gpu in told.devices)
    version = answer.nvml.driver or answer.module
    yield ok(
        "driver",
        f"the NVIDIA driver {version + ' ' if version else ''}with CUDA {told.cuda} shows the kernel: {names}",
    )
    for gpu in answer.nvml.devices:
        if gpu.code:
            yield problem(
                "gpu", f"GPU {gpu.index} cannot be used (NVML error {gpu.code})",
                "it has fallen off the bus" if gpu.code == 15 else "the driver refuses it", RELOAD,
            )  # fmt: skip
    if answer.nvml.code == 18:
        yield _mismatch(answer, "NVML error 18")
    asked = [entry for entry in answer.variables.get("CUDA_VISIBLE_DEVICES", "").split(",") if entry.strip()]
    if len(told.devices) < len(asked):
        yield note(
            "visible-devices",
            f"CUDA_VISIBLE_DEVICES={','.join(asked)} names {len(asked)} GPUs, and CUDA shows {len(told.devices)}",
            "the first entry that names none ends the list", "nvidia-smi -L   (then name GPUs by their UUID)",
        )  # fmt: skip
    if "compat" in told.path:
        yield note(
            "compat",
            f"libcuda is {told.path}",
            f"forward compatibility: it gives an older driver CUDA {told.cuda}",
        )


def _fails(answer: Answer) -> Finding:
    """libcuda is there and does not start, or shows no GPU."""
    told = answer.driver
    code = told.code or 100
    if (hidden := _hidden(answer, code)) is not None:
        return hidden
    if code == 100:
        return _none_there(answer)
    if code == 803:
        return _mismatch(answer, "CUDA error 803")
    if code == 804 or "compat" in told.path:
        return _compat(answer, code)
    known = _CUDA.get(code)
    if known is None:
        return problem("driver", f"libcuda does not start (CUDA error {code})", "the driver fails", RELOAD)
    check, means, fix = known
    text = fix.format(version=answer.module or answer.nvml.driver or "of the driver", without=without(answer))
    return problem(
        check, f"libcuda does not start (CUDA error {code}, {told.path or 'libcuda.so.1'})", means, text
    )


def _hidden(answer: Answer, code: int) -> Finding | None:
    """The variable hides every GPU: both answers are shown."""
    if answer.unhidden is None or answer.unhidden.code != 0 or not answer.unhidden.devices:
        return None
    value = answer.variables.get("CUDA_VISIBLE_DEVICES", "")
    names = ", ".join(f"{gpu.name} ({gpu.uuid})" for gpu in answer.unhidden.devices)
    return problem(
        "visible-devices",
        f'with CUDA_VISIBLE_DEVICES="{value}" CUDA shows no GPU (error {code}); without it: {names}',
        "it is empty, so that every GPU is hidden" if value in ("", "-1") else "its first entry names no GPU that is here",
        f"unset CUDA_VISIBLE_DEVICES{BEFORE}",
    )  # fmt: skip


def _none_there(answer: Answer) -> Finding:
    seen = "libcuda is here and finds no GPU (CUDA error 100)"
    devices = [each.path for each in answer.files if each.path != "/dev/kfd"]
    if not devices:
        return problem(
            "container", f"{seen}; there is no /dev/nvidia*",
            "the container was given the driver's libraries but no GPU, or the kernel module is not loaded",
            "docker run --gpus all …   (on the machine itself: sudo modprobe nvidia)",
        )  # fmt: skip
    return problem(
        "container", f"{seen}, though there is {devices[0]}",
        "this process may not use the device: a scheduler or container (cgroup) keeps it back",
        "ask the scheduler for a GPU, for example srun --gres=gpu:1 …",
    )  # fmt: skip


def _mismatch(answer: Answer, code: str) -> Finding:
    library = _version_in(answer.driver) or answer.nvml.driver
    versions = f": kernel module {answer.module}" if answer.module else ""
    versions += f", library {library}" if versions and library else ""
    return problem(
        "driver-mismatch", f"the driver's library does not fit its kernel module ({code}){versions}",
        _CUDA[803][1], RELOAD,
    )  # fmt: skip


def _version_in(told: Driver) -> str:
    """The version in the name of the file that was loaded: libcuda.so.580.95.05."""
    found = re.search(r"libcuda\.so\.(\d{3,}(?:\.\d+)+)", told.path)
    return found[1] if found else ""


def _compat(answer: Answer, code: int) -> Finding:
    return problem(
        "compat", f"libcuda does not start (CUDA error {code}); it is {answer.driver.path or 'not where it should be'}",
        _CUDA[804][1], without(answer),
    )  # fmt: skip


def without(answer: Answer) -> str:
    """The line that takes the folder of the loaded libcuda out of LD_LIBRARY_PATH."""
    folder = answer.driver.path.rpartition("/")[0]
    line = shortened(answer, [folder])
    # Else it came through a link, or the loader's own list.
    return (
        line
        or f"echo $LD_LIBRARY_PATH; ldconfig -p | grep libcuda   (and take {folder or 'that folder'} out)"
    )


def shortened(answer: Answer, folders: Sequence[str]) -> str:
    """The line that sets LD_LIBRARY_PATH without these folders; "" where it has none of them."""
    entries = [entry for entry in answer.variables.get("LD_LIBRARY_PATH", "").split(":") if entry]
    left = [entry for entry in entries if entry.rstrip("/") not in folders]
    if left == entries:
        return ""
    return (f'export LD_LIBRARY_PATH="{":".join(left)}"' if left else "unset LD_LIBRARY_PATH") + BEFORE
