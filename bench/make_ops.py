#!/usr/bin/env python3
"""Writes models of one operator each for bench/compare.py, at sizes that networks use.

usage: bench/make_ops.py FOLDER

The first input is the graph's, the others are constants with a fixed seed. Results that are no floats are cast, in
both engines. Needs the Python packages numpy and onnx.
"""

import pathlib
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

RNG = np.random.default_rng(5)
IMAGE = [1, 64, 56, 56]


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


def below(n, *shape):
    return RNG.integers(0, n, shape)


def boxes(n, size):
    at = RNG.random((n, 2)) * size * 0.7
    return np.concatenate([at, at + 4 + RNG.random((n, 2)) * size * 0.25], 1).astype(np.float32)


# name: operator, shape of the input, constants ("" is an omitted one), attributes
OPS = {
    "sin": ("Sin", [8, 1024], [], {}),
    "tan": ("Tan", [8, 1024], [], {}),
    "atan": ("Atan", [8, 1024], [], {}),
    "sinh": ("Sinh", [8, 1024], [], {}),
    "round": ("Round", [64, 1024], [], {}),
    "gelu": ("Gelu", [128, 3072], [], {}),
    "softmax": ("Softmax", [12, 128, 128], [], {"axis": -1}),
    "cum_sum": ("CumSum", [64, 1024], [ints(1)[0]], {}),
    "arg_max": ("ArgMax", [1, 21, 128, 128], [], {"axis": 1}),
    "top_k_5": ("TopK", [8, 1000], [ints(5)], {}),
    "top_k_100": ("TopK", [1, 30000], [ints(100)], {}),
    "top_k_1000": ("TopK", [1, 30000], [ints(1000)], {}),
    "layer_norm": ("LayerNormalization", [128, 768], [floats(768), floats(768)], {}),
    "instance_norm": ("InstanceNormalization", IMAGE, [floats(64), floats(64)], {}),
    "group_norm": ("GroupNormalization", IMAGE, [floats(64), floats(64)], {"num_groups": 8}),
    "grid_sample": ("GridSample", IMAGE, [floats(1, 56, 56, 2) / 2], {}),
    "roi_align": ("RoiAlign", [1, 256, 50, 50], [boxes(100, 800), np.zeros(100, np.int64)],
                  {"output_height": 7, "output_width": 7, "spatial_scale": 1 / 16, "sampling_ratio": 2}),
    "roi_align_max": ("RoiAlign", [1, 256, 50, 50], [boxes(100, 800), np.zeros(100, np.int64)],
                      {"output_height": 7, "output_width": 7, "spatial_scale": 1 / 16, "sampling_ratio": 2, "mode": "max"}),
    "resize_2d": ("Resize", IMAGE, ["", np.float32([1, 1, 2, 2])], {"mode": "linear"}),
    "resize_3d": ("Resize", [1, 16, 16, 28, 28], ["", np.float32([1, 1, 2, 2, 2])], {"mode": "linear"}),
    "deform_conv": ("DeformConv", [1, 32, 28, 28], [floats(32, 32, 3, 3), floats(1, 18, 28, 28)], {"pads": [1] * 4}),
    "conv_dilated": ("Conv", [1, 64, 33, 33], [floats(64, 64, 3, 3)], {"dilations": [4, 4], "pads": [4] * 4}),
    "conv_1d_depthwise": ("Conv", [1, 256, 400], [floats(256, 1, 31)], {"group": 256, "pads": [15, 15]}),
    "col2im": ("Col2Im", [1, 16 * 9, 784], [ints(28, 28), ints(3, 3)], {"pads": [1] * 4}),
    "stft": ("STFT", [1, 16000, 1], [ints(160)[0], floats(400)], {}),
    "scatter_elements": ("ScatterElements", [512, 256], [below(512, 512, 256), floats(512, 256)], {}),
    "gather_elements": ("GatherElements", [512, 256], [below(512, 512, 256)], {}),
    "matmul_1": ("MatMul", [1, 1024], [floats(1024, 1024)], {}),
    "matmul_4": ("MatMul", [4, 1024], [floats(1024, 1024)], {}),
    "gemm_t_1": ("Gemm", [1, 1024], [floats(1024, 1024)], {"transB": 1}),
    "gemm_t_4": ("Gemm", [4, 1024], [floats(1024, 1024)], {"transB": 1}),
    "attention_32": ("Attention", [1, 12, 32, 64], [floats(1, 12, 32, 64), floats(1, 12, 32, 64)], {}),
    "attention_128": ("Attention", [1, 12, 128, 64], [floats(1, 12, 128, 64), floats(1, 12, 128, 64)], {}),
    "attention_512": ("Attention", [1, 12, 512, 64], [floats(1, 12, 512, 64), floats(1, 12, 512, 64)], {}),
}
OPSETS = {"RoiAlign": 16}  # onnxruntime has no later one; else 23
WHOLE = {"ArgMax"}  # results are integers


def model_of(op, shape, constants, attributes):
    given = [(f"c{i}" if isinstance(c, (np.ndarray, np.generic)) else "", c) for i, c in enumerate(constants)]
    made = "n" if op in WHOLE else "y"
    outputs = [made] + (["i"] if op == "TopK" else [])
    nodes = [helper.make_node(op, ["x"] + [name for name, _ in given], outputs, **attributes)]
    if made == "n":
        nodes.append(helper.make_node("Cast", ["n"], ["y"], to=TensorProto.FLOAT))
    graph = helper.make_graph(nodes, op, [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(np.asarray(c), name) for name, c in given if name])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSETS.get(op, 23))], ir_version=10)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, op in OPS.items():
        save(model_of(*op), folder / f"{name}.onnx")


if __name__ == "__main__":
    main()
