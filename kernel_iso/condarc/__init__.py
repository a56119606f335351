"""People's conda, mamba and pixi configuration, read from files: no tool is run, and nothing is fetched."""

from __future__ import annotations

from kernel_iso.condarc.addresses import bare
from kernel_iso.condarc.channels import canonical, local, urls
from kernel_iso.condarc.logins import credentials, proxies
from kernel_iso.condarc.places import ROOTS, VARIABLES, roots
from kernel_iso.condarc.reading import read
from kernel_iso.condarc.records import Condarc, Credential

__all__ = [
    "ROOTS", "VARIABLES", "Condarc", "Credential", "bare", "canonical", "credentials", "local", "proxies", "read",
    "roots", "urls",
]  # fmt: skip
