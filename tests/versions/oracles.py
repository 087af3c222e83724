"""What two other implementations say about the samples: the reference evaluator of the onnx wheel and, where it
is installed, onnxruntime. Neither judges: where one differs from what the operator's text says, the reason
stands in the table below, and a difference without a reason is an error of ours until proven otherwise."""

import collections
import fnmatch
import warnings

import numpy as np
from onnx.reference import ReferenceEvaluator

import frame

# oracle, operator, first and last version, label of the sample: why it differs
REASONS = [
    ("R", "*", 1, 99, "*float16*", "rounds each step to the type, the samples only the result"),
    ("R", "Cast*", 24, 25, "*", "has no round mode or saturation for some float8"),
    ("R", "*max", 1, 11, "*", "runs version 13, which has one axis instead of a matrix"),
    ("R", "*Softmax", 1, 11, "*", "runs version 13, which has one axis instead of a matrix"),
    ("R", "CenterCropPad", 18, 18, "string", "pads strings with 0"),
    ("R", "Pad", 13, 25, "string*", "pads strings with 0"),
    ("R", "Pad", 24, 25, "float8e8m0*", "pads with 0, which the type lacks; NumPy makes another number of it"),
    ("R", "Trilu", 14, 14, "string*", "pads strings with 0"),
    ("R", "LpNormalization", 1, 22, "*_1_*", "takes no absolute values for p = 1"),
    ("R", "AveragePool", 1, 1, "*", "counts padding"),
    ("R", "BatchNormalization", 9, 9, "*", "normalises by the batch at inference"),
    ("R", "Conv", 1, 22, "*VALID", "ignores that VALID means no padding"),
    ("R", "DictVectorizer", 1, 1, "*", "gives no row dimension"),
    ("R", "GRU", 1, 14, "*", "ignores direction, clip and activations"),
    ("R", "RNN", 1, 14, "*", "ignores direction and clip"),
    ("R", "Gemm", 1, 6, "*", "leaves beta out without broadcasting"),
    ("R", "GlobalMaxPool", 1, 22, "*", "gives the wrong rank unless there are two spatial axes"),
    ("R", "GridSample", 20, 22, "*cubic_border*", "clamps the position, not each neighbour"),
    ("R", "If", 16, 25, "optional_empty", "cannot tell an empty optional"),
    ("R", "Optional*", 15, 18, "*", "keeps an optional as a list, cannot tell an empty one"),
    ("R", "LRN", 1, 13, "*_4", "has another window for an even size"),
    ("R", "LabelEncoder", 4, 4, "nan", "finds no NaN"),
    ("R", "LinearRegressor", 1, 1, "*", "needs intercepts; gives the type of the input"),
    ("R", "SVMRegressor", 1, 1, "int*", "gives the type of the input"),
    ("R", "Scaler", 1, 1, "int*", "gives the type of the input"),
    ("R", "Loop", 13, 25, "sequence", "loses what the body inserted"),
    ("R", "LpPool", 18, 22, "*ceil", "scales a cut window up"),
    ("R", "MaxPool", 8, 22, "*", "has other indices for several channels or column-major"),
    ("R", "RoiAlign", 10, 10, "*", "shifts by half a pixel as version 16 does"),
    ("R", "StringNormalizer", 10, 10, "insensitive", "compares stopwords as they are written"),
    ("R", "TreeEnsembleRegressor", 1, 5, "int*", "gives the type of the input"),
    ("R", "TreeEnsembleRegressor", 1, 5, "*_M*", "has FLT_MAX where a target has no vote"),
    ("R", "HannWindow", 17, 17, "*", "rounds each step to the type"),
    ("R", "HammingWindow", 17, 17, "*", "rounds each step to the type"),
    ("O", "BatchNormalization", 7, 9, "*train", "saves the inverse standard deviation; the text says variance"),
    ("O", "Bernoulli", 15, 22, "*", "gives ones with probability 1 - p"),
    ("O", "Constant", 11, 25, "sparse_value", "hands out a sparse tensor"),
    ("O", "Constant", 19, 25, "float*", "hands out bytes"),
    ("O", "Gather", 1, 13, "string*", "loses all but the first string of a block"),
    ("O", "Loop", 1, 25, "string", "stacks empty strings from the second turn on"),
    ("O", "MultiHeadAttention", 1, 1, "past_only_read", "attends to a cache that it fills only when the present is an output"),
    ("O", "MaxUnpool", 9, 22, "*shape", "counts indices in the larger output; ONNX's own case does not"),
    ("O", "ReduceLogSumExp", 1, 18, "int*", "takes exponentials in integers"),
    ("O", "TreeEnsembleClassifier", 1, 5, "*", "has a rule of its own for two classes of which one has no vote"),
    ("O", "TreeEnsembleRegressor", 1, 5, "*_base", "adds no base value where a target has no vote"),
]


def same(got, want):
    if isinstance(want, list):
        return isinstance(got, (list, tuple)) and len(got) == len(want) and all(map(same, got, want))
    if isinstance(want, dict):
        return isinstance(got, dict) and {k: float(v) for k, v in got.items()} == {k: float(v) for k, v in want.items()}
    got, want = np.asarray(got), np.asarray(want)
    if got.dtype == np.uint8 and want.dtype.itemsize == 1 and want.dtype.kind not in "biu":
        got = got.view(want.dtype)  # onnxruntime hands out float8 as bytes
    if got.shape != want.shape:
        return False
    if want.dtype == object or want.dtype.kind in "bSU":
        return bool((got.astype(str) == want.astype(str)).all())
    kind = np.complex128 if want.dtype.kind == "c" else np.float64
    return bool(np.allclose(got.astype(kind), want.astype(kind), rtol=2e-3, atol=1e-5, equal_nan=True))


def run_reference(model, inputs):
    return ReferenceEvaluator(model).run(None, inputs)


def run_onnxruntime(model, inputs):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, inputs)


ORACLES = {"R": run_reference, "O": run_onnxruntime}


def verdict(oracle, s):
    model, _, outputs = frame.model([s])
    try:
        got = ORACLES[oracle](model, dict(s.inputs))
    except Exception as error:  # whatever an oracle cannot run says nothing about us
        return "cannot", str(error).replace("\n", " ")[:120]
    wrong = [info.name for (info, want), g in zip(outputs, got) if not same(g, want)]
    return ("differs", " ".join(wrong)) if wrong else ("agrees", "")


def reason(oracle, s):
    for who, op, low, high, label, why in REASONS:
        if who == oracle and low <= s.since <= high and fnmatch.fnmatch(s.op, op) and fnmatch.fnmatch(s.label, label):
            return why
    return None


def compare(samples):
    warnings.simplefilter("ignore")
    counts, open_ = collections.Counter(), collections.defaultdict(list)
    for s in samples:
        for oracle in ORACLES:
            status, detail = verdict(oracle, s)
            known = reason(oracle, s) if status == "differs" else None
            counts[oracle, "explained" if known else status] += 1
            if status == "differs" and not known:
                open_[oracle, s.op, s.since].append(f"{s.label} ({detail})")
    for (oracle, op, since), labels in sorted(open_.items()):
        print(f"{oracle} differs: {op}-{since}: {len(labels)}: {', '.join(labels[:4])}")
    for key, n in sorted(counts.items()):
        print(*key, n)
    return not open_
