#!/usr/bin/env python3
"""Models as other tools make them, run by onnxruntime and by Ingot: a table of every difference, with its reason.

usage: tests/peers/compare.py INGOT [--folder FOLDER] [--only WORD...]

Not part of the tests: it needs the packages of tests/peers/README.md. Producers that are not installed are
left out and named. Ends with 1 when a difference has no reason below.
"""

import argparse
import collections
import fnmatch
import importlib
import json
import logging
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback
import warnings

import numpy as np
import onnx
from onnx import numpy_helper

PRODUCERS = ("classical", "optimised", "torch_models")
# name of the case: why it differs from onnxruntime, or is not there
REASONS = {
    "optimised/convolutions_qdq*": "one step of a quantized sum that lies on a half: onnxruntime adds floats in another order",
    "classical/*zipmap": "maps are not there yet",
}
# name of the case: relative and absolute tolerance
TOLERANCES = {"*float16*": (1e-2, 4e-3), "*": (1e-3, 1e-5)}


def run_onnxruntime(model, inputs):
    """As the file says: onnxruntime's own optimiser rounds quantized models and halves elsewhere."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    data = model if isinstance(model, (str, pathlib.Path)) else model.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]).run(None, inputs)


def message(value):
    """The bytes of an output file; a sequence of maps as ZipMap gives it."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        proto = onnx.SequenceProto(elem_type=onnx.SequenceProto.MAP)
        for row in value:
            keys = list(row)
            item = proto.map_values.add(key_type=8 if isinstance(keys[0], str) else 7)
            if isinstance(keys[0], str):
                item.string_keys.extend(k.encode() for k in keys)
            else:
                item.keys.extend(keys)
            item.values.CopyFrom(numpy_helper.from_list([np.asarray(v, np.float32) for v in row.values()]))
        return proto.SerializeToString()
    if isinstance(value, list):
        return numpy_helper.from_list(value).SerializeToString()
    return numpy_helper.from_array(np.asarray(value)).SerializeToString()


def write(folder, model, inputs, outputs):
    """A case in the layout of ONNX's own."""
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    if isinstance(model, (str, pathlib.Path)):
        shutil.copy(model, folder / "model.onnx")
        model = onnx.load(model, load_external_data=False)
    else:
        (folder / "model.onnx").write_bytes(model.SerializeToString())
    constants = {t.name for t in model.graph.initializer}
    names = [i.name for i in model.graph.input if i.name not in constants]
    for k, name in enumerate(names):
        (data / f"input_{k}.pb").write_bytes(numpy_helper.from_array(np.asarray(inputs[name])).SerializeToString())
    for k, value in enumerate(outputs):
        (data / f"output_{k}.pb").write_bytes(message(value))
    return sum(1 for _ in model.graph.node)


def quiet():
    """The producers tell their whole day."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")


def make_all(folder, only):
    """name -> number of nodes, or why there is no case."""
    made, absent = {}, {}
    for producer in PRODUCERS:
        try:
            cases = importlib.import_module(producer).CASES
        except ImportError as error:
            absent[producer] = str(error)
            continue
        for name, maker in cases.items():
            full = f"{producer}/{name}"
            if only and not any(word in full for word in only):
                continue
            try:
                model, inputs = maker()
                made[full] = write(folder / producer / name, model, inputs, run_onnxruntime(model, inputs))
            except Exception as error:  # a producer that fails says nothing about Ingot
                shutil.rmtree(folder / producer / name, ignore_errors=True)
                absent[full] = (traceback.format_exception_only(error)[-1].strip() or repr(error)).split("\n")[0][:160]
    return made, absent


def run_ingot(ingot, folder, names):
    results = {}
    for name in names:
        rtol, atol = next(t for pattern, t in TOLERANCES.items() if fnmatch.fnmatch(name, pattern))
        report = folder / "report.json"
        subprocess.run([ingot, "test", str(folder), "--filter", name, "--rtol", str(rtol), "--atol", str(atol),
                        "--strict-qdq", "--json", str(report)], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        results.update({c["name"]: c for c in json.loads(report.read_text(encoding="utf-8"))["cases"]})
    return results


def reason(name):
    return next((why for pattern, why in REASONS.items() if fnmatch.fnmatch(name, pattern)), "")


def table(made, absent, results):
    counts = collections.Counter()
    for name, nodes in sorted(made.items()):
        case = results.get(name, {"status": "lost", "message": ""})
        known = reason(name) if case["status"] != "passed" else ""
        counts["explained" if known else case["status"]] += 1
        note = f"{case['message'][:200]}  [{known or 'NO REASON'}]" if case["status"] != "passed" else ""
        print(f"{case['status']:11} {name:46} {nodes:5} nodes  {note}")
    for name, why in sorted(absent.items()):
        print(f"{'not made':11} {name:46} {why}")
    print(", ".join(f"{n} {status}" for status, n in sorted(counts.items())), f", {len(absent)} not made")
    return sum(n for status, n in counts.items() if status not in ("passed", "explained"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ingot")
    parser.add_argument("--folder", type=pathlib.Path, help="keep the cases there")
    parser.add_argument("--only", nargs="*", help="cases whose name has one of these words")
    args = parser.parse_args()
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or pathlib.Path(scratch)
        if args.folder:
            shutil.rmtree(folder, ignore_errors=True)
        quiet()
        made, absent = make_all(folder, args.only)
        if not made:
            sys.exit(f"no producer is installed: {absent}")
        sys.exit(table(made, absent, run_ingot(args.ingot, folder, made)) > 0)


if __name__ == "__main__":
    main()
