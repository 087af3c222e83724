"""Values of a run: tensors over memory of Ingot or of the caller, sequences as lists, optionals as an item
or None.

A Tensor lets its elements be read without a copy through memoryview(t.data), NumPy (t.numpy(), if NumPy is
there) and DLPack (ingot.dlpack). Tensors may be used from any thread.
"""

import ctypes
import itertools
import math

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


def dtype_number(name):
    number = library().ig_dtype_parse(str(name).encode())
    if not number:
        raise InvalidArgument(f"'{name}' is no element type of Ingot")
    return number


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
        """Of str or bytes (UTF-8), without NUL characters, in row-major order."""
        encoded = [t.encode() if isinstance(t, str) else bytes(t) for t in texts]
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
        return library().ig_dtype_name(library().ig_tensor_dtype(self.handle)).decode()

    @property
    def shape(self):
        dims = library().ig_tensor_dims(self.handle)
        return tuple(dims[i] for i in range(library().ig_tensor_rank(self.handle)))

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
            flat = [library().ig_tensor_string(self.handle, i).decode() for i in range(self.size)]
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


def from_handle(handle, leaf):
    """Takes one count of a value over: a tensor as leaf(Tensor), a sequence as a list, an optional as its item
    or None."""
    kind = kind_of(handle)
    if kind == "tensor":
        return leaf(Tensor(handle))
    if kind not in ("sequence", "optional"):
        library().ig_value_unref(handle)
        raise Unsupported(f"a value of kind {kind} cannot be given to Python yet")
    owner = Value(handle)
    count = library().ig_value_size(handle)
    items = [library().ig_value_item(handle, i) for i in range(count)]
    for item in items:
        library().ig_value_ref(item)
    del owner  # so that items which nobody else holds may be written
    made = from_handles(items, leaf)
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
    """A value of the type, without contents, to say what an empty sequence holds."""
    if type_.kind == 0:
        out = c_void_p()
        check(library().ig_tensor_new(ctypes.byref(out), type_.dtype, 1, _dims((0,))))
        return Tensor(out.value)
    return _container(type_, [], None)


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
    raise Unsupported(f"a value of kind {kind} cannot be given from Python yet")
