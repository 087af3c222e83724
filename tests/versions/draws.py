"""Random operators: each model checks its own draws, so that the right output is known.

Bounds are six standard deviations of the statistic wide: a right generator passes."""

import numpy as np
from onnx import helper, numpy_helper

from frame import NAMES, data, every, f32, graph, types
from casts import code


def node(op, ins, outs, **attributes):
    return helper.make_node(op, ins.split(), outs.split(), **attributes)


def constant(name, value):
    return node("Constant", "", name, value=numpy_helper.from_array(np.asarray(value)))


def near(value, center, width, out):
    """out: whether |value - center| < width, in operators of every opset from 7 on."""
    parts = [constant(f"{out}c", np.float32(center)), constant(f"{out}w", np.float32(width)),
             node("Sub", f"{value} {out}c", f"{out}d"), node("Abs", f"{out}d", f"{out}a"), node("Less", f"{out}a {out}w", out)]
    for p in parts[:2]:
        p.ClearField("input")
    return parts


def statistics(out):
    """Mean and mean square of `out`, as float scalars m and q."""
    return [node("Cast", out, "f", to=1), node("ReduceMean", "f", "m", keepdims=0), node("Mul", "f f", "ff"),
            node("ReduceMean", "ff", "q", keepdims=0)]


def checked(op, since, first, inputs, mean, square, label, count, spread, shape):
    """Two draws differ, have the type and shape that were asked for, and the right first two moments."""
    opset = max(since, 7) if since < 22 else since
    bound = 6 * spread / count**0.5
    nodes = [first, *statistics(first.output[0]), *near("m", mean, bound, "mean_ok"),
             *near("q", square, bound * (abs(mean) + spread) * 3, "square_ok"), node("Shape", first.output[0], "shape")]
    graph(op, since, nodes, inputs, [np.array(True), np.array(True), np.array(shape, np.int64)], label=label,
          outputs=["mean_ok", "square_ok", "shape"], opsets={"": opset})


def normals():
    for op in ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"):
        like = op.endswith("Like")
        normal = "Normal" in op
        mean, spread = (2.0, 1.5) if normal else (3.0, 2 / 12**0.5)
        attributes = {"mean": 2.0, "scale": 1.5} if normal else {"low": 2.0, "high": 4.0}
        plain = (0.0, 1.0) if normal else (0.5, 1 / 12**0.5)
        for since, name in every(op, output=True):
            shape = [20, 50]
            given = {"x": np.zeros(shape, np.float32)} if like else {}
            more = {} if like else {"shape": shape}
            n = helper.make_node(op, list(given), ["y"], dtype=code(name), **attributes, **more)
            checked(op, since, n, given, mean, mean**2 + spread**2, name, 1000, spread, shape)
            n = helper.make_node(op, list(given), ["y"], seed=5.0, **more)
            checked(op, since, n, given, plain[0], plain[0]**2 + plain[1]**2, f"{name}_default", 1000, plain[1], shape)
        if like:
            for since, name in every(op):
                if name in ("float", "double", "float16", "bfloat16"):
                    x = data(name, (20, 50))
                    checked(op, since, helper.make_node(op, ["x"], ["y"]), {"x": x}, plain[0], plain[0]**2 + plain[1]**2,
                            f"like_{name}", 1000, plain[1], [20, 50])


def choices():
    for since, name in every("Multinomial"):
        for kind in types("Multinomial", since, output=True):
            x = np.log(f32(0.25, 0.75)).reshape(1, 2).astype(NAMES[name])
            n = helper.make_node("Multinomial", ["x"], ["y"], sample_size=1000, dtype=code(kind))
            checked("Multinomial", since, n, {"x": x}, 0.75, 0.75, f"{name}_{kind}", 1000, 0.4331, [1, 1000])
    for since, name in every("Bernoulli"):
        for kind in types("Bernoulli", since, output=True):
            x = np.full((20, 50), 0.25).astype(NAMES[name])
            n = helper.make_node("Bernoulli", ["x"], ["y"], dtype=code(kind))
            checked("Bernoulli", since, n, {"x": x}, 0.25, 0.25, f"{name}_{kind}", 1000, 0.4331, [20, 50])
        x = np.array([0, 1, 1, 0]).astype(NAMES[name])
        graph("Bernoulli", since, [node("Bernoulli", "x", "y")], {"x": x}, [x], label=f"{name}_certain", outputs=["y"])
    for since in (1, 6):
        x = np.ones((20, 50), np.float32)
        more = {"consumed_inputs": [0, 0]} if since == 1 else {}
        # of training: twice the element or nothing, as often as the ratio says
        n = helper.make_node("Dropout", ["x"], ["y"], ratio=0.5, **more)
        shape_only = [n, node("Shape", "y", "shape")]
        graph("Dropout", since, shape_only, {"x": x}, [np.array([20, 50], np.int64)], label="training", outputs=["shape"])


def make():
    normals()
    choices()
