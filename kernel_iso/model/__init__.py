"""Every data type."""

from kernel_iso.model.events import Emit, Event, quiet
from kernel_iso.model.locks import Lock, Package, Part
from kernel_iso.model.machines import Accelerator, Machine, Python, Tool
from kernel_iso.model.plans import Plan, Reason
from kernel_iso.model.policies import PYPI, Policy
from kernel_iso.model.prefixes import Generation, Owner, Prefix
from kernel_iso.model.records import DIGEST_RULE, Record, canonical, digest
from kernel_iso.model.seams import Backend, Done, Run
from kernel_iso.model.specs import Index, Origin, Spec

__all__ = [
    "DIGEST_RULE", "PYPI", "Accelerator", "Backend", "Done", "Emit", "Event", "Generation", "Index", "Lock", "Machine",
    "Origin", "Owner", "Package", "Part", "Plan", "Policy", "Prefix", "Python", "Reason", "Record", "Run", "Spec",
    "Tool", "canonical", "digest", "quiet",
]  # fmt: skip
