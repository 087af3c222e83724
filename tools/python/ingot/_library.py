"""libingot.so by ctypes: where it is found, the structs of <ingot/*.h> that calls need, prototypes,
and errors as exceptions.

The library is looked for where the environment variable INGOT_LIBRARY says, then beside this package as
installed or built, then wherever the system's linker looks.
"""

import ctypes
import ctypes.util
import os
import pathlib

from ctypes import POINTER, c_bool, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

SONAME = "libingot.so.0"

# ---- structs: tests/python compares their layout with the headers' ----


class Limits(ctypes.Structure):
    _fields_ = [
        ("file_bytes", c_uint64), ("memory_bytes", c_uint64), ("tensor_bytes", c_uint64), ("nodes", c_uint64),
        ("depth", c_uint32), ("name_bytes", c_uint32), ("loop_iterations", c_uint64),
    ]


class ModelOpts(ctypes.Structure):
    _fields_ = [
        ("device", c_char_p), ("threads", c_int), ("level", c_int), ("limits", Limits), ("data_dir", c_char_p),
        ("dims", POINTER(c_char_p)), ("plan_cache", c_size_t), ("exact_conv", c_bool), ("small_memory", c_bool),
        ("private_copy", c_bool), ("registry", c_void_p), ("warn", c_void_p), ("user", c_void_p),
        ("strict_qdq", c_bool), ("feeds", POINTER(c_char_p)), ("keep_on_device", c_bool), ("capture", c_bool),
        ("tf32", c_bool),
    ]


class RunOpts(ctypes.Structure):
    _fields_ = [
        ("deadline_s", c_double), ("cancel", POINTER(c_int)), ("seed", c_uint64), ("profile", c_char_p),
        ("limits", Limits),
    ]


class Type(ctypes.Structure):
    pass


class _TypeUnion(ctypes.Union):
    _fields_ = [("dim", c_int64 * 8), ("dim_far", POINTER(c_int64)), ("elem", POINTER(Type))]


Type._fields_ = [
    ("kind", ctypes.c_uint8), ("dtype", ctypes.c_uint8), ("rank", ctypes.c_int16), ("spare", c_uint32),
    ("u", _TypeUnion),
]

DELETER = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
KINDS = ("tensor", "sequence", "optional", "map", "sparse")

# ---- errors ----


class Error(RuntimeError):
    """A call failed. `status` is the number of ig_status, `status_name` its name."""

    status = -1

    def __init__(self, message, status=None):
        super().__init__(message)
        if status is not None:
            self.status = status

    @property
    def status_name(self):
        return library().ig_status_string(self.status).decode()


class InvalidArgument(Error, ValueError):
    status = 1


class InvalidGraph(Error):
    status = 2


class Unsupported(Error, NotImplementedError):
    status = 3


class NotFound(Error, FileNotFoundError):
    status = 4


class OutOfMemory(Error, MemoryError):
    status = 5


class LimitExceeded(Error):
    status = 9


class Cancelled(Error):
    status = 10


class DeadlineExceeded(Error, TimeoutError):
    status = 11


_ERRORS = {e.status: e for e in (InvalidArgument, InvalidGraph, Unsupported, NotFound, OutOfMemory, LimitExceeded,
                                 Cancelled, DeadlineExceeded)}


def check(status):
    """Raises what the status of a call says, with the library's message."""
    if status:
        message = library().ig_error_message().decode(errors="replace")
        raise _ERRORS.get(status, Error)(message or library().ig_status_string(status).decode(), status)


# ---- the library ----

_PROTOTYPES = {
    "ig_version": (c_char_p, []),
    "ig_status_string": (c_char_p, [c_int]),
    "ig_error_message": (c_char_p, []),
    "ig_dtype_name": (c_char_p, [c_int]),
    "ig_dtype_parse": (c_int, [c_char_p]),
    "ig_dtype_bits": (c_int, [c_int]),
    "ig_string_free": (None, [c_void_p]),
    "ig_tensor_new": (c_int, [POINTER(c_void_p), c_int, c_int, POINTER(c_int64)]),
    "ig_tensor_new_copy": (c_int, [POINTER(c_void_p), c_int, c_int, POINTER(c_int64), c_void_p, c_size_t]),
    "ig_tensor_wrap": (c_int, [POINTER(c_void_p), c_int, c_int, POINTER(c_int64), c_void_p, c_size_t, DELETER,
                               c_void_p]),
    "ig_tensor_new_strings": (c_int, [POINTER(c_void_p), c_int, POINTER(c_int64), POINTER(c_char_p)]),
    "ig_tensor_dtype": (c_int, [c_void_p]),
    "ig_tensor_rank": (c_int, [c_void_p]),
    "ig_tensor_dims": (POINTER(c_int64), [c_void_p]),
    "ig_tensor_numel": (c_int64, [c_void_p]),
    "ig_tensor_nbytes": (c_size_t, [c_void_p]),
    "ig_tensor_is_contiguous": (c_bool, [c_void_p]),
    "ig_tensor_is_writable": (c_bool, [c_void_p]),
    "ig_tensor_data": (c_void_p, [c_void_p]),
    "ig_tensor_string": (c_char_p, [c_void_p, c_int64]),
    "ig_value_tensor": (c_void_p, [c_void_p]),
    "ig_value_kind": (c_int, [c_void_p]),
    "ig_value_ref": (c_void_p, [c_void_p]),
    "ig_value_unref": (None, [c_void_p]),
    "ig_value_share": (c_void_p, [c_void_p]),
    "ig_value_size": (c_int64, [c_void_p]),
    "ig_value_item": (c_void_p, [c_void_p, c_int64]),
    "ig_map_new": (c_int, [POINTER(c_void_p), c_void_p, POINTER(c_void_p)]),
    "ig_map_keys": (c_void_p, [c_void_p]),
    "ig_sequence_new": (c_int, [POINTER(c_void_p), POINTER(c_void_p), c_int64, c_void_p]),
    "ig_optional_new": (c_int, [POINTER(c_void_p), c_void_p, c_void_p]),
    "ig_model_load": (c_int, [POINTER(c_void_p), c_char_p, POINTER(ModelOpts)]),
    "ig_model_load_bytes": (c_int, [POINTER(c_void_p), c_char_p, c_size_t, DELETER, c_void_p, POINTER(ModelOpts)]),
    "ig_model_free": (None, [c_void_p]),
    "ig_model_n_inputs": (c_int, [c_void_p]),
    "ig_model_n_outputs": (c_int, [c_void_p]),
    "ig_model_input_name": (c_char_p, [c_void_p, c_int]),
    "ig_model_output_name": (c_char_p, [c_void_p, c_int]),
    "ig_model_input_type": (POINTER(Type), [c_void_p, c_int]),
    "ig_model_output_type": (POINTER(Type), [c_void_p, c_int]),
    "ig_model_describe": (c_int, [c_void_p, POINTER(c_void_p)]),
    "ig_model_run_values": (c_int, [c_void_p, POINTER(c_char_p), POINTER(c_void_p), c_int, POINTER(c_char_p),
                                    POINTER(c_void_p), c_int, POINTER(RunOpts)]),
}

_loaded = None


def _candidates():
    named = os.environ.get("INGOT_LIBRARY")
    if named:
        return [named]
    here = pathlib.Path(__file__).resolve()
    # <libdir>/python3/dist-packages/ingot when installed, tools/python/ingot in a checkout
    places = [here.parents[3] / folder / SONAME for folder in ("", "build", "build-release")]
    found = ctypes.util.find_library("ingot")
    return [str(p) for p in places if p.exists()] + ([found] if found else []) + [SONAME]


def library():
    """The loaded library; raises Error with what was tried when there is none."""
    global _loaded
    if _loaded is None:
        tried = []
        for path in _candidates():
            try:
                lib = ctypes.CDLL(path)
                break
            except OSError as error:
                tried.append(str(error))
        else:
            raise Error("libingot was not found, set INGOT_LIBRARY to its path: " + "; ".join(tried))
        for name, (result, arguments) in _PROTOTYPES.items():
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
        _loaded = lib
    return _loaded
