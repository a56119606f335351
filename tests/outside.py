"""The environment as it was before `conftest` scrubbed it: what a machine offers its own tools.

`conftest` imports this first. A folder of wheels that pip is told of, for example, is found only here.
"""

from __future__ import annotations

import os

OUTSIDE = dict(os.environ)
