"""What conda is asked for: its packages, with Python among them, and what its solver has to know of the GPUs."""

from __future__ import annotations

from kernel_iso.accelerators import cuda_of, kind, numbers, table
from kernel_iso.errors import ImpossibleError
from kernel_iso.model import Plan
from kernel_iso.model.conda_specs import conda_name
from kernel_iso.planning.backends import CONDA
from kernel_iso.planning.builds import Device, devices, least
from kernel_iso.planning.rules import Case, attempt, decided, listed


def conda(plan: Plan, case: Case) -> Plan:
    """Take the conda packages that are asked for, and the Python that was chosen.

    Raises `ImpossibleError` (`no-system-packages-with-conda`).
    """
    if plan.backend != CONDA:
        return plan
    if case.spec.system_site_packages:
        raise ImpossibleError(
            "no-system-packages-with-conda", attempt(case.spec),
            "a conda prefix has a Python of its own, which cannot see another Python's packages",
            "leave `system-site-packages` out, or ask for packages from PyPI with the uv backend",
        )  # fmt: skip
    specs = case.spec.conda
    if not any(conda_name(item) == "python" for item in specs):
        version = plan.python.version
        specs = (*specs, f"python =={version}" if version.count(".") > 1 else f"python {version}.*")
    scripts = case.policy.link_scripts == "approved"
    text = f"conda installs {listed(specs)}"
    if scripts:
        text += f"; packages may run link scripts ({case.policy.source_of('link_scripts')})"
    return decided(plan, "conda", text, conda=specs, link_scripts=scripts)


def virtual(plan: Plan, case: Case) -> Plan:
    """Tell conda's solver of the GPUs, as virtual packages; name the accelerator after the CUDA that it may count on.

    `__cuda` is the oldest CUDA of the drivers, `__cuda_arch` the lowest capability of *every* GPU that the kernel may see.
    Source: conda's virtual packages (CEP 30), and the proposal for `__cuda_arch`.
    """
    if plan.backend != CONDA:
        return plan
    asked = plan.accelerator or ("" if case.spec.accelerator == "auto" else case.spec.accelerator)
    found, _ = devices(case.machine, table(), "cuda")
    if asked and kind(asked) != "cuda":
        return decided(plan, "virtual", f"conda solves for {asked}, without a GPU", accelerator=asked)
    if not found and not asked:
        return decided(
            plan, "virtual", "conda solves for the CPU: no NVIDIA GPU is visible", accelerator="cpu"
        )
    cuda = _cuda(asked, found, torch=bool(plan.build_index))
    arch = min(
        (each.facts.architecture for each in found if each.facts.architecture), key=numbers, default=""
    )
    packages = (f"__cuda={cuda}", *((f"__cuda_arch={arch}",) if arch else ()))
    seen = listed(each.text for each in found) or "a machine with such a driver"
    return decided(
        plan, "virtual", f"conda solves for CUDA {cuda} and older, for {seen}",
        virtual=packages, accelerator=asked or f"cu{cuda.replace('.', '')}",
    )  # fmt: skip


def _cuda(asked: str, found: tuple[Device, ...], *, torch: bool) -> str:
    """The CUDA that packages may count on: what is asked for, or the drivers'; a build of torch asks for no other driver."""
    drivers = least(found) if found else ""
    if drivers and (torch or not asked):
        return ".".join(drivers.split(".")[:2])
    return ".".join(map(str, cuda_of(asked)))
