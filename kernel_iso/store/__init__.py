"""The memory on disk: prefixes, whose they are, kept locks; and what keeps processes apart."""

from __future__ import annotations

from kernel_iso.store.memory import Store
from kernel_iso.store.names import safe_folder, safe_name
from kernel_iso.store.open_notebooks import Edit, OpenNotebooks
from kernel_iso.store.sizes import Size
from kernel_iso.store.sweeps import Swept

__all__ = ["Edit", "OpenNotebooks", "Size", "Store", "Swept", "safe_folder", "safe_name"]
