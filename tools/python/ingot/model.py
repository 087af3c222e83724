"""Models: load, ask for inputs and outputs, run.

    model = ingot.Model("model.onnx", threads=2)
    y, = model.run({"x": array})          # NumPy arrays in and out
    y, = model.run_tensors([tensor])      # ingot.Tensor in and out, NumPy is not needed

A model may be run by any number of threads at once; runs let other Python threads go on.
"""

import collections
import ctypes
import json
import os

from ctypes import c_char_p, c_void_p

from ._library import DELETER, KINDS, InvalidArgument, Limits, ModelOpts, RunOpts, check, library
from .values import Tensor, dtype_name, from_handles, to_value

LEVELS = {0: -1, 1: 1, 2: 2}  # as the command has them; 0 in ig_model_opts is the default

Port = collections.namedtuple("Port", "name kind dtype shape")
Port.__doc__ = """An input or output: its name, kind ("tensor", "sequence", "optional", "map"), the element type of
its tensors (of a map its values; describe() has the whole type), and the shape: numbers, names of free dims, None for unknown ones; None when the rank is open."""


def _fill(struct, values, what):
    known = dict(struct._fields_)
    for name, value in (values or {}).items():
        if name not in known:
            raise InvalidArgument(f"there is no {what} '{name}', but: {', '.join(sorted(known))}")
        if known[name] is c_char_p and isinstance(value, str):
            value = value.encode()
        setattr(struct, name, value)
        if isinstance(value, int) and known[name] is not c_void_p and getattr(struct, name) != value:
            raise InvalidArgument(f"{what} '{name}' cannot be {value}")  # ctypes drops high bits without a word


def _names(words):
    return (c_char_p * (len(words) + 1))(*(w.encode() for w in words), None) if words else None


def _tensor(x, type_):
    """Input as a Tensor, by what it is."""
    if hasattr(x, "__dlpack__") and not hasattr(x, "__array_interface__"):
        from .dlpack import from_dlpack

        return from_dlpack(x)
    from ._numpy import tensor_of

    return tensor_of(x, dtype_name(type_.dtype) if type_.dtype else None)


def _only_tensors(x, _type):
    if isinstance(x, (str, bytes, bytearray)) or not hasattr(x, "__dlpack__"):
        raise InvalidArgument(f"run_tensors takes ingot.Tensor or DLPack tensors, not {type(x).__name__}")
    return _tensor(x, _type)


class Model:
    """A loaded model: .onnx or .ingot, by path or as bytes.

    threads: 0 as many as the process may use, 1 none beside the caller. level: 0 as written, 1 exact rewrites,
    2 all (default). limits: a dict with members of ig_limits. dims: {"N": 4} fixes free dims. feeds: names of
    ONNX initialisers that are inputs too. Other options are members of ig_model_opts. Errors: ingot.Error and
    its kinds."""

    def __init__(self, source, *, threads=0, level=2, limits=None, dims=None, feeds=None, data_dir=None, **options):
        self._handle = None
        if level not in LEVELS:
            raise InvalidArgument("level must be 0, 1 or 2")
        o = ModelOpts(threads=threads, level=LEVELS[level])
        _fill(o.limits, limits, "limit")
        _fill(o, options, "option")
        o.dims = _names([f"{name}={size}" for name, size in (dims or {}).items()])
        o.feeds = _names(feeds)
        o.data_dir = os.fsencode(data_dir) if data_dir is not None else None
        out = c_void_p()
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
            check(library().ig_model_load_bytes(ctypes.byref(out), data, len(data), DELETER(), None, ctypes.byref(o)))
        else:
            check(library().ig_model_load(ctypes.byref(out), os.fsencode(source), ctypes.byref(o)))
        self._handle = out.value
        self._in = {library().ig_model_input_name(out, i).decode(): i
                    for i in range(library().ig_model_n_inputs(out))}  # name: place
        self._out = [library().ig_model_output_name(out, i).decode()
                     for i in range(library().ig_model_n_outputs(out))]

    def __del__(self):
        handle, self._handle = getattr(self, "_handle", None), None
        if handle:
            library().ig_model_free(handle)

    # ---- what it is ----

    def describe(self):
        """ig_model_describe as a dict: metadata, operators and which kernel serves each."""
        text = c_void_p()
        check(library().ig_model_describe(self._handle, ctypes.byref(text)))
        try:
            return json.loads(ctypes.string_at(text))
        finally:
            library().ig_string_free(text)

    def _ports(self, names, type_at, described):
        ports = []
        for i, name in enumerate(names):
            t = type_at(self._handle, i).contents
            kind, inner = KINDS[t.kind], t
            while KINDS[inner.kind] in ("sequence", "optional", "map") and inner.u.elem:
                inner = inner.u.elem.contents
            shape = described[i].get("shape")
            shape = tuple(None if d == -1 or d == "?" else d for d in shape) if shape is not None else None
            ports.append(Port(name, kind, dtype_name(inner.dtype), shape))
        return ports

    @property
    def inputs(self):
        return self._ports(self._in, library().ig_model_input_type, self.describe()["inputs"])

    @property
    def outputs(self):
        return self._ports(self._out, library().ig_model_output_type, self.describe()["outputs"])

    # ---- running ----

    def _given(self, inputs):
        """(name, value) of each input that was given, by name or by position."""
        if isinstance(inputs, dict):
            pairs = list(inputs.items())
        elif isinstance(inputs, (list, tuple)):
            pairs = list(zip(self._in, inputs))
            if len(inputs) > len(self._in):
                raise InvalidArgument(f"{len(inputs)} inputs were given, the model has {len(self._in)}")
        else:
            pairs = list(zip(self._in, [inputs]))
        for name, _ in pairs:
            if name not in self._in:
                raise InvalidArgument(f"the model has no input '{name}', but: {', '.join(self._in)}")
        return pairs

    def _run(self, inputs, outputs, options, as_tensor, leaf):
        pairs = self._given(inputs)
        wanted = list(self._out if outputs is None else outputs)
        values = [to_value(x, library().ig_model_input_type(self._handle, self._in[name]).contents, as_tensor)
                  for name, x in pairs]
        o = RunOpts()
        limits = options.pop("limits", None)
        _fill(o.limits, limits, "limit")
        if "deadline" in options:
            o.deadline_s = options.pop("deadline")
        if "profile" in options:
            o.profile = os.fsencode(options.pop("profile"))
        _fill(o, options, "option of a run")
        results = (c_void_p * max(len(wanted), 1))()
        handles = (c_void_p * max(len(values), 1))(*(v.handle for v in values))
        check(library().ig_model_run_values(
            self._handle, _names([name for name, _ in pairs]), handles, len(values), _names(wanted), results,
            len(wanted), ctypes.byref(o)))
        return from_handles(results[: len(wanted)], leaf)

    def run(self, inputs, outputs=None, **options):
        """Outputs (all, or those that are named) as NumPy arrays; sequences are lists, maps dicts whose scalars
        are Python's numbers and strings, an empty optional None.

        inputs: a dict by name, a list by position, or one array. Each is an array, or what NumPy makes one of, or a
        tensor of another library (DLPack). Options: deadline (seconds), seed, limits, profile (a path)."""
        return self._run(inputs, outputs, options, _tensor, Tensor.numpy)

    def run_tensors(self, inputs, outputs=None, **options):
        """The same with ingot.Tensor (or DLPack tensors) in and ingot.Tensor out."""
        return self._run(inputs, outputs, options, _only_tensors, lambda t: t)
