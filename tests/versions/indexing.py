"""Gather, scatter and their kin: reductions that scatters learned, element types, index types."""

import numpy as np

from frame import NAMES, data, every, i64, sample, types, versions, wide


def gathers():
    for since, name in every("Gather"):
        x = data(name, (3, 4), -9, 9, seed=1)
        for kind in types("Gather", since, port=1):
            at = np.array([[0, 2], [1, 1]], dtype=NAMES[kind])
            sample("Gather", since, [x, at], [x[at]], label=f"{name}_{kind}")
            sample("Gather", since, [x, at], [np.take(x, at, 1)], label=f"{name}_{kind}_axis", axis=1)
        if since >= 11:
            sample("Gather", since, [x, i64(-1, 0)], [x[:, [-1, 0]]], label=f"{name}_negative", axis=-1)
    for since, name in every("GatherElements"):
        x = data(name, (3, 2), -9, 9, seed=2)
        at = np.array([[0, 2], [2, 1]], dtype=np.int64)
        sample("GatherElements", since, [x, at], [np.take_along_axis(x, at, 0)], label=name)
        at = np.array([[1], [-2], [0]], dtype=np.int32)
        sample("GatherElements", since, [x, at], [np.take_along_axis(x, at % 2, 1)], label=f"{name}_axis", axis=-1)
    for since, name in every("GatherND"):
        x = data(name, (2, 2, 3), -9, 9, seed=3)
        at = np.array([[0, 1], [1, 0]], dtype=np.int64)
        sample("GatherND", since, [x, at], [x[[0, 1], [1, 0]]], label=name)
        sample("GatherND", since, [x, i64(1, -1, 2).reshape(1, 3)], [x[[1], [-1], [2]]], label=f"{name}_whole")
        if since >= 12:
            at = np.array([[1], [0]], dtype=np.int64)
            sample("GatherND", since, [x, at], [x[[0, 1], [1, 0]]], label=f"{name}_batch", batch_dims=1)


def combine(reduction, old, new, name):
    a, b = wide(old), wide(new)
    y = {"none": lambda: b, "add": lambda: a + b, "mul": lambda: a * b, "max": lambda: np.maximum(a, b),
         "min": lambda: np.minimum(a, b)}[reduction]()
    return y.astype(NAMES[name])


def reductions(since):
    return ["none"] + (["add", "mul"] if since >= 16 else []) + (["max", "min"] if since >= 18 else [])


def numbers(name):
    return name not in ("string", "bool") and not name.startswith("complex")


def scatter_elements():
    for op in ("ScatterElements", "Scatter"):
        for since, name in every(op):
            x, u = data(name, (3, 3), 0, 5, seed=4), data(name, (2, 3), 0, 5, seed=5)
            for kind in types(op, since, port=1):
                at = np.array([[1, 0, 2], [0, 2, 1]], dtype=NAMES[kind])
                y = x.copy()
                np.put_along_axis(y, at, u, 0)
                sample(op, since, [x, at, u], [y], label=f"{name}_{kind}")
            at = np.array([[0, 1, 2]] * 2, dtype=np.int64)
            y = x.copy()
            y[:2] = u
            sample(op, since, [x, at, u], [y], label=f"{name}_axis", axis=1)
            for reduction in reductions(since)[1:] if op == "ScatterElements" and numbers(name) else []:
                at = np.array([[1, 0, 2], [1, 2, 2]], dtype=np.int64)
                y = x.copy()
                for i in range(2):
                    for j in range(3):
                        y[at[i, j], j] = combine(reduction, y[at[i, j], j], u[i, j], name)
                sample(op, since, [x, at, u], [y], label=f"{name}_{reduction}", reduction=reduction)


def scatter_nd():
    for since, name in every("ScatterND"):
        x, u = data(name, (3, 2), 0, 5, seed=6), data(name, (2, 2), 0, 5, seed=7)
        for reduction in reductions(since) if numbers(name) else ["none"]:
            y = x.copy()
            for k, row in enumerate((2, 0)):
                y[row] = combine(reduction, y[row], u[k], name) if reduction != "none" else u[k]
            sample("ScatterND", since, [x, np.array([[2], [-3]], dtype=np.int64) if since >= 11 else i64(2, 0), u], [y],
                   label=f"{name}_{reduction}", reduction=reduction if reduction != "none" else None)


def one_hot():
    for since in versions("OneHot"):
        for name in types("OneHot", since, port=2):
            values = data(name, (2,), 0, 5, seed=8)
            at, depth = i64(0, 2, 1), np.array([3], dtype=np.int64)
            y = np.where(np.eye(3, dtype=bool)[at], values[1], values[0]).astype(values.dtype)
            sample("OneHot", since, [at, depth, values], [y], label=f"values_{name}")
            sample("OneHot", since, [at, depth, values], [y.T.copy()], label=f"values_{name}_axis", axis=0)
        values = data("float", (2,), 0, 5, seed=8)
        y = np.where(np.eye(3, dtype=bool)[[0, 2, 1]], values[1], values[0])
        for name in types("OneHot", since, port=0):
            at = np.array([0, 2, 1], dtype=NAMES[name])
            sample("OneHot", since, [at, np.array([3], dtype=np.int64), values], [y], label=f"indices_{name}")
            sample("OneHot", since, [i64(0, 2, 1), np.array([3], dtype=NAMES[name]), values], [y], label=f"depth_{name}")
        if since >= 11:
            sample("OneHot", since, [i64(-3, -1, 1), i64(3), values], [y], label="negative")


def compress():
    for since, name in every("Compress"):
        x = data(name, (3, 2), -9, 9, seed=9)
        keep = np.array([False, True, True])
        sample("Compress", since, [x, keep], [x[keep]], label=f"{name}_axis", axis=0)
        sample("Compress", since, [x, keep], [x.ravel()[1:3]], label=f"{name}_flat")
        if since >= 11:
            sample("Compress", since, [x, np.array([False, True])], [x[:, 1:]], label=f"{name}_negative", axis=-1)


def unique():
    for since, name in every("Unique"):
        x = np.array(["b", "a", "b", "c"], dtype=object) if name == "string" else np.array([2, 1, 2, 3]).astype(NAMES[name])
        if name == "bool":
            x = np.array([True, False, True, True])
        y, first, back, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True)
        sample("Unique", since, [x], [y, first.astype(np.int64), back.astype(np.int64), counts.astype(np.int64)], label=f"{name}_sorted")


def windows_of_tensors():
    for since, name in every("TensorScatter"):
        past, fresh = data(name, (2, 4, 2), -9, 9, seed=10), data(name, (2, 1, 2), -9, 9, seed=11)
        y = past.copy()
        y[0, 1], y[1, 3] = fresh[0, 0], fresh[1, 0]
        sample("TensorScatter", since, [past, fresh, i64(1, 3)], [y], label=name)


def make():
    for part in (gathers, scatter_elements, scatter_nd, one_hot, compress, unique, windows_of_tensors):
        part()
