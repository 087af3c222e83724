"""RNN, GRU and LSTM step by step: directions, activations, clipping, lengths, layouts."""

import numpy as np

from frame import NAMES, data, every, has, sample, wide
from elementwise import sigmoid

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
ACTIVATIONS = {"Tanh": np.tanh, "Sigmoid": sigmoid, "Relu": lambda x: np.maximum(x, 0)}


def step_rnn(x, h, c, w, r, wb, rb, p, o):
    return o["f"][0](o["cut"](x @ w.T + h @ r.T + wb + rb)), c


def step_gru(x, h, c, w, r, wb, rb, p, o):
    wz, wr, wh = np.split(w, 3)
    rz, rr, rh = np.split(r, 3)
    bz, br, bh = np.split(wb, 3)
    cz, cr, ch = np.split(rb, 3)
    f, g = o["f"]
    z = f(o["cut"](x @ wz.T + h @ rz.T + bz + cz))
    k = f(o["cut"](x @ wr.T + h @ rr.T + br + cr))
    inner = k * (h @ rh.T + ch) if o["linear"] else (k * h) @ rh.T + ch
    return (1 - z) * g(o["cut"](x @ wh.T + inner + bh)) + z * h, c


def step_lstm(x, h, c, w, r, wb, rb, p, o):
    i, out, forget, cell = np.split(x @ w.T + h @ r.T + wb + rb, 4, axis=1)
    pi, po, pf = np.split(p, 3)
    f, g, last = o["f"]
    i = f(o["cut"](i + pi * c))
    forget = 1 - i if o["coupled"] else f(o["cut"](forget + pf * c))
    c = forget * c + i * g(o["cut"](cell))
    return f(o["cut"](out + po * c)) * last(c), c


STEPS = {"RNN": (step_rnn, ["Tanh"]), "GRU": (step_gru, ["Sigmoid", "Tanh"]), "LSTM": (step_lstm, ["Sigmoid", "Tanh", "Tanh"])}


def run(op, x, w, r, b, lens=None, h0=None, c0=None, p=None, direction="forward", activations=None, clip=None,
        linear=0, coupled=0):
    """x[T, B, I] -> Y[T, D, B, H], Y_h[D, B, H], Y_c[D, B, H]"""
    step, names = STEPS[op]
    total, batch, hidden = x.shape[0], x.shape[1], r.shape[2]
    ways = w.shape[0]
    y = np.zeros((total, ways, batch, hidden))
    last_h, last_c = np.zeros((ways, batch, hidden)), np.zeros((ways, batch, hidden))
    names = activations or names * ways
    per = len(names) // ways
    for d in range(ways):
        back = direction == "reverse" or d == 1
        o = {"f": [ACTIVATIONS[n] for n in names[d * per:(d + 1) * per]], "linear": linear, "coupled": coupled,
             "cut": (lambda v: np.clip(v, -clip, clip)) if clip else (lambda v: v)}
        wb, rb = np.split(b[d], 2) if b is not None else (np.zeros(w.shape[1]),) * 2
        peep = p[d] if p is not None else np.zeros(3 * hidden)
        for n in range(batch):
            length = total if lens is None else lens[n]
            h = h0[d, n:n + 1] if h0 is not None else np.zeros((1, hidden))
            c = c0[d, n:n + 1] if c0 is not None else np.zeros((1, hidden))
            for t in reversed(range(length)) if back else range(length):
                h, c = step(x[t, n:n + 1], h, c, w[d], r[d], wb, rb, peep, o)
                y[t, d, n] = h[0]
            last_h[d, n], last_c[d, n] = h[0], c[0]
    return [y, last_h, last_c] if op == "LSTM" else [y, last_h]


def variants(op, since):
    yield "plain", {}, {}
    yield "reverse", {"direction": "reverse"}, {}
    yield "both", {"direction": "bidirectional"}, {}
    yield "clip", {"clip": 0.25}, {}
    other = {"RNN": ["Relu"], "GRU": ["Sigmoid", "Relu"], "LSTM": ["Sigmoid", "Tanh", "Relu"]}[op]
    yield "activations", {"activations": other}, {}
    yield "everything", {}, {"b": 1, "lens": 1, "h0": 1, "c0": 1, "p": 1}
    yield "both_everything", {"direction": "bidirectional"}, {"b": 1, "lens": 1, "h0": 1, "c0": 1, "p": 1}
    if has(op, since, "linear_before_reset"):
        yield "linear", {"linear_before_reset": 1}, {"b": 1}
    if has(op, since, "input_forget"):
        yield "coupled", {"input_forget": 1}, {"b": 1}
    if has(op, since, "layout"):
        yield "layout", {"layout": 1}, {"b": 1, "h0": 1}


def one(op, since, name, label, attributes, parts):
    total, batch, size, hidden = 3, 2, 2, 3
    ways, gates = 2 if attributes.get("direction") == "bidirectional" else 1, GATES[op]
    part = lambda key, shape, seed: data(name, shape, -1, 1, seed) if parts.get(key) else None
    x = data(name, (total, batch, size), -2, 2, 1)
    w, r = data(name, (ways, gates * hidden, size), -1, 1, 2), data(name, (ways, gates * hidden, hidden), -1, 1, 3)
    b = part("b", (ways, 2 * gates * hidden), 4)
    lens = np.array([3, 1], np.int32) if parts.get("lens") else None
    h0 = part("h0", (ways, batch, hidden), 5)
    c0 = part("c0", (ways, batch, hidden), 6) if op == "LSTM" else None
    p = part("p", (ways, 3 * hidden), 7) if op == "LSTM" else None
    w64 = lambda v: None if v is None else wide(v)
    names = {"linear_before_reset": "linear", "input_forget": "coupled"}
    options = {names.get(k, k): v for k, v in attributes.items() if k != "layout"}
    want = run(op, w64(x), w64(w), w64(r), w64(b), lens, w64(h0), w64(c0), w64(p), **options)
    if attributes.get("layout"):
        x, h0 = x.swapaxes(0, 1).copy(), h0.swapaxes(0, 1).copy()
        want = [want[0].transpose(2, 0, 1, 3)] + [v.swapaxes(0, 1) for v in want[1:]]
    inputs = [x, w, r, b, lens, h0] + ([c0, p] if op == "LSTM" else [])
    more = {"output_sequence": 1} if has(op, since, "output_sequence") else {}
    sample(op, since, inputs, [v.astype(NAMES[name]) for v in want], label=f"{name}_{label}", hidden_size=hidden,
           **attributes, **more)


def make():
    for op in GATES:
        for since, name in every(op):
            for label, attributes, parts in variants(op, since):
                if label in ("plain", "everything") or name == "float":
                    one(op, since, name, label, attributes, parts)
