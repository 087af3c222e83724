#!/usr/bin/env python3
"""Runs `ingot test` over the conformance data and holds its result against the recorded floor:
nothing fails, crashes or hangs; what is not supported says so; the number that pass never falls.

usage: tests/models/conformance.py INGOT DATA JSON [OPTION OF ingot test...]
"""

import collections
import json
import pathlib
import subprocess
import sys

CASES = 1905 + 9  # self-contained cases and light models
PASSED_FLOOR = 1914  # docs/conformance.md records the number; raise it with each operator
NEED_DECODERS = 7  # of them: images that are neither BMP nor PNM
HARMLESS = {"passed", "unsupported"}


def main():
    ingot, data, report, *options = sys.argv[1:]
    if not pathlib.Path(data).is_dir():
        sys.exit(f"{data} does not exist: run tools/fetch_onnx_tests")
    pathlib.Path(report).unlink(missing_ok=True)
    run = subprocess.run([ingot, "test", data, "--jobs", "2", "--json", report, *options], check=False)
    if run.returncode not in (0, 1) or not pathlib.Path(report).exists():
        sys.exit(f"ingot test ended with {run.returncode} and without a complete {report}")
    cases = json.loads(pathlib.Path(report).read_text(encoding="utf-8"))["cases"]
    counts = collections.Counter(case["status"] for case in cases)
    wrong = [case for case in cases if case["status"] not in HARMLESS]
    for case in wrong:
        print(f"{case['status']}: {case['name']}: {case.get('message', '')}")
    print("conformance: " + ", ".join(f"{n} {status}" for status, n in sorted(counts.items())))
    if len(cases) < CASES:
        sys.exit(f"only {len(cases)} cases were found, expected {CASES}")
    doctor = subprocess.run([ingot, "doctor"], capture_output=True, text=True, check=False).stdout
    floor = PASSED_FLOOR - (0 if ", PNG" in doctor else NEED_DECODERS)
    if counts["passed"] < floor:
        sys.exit(f"{counts['passed']} cases passed, the floor is {floor}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
