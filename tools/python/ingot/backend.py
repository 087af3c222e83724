"""Ingot as a backend of ONNX (onnx.backend.base), for ONNX's own tests and for programs written to it.

    import onnx, ingot.backend
    rep = ingot.backend.prepare(onnx.load("model.onnx"))
    outputs = rep.run([x])
"""

import onnx
import onnx.backend.base
from onnx import helper

from . import Model, Unsupported


class IngotRep(onnx.backend.base.BackendRep):
    """A model that is ready to run."""

    def __init__(self, model):
        self.model = model

    def run(self, inputs, **kwargs):
        """Inputs by position (or a dict by name); returns a tuple of NumPy arrays, lists and None."""
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
        return onnx.backend.base.Device(device).type == onnx.backend.base.DeviceType.CPU

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
        """Runs one node in a model around it. Inputs by position; those whose name in the node is empty are left
        out of `inputs`. Outputs get the types of `outputs_info` (NumPy's element type and shape), or those that
        ONNX's shape inference finds."""
        import numpy as np

        opset = kwargs.pop("opset_version", onnx.defs.onnx_opset_version())
        names = [name for name in node.input if name]
        arrays = [np.asarray(x) for x in inputs]
        ins = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
               for name, x in zip(names, arrays)]
        outs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        if outputs_info is not None:
            outs = [helper.make_tensor_value_info(out.name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
                    for out, (dtype, shape) in zip(outs, outputs_info)]
        graph = helper.make_graph([node], "node", ins, outs)
        domains = {node.domain: opset, "": onnx.defs.onnx_opset_version()} | {node.domain: opset}
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(d, v) for d, v in domains.items()])
        model = onnx.shape_inference.infer_shapes(model)  # outputs get their types
        return cls.run_model(model, arrays, device, **kwargs)


is_compatible = IngotBackend.is_compatible
prepare = IngotBackend.prepare
run_model = IngotBackend.run_model
run_node = IngotBackend.run_node
supports_device = IngotBackend.supports_device
