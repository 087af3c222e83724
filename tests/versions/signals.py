"""Fourier transforms, windows and the mel scale."""

import numpy as np

from frame import NAMES, data, every, sample, types, wide
from casts import code


def parts(z):
    return np.stack([z.real, z.imag], -1)


def transforms():
    for since, name in every("DFT"):
        x = data(name, (2, 6, 3, 1), seed=1)
        c = data(name, (2, 6, 3, 2), seed=2)
        z = wide(c)[..., 0] + 1j * wide(c)[..., 1]
        for axis in (1, 2):
            place = ([None, np.array(axis, np.int64)], {}) if since >= 20 else ([], {"axis": axis})
            y = parts(np.fft.fft(wide(x)[..., 0], axis=axis)).astype(x.dtype)
            sample("DFT", since, [x, *place[0]], [y], label=f"{name}_{axis}", **place[1])
            y = parts(np.fft.rfft(wide(x)[..., 0], axis=axis)).astype(x.dtype)
            sample("DFT", since, [x, *place[0]], [y], label=f"{name}_{axis}_half", onesided=1, **place[1])
            y = parts(np.fft.ifft(z, axis=axis)).astype(x.dtype)
            sample("DFT", since, [c, *place[0]], [y], label=f"{name}_{axis}_inverse", inverse=1, **place[1])
        for kind in types("DFT", since, port=1):
            n = np.array(4, dtype=NAMES[kind])
            place = ([np.array(1, np.int64)], {}) if since >= 20 else ([], {})
            y = parts(np.fft.fft(wide(x)[..., 0], n=4, axis=1)).astype(x.dtype)
            sample("DFT", since, [x, n, *place[0]], [y], label=f"{name}_{kind}", **place[1])
    for since, name in every("STFT"):
        x, w = data(name, (1, 12, 1), seed=3), data(name, (4,), 0.5, 1, seed=4)
        frames = np.stack([wide(x)[0, i:i + 4, 0] for i in range(0, 9, 4)])
        step = np.array(4, np.int64)
        sample("STFT", since, [x, step, w], [parts(np.fft.rfft(frames * wide(w)))[None].astype(x.dtype)], label=f"{name}_window")
        sample("STFT", since, [x, step, None, np.array(4, np.int64)], [parts(np.fft.fft(frames))[None].astype(x.dtype)],
               label=f"{name}_whole", onesided=0)


def windows():
    shapes = {
        "HannWindow": lambda t: 0.5 - 0.5 * np.cos(t), "HammingWindow": lambda t: 25 / 46 - 21 / 46 * np.cos(t),
        "BlackmanWindow": lambda t: 0.42 - 0.5 * np.cos(t) + 0.08 * np.cos(2 * t),
    }
    for op, formula in shapes.items():
        for since, name in every(op, output=True):
            for periodic in (0, 1):
                t = 2 * np.pi * np.arange(8) / (8 if periodic else 7)
                y = formula(t)
                y = np.trunc(y) if np.dtype(NAMES[name]).kind in "iu" else y
                if np.dtype(NAMES[name]).kind in "iu":
                    continue  # whole numbers of a curve between 0 and 1 hang on its last bit
                sample(op, since, [np.array(8, np.int32 if periodic else np.int64)], [y.astype(NAMES[name])],
                       label=f"{name}_{periodic}", periodic=periodic, output_datatype=code(name))
    for since, name in every("MelWeightMatrix", output=True):
        if np.dtype(NAMES[name]).kind in "iu":
            continue
        bins, length, rate, low, high = 4, 16, 8192, 0.0, 4096.0
        mel = lambda f: 2595 * np.log10(1 + f / 700)
        edges = mel(low) + np.arange(bins + 2) * (mel(high) - mel(low)) / (bins + 2)  # not bins + 1: so ONNX's own case
        at = ((length + 1) * (700 * (10 ** (edges / 2595) - 1)) // rate).astype(int)
        y = np.zeros((length // 2 + 1, bins))
        for i in range(bins):
            a, b, c = at[i:i + 3]
            if b == a:
                y[b, i] = 1
            else:
                for j in range(a, b + 1):
                    y[j, i] = (j - a) / (b - a)
            for j in range(b, c) if c > b else []:
                y[j, i] = (c - j) / (c - b)
        number = lambda v: np.array(v, np.int64)
        sample("MelWeightMatrix", since, [number(bins), number(length), number(rate), np.array(low, np.float32), np.array(high, np.float32)],
               [y.astype(NAMES[name])], label=name, output_datatype=code(name))


def make():
    transforms()
    windows()
