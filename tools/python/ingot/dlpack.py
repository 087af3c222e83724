"""DLPack: tensors of other libraries (PyTorch, JAX, CuPy on the CPU) in and out without a copy.

A Tensor has __dlpack__ and __dlpack_device__, so torch.from_dlpack(t) works; from_dlpack(x) takes anything
that has them. The struct without version (DLManagedTensor) is spoken, which every library knows.
"""

import ctypes

from ctypes import POINTER, c_char_p, c_int32, c_int64, c_uint8, c_uint16, c_uint64, c_void_p

from ._library import InvalidArgument, Unsupported, library
from .values import Tensor, dtype_number


class _DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", c_void_p), ("device_type", c_int32), ("device_id", c_int32), ("ndim", c_int32), ("code", c_uint8),
        ("bits", c_uint8), ("lanes", c_uint16), ("shape", POINTER(c_int64)), ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]


class _DLManagedTensor(ctypes.Structure):
    pass


_DELETER = ctypes.CFUNCTYPE(None, POINTER(_DLManagedTensor))
_DLManagedTensor._fields_ = [("dl_tensor", _DLTensor), ("manager_ctx", c_void_p), ("deleter", _DELETER)]

_INT, _UINT, _FLOAT, _BFLOAT, _COMPLEX, _BOOL = 0, 1, 2, 4, 5, 6
_TYPES = {
    "float16": (_FLOAT, 16), "float32": (_FLOAT, 32), "float64": (_FLOAT, 64), "bfloat16": (_BFLOAT, 16),
    "int8": (_INT, 8), "int16": (_INT, 16), "int32": (_INT, 32), "int64": (_INT, 64), "uint8": (_UINT, 8),
    "uint16": (_UINT, 16), "uint32": (_UINT, 32), "uint64": (_UINT, 64), "bool": (_BOOL, 8),
    "complex64": (_COMPLEX, 64), "complex128": (_COMPLEX, 128),
}
_NAMES = {type_: name for name, type_ in _TYPES.items()}


def _c_function(name, result, *arguments):
    """Of Python itself, with types of our own; the ones of ctypes.pythonapi are shared by everybody."""
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_new_capsule = _c_function("PyCapsule_New", ctypes.py_object, c_void_p, c_char_p, c_void_p)
_pointer_in = _c_function("PyCapsule_GetPointer", c_void_p, ctypes.py_object, c_char_p)
_rename = _c_function("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, c_char_p)
# Of a capsule that dies: as an address, since an object would be counted again.
_is_valid = _c_function("PyCapsule_IsValid", ctypes.c_int, c_void_p, c_char_p)
_pointer_in_dying = _c_function("PyCapsule_GetPointer", c_void_p, c_void_p, c_char_p)
_FRESH, _USED = b"dltensor", b"used_dltensor"  # capsules keep the pointer: these live for ever

# ---- out ----

_lent = {}  # address of a struct -> what keeps it and the tensor alive


@_DELETER
def _given_back(managed):
    _lent.pop(ctypes.addressof(managed.contents), None)


@ctypes.PYFUNCTYPE(None, c_void_p)
def _capsule_dies(capsule):
    """A capsule that nobody has taken gives its tensor back."""
    if _is_valid(capsule, _FRESH):
        _lent.pop(_pointer_in_dying(capsule, _FRESH), None)


def capsule_of(tensor):
    """A capsule named "dltensor" over the tensor's memory."""
    name, shape = tensor.dtype, tensor.shape
    if name not in _TYPES:
        raise Unsupported(f"DLPack has no {name}")
    code, bits = _TYPES[name]
    dims = (c_int64 * max(len(shape), 1))(*shape)
    managed = _DLManagedTensor(
        _DLTensor(tensor.address, 1, 0, len(shape), code, bits, 1, ctypes.cast(dims, POINTER(c_int64)), None, 0),
        None, _given_back)
    address = ctypes.addressof(managed)
    _lent[address] = (managed, dims, tensor)
    return _new_capsule(address, _FRESH, ctypes.cast(_capsule_dies, c_void_p))


# ---- in ----


class _Taken:
    """What a capsule held, given back when nobody needs it any more."""

    def __init__(self, managed):
        self.managed = managed

    def __del__(self):
        if self.managed.contents.deleter:
            self.managed.contents.deleter(self.managed)


def _is_row_major(t):
    if any(t.shape[i] == 0 for i in range(t.ndim)):
        return True  # strides of nothing may be anything
    expected = 1
    for i in reversed(range(t.ndim)):
        if t.strides and t.shape[i] != 1 and t.strides[i] != expected:
            return False
        expected *= t.shape[i]
    return True


def from_dlpack(x):
    """A Tensor over the memory of anything with __dlpack__. Elements must lie in row-major order on the CPU."""
    if x.__dlpack_device__()[0] != 1:
        raise Unsupported("only tensors on the CPU can be taken")
    return from_capsule(x.__dlpack__())


def from_capsule(capsule):
    """The same of what __dlpack__ has returned."""
    managed = ctypes.cast(_pointer_in(capsule, _FRESH), POINTER(_DLManagedTensor))
    taken = _Taken(managed)
    if _rename(capsule, _USED):
        raise InvalidArgument("the DLPack capsule cannot be taken")
    t = managed.contents.dl_tensor
    name = _NAMES.get((t.code, t.bits)) if t.lanes == 1 else None
    if name is None:
        raise Unsupported(f"DLPack's type {t.code} of {t.bits} bits is not known")
    if not _is_row_major(t):
        raise InvalidArgument("the tensor is not in row-major order: make it contiguous first")
    shape = tuple(t.shape[i] for i in range(t.ndim))
    count = 1
    for dim in shape:
        count *= dim
    if not count:
        return Tensor.copy(b"", name, shape)
    nbytes = count * library().ig_dtype_bits(dtype_number(name)) // 8
    return Tensor.wrap(taken, t.data + t.byte_offset, nbytes, name, shape)
