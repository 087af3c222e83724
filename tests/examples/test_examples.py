#!/usr/bin/env python3
"""Runs the examples as a user would, in an empty folder: trains on drawn digits, traces, recognises
a digit with the command, and runs the traced model as a service and in a workspace.

usage: tests/examples/test_examples.py EXAMPLES_FOLDER INGOT
"""

import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

RIGHT_AT_LEAST = 95.0  # per cent of new digits
SMALL = 300_000  # bytes of a deployed model


def run(work, *command, rc=0):
    done = subprocess.run([str(c) for c in command], cwd=work, capture_output=True, text=True, check=False)
    if done.returncode != rc:
        sys.exit(f"FAILED: {' '.join(map(str, command))} gave {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def write_ones(path, shape):
    """A float32 .npy file of ones."""
    count = 1
    for n in shape:
        count *= n
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() +
                     struct.pack("<f", 1.0) * count)


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", text)]


def close(a, b):
    return len(a) == len(b) == 10 and all(abs(x - y) <= 1e-3 * max(1, abs(x)) for x, y in zip(a, b))


def check_training(work, examples):
    out = run(work, examples / "train_digits")
    right = float(re.search(r"([0-9.]+) % of 500", out).group(1))
    if right < RIGHT_AT_LEAST:
        sys.exit(f"FAILED: only {right} % of new digits are right\n{out}")
    for name in ("digits.ingot", "digits.onnx"):
        size = (work / name).stat().st_size
        if size > SMALL:
            sys.exit(f"FAILED: {name} has {size} bytes, expected at most {SMALL}")
    print(f"train_digits works: {right} % of new digits are right")


def check_command(work, ingot):
    for model in ("digits.ingot", "digits.onnx"):
        out = run(work, ingot, "run", model, "7.png", "--top", "3")
        if not re.search(r"^\s*1\.\s+7\s", out, re.M):
            sys.exit(f"FAILED: {model} does not see a 7\n{out}")
    run(work, ingot, "verify", "digits.ingot")
    exact = run(work, ingot, "verify", "digits.ingot", "--rtol", "0", "--atol", "0", "--json", rc=1)
    if "self-test: output" not in json.loads(exact or "{}").get("error", {}).get("message", ""):
        sys.exit(f"FAILED: a self-test that fails is no error in JSON: '{exact}'")
    print("the command recognises the digit")


def check_running(work, examples):
    write_ones(work / "ones.npy", (1, 1, 28, 28))
    served = numbers(run(work, examples / "run_model", "digits.ingot", "ones.npy"))
    exported = numbers(run(work, examples / "run_model", "digits.onnx", "ones.npy"))
    shown = run(work, examples / "workspace", "digits.ingot")
    fetched = numbers(shown[shown.index("]") + 1 :])
    if not close(served, exported) or not close(served, fetched):
        sys.exit(f"FAILED: three ways to run a model disagree\n{served}\n{exported}\n{shown}")
    run(work, examples / "run_model", "missing.onnx", "ones.npy", rc=1)
    print("run_model and workspace work")


def main():
    examples, ingot = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    with tempfile.TemporaryDirectory(prefix="ingot_examples_") as folder:
        work = pathlib.Path(folder)
        check_training(work, examples)
        check_command(work, ingot)
        check_running(work, examples)


if __name__ == "__main__":
    main()
