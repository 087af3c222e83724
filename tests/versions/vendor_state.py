"""What carries a state along a sequence: LSTM with weights of bytes, linear attention, causal convolution."""

import numpy as np

from elementwise import sigmoid
from frame import data
from recurrent import run
from vendor import f32, ms, real


def lstm(label, name, columns, way="forward", full=False):
    """Weights [directions, size, 4 hidden]; a scale and a zero point for each direction, or each column."""
    steps, batch, size, hidden, ways = 4, 2, 3, 2, 2 if way == "bidirectional" else 1
    low, zero = (-90, 0) if name == "int8" else (40, 128)
    w, r = (data(name, (ways, n, 4 * hidden), low, low + 180, i) for n, i in ((size, 1), (hidden, 2)))
    shape = (ways, 4 * hidden) if columns else (ways,)
    sw, sr = real(shape, 3, 0.0078125, 0.03125), real(shape, 4, 0.0078125, 0.03125)
    z = np.full(shape, zero + 3, name)
    exact = lambda v, s: ((v.astype(np.float64) - zero - 3) * s.reshape(ways, 1, -1)).swapaxes(1, 2)
    x, b = real((steps, batch, size), 5), real((ways, 8 * hidden), 6)
    lens, h, c, p = (np.array([4, 2], np.int32), *(real((ways, batch, hidden), i) for i in (7, 8)), real((ways, 3 * hidden), 9)) if full else (None,) * 4
    want = run("LSTM", x.astype(np.float64), exact(w, sw), exact(r, sr), b, lens, h, c, p, direction=way)
    ms("DynamicQuantizeLSTM", [x, w, r, b, lens, h, c, p, sw, z, sr, z], [f32(v) for v in want], label, hidden_size=hidden, direction=way)


def linear_attention(label, rule, per_key=False, past=False, state_window=None, scale=None):
    b, t, hq, hk, dk, dv = 2, 3, 4, 2, 3, 2
    q, k, v = real((b, t, hq * dk), 10), real((b, t, hk * dk), 11), real((b, t, hk * dv), 12)
    decay = real((b, t, hk * dk if per_key else hk), 13, -1, 0) if "gated" in rule else None
    beta = real((b, t, hk), 14, 0.25, 1) if "delta" in rule else None
    state = real((b, hk, dk, dv), 15) if past else None
    s = np.zeros((b, hk, dk, dv)) if state is None else state.astype(np.float64)
    y = np.zeros((b, t, hq, dv))
    for i in range(t):
        kt, vt, qt = (u[:, i].reshape(b, n, -1).astype(np.float64) for u, n in ((k, hk), (v, hk), (q, hq)))
        if decay is not None:
            s = s * np.exp(decay[:, i].astype(np.float64)).reshape(b, hk, -1, 1)
        if beta is not None:
            vt = beta[:, i, :, None] * (vt - np.einsum("bhkv,bhk->bhv", s, kt))
        s = s + kt[..., None] * vt[..., None, :]
        y[:, i] = np.einsum("bhkv,bhk->bhv", np.repeat(s, hq // hk, 1), qt) * (scale or dk ** -0.5)
    ms("LinearAttention", [q, k, v, state, decay, beta], [f32(y.reshape(b, t, -1)), f32(s)], label, q_num_heads=hq, kv_num_heads=hk,
       update_rule=rule, state_window=state_window, scale=scale)


def causal_conv(label, activation=None, past=False, **more):
    x, w, bias = real((2, 3, 5), 16), real((3, 1, 4), 17), real((3,), 18)
    before = real((2, 3, 3), 19) if past else None
    whole = np.concatenate([np.zeros((2, 3, 3)) if before is None else before, x], 2)
    y = sum(whole[:, :, j:j + 5] * w[:, :, j] for j in range(4)) + bias[:, None]
    y = y * sigmoid(y) if activation == "silu" else y
    ms("CausalConvWithState", [x, w, bias, before], [f32(y), f32(whole[:, :, -3:])], label, activation=activation, **more)


def make():
    lstm("plain", "int8", False)
    lstm("columns", "uint8", True, "reverse")
    lstm("both", "int8", True, "bidirectional", True)
    for rule in ("linear", "gated", "delta", "gated_delta"):
        linear_attention(rule, rule)
    linear_attention("keys", "gated_delta", per_key=True, past=True, state_window=0, scale=0.5)
    causal_conv("plain")
    causal_conv("past", "silu", True, ndim=1, dilation=1, channels_last=0, state_window=0)
