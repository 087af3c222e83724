"""Attention with everything that its variants add: masks, caches, packed inputs, rotation, groups."""

import numpy as np
from onnx import helper

from frame import graph, i64
from vendor import MS, f32, ms, real, root

NEGATIVE = -10000.0


def softmax(x, sink=None):
    """With a sink, one more score a head that takes its share away."""
    top = x.max(axis=-1, keepdims=True)
    rest = 0 if sink is None else np.exp(np.reshape(sink, (-1, 1, 1)) - top)
    e = np.exp(x - top)
    return e / (e.sum(axis=-1, keepdims=True) + rest)


def heads(x, n):
    """[B, L, n * size] as [B, n, L, size]"""
    return x.reshape(*x.shape[:2], n, -1).transpose(0, 2, 1, 3)


def attend(q, k, v, add=0.0, scale=None, cap=0.0, sink=None):
    """Of [B, heads, L, size]; keys of fewer heads are shared. Result [B, S, heads * size]."""
    share = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, share, 1).astype(np.float64), np.repeat(v, share, 1).astype(np.float64)
    scores = q.astype(np.float64) @ k.swapaxes(2, 3) * (scale or q.shape[-1] ** -0.5)
    if cap:
        scores = cap * np.tanh(scores / cap)
    y = softmax(scores + add, sink) @ v
    return f32(y.transpose(0, 2, 1, 3).reshape(q.shape[0], q.shape[2], -1))


def causal(queries, keys):
    """0 where key j is not after query i, which stands at the end of the keys."""
    return np.where(np.arange(keys) <= np.arange(queries)[:, None] + keys - queries, 0, -np.inf)


def projected():
    b, s, n = 2, 4, 2
    x, w, bias = real((b, s, 6), 1), real((6, 12), 2), real((12,), 3)
    q, k, v = (heads(part, n) for part in np.split(x @ w + bias, 3, axis=-1))
    go = lambda label, inputs, want, **a: ms("Attention", inputs, want, label, num_heads=n, **a)
    go("plain", [x, w, bias], [attend(q, k, v)])
    go("scale", [x, w, bias], [attend(q, k, v, scale=0.25)], scale=0.25)
    go("causal", [x, w, bias], [attend(q, k, v, causal(s, s))], unidirectional=1)
    raw = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32)
    hidden = np.where(raw > 0, 0, NEGATIVE)[:, None, None]
    go("raw_mask", [x, w, bias, raw], [attend(q, k, v, hidden)])
    go("lengths", [x, w, bias, np.array([3, 2], np.int32)], [attend(q, k, v, hidden)])
    both = np.array([[1, 1, 1, 1], [0, 1, 1, 0]], np.int32)
    ends = np.array([4, 3, 0, 1], np.int32)
    go("ends_and_starts", [x, w, bias, ends], [attend(q, k, v, np.where(both > 0, 0, NEGATIVE)[:, None, None])])
    go("dummy", [x, w, bias, np.zeros((b, 1), np.int32)], [attend(q, k, v)])
    plane = np.ones((b, s, s), np.int32)
    plane[0, 1, 2] = plane[1, 3, 0] = 0
    go("plane", [x, w, bias, plane], [attend(q, k, v, np.where(plane > 0, 0, NEGATIVE)[:, None])])
    add = real((b, n, s, s), 4)
    go("bias", [x, w, bias, None, None, add], [attend(q, k, v, add)])
    go("filter", [x, w, bias, raw], [attend(q, k, v, np.where(raw > 0, 0, -3)[:, None, None])], mask_filter_value=-3.0)
    past = real((2, b, n, 3, 2), 5)
    kk, vv = np.concatenate([past[0], k], 2), np.concatenate([past[1], v], 2)
    go("past", [x, w, bias, None, past], [attend(q, kk, vv, causal(s, 7)), f32(np.stack([kk, vv]))], unidirectional=1)
    wide = real((6, 10), 6)
    q, k, v = (heads(part, n) for part in np.split(x @ wide, [3 * n - 2, 6 * n - 4], axis=-1))
    go("sizes", [x, wide, np.zeros(10, np.float32)], [attend(q, k, v)], qkv_hidden_sizes=[4, 4, 2])


def unknown_lists():
    """Lists of 1 or 2 numbers a batch item, as only the run knows."""
    x, w, bias = real((2, 4, 6), 1), real((6, 12), 2), real((12,), 3)
    q, k, v = (heads(part, 2) for part in np.split(x @ w + bias, 3, axis=-1))
    nodes = [
        helper.make_node("Compress", ["long", "which"], ["mask"], axis=0),
        helper.make_node("Attention", ["x", "w", "bias", "mask"], ["y"], domain=MS, num_heads=2),
    ]
    long = np.array([4, 0, 3, 9, 0, 1], np.int32)
    for label, which, seen in (("unknown_lengths", [1, 0, 1, 0, 0, 0], [[1, 1, 1, 1], [1, 1, 1, 0]]),
                               ("unknown_ends", [1, 0, 1, 0, 1, 1], [[1, 1, 1, 1], [0, 1, 1, 0]])):
        inputs = {"x": x, "w": w, "bias": bias, "long": long, "which": np.array(which, bool)}
        hidden = np.where(np.array(seen) > 0, 0, NEGATIVE)[:, None, None]
        graph("Attention", 1, nodes, inputs, [attend(q, k, v, hidden)], label=label, domain=MS, outputs=["y"], opsets={MS: 1, "": 21})


def quantized():
    x, w = np.arange(12).reshape(1, 2, 6).astype(np.uint8) * 11, (np.arange(72).reshape(6, 12) % 13 - 6).astype(np.int8)
    bias, sx, sw = real((12,), 7), f32(0.02), f32(0.05)
    zx, zw = np.array(60, np.uint8), np.array(1, np.int8)
    y = (x.astype(np.int64) - 60) @ (w.astype(np.int64) - 1) * 0.001 + bias
    q, k, v = (heads(part, 2) for part in np.split(y, 3, axis=-1))
    mask = np.array([[1, 0]], np.int32)
    ms("QAttention", [x, w, bias, sx, sw, mask, zx, zw], [attend(q, k, v, np.where(mask > 0, 0, NEGATIVE)[:, None, None])], num_heads=2)
    ms("QAttention", [x, w, bias, sx, sw, None, zx, zw], [attend(q, k, v, causal(2, 2))], "causal", num_heads=2, unidirectional=1)


def many_heads():
    b, s, t, n = 2, 3, 4, 2
    q, k, v, bias = real((b, s, 6), 8), real((b, t, 6), 9), real((b, t, 4), 10), real((16,), 11)
    go = lambda label, inputs, want, **a: ms("MultiHeadAttention", inputs, want, label, num_heads=n, **a)
    hq, hk, hv = heads(q, n), heads(k, n), heads(v, n)
    go("plain", [q, k, v], [attend(hq, hk, hv)])
    bq, bk, bv = heads(q + bias[:6], n), heads(k + bias[6:12], n), heads(v + bias[12:], n)
    go("bias", [q, k, v, bias], [attend(bq, bk, bv)])
    mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32)
    hidden = np.where(mask > 0, 0, NEGATIVE)[:, None, None]
    go("padding", [q, k, v, None, mask], [attend(hq, hk, hv, hidden)])
    go("lengths", [q, k, v, None, np.array([3, 2], np.int32)], [attend(hq, hk, hv, hidden)])
    add = real((1, n, s, t), 12)
    go("attention_bias", [q, k, v, bias, None, add], [attend(bq, bk, bv, add)])
    own = real((b, s, 6), 13), real((b, s, 6), 14)
    hk, hv = heads(own[0], n), heads(own[1], n)
    go("causal", [q, *own], [attend(hq, hk, hv, causal(s, s))], unidirectional=1)
    packed = np.stack([hq, hk, hv], 2).transpose(0, 3, 1, 2, 4).copy()
    go("packed", [packed], [attend(hq, hk, hv)])
    pair = np.stack([hk, hv], 2).transpose(0, 3, 1, 2, 4).copy()
    go("packed_pair", [q, pair], [attend(hq, hk, hv)])
    go("crossed", [q, hk.copy(), hv.copy()], [attend(hq, hk, hv)])
    past = real((b, n, 2, 3), 15), real((b, n, 2, 3), 16)
    kk, vv = np.concatenate([past[0], hk], 2), np.concatenate([past[1], hv], 2)
    go("past", [q, *own, None, None, None, *past], [attend(hq, kk, vv), kk, vv])
    go("past_only_read", [q, *own, None, None, None, *past], [attend(hq, kk, vv)])


def turned(x, cos, sin, at, interleaved=0):
    """x [B, heads, S, size]; cosines and sines [positions, n / 2] turn the first n elements."""
    half = cos.shape[1]
    c, s = cos[at][:, None], sin[at][:, None]
    part = x[..., :2 * half].astype(np.float64)
    a, b = (part[..., 0::2], part[..., 1::2]) if interleaved else (part[..., :half], part[..., half:])
    ra, rb = a * c - b * s, a * s + b * c
    y = np.stack([ra, rb], -1).reshape(part.shape) if interleaved else np.concatenate([ra, rb], -1)
    return f32(np.concatenate([y, x[..., 2 * half:]], -1))


def angles(positions, half):
    t = np.arange(positions)[:, None] / 10 ** np.arange(half)
    return f32(np.cos(t)), f32(np.sin(t))


def flat(x):
    return f32(x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1))


def rotations():
    x = real((2, 3, 8), 17)  # 2 heads of 4
    cos, sin = angles(8, 2)
    at = np.array([[0, 1, 2], [3, 1, 5]])
    for interleaved in (0, 1):
        y = turned(heads(x, 2), cos, sin, at, interleaved)
        ms("RotaryEmbedding", [x, at, cos, sin], [flat(y)], f"flat_{interleaved}", interleaved=interleaved)
        ms("RotaryEmbedding", [heads(x, 2).copy(), at, cos, sin], [y], f"heads_{interleaved}", interleaved=interleaved)
    first = np.array([[2, 3, 4]] * 2)
    ms("RotaryEmbedding", [x, i64(2), cos, sin], [flat(turned(heads(x, 2), cos, sin, first))], "offset")
    ms("RotaryEmbedding", [x, at, cos, sin], [flat(turned(heads(x, 2), cos, sin, at))], "ragged", is_packed_batching=1)
    cos, sin = angles(8, 1)
    ms("RotaryEmbedding", [x, at, cos, sin], [flat(turned(heads(x, 2), cos, sin, at))], "part", num_heads=2, rotary_embedding_dim=2)


def grouped(label, past, seqlens, total, window=-1, rotary=None, packed=False, cap=0.0, s=3, at=None, bias=None, sink=None,
            smooth=False, causal=True, norm=False, **more):
    """4 query heads over 2 of keys; past tokens differ between the two batch items."""
    b, n, kv, size = 2, 4, 2, 16
    q, k, v = real((b, s, n * size), 18), real((b, s, kv * size), 19), real((b, s, kv * size), 20)
    cache = [real((b, kv, past, size), 21 + i) for i in range(2)]
    length = [max(n_ + 1 - s, 0) for n_ in seqlens]
    hq, hk, hv = heads(q, n), heads(k, kv), heads(v, kv)
    extra = [None] * 9  # inputs from 7 on
    if norm:
        extra[7:9] = real((size,), 31, 0.5, 2), real((size,), 32, 0.5, 2)
        hq, hk = root(hq, extra[7], 1e-3)[0], root(hk, extra[8], 1e-3)[0]
        more["qk_norm_epsilon"] = 1e-3
    if rotary is not None:
        cos, sin = angles(16, size // 2)
        where = np.array([[p + i for i in range(s)] for p in length])
        if at is not None:
            where = at[0, 0] + np.arange(s) + np.zeros((b, 1), np.int64) if s == total else at
            extra[2] = at
        hq, hk = turned(hq, cos, sin, where, rotary), turned(hk, cos, sin, where, rotary)
        extra[:2] = cos, sin
        more |= {"do_rotary": 1, "rotary_interleaved": rotary}
    t = max(past, total)
    keys, values = (np.zeros((b, kv, t, size), np.float32) for _ in range(2))
    add = np.full((b, n, s, t), -np.inf)
    for i in range(b):
        for whole, old, new in ((keys, cache[0], hk), (values, cache[1], hv)):
            whole[i, :, :past] = old[i]
            whole[i, :, length[i]:length[i] + s] = new[i]
        for j in range(s):
            at_ = length[i] + j
            low = 0 if window < 0 else max(0, at_ - window + 1)
            add[i, :, j, low:at_ + 1 if causal else seqlens[i] + 1] = 0
    if bias is not None:
        extra[3] = bias
        add[..., :total] += bias
    extra[4] = sink
    y = attend(hq, keys, values, add, cap=cap, sink=[0] * n if smooth else sink)
    inputs = [f32(np.concatenate([q, k, v], -1)), None, None] if packed else [q, k, v]
    inputs += [*cache, np.array(seqlens, np.int32), np.array(total, np.int32), *extra]
    while inputs[-1] is None:
        inputs.pop()
    more |= {} if causal else {"causal": 0}
    more |= {"smooth_softmax": 1} if smooth else {}
    present = [keys, values] if len(set(seqlens)) == 1 and past <= total else []  # what lies behind an item's end is open
    ms("GroupQueryAttention", inputs, [y, *present], label, outputs=["y0", "y1", "y2"], num_heads=n, kv_num_heads=kv, local_window_size=window,
       softcap=cap, **more)


def groups():
    grouped("prompt", 0, [2, 2], 3)
    grouped("past", 4, [4, 4], 5, s=1)
    grouped("uneven_past", 5, [4, 2], 5, s=1)
    grouped("window", 4, [4, 4], 5, window=2, s=1)
    grouped("rotary", 4, [4, 3], 5, rotary=0, s=1)
    grouped("interleaved", 0, [2, 2], 3, rotary=1)
    grouped("packed", 0, [2, 2], 3, packed=True, rotary=0)
    grouped("cap", 0, [2, 2], 3, cap=0.5)
    grouped("bias_of_tokens", 9, [4, 4], 5, s=1, bias=real((2, 1, 1, 5), 25))
    grouped("first_position", 0, [2, 2], 3, rotary=0, at=np.array([[3, 7, 2], [5, 1, 9]]))
    grouped("positions", 4, [4, 4], 5, s=1, rotary=0, at=np.array([[7], [9]]))
    grouped("both_ways", 0, [2, 2], 3, causal=False)
    grouped("sink", 4, [4, 3], 5, s=1, sink=real((4,), 26), cap=0.5)
    grouped("smooth", 0, [2, 2], 3, smooth=True)
    grouped("norms", 4, [4, 4], 5, s=1, rotary=0, norm=True)
    grouped("floats", 4, [4, 4], 5, s=1, k_quant_type="NONE", v_quant_type="NONE", kv_cache_bit_width=8)


def make():
    projected()
    unknown_lists()
    quantized()
    many_heads()
    rotations()
    groups()
