#!/usr/bin/env python3
"""`ingot check-plugin` on plugins that are broken in one way each, and on the examples; the command
with --plugin.

usage: tests/plugins/test_plugins.py INGOT BROKEN_FOLDER EXAMPLES_FOLDER [--sanitized]

A sanitizer brings its own malloc, whose use nobody can ask for: then leaks of the C library's heap
are the sanitizer's to find.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

# What must stand in the output when the plugin is checked; exit code 1.
CAUGHT = {
    "wrong_gradient": r"Halve.*gradient, tape: .*finite differences give 0\.",
    "writes_past": r"Halve.*wrote outside its outputs",
    "wrong_shape": r"Halve.*(other memory|inferred)",
    "wrong_type": r"Halve.*float16.*in float64",
    "leaks": r"Halve: each round of checks leaves \d+ more tensors or blocks",
    "leaks_heap": r"Halve: each round of checks leaves \d+ more bytes of the heap",
    "wrong_abi": r"needs plugin ABI 1000",
    "crashes": r"crashed with signal 11|store to null pointer",  # or as a sanitizer says it
    "lacks_operator": r"emits the operator NoSuchOperator, which is not here",
    "no_init": r"exports no ig_plugin_init",
    "newer_plugin": r"Halve uses a member that this version of Ingot does not know",
    "old_plugin": r"Halve.*no samples",  # loads; its descriptor ends before them
}
GOOD = ["whole", "new_plugin"]

NETLIST = """netlist 1
input x float32 N 3          # a name is a symbolic dim
const w float32 3 1 : 0.5 -1 2
h = MatMul(x, w)
s = acme::SquarePlus(h) b=0.25
y = Sign(s)
output y
output s
"""

# Relu has a kernel on the example's device, MatMul and Tanh have none.
PLAIN = """netlist 1
input x float32 N 3
const w float32 3 1 : 0.5 -1 2
h = MatMul(x, w)
r = Relu(h)
y = Tanh(r)
output y
"""


def run(*command, rc=0):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if done.returncode != rc:
        sys.exit(f"FAILED: {' '.join(map(str, command))} gave {done.returncode}, expected {rc}\n"
                 f"{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def check_broken(ingot, folder):
    for name, reason in CAUGHT.items():
        if name == "leaks_heap" and "--sanitized" in sys.argv:
            continue
        out = run(ingot, "check-plugin", folder / f"{name}.so", rc=1)
        if not re.search(reason, out):
            sys.exit(f"FAILED: {name} is refused, but not for the right reason\n{out}")
    for name in GOOD:
        run(ingot, "check-plugin", folder / f"{name}.so")
    print(f"{len(CAUGHT)} broken plugins are caught, {len(GOOD)} good ones are not")


def check_examples(ingot, folder, work):
    model = work / "model.netlist"
    model.write_text(NETLIST, encoding="ascii")
    plain = work / "plain.netlist"
    plain.write_text(NETLIST.replace("acme::SquarePlus(h) b=0.25", "Relu(h)"), encoding="ascii")
    run(ingot, "check-plugin", folder / "square_plus.so")
    run(ingot, "check-plugin", folder / "kernel.so")
    run(ingot, "check-plugin", folder / "netlist.so", "--file", plain)
    check = run(ingot, "check-plugin", folder / "device.so")
    if "Relu on mirror" not in check:
        sys.exit(f"FAILED: the device's kernel is not checked\n{check}")
    plugins = []
    for name in ("square_plus", "kernel", "netlist"):
        plugins += ["--plugin", folder / f"{name}.so"]
    out = json.loads(run(ingot, "run", model, "ones", "--dim", "N=2", "--json", *plugins))
    if out["outputs"][0]["values"] != [1, 1] or abs(out["outputs"][1]["values"][0] - 1.5406) > 1e-3:
        sys.exit(f"FAILED: the netlist gives {out}")
    info = run(ingot, "info", model, *plugins)
    if "acme" not in info or "SquarePlus" not in info:
        sys.exit(f"FAILED: info names neither the kernel nor the operator of the plugins\n{info}")
    run(ingot, "convert", model, work / "model.ingot", *plugins)
    run(ingot, "run", work / "model.ingot", "ones", "--dim", "N=1", "--plugin", folder / "square_plus.so")
    plain.write_text(PLAIN, encoding="ascii")
    device = ["--plugin", folder / "device.so", "--plugin", folder / "netlist.so", "--device", "mirror"]
    out = json.loads(run(ingot, "run", plain, "ones", "--dim", "N=2", "--json", *device))
    if [round(v, 5) for v in out["outputs"][0]["values"]] != [0.90515, 0.90515]:
        sys.exit(f"FAILED: on the mirror the netlist gives {out}")
    info = run(ingot, "info", plain, "--json", *device)
    if '"device": "mirror"' not in info or '"device": "cpu"' not in info:
        sys.exit(f"FAILED: info does not say which nodes run where\n{info}")
    # A file alone brings no code: without the plugin it is refused.
    run(ingot, "run", work / "model.ingot", "ones", "--dim", "N=1", rc=4)
    run(ingot, "run", model, "ones", rc=3)
    print("the example plugins work, and models cannot do without being given them")


def check_files(ingot, folder):
    """What is not there is told as by other commands, not as a check that failed."""
    good = folder / "square_plus.so"
    for words, rc in ((["missing.so"], 1), (["./missing.so"], 7), ([__file__], 7), (["/"], 7),
                      ([good, "--file", "missing.netlist"], 7)):
        out = run(ingot, "check-plugin", *words, rc=rc)
        if "error: " not in out or "FAILED" in out:
            sys.exit(f"FAILED: check-plugin {words} says\n{out}")
        done = subprocess.run([ingot, "check-plugin", *words, "--json"], capture_output=True, check=False)
        error = json.loads(done.stdout)["error"]
        if (done.returncode, error["exit"]) != (rc, rc) or str(words[-1]) not in error["message"]:
            sys.exit(f"FAILED: check-plugin {words} --json says {error}")
    print("plugins and files that are not there are told with their own exit code")


def main():
    ingot, broken, examples = (pathlib.Path(a).resolve() for a in sys.argv[1:4])
    with tempfile.TemporaryDirectory(prefix="ingot_plugins_") as work:
        check_broken(ingot, broken)
        check_examples(ingot, examples, pathlib.Path(work))
    check_files(ingot, examples)


if __name__ == "__main__":
    main()
