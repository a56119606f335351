"""What of a notebook's wishes reaches into the kernel's process: variables, and the system's packages."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.model import Plan
from kernel_iso.planning.rules import Case, attempt, decided, listed

NEVER = (
    "LD_*", "DYLD_*", "GCONV_PATH",  # code that is loaded into every process
    "PYTHON*", "IPYTHONDIR",  # code that is run before the first cell
    "PATH", "PATHEXT", "COMSPEC", "BASH_ENV", "ENV",  # what `!command` runs
    "JUPYTER_*", "JPY_*", "KERNEL_ISO_*",  # what Jupyter and kernel-iso themselves obey
)  # fmt: skip
"""Variables that no notebook sets, whatever a policy lists: they choose which code runs."""

HARMLESS = ("PYTHONHASHSEED",)
"""Exceptions to `NEVER`: a seed of a number only."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def environment(plan: Plan, case: Case) -> Plan:
    """Set the variables that are asked for, each of which the policy must list.

    Raises `ImpossibleError` (`variable-not-allowed`), and `SpecError` (`bad-variable`) for what no system
    takes as a variable.
    """
    spec, policy = case.spec, case.policy
    for name, value in spec.env:
        if not _NAME.fullmatch(name) or "\0" in value:
            raise SpecError(
                "bad-variable",
                attempt(spec),
                f"{name!r} with {len(value)} characters is not an environment variable that can be set",
                "use letters, digits and underscores for the name, and no NUL character in the value",
            )
        _judge(name, case)
    names = listed(name for name, _ in spec.env)
    where = policy.source_of("env_allowed")
    text = f"set for the kernel, as the policy ({where}) allows: {names}" if names else ""
    return decided(plan, "environment", text, env=spec.env)


def forbidden(name: str) -> bool:
    """True where no policy can allow the variable; on every system in every case, which costs nothing.

    >>> forbidden("LD_PRELOAD"), forbidden("Path"), forbidden("PYTHONHASHSEED"), forbidden("OMP_NUM_THREADS")
    (True, True, False, False)
    """
    upper = name.upper()
    return upper not in HARMLESS and any(fnmatchcase(upper, pattern) for pattern in NEVER)


def _judge(name: str, case: Case) -> None:
    policy = case.policy
    hint = f"remove {name} from the notebook"
    if forbidden(name):
        why = "no notebook may set it: it chooses which code runs"
    elif not _listed(name, policy.env_allowed, case.machine.os):
        why = f"the policy ({policy.source_of('env_allowed')}) does not list it"
        hint += f', or add "{name}" to `env-allowed` in the policy; `kernel-iso policy` shows which file'
    else:
        return
    raise ImpossibleError(
        "variable-not-allowed", attempt(case.spec), f"the variable {name} is asked for, and {why}", hint
    )


def _listed(name: str, patterns: tuple[str, ...], system: str) -> bool:
    """True where a pattern matches. Windows does not tell the case of variables' names apart.

    >>> _listed("omp_num_threads", ("OMP_*",), "linux"), _listed("omp_num_threads", ("OMP_*",), "windows")
    (False, True)
    """
    if system == "windows":
        return any(fnmatchcase(name.upper(), pattern.upper()) for pattern in patterns)
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def system_site_packages(plan: Plan, case: Case) -> Plan:
    """Let the prefix see the system's packages, where it is asked for and the policy allows it.

    Raises `ImpossibleError` (`system-site-packages-not-allowed`).
    """
    if not case.spec.system_site_packages:
        return decided(plan, "system-site-packages")
    if not case.policy.system_site_packages:
        raise ImpossibleError(
            "system-site-packages-not-allowed",
            attempt(case.spec),
            "system-site-packages is asked for, and the policy "
            f"({case.policy.source_of('system_site_packages')}) does not allow it",
            "remove it and ask for the packages by name, or set `system-site-packages = true` in the policy",
        )
    text = (
        f"the packages of {plan.python.path or 'the Python'} are visible too, as asked: no lock covers them"
    )
    return decided(plan, "system-site-packages", text, system_site_packages=True)
