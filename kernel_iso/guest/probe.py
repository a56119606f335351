"""Tell the facts of the machine it runs on, as one line of JSON.

Sent to an interpreter as `python -I - < probe.py`, where the kernel will run. That may be a login node whose
only Python is 3.6, so there is no newer syntax here, only the standard library, and annotations are texts.
The last line that it prints is an object with the fields of `kernel_iso.model.Machine` except `pythons`.
"""

import glob
import json
import os
import platform
import re
import sys

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
    import subprocess

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


def accelerators() -> "list[dict[str, object]]":
    """The devices, with the fields of `model.Accelerator`: none, for no accelerator is looked for yet."""
    return []


def facts() -> "dict[str, object]":
    """The machine's facts."""
    system = os_name(sys.platform)
    return {
        "os": system,
        "arch": arch_name(platform.machine(), system),
        "libc": libc(),
        "accelerators": accelerators(),
        "findings": [],
    }


if __name__ == "__main__":
    print(json.dumps(facts()))
