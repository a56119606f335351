"""Prove that the GPUs compute, in the interpreter and the environment of a kernel: `python gpu.py prefix`.

Runs by its path in the prefix's own interpreter, any CPython from 3.9, and prints one line of JSON: an object with the
fields of `engine.doctoring.answers.Answer`. `machine` instead of `prefix` asks the driver only. Everything that may
hang or crash is a *step*: another process of the same interpreter with a time of its own, whose end is part of the
answer. A step loads the libraries as the kernel would, by their bare names.
"""

import contextlib
import importlib.util
import json
import operator
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

DRIVER_SECONDS = 30
# torch from a cold network drive, and the first context on each of eight GPUs.
FRAMEWORK_SECONDS = 240

VARIABLES = (
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HSA_OVERRIDE_GFX_VERSION",
    "LD_LIBRARY_PATH", "LD_PRELOAD", "CUDA_HOME", "CUDA_PATH", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
)  # fmt: skip

# Libraries of which a process must not hold two, or another than the wheels bring.
LIBRARIES = r"lib(cud|cublas|cufft|curand|cusolver|cusparse|nv|nccl|stdc\+\+)"

SIDE = 64
"""Rows of the matrices: small whole numbers, so that every device, TF32 included, computes them exactly."""


def probe():
    """The probe beside this file, as a module that is not in `sys.modules`: a `probe` may be installed here."""
    spec = importlib.util.spec_from_file_location("_kernel_iso_probe", os.path.join(HERE, "probe.py"))
    module = importlib.util.module_from_spec(spec)
    writing, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writing
    return module


def libraries():
    """The paths of NVIDIA's libraries and of libstdc++ that this process has loaded; only Linux tells."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            paths = {line.split(None, 5)[5].strip() for line in file if line.count("/") > 1}
    except OSError:
        return []
    return sorted(path for path in paths if re.match(LIBRARIES, os.path.basename(path)))


# ---- the driver


def nvml():
    """What NVML tells."""
    return probe().ask_nvml(["nvml.dll" if os.name == "nt" else "libnvidia-ml.so.1"])


def driver():
    """What libcuda tells of the GPUs that this environment shows, and where it was loaded from."""
    answer = probe().visible_to_cuda(["nvcuda.dll" if os.name == "nt" else "libcuda.so.1"])
    answer["path"] = next((path for path in libraries() if "/libcuda.so" in path), "")
    return answer


def module_version():
    """The version of NVIDIA's kernel module, "" where it is not loaded (or not told, as under WSL)."""
    text = probe().text_of
    told = text("/proc/driver/nvidia/version") or text("/sys/module/nvidia/version")
    found = re.search(r"\b\d{3,}\.\d+(?:\.\d+)?\b", told)
    return found.group() if found else ""


def device_files():
    """The device files of the GPUs, each with "" or the group that may open it where this user may not."""
    found = []
    for path in probe().below(
        "/", "dev/nvidia[0-9]*", "dev/nvidiactl", "dev/nvidia-uvm", "dev/kfd", "dev/dxg"
    ):
        refused = "" if os.access(path, os.R_OK | os.W_OK) else _group_of(path)
        found.append({"path": path, "refused": refused})
    return found


def _group_of(path):
    """The name of a file's group, or its number."""
    import grp

    number = os.stat(path).st_gid
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def system_cudnn():
    """The cuDNNs that the system's loader finds by their names: a library that asks for one so may get them."""
    for tool in ("/sbin/ldconfig", "/usr/sbin/ldconfig"):
        if os.path.exists(tool):
            done = subprocess.run(
                [tool, "-p"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
            )
            lines = done.stdout.decode("utf-8", "replace").splitlines()
            return [line.split("=>")[1].strip() for line in lines if "libcudnn.so" in line and "=>" in line]
    return []


# ---- the frameworks


def rows():
    """A matrix of small whole numbers."""
    return [[float((3 * line + 5 * column) % 7) for column in range(SIDE)] for line in range(SIDE)]


def product(one):
    """Its square, as this processor computes it without any library."""
    columns = [[line[place] for line in one] for place in range(len(one))]
    return [[sum(map(operator.mul, line, column)) for column in columns] for line in one]


def torch():
    """torch's build, and what it computes on the processor and on every GPU that it sees."""
    import torch as it

    cuda, xpu, mps = it.cuda, getattr(it, "xpu", None), getattr(getattr(it, "backends", None), "mps", None)
    answer = {
        "version": str(it.__version__),
        "cuda": it.version.cuda or "",
        "hip": getattr(it.version, "hip", None) or "",
        "archs": [],
        "devices": [],
    }
    places = [("cpu", "the processor", "")]
    if cuda.is_available():
        answer["archs"] = list(cuda.get_arch_list())
        for place in range(cuda.device_count()):
            capability = "%d.%d" % tuple(cuda.get_device_capability(place))
            places.append(("cuda:%d" % place, cuda.get_device_name(place), capability))
    if xpu is not None and xpu.is_available():
        places += [("xpu:%d" % place, xpu.get_device_name(place), "") for place in range(xpu.device_count())]
    if mps is not None and mps.is_available():
        places.append(("mps", "Apple GPU", ""))
    expected = product(rows())
    for device, name, capability in places:
        entry = {"device": device, "name": name, "architecture": capability, "error": ""}
        try:
            entry["error"] = _torch_computes(it, device, expected)
        except Exception as error:
            entry["error"] = _words(error)
        answer["devices"].append(entry)
    return answer


def _torch_computes(it, device, expected):
    """ "" where a product (cuBLAS) and a convolution (cuDNN) come out right on a device, or what is wrong."""
    matrix = it.tensor(rows(), device=device)
    if (matrix @ matrix).tolist() != expected:
        return "a product of two matrices came out wrong"
    picture, kernel = it.ones(1, 1, 8, 8, device=device), it.ones(1, 1, 3, 3, device=device)
    values = [value for row in it.nn.functional.conv2d(picture, kernel).tolist()[0][0] for value in row]
    # Not exact: cuDNN may take an algorithm with fractions (Winograd, FFT).
    if len(values) != 36 or any(abs(value - 9) > 0.01 for value in values):
        return "a convolution came out wrong"
    return ""


def jax():
    """jax's devices."""
    import jax as it

    found = [{"device": str(each), "name": str(each.device_kind)} for each in it.devices()]
    return {"version": str(it.__version__), "devices": found}


def cupy():
    """cupy's devices."""
    import cupy as it

    runtime = it.cuda.runtime
    names = [runtime.getDeviceProperties(place)["name"].decode() for place in range(runtime.getDeviceCount())]
    found = [{"device": "cuda:%d" % place, "name": name} for place, name in enumerate(names)]
    return {"version": str(it.__version__), "devices": found}


def tensorflow():
    """tensorflow's devices."""
    import tensorflow as it

    found = [
        {"device": str(each.name), "name": str(each.device_type)}
        for each in it.config.list_physical_devices()
    ]
    return {"version": str(it.__version__), "devices": found}


FRAMEWORKS = {"torch": torch, "jax": jax, "cupy": cupy, "tensorflow": tensorflow}
# They would take most of the memory of a GPU on which somebody computes.
MODEST = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


def _words(error):
    """An exception in one line."""
    return ("%s: %s" % (type(error).__name__, " ".join(str(error).split())))[:2000]


# ---- steps


def run_step(name):
    """Be the process of one step: its answer goes to what was the standard output, all other words to stderr."""
    answering = os.dup(1)
    os.dup2(2, 1)
    if name in FRAMEWORKS:
        try:
            answer = FRAMEWORKS[name]()
        except (Exception, SystemExit) as error:
            answer = {"error": _words(error)}
        answer["libraries"] = libraries()
    else:
        answer = {"nvml": nvml, "driver": driver}[name]()
    with os.fdopen(answering, "wb") as file:
        file.write(json.dumps(answer).encode("utf-8"))
    os._exit(0)  # how a library behaves when its process ends is not what was asked


def step(name, seconds, **changes):
    """What another process answers for a step: a dict, with `failure` and `said` where it did not end well.

    `changes` are variables to set, or to leave out where they are None.
    """
    environ = {**os.environ, **{key: value for key, value in changes.items() if value is not None}}
    for key in [key for key, value in changes.items() if value is None]:
        environ.pop(key, None)
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), name],
            env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words,
        )  # fmt: skip
        late = ""
        try:
            output = process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            output, late = b"", "did not answer within %g seconds" % seconds
            with contextlib.suppress(subprocess.TimeoutExpired):
                # Not longer: one that hangs inside the kernel cannot be ended by anybody.
                process.communicate(timeout=2)
        words.seek(0)
        said = words.read().decode("utf-8", "replace").splitlines()[-12:]
    return {**_answer(output), **_end(late, process.returncode, output, said)}


def _answer(output):
    try:
        return json.loads(output.decode("utf-8"))
    except ValueError:
        return {}


def _end(late, status, output, said):
    """How a step ended, where that is to be told."""
    if late:
        return {"failure": late, "said": said}
    if status and status < 0:
        return {"failure": "crashed (signal %d)" % -status, "said": said}
    if status or not _answer(output):
        return {"failure": "ended without an answer (status %s)" % status, "said": said}
    return {"said": said} if said else {}


def examine(what):
    """The whole answer."""
    answer = {
        "python": "%d.%d.%d" % sys.version_info[:3],
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "module": module_version(),
        "files": device_files(),
        "cudnn": system_cudnn(),
        "nvml": step("nvml", DRIVER_SECONDS),
        "driver": step("driver", DRIVER_SECONDS),
    }
    hides = "CUDA_VISIBLE_DEVICES" in os.environ
    if hides and (answer["driver"].get("code") or not answer["driver"].get("devices")):
        answer["unhidden"] = step("driver", DRIVER_SECONDS, CUDA_VISIBLE_DEVICES=None)
    if what == "prefix":
        names = [name for name in FRAMEWORKS if importlib.util.find_spec(name) is not None]
        answer["frameworks"] = [{"name": name, **step(name, FRAMEWORK_SECONDS, **MODEST)} for name in names]
    return answer


def main():
    """A step, or all of it."""
    if sys.path and os.path.abspath(sys.path[0]) == HERE:
        del sys.path[0]  # python puts a script's folder there; the kernel has other things first
    if sys.argv[1] in ("machine", "prefix"):
        print(json.dumps(examine(sys.argv[1])))
    else:
        run_step(sys.argv[1])


if __name__ == "__main__":
    main()
