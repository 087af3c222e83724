"""Values of a run: tensors over memory of Ingot or of the caller, sequences as lists, maps as dicts, optionals
as an item or None.

Strings are UTF-8. Bytes that are not go through str as lone surrogates (the error handler "surrogateescape"), as
file names do in Python: any string of a model comes in and out unchanged.

A Tensor lets its elements be read without a copy through memoryview(t.data), NumPy (t.numpy(), if NumPy is
there) and DLPack (ingot.dlpack). Tensors may be used from any thread.
"""

import ctypes
import functools
import itertools
import math
import numbers
import struct

from collections.abc import Mapping
from ctypes import c_char_p, c_int64, c_size_t, c_void_p

from ._library import DELETER, KINDS, Error, InvalidArgument, Unsupported, check, library

# Formats of the struct module, as memoryview has them; other types are bytes to Python.
FORMATS = {
    "float32": "f", "float64": "d", "float16": "e", "bool": "?", "int8": "b", "uint8": "B", "int16": "h",
    "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
}
_DTYPES = {format_: name for name, format_ in FORMATS.items()} | {"l": "int64", "L": "uint64", "c": "uint8"}

# ---- memory of the caller, kept alive until the library lets go ----

# No lock: an owner that goes may hold another Tensor, whose deleter comes here again in the same thread.
# Each of these calls is atomic by itself.
_kept = {}
_numbers = itertools.count(1)


@DELETER
def _let_go(_data, number):
    _kept.pop(number, None)


def keep(owner):
    """A number that keeps `owner` alive until the deleter is called with it."""
    number = next(_numbers)
    _kept[number] = owner
    return number


def _dims(shape):
    return (c_int64 * max(len(shape), 1))(*shape)


@functools.lru_cache
def dtype_name(number):
    return library().ig_dtype_name(number).decode()


@functools.lru_cache
def dtype_number(name):
    number = library().ig_dtype_parse(str(name).encode())
    if not number:
        raise InvalidArgument(f"'{name}' is no element type of Ingot")
    return number


def _encoded(text):
    if not isinstance(text, str):
        return bytes(text)
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"'{text!r:.60}' is no text: {error}") from error


def string_at(handle, i):
    """Element i of a tensor of strings."""
    return library().ig_tensor_string(handle, i).decode(errors="surrogateescape")


class Value:
    """Holds one count of an ig_value."""

    def __init__(self, handle):
        """Takes the count over."""
        self.handle = handle
        library().ig_value_share(handle)

    def __del__(self):
        handle, self.handle = getattr(self, "handle", None), None
        if handle:
            library().ig_value_unref(handle)


class Tensor(Value):
    """A tensor. Made by wrap, copy or strings, or by a run."""

    @classmethod
    def wrap(cls, owner, address, nbytes, dtype, shape):
        """Over memory of `owner`, which is kept alive; nobody may change it while a run reads it."""
        out, number = c_void_p(), keep(owner)
        try:
            check(library().ig_tensor_wrap(ctypes.byref(out), dtype_number(dtype), len(shape), _dims(shape),
                                           c_void_p(address), c_size_t(nbytes), _let_go, c_void_p(number)))
        except Error:
            _let_go(None, number)
            raise
        return cls(out.value)

    @classmethod
    def copy(cls, data, dtype=None, shape=None):
        """A copy of anything with the buffer protocol. `dtype` and `shape` default to what it says; for bytes
        of types that Python lacks, both are needed."""
        view = memoryview(data)
        if dtype is None:
            dtype = _DTYPES.get(view.format.lstrip("@="))
            if dtype is None:
                raise InvalidArgument(f"a buffer of format '{view.format}' needs dtype")
        shape = view.shape if shape is None else tuple(shape)
        raw = view.tobytes()
        out = c_void_p()
        check(library().ig_tensor_new_copy(ctypes.byref(out), dtype_number(dtype), len(shape), _dims(shape), raw,
                                           len(raw)))
        return cls(out.value)

    @classmethod
    def strings(cls, texts, shape=None):
        """Of str or bytes, without NUL characters, in row-major order."""
        encoded = [_encoded(t) for t in texts]
        if any(b"\0" in t for t in encoded):
            raise InvalidArgument("strings with NUL characters cannot be given")
        shape = (len(encoded),) if shape is None else tuple(shape)
        if math.prod(shape) != len(encoded):
            raise InvalidArgument(f"{len(encoded)} strings do not fill {shape}")
        out = c_void_p()
        array = (c_char_p * max(len(encoded), 1))(*encoded)
        check(library().ig_tensor_new_strings(ctypes.byref(out), len(shape), _dims(shape), array))
        return cls(out.value)

    @property
    def dtype(self):
        return dtype_name(library().ig_tensor_dtype(self.handle))

    @property
    def shape(self):
        return tuple(library().ig_tensor_dims(self.handle)[: library().ig_tensor_rank(self.handle)])

    @property
    def size(self):
        return library().ig_tensor_numel(self.handle)

    @property
    def nbytes(self):
        return library().ig_tensor_nbytes(self.handle)

    @property
    def address(self):
        """Of the first element; elements lie in row-major order behind it."""
        if not library().ig_tensor_is_contiguous(self.handle):
            raise Unsupported("the tensor's elements do not lie behind each other")
        return library().ig_tensor_data(self.handle) or 0

    @property
    def writable(self):
        return library().ig_tensor_is_writable(self.handle)

    @property
    def raw(self):
        """The bytes as a ctypes array that keeps the tensor alive."""
        if self.dtype == "string":
            raise Unsupported("strings have no bytes of their own: use tolist()")
        array = (ctypes.c_ubyte * self.nbytes).from_address(self.address) if self.nbytes else (ctypes.c_ubyte * 0)()
        array.ingot_tensor = self
        return array

    @property
    def data(self):
        """A memoryview with type and shape, without a copy; bytes for types that Python lacks."""
        view = memoryview(self.raw).cast("B")
        if not self.writable:
            view = view.toreadonly()
        format_ = FORMATS.get(self.dtype)
        if format_ is None:
            return view
        if 0 in self.shape:
            return view.cast(format_)
        return view.cast(format_, list(self.shape)) if self.shape else view.cast(format_, [])

    def tolist(self):
        """Nested lists of Python numbers or strings; a plain one for rank 0."""
        if self.dtype == "string":
            flat = [string_at(self.handle, i) for i in range(self.size)]
        elif self.dtype in FORMATS:
            flat = memoryview(self.raw).cast("B").cast(FORMATS[self.dtype]).tolist()
        else:
            raise Unsupported(f"Python has no numbers of type {self.dtype}: use raw, or numpy()")
        shape = self.shape
        for axis in range(len(shape) - 1, 0, -1):
            dim, lists = shape[axis], math.prod(shape[:axis])
            flat = [flat[i * dim : (i + 1) * dim] for i in range(lists)]
        return flat if shape else flat[0]

    def numpy(self):
        from ._numpy import array_of

        return array_of(self)

    def __array__(self, dtype=None, copy=None):
        array = self.numpy()
        if dtype is not None:
            array = array.astype(dtype, copy=bool(copy))
        return array.copy() if copy else array

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        """A capsule without version, which cannot say that memory must not be written: memory that others
        read as well is copied, unless `copy` is False."""
        from .dlpack import capsule_of

        if dl_device is not None and tuple(dl_device) != self.__dlpack_device__():
            raise BufferError(f"the tensor lies on the CPU, not on device {tuple(dl_device)}")
        if copy is False and not self.writable:
            raise BufferError("others read the tensor's memory as well: it must be copied")
        own = self.writable and not copy
        return capsule_of(self if own else Tensor.copy(self.raw, self.dtype, self.shape))

    def __dlpack_device__(self):
        return (1, 0)  # kDLCPU

    def __repr__(self):
        return f"<ingot.Tensor {self.dtype}{list(self.shape)}>"


# ---- to and from Python ----


def kind_of(handle):
    return KINDS[library().ig_value_kind(handle)]


def _items(handle):
    """Borrowed."""
    return [library().ig_value_item(handle, i) for i in range(library().ig_value_size(handle))]


def _scalar(handle):
    """The number or string of Python in a tensor of rank 0; None when there is none."""
    lib = library()
    if lib.ig_value_kind(handle) or lib.ig_tensor_rank(handle) != 0:
        return None
    dtype, data = dtype_name(lib.ig_tensor_dtype(handle)), lib.ig_tensor_data(handle)
    if dtype == "string":
        return string_at(handle, 0)
    if dtype not in FORMATS or not data:
        return None
    return struct.unpack("=" + FORMATS[dtype], ctypes.string_at(data, lib.ig_tensor_nbytes(handle)))[0]


def _dict(handle, leaf):
    """Takes one count of a map over. Scalars are numbers and strings of Python, where it has such."""
    owner = Value(handle)
    keys = Tensor(library().ig_value_ref(library().ig_map_keys(handle))).tolist()
    items = _items(handle)
    made = [_scalar(item) for item in items]
    others = [i for i, x in enumerate(made) if x is None]
    handles = [library().ig_value_ref(items[i]) for i in others]
    del owner  # so that values which nobody else holds may be written
    for i, x in zip(others, from_handles(handles, leaf)):
        made[i] = x
    return dict(zip(keys, made))


def from_handle(handle, leaf):
    """Takes one count of a value over: a tensor as leaf(Tensor), a sequence as a list, a map as a dict, an
    optional as its item or None."""
    kind = kind_of(handle)
    if kind == "tensor":
        return leaf(Tensor(handle))
    if kind == "map":
        return _dict(handle, leaf)
    if kind not in ("sequence", "optional"):
        library().ig_value_unref(handle)
        raise Unsupported(f"a value of kind {kind} cannot be given to Python yet")
    owner = Value(handle)
    handles = [library().ig_value_ref(item) for item in _items(handle)]
    del owner  # so that items which nobody else holds may be written
    made = from_handles(handles, leaf)
    return made if kind == "sequence" else (made[0] if made else None)


def from_handles(handles, leaf):
    """The same of several values. All are taken over, also when one cannot be given."""
    rest = list(reversed(handles))
    try:
        return [from_handle(rest.pop(), leaf) for _ in range(len(rest))]
    finally:
        for handle in rest:
            library().ig_value_unref(handle)


def _example(type_):
    """A value of the type, with as little in it as can be, to say what an empty sequence holds."""
    kind = KINDS[type_.kind]
    if kind == "tensor":
        out = c_void_p()
        check(library().ig_tensor_new(ctypes.byref(out), type_.dtype, 1, _dims((0,))))
        return Tensor(out.value)
    if kind == "map":  # one key: without values it would have no type of them
        return _map(type_, ["" if _dtype(type_) == "string" else 0], [_example(type_.u.elem.contents)])
    return _container(type_, [], None)


def _dtype(type_):
    return dtype_name(type_.dtype)


def _number(x, dtype):
    """A tensor of rank 0 for a number of Python, which the type must hold (but for digits)."""
    format_ = "=" + FORMATS[dtype]
    real = format_[1] in "efd"
    try:
        raw = struct.pack(format_, float(x) if real else int(x))
        if not real and struct.unpack(format_, raw)[0] != x:
            raise ValueError
    except (ValueError, OverflowError, struct.error) as error:
        raise InvalidArgument(f"'{x!r:.60}' stands in a map whose values are {dtype}") from error
    return Tensor.copy(raw, dtype, ())


def _value_of_map(x, type_, as_tensor):
    """As of an input of its own, and numbers and strings of Python, without NumPy too."""
    dtype = _dtype(type_) if KINDS[type_.kind] == "tensor" else None
    if dtype and isinstance(x, (str, bytes)):
        if dtype != "string":
            raise InvalidArgument(f"'{x!r:.60}' stands in a map whose values are {dtype}")
        return Tensor.strings([x], ())
    return _number(x, dtype) if dtype in FORMATS and isinstance(x, numbers.Real) else to_value(x, type_, as_tensor)


def _keys(keys, dtype):
    """The vector of a map's keys."""
    for key in keys:
        if not isinstance(key, (str, bytes) if dtype == "string" else numbers.Integral) or isinstance(key, bool):
            raise InvalidArgument(f"'{key!r:.60}' is a key of a map whose keys are {dtype}")
    if dtype == "string":
        return Tensor.strings(keys)
    try:
        return Tensor.copy(struct.pack(f"={len(keys)}{FORMATS[dtype]}", *keys), dtype, (len(keys),))
    except struct.error as error:
        raise InvalidArgument(f"a key of a map whose keys are {dtype}: {error}") from error


def _map(type_, keys, made):
    """A Value that maps keys to Values."""
    vector, out = _keys(keys, _dtype(type_)), c_void_p()
    handles = (c_void_p * max(len(made), 1))(*(m.handle for m in made))
    check(library().ig_map_new(ctypes.byref(out), vector.handle, handles))
    return Value(out.value)


def _map_of(type_, x, as_tensor):
    if not isinstance(x, Mapping):
        raise InvalidArgument(f"a map is given as a dict, not as {type(x).__name__}")
    return _map(type_, list(x), [_value_of_map(item, type_.u.elem.contents, as_tensor) for item in x.values()])


def _container(type_, items, as_tensor):
    made = [to_value(item, type_.u.elem.contents, as_tensor) for item in items]
    like = _example(type_.u.elem.contents)
    out = c_void_p()
    if KINDS[type_.kind] == "sequence":
        handles = (c_void_p * max(len(made), 1))(*(m.handle for m in made))
        check(library().ig_sequence_new(ctypes.byref(out), handles, len(made), like.handle))
    else:
        check(library().ig_optional_new(ctypes.byref(out), made[0].handle if made else None, like.handle))
    return Value(out.value)


def to_value(x, type_, as_tensor):
    """A Value for what the caller gave as an input of that type."""
    kind = KINDS[type_.kind]
    if kind == "tensor":
        return x if isinstance(x, Tensor) else as_tensor(x, type_)
    if kind == "sequence":
        return _container(type_, list(x), as_tensor)
    if kind == "optional":
        return _container(type_, [] if x is None else [x], as_tensor)
    if kind == "map":
        return _map_of(type_, x, as_tensor)
    raise Unsupported(f"a value of kind {kind} cannot be given from Python yet")
