"""Elementwise operators: every version with every element type that it added, and its own broadcasting."""

import math

import numpy as np

from frame import NAMES, data, every, has, new_types, sample, types, versions, wide

erf = np.vectorize(math.erf)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


# operator: (formula, low, high) of x in float64 or int64
UNARY = {
    "Abs": (np.abs, -3, 3), "Acos": (np.arccos, -1, 1), "Acosh": (np.arccosh, 1, 3), "Asin": (np.arcsin, -1, 1),
    "Asinh": (np.arcsinh, -3, 3), "Atan": (np.arctan, -3, 3), "Atanh": (np.arctanh, -0.75, 0.75),
    "Ceil": (np.ceil, -3, 3), "Cos": (np.cos, -3, 3), "Cosh": (np.cosh, -2, 2), "Erf": (erf, -2, 2),
    "Exp": (np.exp, -2, 2), "Floor": (np.floor, -3, 3), "Log": (np.log, 0.5, 5), "Neg": (np.negative, -3, 3),
    "Reciprocal": (lambda x: 1 / x, 0.5, 4), "Relu": (lambda x: np.maximum(x, 0), -3, 3),
    "Round": (np.rint, -3, 3), "Sigmoid": (sigmoid, -3, 3), "Sign": (np.sign, -3, 3), "Sin": (np.sin, -3, 3),
    "Sinh": (np.sinh, -2, 2), "Softplus": (softplus, -3, 3), "Softsign": (lambda x: x / (1 + np.abs(x)), -3, 3),
    "Sqrt": (np.sqrt, 0, 9), "Tan": (np.tan, -1, 1), "Tanh": (np.tanh, -2, 2), "Identity": (lambda x: x, -2, 2),
    "HardSwish": (lambda x: x * np.clip(x / 6 + 0.5, 0, 1), -4, 4),
    "Mish": (lambda x: x * np.tanh(softplus(x)), -3, 3), "BitwiseNot": (np.invert, -3, 3), "Not": (np.logical_not, 0, 1),
}


def elu(x, alpha=1.0):
    return np.where(x < 0, alpha * (np.exp(x) - 1), x)


def selu(x, alpha=1.6732632423543772, gamma=1.0507009873554805):
    return gamma * np.where(x <= 0, alpha * np.exp(x) - alpha, x)


def celu(x, alpha=1.0):
    return np.maximum(0, x) + np.minimum(0, alpha * (np.exp(x / alpha) - 1))


def shrink(x, bias=0.0, lambd=0.5):
    return np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, 0))


# operator: formula with the defaults of its newest version, and other attributes to try
PARAMETRIC = {
    "Elu": (elu, {"alpha": 0.5}), "Selu": (selu, {"alpha": 1.5, "gamma": 2.0}), "Celu": (celu, {"alpha": 2.0}),
    "HardSigmoid": (lambda x, alpha=0.2, beta=0.5: np.clip(alpha * x + beta, 0, 1), {"alpha": 0.5, "beta": 0.25}),
    "LeakyRelu": (lambda x, alpha=0.01: np.where(x < 0, alpha * x, x), {"alpha": 0.25}),
    "ThresholdedRelu": (lambda x, alpha=1.0: np.where(x > alpha, x, 0), {"alpha": 0.5}),
    "Shrink": (shrink, {"bias": 1.0, "lambd": 1.5}), "Swish": (lambda x, alpha=1.0: x * sigmoid(alpha * x), {"alpha": 0.5}),
}


def old(op, since):
    """consumed_inputs: a hint to the allocator, of version 1 only."""
    return {"consumed_inputs": [0, 0]} if has(op, since, "consumed_inputs") else {}


def unary():
    for op, (formula, low, high) in UNARY.items():
        for since, name in every(op):
            x = data(name, (2, 3), low, high, seed=3)
            exact = x if op == "Identity" else formula(wide(x)).astype(x.dtype)
            sample(op, since, [x], [exact], label=name, **old(op, since))
    for op, (formula, attributes) in PARAMETRIC.items():
        for since, name in every(op):
            x = data(name, (2, 3), -3, 3, seed=4)
            given = formula
            if op == "Selu" and since < 6:
                given = lambda v, alpha=1.6732, gamma=1.0507: selu(v, alpha, gamma)
            sample(op, since, [x], [given(wide(x)).astype(x.dtype)], label=name, **old(op, since))
            sample(op, since, [x], [given(wide(x), **attributes).astype(x.dtype)], label=f"{name}_given",
                   **attributes, **old(op, since))


def nan_and_infinity():
    special = np.array([[0.0, np.nan, 1.5], [np.inf, -np.inf, -2.0]])
    for since, name in every("IsNaN"):
        with np.errstate(invalid="ignore"):
            x = special.astype(np.float32).astype(NAMES[name])
        sample("IsNaN", since, [x], [np.isnan(x.astype(np.float32))], label=name)
    for since, name in every("IsInf"):
        with np.errstate(invalid="ignore"):
            x = special.astype(np.float32).astype(NAMES[name])
        v = x.astype(np.float32)
        sample("IsInf", since, [x], [np.isinf(v)], label=name)
        sample("IsInf", since, [x], [v == np.inf], label=f"{name}_positive", detect_negative=0)
        sample("IsInf", since, [x], [v == -np.inf], label=f"{name}_negative", detect_positive=0)


# operator: (formula, low, high, result type or None for the input's)
BINARY = {
    "Add": (np.add, 0, 5, None), "Sub": (np.subtract, 0, 5, None), "Mul": (np.multiply, 0, 5, None),
    "Div": (None, 1, 9, None), "Pow": (np.power, 0, 3, None), "And": (np.logical_and, 0, 1, bool),
    "Or": (np.logical_or, 0, 1, bool), "Xor": (np.logical_xor, 0, 1, bool), "Equal": (np.equal, 0, 3, bool),
    "Greater": (np.greater, 0, 3, bool), "Less": (np.less, 0, 3, bool), "GreaterOrEqual": (np.greater_equal, 0, 3, bool),
    "LessOrEqual": (np.less_equal, 0, 3, bool), "BitwiseAnd": (np.bitwise_and, 0, 7, None),
    "BitwiseOr": (np.bitwise_or, 0, 7, None), "BitwiseXor": (np.bitwise_xor, 0, 7, None),
}


def divide(a, b):
    return np.trunc(a / b) if a.dtype.kind in "iu" else a / b


def apply(op, a, b):
    formula, _, _, result = BINARY[op]
    y = (formula or divide)(wide(a), wide(b))
    return y.astype(result or a.dtype)


def binary():
    for op, (_, low, high, _) in BINARY.items():
        for since, name in every(op):
            a, b = data(name, (2, 3), low, high, seed=5), data(name, (2, 3), low, high, seed=6)
            sample(op, since, [a, b], [apply(op, a, b)], label=name, **old(op, since))
        for since in versions(op):
            name = types(op, since)[0] if "float" not in types(op, since) else "float"
            broadcast(op, since, name, low, high)


def broadcast(op, since, name, low, high):
    """Version 7 brought NumPy's rule; before, B was a suffix of A's dims, or began at `axis`."""
    a = data(name, (2, 3, 4, 5), low, high, seed=7)
    if since >= 7:
        for label, shape_a, shape_b in (("suffix", (2, 3, 4, 5), (4, 5)), ("both", (2, 1, 4, 1), (3, 1, 5)), ("scalar", (2, 3), ())):
            x, y = data(name, shape_a, low, high, seed=8), data(name, shape_b, low, high, seed=9)
            sample(op, since, [x, y], [apply(op, x, y)], label=f"{name}_{label}")
        return
    for label, shape, axis, placed in (
        ("suffix", (4, 5), None, (4, 5)), ("axis", (3, 4), 1, (3, 4, 1)), ("first", (2,), 0, (2, 1, 1, 1)),
        ("negative", (3,), -3, (3, 1, 1)), ("scalar", (1,), None, (1,)), ("last", (5,), 3, (5,)),
    ):
        if label == "negative" and since < 6:
            continue
        b = data(name, shape, low, high, seed=10)
        sample(op, since, [a, b], [apply(op, a, b.reshape(placed))], label=f"{name}_{label}", broadcast=1, axis=axis)


def power_of_two_types():
    """From 12 on the exponent has its own type."""
    for since in (12, 13, 15):
        for base in new_types("Pow", since) or ["float"]:
            for exponent in types("Pow", since, port=1):
                if exponent != base:
                    a, b = data(base, (5,), 1, 3, seed=11), data(exponent, (5,), 0, 3, seed=12)
                    want = np.power(a.astype(np.float64), b.astype(np.float64)).astype(a.dtype)
                    sample("Pow", since, [a, b], [want], label=f"{base}_{exponent}")


def remainder():
    for since, name in every("Mod"):
        a, b = data(name, (2, 4), -9, 9, seed=13), data(name, (2, 4), 1, 5, seed=14)
        if not name.startswith(("float", "double", "bfloat")):
            sample("Mod", since, [a, b], [np.mod(wide(a), wide(b)).astype(a.dtype)], label=name)
        sample("Mod", since, [a, b], [np.fmod(wide(a), wide(b)).astype(a.dtype)], label=f"{name}_fmod", fmod=1)


def shifts():
    for since, name in every("BitShift"):
        a, b = data(name, (6,), 1, 60, seed=15), data(name, (6,), 0, 3, seed=16)
        sample("BitShift", since, [a, b], [np.left_shift(a, b)], label=f"{name}_left", direction="LEFT")
        sample("BitShift", since, [a, b], [np.right_shift(a, b)], label=f"{name}_right", direction="RIGHT")


VARIADIC = {"Max": np.maximum, "Min": np.minimum, "Sum": np.add, "Mean": np.add}


def variadic():
    for op, formula in VARIADIC.items():
        for since, name in every(op):
            parts = [data(name, (2, 3), 0, 9, seed=20 + i) for i in range(3)]
            y = formula(formula(wide(parts[0]), wide(parts[1])), wide(parts[2]))
            if op == "Mean":
                y = y / 3
            sample(op, since, parts, [y.astype(parts[0].dtype)], label=name, **old(op, since))
            sample(op, since, parts[:1], [parts[0]], label=f"{name}_one", **old(op, since))
        for since in versions(op):
            if since >= 8:
                a, b = data("float", (2, 1, 3), seed=24), data("float", (4, 1), seed=25)
                y = formula(a, b) / (2 if op == "Mean" else 1)
                sample(op, since, [a, b], [y], label="float_broadcast")


def slopes():
    """Version 7 brought NumPy's rule for the slope; before, one for all or one a channel."""
    for since, name in every("PRelu"):
        x = data(name, (2, 3, 2), -3, 3, seed=30)
        for label, shape in (("whole", (2, 3, 2)), ("channel", (3, 1)), ("one", (1,))):
            slope = data(name, shape, 0, 2, seed=31)
            if since < 7:
                if label == "whole":
                    continue
                slope = slope.ravel()
            placed = slope.reshape(-1, 1) if since < 7 else slope
            want = np.where(wide(x) < 0, wide(x) * wide(placed), wide(x)).astype(x.dtype)
            sample("PRelu", since, [x, slope], [want], label=f"{name}_{label}", **old("PRelu", since))


def bounds():
    """Clip: attributes until 11, then inputs; the same for every type."""
    for since, name in every("Clip"):
        x = data(name, (2, 4), -4, 4, seed=32)
        low, high = (1, 2) if name.startswith("u") else (-1, 2)
        clip = lambda a, b: np.clip(wide(x), a, b).astype(x.dtype)
        if since < 11:
            sample("Clip", since, [x], [clip(low, high)], label=name, min=float(low), max=float(high), **old("Clip", since))
            sample("Clip", since, [x], [clip(low, None)], label=f"{name}_min", min=float(low), **old("Clip", since))
            sample("Clip", since, [x], [x], label=f"{name}_none", **old("Clip", since))
            continue
        a, b = np.array(low, dtype=x.dtype), np.array(high, dtype=x.dtype)
        sample("Clip", since, [x, a, b], [clip(low, high)], label=name)
        sample("Clip", since, [x, None, b], [clip(None, high)], label=f"{name}_max")
        sample("Clip", since, [x, a], [clip(low, None)], label=f"{name}_min")


def gelu_and_where():
    for since, name in every("Gelu"):
        x = data(name, (2, 3), -3, 3, seed=33)
        v = wide(x)
        sample("Gelu", since, [x], [(v * 0.5 * (1 + erf(v / math.sqrt(2)))).astype(x.dtype)], label=name)
        y = 0.5 * v * (1 + np.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)))
        sample("Gelu", since, [x], [y.astype(x.dtype)], label=f"{name}_tanh", approximate="tanh")
    for since, name in every("Where", port=1):
        c = np.array([[True], [False]])
        a, b = data(name, (2, 3), seed=34), data(name, (3,), seed=35)
        sample("Where", since, [c, a, b], [np.where(c, a, b)], label=name)


def make():
    unary()
    nan_and_infinity()
    binary()
    power_of_two_types()
    remainder()
    shifts()
    variadic()
    slopes()
    bounds()
    gelu_and_where()
