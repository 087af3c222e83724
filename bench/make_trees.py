#!/usr/bin/env python3
"""Writes tree ensembles for bench/compare.py: 500 complete trees of depth 8 over 64 features, as a regressor
(TreeEnsembleRegressor 3, what converters write), for batches of 1 and 1,000 rows.

usage: bench/make_trees.py FOLDER

Features and thresholds are random with a fixed seed. Needs the Python packages numpy and onnx.
"""

import pathlib
import sys

import numpy as np
from onnx import TensorProto, helper, save

TREES, DEPTH, FEATURES = 500, 8, 64


def ensemble():
    """Nodes of a complete tree in breadth-first order: children of i are 2 i + 1 and 2 i + 2."""
    rng = np.random.default_rng(1)
    inner, all_nodes = 2**DEPTH - 1, 2**(DEPTH + 1) - 1
    node = np.arange(all_nodes)
    branch = node < inner
    leaf = node[~branch]
    features = rng.integers(0, FEATURES, (TREES, all_nodes)) * branch
    values = rng.standard_normal((TREES, all_nodes)).astype(np.float32) * branch
    one = {
        "nodes_treeids": np.repeat(np.arange(TREES), all_nodes),
        "nodes_nodeids": np.tile(node, TREES),
        "nodes_featureids": features.ravel(),
        "nodes_values": values.ravel(),
        "nodes_truenodeids": np.tile((2 * node + 1) * branch, TREES),
        "nodes_falsenodeids": np.tile((2 * node + 2) * branch, TREES),
        "target_treeids": np.repeat(np.arange(TREES), len(leaf)),
        "target_nodeids": np.tile(leaf, TREES),
        "target_ids": np.zeros(TREES * len(leaf), dtype=np.int64),
        "target_weights": rng.standard_normal(TREES * len(leaf)).astype(np.float32),
    }
    lists = {name: v.tolist() for name, v in one.items()}
    modes = ["BRANCH_LEQ" if b else "LEAF" for b in branch] * TREES
    return helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1,
                            nodes_modes=modes, **lists)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for rows in (1, 1000):
        ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [rows, c])
                 for n, c in (("x", FEATURES), ("y", 1))]
        graph = helper.make_graph([ensemble()], "trees", ports[:1], ports[1:])
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
        save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / f"trees_{rows}.onnx")


if __name__ == "__main__":
    main()
