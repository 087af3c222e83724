"""Quantized operators, weights of few bits, the blocked layout, and nodes in any order."""

import ml_dtypes
import numpy as np
from onnx import helper

from elementwise import sigmoid
from frame import data, graph, i64
from vendor import MS, f32, ms, real
from windows import average, conv, pool

NCHW = "com.microsoft.nchwc"


def dequantize(x, scale, zero):
    return (x.astype(np.float64) - zero) * scale


def quantize(x, scale, zero, dtype):
    info = np.iinfo(dtype)
    return np.clip(np.rint(x / scale) + zero, info.min, info.max).astype(dtype)


def binary():
    for dtype in (np.uint8, np.int8):
        name = np.dtype(dtype).name
        a, b = data(name, (2, 3, 4), -100, 200 if dtype == np.uint8 else 100, 1), data(name, (4,), -90, 90, 2)
        za, zb, zc = (np.array(v, dtype) for v in (3, 5, 8))  # even: halves round alike with and without it
        for op, f in (("QLinearAdd", np.add), ("QLinearMul", np.multiply)):
            y = quantize(f(dequantize(a, 0.0625, 3), dequantize(b, 0.03125, 5)), 0.125, 8, dtype)
            ms(op, [a, f32(0.0625), za, b, f32(0.03125), zb, f32(0.125), zc], [y], name)
            y = quantize(f(dequantize(a, 0.0625, 0), dequantize(b, 0.03125, 0)), 0.125, 0, dtype)
            ms(op, [a, f32(0.0625), None, b, f32(0.03125), None, f32(0.125)], [y], f"{name}_no_zero")


def unary():
    x = data("uint8", (2, 3, 4), 0, 255, 3)
    z = np.array(120, np.uint8)
    v = dequantize(x, 0.03125, 120)
    args = lambda scale, zero: [x, f32(0.03125), z, f32(scale), np.array(zero, np.uint8)]
    ms("QLinearSigmoid", args(1 / 256, 0), [quantize(sigmoid(v), 1 / 256, 0, np.uint8)])
    ms("QLinearLeakyRelu", args(0.03125, 60), [quantize(np.where(v < 0, 0.25 * v, v), 0.03125, 60, np.uint8)], alpha=0.25)
    soft = lambda u, axes: np.exp(u) / np.exp(u).sum(axis=axes, keepdims=True)
    ms("QLinearSoftmax", args(1 / 256, 0), [quantize(soft(v, -1), 1 / 256, 0, np.uint8)], axis=-1, opset=13)
    ms("QLinearSoftmax", args(1 / 256, 0), [quantize(soft(v, (1, 2)), 1 / 256, 0, np.uint8)], "old", axis=1, opset=12)
    b = data("uint8", (2, 3, 2), 0, 255, 4)
    y = quantize(np.concatenate([v, dequantize(b, 0.03125, 10)], 2), 0.0625, 128, np.uint8)
    ms("QLinearConcat", [f32(0.0625), np.array(128, np.uint8), x, f32(0.03125), z, b, f32(0.03125), np.array(10, np.uint8)], [y], axis=2)
    c = data("bool", (2, 3, 1), seed=5)
    w = data("uint8", (2, 3, 4), 0, 255, 6)
    y = quantize(np.where(c, v, dequantize(w, 0.03125, 10)), 0.0625, 128, np.uint8)
    ms("QLinearWhere", [c, x, f32(0.03125), z, w, f32(0.03125), np.array(10, np.uint8), f32(0.0625), np.array(128, np.uint8)], [y])


def pools():
    x = data("uint8", (1, 2, 4, 3), 0, 255, 7)
    z, zy = np.array(100, np.uint8), np.array(110, np.uint8)
    v = dequantize(x, 0.0625, 100)
    y = quantize(v.mean(axis=(2, 3), keepdims=True), 0.03125, 110, np.uint8)
    scales = [f32(0.0625), z, f32(0.03125), zy]
    ms("QLinearGlobalAveragePool", [x, *scales], [y])
    last = lambda u: u.transpose(0, 2, 3, 1).copy()
    ms("QLinearGlobalAveragePool", [last(x), *scales], [last(y)], "last", channels_last=1)
    y = quantize(pool(v, average, [2, 2], strides=[2, 1]), 0.03125, 110, np.uint8)
    ms("QLinearAveragePool", [x, *scales], [y], kernel_shape=[2, 2], strides=[2, 1])
    y = quantize(pool(v, average, [2, 2], pads=[1, 0, 0, 1]), 0.03125, 110, np.uint8)
    ms("QLinearAveragePool", [last(x), *scales], [last(y)], "last", kernel_shape=[2, 2], pads=[1, 0, 0, 1], channels_last=1)


def convolutions():
    x, w = data("uint8", (1, 4, 5, 4), 0, 255, 29), data("int8", (4, 2, 3, 2), -90, 90, 30)
    zx, zw, zy = np.array(100, np.uint8), np.array(0, np.int8), np.array(110, np.uint8)
    b = np.array([50, -70, 900, 0], np.int32)
    scale = f32([0.0625, 0.03125, 0.0078125, 0.125])
    exact = conv(x.astype(np.int64) - 100, w.astype(np.int64), b, group=2, pads=[1, 0, 0, 1], strides=[1, 2])
    y = quantize(exact * (scale * 0.0625).reshape(4, 1, 1), 0.75, 110, np.uint8)
    more = {"group": 2, "pads": [1, 0, 0, 1], "strides": [1, 2]}
    tail = [f32(0.0625), zx, w, scale, np.zeros(4, np.int8), f32(0.75), zy, b]
    last = lambda u: u.transpose(0, 2, 3, 1).copy()
    ms("QLinearConv", [x, *tail], [y], **more)
    ms("QLinearConv", [last(x), *tail], [last(y)], "last", channels_last=1, **more)
    exact = conv(x[:, :, :, 0].astype(np.int64) - 100, w[:, :, :, 0].astype(np.int64), group=2)
    y = quantize(exact * 0.00390625, 0.75, 110, np.uint8)
    ms("QLinearConv", [x[:, :, :, 0].transpose(0, 2, 1).copy(), f32(0.0625), zx, w[:, :, :, 0].copy(), f32(0.0625), zw, f32(0.75), zy],
       [y.transpose(0, 2, 1).copy()], "line", channels_last=1, group=2)
    for name in ("uint8", "int8"):
        x = data(name, (1, 2, 5, 4), 0 if name == "uint8" else -128, 127, 31)
        y = pool(x, lambda part, count: part.max(axis=2), [3, 2], strides=[2, 1], pads=[1, 0, 1, 0])
        ms("NhwcMaxPool", [last(x)], [last(y.astype(x.dtype))], name, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 0])


def products():
    a, b = data("uint8", (2, 3), 0, 200, 8), data("int8", (3, 4), -90, 90, 9)
    za, zb = np.array(100, np.uint8), np.array(5, np.int8)
    exact = (a.astype(np.int64) - 100) @ (b.astype(np.int64) - 5)
    bias = real((4,), 10)
    ms("MatMulIntegerToFloat", [a, b, f32(0.03125), f32(0.0625), za, zb, bias], [f32(exact * 0.001953125 + bias)])
    scales = f32([0.0625, 0.03125, 0.0078125, 0.125])
    ms("MatMulIntegerToFloat", [a, b, f32(0.03125), scales], [f32((a.astype(np.int64) @ b.astype(np.int64)) * 0.03125 * scales)], "columns")
    x = real((2, 3), 11, -2, 2)
    low, high = min(x.min(), 0), max(x.max(), 0)
    scale = np.float32((high - low) / 255)
    zero = np.clip(np.rint(-low / scale), 0, 255)
    q = np.clip(np.rint(x / scale) + zero, 0, 255)
    ms("DynamicQuantizeMatMul", [x, b, f32(0.0625), zb, bias], [f32((q - zero) @ (b.astype(np.int64) - 5) * scale * 0.0625 + bias)])
    c = np.array([5, -7, 100, 0], np.int32)
    y = (exact + c) * 0.001953125
    ms("QGemm", [a, f32(0.03125), za, b, f32(0.0625), zb, c], [f32(y)])
    at = [a.T.copy(), f32(0.03125), za, b.T.copy(), f32(0.0625), zb, c, f32(0.125), np.array(128, np.uint8)]
    ms("QGemm", at, [quantize(y, 0.125, 128, np.uint8)], "bytes", transA=1, transB=1)
    wide = data("float", (3, 4), -9, 9, 12)
    ms("QuantizeLinear", [wide, f32(0.0078125), np.array(1000, np.uint16)], [quantize(wide, 0.0078125, 1000, np.uint16)])
    short = data("int16", (3, 4), -900, 900, 13)
    ms("DequantizeLinear", [short, f32(0.0078125), np.array(10, np.int16)], [f32(dequantize(short, 0.0078125, 10))])


def packed(q, bits):
    """Numbers of few bits behind each other along the last axis, low bits first."""
    per = 8 // bits
    rows = np.concatenate([q, np.zeros((*q.shape[:-1], -q.shape[-1] % per), q.dtype)], -1)
    parts = rows.reshape(*rows.shape[:-1], -1, per).astype(np.uint8)
    return sum(parts[..., i] << (bits * i) for i in range(per)).astype(np.uint8)


def weights(label, bits, n, k, block, zeros=None, bias=False, name="float", **more):
    blocks = -(-k // block)
    q = (np.arange(n * blocks * block).reshape(n, blocks, block) * 7 + 3) % (1 << bits)
    scale = real((n, blocks), 14, 0.0625, 0.5)
    zero = np.full((n, blocks), 1 << (bits - 1), np.float64)
    extra = []
    if zeros == "packed":
        zero = (np.arange(n * blocks).reshape(n, blocks) % (1 << bits)).astype(np.float64)
        extra = [packed(zero.astype(np.int64), bits)]
    elif zeros == "real":
        zero = real((n, blocks), 15, 1, 9).astype(np.float64)
        extra = [f32(zero)]
    w = ((q - zero[..., None]) * scale[..., None]).reshape(n, -1)[:, :k]
    x = data(name, (2, k), -1, 1, 16)
    inputs = {"x": x}
    initial = {"b": packed(q, bits), "s": scale.astype(x.dtype)}
    names = ["x", "b", "s"]
    if extra:
        initial["z"] = extra[0]
        names.append("z")
    y = x.astype(np.float64) @ w.T
    if bias:
        initial["bias"] = real((n,), 17)
        y = y + initial["bias"]
        names += [""] * (5 - len(names)) + ["bias"]
    node = helper.make_node("MatMulNBits", names, ["y"], domain=MS, N=n, K=k, bits=bits, block_size=block, **more)
    graph("MatMulNBits", 1, [node], inputs, [y.astype(x.dtype)], label=label, domain=MS, outputs=["y"], opsets={MS: 1, "": 21},
          initializers=initial)


def few_bits():
    weights("plain", 4, 3, 32, 16)
    weights("uneven", 4, 3, 40, 16)
    weights("zero_points", 4, 3, 48, 16, "packed")
    weights("real_zero_points", 4, 3, 32, 16, "real")
    weights("bias", 4, 3, 32, 16, bias=True)
    weights("bits_8", 8, 3, 32, 16, "packed")
    weights("bits_2", 2, 3, 32, 16)
    weights("as_written", 4, 3, 32, 16, weight_prepacked=0, accuracy_level=0)
    q = np.arange(96).reshape(3, 32) % 16
    scale = real((3, 2), 18, 0.125, 1)
    table = f32((q - 8) * np.repeat(scale, 16, 1))
    node = helper.make_node("GatherBlockQuantized", ["t", "i", "s"], ["y"], domain=MS, block_size=16, quantize_axis=1)
    at = i64(2, 0)
    signed = f32(q.astype(np.int64) - 8) * np.repeat(scale, 16, 1)
    graph("GatherBlockQuantized", 1, [node], {"i": at}, [f32(signed[at])], label="int4", domain=MS, outputs=["y"],
          opsets={MS: 1, "": 21}, initializers={"t": (q - 8).astype(ml_dtypes.int4), "s": scale})
    node = helper.make_node("GatherBlockQuantized", ["t", "i", "s"], ["y"], domain=MS, block_size=16, quantize_axis=1, bits=4)
    graph("GatherBlockQuantized", 1, [node], {"i": at}, [table[at]], label="bytes", domain=MS, outputs=["y"],
          opsets={MS: 1, "": 21}, initializers={"t": packed(q, 4), "s": scale})


FP4 = np.array([0, 1 / 192, 2 / 3, 1, 1 / 3, 1 / 2, 1 / 6, 1 / 4])
NF4 = [-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
       -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
       0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1]


def floats_of_four_bits(label, kind, n, k, block):
    """All of B behind each other, high bits first, one factor a block."""
    count = n * k
    q = (np.arange(count) * 7 + 3) % 16
    scale = real((-(-count // block),), 33, 0.25, 2)
    w = np.array([np.concatenate([FP4, -FP4]), NF4][kind])[q] * np.repeat(scale, block)[:count]
    pairs = np.append(q, np.zeros(count % 2, q.dtype)).reshape(-1, 2)
    initial = {"b": (pairs[:, 0] << 4 | pairs[:, 1]).astype(np.uint8), "s": scale}
    x = real((2, k), 34)
    y = x.astype(np.float64) @ w.reshape(n, k).T
    node = helper.make_node("MatMulBnb4", ["x", "b", "s"], ["y"], domain=MS, N=n, K=k, block_size=block, quant_type=kind)
    graph("MatMulBnb4", 1, [node], {"x": x}, [f32(y)], label=label, domain=MS, outputs=["y"], opsets={MS: 1, "": 21},
          initializers=initial)


def few_bit_floats():
    floats_of_four_bits("fp4", 0, 3, 32, 16)
    floats_of_four_bits("nf4", 1, 4, 16, 32)
    floats_of_four_bits("uneven", 1, 3, 21, 16)


def blocked(w, inner):
    """A filter [O, I, H, W] as blocks of 8 outputs and `inner` inputs have it in memory; its dims stay."""
    o, i, h, k = w.shape
    v = w.reshape(o // 8, 8, i // inner, inner, h, k).transpose(0, 2, 4, 5, 3, 1)
    return np.ascontiguousarray(v).reshape(w.shape)


def layout():
    """8 outputs: the block of a machine whose vectors hold 8 floats."""
    x = real((1, 3, 6, 6), 19)
    w1, b1 = real((8, 3, 3, 3), 20), real((8,), 21)
    w2, w3 = real((8, 8, 1, 1), 22), real((8, 1, 3, 3), 23)
    b3 = real((8,), 24)
    node = lambda op, ins, out, **a: helper.make_node(op, ins.split(), [out], domain=NCHW, **a)
    y = np.maximum(conv(x.astype(np.float64), w1, b1, pads=[1, 1, 1, 1]), 0)
    z = conv(y, w2)
    top = pool(z, lambda part, count: part.max(axis=2), [2, 2], strides=[2, 2])
    depth = conv(top, w3, b3, group=8, pads=[1, 1, 1, 1])
    mean = pool(depth, average, [2, 2])
    initial = {"w1": blocked(w1, 1), "b1": b1, "w2": blocked(w2, 8), "w3": blocked(w3, 1), "b3": b3}
    nodes = [
        node("Conv", "x w1 b1", "a", kernel_shape=[3, 3], pads=[1, 1, 1, 1], activation="Relu"),
        node("Conv", "a w2", "b", kernel_shape=[1, 1]),
        node("MaxPool", "b", "c", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "c w3 b3", "d", kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=8),
        node("AveragePool", "d", "e", kernel_shape=[2, 2]),
        node("ReorderOutput", "e", "y", channels=5),
    ]
    go = lambda label, nodes, inputs, want, initial: graph(
        "Conv", 1, nodes, inputs, [want], label=label, domain=NCHW, outputs=["y"], opsets={NCHW: 1, "": 17},
        initializers=initial, alone=True)
    go("chain", nodes, {"x": x}, f32(mean[:, :5]), initial)
    five = real((1, 5, 4, 4), 25)
    wide = np.concatenate([real((8, 5, 3, 3), 26), np.zeros((8, 3, 3, 3), np.float32)], 1)
    plain = conv(five.astype(np.float64), wide[:, :5])
    nodes = [
        node("ReorderInput", "x", "a"), node("Conv", "a w", "b", kernel_shape=[3, 3]),
        node("GlobalMaxPool", "b", "c"), node("ReorderOutput", "c", "y", channels=8),
    ]
    go("reordered", nodes, {"x": five}, f32(plain.max(axis=(2, 3), keepdims=True)), {"w": blocked(wide, 8)})
    whole = real((1, 16, 3, 3), 32)  # nothing to fill up
    nodes = [node("ReorderInput", "x", "a"), node("GlobalMaxPool", "a", "b"), node("ReorderOutput", "b", "y", channels=16)]
    go("whole", nodes, {"x": whole}, whole.max(axis=(2, 3), keepdims=True), {})
    nodes = [
        node("ReorderInput", "x", "a", channels_last=1), node("Upsample", "a", "b", scales=[1, 1, 2, 3]),
        node("Conv", "b w z v", "c", kernel_shape=[3, 3]),
        node("GlobalAveragePool", "c", "d"), node("ReorderOutput", "d", "y", channels=8, channels_last=1),
    ]
    large = np.repeat(np.repeat(five, 2, 2), 3, 3)
    zero, v = np.zeros(8, np.float32), real((1, 8, 6, 10), 27)
    right = (conv(large.astype(np.float64), wide[:, :5]) + v).mean(axis=(2, 3), keepdims=True)
    go("upsampled", nodes, {"x": five.transpose(0, 2, 3, 1).copy(), "v": v}, f32(right.transpose(0, 2, 3, 1)),
       {"w": blocked(wide, 8), "z": zero})


def order():
    """Nodes in any order, as converters leave them; outputs before what makes them."""
    nodes = [helper.make_node("Add", ["b", "x"], ["y"]), helper.make_node("Neg", ["a"], ["b"]), helper.make_node("Abs", ["x"], ["a"])]
    x = real((2, 3), 28)
    graph("Add", 14, nodes, {"x": x}, [x - np.abs(x)], label="unsorted", outputs=["y"], alone=True)


def make():
    for part in (binary, unary, pools, convolutions, products, few_bits, few_bit_floats, layout, order):
        part()
