#!/usr/bin/env python3
"""Compares a model's run time with onnxruntime: ratios, interleaved in one process.

usage: compare.py LIBINGOT_SO MODEL.onnx... [--threads 1,2] [--rounds 9]
       compare.py LIBINGOT_SO MODEL.onnx... --check
       compare.py LIBINGOT_SO QUANTIZED.onnx... --within 0.02

Turns of the two engines alternate (A B A B ...), so that both see the same machine; a turn
is at least 0.15 s. Outputs are compared first (rtol 1e-4, atol 1e-5 of the largest): a wrong
fast answer is no result. Prints Markdown rows: ratio of the medians and of the minima,
ingot / onnxruntime, and the load of the machine. Needs the Python packages numpy and
onnxruntime; a development tool. With --check it only compares outputs, not optimised (-1) and
optimised (2), element by element (rtol 1e-4, atol 1e-5), and fails when one is outside.
--within is for quantized models, whose outputs differ by steps: outputs may differ by that
part of the largest.
"""

import argparse
import ctypes as C
import os
import sys
import time

import numpy as np
import onnxruntime as ort

DTYPES = {"float32": 1, "int64": 7}  # as in ONNX
TURN_S, REST_S = 0.15, 0.02


class Ports(C.Structure):
    _fields_ = [("n", C.c_int), ("v", C.c_void_p)]


class ModelOpts(C.Structure):
    """The head of ig_model_opts; the rest stays zero."""

    _fields_ = [("device", C.c_char_p), ("threads", C.c_int), ("level", C.c_int),
                ("rest", C.c_char * 512)]


class Ingot:
    def __init__(self, lib, path, threads, feeds, level=2):
        self.lib = lib
        self.model = C.c_void_p()
        opts = ModelOpts(threads=threads, level=level)
        self.check(lib.ig_model_load(C.byref(self.model), path.encode(), C.byref(opts)))
        self.inputs = [self.wrap(feeds[n]) for n in self.names()]
        self.in_array = (C.c_void_p * len(self.inputs))(*self.inputs)
        self.out = C.c_void_p()
        self.out_array = (C.POINTER(C.c_void_p) * 1)(C.pointer(self.out))
        self.ins = Ports(len(self.inputs), C.cast(self.in_array, C.c_void_p))
        self.outs = Ports(1, C.cast(self.out_array, C.c_void_p))

    def check(self, status):
        if status:
            raise RuntimeError(self.lib.ig_error_message().decode())

    def names(self):
        n = self.lib.ig_model_n_inputs(self.model)
        return [self.lib.ig_model_input_name(self.model, i).decode() for i in range(n)]

    def wrap(self, array):
        t = C.c_void_p()
        dims = (C.c_int64 * array.ndim)(*array.shape)
        self.check(self.lib.ig_tensor_new_copy(
            C.byref(t), DTYPES[str(array.dtype)], array.ndim, dims,
            array.ctypes.data_as(C.c_void_p), C.c_size_t(array.nbytes)))
        return t

    def run(self):
        self.check(self.lib.ig_model_run(self.model, self.ins, self.outs, None))

    def result(self):
        self.run()
        n = self.lib.ig_tensor_numel(self.out)
        data = C.cast(self.lib.ig_tensor_data(self.out), C.POINTER(C.c_float))
        return np.ctypeslib.as_array(data, (n,)).copy()


class Peer:
    def __init__(self, path, threads, feeds):
        o = ort.SessionOptions()
        o.intra_op_num_threads, o.inter_op_num_threads = threads, 1
        # Its threads spin while it runs, but not into our turn.
        o.add_session_config_entry("session.force_spinning_stop", "1")
        o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = ort.InferenceSession(path, o, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        for name, array in feeds.items():
            self.binding.bind_cpu_input(name, array)
        self.binding.bind_output(self.session.get_outputs()[0].name, "cpu")

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def result(self):
        self.run()
        return self.binding.copy_outputs_to_cpu()[0].ravel()


def feeds_of(path):
    o = ort.SessionOptions()
    o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(path, o, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(7)
    feeds = {}
    for i in session.get_inputs():
        shape = [d if isinstance(d, int) else 1 for d in i.shape]
        if "int64" in i.type:
            feeds[i.name] = rng.integers(0, 1000, shape)
        else:
            feeds[i.name] = rng.standard_normal(shape).astype(np.float32)
    return feeds


def turn(engine, times):
    """Times of one turn; runs shorter than 0.2 ms in batches, so that the clock is free."""
    begin = time.perf_counter()
    engine.run()
    once = time.perf_counter() - begin
    batch = max(1, int(2e-4 / max(once, 1e-7)))
    least = len(times) + 2
    while len(times) < least or time.perf_counter() - begin < TURN_S:
        start = time.perf_counter()
        for _ in range(batch):
            engine.run()
        times.append((time.perf_counter() - start) / batch)
    time.sleep(REST_S)


def check(lib, path):
    feeds = feeds_of(path)
    b = Peer(path, 1, feeds).result().astype(np.float64)
    fine = True
    for level in [-1, 2]:
        a = Ingot(lib, path, 1, feeds, level).result()
        far = np.abs(a - b) - 1e-4 * np.abs(b)
        outside = int((~(far <= 1e-5)).sum())
        fine &= outside == 0
        print(f"| {os.path.basename(path)[:-5]} | {level} | {b.size} | {outside} | "
              f"{np.abs(a - b).max():.2g} | {np.abs(b).max():.2g} |", flush=True)
    return fine


def compare(lib, path, threads, rounds, within):
    feeds = feeds_of(path)
    ours, theirs = Ingot(lib, path, threads, feeds), Peer(path, threads, feeds)
    a, b = ours.result(), theirs.result()
    scale = float(np.abs(b).max())
    if a.shape != b.shape or not np.allclose(a, b, rtol=1e-4, atol=within * max(scale, 1)):
        raise RuntimeError(f"{path}: outputs differ by {np.abs(a - b).max():g} of {scale:g}")
    t_ours, t_theirs = [], []
    for _ in range(rounds):
        turn(ours, t_ours)
        turn(theirs, t_theirs)
    name = os.path.basename(path)[:-5]
    print(f"| {name} | {threads} | {np.median(t_ours) / np.median(t_theirs):.2f} | "
          f"{min(t_ours) / min(t_theirs):.2f} | {os.getloadavg()[0]:.1f} |", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("lib")
    p.add_argument("models", nargs="+")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--check", action="store_true")
    p.add_argument("--within", type=float, default=1e-5)
    o = p.parse_args()
    lib = C.CDLL(os.path.abspath(o.lib))
    for name in ["ig_error_message", "ig_model_input_name"]:
        getattr(lib, name).restype = C.c_char_p
    lib.ig_tensor_data.restype = C.c_void_p
    lib.ig_tensor_numel.restype = C.c_int64
    for name in ["ig_model_n_inputs", "ig_tensor_data", "ig_tensor_numel"]:
        getattr(lib, name).argtypes = [C.c_void_p]
    lib.ig_model_input_name.argtypes = [C.c_void_p, C.c_int]
    lib.ig_model_run.argtypes = [C.c_void_p, Ports, Ports, C.c_void_p]
    if o.check:
        print("| model | level | elements | outside | largest difference | largest value |")
        print("|---|---|---|---|---|---|")
        return 0 if all([check(lib, path) for path in o.models]) else 1
    print("| model | threads | median | minimum | load |\n|---|---|---|---|---|")
    for path in o.models:
        for threads in o.threads.split(","):
            compare(lib, path, int(threads), o.rounds, o.within)
    return 0


if __name__ == "__main__":
    sys.exit(main())
