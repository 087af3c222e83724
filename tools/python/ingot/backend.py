"""Ingot as a backend of ONNX (onnx.backend.base), for ONNX's own tests and for programs written to it.

    import onnx, ingot.backend
    rep = ingot.backend.prepare(onnx.load("model.onnx"))
    outputs = rep.run([x])
"""

import numpy as np
import onnx
import onnx.backend.base
from onnx import helper

from . import InvalidArgument, Model, Unsupported


def _type_of(x, items=np.float32):
    """TypeProto of an input. `items`: what an empty list is taken to hold."""
    if isinstance(x, list):
        return helper.make_sequence_type_proto(_item_type(x, items))
    if isinstance(x, dict):
        if not x:
            raise InvalidArgument("an empty dict does not say of what type it is")
        keys = onnx.TensorProto.STRING if isinstance(next(iter(x)), (str, bytes)) else onnx.TensorProto.INT64
        return helper.make_map_type_proto(keys, _item_type([_normal(v) for v in x.values()], items))
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)


def _item_type(values, items):
    """The type of the first, if it is a tensor with any shape."""
    type_ = _type_of(values[0] if values else np.empty(0, items), items)
    if type_.HasField("tensor_type"):
        type_.tensor_type.ClearField("shape")
    return type_


def _normal(x):
    """A dict as it is, a list of arrays or dicts (or of nothing) as a sequence, all else as an array."""
    if isinstance(x, dict):
        return x
    if isinstance(x, (list, tuple)) and all(isinstance(item, (np.ndarray, dict)) for item in x):
        return list(x)
    return np.asarray(x)


def _is_array(x):
    return isinstance(x, (np.ndarray, np.generic))


def _by_name(node, inputs):
    """The inputs by the names that the node has for them. A name that stands twice needs one value; one for
    each place is taken as well."""
    names = [name for name in node.input if name]
    once = list(dict.fromkeys(names))
    if len(inputs) not in (len(names), len(once)):
        raise InvalidArgument(f"{len(inputs)} inputs were given, {node.op_type} has {len(once)}: {', '.join(once)}")
    given = {}
    for name, x in zip(names if len(inputs) == len(names) else once, inputs):
        before = given.setdefault(name, x)
        if before is not x and not (_is_array(x) and _is_array(before) and np.array_equal(before, x)):
            raise InvalidArgument(f"input '{name}' of {node.op_type} is given twice, and differs")
    return {name: _normal(x) for name, x in given.items()}


class IngotRep(onnx.backend.base.BackendRep):
    """A model that is ready to run."""

    def __init__(self, model):
        self.model = model

    def run(self, inputs, **kwargs):
        """Inputs by position (or a dict by name); returns a tuple of NumPy arrays, lists, dicts and
        None."""
        return tuple(self.model.run(inputs, **kwargs))


class IngotBackend(onnx.backend.base.Backend):
    """Prepares models and single nodes. Options are those of ingot.Model."""

    @classmethod
    def is_compatible(cls, model, device="CPU", **kwargs):
        """False only when the model needs an operator or type that is not there."""
        try:
            cls.prepare(model, device, **kwargs)
        except Unsupported:
            return False
        return True

    @classmethod
    def supports_device(cls, device):
        try:
            return onnx.backend.base.Device(device).type == onnx.backend.base.DeviceType.CPU
        except (AttributeError, ValueError):  # a word that names no device
            return False

    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        if not cls.supports_device(device):
            raise Unsupported(f"there is no device '{device}'")
        return IngotRep(Model(model.SerializeToString(), **kwargs))

    @classmethod
    def run_model(cls, model, inputs, device="CPU", **kwargs):
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(cls, node, inputs, device="CPU", outputs_info=None, **kwargs):
        """Runs one node in a model around it. Inputs by position: arrays, lists of arrays for sequences, dicts for
        maps; those whose name in the node is empty are left out of `inputs`, and a name that stands twice is given
        once. Outputs get the types of `outputs_info` (NumPy's element type and shape), or those that
        ONNX's shape inference finds."""
        opset = kwargs.pop("opset_version", onnx.defs.onnx_opset_version())
        given = _by_name(node, inputs)
        items = next((x.dtype for x in given.values() if isinstance(x, np.ndarray)), np.float32)
        ins = [helper.make_value_info(name, _type_of(x, items)) for name, x in given.items()]
        outs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        if outputs_info is not None:
            outs = [helper.make_tensor_value_info(out.name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
                    for out, (dtype, shape) in zip(outs, outputs_info)]
        graph = helper.make_graph([node], "node", ins, outs)
        domains = {node.domain: opset, "": onnx.defs.onnx_opset_version()} | {node.domain: opset}
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(d, v) for d, v in domains.items()])
        model = onnx.shape_inference.infer_shapes(model)  # outputs get their types
        return cls.run_model(model, given, device, **kwargs)


is_compatible = IngotBackend.is_compatible
prepare = IngotBackend.prepare
run_model = IngotBackend.run_model
run_node = IngotBackend.run_node
supports_device = IngotBackend.supports_device
