"""Reductions, softmax and its kin, running sums, orders: axes as attribute or input, and defaults."""

import numpy as np

from frame import NAMES, data, every, has, i64, sample, wide


def log_sum_exp(x, axis, keepdims):
    top = np.max(x, axis=axis, keepdims=True)
    s = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return s if keepdims else np.squeeze(s, axis=axis)


REDUCE = {
    "ReduceL1": (lambda x, axis, keepdims: np.sum(np.abs(x), axis=axis, keepdims=keepdims), np.abs),
    "ReduceL2": (lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)), np.abs),
    "ReduceLogSum": (lambda x, axis, keepdims: np.log(np.sum(x, axis=axis, keepdims=keepdims)), np.log),
    "ReduceLogSumExp": (log_sum_exp, lambda x: x), "ReduceMax": (np.max, lambda x: x),
    "ReduceMean": (np.mean, lambda x: x), "ReduceMin": (np.min, lambda x: x), "ReduceProd": (np.prod, lambda x: x),
    "ReduceSum": (np.sum, lambda x: x),
    "ReduceSumSquare": (lambda x, axis, keepdims: np.sum(x * x, axis=axis, keepdims=keepdims), lambda x: x * x),
}


def reduce():
    for op, (formula, element) in REDUCE.items():
        for since, name in every(op):
            x = data(name, (2, 3, 2), 1, 3, seed=1)

            def right(axes, keepdims=1):
                y = formula(wide(x), axis=tuple(axes) if axes else None, keepdims=bool(keepdims))
                return [np.asarray(np.trunc(y) if x.dtype.kind in "iu" and y.dtype.kind == "f" else y).astype(x.dtype)]
            if has(op, since, "axes"):
                sample(op, since, [x], right([1]), label=f"{name}_axis", axes=[1])
                sample(op, since, [x], right([0, 2], 0), label=f"{name}_drop", axes=[0, 2], keepdims=0)
                if since >= 11:
                    sample(op, since, [x], right([-1]), label=f"{name}_negative", axes=[-1])
            else:
                sample(op, since, [x, i64(1)], right([1]), label=f"{name}_axis")
                sample(op, since, [x, i64(-1, 0)], right([0, 2], 0), label=f"{name}_drop", keepdims=0)
                kept = element(wide(x)) if element else wide(x)
                kept = np.trunc(kept) if x.dtype.kind in "iu" and kept.dtype.kind == "f" else kept
                sample(op, since, [x], [kept.astype(x.dtype)], label=f"{name}_noop", noop_with_empty_axes=1)
            sample(op, since, [x], right(None), label=f"{name}_all")


def arg():
    for op, formula in (("ArgMax", np.argmax), ("ArgMin", np.argmin)):
        for since, name in every(op):
            x = data(name, (3, 4), 0, 3, seed=2)
            first = lambda axis: formula(wide(x), axis=axis).astype(np.int64)
            last = lambda axis: (x.shape[axis] - 1 - formula(np.flip(wide(x), axis), axis=axis)).astype(np.int64)
            sample(op, since, [x], [first(0)[None, :]], label=f"{name}_default")
            sample(op, since, [x], [first(1)], label=f"{name}_drop", axis=1, keepdims=0)
            if since >= 11:
                sample(op, since, [x], [first(1)[:, None]], label=f"{name}_negative", axis=-1)
            if since >= 12:
                sample(op, since, [x], [last(1)], label=f"{name}_last", axis=1, keepdims=0, select_last_index=1)


def soft(x, axis):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def hard(x, axis):
    y = np.zeros_like(x)
    np.put_along_axis(y, np.expand_dims(np.argmax(x, axis=axis), axis), 1, axis=axis)
    return y


SOFT = {"Softmax": soft, "LogSoftmax": lambda x, axis: np.log(soft(x, axis)), "Hardmax": hard}


def softmax():
    """Until 13 the input is a matrix of the dims before `axis` by the rest, and the default axis is 1."""
    for op, formula in SOFT.items():
        for since, name in every(op):
            x = data(name, (2, 3, 4), -3, 3, seed=3)
            for label, axis in (("default", None), ("first", 0), ("middle", 1), ("last", 2), ("negative", -1)):
                if label == "negative" and since < 11:
                    continue
                if since < 13:
                    at = 1 if axis is None else axis % 3
                    flat = wide(x).reshape(int(np.prod(x.shape[:at])), -1)
                    y = formula(flat, 1).reshape(x.shape)
                else:
                    y = formula(wide(x), -1 if axis is None else axis)
                sample(op, since, [x], [y.astype(x.dtype)], label=f"{name}_{label}", axis=axis)


def running(formula, x, axis, exclusive, reverse, start):
    v = np.flip(x, axis) if reverse else x
    y = formula(v, axis=axis)
    if exclusive:
        one = np.full_like(np.take(v, [0], axis), start)
        y = np.concatenate([one, np.delete(y, -1, axis)], axis)
    return np.flip(y, axis) if reverse else y


def running_totals():
    for op, formula, start in (("CumSum", np.cumsum, 0), ("CumProd", np.cumprod, 1)):
        for since, name in every(op):
            x = data(name, (2, 4), 1, 2, seed=4)
            for exclusive in (0, 1):
                for reverse in (0, 1):
                    y = running(formula, wide(x), 1, exclusive, reverse, start).astype(x.dtype)
                    axis = np.array(-1 if reverse else 1, dtype=np.int32 if exclusive else np.int64)
                    sample(op, since, [x, axis], [y], label=f"{name}_{exclusive}{reverse}",
                           exclusive=exclusive, reverse=reverse)


def top():
    for since, name in every("TopK"):
        x = data(name, (3, 5), 0, 40, seed=5)
        def right(k, axis=-1, largest=1):
            keys = wide(x) if largest else -wide(x)
            order = np.argsort(-keys.astype(np.float64), axis=axis, kind="stable")
            at = np.take(order, range(k), axis=axis).astype(np.int64)
            return [np.take_along_axis(x, at, axis), at]
        if since < 10:
            sample("TopK", since, [x], right(2), label=f"{name}_default", k=2)
            sample("TopK", since, [x], right(2, 0), label=f"{name}_axis", k=2, axis=0)
            continue
        sample("TopK", since, [x, i64(2)], right(2), label=f"{name}_default")
        sample("TopK", since, [x, i64(2)], right(2, 0), label=f"{name}_axis", axis=0)
        if since >= 11:
            sample("TopK", since, [x, i64(3)], right(3, 1, 0), label=f"{name}_smallest", axis=-1, largest=0)


def norms():
    for since, name in every("LpNormalization"):
        x = data(name, (2, 3), 1, 4, seed=6) * np.array([[-1, 1, 1]]).astype(NAMES[name])
        for p in (1, 2):
            for axis in (None, 0):
                at = -1 if axis is None else axis
                norm = np.sum(np.abs(wide(x)) ** p, axis=at, keepdims=True) ** (1 / p)
                sample("LpNormalization", since, [x], [(wide(x) / norm).astype(x.dtype)],
                       label=f"{name}_{p}_{at}", p=p, axis=axis)
    for since, name in every("MeanVarianceNormalization"):
        x = data(name, (2, 3, 2, 2), -2, 3, seed=7)
        for label, axes in (("default", (0, 2, 3)), ("given", (1, 2))):
            v = wide(x)
            m = v.mean(axis=axes, keepdims=True)
            # the function in the schema adds 1e-9 to the standard deviation
            y = (v - m) / (np.sqrt((v * v).mean(axis=axes, keepdims=True) - m * m) + 1e-9)
            sample("MeanVarianceNormalization", since, [x], [y.astype(x.dtype)], label=f"{name}_{label}",
                   axes=None if label == "default" else list(axes))


def where_not_zero():
    for since, name in every("NonZero"):
        if name == "string":
            x = np.array([["", "a"], ["b", ""]], dtype=object)
            mask = np.array([[False, True], [True, False]])
        else:
            x = data(name, (2, 3), 0, 1, seed=8)
            mask = x != 0
        sample("NonZero", since, [x], [np.array(np.nonzero(mask)).astype(np.int64)], label=name)


def make():
    reduce()
    arg()
    softmax()
    running_totals()
    top()
    norms()
    where_not_zero()
