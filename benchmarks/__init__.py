"""Side-by-side measurements against peers and floors, in one run on one machine: `python -m benchmarks`.

Seconds differ between machines and hours; ratios taken in one run, all candidates in turn, say more.
Every table names its own baseline.
"""
