"""Run the measurements and write benchmarks/report.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import answering, conda, crowding, listing, realising, starting
from benchmarks.grounds import Ground
from benchmarks.measuring import Section, about

SECTIONS = {
    "start": starting.measure,
    "realise": realising.measure,
    "engine": answering.measure,
    "list": listing.measure,
    "crowd": crowding.measure,
    "conda": conda.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=list(SECTIONS), help="one section (may be repeated)"
    )
    parser.add_argument("--rounds", type=int, default=11, help="runs of each quick candidate (default: 11)")
    parser.add_argument(
        "--slow-rounds", type=int, default=3, help="runs of what takes many seconds (default: 3)"
    )
    parser.add_argument(
        "--prefixes", type=int, default=1000, help="prefixes in the crowded store (default: 1000)"
    )
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(__file__).parent / "report.md", help="the report"
    )
    options = parser.parse_args()
    text = [f"# Measurements\n\n{about()}\n"]
    with tempfile.TemporaryDirectory(prefix="kernel-iso-bench-", dir=options.folder) as folder:
        ground = Ground.prepare(Path(folder), options)
        for name in options.only or SECTIONS:
            sections: list[Section] = SECTIONS[name](ground)
            for section in sections:
                text.append(section.to_markdown())
                print(text[-1], flush=True)
    options.output.write_text("\n".join(text), encoding="utf-8")
    print(f"written to {options.output}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
