"""A stand-in for torch: NOT torch. It has the few names that `guest/gpu.py` uses, and asks the stand-in libcuda.

It becomes `torch/__init__.py` of a small wheel, with its build in `torch/_build.py` (VERSION, CUDA, ARCHS). Like
torch it sees no GPU where its build has no CUDA, where the driver does not start or is older than the build, and raises
torch's words where it has no code for a GPU. It computes on the processor, whatever the device is called.
"""

import ctypes
import operator
import os
import warnings

from torch._build import ARCHS, CUDA, VERSION

__version__ = VERSION


class version:  # noqa: N801
    cuda = CUDA or None
    hip = None


def _devices():
    """The name and capability of each GPU that libcuda shows, where this build can use it."""
    if not CUDA:
        return []
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return []
    number, value, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(100)
    library.cuDriverGetVersion(ctypes.byref(number))
    if number.value // 1000 < int(CUDA.split(".")[0]):
        warnings.warn(
            f"CUDA initialization: The NVIDIA driver on your system is too old (found version {number.value})",
            stacklevel=2,
        )
        return []
    if library.cuInit(0):
        return []
    library.cuDeviceGetCount(ctypes.byref(number))
    found = []
    for place in range(number.value):
        capability = []
        for attribute in (75, 76):
            library.cuDeviceGetAttribute(ctypes.byref(value), attribute, place)
            capability.append(value.value)
        library.cuDeviceGetName(name, 100, place)
        found.append((name.value.decode(), tuple(capability)))
    return found


class cuda:  # noqa: N801
    @staticmethod
    def is_available():
        return bool(_devices())

    @staticmethod
    def device_count():
        return len(_devices())

    @staticmethod
    def get_device_name(place):
        return _devices()[place][0]

    @staticmethod
    def get_device_capability(place):
        return _devices()[place][1]

    @staticmethod
    def get_arch_list():
        return ARCHS


class Tensor:
    def __init__(self, rows, device):
        self.rows, self.device = rows, device

    def __matmul__(self, other):
        fault = os.environ.get("FAKE_TORCH", "")
        if self.device.startswith("cuda"):
            major, minor = cuda.get_device_capability(int(self.device[5:]))
            able = [
                int(arch[3:])
                for arch in ARCHS
                if int(arch[3:]) // 10 == major and int(arch[3:]) % 10 <= minor
            ]
            if not able:
                raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
            if fault == "crash":
                os.abort()
            if fault:
                raise RuntimeError(fault)
        columns = [[line[place] for line in other.rows] for place in range(len(other.rows))]
        rows = [[sum(map(operator.mul, line, column)) for column in columns] for line in self.rows]
        return Tensor(rows, self.device)

    def tolist(self):
        return self.rows


def tensor(rows, device="cpu"):
    return Tensor(rows, device)


def ones(*shape, device="cpu"):
    return Tensor(shape, device)


class nn:  # noqa: N801
    class functional:  # noqa: N801
        @staticmethod
        def conv2d(picture, kernel):
            side = picture.rows[-1] - kernel.rows[-1] + 1
            return Tensor([[[[float(kernel.rows[-1] ** 2)] * side] * side]], picture.device)
