"""Which of conda's channels count for a Spec: the policy's, or those of the person's own conda configuration."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from kernel_iso import condarc
from kernel_iso.engine.context import Engine
from kernel_iso.engine.fitting import CONDA
from kernel_iso.guest import probe
from kernel_iso.model import Policy, Spec


def channels(engine: Engine, spec: Spec) -> tuple[str, ...]:
    """The channels from which conda packages may come, () for a Spec that conda does not serve."""
    return policy_for(engine, spec).channels if is_conda(engine.policy, spec) else ()


def is_conda(policy: Policy, spec: Spec) -> bool:
    """True for a Spec that conda serves."""
    only = policy.backends == (CONDA,)
    return bool(spec.conda) or spec.backend == CONDA or only


def policy_for(engine: Engine, spec: Spec) -> Policy:
    """The policy, in which the person's own conda configuration names the channels where nobody else has."""
    policy = engine.policy
    if not is_conda(policy, spec) or policy.source_of("channels") != "default":
        return policy
    found = condarc.read(engine.environ, Path.home(), system=probe.os_name(sys.platform))
    if not found.channels:
        return policy
    sources = (*policy.sources, ("channels", found.read[-1] if found.read else "conda's configuration"))
    return msgspec.structs.replace(policy, channels=found.channels, sources=sources)
