"""What the samples of operators outside ONNX share: com.microsoft's, and those of the default domain."""

import numpy as np

import frame
from frame import data

MS = "com.microsoft"


def ms(op, inputs, want, label="plain", **attributes):
    frame.sample(op, 1, inputs, want, label=label, domain=MS, opsets={MS: 1, "": 21}, **attributes)


def real(shape, seed, low=-1, high=1):
    return data("float", shape, low, high, seed)


def f32(v):
    return np.asarray(v, np.float32)


def normal(x, gamma, beta=None, epsilon=1e-5):
    """Layer normalisation of the last axis: y, mean, 1 / deviation."""
    x = x.astype(np.float64)
    mean = x.mean(axis=-1, keepdims=True)
    inverse = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + epsilon)
    y = (x - mean) * inverse * gamma + (0 if beta is None else beta)
    return f32(y), f32(mean), f32(inverse)


def root(x, gamma, epsilon=1e-5):
    """The same without a mean: y, 1 / root."""
    x = x.astype(np.float64)
    inverse = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)
    return f32(x * inverse * gamma), f32(inverse)
