"""Products, normalisations, dropout, losses: training and inference as each version tells them apart."""

import numpy as np
from onnx import helper

from frame import NAMES, data, every, f32, sample, types, versions, wide
from elementwise import old
from reduction import soft


def products():
    for since, name in every("MatMul"):
        for label, a, b in (("matrix", (2, 3), (3, 4)), ("batch", (2, 1, 2, 3), (3, 3, 2)), ("vector", (3,), (3, 2)), ("dot", (3,), (3,))):
            x, y = data(name, a, -3, 3, 1), data(name, b, -3, 3, 2)
            sample("MatMul", since, [x, y], [np.asarray(wide(x) @ wide(y)).astype(x.dtype)], label=f"{name}_{label}")
    for since, name in every("Gemm"):
        a, b, c = data(name, (2, 3), 0, 3, 3), data(name, (3, 4), 0, 3, 4), data(name, (2, 4), 0, 3, 5)
        row, one = data(name, (4,), 0, 3, 6), data(name, (1,), 0, 3, 7)
        y = wide(a) @ wide(b)
        out = lambda v: [v.astype(a.dtype)]
        spread = {"broadcast": 1} if since < 7 else {}
        sample("Gemm", since, [a, b, c], out(y + wide(c)), label=f"{name}_whole")
        sample("Gemm", since, [a, b, row], out(y + wide(row)), label=f"{name}_row", **spread)
        sample("Gemm", since, [a, b, one], out(y + wide(one)), label=f"{name}_one", **spread)
        sample("Gemm", since, [a.T.copy(), b.T.copy(), c], out(y * 2 + wide(c) * 3), label=f"{name}_scaled", transA=1, transB=1,
               alpha=2.0, beta=3.0)
        if since >= 11:
            sample("Gemm", since, [a, b], out(y), label=f"{name}_alone")
    for since, name in every("Det"):
        x = data(name, (2, 3, 3), -2, 2, 8)
        sample("Det", since, [x], [np.linalg.det(wide(x)).astype(x.dtype)], label=name)
        sample("Det", since, [x[0]], [np.asarray(np.linalg.det(wide(x)[0])).astype(x.dtype)], label=f"{name}_one")
    for since, name in every("Einsum"):
        a, b = data(name, (2, 3), 0, 3, 9), data(name, (3, 2), 0, 3, 10)
        sample("Einsum", since, [a, b], [np.einsum("ij,jk->ik", wide(a), wide(b)).astype(a.dtype)], label=name, equation="ij,jk->ik")
        sample("Einsum", since, [a], [np.einsum("ij->j", wide(a)).astype(a.dtype)], label=f"{name}_sum", equation="ij->j")


def per_channel(v, rank):
    return wide(v).reshape(-1, *[1] * (rank - 2))


def batch_norm():
    for since, name in every("BatchNormalization"):
        x = data(name, (3, 2, 2, 2), -3, 3, 11)
        scale, bias, mean, var = (data(name, (2,), low, 2, 12 + i) for i, low in enumerate((0.5, -1, -1, 0.5)))
        normal = lambda m, v, e=1e-5: (wide(x) - m) / np.sqrt(v + e) * per_channel(scale, 4) + per_channel(bias, 4)
        flags = dict(old("BatchNormalization", since), **({"is_test": 1} if since < 7 else {}))
        if flags.get("consumed_inputs"):
            flags["consumed_inputs"] = [0, 0, 0, 1, 1]
        inputs = [x, scale, bias, mean, var]
        y = normal(per_channel(mean, 4), per_channel(var, 4)).astype(x.dtype)
        sample("BatchNormalization", since, inputs, [y], label=name, **flags)
        y = normal(per_channel(mean, 4), per_channel(var, 4), 0.25).astype(x.dtype)
        sample("BatchNormalization", since, inputs, [y], label=f"{name}_epsilon", epsilon=0.25, **flags)
        if since < 9:
            feature = [data(name, x.shape[1:], low, 2, 16 + i) for i, low in enumerate((0.5, -1, -1, 0.5))]
            s, b, m, v = (wide(f) for f in feature)
            y = ((wide(x) - m) / np.sqrt(v + 1e-5) * s + b).astype(x.dtype)
            sample("BatchNormalization", since, [x, *feature], [y], label=f"{name}_feature", spatial=0, **flags)
        train(since, name, x, inputs, normal, flags)


def train(since, name, x, inputs, normal, flags):
    """Until 14 five outputs, the last two the batch's, mean training; 14 has an attribute and three outputs.
    The texts of 1 and 6 leave open which variance is saved, so they are shown at inference only."""
    if since < 7:
        return
    batch_mean, batch_var = wide(x).mean(axis=(0, 2, 3)), wide(x).var(axis=(0, 2, 3))
    column = lambda v: v.reshape(-1, 1, 1)
    y = normal(column(batch_mean), column(batch_var)).astype(x.dtype)
    moved = [(wide(o) * 0.75 + b * 0.25).astype(x.dtype) for o, b in zip(inputs[3:], (batch_mean, batch_var))]
    if since >= 14:
        sample("BatchNormalization", since, inputs, [y, *moved], label=f"{name}_train", training_mode=1, momentum=0.75, **flags)
    else:
        saved = [batch_mean.astype(x.dtype), batch_var.astype(x.dtype)]
        sample("BatchNormalization", since, inputs, [y, *moved, *saved], label=f"{name}_train", momentum=0.75, **flags)


def norms():
    for since, name in every("InstanceNormalization"):
        x, s, b = data(name, (2, 2, 3, 2), -3, 3, 20), data(name, (2,), 0.5, 2, 21), data(name, (2,), -1, 1, 22)
        m, v = wide(x).mean(axis=(2, 3), keepdims=True), wide(x).var(axis=(2, 3), keepdims=True)
        for label, e in (("default", 1e-5), ("epsilon", 0.25)):
            y = (wide(x) - m) / np.sqrt(v + e) * per_channel(s, 4) + per_channel(b, 4)
            sample("InstanceNormalization", since, [x, s, b], [y.astype(x.dtype)], label=f"{name}_{label}",
                   epsilon=None if label == "default" else e, **old("InstanceNormalization", since))
    for since, name in every("GroupNormalization"):
        x = data(name, (2, 4, 3), -3, 3, 23)
        n = 2 if since < 21 else 4
        s, b = data(name, (n,), 0.5, 2, 24), data(name, (n,), -1, 1, 25)
        g = wide(x).reshape(2, 2, -1)
        y = ((g - g.mean(axis=2, keepdims=True)) / np.sqrt(g.var(axis=2, keepdims=True) + 1e-5)).reshape(x.shape)
        channel = lambda v: np.repeat(wide(v), 4 // n).reshape(1, -1, 1)
        sample("GroupNormalization", since, [x, s, b], [(y * channel(s) + channel(b)).astype(x.dtype)], label=name, num_groups=2)
    for since, name in every("LRN"):
        x = data(name, (2, 5, 2, 1), -3, 3, 26)
        for size, alpha, beta, bias in ((3, None, None, None), (4, 0.5, 0.5, 2.0)):
            square = np.zeros(x.shape)
            for c in range(5):
                low, high = max(0, c - (size - 1) // 2), min(4, c + -(-(size - 1) // 2))
                square[:, c] = (wide(x)[:, low:high + 1] ** 2).sum(axis=1)
            y = wide(x) / ((bias or 1) + (alpha or 1e-4) / size * square) ** (beta or 0.75)
            sample("LRN", since, [x], [y.astype(x.dtype)], label=f"{name}_{size}", size=size, alpha=alpha, beta=beta, bias=bias)
    for op in ("LayerNormalization", "RMSNormalization"):
        for since, name in every(op):
            x, s, b = data(name, (2, 3, 4), -3, 3, 27), data(name, (4,), 0.5, 2, 28), data(name, (4,), -1, 1, 29)
            m = wide(x).mean(axis=-1, keepdims=True) if op == "LayerNormalization" else 0
            y = (wide(x) - m) / np.sqrt(((wide(x) - m) ** 2).mean(axis=-1, keepdims=True) + 1e-5) * wide(s)
            if op == "LayerNormalization":
                y = y + wide(b)
            sample(op, since, [x, s, b] if op == "LayerNormalization" else [x, s], [y.astype(x.dtype)], label=name)


def dropout():
    """Without training nothing is dropped; with a ratio of 0 training keeps everything too."""
    for since, name in every("Dropout"):
        x = data(name, (2, 3), -3, 3, 30)
        flags = dict(old("Dropout", since), **({"is_test": 1} if since < 7 else {}))
        if since < 12:
            sample("Dropout", since, [x], [x], label=name, ratio=0.25, **flags)
            sample("Dropout", since, [x], [x], label=f"{name}_default", **flags)
            if since < 7:
                ones = np.ones((2, 3)).astype(x.dtype)
                sample("Dropout", since, [x], [x, ones], label=f"{name}_all_kept", ratio=0.0, **old("Dropout", since))
            continue
        kept = np.ones((2, 3), bool)
        sample("Dropout", since, [x], [x], label=name)
        for kind in types("Dropout", since, port=1):
            zero = np.array(0).astype(NAMES[kind])
            sample("Dropout", since, [x, zero, np.array(True)], [x, kept], label=f"{name}_{kind}", seed=1)
            sample("Dropout", since, [x, np.array(0.5).astype(NAMES[kind]), np.array(False)], [x], label=f"{name}_{kind}_inference")


def losses():
    labels = np.array([[0, 2], [1, 1]])
    for since, name in every("NegativeLogLikelihoodLoss"):
        for kind in types("NegativeLogLikelihoodLoss", since, port=1):
            lose("NegativeLogLikelihoodLoss", since, name, labels.astype(NAMES[kind]), kind)
    for since, name in every("SoftmaxCrossEntropyLoss"):
        for kind in types("SoftmaxCrossEntropyLoss", since, port=1):
            lose("SoftmaxCrossEntropyLoss", since, name, labels.astype(NAMES[kind]), kind)


def lose(op, since, name, labels, kind):
    x, weight = data(name, (2, 3, 2), -2, 2, 31), data(name, (3,), 0.5, 2, 32)
    log = np.log(soft(wide(x), 1)) if op == "SoftmaxCrossEntropyLoss" else wide(x)
    picked = -np.take_along_axis(log, labels[:, None].astype(np.int64), 1)[:, 0]
    more = [log.astype(x.dtype)] if op == "SoftmaxCrossEntropyLoss" else []
    each = wide(weight)[labels]
    out = lambda v: [np.asarray(v).astype(x.dtype), *more]
    sample(op, since, [x, labels], out(picked.mean()), label=f"{name}_{kind}_mean")
    sample(op, since, [x, labels], out(picked), label=f"{name}_{kind}_none", reduction="none")
    sample(op, since, [x, labels], out(picked.sum()), label=f"{name}_{kind}_sum", reduction="sum")
    sample(op, since, [x, labels, weight], out((picked * each).sum() / each.sum()), label=f"{name}_{kind}_weights")
    kept = labels != 1
    sample(op, since, [x, labels], out(picked[kept].mean()), label=f"{name}_{kind}_ignored", ignore_index=1)


def sparse():
    """A sparse constant is its dense form."""
    for since in versions("Constant"):
        if since < 11:
            continue
        values = helper.make_tensor("v", 1, [2], [3.0, 4.0])
        indices = helper.make_tensor("i", 7, [2], [1, 5])
        y = f32(0, 3, 0, 0, 0, 4).reshape(2, 3)
        sample("Constant", since, [], [y], label="sparse_value", sparse_value=helper.make_sparse_tensor(values, indices, [2, 3]))


def make():
    for part in (products, batch_norm, norms, dropout, losses, sparse):
        part()
