#!/usr/bin/env python3
"""Unpacks an archive of cases, runs `ingot test` over it and holds the result against a floor.

usage: tests/versions/run_cases.py INGOT ARCHIVE FOLDER REPORT.json FLOOR [LEVEL]

FLOOR cases must pass; none may fail, crash or hang, and a case that is not supported says so. For cases.tar.xz
the list of pairs must name every (operator, since-version) once, and each with a case that exists.
"""

import collections
import json
import pathlib
import shutil
import subprocess
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
PAIRS = 639  # of the registry of ONNX 1.22.0: ai.onnx 609, ai.onnx.ml 25, training 4, preview 1


def unpack(archive, folder):
    """Once an archive: a stamp holds its size and time."""
    stat = archive.stat()
    stamp, mark = folder / ".stamp", f"{stat.st_size} {stat.st_mtime_ns}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == mark:
        return
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder)
    stamp.write_text(mark, encoding="utf-8")


def check_pairs(names):
    lines = (HERE / "pairs.txt").read_text(encoding="utf-8").split("\n")[:-1]
    rows = [line.split(" ") for line in lines]
    pairs = {tuple(row[:3]) for row in rows}
    if len(rows) != PAIRS or len(pairs) != PAIRS:
        sys.exit(f"pairs.txt has {len(rows)} lines and {len(pairs)} pairs, expected {PAIRS}")
    absent = [case for *_, case in rows if case.startswith("versions:") and case.split(":", 1)[1] not in names]
    if absent:
        sys.exit(f"pairs.txt names cases that are not in the archive: {' '.join(absent)}")


def main():
    ingot, archive, folder, report, floor, *level = sys.argv[1:]
    archive, folder, report = pathlib.Path(archive), pathlib.Path(folder), pathlib.Path(report)
    unpack(archive, folder)
    report.unlink(missing_ok=True)
    run = subprocess.run([ingot, "test", str(folder), "--jobs", "2", "--json", str(report),
                          *(["--level", *level] if level else [])], check=False)
    if run.returncode not in (0, 1) or not report.exists():
        sys.exit(f"ingot test ended with {run.returncode} and without a complete {report}")
    cases = json.loads(report.read_text(encoding="utf-8"))["cases"]
    counts = collections.Counter(case["status"] for case in cases)
    wrong = [case for case in cases if case["status"] not in ("passed", "unsupported")]
    for case in wrong:
        print(f"{case['status']}: {case['name']}: {case['message']}")
    print(f"{archive.name}: " + ", ".join(f"{n} {status}" for status, n in sorted(counts.items())))
    if archive.name == "cases.tar.xz":
        check_pairs({case["name"] for case in cases})
    if counts["passed"] < int(floor):
        sys.exit(f"{counts['passed']} cases passed, the floor is {floor}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
