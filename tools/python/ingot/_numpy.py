"""NumPy arrays in and out. Types that NumPy lacks (bfloat16, float8, 4 and 2 bits) are those of the package
ml_dtypes, which the onnx package brings along; an array of those has one element a byte, Ingot packs them.
"""

import functools

import numpy as np

from ._library import InvalidArgument, Unsupported, library
from .values import Tensor, dtype_number, string_at

# Ingot's name -> ml_dtypes'
_MORE = {
    "bfloat16": "bfloat16", "float8e4m3fn": "float8_e4m3fn", "float8e4m3fnuz": "float8_e4m3fnuz",
    "float8e5m2": "float8_e5m2", "float8e5m2fnuz": "float8_e5m2fnuz", "float8e8m0": "float8_e8m0fnu",
    "float4e2m1": "float4_e2m1fn", "int4": "int4", "uint4": "uint4", "int2": "int2", "uint2": "uint2",
}
_BACK = {theirs: ours for ours, theirs in _MORE.items()}


@functools.lru_cache
def numpy_dtype(name):
    """NumPy's element type of that name of Ingot."""
    if name == "string":
        return np.dtype(object)
    if name not in _MORE:
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError as error:
        raise Unsupported(f"NumPy needs the package ml_dtypes for {name}") from error
    if not hasattr(ml_dtypes, _MORE[name]):
        raise Unsupported(f"this version of ml_dtypes has no {_MORE[name]}")
    return np.dtype(getattr(ml_dtypes, _MORE[name]))


@functools.lru_cache
def ingot_dtype(dtype):
    """Ingot's name of NumPy's element type."""
    if dtype.kind in "OUST":
        return "string"
    return _BACK.get(dtype.name, dtype.name)


@functools.lru_cache
def _bits(name):
    return library().ig_dtype_bits(dtype_number(name))


def _unpacked(raw, bits, count):
    """One element a byte, from low bits to high ones."""
    per_byte = 8 // bits
    shifts = np.arange(per_byte, dtype=np.uint8) * bits
    return ((raw[:, None] >> shifts) & ((1 << bits) - 1)).reshape(-1)[:count].astype(np.uint8)


def _packed(elements, bits):
    per_byte = 8 // bits
    padded = np.zeros(-(-elements.size // per_byte) * per_byte, np.uint8)
    padded[: elements.size] = elements & ((1 << bits) - 1)
    shifts = np.arange(per_byte, dtype=np.uint8) * bits
    return np.bitwise_or.reduce(padded.reshape(-1, per_byte) << shifts, axis=1).astype(np.uint8)


def array_of(tensor):
    """The tensor as an array: over the same memory, except for strings and packed types. Arrays that others
    may read as well are read-only."""
    name, shape = tensor.dtype, tensor.shape
    if name == "string":
        array = np.empty(tensor.size, object)
        array[:] = [string_at(tensor.handle, i) for i in range(tensor.size)]
        return array.reshape(shape)
    dtype, bits = numpy_dtype(name), _bits(name)
    writable = tensor.writable
    if bits < 8:
        raw = np.frombuffer(tensor.raw, np.uint8)
        elements = _unpacked(raw, bits, tensor.size)
        if name in ("int4", "int2"):  # the sign, as ml_dtypes keeps it
            elements = np.where(elements >> (bits - 1), elements | (0xFF << bits & 0xFF), elements).astype(np.uint8)
        return elements.view(dtype).reshape(shape)
    array = np.ndarray(shape, dtype, tensor.raw)
    array.flags.writeable = writable
    return array


def _strings(array):
    if array.dtype.kind == "S":
        return [bytes(t) for t in array.reshape(-1)]
    flat = array.reshape(-1).tolist()
    for text in flat:
        if not isinstance(text, (str, bytes)):
            raise InvalidArgument(f"an array of objects must hold strings, not {type(text).__name__}")
    return flat


def _from_python(x, dtype):
    """Numbers and lists of them as an array of type `dtype`, where that loses no more than digits."""
    given = np.asarray(x)
    if dtype in (None, "string") or not given.size:
        return np.asarray(x, None if dtype in (None, "string") else numpy_dtype(dtype))
    if given.dtype.kind == "O":
        raise InvalidArgument(f"'{x!r:.60}' cannot be made an array of {dtype}")
    array = np.asarray(x, numpy_dtype(dtype))
    if array.dtype.kind in "iu" and given.dtype.kind in "fc" and not np.array_equal(array, given):
        raise InvalidArgument(f"'{x!r:.60}' holds fractions, the input takes {dtype}")
    return array


def tensor_of(x, dtype=None):
    """A Tensor for an array, or for anything that NumPy makes an array of; then of type `dtype` (of Ingot).
    Contiguous, aligned arrays that may be written are used where they lie."""
    array = np.asarray(x if isinstance(x, (np.ndarray, np.generic)) else _from_python(x, dtype))
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    name = ingot_dtype(array.dtype)
    if name == "string":
        return Tensor.strings(_strings(array), array.shape)
    bits = _bits(name)
    array = np.ascontiguousarray(array).reshape(array.shape)
    if bits < 8:
        return Tensor.copy(_packed(array.view(np.uint8).reshape(-1), bits), name, array.shape)
    if array.flags.writeable and array.flags.aligned and array.size:
        return Tensor.wrap(array, array.ctypes.data, array.nbytes, name, array.shape)
    return Tensor.copy(array.reshape(-1).view(np.uint8) if array.size else b"", name, array.shape)
