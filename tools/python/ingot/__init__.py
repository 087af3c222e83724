"""Ingot from Python: load a model, run it. A thin layer over libingot.so by ctypes; nothing is compiled.

    import ingot
    model = ingot.Model("model.onnx")
    print(model.inputs, model.outputs)
    outputs = model.run({"x": array})

NumPy is needed for Model.run only; ingot.Tensor, Model.run_tensors and DLPack work without it.
`ingot.backend` is an implementation of onnx.backend.
"""

from ._library import (Cancelled, DeadlineExceeded, Error, InvalidArgument, InvalidGraph, LimitExceeded, NotFound,
                       OutOfMemory, Unsupported, library)
from .dlpack import from_dlpack
from .model import Model, Port
from .values import Tensor

__all__ = [
    "Cancelled", "DeadlineExceeded", "Error", "InvalidArgument", "InvalidGraph", "LimitExceeded", "Model", "NotFound",
    "OutOfMemory", "Port", "Tensor", "Unsupported", "from_dlpack", "version",
]


def version():
    """Of the library that was loaded."""
    return library().ig_version().decode()
