"""Tell the facts of the machine it runs on, as one line of JSON.

Sent to an interpreter as `python -I - < probe.py`, where the kernel will run. That may be a login node whose
only Python is 3.6, so there is no newer syntax here, only the standard library, and annotations are texts.
The last line that it prints is an object with the fields of `kernel_iso.model.Machine` except `pythons`.

It stays one file, longer than ours are, because it is sent whole. NVIDIA's devices are asked of NVML, then of
libcuda (Jetson), then of `nvidia-smi`; AMD's and Intel's are read from /sys. A driver that is broken is a finding:
its libraries are only ever loaded in a child process that is given a time.
"""

import glob
import json
import os
import platform
import re
import select
import signal
import subprocess
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing

OS = {"linux": "linux", "darwin": "macos", "win32": "windows", "cygwin": "windows"}

# The same processor has another name on another system; wheels are named by these.
ARCH = {"amd64": "x86_64", "x64": "x86_64"}


def os_name(platform_name: "str") -> "str":
    """The system's name in our words, from `sys.platform`.

    >>> os_name("darwin")
    'macos'
    """
    return OS.get(platform_name, platform_name)


def arch_name(machine: "str", system: "str") -> "str":
    """The processor's name in our words: `arm64` on macOS and Windows is `aarch64` on Linux.

    >>> arch_name("AMD64", "windows"), arch_name("arm64", "linux"), arch_name("arm64", "macos")
    ('x86_64', 'aarch64', 'arm64')
    """
    name = machine.lower()
    if name in ("arm64", "aarch64"):
        return "aarch64" if system == "linux" else "arm64"
    return ARCH.get(name, name)


def musl_version(banner: "str") -> "str":
    """The version in what musl's loader prints when it is run without arguments.

    >>> musl_version("musl libc (x86_64)\\nVersion 1.2.5\\nDynamic Program Loader")
    '1.2'
    """
    found = re.search(r"Version (\d+\.\d+)", banner)
    return found.group(1) if found else ""


def _musl() -> "str":
    """What musl's loader says of itself: the C library tells its version nowhere else."""
    for loader in sorted(glob.glob("/lib/ld-musl-*.so.1")):
        try:
            process = subprocess.Popen([loader], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            _, banner = process.communicate()
        except OSError:
            continue
        return ("musl " + musl_version(banner.decode("utf-8", "replace"))).strip()
    return ""


def libc() -> "str":
    """The C library and its version ("glibc 2.36", "musl 1.2"), or "" where wheels do not depend on one."""
    if not sys.platform.startswith("linux"):
        return ""
    try:
        # glibc answers "glibc 2.36"; musl knows no such name and raises.
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return _musl()


SECONDS = 30
"""How long the driver's libraries may take. Without persistence mode each GPU is woken first, 1-2 s apiece."""

LINUX_LIBRARIES = ("libnvidia-ml.so.1", "libcuda.so.1")
# WSL first: a stub of the same name may lie in /usr/lib there. The rest is where distributions, Jetson, Nix and
# Kubernetes put the driver's libraries; the loader itself is asked by name besides.
LINUX_FOLDERS = (
    "usr/lib/wsl/lib", "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib",
    "usr/local/lib", "usr/local/nvidia/lib64", "usr/lib/aarch64-linux-gnu/tegra", "usr/lib/aarch64-linux-gnu/nvidia",
    "run/opengl-driver/lib",
)  # fmt: skip
# Where NVIDIA's installers put them on Windows; the second one until driver 418.
WINDOWS_FILES = {
    "libnvidia-ml.so.1": (
        ("SystemRoot", "System32", "nvml.dll"),
        ("ProgramFiles", "NVIDIA Corporation", "NVSMI", "nvml.dll"),
    ),
    "libcuda.so.1": (("SystemRoot", "System32", "nvcuda.dll"),),
    "nvidia-smi": (
        ("SystemRoot", "System32", "nvidia-smi.exe"),
        ("ProgramFiles", "NVIDIA Corporation", "NVSMI", "nvidia-smi.exe"),
    ),
}
# What a container gets only together with a GPU; dxg is WSL2's, the last ones are Jetson's.
DEVICE_FILES = (
    "dev/nvidia[0-9]*",
    "dev/nvidiactl",
    "dev/nvidia-caps",
    "dev/dxg",
    "dev/nvhost-gpu",
    "dev/nvgpu",
)
# What a container sees of its host although it has no GPU.
HOST_FILES = ("sys/module/nvidia", "proc/driver/nvidia/version")

NVML_CODES = {
    4: "this user may not use the NVIDIA devices: check the permissions of /dev/nvidia*",
    9: "the NVIDIA driver is installed but not loaded: load it (`modprobe nvidia`), or restart the machine",
    12: "NVIDIA's CUDA library libcuda is missing: in a container, NVIDIA_DRIVER_CAPABILITIES must have `compute`",
    15: "a GPU has fallen off the bus: restart the machine",
    18: "the NVIDIA driver was updated but the old one is still loaded (driver/library version mismatch): "
    "restart the machine",
}
CUDA_CODES = {
    34: "a stub of libcuda is loaded instead of the driver's: take the toolkit's `stubs` folder out of LD_LIBRARY_PATH",
    100: "the NVIDIA driver finds no GPU: a container must be given one (`--gpus all`)",
    101: "the GPU that was asked for does not exist",
    802: "the GPUs are not ready: NVSwitch machines need nvidia-fabricmanager of the driver's own version running",
    803: NVML_CODES[18],
    804: "a libcuda of cuda-compat is loaded on a GPU that does not allow it: take its folder out of LD_LIBRARY_PATH",
    999: "the NVIDIA driver failed in an unknown way, as after a suspend: reload nvidia_uvm, or restart the machine",
}
# NVML answers these where it does not know the device, as on Jetson; libcuda is asked then.
NVML_ABSENT = (3, 12, 13)

# The newest CUDA of each driver branch, for an override that names a driver (CUDA release notes, table 3, 2026-11).
BRANCHES = (
    (616, "13.4"), (610, "13.3"), (595, "13.2"), (590, "13.1"), (580, "13.0"), (575, "12.9"), (570, "12.8"),
    (565, "12.7"), (560, "12.6"), (555, "12.5"), (550, "12.4"), (545, "12.3"), (535, "12.2"), (530, "12.1"),
    (525, "12.0"), (520, "11.8"), (515, "11.7"), (510, "11.6"), (495, "11.5"), (470, "11.4"), (465, "11.3"),
    (460, "11.2"), (455, "11.1"), (450, "11.0"), (440, "10.2"),
)  # fmt: skip

# AMD's graphics inside processors. torch has no build for them, or one that is slower than the processor.
# Strix Point and Strix Halo (gfx1150, gfx1151) are not here: there are builds, and people buy them for it.
INTEGRATED = (
    "gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1037", "gfx1103",
)  # fmt: skip

# Intel GPUs that torch's XPU build supports (its 2.15 documentation), by PCI device (Linux drm/intel/pciids.h).
XPUS = {
    "alchemist": "5690 5691 5692 5693 5694 5695 5696 5697 56a0 56a1 56a2 56a3 56a4 56a5 56a6 56b0 56b1 56b2 56b3 "
    "56ba 56bb 56bc 56bd 56be 56bf",
    "battlemage": "e202 e209 e20b e20c e20d e210 e211 e212 e216 e220 e221 e222 e223",
    "ponte-vecchio": "0b69 0b6e 0bd0 0bd4 0bd5 0bd6 0bd7 0bd8 0bd9 0bda 0bdb",
    "meteor-lake": "7d40 7d45 7d55 7d60 7dd5",
    "arrow-lake": "7d41 7d51 7d67 7dd1",
    "lunar-lake": "6420 64a0 64b0",
    "panther-lake": "b080 b081 b082 b083 b084 b085 b086 b087 b08f b090 b0a0 b0b0",
}
XPU_NAMES = {
    "alchemist": "Intel Arc A-Series", "battlemage": "Intel Arc B-Series", "ponte-vecchio": "Intel Data Center GPU Max",
}  # fmt: skip

# Every variable that changes what is told here, for whoever remembers an answer. Two jobs of a cluster may count
# different GPUs of one machine as the first.
VARIABLES = (
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
    "HSA_OVERRIDE_GFX_VERSION", "LD_LIBRARY_PATH", "UV_CUDA_DRIVER_VERSION", "UV_AMD_GPU_ARCHITECTURE",
    "CONDA_OVERRIDE_CUDA", "CONDA_OVERRIDE_CUDA_ARCH", "SLURM_JOB_ID", "NVIDIA_VISIBLE_DEVICES",
)  # fmt: skip


# ---- what lies on the disk


def text_of(path: "str") -> "str":
    """A small file's text, "" where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(65536).decode("utf-8", "replace").strip()
    except (OSError, ValueError):
        return ""


def below(root: "str", *patterns: "str") -> "list[str]":
    """What exists below `root` of these patterns."""
    found = []
    for pattern in patterns:
        path = os.path.join(root, pattern)
        # glob takes ten times as long for a name without a pattern.
        found += sorted(glob.glob(path)) if "*" in pattern else [path] if os.path.exists(path) else []
    return found


def library_files(
    name: "str", root: "str", environ: "typing.Mapping[str, str]", system: "str"
) -> "list[str]":
    """Where the driver's library `name` (or `nvidia-smi`) lies, by its Linux name; the first one is to be used."""
    if system == "windows":
        places = [
            os.path.join(environ.get(place[0], "\0"), *place[1:]) for place in WINDOWS_FILES.get(name, ())
        ]
        return [place for place in places if "\0" not in place and os.path.isfile(place)]
    if name == "nvidia-smi":
        folders = environ.get("PATH", "").split(os.pathsep)
    else:
        folders = environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    own = [os.path.join(folder, name) for folder in folders if folder]
    wsl = below(root, "usr/lib/wsl/lib/" + name)
    rest = [] if name == "nvidia-smi" else below(root, *(folder + "/" + name for folder in LINUX_FOLDERS[1:]))
    return wsl + [path for path in own if os.path.isfile(path)] + rest


def traces(root: "str", environ: "typing.Mapping[str, str]", system: "str") -> "list[str]":
    """The files for which NVIDIA's libraries are worth asking: devices, libraries, `nvidia-smi`; none, no GPU."""
    if system not in ("linux", "windows"):
        return []
    found = below(root, *DEVICE_FILES) if system == "linux" else []
    for name in (*LINUX_LIBRARIES, "nvidia-smi"):
        found += library_files(name, root, environ, system)
    return found


def print_of(root: "str", environ: "typing.Mapping[str, str]", system: "str") -> "list[str]":
    """What an answer about accelerators is good for: devices, drivers and variables, as texts to compare."""
    said = [name + "=" + environ[name] for name in VARIABLES if name in environ]
    for path in traces(root, environ, system):
        try:
            state = os.stat(path)
            # A device file's time changes whenever it is used; 0o100000 is a file with content.
            stamp = " %d %d" % (state.st_mtime, state.st_size) if state.st_mode & 0o170000 == 0o100000 else ""
        except OSError:
            stamp = " gone"
        said.append(path + stamp)
    said += below(
        root, "proc/driver/nvidia/gpus/*", "dev/kfd", "dev/dri/*", "sys/class/kfd/kfd/topology/nodes/*"
    )
    return said + [
        text_of(path) for path in below(root, "proc/driver/nvidia/version", "sys/module/nvidia/version")
    ]


# ---- apart, where a crash or a hang hurts nobody


def apart(
    work: "typing.Callable[[list[str]], typing.Any]", paths: "list[str]", seconds: "float"
) -> "tuple[typing.Any, str]":
    """What `work(paths)` returns (JSON), and "" or how it failed. A driver may hang for ever, or end its process."""
    if not hasattr(os, "fork"):
        return _in_thread(work, paths, seconds)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _work(work, paths, reading, writing)
    os.close(writing)
    try:
        answer, late = _read(reading, seconds)
    finally:
        os.close(reading)
    if late:
        os.kill(child, signal.SIGKILL)
        # Not waited for: one that hangs inside the kernel cannot be ended by anybody.
        return None, "did not answer within %g seconds" % seconds
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return None, "crashed (signal %d)" % os.WTERMSIG(status)
    try:
        return json.loads(answer.decode("utf-8")), ""
    except ValueError:
        return None, "ended without an answer (status %d)" % os.WEXITSTATUS(status)


def _work(
    work: "typing.Callable[[list[str]], typing.Any]", paths: "list[str]", reading: "int", writing: "int"
) -> "None":
    """The child's whole life. It holds none of our streams: whoever reads them must not wait for it."""
    status = 1
    try:
        os.close(reading)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        with os.fdopen(writing, "wb") as file:
            file.write(json.dumps(work(paths)).encode("utf-8"))
        status = 0
    finally:
        os._exit(status)


def _read(reading: "int", seconds: "float") -> "tuple[bytes, bool]":
    """All that comes until the other end closes, and True where that took too long."""
    answer, end = b"", time.time() + seconds
    while select.select([reading], [], [], max(0.0, end - time.time()))[0]:
        piece = os.read(reading, 65536)
        if not piece:
            return answer, False
        answer += piece
    return answer, True


def _in_thread(
    work: "typing.Callable[[list[str]], typing.Any]", paths: "list[str]", seconds: "float"
) -> "tuple[typing.Any, str]":
    """The same where processes cannot be forked: a hang is left behind, a crash is not survived."""
    answers: "list[typing.Any]" = []

    def attempt() -> "None":
        try:
            answers.append(work(paths))
        except Exception:  # as in a child: whatever it was, there is no answer
            pass

    thread = threading.Thread(target=attempt)
    thread.daemon = True
    thread.start()
    thread.join(seconds)
    if answers:
        return answers[0], ""
    return (
        None,
        "did not answer within %g seconds" % seconds if thread.is_alive() else "ended without an answer",
    )


# ---- NVIDIA: its libraries


def version_of(number: "int") -> "str":
    """CUDA's version from the driver's number, "" for one that cannot be.

    >>> version_of(12080), version_of(13000), version_of(0)
    ('12.8', '13.0', '')
    """
    return "%d.%d" % (number // 1000, number % 1000 // 10) if 1000 <= number <= 99990 else ""


def uuid_of(raw: "bytes") -> "str":
    """libcuda's sixteen bytes as NVML and CUDA_VISIBLE_DEVICES write them.

    >>> uuid_of(bytes(range(16)))
    'GPU-00010203-0405-0607-0809-0a0b0c0d0e0f'
    """
    digits = "".join("%02x" % byte for byte in raw)
    return "GPU-" + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def loaded(paths: "typing.Iterable[str]") -> "typing.Any":
    """The first of these libraries that can be loaded, or None."""
    try:
        import ctypes
    except ImportError:  # a Python that was built without libffi
        return None
    for path in paths:
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    return None


def _number(function: "typing.Any", *arguments: "typing.Any") -> "tuple[int, int]":
    """The code of a call that writes one number behind its last argument, and the number."""
    import ctypes

    value = ctypes.c_int(0)
    return function(*arguments, ctypes.byref(value)), value.value


def _text(function: "typing.Any", *arguments: "typing.Any") -> "str":
    """The text that a call writes into a buffer and its length behind the first arguments."""
    import ctypes

    buffer = ctypes.create_string_buffer(256)
    return "" if function(*arguments, buffer, 256) else buffer.value.decode("utf-8", "replace")


def ask_nvml(paths: "typing.Iterable[str]") -> "dict[str, typing.Any]":
    """What NVML tells: `code` of its start (None: no library), `driver`, `cuda`, `cuda_code` and `devices`."""
    nvml = loaded(paths)
    if nvml is None:
        return {"code": None}
    code = nvml.nvmlInit_v2()
    if code:
        return {"code": code}
    # Not the function without _v2: that one answers a number of its own where libcuda is missing.
    asked = getattr(nvml, "nvmlSystemGetCudaDriverVersion_v2", None)
    cuda_code, number = _number(asked) if asked else (13, 0)
    count_code, count = _number(nvml.nvmlDeviceGetCount_v2)
    devices = [_nvml_device(nvml, index) for index in range(0 if count_code else count)]
    return {
        "code": count_code,
        "driver": _text(nvml.nvmlSystemGetDriverVersion),
        "cuda": version_of(number),
        "cuda_code": cuda_code,
        "devices": devices,
    }


def _nvml_device(nvml: "typing.Any", index: "int") -> "dict[str, typing.Any]":
    """One GPU, or the code with which NVML refuses it."""
    import ctypes

    handle = ctypes.c_void_p()
    code = nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle))
    if code:
        return {"index": index, "code": code}
    major, minor = ctypes.c_int(0), ctypes.c_int(0)
    code = nvml.nvmlDeviceGetCudaComputeCapability(handle, ctypes.byref(major), ctypes.byref(minor))
    memory = (ctypes.c_ulonglong * 3)()
    nvml.nvmlDeviceGetMemoryInfo(handle, memory)
    device = {
        "index": index,
        "name": _text(nvml.nvmlDeviceGetName, handle),
        "uuid": _text(nvml.nvmlDeviceGetUUID, handle),
        "architecture": "" if code else "%d.%d" % (major.value, minor.value),
        "memory": memory[0],
    }
    device.update(_nvml_mig(nvml, handle))
    return device


def _nvml_mig(nvml: "typing.Any", handle: "typing.Any") -> "dict[str, typing.Any]":
    """MIG mode and the UUIDs of the instances; drivers before 450 know neither."""
    import ctypes

    if not hasattr(nvml, "nvmlDeviceGetMigMode"):
        return {"mig": False, "parts": []}
    now, then = ctypes.c_uint(0), ctypes.c_uint(0)
    if nvml.nvmlDeviceGetMigMode(handle, ctypes.byref(now), ctypes.byref(then)) or not now.value:
        return {"mig": False, "parts": []}
    parts = []
    _, most = _number(nvml.nvmlDeviceGetMaxMigDeviceCount, handle)
    for index in range(most):
        part = ctypes.c_void_p()
        if not nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, ctypes.c_uint(index), ctypes.byref(part)):
            parts.append(_text(nvml.nvmlDeviceGetUUID, part))
    return {"mig": True, "parts": parts}


def ask_cuda(paths: "typing.Iterable[str]") -> "dict[str, typing.Any]":
    """What libcuda tells of every GPU, in CUDA's order: `code` of its start (None: no library) and the like."""
    # It would tell only of the visible ones, with other numbers.
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    return visible_to_cuda(paths)


def visible_to_cuda(paths: "typing.Iterable[str]") -> "dict[str, typing.Any]":
    """The same of the GPUs that this process may see."""
    cuda = loaded(paths)
    if cuda is None:
        return {"code": None}
    _, number = _number(lambda pointer: cuda.cuDriverGetVersion(pointer))
    answer = {"code": cuda.cuInit(0), "cuda": version_of(number), "cuda_code": 0, "driver": "", "devices": []}
    if not answer["code"]:
        answer["code"], count = _number(cuda.cuDeviceGetCount)
        answer["devices"] = [_cuda_device(cuda, index) for index in range(count)]
    return answer


def _cuda_device(cuda: "typing.Any", index: "int") -> "dict[str, typing.Any]":
    import ctypes

    device, value, raw = ctypes.c_int(0), ctypes.c_int(0), (ctypes.c_ubyte * 16)()
    cuda.cuDeviceGet(ctypes.byref(device), index)
    capability = []
    for attribute in (75, 76):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR
        cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        capability.append(value.value)
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t(0)
    cuda.cuDeviceGetName(name, 256, device)
    get_uuid = getattr(cuda, "cuDeviceGetUuid", None)
    uuid = uuid_of(bytes(bytearray(raw))) if get_uuid and not get_uuid(raw, device) else ""
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    return {
        "index": index,
        "name": name.value.decode("utf-8", "replace"),
        "uuid": uuid,
        "architecture": "%d.%d" % tuple(capability),
        "memory": memory.value,
    }


# ---- NVIDIA: its tool

SMI_FIELDS = ("index", "name", "uuid", "driver_version", "memory.total", "mig.mode.current", "compute_cap")


def smi_devices(text: "str") -> "list[dict[str, typing.Any]]":
    """The GPUs in `nvidia-smi --query-gpu=<SMI_FIELDS> --format=csv,noheader,nounits`, a line for each.

    >>> text = '''0, NVIDIA A100-SXM4-80GB, GPU-8a3a1c5e-0b6e, 570.86.15, 81920, Enabled, 8.0
    ... 1, NVIDIA GeForce GTX 1080 Ti, GPU-11112222-3333, 570.86.15, 11264, [N/A], 6.1'''
    >>> for device in smi_devices(text):
    ...     print(device["name"], device["architecture"], device["mig"], device["memory"] >> 30)
    NVIDIA A100-SXM4-80GB 8.0 True 80
    NVIDIA GeForce GTX 1080 Ti 6.1 False 11
    """
    devices = []
    for line in text.splitlines():
        values = [value.strip() for value in line.split(",")]
        if len(values) < 6 or not values[0].isdigit():
            continue
        devices.append(
            {
                "index": int(values[0]),
                "name": values[1],
                "uuid": values[2],
                "driver": values[3],
                "memory": int(values[4]) * 1024 * 1024 if values[4].isdigit() else 0,
                "mig": values[5] == "Enabled",
                "architecture": values[6] if len(values) > 6 and re.match(r"\d+\.\d+$", values[6]) else "",
            }
        )
    return devices


def smi_cuda(text: "str") -> "str":
    """CUDA's version in what `nvidia-smi` prints for people; drivers from 595 on call it the UMD's.

    >>> smi_cuda("| NVIDIA-SMI 570.86.15   Driver Version: 570.86.15   CUDA Version: 12.8 |")
    '12.8'
    >>> smi_cuda("Driver Version  : 610.43.02\\nCUDA UMD Version                : 13.3\\n")
    '13.3'
    """
    found = re.search(r"CUDA (?:UMD )?Version\s*:\s*(\d+\.\d+)", text)
    return found.group(1) if found else ""


def _smi(tool: "str", arguments: "list[str]", seconds: "float") -> "tuple[str, str]":
    """What the tool prints, and "" or why it failed, in its own words."""
    try:
        with open(os.devnull, "rb") as nothing:
            process = subprocess.Popen(
                [tool, *arguments], stdin=nothing, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        output = process.communicate(timeout=seconds)[0].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        process.kill()
        return "", "did not answer within %g seconds" % seconds
    except OSError as error:
        return "", "cannot be started: %s" % error
    if process.returncode:
        return output, "failed: " + " ".join(output.split())[:300]
    return output, ""


def ask_smi(tool: "str", seconds: "float") -> "tuple[dict[str, typing.Any], str]":
    """What nvidia-smi tells, in the form of `ask_nvml`, and "" or why it failed."""
    for fields in (SMI_FIELDS, SMI_FIELDS[:-1]):  # drivers before 510 know no compute_cap
        query = ["--query-gpu=" + ",".join(fields), "--format=csv,noheader,nounits"]
        output, failure = _smi(tool, query, seconds)
        if "not a valid field" not in output:
            break
    if failure:
        return {"code": None}, failure
    devices = smi_devices(output)
    table, _ = _smi(tool, ["-q"], seconds)
    driver = str(devices[0]["driver"]) if devices else ""
    return {"code": 0, "driver": driver, "cuda": smi_cuda(table), "cuda_code": 0, "devices": devices}, ""


# ---- NVIDIA: what a process may see


def chosen(value: "str | None", names: "list[list[str]]", order: "list[int]") -> "list[int]":
    """The positions of the devices that `CUDA_VISIBLE_DEVICES=value` lets a process see, as CUDA reads it.

    `names` are the UUIDs of each device (its own first, then those of its MIG instances), `order` its positions
    in CUDA's order. The first entry that names none ends the list, and a repeated one empties it (CUDA C++
    Programming Guide, "Environment Variables"; `torch.cuda._parse_visible_devices`).

    >>> names = [["GPU-aa11"], ["GPU-aa22", "MIG-b1"], ["GPU-cc"]]
    >>> [chosen(value, names, [2, 0, 1]) for value in (None, "1,0", "0,7,1", "", "-1", "NoDevFiles", "0,0")]
    [[2, 0, 1], [0, 2], [2], [], [], [], []]
    >>> [chosen(value, names, [2, 0, 1]) for value in ("GPU-cc,GPU-aa1", "GPU-aa", "MIG-b1", "MIG-GPU-aa22/1/0")]
    [[2, 0], [], [1], [1]]
    """
    if value is None:
        return list(order)
    picked = []
    prefix = value[:4] if value[:4] in ("GPU-", "MIG-") else ""
    for entry in value.split(","):
        match = _by_name(entry, names) if entry.startswith(prefix or "\0") else None
        if not prefix:
            number = re.match(r"\s*\+?(\d+)", entry)
            place = int(number.group(1)) if number else -1
            match = (order[place], "") if 0 <= place < len(order) else None
        if match is None:
            break
        if match in picked:
            return []
        picked.append(match)
    return list(dict.fromkeys(position for position, _ in picked))


def _by_name(entry: "str", names: "list[list[str]]") -> "tuple[int, str] | None":
    """The one device or MIG instance whose UUID starts so. Before driver 470 an instance is MIG-GPU-<uuid>/1/0."""
    if entry.startswith("MIG-GPU-"):
        owners = [(place, entry) for place, own in enumerate(names) if own[0] == entry[4:].split("/")[0]]
    else:
        owners = [(place, name) for place, own in enumerate(names) for name in own if name.startswith(entry)]
    return owners[0] if len(owners) == 1 else None


def capability_of(device: "dict[str, typing.Any]") -> "list[int]":
    """An architecture as numbers, for comparing."""
    return [int(part) for part in re.findall(r"\d+", str(device.get("architecture", "")))]


def cuda_order(
    devices: "list[dict[str, typing.Any]]",
    environ: "typing.Mapping[str, str]",
    real: "typing.Callable[[], list[str]]",
) -> "tuple[list[int], list[str]]":
    """The positions of NVML's devices in CUDA's order, and what is to be said of it.

    NVML counts by PCI address; CUDA puts the fastest first unless CUDA_DEVICE_ORDER says PCI_BUS_ID. It only
    matters where numbers choose among different GPUs: `real` is asked for CUDA's order (UUIDs) then.
    """
    order = list(range(len(devices)))
    value = environ.get("CUDA_VISIBLE_DEVICES", "")
    kinds = set((device.get("name"), device.get("architecture")) for device in devices)
    if environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len(kinds) < 2 or not re.match(r"\s*\+?\d", value):
        return order, []
    uuids = real()
    places = dict((device.get("uuid"), place) for place, device in enumerate(devices))
    if sorted(uuids) == sorted(str(uuid) for uuid in places):
        return [places[uuid] for uuid in uuids], []
    order.sort(key=lambda place: capability_of(devices[place]), reverse=True)
    return order, [
        "CUDA_VISIBLE_DEVICES=%s counts different GPUs with the fastest first, and only CUDA knows that order: "
        "the newest architecture is taken for the fastest; name a GPU by its UUID, or set "
        "CUDA_DEVICE_ORDER=PCI_BUS_ID" % value
    ]


def nvidia(
    root: "str", environ: "typing.Mapping[str, str]", system: "str", seconds: "float"
) -> "tuple[list[dict[str, typing.Any]], list[str]]":
    """NVIDIA's devices and what is wrong with them."""
    if system not in ("linux", "windows"):
        return [], []
    if not traces(root, environ, system):
        if system == "linux" and below(root, *HOST_FILES):
            return [], [
                "this container sees the host's NVIDIA driver but was given no GPU (`--gpus all` gives them)"
            ]
        return [], []
    if seconds == 0:
        return [], []
    paths = dict((name, _candidates(name, root, environ, system)) for name in LINUX_LIBRARIES)
    answer, findings, complete = _ask(paths, root, environ, system, seconds)
    if not complete:
        return [], findings

    def real() -> "list[str]":
        told, _ = apart(ask_cuda, paths["libcuda.so.1"], seconds)
        return [str(device["uuid"]) for device in told.get("devices", [])] if told else []

    return _seen(answer, findings, environ, real)


def _candidates(name: "str", root: "str", environ: "typing.Mapping[str, str]", system: "str") -> "list[str]":
    """The files to load, and the bare name for the loader. What LD_LIBRARY_PATH has, the loader finds itself."""
    files = library_files(name, root, environ, system)
    return files if system == "windows" else [*below(root, "usr/lib/wsl/lib/" + name), name, *files]


def _ask(
    paths: "dict[str, list[str]]",
    root: "str",
    environ: "typing.Mapping[str, str]",
    system: "str",
    seconds: "float",
) -> "tuple[dict[str, typing.Any], list[str], bool]":
    """The first answer of NVML, libcuda and nvidia-smi, what is wrong, and whether there is an answer."""
    sources = (
        ("NVML", ask_nvml, "libnvidia-ml.so.1", NVML_CODES),
        ("libcuda", ask_cuda, "libcuda.so.1", CUDA_CODES),
    )
    for title, ask, name, codes in sources:
        answer, failure = apart(ask, paths[name], seconds)
        if failure:
            return {}, ["NVIDIA's library %s %s: restart the machine or the driver" % (title, failure)], False
        code = answer["code"]
        if code == 0:
            return answer, [], True
        if code is not None and (title, code) not in [("NVML", absent) for absent in NVML_ABSENT]:
            return {}, ["%s (%s error %d)" % (codes.get(code, "the NVIDIA driver fails"), title, code)], False
    for tool in library_files("nvidia-smi", root, environ, system)[:1]:
        answer, failure = ask_smi(tool, seconds)
        return answer, ["`nvidia-smi` " + failure] if failure else [], not failure
    devices = below(root, *DEVICE_FILES)
    return {}, ["there are NVIDIA devices (%s) but no NVIDIA library" % devices[0]] if devices else [], False


def _seen(
    answer: "dict[str, typing.Any]",
    findings: "list[str]",
    environ: "typing.Mapping[str, str]",
    real: "typing.Callable[[], list[str]]",
) -> "tuple[list[dict[str, typing.Any]], list[str]]":
    """The devices of an answer, with what a process may see of them."""
    refused = [device for device in answer["devices"] if "code" in device]
    for device in refused:
        meaning = NVML_CODES.get(device["code"], "the driver refuses it")
        findings.append(
            "GPU %d cannot be used: %s (NVML error %d)" % (device["index"], meaning, device["code"])
        )
    devices = [device for device in answer["devices"] if "code" not in device]
    order, said = cuda_order(devices, environ, real)
    names = [[str(device["uuid"]), *(device.get("parts") or [])] for device in devices]
    value = environ.get("CUDA_VISIBLE_DEVICES")
    visible = chosen(value, names, order)
    findings += said
    if devices and not visible:
        findings.append("CUDA_VISIBLE_DEVICES=%s hides every NVIDIA GPU" % value)
    if devices and answer["cuda_code"]:
        visible = []
        findings.append(NVML_CODES[12] + " (NVML error %d)" % answer["cuda_code"])
    elif devices and not answer["cuda"]:
        findings.append("the NVIDIA driver does not tell which CUDA it supports")
    for place, device in enumerate(devices):
        device.update(kind="cuda", cuda=answer["cuda"], driver=answer["driver"], visible=place in visible)
        if device.get("mig") and device.get("parts") == []:
            device["visible"] = False
            findings.append(
                "GPU %d is in MIG mode but has no MIG instance that may be used" % device["index"]
            )
    return devices, findings


# ---- AMD


def gfx_of(target: "int") -> "str":
    """AMD's architecture from the kernel's number, "" for a processor (0).

    >>> [gfx_of(target) for target in (110501, 90500, 90402, 90010, 100306, 90012, 0)]
    ['gfx1151', 'gfx950', 'gfx942', 'gfx90a', 'gfx1036', 'gfx90c', '']
    """
    return "gfx%d%x%x" % (target // 10000, target // 100 % 100, target % 100) if target else ""


def properties_of(text: "str") -> "dict[str, int]":
    """The numbers in a `properties` file of the KFD topology.

    >>> properties_of("cpu_cores_count 0\\nsimd_count 304\\ngfx_target_version 90402\\nunique_id 123\\nodd")
    {'cpu_cores_count': 0, 'simd_count': 304, 'gfx_target_version': 90402, 'unique_id': 123}
    """
    return dict((name, int(number)) for name, number in re.findall(r"(?m)^(\w+) (\d+)$", text))


def amd(root: "str", environ: "typing.Mapping[str, str]") -> "tuple[list[dict[str, typing.Any]], list[str]]":
    """AMD's devices from the kernel's own list, and what is wrong with them."""
    devices: "list[dict[str, typing.Any]]" = []
    folders = below(root, "sys/class/kfd/kfd/topology/nodes/*")
    for folder in sorted(folders, key=lambda path: int("0" + re.sub(r"\D", "", os.path.basename(path)))):
        node = properties_of(text_of(os.path.join(folder, "properties")))
        target = gfx_of(node.get("gfx_target_version", 0))
        if not target:
            continue
        integrated = " (integrated)" if target in INTEGRATED else ""
        uuid = "GPU-%016x" % node["unique_id"] if node.get("unique_id") else ""
        banks = [properties_of(text_of(path)) for path in below(folder, "mem_banks/*/properties")]
        devices.append(
            {
                "kind": "rocm", "index": len(devices), "name": "AMD " + target + integrated, "uuid": uuid,
                "architecture": target, "driver": text_of(os.path.join(root, "sys/module/amdgpu/version")),
                # 1 and 2 are the heaps of the frame buffer (linux/kfd_ioctl.h, KFD_MEM_HEAP).
                "memory": sum(bank.get("size_in_bytes", 0) for bank in banks if bank.get("heap_type") in (1, 2)),
            }
        )  # fmt: skip
    return devices, _amd_seen(devices, root, environ) if devices else []


def _amd_seen(
    devices: "list[dict[str, typing.Any]]", root: "str", environ: "typing.Mapping[str, str]"
) -> "list[str]":
    """Mark what a process may see; the findings about it."""
    names = [[str(device["uuid"]) or "\0"] for device in devices]
    # ROCR_ filters for the runtime, HIP_ counts what is left of it, and CUDA_ is its other name.
    visible = chosen(environ.get("ROCR_VISIBLE_DEVICES"), names, list(range(len(devices))))
    visible = chosen(environ.get("HIP_VISIBLE_DEVICES", environ.get("CUDA_VISIBLE_DEVICES")), names, visible)
    findings = []
    kfd = os.path.join(root, "dev/kfd")
    if not os.access(kfd, os.R_OK | os.W_OK):
        visible = []
        why = "belongs to other groups: join `render` and `video`" if os.path.exists(kfd) else "is not there"
        findings.append("there is an AMD GPU but %s cannot be used: it %s" % ("/dev/kfd", why))
    forced = re.match(r"(\d+)\.(\d+)\.(\d+)$", environ.get("HSA_OVERRIDE_GFX_VERSION", ""))
    only_integrated = all(device["architecture"] in INTEGRATED for device in devices)
    for place, device in enumerate(devices):
        integrated = device["architecture"] in INTEGRATED and not (forced and only_integrated)
        device["visible"] = place in visible and not integrated
        if forced:
            device["architecture"] = "gfx%d%x%x" % tuple(int(number) for number in forced.groups())
    if forced:
        findings.append("HSA_OVERRIDE_GFX_VERSION makes every AMD GPU a " + str(devices[0]["architecture"]))
    return findings


# ---- Intel, Apple


def intel(
    root: "str", environ: "typing.Mapping[str, str]"
) -> "tuple[list[dict[str, typing.Any]], list[str]]":
    """Intel GPUs that torch's XPU build supports, where Level Zero is there to drive them.

    Older graphics in processors (UHD) are none: the build does not run on them.
    """
    families = dict((device, family) for family, devices in XPUS.items() for device in devices.split())
    devices: "list[dict[str, typing.Any]]" = []
    for folder in below(root, "sys/bus/pci/devices/*"):
        if not text_of(os.path.join(folder, "class")).startswith("0x03"):
            continue
        vendor, number = (text_of(os.path.join(folder, name)) for name in ("vendor", "device"))
        family = families.get(number.lower().replace("0x", ""))
        if vendor == "0x8086" and family:
            name = XPU_NAMES.get(family, "Intel Core Ultra graphics")
            devices.append(
                {
                    "kind": "xpu", "index": len(devices), "name": name, "uuid": os.path.basename(folder),
                    "architecture": family,
                }
            )  # fmt: skip
    if not devices:
        return [], []
    missing = ""
    if not library_files("libze_loader.so.1", root, environ, "linux"):
        missing = "Level Zero (libze_loader.so.1) is not installed: install `libze1` and `libze-intel-gpu1`"
    elif not below(root, "dev/dri/renderD*"):
        missing = "there is no /dev/dri/renderD*: a container must be given it"
    for device in devices:
        device["visible"] = not missing
    return devices, ["the %s cannot be used: %s" % (devices[0]["name"], missing)] if missing else []


def apple(system: "str", arch: "str") -> "list[dict[str, typing.Any]]":
    """Apple's own GPU, which only its own processors have for Metal's shaders.

    >>> [device["kind"] for device in apple("macos", "arm64")], apple("macos", "x86_64"), apple("linux", "arm64")
    (['mps'], [], [])
    """
    if (system, arch) != ("macos", "arm64"):
        return []
    return [
        {"kind": "mps", "index": 0, "name": "Apple GPU", "driver": platform.mac_ver()[0], "visible": True}
    ]


# ---- what a person says instead


def cuda_of_driver(driver: "str") -> "str":
    """The newest CUDA of a driver's branch; one that is newer than the table has the newest known, "" is too old.

    >>> [cuda_of_driver(driver) for driver in ("550.144.03", "581.2", "700.1", "390.157", "new")]
    ['12.4', '13.0', '13.4', '', '']
    """
    found = re.match(r"\d+", driver)
    branch = int(found.group()) if found else 0
    return next((cuda for first, cuda in BRANCHES if branch >= first), "")


def overridden(
    devices: "list[dict[str, typing.Any]]", environ: "typing.Mapping[str, str]"
) -> "tuple[list[dict[str, typing.Any]], list[str]]":
    """The devices as the variables say that people know from uv and conda, and that they say so.

    >>> overridden([], {"CONDA_OVERRIDE_CUDA": "12.4"})[0][0]["cuda"]
    '12.4'
    >>> overridden([{"kind": "cuda", "architecture": "8.9"}], {"CONDA_OVERRIDE_CUDA": ""})[0]
    []
    """
    findings = []
    for name, (kind, pattern, fields) in OVERRIDES.items():
        value = environ.get(name)
        if value is None:
            continue
        others = [device for device in devices if device["kind"] != kind]
        mine = [device for device in devices if device["kind"] == kind]
        if not value:
            devices = others
            findings.append("%s is empty: no %s device is counted" % (name, kind))
        elif re.match(pattern + "$", value):
            blank = {"kind": kind, "name": "named by " + name, "visible": True}
            devices = others + [dict(device, **fields(value)) for device in mine or [blank]]
            findings.append("%s=%s stands instead of what was found" % (name, value))
        else:
            findings.append("%s=%s is passed over: it is not of the form it should be" % (name, value))
    return devices, findings


OVERRIDES: "dict[str, tuple[str, str, typing.Callable[[str], dict[str, typing.Any]]]]" = {
    "UV_CUDA_DRIVER_VERSION": (
        "cuda", r"\d+(\.\d+)*", lambda value: {"driver": value, "cuda": cuda_of_driver(value)},
    ),
    "CONDA_OVERRIDE_CUDA": ("cuda", r"\d+\.\d+", lambda value: {"cuda": value}),
    "CONDA_OVERRIDE_CUDA_ARCH": ("cuda", r"\d+\.\d+", lambda value: {"architecture": value}),
    "UV_AMD_GPU_ARCHITECTURE": ("rocm", r"gfx[0-9a-f]+", lambda value: {"architecture": value}),
}  # fmt: skip
"""In the order in which they count, the last one most: the kind of device, the form, and what it says."""


# ---- all of it


def host() -> "dict[str, typing.Any]":
    """The machine without its accelerators: nothing that could hang or crash is asked."""
    system = os_name(sys.platform)
    arch = arch_name(platform.machine(), system)
    return {"os": system, "arch": arch, "libc": libc(), "accelerators": [], "findings": []}


def accelerators(
    root: "str", environ: "typing.Mapping[str, str]", system: "str", arch: "str", seconds: "float" = SECONDS
) -> "tuple[list[dict[str, typing.Any]], list[str]]":
    """The devices, with the fields of `model.Accelerator`, and the findings about them.

    `root` is the folder that holds /sys, /proc, /dev and /usr. With `seconds` of 0 only files are read: the
    libraries of NVIDIA's driver are not asked, which may take long, hang, or end the process.
    """
    devices, findings = list(apple(system, arch)), []
    none = "" in (environ.get("CONDA_OVERRIDE_CUDA"), environ.get("CONDA_OVERRIDE_CUDA_ARCH"))
    looks: "list[typing.Callable[[], tuple[list[dict[str, typing.Any]], list[str]]]]" = []
    if not none:
        looks.append(lambda: nvidia(root, environ, system, seconds))
    if system == "linux":
        looks += [lambda: amd(root, environ), lambda: intel(root, environ)]
    for look in looks:
        more, said = look()
        devices += more
        findings += said
    devices, said = overridden(devices, environ)
    return devices, findings + said


def facts(
    root: "str" = "/", environ: "typing.Mapping[str, str] | None" = None, seconds: "float" = SECONDS
) -> "dict[str, typing.Any]":
    """The machine's facts; only for a process of its own (see `apart`)."""
    told = host()
    system, arch = str(told["os"]), str(told["arch"])
    environ = os.environ.copy() if environ is None else environ
    told["accelerators"], told["findings"] = accelerators(root, environ, system, arch, seconds)
    return told


if __name__ == "__main__":
    print(json.dumps(facts()))
