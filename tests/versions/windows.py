"""Convolution and pooling, written as sums over one window after another."""

import itertools
import math

import numpy as np

from frame import NAMES, data, every, i64, sample, wide


def windows(shape, kernel, strides=None, pads=None, dilations=None, ceil=False):
    """(position in the output, per axis: indices of the padded input that are inside it, whole width).

    A window that would begin in the padding at the end is left out (the rule of ceil_mode)."""
    n = len(kernel)
    strides, dilations, pads = strides or [1] * n, dilations or [1] * n, pads or [0] * (2 * n)
    sizes = []
    for i in range(n):
        reach = shape[i] + pads[i] + pads[i + n] - dilations[i] * (kernel[i] - 1) - 1
        size = (math.ceil if ceil else math.floor)(reach / strides[i]) + 1
        if ceil and (size - 1) * strides[i] >= shape[i] + pads[i]:
            size -= 1
        sizes.append(size)
    def at():
        for place in itertools.product(*map(range, sizes)):
            axes = []
            for i, p in enumerate(place):
                taps = [(k, p * strides[i] - pads[i] + k * dilations[i]) for k in range(kernel[i])]
                inside = [(k, x) for k, x in taps if 0 <= x < shape[i]]
                padded = sum(-pads[i] <= x < shape[i] + pads[i + n] for _, x in taps)
                axes.append((inside, padded))
            yield place, axes
    return sizes, at()


def conv(x, w, bias=None, group=1, **geometry):
    sizes, places = windows(x.shape[2:], w.shape[2:], **geometry)
    per, outs = x.shape[1] // group, w.shape[0] // group
    y = np.zeros((x.shape[0], w.shape[0], *sizes))
    for place, axes in places:
        for taps in itertools.product(*(inside for inside, _ in axes)):
            k, at = tuple(t[0] for t in taps), tuple(t[1] for t in taps)
            for m in range(w.shape[0]):
                g = m // outs
                v = x[(slice(None), slice(g * per, (g + 1) * per)) + at] @ w[(m, slice(None)) + k]
                y[(slice(None), m) + place] += v
    return y if bias is None else y + bias.reshape(1, -1, *[1] * len(sizes))


def conv_transpose(x, w, bias=None, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=1, output_padding=(0, 0)):
    kh, kw = w.shape[2:]
    full = [(n - 1) * s + d * (k - 1) + 1 + o for n, s, d, k, o in
            zip(x.shape[2:], strides, dilations, (kh, kw), output_padding)]
    outs, per = w.shape[1], x.shape[1] // group
    y = np.zeros((x.shape[0], outs * group, *full))
    for i, j, a, b in itertools.product(range(x.shape[2]), range(x.shape[3]), range(kh), range(kw)):
        for g in range(group):
            v = x[:, g * per:(g + 1) * per, i, j] @ w[g * per:(g + 1) * per, :, a, b]
            y[:, g * outs:(g + 1) * outs, i * strides[0] + a * dilations[0], j * strides[1] + b * dilations[1]] += v
    y = y[:, :, pads[0]:full[0] - pads[2], pads[1]:full[1] - pads[3]]
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)


def pool(x, reduce, kernel, count_include_pad=0, **geometry):
    sizes, places = windows(x.shape[2:], kernel, **geometry)
    y = np.zeros((*x.shape[:2], *sizes))
    for place, axes in places:
        at = np.ix_(*[[p for _, p in inside] for inside, _ in axes])
        part = x[(slice(None), slice(None)) + at].reshape(*x.shape[:2], -1)
        count = math.prod(padded for _, padded in axes) if count_include_pad else part.shape[2]
        y[(slice(None), slice(None)) + place] = reduce(part, count)
    return y


def average(part, count):
    return part.sum(axis=2) / count


def convolutions():
    for since, name in every("Conv"):
        x, w, b = data(name, (2, 2, 5, 4), -1, 1, 1), data(name, (2, 2, 3, 2), -1, 1, 2), data(name, (2,), -1, 1, 3)
        run = lambda *inputs, **g: [conv(*(wide(v) for v in inputs), **g).astype(x.dtype)]
        sample("Conv", since, [x, w], run(x, w), label=name)
        sample("Conv", since, [x, w, b], run(x, w, b, pads=[1, 0, 2, 1], strides=[2, 1]), label=f"{name}_pads",
               pads=[1, 0, 2, 1], strides=[2, 1], kernel_shape=[3, 2])
        sample("Conv", since, [x, w], run(x, w, dilations=[2, 1]), label=f"{name}_dilated", dilations=[2, 1])
        wg = data(name, (4, 1, 3, 2), -1, 1, 4)
        sample("Conv", since, [x, wg], run(x, wg, group=2), label=f"{name}_groups", group=2)
        for mode, pads in (("SAME_UPPER", [1, 0, 1, 1]), ("SAME_LOWER", [1, 1, 1, 0]), ("VALID", [0] * 4)):
            sample("Conv", since, [x, w], run(x, w, pads=pads), label=f"{name}_{mode}", auto_pad=mode)
        x1, w1 = data(name, (1, 2, 6), -1, 1, 5), data(name, (3, 2, 3), -1, 1, 6)
        sample("Conv", since, [x1, w1], run(x1, w1, strides=[2]), label=f"{name}_1d", strides=[2])
    for since, name in every("ConvTranspose"):
        x, w, b = data(name, (1, 2, 3, 2), -1, 1, 7), data(name, (2, 2, 2, 3), -1, 1, 8), data(name, (2,), -1, 1, 9)
        run = lambda *inputs, **g: [conv_transpose(*(wide(v) for v in inputs), **g).astype(x.dtype)]
        sample("ConvTranspose", since, [x, w], run(x, w), label=name)
        sample("ConvTranspose", since, [x, w, b], run(x, w, b, strides=[2, 1], pads=[1, 0, 0, 1], output_padding=[1, 0]),
               label=f"{name}_pads", strides=[2, 1], pads=[1, 0, 0, 1], output_padding=[1, 0])
        sample("ConvTranspose", since, [x, w], run(x, w, dilations=[1, 2]), label=f"{name}_dilated", dilations=[1, 2])
        wg = data(name, (2, 1, 2, 3), -1, 1, 8)
        sample("ConvTranspose", since, [x, wg], run(x, wg, group=2), label=f"{name}_groups", group=2)
        sample("ConvTranspose", since, [x, w], run(x, w, strides=[2, 2], pads=[0, 0, 0, 0]), label=f"{name}_shape",
               strides=[2, 2], output_shape=[6, 5])


def averages():
    for since, name in every("AveragePool"):
        x = data(name, (1, 2, 5, 4), -4, 4, 10)
        run = lambda **g: [pool(wide(x), average, [3, 2], **g).astype(x.dtype)]
        go = lambda label, **a: sample("AveragePool", since, [x], a.pop("want"), label=f"{name}_{label}", kernel_shape=[3, 2], **a)
        go("plain", want=run())
        go("pads", want=run(pads=[1, 1, 1, 0], strides=[2, 1]), pads=[1, 1, 1, 0], strides=[2, 1])
        go("upper", want=run(pads=[1, 0, 1, 1]), auto_pad="SAME_UPPER")
        if since >= 7:
            go("count", want=run(pads=[1, 1, 1, 0], count_include_pad=1), pads=[1, 1, 1, 0], count_include_pad=1)
        if since >= 10:
            go("ceil", want=run(strides=[2, 3], ceil=True), strides=[2, 3], ceil_mode=1)
        if since >= 19:
            go("dilated", want=run(dilations=[2, 2]), dilations=[2, 2])


def largest():
    for since, name in every("MaxPool"):
        x = np.round(data(name, (1, 2, 5, 4), -40, 40, 11))
        top = lambda part, count: part.max(axis=2)
        run = lambda **g: pool(wide(x), top, [3, 2], **g).astype(x.dtype)
        go = lambda label, y, **a: sample("MaxPool", since, [x], [y], label=f"{name}_{label}", kernel_shape=[3, 2], **a)
        go("plain", run())
        go("pads", run(pads=[1, 1, 1, 0], strides=[2, 1]), pads=[1, 1, 1, 0], strides=[2, 1])
        go("lower", run(pads=[1, 1, 1, 0]), auto_pad="SAME_LOWER")
        if since >= 10:
            go("ceil", run(strides=[2, 3], ceil=True), strides=[2, 3], ceil_mode=1)
            go("dilated", run(dilations=[2, 2]), dilations=[2, 2])
        if since >= 8:
            flat = np.arange(40).reshape(1, 2, 5, 4)
            unlike = (np.random.RandomState(1).permutation(40) - 20).reshape(flat.shape)
            x2 = (unlike if not name.startswith("u") else unlike + 20).astype(NAMES[name])
            y = pool(wide(x2), top, [3, 2]).astype(x2.dtype)
            row = [[flat.ravel()[np.flatnonzero(x2.ravel() == v)[0]] for v in plane.ravel()] for plane in y[0]]
            at = np.array(row).reshape(y.shape).astype(np.int64)
            column = at // 20 * 20 + at % 20 % 4 * 5 + at % 20 // 4
            sample("MaxPool", since, [x2], [y, at], label=f"{name}_indices", kernel_shape=[3, 2])
            sample("MaxPool", since, [x2], [y, column], label=f"{name}_columns", kernel_shape=[3, 2], storage_order=1)


def lp():
    for since, name in every("LpPool"):
        x = data(name, (1, 2, 5, 4), -2, 2, 12)
        for p in (1, 2, 3):
            norm = lambda part, count: (np.abs(part) ** p).sum(axis=2) ** (1 / p)
            run = lambda **g: [pool(wide(x), norm, [3, 2], **g).astype(x.dtype)]
            given = {"p": float(p) if since == 1 else p, "kernel_shape": [3, 2]}
            sample("LpPool", since, [x], run(), label=f"{name}_{p}", **given)
            if p == 2:
                sample("LpPool", since, [x], run(), label=f"{name}_default", kernel_shape=[3, 2])
            sample("LpPool", since, [x], run(pads=[1, 0, 1, 1], strides=[2, 1]), label=f"{name}_{p}_pads",
                   pads=[1, 0, 1, 1], strides=[2, 1], **given)
            if since >= 18:
                sample("LpPool", since, [x], run(strides=[2, 3], ceil=True), label=f"{name}_{p}_ceil", strides=[2, 3],
                       ceil_mode=1, **given)
                sample("LpPool", since, [x], run(dilations=[2, 2]), label=f"{name}_{p}_dilated", dilations=[2, 2], **given)
    for since, name in every("GlobalLpPool"):
        x = data(name, (2, 2, 3, 2), -2, 2, 13)
        for p in (2, 3):
            y = (np.abs(wide(x)) ** p).sum(axis=(2, 3), keepdims=True) ** (1 / p)
            sample("GlobalLpPool", since, [x], [y.astype(x.dtype)], label=f"{name}_{p}",
                   p=None if p == 2 else float(p) if since == 1 else p)


def whole_planes():
    for op, formula in (("GlobalAveragePool", np.mean), ("GlobalMaxPool", np.max)):
        for since, name in every(op):
            for shape in ((2, 2, 3, 2), (2, 3, 4), (1, 2, 2, 3, 2)):
                x = data(name, shape, -4, 4, 14)
                y = formula(wide(x), axis=tuple(range(2, x.ndim)), keepdims=True).astype(x.dtype)
                sample(op, since, [x], [y], label=f"{name}_{len(shape)}")


def unpool():
    for since, name in every("MaxUnpool"):
        x = data(name, (1, 1, 2, 2), 1, 9, 15)
        at = i64(5, 7, 12, 15).reshape(1, 1, 2, 2)
        y = np.zeros(16, x.dtype)
        y[at.ravel()] = x.ravel()
        sample("MaxUnpool", since, [x, at], [y.reshape(1, 1, 4, 4)], label=name, kernel_shape=[2, 2], strides=[2, 2])
        larger = np.zeros((1, 1, 5, 5), x.dtype)  # indices are those of the size that kernel and strides give
        larger[0, 0, :4, :4] = y.reshape(4, 4)
        sample("MaxUnpool", since, [x, at, i64(1, 1, 5, 5)], [larger], label=f"{name}_shape",
               kernel_shape=[2, 2], strides=[2, 2])


def columns():
    for since, name in every("Col2Im"):
        x = data(name, (1, 4, 6), 0, 5, 16) if name != "string" else None
        if x is None or name == "bool":
            continue
        y = np.zeros((1, 1, 3, 4), dtype=np.complex128 if name.startswith("complex") else np.float64)
        for k, place in itertools.product(range(4), range(6)):
            y[0, 0, place // 3 + k // 2, place % 3 + k % 2] += wide(x)[0, k, place]
        sample("Col2Im", since, [x, i64(3, 4), i64(2, 2)], [y.astype(x.dtype)], label=name)


def deformed():
    """With offsets that are whole numbers a deformed convolution reads other elements; halves average two."""
    for since, name in every("DeformConv"):
        x, w = data(name, (1, 1, 3, 3), -2, 2, 17), data(name, (1, 1, 2, 2), -2, 2, 18)
        none = np.zeros((1, 8, 2, 2)).astype(x.dtype)
        sample("DeformConv", since, [x, w, none], [conv(wide(x), wide(w)).astype(x.dtype)], label=name)
        half = none.copy()
        half[:, 1::2] = 0.5
        moved = wide(x) * 0.5
        moved[..., :2] += wide(x)[..., 1:] * 0.5
        mask = np.full((1, 4, 2, 2), 0.5).astype(x.dtype)
        bias = np.array([1]).astype(x.dtype)
        y = conv(moved, wide(w) * 0.5, wide(bias))
        sample("DeformConv", since, [x, w, half, bias, mask], [y.astype(x.dtype)], label=f"{name}_half")


def make():
    for part in (convolutions, averages, largest, lp, whole_planes, unpool, columns, deformed):
        part()
