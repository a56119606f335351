"""What the frameworks' answers mean: which build, for which driver and GPUs, with whose libraries. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from kernel_iso.accelerators import Code, cuda_of, kind, loadable, numbers, sm, table
from kernel_iso.engine.doctoring.answers import Answer, Computed, Framework, Gpu
from kernel_iso.engine.doctoring.drivers import shortened
from kernel_iso.engine.doctoring.findings import Finding, note, ok, problem
from kernel_iso.model import Package

DRIVER_LIBRARIES = re.compile(r"lib(cuda|nvidia-[\w-]+|nvcuvid|cudadebugger)\.so.*")
"""What comes with the driver, and so from outside of every prefix."""

GPUS = ("cuda", "rocm", "xpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is judged: the child's answer, and what the plan and the prefix say.

    `target` is what names the target on a command line (`"a.ipynb"`, `-n vision`), `folders` are where the prefix may
    load libraries from. `accelerator` is the build that the plan wants here ("" where it wants none of torch's), `why`
    its reason.
    """

    answer: Answer
    target: str
    folders: tuple[str, ...]
    packages: tuple[Package, ...] = ()
    accelerator: str = ""
    why: str = ""

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """The NVIDIA GPUs that the driver shows the kernel."""
        return () if self.answer.driver.code else self.answer.driver.devices

    @property
    def repair(self) -> str:
        """What replaces the whole family of torch by the build that the plan wants."""
        return f"kernel-iso doctor --repair {self.target}"

    @property
    def again(self) -> str:
        """What makes the prefix again from its lock."""
        return f"kernel-iso realise --fresh {self.target}"


def frameworks(case: Case) -> Iterator[Finding]:
    """The findings about every framework that is installed; one of each problem."""
    told: set[tuple[str, str]] = set()
    for each in case.answer.frameworks:
        for finding in _framework(case, each):
            # One cause fails on every GPU; "computed" names the GPU.
            mark = (finding.check, finding.seen if finding.check == "computed" else finding.level)
            if finding.level == "ok" or mark not in told:
                told.add(mark)
                yield finding


def _framework(case: Case, each: Framework) -> Iterator[Finding]:
    if each.name == "torch":
        yield from _build(case, each)
    if each.failure:
        words = f'; its last words: "{each.said[-1]}"' if each.said else ""
        yield problem(
            "crash", f"{each.name} {each.failure} when it computed{words}",
            "a library that it loads is damaged, or of another version than it was built with", case.again,
        )  # fmt: skip
    elif each.error:
        yield classified(case, each, each.error, f"{each.name} cannot be imported")
    else:
        yield from _computed(case, each)
    yield from _libraries(case, each)


def _computed(case: Case, each: Framework) -> Iterator[Finding]:
    for device in each.devices:
        if device.error:
            yield classified(
                case, each, device.error, f"{each.name} {each.version} fails on {_named(device)}"
            )
        elif each.name == "torch":
            yield ok("computed", f"torch {_version(each)} computed on {_named(device)}")
    if each.name != "torch":
        seen = ", ".join(f"{device.device} ({device.name})" for device in each.devices) or "nothing"
        yield ok("devices", f"{each.name} {each.version} sees {seen}")
        if case.gpus and not any(re.search(r"(?i)gpu|cuda", device.device) for device in each.devices):
            yield note(
                "devices-unseen", f"{each.name} {each.version} does not see {case.gpus[0].name}",
                f"its build has no CUDA, or its CUDA packages are missing (a plain `{each.name}` may be for the CPU)",
                f"kernel-iso plan {case.target}",
            )  # fmt: skip
    elif case.gpus and each.cuda and not any(device.device.startswith("cuda") for device in each.devices):
        words = next(
            (line for line in reversed(each.said) if "CUDA" in line or "cuda" in line), "it does not say why"
        )
        yield classified(
            case, each, words, f"torch {_version(each)} sees no GPU, and CUDA shows {case.gpus[0].name}"
        )


def _version(each: Framework) -> str:
    """The version with the build: "2.15.0+cu132", also for a wheel of PyPI whose version does not tell."""
    return each.version if "+" in each.version else f"{each.version}+{tag_of(each)}"


def _named(device: Computed) -> str:
    return device.name if device.device in ("cpu", "mps") else f"{device.name} ({device.device})"


def tag_of(each: Framework) -> str:
    """The tag of torch's build.

    >>> tag_of(Framework(name="torch", version="2.14.1", cuda="13.0")), tag_of(Framework(name="torch"))
    ('cu130', 'cpu')
    """
    local = each.version.partition("+")[2]
    if local:
        return local
    return f"cu{each.cuda.replace('.', '')}" if each.cuda else f"rocm{each.hip}" if each.hip else "cpu"


def _build(case: Case, each: Framework) -> Iterator[Finding]:
    """Whether torch's build can be loaded by the driver and has code for every GPU that the kernel sees."""
    tag = tag_of(each)
    if not each.version:
        return
    if kind(tag) == "cpu" and (case.gpus or kind(case.accelerator) in GPUS):
        yield _cpu_build(case, each)
    elif case.gpus and kind(tag) == "cuda":
        yield from _cuda_build(case, each, tag)
    elif kind(tag) == "cuda" and case.accelerator == "cpu":
        yield note(
            "build-size", f"torch {_version(each)} is a CUDA build, and no GPU is here that it could use",
            "it computes on the CPU, and takes gigabytes that the CPU build does not",
            f"kernel-iso realise {case.target}",
        )  # fmt: skip


def _cpu_build(case: Case, each: Framework) -> Finding:
    sees = f"the kernel sees {case.gpus[0].name}" if case.gpus else f"the plan wants {case.accelerator}"
    seen = f"torch {_version(each)} is the CPU build, and {sees}"
    if kind(case.accelerator) in GPUS:
        means = f"torch.cuda.is_available() is False; {case.accelerator} is the build for this machine"
        return problem("build", seen, means, case.repair)
    means = "the plan wants it so" + (f": {case.why}" if case.why else "")
    return note("build", seen, means, f"kernel-iso plan {case.target}")


def _cuda_build(case: Case, each: Framework, tag: str) -> Iterator[Finding]:
    driver, data = case.answer.driver.cuda, table()
    other = case.accelerator and case.accelerator != tag
    if driver and not loadable(tag, driver):
        least = data.drivers.get(str(cuda_of(tag)[0]), ("", ""))[0]
        needs = f"driver {least} or newer" if least else "a newer driver"
        number = case.answer.nvml.driver or case.answer.module
        have = f"driver {number}" if number else "the driver"
        yield problem(
            "driver-too-old",
            f"torch {_version(each)} is built for CUDA {cuda_of(tag)[0]}, and {have} has CUDA {driver}",
            f"CUDA {cuda_of(tag)[0]} needs {needs}",
            case.repair if other else f"install {needs}, or allow an older torch: kernel-iso plan {case.target}",
        )  # fmt: skip
        return
    code = code_of(each.archs, tag)
    lacking = [gpu for gpu in case.gpus if each.archs and not data.runs(code, gpu.architecture, driver, tag)]
    for gpu in lacking:
        yield problem(
            "architecture",
            f"torch {_version(each)} has code for {', '.join(each.archs)}; {gpu.name} is {sm(gpu.architecture)}",
            "a cell that computes there ends with `no kernel image is available for execution on the device`",
            case.repair if other else f"CUDA_VISIBLE_DEVICES without it, or another torch: kernel-iso plan {case.target}",
        )  # fmt: skip
    if other and not lacking:
        yield note(
            "build", f"torch {_version(each)} is installed, and the plan wants {case.accelerator}",
            "the machine is another one than it was made for" + (f": {case.why}" if case.why else ""), case.repair,
        )  # fmt: skip


def code_of(archs: Iterable[str], tag: str) -> Code:
    """What `torch.cuda.get_arch_list()` says, as a row of the table.

    >>> code_of(["sm_75", "sm_90a", "compute_120"], "cu130").sm, code_of(["compute_120"], "cu130").ptx
    (('7.5', '9.0'), ('12.0',))
    """
    found: dict[str, list[str]] = {"sm": [], "compute": []}
    for arch in archs:
        if parts := re.fullmatch(r"(sm|compute)_(\d+)(\d)[a-z]?", arch):
            found[parts[1]].append(f"{parts[2]}.{parts[3]}")
    return Code(
        tags=(tag,), machines=(), torch=("0", "0"), sm=tuple(found["sm"]), ptx=tuple(found["compute"])
    )


# ---- libraries


def _libraries(case: Case, each: Framework) -> Iterator[Finding]:
    """Two cuDNNs in one process, and CUDA libraries from outside of the prefix."""
    folders = sorted({_folder(path) for path in each.libraries if _name(path).startswith("libcudnn")})
    if len(folders) > 1:
        yield problem(
            "cudnn", f"{each.name} has loaded cuDNN from {' and '.join(folders)}",
            "parts of two versions in one process end in CUDNN_STATUS_…_VERSION_MISMATCH", _drop(case, folders),
        )  # fmt: skip
    elif folders and case.answer.cudnn:
        yield note(
            "cudnn-system", f"the system has a cuDNN of its own: {', '.join(case.answer.cudnn)}",
            f"{each.name} has loaded its own, from {folders[0]}; what asks for one by its name alone may get the system's",
        )  # fmt: skip
    strangers = [path for path in each.libraries if _is_strange(case, path)]
    if strangers:
        fails = each.error or each.failure or any(device.error for device in each.devices)
        found = sorted({_folder(path) for path in strangers})
        yield (problem if fails else note)(
            "library-path",
            f"{each.name} has loaded {', '.join(map(_name, strangers))} from {', '.join(found)}",
            "they stand before the ones that its own packages bring" + ("" if fails else "; it works so far"),
            _drop(case, found),
        )  # fmt: skip


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _is_strange(case: Case, path: str) -> bool:
    """True for a library of a CUDA toolkit or of conda that is loaded from elsewhere than the prefix."""
    if DRIVER_LIBRARIES.fullmatch(_name(path)) or _inside(case, path):
        return False
    # The system's own libstdc++ is everybody's.
    return not (_name(path).startswith("libstdc++") and path.startswith(("/usr/", "/lib")))


def _inside(case: Case, path: str) -> bool:
    return any(PurePosixPath(path).is_relative_to(folder) for folder in case.folders)


def _drop(case: Case, folders: Iterable[str]) -> str:
    """What takes folders out of the loader's way."""
    outside = [each for each in folders if not _inside(case, each)]
    if line := shortened(case.answer, outside):
        return line
    if outside:
        return f"grep -rn {outside[0]} /etc/ld.so.conf.d   (and take it out, then: sudo ldconfig)"
    return f"kernel-iso tree {case.target} --why nvidia-cudnn-cu{numbers(case.answer.driver.cuda)[0] or 12}"


# ---- errors in words

_WORDS = (
    (r"no kernel image", "architecture", "the build has no code for this GPU"),
    (r"driver (version is insufficient|on your system is too old)", "driver-too-old", "the build needs a newer driver"),
    (r"lib(cud|cublas|cufft|curand|cusolver|cusparse|nv|nccl)\S*: cannot open shared object", "missing",
     "a package that brings NVIDIA's libraries is missing, or is for another CUDA"),
    (r"CUDNN_STATUS|libcudnn|cuDNN", "cudnn", "another cuDNN than its own is loaded"),
    (r"undefined symbol|version `libcu|__nvJitLink", "library-path", "a library of another CUDA stands before its own"),
    (r"GLIBCXX|CXXABI", "library-path", "an older libstdc++, as conda environments have it, stands before the system's"),
    (r"out of memory", "memory", "another program has the GPU's memory"),
    (r"busy or unavailable|exclusive", "busy", "another program has the GPU for itself"),
    (r"system not yet initialized", "fabric-manager", "NVIDIA's Fabric Manager does not run"),
)  # fmt: skip


def classified(case: Case, each: Framework, error: str, seen: str) -> Finding:
    """A finding for what a framework says itself, with its own words."""
    text = error if len(error) < 300 else error[:297] + "…"
    for pattern, check, means in _WORDS:
        if re.search(pattern, error):
            return problem(check, f"{seen}: {text}", means, _fix(case, each, check))
    return problem(
        "computed", f"{seen}: {text}", "this framework does not compute in this environment", case.again
    )


def _fix(case: Case, each: Framework, check: str) -> str:
    if check in ("architecture", "driver-too-old"):
        other = case.accelerator and case.accelerator != tag_of(each)
        return case.repair if other else f"kernel-iso plan {case.target}   (it says which build fits)"
    if check in ("cudnn", "library-path"):
        return "echo $LD_LIBRARY_PATH   (and take folders of toolkits and of conda out, where Jupyter is started)"
    return {
        "missing": case.again, "fabric-manager": "sudo systemctl restart nvidia-fabricmanager",
    }.get(check, "nvidia-smi   (shows which)")  # fmt: skip
