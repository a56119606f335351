"""What every rule is made of: the case it judges, and how it leaves its decision."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from kernel_iso.model import Machine, Plan, Policy, Reason, Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a plan is made from; `now` has a time zone.

    `torch_backend` is the person's `UV_TORCH_BACKEND`; `brought_torch` is `Lock.brought_torch`.
    """

    spec: Spec
    machine: Machine
    policy: Policy
    now: datetime
    torch_backend: str = ""
    brought_torch: str = ""


Rule = Callable[[Plan, Case], Plan]
"""A rule takes the plan as the rules before it left it, and returns it with its own decision and Reason."""


def decided(plan: Plan, rule: str, text: str = "", **fields: object) -> Plan:
    """The plan with these fields, and with a Reason where there is a text.

    >>> from kernel_iso.model import Python
    >>> plan = Plan(backend="", python=Python(version="3.12.1", path=""))
    >>> decided(plan, "backend", "uv was asked for", backend="uv").reasons
    (Reason(rule='backend', text='uv was asked for'),)
    """
    reasons = (*plan.reasons, Reason(rule=rule, text=text)) if text else plan.reasons
    return msgspec.structs.replace(plan, reasons=reasons, **fields)


def listed(names: Iterable[str], last: str = "and") -> str:
    """The names as a person lists them.

    >>> listed(["numpy", "pandas", "torch"]), listed(["uv"]), listed([])
    ('numpy, pandas and torch', 'uv', '')
    """
    *front, end = [*names] or [""]
    return f"{', '.join(front)} {last} {end}" if front else end


def file_name(path: str) -> str:
    """The last part of a path of any system.

    >>> file_name("/home/ada/fit.ipynb"), file_name("C:\\\\work\\\\fit.ipynb")
    ('fit.ipynb', 'fit.ipynb')
    """
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]


def attempt(spec: Spec) -> str:
    """The first line of an error: what could not be done, for whom.

    >>> from kernel_iso.model import Origin
    >>> attempt(Spec(origin=Origin(kind="pep723", path="/home/ada/fit.ipynb")))
    'cannot plan an environment for `fit.ipynb`'
    """
    name = file_name(spec.origin.path)
    return f"cannot plan an environment for `{name}`" if name else "cannot plan an environment"


def without_credentials(text: str) -> str:
    """A text without the user name and password of any URL in it.

    >>> without_credentials("fit @ https://ada:secret@example.org/fit.whl")
    'fit @ https://example.org/fit.whl'
    """
    return re.sub(r"//[^/\s@]*@", "//", text)
