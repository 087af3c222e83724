"""Small networks through onnxruntime's tools: its optimiser at every level, its quantisers, float16."""

import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SCRATCH = pathlib.Path(tempfile.mkdtemp(prefix="peers-"))
RANDOM = np.random.RandomState()  # each network seeds it


def weight(name, *shape):
    fan = int(np.prod(shape[1:])) if len(shape) > 1 else 4
    return numpy_helper.from_array((RANDOM.randn(*shape) / np.sqrt(fan)).astype(np.float32), name)


def model(nodes, inputs, outputs, weights, opset=17):
    port = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "g", [port(*i) for i in inputs], [port(*o) for o in outputs], weights)
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(m)
    return m


def convolutions():
    """Conv, batch norm, relu; depthwise; a sum; pools; an upsample; a classifier."""
    RANDOM.seed(0)
    n, w = [], []
    node = lambda op, ins, out, **a: n.append(helper.make_node(op, ins.split(), [out], **a))
    w += [weight("w0", 16, 3, 3, 3), weight("b0", 16), weight("s", 16), weight("o", 16), weight("m", 16)]
    w.append(numpy_helper.from_array(RANDOM.rand(16).astype(np.float32) + 0.5, "v"))
    w += [weight("w1", 16, 1, 3, 3), weight("w2", 32, 16, 1, 1), weight("w3", 32, 32, 3, 3), weight("w4", 10, 32), weight("b4", 10)]
    node("Conv", "x w0 b0", "a", pads=[1, 1, 1, 1], strides=[2, 2])
    node("BatchNormalization", "a s o m v", "b")
    node("Relu", "b", "c")
    node("Conv", "c w1", "d", pads=[1, 1, 1, 1], group=16)
    node("Clip", "d", "e0")
    node("Conv", "e0 w2", "e")
    node("Sigmoid", "e", "f0")
    node("Mul", "e f0", "f")
    node("Conv", "f w3", "g", pads=[1, 1, 1, 1])
    node("Add", "g f", "h")
    node("Relu", "h", "i")
    node("MaxPool", "i", "j", kernel_shape=[2, 2], strides=[2, 2])
    node("AveragePool", "j", "k", kernel_shape=[2, 2])
    node("GlobalAveragePool", "k", "l")
    node("Flatten", "l", "q")
    node("Gemm", "q w4 b4", "y", transB=1)
    return model(n, [("x", [1, 3, 32, 32])], [("y", [1, 10])], w)


def layers():
    """One layer of a transformer, spelled out as exporters do."""
    RANDOM.seed(0)
    n, w, c = [], [], 32
    node = lambda op, ins, out, **a: n.append(helper.make_node(op, ins.split(), [out], **a))
    for name in "qkv":
        w += [weight("w" + name, c, c), weight("b" + name, c)]
    w += [weight("wo", c, c), weight("bo", c), weight("w1", c, 4 * c), weight("b1", 4 * c), weight("w2", 4 * c, c), weight("b2", c)]
    w += [numpy_helper.from_array(np.ones(c, np.float32), "g"), numpy_helper.from_array(np.zeros(c, np.float32), "z")]
    w += [numpy_helper.from_array(np.array([0, 0, 4, 8], np.int64), "heads"), numpy_helper.from_array(np.array([0, 0, c], np.int64), "flat")]
    scalar = lambda name, v: w.append(numpy_helper.from_array(np.array(v, np.float32), name))
    scalar("root", 8**0.5), scalar("two", 2**0.5), scalar("one", 1.0), scalar("half", 0.5)
    for name in "qkv":
        node("MatMul", f"x w{name}", f"{name}0")
        node("Add", f"{name}0 b{name}", f"{name}1")
        node("Reshape", f"{name}1 heads", f"{name}2")
        node("Transpose", f"{name}2", f"{name}3", perm=[0, 2, 3, 1] if name == "k" else [0, 2, 1, 3])
    node("MatMul", "q3 k3", "s0")
    node("Div", "s0 root", "s1")
    node("Softmax", "s1", "s2", axis=-1)
    node("MatMul", "s2 v3", "s3")
    node("Transpose", "s3", "s4", perm=[0, 2, 1, 3])
    node("Reshape", "s4 flat", "s5")
    node("MatMul", "s5 wo", "s6")
    node("Add", "s6 bo", "s7")
    node("Add", "s7 x", "s8")
    node("LayerNormalization", "s8 g z", "t", axis=-1)
    node("MatMul", "t w1", "u0")
    node("Add", "u0 b1", "u1")
    node("Div", "u1 two", "u2")
    node("Erf", "u2", "u3")
    node("Add", "u3 one", "u4")
    node("Mul", "u1 u4", "u5")
    node("Mul", "u5 half", "u6")
    node("MatMul", "u6 w2", "u7")
    node("Add", "u7 b2", "u8")
    node("Add", "u8 t", "u9")
    node("LayerNormalization", "u9 g z", "y", axis=-1)
    return model(n, [("x", [2, 6, c])], [("y", [2, 6, c])], w)


NETWORKS = {"convolutions": (convolutions, (1, 3, 32, 32)), "layers": (layers, (2, 6, 32))}


def feed(network):
    return {"x": np.random.RandomState(1).randn(*NETWORKS[network][1]).astype(np.float32)}


def saved(network):
    path = SCRATCH / f"{network}.onnx"
    onnx.save(NETWORKS[network][0](), path)
    return str(path)


def by_level(network, level):
    """What a session writes after optimising: com.microsoft operators, and at the last level its blocked layout."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(SCRATCH / f"{network}-{level}.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(saved(network), options, providers=["CPUExecutionProvider"])
    return onnx.load(options.optimized_model_filepath), feed(network)


def quantised(network, kind):
    from onnxruntime import quantization as q

    target = str(SCRATCH / f"{network}-{kind}.onnx")

    class Reader(q.CalibrationDataReader):
        def __init__(self):
            self.left = [feed(network) for _ in range(4)]

        def get_next(self):
            return self.left.pop() if self.left else None

    if kind == "dynamic":
        q.quantize_dynamic(saved(network), target)
    else:
        form = q.QuantFormat.QDQ if kind.startswith("qdq") else q.QuantFormat.QOperator
        q.quantize_static(saved(network), target, Reader(), quant_format=form, per_channel="channel" in kind)
    return onnx.load(target), feed(network)


def few_bits(network):
    from onnxruntime.quantization import matmul_nbits_quantizer as q

    quantizer = q.MatMulNBitsQuantizer(onnx.load(saved(network)), block_size=32, is_symmetric=False)
    quantizer.process()
    return quantizer.model.model, feed(network)


def half(network, keep):
    from onnxconverter_common import float16

    converted = float16.convert_float_to_float16(onnx.load(saved(network)), keep_io_types=keep)
    x = feed(network)
    return converted, x if keep else {"x": x["x"].astype(np.float16)}


def transformer_optimiser(network):
    from onnxruntime.transformers import optimizer

    fused = optimizer.optimize_model(saved(network), model_type="bert", num_heads=4, hidden_size=32)
    return fused.model, feed(network)


CASES = {"layers_transformer_optimiser": lambda: transformer_optimiser("layers"), "layers_few_bits": lambda: few_bits("layers")}
for _network in NETWORKS:
    for _level in ("BASIC", "EXTENDED", "ALL"):
        CASES[f"{_network}_level_{_level.lower()}"] = lambda a=_network, b=_level: by_level(a, b)
    for _kind in ("dynamic", "qdq", "qdq_channel", "qoperator", "qoperator_channel"):
        CASES[f"{_network}_{_kind}"] = lambda a=_network, b=_kind: quantised(a, b)
    CASES[f"{_network}_float16"] = lambda a=_network: half(a, False)
    CASES[f"{_network}_float16_kept_ports"] = lambda a=_network: half(a, True)
