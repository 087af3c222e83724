"""ai.onnx.ml: every operator with every element type, its transforms and its missing values."""

import numpy as np
from onnx import helper, numpy_helper

from frame import NAMES, data, every, f32, graph, i64, sample, types, wide
from elementwise import sigmoid
from reduction import soft

ML = "ai.onnx.ml"


def ml(op, since, inputs, want, label, **attributes):
    sample(op, since, inputs, want, label=label, domain=ML, **attributes)


def text(*v):
    return np.array(v, dtype=object)


def features():
    for since, name in every("ArrayFeatureExtractor", ML):
        x = data(name, (2, 4), -9, 9, seed=1)
        ml("ArrayFeatureExtractor", since, [x, i64(2, 0)], [x[:, [2, 0]]], name)
    for since, name in every("Binarizer", ML):
        x = data(name, (2, 3), -3, 3, seed=2)
        ml("Binarizer", since, [x], [(wide(x) > 1).astype(x.dtype)], name, threshold=1.0)
        ml("Binarizer", since, [x], [(wide(x) > 0).astype(x.dtype)], f"{name}_default")
    for since, name in every("FeatureVectorizer", ML):
        a, b = data(name, (2, 2), -9, 9, seed=3), data(name, (2, 3), -9, 9, seed=4)
        ml("FeatureVectorizer", since, [a, b], [np.concatenate([a, b], 1).astype(np.float32)], name, inputdimensions=[2, 3])
    for since, name in every("Imputer", ML):
        x = data(name, (2, 3), -9, 9, seed=5)
        x[x == 5] = 6
        x[0, 1] = x[1, 2] = 5
        y = x.copy()
        y[0, 1], y[1, 2] = 2, 3
        kind = "floats" if name in ("float", "double") else "int64s"
        value = "replaced_value_float" if kind == "floats" else "replaced_value_int64"
        one = float if kind == "floats" else int
        ml("Imputer", since, [x], [y], name, **{f"imputed_value_{kind}": [one(v) for v in (1, 2, 3)], value: one(5)})
        y = y.copy()
        y[0, 1] = y[1, 2] = 7
        ml("Imputer", since, [x], [y], f"{name}_one", **{f"imputed_value_{kind}": [one(7)], value: one(5)})
        if kind == "floats":
            x = x.copy()
            x[0, 1], x[1, 2] = np.nan, np.nan
            ml("Imputer", since, [x], [y], f"{name}_nan", imputed_value_floats=[7.0], replaced_value_float=float("nan"))
    for since, name in every("Scaler", ML):
        x = data(name, (2, 3), -9, 9, seed=6)
        y = (wide(x) - np.array([1, 2, 3])) * np.array([2, 0.5, 4])
        ml("Scaler", since, [x], [y.astype(np.float32)], name, offset=[1.0, 2.0, 3.0], scale=[2.0, 0.5, 4.0])
        ml("Scaler", since, [x], [((wide(x) - 1) * 2).astype(np.float32)], f"{name}_one", offset=[1.0], scale=[2.0])
    for since, name in every("Normalizer", ML):
        x = data(name, (2, 3), 1, 9, seed=7)
        for norm, by in (("MAX", np.max), ("L1", lambda v, **k: np.abs(v).sum(**k)), ("L2", lambda v, **k: np.sqrt((v * v).sum(**k)))):
            y = wide(x) / by(wide(x), axis=1, keepdims=True)
            ml("Normalizer", since, [x], [y.astype(np.float32)], f"{name}_{norm}", norm=norm)
    for since, name in every("OneHotEncoder", ML):
        if name == "string":
            x, keys = text("b", "a", "z"), {"cats_strings": ["a", "b"]}
        else:
            x, keys = np.array([2, 1, 7]).astype(NAMES[name]), {"cats_int64s": [1, 2]}
        ml("OneHotEncoder", since, [x], [f32(0, 1, 1, 0, 0, 0).reshape(3, 2)], name, **keys)


def labels():
    words = {"cats_int64s": [1, 2], "cats_strings": ["one", "two"]}
    ml("CategoryMapper", 1, [text("two", "what", "one")], [i64(2, -5, 1)], "string", default_int64=-5, **words)
    ml("CategoryMapper", 1, [i64(2, 9, 1)], [text("two", "none", "one")], "int64", default_string="none", **words)
    classes = {"classes_strings": ["a", "b"]}
    ml("LabelEncoder", 1, [text("b", "z", "a")], [i64(1, -3, 0)], "string", default_int64=-3, **classes)
    ml("LabelEncoder", 1, [i64(1, 7, 0)], [text("b", "?", "a")], "int64", default_string="?", **classes)
    ml("LabelEncoder", 1, [text("b", "z")], [i64(1, -1)], "default", **classes)
    keys = {"strings": (["a", "b"], text("b", "a", "z")), "int64s": ([3, 4], i64(4, 3, 9)), "floats": ([1.5, 2.5], f32(2.5, 1.5, 9))}
    values = {"strings": (["x", "y"], text("y", "x", "_Unused")), "int64s": ([7, 8], i64(8, 7, -1)), "floats": ([0.5, 0.25], f32(0.25, 0.5, -0.0))}
    for since in (2, 4):
        for k, (key, x) in keys.items():
            for v, (value, y) in values.items():
                ml("LabelEncoder", since, [x], [y], f"{k}_{v}", **{f"keys_{k}": key, f"values_{v}": value})
        ml("LabelEncoder", since, [text("z")], [i64(42)], "given", keys_strings=["a"], values_int64s=[1], default_int64=42)
    for name in types("LabelEncoder", 4, domain=ML):
        if name == "string":
            continue
        x = np.array([2, 1, 9]).astype(NAMES[name])
        t = lambda *v: numpy_helper.from_array(np.array(v).astype(NAMES[name]))
        ml("LabelEncoder", 4, [x], [np.array([20, 10, 0]).astype(NAMES[name])], f"tensor_{name}", keys_tensor=t(1, 2),
           values_tensor=t(10, 20), default_tensor=t(0))
    nan = f32(np.nan, 1)
    ml("LabelEncoder", 4, [nan], [i64(5, 6)], "nan", keys_floats=[float("nan"), 1.0], values_int64s=[5, 6])


TRANSFORMS = {
    "NONE": lambda s: s, "LOGISTIC": sigmoid, "SOFTMAX": lambda s: soft(s, 1),
    "SOFTMAX_ZERO": lambda s: np.where(s == 0, 0, np.exp(s) / np.where(s == 0, 0, np.exp(s)).sum(axis=1, keepdims=True)),
}


def linear():
    w, b = np.array([[1, -1, 0.5], [0.5, 1, -1], [-1, 0.25, 1]]), np.array([0.5, -0.25, 0.125])
    for since, name in every("LinearClassifier", ML):
        x = data(name, (3, 3), -4, 4, seed=8)
        scores = wide(x) @ w.T + b
        for transform, formula in TRANSFORMS.items():
            y = formula(scores).astype(np.float32)
            best = np.argmax(scores, axis=1)
            given = {"coefficients": w.ravel().tolist(), "intercepts": b.tolist(), "post_transform": transform}
            ml("LinearClassifier", since, [x], [i64(10, 20, 30)[best], y], f"{name}_{transform}", classlabels_ints=[10, 20, 30], **given)
        ml("LinearClassifier", since, [x], [text("a", "b", "c")[best], scores.astype(np.float32)], f"{name}_strings",
           classlabels_strings=["a", "b", "c"], coefficients=w.ravel().tolist(), intercepts=b.tolist())
    for since, name in every("LinearRegressor", ML):
        x = data(name, (3, 3), -4, 4, seed=9)
        y = wide(x) @ w[:2].T + b[:2]
        for transform in ("NONE", "LOGISTIC", "SOFTMAX"):
            ml("LinearRegressor", since, [x], [TRANSFORMS[transform](y).astype(np.float32)], f"{name}_{transform}", targets=2,
               coefficients=w[:2].ravel().tolist(), intercepts=b[:2].tolist(), post_transform=transform)
        ml("LinearRegressor", since, [x], [(wide(x) @ w[:1].T).astype(np.float32)], f"{name}_one", coefficients=w[0].tolist())


def vectors():
    support = np.array([[1, 0], [0, 1], [-1, -1], [0.5, 0.5]])
    kernels = {
        "LINEAR": (lambda a: a @ support.T, [0.0, 0.0, 0.0]), "RBF": (lambda a: np.exp(-0.5 * ((a[:, None] - support) ** 2).sum(-1)), [0.5, 0.0, 0.0]),
        "POLY": (lambda a: (0.5 * (a @ support.T) + 1) ** 2, [0.5, 1.0, 2.0]), "SIGMOID": (lambda a: np.tanh(0.5 * (a @ support.T) + 1), [0.5, 1.0, 0.0]),
    }
    coefficients, rho = np.array([0.5, -1, 0.75, 0.25]), 0.125
    for since, name in every("SVMRegressor", ML):
        x = data(name, (3, 2), -2, 2, seed=10)
        for kind, (kernel, parameters) in kernels.items():
            y = (kernel(wide(x)) @ coefficients + rho)[:, None]
            given = {"kernel_type": kind, "kernel_params": parameters, "coefficients": coefficients.tolist(), "rho": [rho],
                     "support_vectors": support.ravel().tolist(), "n_supports": 4}
            ml("SVMRegressor", since, [x], [y.astype(np.float32)], f"{name}_{kind}", **given)
            ml("SVMRegressor", since, [x], [np.where(y > 0, 1, -1).astype(np.float32)], f"{name}_{kind}_one_class", one_class=1, **given)
    for since, name in every("SVMClassifier", ML):
        x = data(name, (3, 2), -2, 2, seed=11)
        for kind, (kernel, parameters) in kernels.items():
            # two classes of two vectors each: one decision, positive for the first
            score = kernel(wide(x)) @ coefficients + rho
            given = {"kernel_type": kind, "kernel_params": parameters, "coefficients": coefficients.tolist(), "rho": [rho],
                     "support_vectors": support.ravel().tolist(), "vectors_per_class": [2, 2]}
            both = np.stack([-score, score], 1).astype(np.float32)  # as both oracles and libsvm have it
            winner = np.where(score > 0, 0, 1)
            ml("SVMClassifier", since, [x], [text("a", "b")[winner], both], f"{name}_{kind}", classlabels_strings=["a", "b"], **given)


NODES = {  # x0 <= 0.5 ? (x1 <= 1.5 ? leaf 2 : leaf 3) : leaf 4, and a stump: x1 <= 0 ? leaf 1 : leaf 2
    "nodes_treeids": [0, 0, 0, 0, 0, 1, 1, 1], "nodes_nodeids": [0, 1, 2, 3, 4, 0, 1, 2],
    "nodes_featureids": [0, 1, 0, 0, 0, 1, 0, 0], "nodes_truenodeids": [1, 2, 0, 0, 0, 1, 0, 0],
    "nodes_falsenodeids": [4, 3, 0, 0, 0, 2, 0, 0], "nodes_missing_value_tracks_true": [0, 1, 0, 0, 0, 0, 0, 0],
}
MODES = ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"]
SPLITS = [0.5, 1.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
LEAVES = {"treeids": [0, 0, 0, 1, 1], "nodeids": [2, 3, 4, 1, 2], "ids": [0, 1, 0, 1, 0]}
WEIGHTS = [1.0, 2.0, -0.5, 0.25, 0.75]


def trees_of(x, strict=False):
    """Votes [n, 2] of each of the two trees."""
    less = (lambda a, b: a < b) if strict else (lambda a, b: a <= b)
    votes = np.zeros((2, len(x), 2))
    seen = np.zeros((2, len(x), 2), bool)
    for k, (a, b) in enumerate(x):
        leaf = (0 if np.isnan(b) or less(b, 1.5) else 1) if less(a, 0.5) else 2
        other = 3 if less(b, 0.0) else 4
        for tree, i in ((0, leaf), (1, other)):
            votes[tree, k, LEAVES["ids"][i]] = WEIGHTS[i]
            seen[tree, k, LEAVES["ids"][i]] = True
    return votes, seen


def tree_attributes(since, prefix, tensors):
    given = dict(NODES)
    put = lambda key, v: given.update({f"{key}_as_tensor": numpy_helper.from_array(np.array(v, np.float64))} if tensors else {key: v})
    put("nodes_values", SPLITS)
    put(f"{prefix}_weights", WEIGHTS)
    given.update({f"{prefix}_{k}": v for k, v in LEAVES.items() if k != "ids"})
    given[f"{prefix}_ids"] = LEAVES["ids"]
    return given


def trees():
    for op, prefix in (("TreeEnsembleClassifier", "class"), ("TreeEnsembleRegressor", "target")):
        for since, name in every(op, ML):
            x = np.array([[0.25, 1], [0.5, 3], [2, -1], [0, 0]] if name in ("float", "double") else [[0, 1], [0, 3], [2, -1], [1, 0]]).astype(NAMES[name])
            for tensors in ([False, True] if since >= 3 and name == "double" else [False]):
                given = tree_attributes(since, prefix, tensors)
                tree(op, since, f"{name}{'_tensors' if tensors else ''}", x, given)
        for since in (1, 3, 5):
            x = f32(np.nan, 1, 0.25, np.nan, 1, 1).reshape(3, 2)
            votes, _ = trees_of(x)
            given = tree_attributes(since, prefix, False)
            if op == "TreeEnsembleRegressor":
                ml(op, since, [x], [votes.sum(0).astype(np.float32)], "missing", nodes_modes=MODES, n_targets=2, **given)
            modes = ["BRANCH_LT" if m == "BRANCH_LEQ" else m for m in MODES]
            x = f32(0.5, 1.5, 0.25, 1.5, 1, 0).reshape(3, 2)
            votes, _ = trees_of(x, strict=True)
            if op == "TreeEnsembleRegressor":
                ml(op, since, [x], [votes.sum(0).astype(np.float32)], "less", nodes_modes=modes, n_targets=2, **given)


def tree(op, since, label, x, given):
    votes, seen = trees_of(wide(x))
    total = votes.sum(0)
    if op == "TreeEnsembleClassifier":
        for transform in ("NONE", "SOFTMAX"):
            y = TRANSFORMS[transform](total).astype(np.float32)
            best = np.argmax(total, axis=1)
            ml(op, since, [x], [i64(3, 9)[best], y], f"{label}_{transform}", nodes_modes=MODES, classlabels_int64s=[3, 9],
               post_transform=transform, **given)
        ml(op, since, [x], [text("no", "yes")[best], total.astype(np.float32)], f"{label}_strings", nodes_modes=MODES,
           classlabels_strings=["no", "yes"], **given)
        return
    base = [0.5, -0.5]
    ml(op, since, [x], [(total + base).astype(np.float32)], f"{label}_base", nodes_modes=MODES, n_targets=2, base_values=base, **given)
    results = {"SUM": total, "AVERAGE": total / 2,
               "MIN": np.where(seen, votes, np.inf).min(0), "MAX": np.where(seen, votes, -np.inf).max(0)}
    for how, y in results.items():
        y = np.where(seen.any(0), y, 0)
        ml(op, since, [x], [y.astype(np.float32)], f"{label}_{how}", nodes_modes=MODES, n_targets=2, aggregate_function=how, **given)


def maps():
    x = f32(0.25, 0.75, 0.5, 0.5).reshape(2, 2)
    for key, labels_ in (("classlabels_int64s", [3, 9]), ("classlabels_strings", ["a", "b"])):
        want = [{k: np.float32(v) for k, v in zip(labels_, row)} for row in x]
        graph("ZipMap", 1, [helper.make_node("ZipMap", ["x"], ["y"], domain=ML, **{key: labels_})], {"x": x}, [want], label=key,
              domain=ML, outputs=["y"])
    node = lambda op, **a: [helper.make_node(op, ["x"], ["y"], domain=ML, **a)]
    graph("DictVectorizer", 1, node("DictVectorizer", string_vocabulary=["a", "b", "c"]), {"x": {"c": np.float32(4), "a": np.float32(2)}},
          [f32(2, 0, 4).reshape(1, 3)], label="string", domain=ML, outputs=["y"])
    graph("DictVectorizer", 1, node("DictVectorizer", int64_vocabulary=[5, 7]), {"x": {7: np.float32(4)}}, [f32(0, 4).reshape(1, 2)],
          label="int64", domain=ML, outputs=["y"])
    m = {1: np.float32(2.5), 4: np.float32(3.0)}
    graph("CastMap", 1, node("CastMap", cast_to="TO_FLOAT", map_form="DENSE"), {"x": m}, [f32(2.5, 3).reshape(1, 2)], label="dense",
          domain=ML, outputs=["y"])
    graph("CastMap", 1, node("CastMap", cast_to="TO_INT64", map_form="SPARSE", max_map=6), {"x": m},
          [i64(0, 2, 0, 0, 3, 0).reshape(1, 6)], label="sparse", domain=ML, outputs=["y"])


def make():
    for part in (features, labels, linear, vectors, trees, maps):
        part()
