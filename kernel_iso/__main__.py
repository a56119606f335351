"""`python -m kernel_iso`: the command line. Tools without provisioners start our kernelspec so."""

from __future__ import annotations

import sys

from kernel_iso.cli import main

if __name__ == "__main__":
    sys.exit(main())
