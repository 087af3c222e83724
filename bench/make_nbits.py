#!/usr/bin/env python3
"""Writes products with weights of 4 bits for bench/compare.py: eight matrices of 2,048 x 2,048 in blocks of 32 with
zero points, as com.microsoft's MatMulNBits, for 1, 4 and 128 rows.

usage: bench/make_nbits.py FOLDER

accuracy_level is 1: inputs stay float32 in onnxruntime too, which else may round them to 8 bits. Weights are random
with a fixed seed. Needs the Python packages numpy and onnx.
"""

import pathlib
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

WIDTH, BLOCK, LAYERS = 2048, 32, 8


def layer(rng, i):
    blocks = WIDTH // BLOCK
    weights = {
        f"B{i}": rng.integers(0, 256, (WIDTH, blocks, BLOCK // 2), dtype=np.uint8),
        f"scales{i}": (rng.random(WIDTH * blocks, dtype=np.float32) + 0.5) / 200,
        f"zero_points{i}": np.full(WIDTH * blocks // 2, 0x88, dtype=np.uint8),
    }
    node = helper.make_node("MatMulNBits", [f"x{i}", *weights], [f"x{i + 1}"], domain="com.microsoft", K=WIDTH, N=WIDTH,
                            bits=4, block_size=BLOCK, accuracy_level=1)
    return node, [numpy_helper.from_array(v, name) for name, v in weights.items()]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for rows in (1, 4, 128):
        rng = np.random.default_rng(1)
        layers = [layer(rng, i) for i in range(LAYERS)]
        ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [rows, WIDTH]) for n in ("x0", f"x{LAYERS}")]
        graph = helper.make_graph([node for node, _ in layers], "nbits", ports[:1], ports[1:],
                                  [w for _, weights in layers for w in weights])
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
        save(helper.make_model(graph, opset_imports=opsets, ir_version=10), folder / f"nbits_{rows}.onnx")


if __name__ == "__main__":
    main()
