"""Quantization: scales per tensor, axis and block; the types that each version added."""

import numpy as np

from frame import NAMES, data, has, sample, types, versions, wide
from casts import code

RANGES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535), "int4": (-8, 7),
          "uint4": (0, 15), "int2": (-2, 1), "uint2": (0, 3)}
LARGEST = {"float8e4m3fn": 448, "float8e4m3fnuz": 240, "float8e5m2": 57344, "float8e5m2fnuz": 57344, "float4e2m1": 6}


def quantize(x, scale, zero, name):
    y = wide(x) / wide(scale)
    if name in RANGES:
        return np.clip(np.rint(y) + wide(zero), *RANGES[name]).astype(np.int64).astype(NAMES[name])
    return np.clip(y + wide(zero), -LARGEST[name], LARGEST[name]).astype(np.float32).astype(NAMES[name])


def along(v, rank, axis):
    shape = [1] * rank
    shape[axis] = -1
    return v.reshape(shape)


def quantize_linear():
    for since in versions("QuantizeLinear"):
        port = len(types("QuantizeLinear", since, port=0))
        for name in types("QuantizeLinear", since, output=True):
            x = data("float", (3, 4), -4, 4, seed=1)
            scale, zero = np.array(0.5, np.float32), np.array(1 if name in RANGES else 0).astype(NAMES[name])
            sample("QuantizeLinear", since, [x, scale, zero], [quantize(x, scale, zero, name)], label=name)
            if since >= 13:
                scales = np.array([0.5, 1, 2, 0.25], np.float32)
                zeros = np.zeros(4).astype(NAMES[name])
                y = quantize(x, along(scales, 2, 1), along(zeros, 2, 1), name)
                sample("QuantizeLinear", since, [x, scales, zeros], [y], label=f"{name}_axis")
                scales, zeros = scales[:3], zeros[:3]
                y = quantize(x, along(scales, 2, 0), along(zeros, 2, 0), name)
                sample("QuantizeLinear", since, [x, scales, zeros], [y], label=f"{name}_axis_0", axis=-2)
            if since >= 21:
                scales = np.array([[0.5, 1], [2, 0.25], [1, 1]], np.float32)
                zeros = np.zeros((3, 2)).astype(NAMES[name])
                y = quantize(x, np.repeat(scales, 2, 1), np.repeat(zeros.astype(np.float32), 2, 1), name)
                sample("QuantizeLinear", since, [x, scales, zeros], [y], label=f"{name}_blocks", axis=1, block_size=2)
                y = quantize(x, scale, np.zeros((), np.float32), name)
                sample("QuantizeLinear", since, [x, scale], [y], label=f"{name}_dtype", output_dtype=code(name))
        x = data("float", (3, 4), -4, 4, seed=1)
        scale = np.array(0.5, np.float32)
        sample("QuantizeLinear", since, [x, scale], [quantize(x, scale, np.zeros(()), "uint8")], label="no_zero_point")
        for name in types("QuantizeLinear", since) if port > 1 else []:
            v = data(name, (3, 4), -4, 4, seed=2)
            s = np.array(0.5).astype(np.float32 if name == "int32" or since < 19 else NAMES[name])
            z = np.array(3, np.uint8)
            if name == "int32" and since >= 19 and since < 23:
                s = np.array(1, np.int32)
            sample("QuantizeLinear", since, [v, s, z], [quantize(v, s, z, "uint8")], label=f"from_{name}")


def dequantize_linear():
    for since in versions("DequantizeLinear"):
        for name in types("DequantizeLinear", since):
            x = data(name, (3, 4), -2, 1, seed=3)
            zero = np.array(1 if name in RANGES else 0).astype(NAMES[name])
            scale = np.array(0.5, np.float32)
            real = lambda v, z, s: ((wide(v) - wide(z)) * wide(s)).astype(np.float32)
            sample("DequantizeLinear", since, [x, scale, zero], [real(x, zero, scale)], label=name)
            sample("DequantizeLinear", since, [x, scale], [real(x, np.zeros(()), scale)], label=f"{name}_no_zero_point")
            if since >= 13:
                scales, zeros = np.array([0.5, 1, 2, 0.25], np.float32), np.zeros(4).astype(NAMES[name])
                sample("DequantizeLinear", since, [x, scales, zeros], [real(x, zeros, scales)], label=f"{name}_axis")
            if since >= 21:
                scales, zeros = np.array([[0.5, 1], [2, 4], [1, 3]], np.float32), np.zeros((3, 2)).astype(NAMES[name])
                y = real(x, np.zeros(()), np.repeat(scales, 2, 1))
                sample("DequantizeLinear", since, [x, scales, zeros], [y], label=f"{name}_blocks", axis=1, block_size=2)
        for name in types("DequantizeLinear", since, port=1) if since >= 19 else []:
            x, s = np.array([2, 4, 6], np.int8), np.array(0.5).astype(NAMES[name])
            if name == "float8e8m0":
                continue
            sample("DequantizeLinear", since, [x, s], [np.array([1, 2, 3]).astype(NAMES[name])], label=f"scale_{name}")
        if has("DequantizeLinear", since, "output_dtype"):
            x = np.array([2, 4, 6], np.int8)
            sample("DequantizeLinear", since, [x, np.array(0.5, np.float32)], [np.array([1, 2, 3], np.float16)],
                   label="output_dtype", output_dtype=code("float16"))


def products():
    a, b = data("uint8", (2, 3), 0, 200, seed=4), data("uint8", (3, 4), 0, 200, seed=5)
    for left, right in (("uint8", "uint8"), ("uint8", "int8"), ("int8", "int8")):
        x = data(left, (2, 3), -100, 100, seed=4)
        y = data(right, (3, 4), -100, 100, seed=5)
        za, zb = np.array(3).astype(x.dtype), np.array(5).astype(y.dtype)
        exact = (wide(x) - 3) @ (wide(y) - 5)
        sample("MatMulInteger", 10, [x, y, za, zb], [exact.astype(np.int32)], label=f"{left}_{right}")
        for since in versions("QLinearMatMul"):
            names = types("QLinearMatMul", since)
            if left not in names or right not in names:
                continue
            for scales in (["float"] if since < 21 else ["float", "float16", "bfloat16"]):
                s = [np.array(v).astype(NAMES[scales]) for v in (0.5, 0.25, 64)]
                zy = np.array(2).astype(x.dtype)
                out = quantize(exact * 0.125, np.array(64.0), zy, left)
                sample("QLinearMatMul", since, [x, s[0], za, y, s[1], zb, s[2], zy], [out], label=f"{left}_{right}_{scales}")
    sample("MatMulInteger", 10, [a, b], [(wide(a) @ wide(b)).astype(np.int32)], label="no_zero_points")
    x, w = data("uint8", (1, 1, 3, 3), 0, 200, seed=6), data("uint8", (1, 1, 2, 2), 0, 9, seed=7)
    full = sum((wide(x)[:, :, i:i + 2, j:j + 2] - 1) * (wide(w)[0, 0, i, j] - 2) for i in (0, 1) for j in (0, 1))
    sample("ConvInteger", 10, [x, w, np.array(1, np.uint8), np.array(2, np.uint8)], [full.astype(np.int32)], label="zero_points")
    f = lambda v: np.array(v, np.float32)
    out = quantize(full * 0.125, f(8.0), np.array(9, np.uint8), "uint8")
    sample("QLinearConv", 10, [x, f(0.5), np.array(1, np.uint8), w, f(0.25), np.array(2, np.uint8), f(8), np.array(9, np.uint8)],
           [out], label="plain")
    bias = np.array([40], np.int32)
    out = quantize((full + 40) * 0.125, f(8.0), np.array(9, np.uint8), "uint8")
    sample("QLinearConv", 10, [x, f(0.5), np.array(1, np.uint8), w, f(0.25), np.array(2, np.uint8), f(8), np.array(9, np.uint8), bias],
           [out], label="bias")


def dynamic():
    x = np.array([0, 2, -3, -2.5, 1.34, 0.5], np.float32)
    scale = np.float32((2 - -3) / 255)
    zero = np.clip(np.rint(3 / scale), 0, 255).astype(np.uint8)
    y = np.clip(np.rint(x / scale) + zero, 0, 255).astype(np.uint8)
    sample("DynamicQuantizeLinear", 11, [x], [y, np.array(scale), np.array(zero)], label="plain")


def make():
    quantize_linear()
    dequantize_linear()
    products()
    dynamic()
