"""Cast, CastLike, BitCast: every type of a version to float and back, and what is special about them."""

import numpy as np
from onnx import TensorProto, helper

from frame import NAMES, data, every, sample, types, versions


def code(name):
    return TensorProto.STRING if name == "string" else helper.np_dtype_to_tensor_dtype(np.dtype(NAMES[name]))


def exact(name):
    """Values that every type holds, so that casting has one right answer."""
    low, high = (0, 1) if name in ("bool", "uint2", "int2", "float8e8m0") else (0, 4)
    x = data("float", (2, 3), low, high, seed=1).round()
    if name == "float8e8m0":
        x = np.array([[1, 2, 4], [8, 0.5, 1]], dtype=np.float32)
    if name == "int2":
        x = np.array([[1, 0, -1], [-2, 1, 0]], dtype=np.float32)
    return x


def texts(x):
    return np.array([str(int(v)) for v in x.ravel()], dtype=object).reshape(x.shape)


def to(x, name):
    """x, of numbers that are exact in every type."""
    if name == "string":
        return texts(x)
    return (x != 0) if name == "bool" else x.astype(NAMES[name])


def cast(op, since, x, target, y, label, **attributes):
    """Cast names the type, CastLike shows it."""
    if op == "Cast":
        spelled = {"float": "FLOAT", "bfloat16": "BFLOAT16"}.get(target, target.upper())
        sample(op, since, [x], [y], label=label, to=spelled if since < 6 else code(target), **attributes)
    else:
        like = np.array([""], dtype=object) if target == "string" else np.zeros(1, dtype=NAMES[target])
        sample(op, since, [x, like], [y], label=label, **attributes)


def numbers():
    for op in ("Cast", "CastLike"):
        for since in versions(op):
            for name in types(op, since):
                x = exact(name)
                if name == "string":
                    text = np.array([["1", "0", "3.5"], ["-2", "1e1", "7"]], dtype=object)
                    cast(op, since, text, "float", text.astype(np.float32), "string_float")
                    whole = np.array(["12", "-3"], dtype=object)
                    cast(op, since, whole, "int64", np.array([12, -3], dtype=np.int64), "string_int64")
                    number = exact("int64")
                    cast(op, since, number.astype(np.int64), "string", texts(number), "int64_string")
                    continue
                back = (x != 0).astype(np.float32) if name == "bool" else x
                cast(op, since, to(x, name), "float", back, f"{name}_float")
                if name != "float":
                    cast(op, since, x, name, to(x, name), f"float_{name}")
                if name not in ("float", "float8e8m0", "int2", "uint2"):
                    cast(op, since, to(x, name), "bool", x != 0, f"{name}_bool")
                    cast(op, since, to(x, name), "int64", back.astype(np.int64), f"{name}_int64")


def edges():
    """Rounding to even, truncation, saturation of float8."""
    for op in ("Cast", "CastLike"):
        for since in versions(op):
            x = np.array([2.9, -2.9, 0.5], dtype=np.float32)
            cast(op, since, x, "int32", np.array([2, -2, 0], dtype=np.int32), "truncates")
            x = np.array([1.0009766, 2049.0, 2051.0], dtype=np.float32)
            cast(op, since, x, "float16", x.astype(np.float16), "rounds")
            if "float8e4m3fn" not in types(op, since):
                continue
            x = np.array([1e6, -1e6, 17.0, 19.0], dtype=np.float32)
            cast(op, since, x, "float8e4m3fn", np.array([448, -448, 16, 20], np.float32).astype(NAMES["float8e4m3fn"]), "saturates")
            nan = np.array([np.nan, np.nan, 16, 20], np.float32).astype(NAMES["float8e4m3fn"])
            cast(op, since, x, "float8e4m3fn", nan, "overflows", saturate=0)
            if "float8e8m0" in types(op, since):
                x = np.array([1.5, 3.0, 2.0, 1.1], dtype=np.float32)
                e = NAMES["float8e8m0"]
                for mode, y in (("up", [2, 4, 2, 2]), ("down", [1, 2, 2, 1]), ("nearest", [2, 4, 2, 1])):
                    cast(op, since, x, "float8e8m0", np.array(y, np.float32).astype(e), f"e8m0_{mode}", round_mode=mode)


def bits():
    for since, name in every("BitCast"):
        width = np.dtype(NAMES[name]).itemsize
        x = data(name, (2, 4), -2, 2, seed=2)
        same = {"float": "int32", "double": "int64", "float16": "uint16", "bfloat16": "uint16", "int64": "double",
                "uint64": "double", "int32": "float", "uint32": "float", "int16": "uint16", "uint16": "float16", "int8": "uint8",
                "uint8": "int8"}.get(name)
        if same and width:
            sample("BitCast", since, [x], [x.view(NAMES[same])], label=name, to=code(same))


def make():
    numbers()
    edges()
    bits()
