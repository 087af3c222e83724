#!/usr/bin/env python3
"""How long a model takes to load, beside onnxruntime's session creation, and how loading grows with a model
that is mostly calls of local functions.

usage: bench/load.py [--build FOLDER] [--rounds N]

Models are made here: chains of Add, Mul, Relu, MatMul with small weights, and chains of calls of a function
of ten nodes, which both engines inline. Turns alternate; the ratio is of the least times, files are in the page
cache. Prints Markdown rows. Needs the peers of tests/peers, which are installed into the build folder.
"""

import argparse
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools/python"))
import peers  # noqa: E402


def chain(nodes):
    """x -> ... -> y over float32 [1, 64]; each node has an initialiser of its own or none."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    made, weights, last = [], [], "x"
    rng = np.random.default_rng(1)
    for i in range(nodes):
        op = ("MatMul", "Add", "Relu", "Mul", "Add")[i % 5]
        inputs = [last]
        if op != "Relu":
            shape = (64, 64) if op == "MatMul" else (64,)
            weights.append(numpy_helper.from_array((rng.standard_normal(shape) / 8).astype(np.float32), f"w{i}"))
            inputs.append(f"w{i}")
        last = f"v{i}" if i < nodes - 1 else "y"
        made.append(helper.make_node(op, inputs, [last], name=f"n{i}"))
    port = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 64]) for n in ("x", "y")]
    graph = helper.make_graph(made, "chain", port[:1], port[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def calls(nodes):
    """The same as calls of a local function of ten nodes."""
    from onnx import TensorProto, helper

    body = []
    for i in range(10):
        op, last = ("Sin", "Add", "Tanh", "Mul", "Sub")[i % 5], "a" if i == 0 else f"t{i - 1}"
        inputs = [last] if op in ("Sin", "Tanh") else [last, "a"]
        body.append(helper.make_node(op, inputs, [f"t{i}" if i < 9 else "b"]))
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    function = helper.make_function("local", "Ten", ["a"], ["b"], body, opsets[:1])
    made = [helper.make_node("Ten", [f"v{i - 1}" if i else "x"], [f"v{i}" if i < nodes // 10 - 1 else "y"],
                             domain="local") for i in range(nodes // 10)]
    port = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 64]) for n in ("x", "y")]
    graph = helper.make_graph(made, "calls", port[:1], port[1:])
    return helper.make_model(graph, opset_imports=opsets, functions=[function], ir_version=8)


def seconds(load):
    begin = time.perf_counter()
    kept = load()
    took = time.perf_counter() - begin
    del kept
    return took


def measure(path, rounds):
    """Least seconds of (ingot, onnxruntime), one thread each."""
    import ingot
    import onnxruntime

    o = onnxruntime.SessionOptions()
    o.intra_op_num_threads = o.inter_op_num_threads = 1
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds(lambda: ingot.Model(path, threads=1)))
        theirs.append(seconds(lambda: onnxruntime.InferenceSession(path, o, providers=["CPUExecutionProvider"])))
    return min(ours), min(theirs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=ROOT / "build-release", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    peers.enter("tests/peers/requirements.txt", args.build)
    rows = [("chain, 1,000 nodes", chain(1000)), ("chain, 4,000 nodes", chain(4000))]
    rows += [(f"calls, {n:,} expanded nodes", calls(n)) for n in (1250, 2500, 5000, 10000)]
    print("| model | ingot / onnxruntime | ingot, us a node |\n|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="ingot_load_") as folder:
        for name, model in rows:
            path = str(pathlib.Path(folder, "m.onnx"))
            pathlib.Path(path).write_bytes(model.SerializeToString())
            ours, theirs = measure(path, args.rounds)
            nodes = int("".join(c for c in name if c.isdigit()))
            print(f"| {name} | {ours / theirs:.2f} | {ours / nodes * 1e6:.1f} |", flush=True)


if __name__ == "__main__":
    main()
