#!/usr/bin/env python3
"""Instructions per node of bench/overhead, counted by callgrind; they repeat exactly.

usage: instructions.py OVERHEAD_PROGRAM [WHAT...]

Each number is the difference of two runs, so that starting and ending cost nothing.
"""

import re
import subprocess
import sys

LIMITS = {"chain": 150, "eager": 640, "recorded": 900, "backward": 1160}
NODES = 100


def count(program, what, rounds):
    out = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, what,
         str(rounds)], capture_output=True, text=True, check=True).stderr
    return int(re.search(r"Collected : (\d+)", out).group(1))


def per_node(program, what):
    return (count(program, what, 40) - count(program, what, 20)) / (20 * NODES)


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    program, wanted = sys.argv[1], sys.argv[2:] or list(LIMITS)
    results = {}
    for what in wanted:
        results[what] = per_node(program, what)
    if "backward" in results:
        results["backward"] -= per_node(program, "products")
    for what, n in results.items():
        verdict = "" if n <= LIMITS[what] else "  ABOVE"
        print(f"{what:10} {n:8.1f} instructions a node, at most {LIMITS[what]}{verdict}")
    return any(n > LIMITS[what] for what, n in results.items())


if __name__ == "__main__":
    sys.exit(main())
