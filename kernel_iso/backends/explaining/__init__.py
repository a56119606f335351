"""What a tool said, in the person's terms. Pure: a tool's words in, one of our errors out.

Tools have no machine format for why they failed, so these read text that was recorded, for each version of a
tool, in `tests/transcripts/`. Words that are not known end in a general error with the tool's own last lines.
"""

from __future__ import annotations

from kernel_iso.backends.explaining.pip_words import details, pip
from kernel_iso.backends.explaining.sentences import INSTALL, LOCK, faults
from kernel_iso.backends.explaining.uv_words import uv

__all__ = ["INSTALL", "LOCK", "details", "faults", "pip", "uv"]
