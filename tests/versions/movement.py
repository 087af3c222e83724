"""Operators that move data: attributes that became inputs, and the growing sets of types."""

import numpy as np
from onnx import numpy_helper

from frame import NAMES, data, every, has, i64, sample, types, versions
from elementwise import old


def reshape():
    for since, name in every("Reshape"):
        x = data(name, (2, 3, 4), seed=1)
        if since < 5:
            for label, shape in (("plain", (4, 6)), ("rest", (2, -1)), ("kept", (0, 12))):
                right = x.reshape([x.shape[i] if d == 0 else d for i, d in enumerate(shape)])
                sample("Reshape", since, [x], [right], label=f"{name}_{label}", shape=shape, **old("Reshape", since))
            continue
        sample("Reshape", since, [x, i64(4, 6)], [x.reshape(4, 6)], label=f"{name}_plain")
        sample("Reshape", since, [x, i64(0, -1)], [x.reshape(2, 12)], label=f"{name}_rest")
        if since >= 14:
            none = data(name, (0, 3), seed=1)
            sample("Reshape", since, [none, i64(3, 0)], [none.reshape(3, 0)], label=f"{name}_zero", allowzero=1)


def flatten_transpose_squeeze():
    for since, name in every("Flatten"):
        x = data(name, (2, 3, 4), seed=2)
        sample("Flatten", since, [x], [x.reshape(2, 12)], label=f"{name}_default")
        sample("Flatten", since, [x], [x.reshape(1, 24)], label=f"{name}_0", axis=0)
        sample("Flatten", since, [x], [x.reshape(24, 1)], label=f"{name}_3", axis=3)
        if since >= 11:
            sample("Flatten", since, [x], [x.reshape(6, 4)], label=f"{name}_negative", axis=-1)
    for since, name in every("Transpose"):
        x = data(name, (2, 3, 4), seed=3)
        sample("Transpose", since, [x], [x.transpose()], label=f"{name}_default")
        sample("Transpose", since, [x], [x.transpose(1, 0, 2)], label=f"{name}_perm", perm=[1, 0, 2])
    for since, name in every("Squeeze"):
        x = data(name, (1, 3, 1, 2), seed=4)
        given = lambda *axes: ([x], {"axes": axes}) if since < 13 else ([x, i64(*axes)], {})
        inputs, attributes = given(0)
        sample("Squeeze", since, inputs, [x[0]], label=f"{name}_axis", **attributes)
        sample("Squeeze", since, [x], [x.reshape(3, 2)], label=f"{name}_all")
        if since >= 11:
            inputs, attributes = given(-2)
            sample("Squeeze", since, inputs, [x.reshape(1, 3, 2)], label=f"{name}_negative", **attributes)
    for since, name in every("Unsqueeze"):
        x = data(name, (3, 2), seed=5)
        given = lambda *axes: ([x], {"axes": axes}) if since < 13 else ([x, i64(*axes)], {})
        inputs, attributes = given(0, 2)
        sample("Unsqueeze", since, inputs, [x.reshape(1, 3, 1, 2)], label=f"{name}_axes", **attributes)
        if since >= 11:
            inputs, attributes = given(-1)
            sample("Unsqueeze", since, inputs, [x.reshape(3, 2, 1)], label=f"{name}_negative", **attributes)


def concat_split():
    for since, name in every("Concat"):
        a, b = data(name, (2, 3), seed=6), data(name, (2, 2), seed=7)
        sample("Concat", since, [a, b], [np.concatenate([a, b], 1)], label=name, axis=None if since < 4 else 1)
        sample("Concat", since, [a, a], [np.concatenate([a, a], 0)], label=f"{name}_0", axis=0)
        if since >= 11:
            sample("Concat", since, [a, b], [np.concatenate([a, b], 1)], label=f"{name}_negative", axis=-1)
    for since, name in every("Split"):
        x = data(name, (6, 2), seed=8)
        halves, parts = list(np.split(x, 2)), list(np.split(x, [1, 3]))
        columns = [x[:, :1], x[:, 1:]]
        if since < 13:
            sample("Split", since, [x], parts, label=f"{name}_sizes", split=[1, 2, 3], axis=0)
            sample("Split", since, [x], halves, label=f"{name}_equal", axis=0)
        else:
            sample("Split", since, [x, i64(1, 2, 3)], parts, label=f"{name}_sizes")
            sample("Split", since, [x], halves, label=f"{name}_equal", num_outputs=2 if since >= 18 else None)
        if since == 1:
            sample("Split", since, [x, np.array([1, 2, 3]).astype(x.dtype)], parts, label=f"{name}_input", axis=0)
        sample("Split", since, [x], columns, label=f"{name}_axis", axis=1 if since < 11 else -1,
               num_outputs=2 if since >= 18 else None)
        if since >= 18:
            x = data(name, (7, 2), seed=8)
            sample("Split", since, [x], [x[:3], x[3:6], x[6:]], label=f"{name}_uneven", num_outputs=3)


def slices():
    for since, name in every("Slice"):
        x = data(name, (4, 5), seed=9)
        if since < 10:
            sample("Slice", since, [x], [x[1:3, 0:4]], label=f"{name}_plain", starts=[1, 0], ends=[3, 4])
            sample("Slice", since, [x], [x[:, -3:-1]], label=f"{name}_negative", starts=[-3], ends=[-1], axes=[1])
            sample("Slice", since, [x], [x[:, 1:]], label=f"{name}_far", starts=[1], ends=[1000], axes=[1])
            continue
        for kind in types("Slice", since, port=1):
            index = lambda *v: np.array(v, dtype=NAMES[kind])
            sample("Slice", since, [x, index(1, 0), index(3, 4)], [x[1:3, 0:4]], label=f"{name}_{kind}")
            sample("Slice", since, [x, index(1), index(1000), index(1), index(2)], [x[:, 1::2]], label=f"{name}_{kind}_step")
            sample("Slice", since, [x, index(-1), index(-1000), index(0), index(-1)], [x[::-1]], label=f"{name}_{kind}_back")
        if since >= 11:
            sample("Slice", since, [x, i64(-3), i64(-1), i64(-1)], [x[:, -3:-1]], label=f"{name}_negative_axis")


def repeat():
    for since, name in every("Expand"):
        x = data(name, (3, 1), seed=10)
        sample("Expand", since, [x, i64(2, 1, 4)], [np.broadcast_to(x, (2, 3, 4)).copy()], label=name)
    for since, name in every("Tile"):
        x = data(name, (2, 3), seed=11)
        if since < 6:
            count, axis = np.array([2], dtype=x.dtype), np.array([1], dtype=x.dtype)
            sample("Tile", since, [x, count, axis], [np.tile(x, (1, 2))], label=name)
        else:
            sample("Tile", since, [x, i64(2, 3)], [np.tile(x, (2, 3))], label=name)


def padded(x, pads, mode, value=None, axes=None):
    axes = list(range(x.ndim)) if axes is None else [a % x.ndim for a in axes]
    widths = [(0, 0)] * x.ndim
    for i, a in enumerate(axes):
        widths[a] = (pads[i], pads[i + len(axes)])
    if mode != "constant":
        index = [np.pad(np.arange(n), w, mode=mode) for n, w in zip(x.shape, widths)]
        return x[np.ix_(*index)]
    shape = [n + a + b for n, (a, b) in zip(x.shape, widths)]
    y = np.full(shape, value if value is not None else ("" if x.dtype == object else np.zeros((), x.dtype)), dtype=x.dtype)
    y[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths))] = x
    return y


def pads():
    for since, name in every("Pad"):
        x = data(name, (3, 4), 1, 3, seed=12)
        p = [1, 0, 0, 2]
        if since < 11:
            key = "paddings" if since == 1 else "pads"
            for mode in ("constant", "reflect", "edge"):
                sample("Pad", since, [x], [padded(x, p, mode)], label=f"{name}_{mode}", **{key: p}, mode=mode)
            sample("Pad", since, [x], [padded(x, p, "constant", 1.5)], label=f"{name}_value", **{key: p}, value=1.5)
            continue
        value = x[0, 0]
        sample("Pad", since, [x, i64(*p)], [padded(x, p, "constant")], label=f"{name}_default")
        sample("Pad", since, [x, i64(*p), np.asarray(value, dtype=x.dtype)], [padded(x, p, "constant", value)], label=f"{name}_value")
        for mode in ("reflect", "edge") + (("wrap",) if since >= 19 else ()):
            sample("Pad", since, [x, i64(*p)], [padded(x, p, mode)], label=f"{name}_{mode}", mode=mode)
        if since >= 18:
            for kind in types("Pad", since, port=3):
                axes = np.array([1 if kind == "int32" else -1], dtype=NAMES[kind])
                sample("Pad", since, [x, i64(1, 2), None, axes], [padded(x, [1, 2], "constant", None, [1])], label=f"{name}_{kind}")


def shapes():
    for since, name in every("Shape"):
        x = data(name, (2, 3, 4), seed=13)
        sample("Shape", since, [x], [i64(2, 3, 4)], label=name)
        if since >= 15:
            sample("Shape", since, [x], [i64(3)], label=f"{name}_part", start=1, end=-1)
    for since, name in every("Size"):
        x = data(name, (2, 3), seed=14)
        sample("Size", since, [x], [np.array(6, dtype=np.int64)], label=name)
    for since, name in every("ConstantOfShape", output=True):
        value = data(name, (1,), 1, 3, seed=15)
        right = np.broadcast_to(value, (2, 3)).copy()
        sample("ConstantOfShape", since, [i64(2, 3)], [right], label=name, value=numpy_helper.from_array(value))
    for since in versions("ConstantOfShape"):
        sample("ConstantOfShape", since, [i64(2)], [np.zeros(2, np.float32)], label="default")
        value = numpy_helper.from_array(np.array([7], dtype=np.int64))
        sample("ConstantOfShape", since, [np.zeros(0, np.int64)], [np.array(7, dtype=np.int64)], label="scalar", value=value)


def constants():
    kinds = {
        "value_float": (1.5, np.array(1.5, np.float32)), "value_floats": ([1.5, 2.0], np.array([1.5, 2], np.float32)),
        "value_int": (7, np.array(7, np.int64)), "value_ints": ([7, 8], i64(7, 8)),
        "value_string": ("a", np.array("a", dtype=object)), "value_strings": (["a", "bc"], np.array(["a", "bc"], dtype=object)),
    }
    for since, name in every("Constant", output=True):
        x = data(name, (2, 3), seed=16)
        sample("Constant", since, [], [x], label=name, value=numpy_helper.from_array(x))
    for since in versions("Constant"):
        for key, (given, right) in kinds.items():
            if has("Constant", since, key):
                sample("Constant", since, [], [right], label=key, **{key: given})


def blocks():
    for since, name in every("DepthToSpace"):
        x = data(name, (1, 8, 2, 3), -9, 9, seed=17)
        dcr = x.reshape(1, 2, 2, 2, 2, 3).transpose(0, 3, 4, 1, 5, 2).reshape(1, 2, 4, 6)
        crd = x.reshape(1, 2, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(1, 2, 4, 6)
        sample("DepthToSpace", since, [x], [dcr], label=name, blocksize=2)
        if since >= 11:
            sample("DepthToSpace", since, [x], [crd], label=f"{name}_crd", blocksize=2, mode="CRD")
    for since, name in every("SpaceToDepth"):
        x = data(name, (1, 2, 4, 6), -9, 9, seed=18)
        y = x.reshape(1, 2, 2, 2, 3, 2).transpose(0, 3, 5, 1, 2, 4).reshape(1, 8, 2, 3)
        sample("SpaceToDepth", since, [x], [y], label=name, blocksize=2)


def triangles_and_eyes():
    for since, name in every("EyeLike"):
        x = data(name, (3, 4), seed=19)
        sample("EyeLike", since, [x], [np.eye(3, 4, dtype=np.float64).astype(x.dtype)], label=name)
        sample("EyeLike", since, [x], [np.eye(3, 4, k=1).astype(np.int32)], label=f"{name}_k", k=1, dtype=6)
    for since, name in every("Trilu"):
        x = data(name, (3, 4), 1, 9, seed=20)
        lower = np.tril(np.ones((3, 4), bool))
        zero = np.zeros((), x.dtype) if name != "string" else ""
        sample("Trilu", since, [x], [np.where(np.triu(np.ones((3, 4), bool)), x, zero).astype(x.dtype)], label=f"{name}_upper")
        sample("Trilu", since, [x], [np.where(lower, x, zero).astype(x.dtype)], label=f"{name}_lower", upper=0)
    for since, name in every("CenterCropPad"):
        x = data(name, (4, 3), 1, 9, seed=21)
        right = padded(x[1:3], [0, 1, 0, 1], "constant")
        sample("CenterCropPad", since, [x, i64(2, 5)], [right], label=name)


def reverse():
    for since, name in every("ReverseSequence"):
        x = data(name, (4, 2), -9, 9, seed=22)
        y = x.copy()
        y[:3, 0], y[:2, 1] = x[2::-1, 0], x[1::-1, 1]
        sample("ReverseSequence", since, [x, i64(3, 2)], [y], label=name)
        y = x.copy()
        for b, n in enumerate((2, 1, 2, 1)):
            y[b, :n] = x[b, :n][::-1]
        sample("ReverseSequence", since, [x, i64(2, 1, 2, 1)], [y], label=f"{name}_axes", batch_axis=0, time_axis=1)


def ranges():
    for since, name in every("Range"):
        a, b, step = (np.array(v, dtype=NAMES[name]) for v in (1, 8, 3))
        sample("Range", since, [a, b, step], [np.array([1, 4, 7]).astype(NAMES[name])], label=name)
        if not name.startswith("u"):
            sample("Range", since, [b, a, np.array(-2, dtype=NAMES[name])], [np.array([8, 6, 4, 2]).astype(NAMES[name])], label=f"{name}_down")


def make():
    for part in (reshape, flatten_transpose_squeeze, concat_split, slices, repeat, pads, shapes, constants, blocks,
                 triangles_and_eyes, reverse, ranges):
        part()
