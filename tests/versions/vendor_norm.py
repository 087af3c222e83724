"""Normalisations, Gelus, fused products and small relatives of ONNX's operators."""

import math

import numpy as np

import frame
from elementwise import erf, sigmoid, softplus
from frame import i64
from vendor import MS, f32, ms, normal, real, root
from windows import conv


def gelu(x):
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def tanh_gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelus():
    x, b = real((2, 3, 4), 1, -3, 3), real((4,), 2)
    ms("Gelu", [x], [f32(gelu(x))])
    ms("BiasGelu", [x, b], [f32(gelu(x + b))])
    ms("FastGelu", [x], [f32(tanh_gelu(x))])
    ms("FastGelu", [x, b], [f32(tanh_gelu(x + b))], "bias")
    ms("QuickGelu", [x], [f32(x * sigmoid(1.702 * x))])
    ms("QuickGelu", [x], [f32(x * sigmoid(1.5 * x))], "alpha", alpha=1.5)
    half = (x + b)[..., :2] * gelu((x + b)[..., 2:])
    ms("BiasSplitGelu", [x, b], [f32(half)])
    skip = real((2, 3, 4), 3)
    ms("BiasAdd", [x, b, skip], [f32(x + b + skip)])


def norms():
    x, skip = real((2, 3, 4), 4, -2, 2), real((2, 3, 4), 5, -2, 2)
    gamma, beta, bias = real((4,), 6, 0.5, 2), real((4,), 7), real((4,), 8)
    y, inverse = root(x, gamma)
    for domain, opsets in (("", {"": 17}), (MS, {MS: 1, "": 17})):
        frame.sample("SimplifiedLayerNormalization", 1, [x, gamma], [y], domain=domain, opsets=opsets, label="plain")
        frame.sample("SimplifiedLayerNormalization", 1, [x, gamma], [y, inverse], domain=domain, opsets=opsets, label="inverse")
    whole, _, _ = normal(x.reshape(2, 12), np.tile(gamma, 3), np.tile(beta, 3), 1e-3)
    frame.sample("LayerNormalization", 1, [x, gamma, beta], [normal(x, gamma, beta)[0]], label="early", opsets={"": 11})
    frame.sample("LayerNormalization", 1, [x, np.tile(gamma, 3).reshape(3, 4), np.tile(beta, 3).reshape(3, 4)],
                 [whole.reshape(x.shape)], label="early_axis", opsets={"": 11}, axis=1, epsilon=1e-3)
    total = f32(x + skip)
    ms("SkipLayerNormalization", [x, skip, gamma, beta], [normal(total, gamma, beta, 1e-12)[0]])
    ms("SkipLayerNormalization", [x, skip, gamma], [normal(total, gamma, None, 1e-12)[0]], "no_beta")
    summed = f32(x + skip + bias)
    y, mean, inverse = normal(summed, gamma, beta, 1e-3)
    ms("SkipLayerNormalization", [x, skip, gamma, beta, bias], [y, summed], "sum", outputs=["y0", "", "", "y3"], epsilon=1e-3)
    ms("SkipLayerNormalization", [x, skip[:1], gamma, beta], [normal(x + skip[:1], gamma, beta, 1e-12)[0]], "broadcast")
    ms("SkipSimplifiedLayerNormalization", [x, skip, gamma], [root(total, gamma, 1e-12)[0]])
    ms("SkipSimplifiedLayerNormalization", [x, skip, gamma, bias], [root(summed, gamma, 1e-5)[0], summed], "sum",
       outputs=["y0", "", "", "y3"], epsilon=1e-5)


def embeddings():
    words, places, kinds = real((7, 4), 9), real((5, 4), 10), real((2, 4), 11)
    gamma, beta = real((4,), 12, 0.5, 2), real((4,), 13)
    ids = np.array([[1, 3, 6], [0, 2, 2]], np.int32)
    segments = np.array([[0, 1, 1], [0, 0, 1]], np.int32)
    mask = np.array([[1, 1, 1], [1, 1, 0]], np.int32)
    at = np.array([[2, 0, 1], [4, 3, 0]], np.int32)
    total = f32(words[ids] + places[:3] + kinds[segments])
    y = normal(total, gamma, beta, 1e-12)[0]
    ms("EmbedLayerNormalization", [ids, segments, words, places, kinds, gamma, beta, mask], [y, np.array([3, 2], np.int32)])
    ms("EmbedLayerNormalization", [ids, segments, words, places, kinds, gamma, beta], [y, np.array([0, 0], np.int32), total], "sum")
    ms("EmbedLayerNormalization", [ids, segments, words, places, kinds, gamma, beta, mask], [y, total], "mask_unread", outputs=["y0", "", "y2"])
    ms("EmbedLayerNormalization", [ids, segments, words, places, kinds, gamma, beta, mask], [y, np.array([3, 2], np.int32)], "type",
       mask_index_type=1)
    total = f32(words[ids] + places[at])
    ms("EmbedLayerNormalization", [ids, None, words, places, None, gamma, beta, None, at],
       [normal(total, gamma, beta, 1e-3)[0], np.array([0, 0], np.int32)], "positions", epsilon=1e-3)


def bytes_embedded():
    """Five tables as bytes; scales and zero points lie behind the mask."""
    ids, mask = np.array([[1, 3, 6], [0, 2, 2]], np.int32), np.array([[1, 1, 1], [1, 1, 0]], np.int32)
    segments = np.array([[0, 1, 1], [0, 0, 1]], np.int32)
    for name, low, high in (("uint8", 0, 255), ("int8", -128, 127)):
        shapes = [(7, 4), (5, 4), (2, 4), (4,), (4,)]
        tables = [frame.data(name, shape, low, high, 30 + i) for i, shape in enumerate(shapes)]
        scales = [f32(v) for v in (0.03125, 0.015625, 0.0625, 0.0078125, 0.03125)]
        zeros = [np.array(v, name) for v in (3, 5, 7, 20, 2)]
        words, places, kinds, gamma, beta = ((t.astype(np.float64) - z) * s for t, s, z in zip(tables, scales, zeros))
        counted = np.array([3, 2], np.int32)
        y = normal(words[ids] + places[:3] + kinds[segments], gamma, beta, 1e-5)[0]
        ms("QEmbedLayerNormalization", [ids, segments, *tables, mask, *scales, *zeros], [y, counted], name, epsilon=1e-5)
        y = normal(words[ids] + places[:3], gamma, beta, 1e-12)[0]
        tables[2] = scales[2] = zeros[2] = None
        ms("QEmbedLayerNormalization", [ids, None, *tables, mask, *scales, *zeros], [y, counted], f"{name}_no_segments")


def in_groups(x, g, b):
    """x [1, 2, 2, 4] in two groups of channels, which come last."""
    groups = x.reshape(1, 4, 2, 2).transpose(0, 2, 1, 3).reshape(1, 2, -1).astype(np.float64)
    flat = (groups - groups.mean(-1, keepdims=True)) / np.sqrt(groups.var(-1, keepdims=True) + 1e-5)
    return flat.reshape(1, 2, 4, 2).transpose(0, 2, 1, 3).reshape(x.shape) * g + b


def group_norms():
    x, g, b = real((1, 2, 2, 4), 14), real((4,), 15, 0.5, 2), real((4,), 16)
    y = in_groups(x, g, b)
    ms("GroupNorm", [x, g, b], [f32(y)], groups=2, activation=0)
    ms("GroupNorm", [x, g, b], [f32(y * sigmoid(y))], "silu", groups=2, activation=1)
    bias = real((4,), 37)
    first = lambda v: f32(v.transpose(0, 3, 1, 2))
    for label, skip in (("plain", real(x.shape, 38)), ("row", real((1, 4), 39)), ("spread", real((1, 1, 1, 4), 40))):
        total = f32(x + (skip[:, None, None] if skip.ndim == 2 else skip) + bias)
        y = in_groups(total, g, b)
        ms("SkipGroupNorm", [x, g, b, skip, bias], [f32(y), total], label, groups=2, activation=0)
        silu = first(y * sigmoid(y))
        ms("SkipGroupNorm", [first(x), g, b, skip if skip.ndim == 2 else first(skip), bias], [silu, first(total)], f"{label}_first",
           groups=2, activation=1, channels_last=0)
    total = x + real(x.shape, 38)
    ms("SkipGroupNorm", [x, g, b, real(x.shape, 38)], [f32(in_groups(total, g, b))], "no_bias", groups=2, activation=0)


def products():
    a, b, c = real((2, 3), 17), real((3, 4), 18), real((4,), 19)
    ms("FusedGemm", [a, b, c], [f32(np.maximum(a @ b + c, 0))], activation="Relu")
    y = 2 * (a @ b) + 0.5 * c
    ms("FusedGemm", [a.T.copy(), b.T.copy(), c], [f32(np.where(y < 0, 0.1 * y, y))], "leaky", activation="LeakyRelu",
       activation_alpha=0.1, transA=1, transB=1, alpha=2.0, beta=0.5)
    x, y = real((2, 3, 4), 20), real((2, 4, 5), 21)
    for op in ("FusedMatMul", "TransposeMatMul"):
        ms(op, [x, y], [f32(0.5 * (x @ y))], alpha=0.5)
        ms(op, [x.swapaxes(1, 2).copy(), y.swapaxes(1, 2).copy()], [f32(x @ y)], "transposed", transA=1, transB=1)
    moved = x.transpose(1, 0, 2).copy()  # axis 0 stands where the rows are
    ms("FusedMatMul", [moved, y], [f32(x @ y)], "batch", transBatchA=1)
    ms("FusedMatMul", [x, y.transpose(1, 0, 2).copy()], [f32(x @ y)], "batch_b", transBatchB=1)
    ms("FusedMatMul", [x.transpose(2, 0, 1).copy(), y], [f32(x @ y)], "both", transBatchA=1, transA=1)


def convolutions():
    x, w, b = real((1, 2, 5, 4), 22), real((3, 2, 3, 2), 23), real((3,), 24)
    y = conv(x.astype(np.float64), w, b, pads=[1, 0, 1, 1])
    plain = {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1]}
    functions = {
        "Relu": (lambda v: np.maximum(v, 0), []), "Tanh": (np.tanh, []), "Sigmoid": (sigmoid, []),
        "LeakyRelu": (lambda v: np.where(v < 0, 0.25 * v, v), [0.25]), "Clip": (lambda v: np.clip(v, -0.25, 0.5), [-0.25, 0.5]),
        "HardSigmoid": (lambda v: np.clip(0.25 * v + 0.5, 0, 1), [0.25, 0.5]),
    }
    for name, (f, parameters) in functions.items():
        more = {"activation_params": parameters} if parameters else {}
        ms("FusedConv", [x, w, b], [f32(f(y))], name.lower(), activation=name, **plain, **more)
    z = real(y.shape, 25)
    ms("FusedConv", [x, w, b, z], [f32(np.maximum(y + z, 0))], "sum", activation="Relu", **plain)
    ms("NhwcConv", [x.transpose(0, 2, 3, 1).copy(), w.transpose(0, 2, 3, 1).copy(), b], [f32(y.transpose(0, 2, 3, 1))], **plain)


    last = lambda v: f32(v.transpose(0, 2, 3, 1))
    ms("NhwcFusedConv", [last(x), w, b, last(z)], [last(np.maximum(y + z, 0))], activation="Relu", **plain)
    ms("NhwcFusedConv", [last(x), w, b], [last(np.clip(y, -0.25, 0.5))], "clip", activation="Clip", activation_params=[-0.25, 0.5], **plain)


def distances():
    a, b = real((3, 4), 34), real((5, 4), 35)
    square = ((a[:, None].astype(np.float64) - b) ** 2).sum(axis=2)
    ms("CDist", [a, b], [f32(square)])
    ms("CDist", [a, b], [f32(np.sqrt(square))], "root", metric="euclidean")
    ms("CDist", [a.astype(np.float64), a.astype(np.float64)[:1]], [((a.astype(np.float64) - a[0]) ** 2).sum(axis=1)[:, None]], "itself")


def relatives():
    x = real((2, 3, 3), 26) + 2 * np.eye(3, dtype=np.float32)
    ms("Inverse", [x], [f32(np.linalg.inv(x.astype(np.float64)))])
    ms("ExpandDims", [x, np.array(1, np.int32)], [x[:, None]])
    p = i64(0, 0, 1, 0, 0, 1)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    ms("Pad", [x, p], [padded])
    ms("Pad", [x, p.reshape(1, 6), f32([2.0])], [np.pad(x, ((0, 0), (0, 0), (1, 1)), constant_values=2)], "value")
    ms("Range", [np.array(1, np.int64), np.array(7, np.int64), np.array(2, np.int64)], [i64(1, 3, 5)])
    ms("Range", [f32(1), f32(4)], [f32([1, 2, 3])], "no_step")
    ms("Trilu", [x[0]], [np.triu(x[0])])
    at = np.array([[0, 1], [1, -1]], np.int32)
    ms("GatherND", [x, at], [x[[0, 1], [1, 2]]])
    u = f32([3, 1, 3, 2, 1])
    ms("Unique", [u], [f32([3, 1, 2]), i64(0, 1, 0, 2, 1), i64(2, 2, 1)])


def early():
    """ONNX's experiments, in the default domain of old opsets."""
    x = real((1, 2, 4, 5), 27, -2, 2)
    old = lambda op, inputs, want, label="plain", **a: frame.sample(op, 1, inputs, want, label=label, opsets={"": 7}, **a)
    old("Affine", [x], [f32(2 * x + 0.5)], alpha=2.0, beta=0.5)
    old("Scale", [x], [f32(3 * x)], scale=3.0)
    old("ScaledTanh", [x], [f32(2 * np.tanh(0.5 * x))], alpha=2.0, beta=0.5)
    old("ParametricSoftplus", [x], [f32(2 * softplus(0.5 * x))], alpha=2.0, beta=0.5)
    old("ThresholdedRelu", [x], [np.where(x > 0.5, x, 0)], alpha=0.5)
    old("ImageScaler", [x], [f32(2 * x + np.array([0.5, -1]).reshape(1, 2, 1, 1))], scale=2.0, bias=[0.5, -1.0])
    old("Crop", [x], [x[:, :, 1:3, 2:4].copy()], border=[2, 1, 1, 1])
    old("Crop", [x], [x[:, :, 1:3, 2:5].copy()], "scale", border=[2, 1, 0, 0], scale=[2, 3])
    old("DynamicSlice", [x, i64(1, 0), i64(3, 4), i64(2, 3)], [x[:, :, 1:3, 0:4].copy()])
    mean = x.mean(axis=(2, 3), keepdims=True, dtype=np.float64)
    deviation = x.std(axis=(2, 3), keepdims=True, dtype=np.float64)
    old("MeanVarianceNormalization", [x], [f32((x - mean) / deviation)])
    mean = x.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float64)
    old("MeanVarianceNormalization", [x], [f32(x - mean)], "mean", across_channels=1, normalize_variance=0)


def make():
    for part in (gelus, norms, embeddings, bytes_embedded, group_norms, products, convolutions, distances, relatives, early):
        part()
