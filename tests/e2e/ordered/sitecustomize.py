"""Put the ordered engine into every Python process that has this folder on PYTHONPATH."""

from __future__ import annotations

import os

if "ORDERED_ENGINE" in os.environ:
    import ordered_engine

    from kernel_iso.engine import preparing

    preparing.realise = ordered_engine.realise
