"""Resize and what came before it, grids, regions of interest, non-maximum suppression."""

import itertools
import math

import numpy as np

from frame import NAMES, data, every, f32, i64, sample, versions, wide


def tap(n, position, mode, nearest="round_prefer_floor", a=-0.75):
    """Weights of the elements of an axis of n at a position; what is outside is the nearest element."""
    position = float(position)
    if mode == "nearest":
        rounded = {"floor": math.floor(position), "ceil": math.ceil(position), "round_prefer_floor": math.ceil(position - 0.5),
                   "round_prefer_ceil": math.floor(position + 0.5)}[nearest]
        taps = {rounded: 1.0}
    elif mode == "linear":
        low = math.floor(position)
        taps = {low: 1 - (position - low), low + 1: position - low}
    else:
        low = math.floor(position)
        taps = {}
        for k in range(low - 1, low + 3):
            t = abs(position - k)
            taps[k] = ((a + 2) * t - (a + 3)) * t * t + 1 if t <= 1 else ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    row = np.zeros(n)
    for k, weight in taps.items():
        row[min(max(k, 0), n - 1)] += weight
    return row


def resized(x, scales, mode, place, sizes=None, **options):
    """One matrix an axis, of the weights of each output element."""
    y = wide(x) if x.dtype != object else x
    for axis, scale in enumerate(scales):
        n = x.shape[axis]
        m = sizes[axis] if sizes else int(math.floor(n * float(np.float32(scale))))
        rows = [tap(n, place(i, float(np.float32(scale)), n, m), mode, **options) for i in range(m)]
        if mode == "nearest":
            y = np.take(y, [int(np.argmax(r)) for r in rows], axis)
        elif scale != 1:
            y = np.moveaxis(np.tensordot(np.array(rows), y, (1, axis)), 0, axis)
    return y.astype(x.dtype) if mode == "nearest" or x.dtype.kind not in "iu" else np.trunc(y).astype(x.dtype)


PLACES = {
    "asymmetric": lambda i, s, n, m: i / s,
    "half_pixel": lambda i, s, n, m: (i + 0.5) / s - 0.5,
    "pytorch_half_pixel": lambda i, s, n, m: (i + 0.5) / s - 0.5 if m > 1 else 0,
    "align_corners": lambda i, s, n, m: i * (n - 1) / (m - 1) if m > 1 else 0,
    # m is the length after rounding; the text adjusts by the length that the scale names
    "half_pixel_symmetric": lambda i, s, n, m: n / 2 * (1 - m / (s * n)) + (i + 0.5) / s - 0.5,
}


def upsample():
    old = PLACES["asymmetric"]
    for op in ("Upsample", "Resize"):
        for since, name in every(op):
            if op == "Resize" and since > 10:
                break
            x = data(name, (1, 1, 2, 3), -9, 9, 1)
            scales = [1, 1, 2, 2] if since < 7 else [1, 1, 2, 3]
            up = lambda mode: [resized(x, scales, mode, old, **({"nearest": "floor"} if mode == "nearest" else {}))]
            if since == 1:
                given, attributes = [x], {"height_scale": 2.0, "width_scale": 2.0}
            elif since == 7:
                given, attributes = [x], {"scales": [float(s) for s in scales]}
            else:
                given, attributes = [x, f32(*scales)], {}
            sample(op, since, given, up("nearest"), label=f"{name}_nearest", **attributes)
            if name in ("float", "double", "float16"):
                linear = "bilinear" if since == 1 else "linear"
                sample(op, since, given, up("linear"), label=f"{name}_linear", mode=linear, **attributes)
    x = data("float", (1, 1, 4, 6), -9, 9, 1)
    down = resized(x, [1, 1, 0.5, 0.5], "nearest", old, nearest="floor")
    sample("Resize", 10, [x, f32(1, 1, 0.5, 0.5)], [down], label="down")


def resize():
    for since, name in every("Resize"):
        if since < 11:
            continue
        x = data(name, (1, 1, 4, 3), -9, 9, 2)
        none = np.zeros(0, np.float32) if since < 13 else None
        s = f32(1, 1, 1.5, 2)
        places = [p for p in PLACES if p != "half_pixel_symmetric" or since >= 19]
        for place in places:
            y = resized(x, [1, 1, 1.5, 2], "nearest", PLACES[place])
            sample("Resize", since, [x, none, s], [y], label=f"{name}_{place}", coordinate_transformation_mode=place)
            if name in ("float", "double"):
                for mode in ("linear", "cubic"):
                    y = resized(x, [1, 1, 1.5, 2], mode, PLACES[place])
                    sample("Resize", since, [x, none, s], [y], label=f"{name}_{place}_{mode}", mode=mode,
                           coordinate_transformation_mode=place)
        sizes = resized(x, [1, 1, 2, 2], "nearest", PLACES["half_pixel"], [1, 1, 8, 6])
        empty = np.zeros(0, np.float32) if since < 13 else None
        sample("Resize", since, [x, none, empty, i64(1, 1, 8, 6)], [sizes], label=f"{name}_sizes")
    for since in versions("Resize"):
        if since < 11:
            continue
        x = data("float", (1, 1, 4, 3), -9, 9, 2)
        none = np.zeros(0, np.float32) if since < 13 else None
        for nearest in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"):
            y = resized(x, [1, 1, 2, 2], "nearest", PLACES["asymmetric"], nearest=nearest)
            sample("Resize", since, [x, none, f32(1, 1, 2, 2)], [y], label=f"nearest_{nearest}", nearest_mode=nearest,
                   coordinate_transformation_mode="asymmetric")
        y = resized(x, [1, 1, 2, 2], "cubic", PLACES["half_pixel"], a=-0.5)
        sample("Resize", since, [x, none, f32(1, 1, 2, 2)], [y], label="cubic_coefficient", mode="cubic", cubic_coeff_a=-0.5)
        if since >= 18:
            y = resized(x, [1, 1, 2, 2], "linear", PLACES["half_pixel"])
            sample("Resize", since, [x, None, f32(2, 2)], [y], label="axes", mode="linear", axes=[2, 3])


def grid_value(plane, y, x, mode, padding):
    """plane at a position in elements; what lies outside is zero, the border, or mirrored at half an element."""
    h, w = plane.shape
    def at(i, j):
        if padding == "zeros" and not (0 <= i < h and 0 <= j < w):
            return 0.0
        return plane[min(max(i, 0), h - 1), min(max(j, 0), w - 1)]
    if mode == "nearest":
        return at(int(np.rint(y)), int(np.rint(x)))
    low_y, low_x = math.floor(y), math.floor(x)
    reach = range(0, 2) if mode == "linear" else range(-1, 3)
    total = 0.0
    for i, j in itertools.product(reach, reach):
        wy, wx = (kernel(abs(p - q), mode) for p, q in ((y, low_y + i), (x, low_x + j)))
        total += wy * wx * at(low_y + i, low_x + j)
    return total


def kernel(t, mode, a=-0.75):
    if mode == "linear":
        return max(0.0, 1 - t)
    return ((a + 2) * t - (a + 3)) * t * t + 1 if t <= 1 else ((a * t - 5 * a) * t + 8 * a) * t - 4 * a if t < 2 else 0.0


def grid_sample():
    for since, name in every("GridSample"):
        if name in ("string", "bool"):
            continue
        x = data(name, (1, 1, 3, 4), 0, 9, 3)
        grid = np.array([[[[-0.75, -0.5], [0.25, 0.5]], [[1.25, -1.5], [0.125, 0.0]]]], np.float32)
        modes = [("bilinear" if since < 20 else "linear", "linear"), ("nearest", "nearest")]
        if name in ("float", "double"):
            modes.append(("bicubic" if since < 20 else "cubic", "cubic"))
        for spelled, mode in modes:
            if mode == "linear" and name not in ("float", "double", "float16", "bfloat16"):
                continue
            for padding in ("zeros", "border"):
                for align in (0, 1):
                    y = np.zeros((1, 1, 2, 2), np.complex128 if x.dtype.kind == "c" else np.float64)
                    for i, j in itertools.product(range(2), range(2)):
                        gx, gy = (float(v) for v in grid[0, i, j])
                        px, py = ((gx + 1) / 2 * 3, (gy + 1) / 2 * 2) if align else ((gx + 1) * 2 - 0.5, (gy + 1) * 1.5 - 0.5)
                        y[0, 0, i, j] = grid_value(wide(x)[0, 0], py, px, mode, padding)
                    sample("GridSample", since, [x, grid], [y.astype(x.dtype)], label=f"{name}_{mode}_{padding}_{align}",
                           mode=spelled, padding_mode=padding, align_corners=align)


def affine():
    for since, name in every("AffineGrid"):
        theta = np.array([[[1, 0.5, 0.25], [-0.5, 1, 0]]]).astype(NAMES[name])
        for align in (0, 1):
            axis = lambda n: np.linspace(-1, 1, n) if align else (np.arange(n) * 2 + 1) / n - 1
            yy, xx = np.meshgrid(axis(2), axis(4), indexing="ij")
            grid = np.stack([xx, yy, np.ones_like(xx)], -1) @ wide(theta)[0].T
            sample("AffineGrid", since, [theta, i64(1, 1, 2, 4)], [grid[None].astype(theta.dtype)], label=f"{name}_{align}",
                   align_corners=align)


def regions():
    for since, name in every("RoiAlign"):
        x = data(name, (1, 1, 4, 4), -9, 9, 4)
        rois = np.array([[0, 0, 3, 2], [1, 1, 3, 3]]).astype(x.dtype)
        for mode in ("avg", "max"):
            for half in (["output_half_pixel"] if since < 16 else ["half_pixel", "output_half_pixel"]):
                y = np.zeros((2, 1, 2, 2))
                for k, roi in enumerate(wide(rois)):
                    shift = 0.5 if half == "half_pixel" else 0.0
                    x0, y0, x1, y1 = roi * 0.5 - shift
                    w, h = x1 - x0, y1 - y0
                    if half != "half_pixel":
                        w, h = max(w, 1.0), max(h, 1.0)
                    for i, j in itertools.product(range(2), range(2)):
                        values = []
                        for a, b in itertools.product(range(2), range(2)):
                            py, px = y0 + h / 2 * (i + (a + 0.5) / 2), x0 + w / 2 * (j + (b + 0.5) / 2)
                            values.append(corners(wide(x)[0, 0], py, px))
                        y[k, 0, i, j] = np.mean([sum(v) for v in values]) if mode == "avg" else max(max(v) for v in values)
                sample("RoiAlign", since, [x, rois, i64(0, 0)], [y.astype(x.dtype)], label=f"{name}_{mode}_{half}", mode=mode,
                       output_height=2, output_width=2, sampling_ratio=2, spatial_scale=0.5,
                       coordinate_transformation_mode=half if since >= 16 else None)
    for since, name in every("MaxRoiPool"):
        x = data(name, (1, 1, 4, 4), -9, 9, 5)
        rois = np.array([[0, 0, 0, 3, 3], [0, 1, 1, 2, 3]]).astype(x.dtype)
        v = wide(x)[0, 0]
        whole = np.array([[v[:2, :2].max(), v[:2, 2:].max()], [v[2:, :2].max(), v[2:, 2:].max()]])
        part = v[1:4, 1:3]  # 3 rows in two bins: rows 0 to 1 and 1 to 2
        right = np.array([[part[0:2, 0].max(), part[0:2, 1].max()], [part[1:3, 0].max(), part[1:3, 1].max()]])
        sample("MaxRoiPool", since, [x, rois], [np.stack([whole, right])[:, None].astype(x.dtype)], label=name, pooled_shape=[2, 2])


def corners(plane, y, x):
    """The four weighted neighbours of a position; nothing beyond one element outside."""
    h, w = plane.shape
    if y < -1 or y > h or x < -1 or x > w:
        return [0.0] * 4
    y, x = max(y, 0.0), max(x, 0.0)
    low_y, low_x = min(int(y), h - 1), min(int(x), w - 1)
    high_y, high_x = min(low_y + 1, h - 1), min(low_x + 1, w - 1)
    y, x = (float(low_y) if low_y == h - 1 else y), (float(low_x) if low_x == w - 1 else x)
    ly, lx = y - low_y, x - low_x
    return [(1 - ly) * (1 - lx) * plane[low_y, low_x], (1 - ly) * lx * plane[low_y, high_x],
            ly * (1 - lx) * plane[high_y, low_x], ly * lx * plane[high_y, high_x]]


def suppression():
    boxes = f32(0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1, 101).reshape(1, 6, 4)
    center = f32(0.5, 0.5, 1, 1, 0.6, 0.5, 1, 1, 0.4, 0.5, 1, 1, 10.5, 0.5, 1, 1, 10.6, 0.5, 1, 1, 100.5, 0.5, 1, 1).reshape(1, 6, 4)
    scores = f32(0.9, 0.75, 0.6, 0.95, 0.5, 0.3).reshape(1, 1, 6)
    pick = lambda *rows: np.array([[0, 0, r] for r in rows], np.int64).reshape(-1, 3)
    for since in versions("NonMaxSuppression"):
        limit, iou, least = i64(3), f32(0.5), f32(0.4)
        sample("NonMaxSuppression", since, [boxes, scores, limit, iou, f32(0)], [pick(3, 0, 5)], label="plain")
        sample("NonMaxSuppression", since, [boxes, scores, limit, iou, least], [pick(3, 0)], label="least")
        sample("NonMaxSuppression", since, [center, scores, limit, iou, f32(0)], [pick(3, 0, 5)], label="center", center_point_box=1)
        sample("NonMaxSuppression", since, [boxes, scores], [pick()], label="no_limit")


def make():
    for part in (upsample, resize, grid_sample, affine, regions, suppression):
        part()
