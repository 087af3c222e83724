"""Makes the models of the benchmarks as ONNX files with seeded weights.

usage: models.py FOLDER [NAME...]

A development tool: needs the Python packages onnx and numpy, which nothing else here needs.
Weights are scaled so that activations stay near 1: no denormals, no infinities.
"""

import math
import os
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

OPSET = 17


class Maker:
    """A graph under construction: every method returns the name of a value."""

    def __init__(self, name, inputs):
        self.name, self.inputs, self.nodes, self.weights = name, inputs, [], []
        self.rng = np.random.default_rng(20240229)
        self.count = 0

    def const(self, array, stem="w"):
        name = f"{stem}_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def ints(self, *values):
        return self.const(np.array(values, np.int64), "i")

    def scalar(self, value):
        return self.const(np.array(value, np.float32), "s")

    def normal(self, *shape, scale=1.0):
        return self.const((self.rng.standard_normal(shape) * scale).astype(np.float32))

    def op(self, kind, *inputs, n=1, **attrs):
        names = [f"v{self.count + i}" for i in range(n)]
        self.count += n
        self.nodes.append(
            helper.make_node(kind, list(inputs), names, name=f"{kind}_{names[0]}", **attrs)
        )
        return names[0] if n == 1 else names

    def conv(self, x, c, m, k, stride=1, group=1, bias=False, gain=2.0):
        fan = c // group * k * k
        args = [x, self.normal(m, c // group, k, k, scale=math.sqrt(gain / fan))]
        if bias:
            args.append(self.normal(m, scale=0.1))
        p = k // 2
        return self.op("Conv", *args, kernel_shape=[k, k], strides=[stride, stride],
                       pads=[p, p, p, p], group=group)

    def norm(self, x, c):
        r = self.rng
        parts = [1 + 0.1 * r.standard_normal(c), 0.1 * r.standard_normal(c),
                 0.1 * r.standard_normal(c), 1 + 0.1 * np.abs(r.standard_normal(c))]
        return self.op("BatchNormalization", x, *[self.const(p.astype(np.float32)) for p in parts])

    def linear(self, x, k, n):
        y = self.op("MatMul", x, self.normal(k, n, scale=1 / math.sqrt(k)))
        return self.op("Add", y, self.normal(n, scale=0.1))

    def layer_norm(self, x, n):
        return self.op("LayerNormalization", x, self.const(np.ones(n, np.float32)),
                       self.const(np.zeros(n, np.float32)), axis=-1, epsilon=1e-6)

    def save(self, folder, output):
        graph = helper.make_graph(
            self.nodes, self.name,
            [helper.make_tensor_value_info(n, t, s) for n, t, s in self.inputs],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                                  ir_version=8, producer_name="ingot bench")
        save(model, os.path.join(folder, self.name + ".onnx"))


def image(name, size=224):
    return Maker(name, [("x", TensorProto.FLOAT, [1, 3, size, size])])


def classify(g, x, c, n=1000):
    x = g.op("Flatten", g.op("GlobalAveragePool", x))
    return g.op("Gemm", x, g.normal(n, c, scale=1 / math.sqrt(c)), g.normal(n, scale=0.1), transB=1)


def conv_norm(g, x, c, m, k, stride=1, group=1, act="Relu"):
    x = g.norm(g.conv(x, c, m, k, stride, group), m)
    if act == "Clip":
        return g.op("Clip", x, g.scalar(0), g.scalar(6))
    return g.op(act, x) if act else x


def resnet(folder, name, blocks, bottleneck):
    g = image(name)
    x = conv_norm(g, "x", 3, 64, 7, 2)
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    c = 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        out = width * (4 if bottleneck else 1)
        for i in range(count):
            stride = 2 if i == 0 and stage else 1
            y = x
            if bottleneck:
                y = conv_norm(g, y, c, width, 1)
                y = conv_norm(g, y, width, width, 3, stride)
                y = conv_norm(g, y, width, out, 1, act=None)
            else:
                y = conv_norm(g, y, c, width, 3, stride)
                y = conv_norm(g, y, width, out, 3, act=None)
            if stride != 1 or c != out:
                x = conv_norm(g, x, c, out, 1, stride, act=None)
            x = g.op("Relu", g.op("Add", y, x))
            c = out
    g.save(folder, classify(g, x, c))


def mobilenet(folder):
    g = image("mobilenetv2")
    x = conv_norm(g, "x", 3, 32, 3, 2, act="Clip")
    c = 32
    for t, m, n, s in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                       (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(n):
            stride = s if i == 0 else 1
            y, hidden = x, c * t
            if t != 1:
                y = conv_norm(g, y, c, hidden, 1, act="Clip")
            y = conv_norm(g, y, hidden, hidden, 3, stride, hidden, act="Clip")
            y = conv_norm(g, y, hidden, m, 1, act=None)
            x = g.op("Add", x, y) if stride == 1 and c == m else y
            c = m
    x = conv_norm(g, x, c, 1280, 1, act="Clip")
    g.save(folder, classify(g, x, 1280))


def squeezenet(folder):
    g = image("squeezenet")
    pool = {"kernel_shape": [3, 3], "strides": [2, 2]}
    x = g.op("Relu", g.conv("x", 3, 64, 3, 2, bias=True))
    x = g.op("MaxPool", x, **pool)
    c = 64
    for i, (s, e) in enumerate([(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192),
                                (64, 256), (64, 256)]):
        if i in (2, 4):
            x = g.op("MaxPool", x, **pool)
        x = g.op("Relu", g.conv(x, c, s, 1, bias=True))
        a = g.op("Relu", g.conv(x, s, e, 1, bias=True))
        b = g.op("Relu", g.conv(x, s, e, 3, bias=True))
        x = g.op("Concat", a, b, axis=1)
        c = 2 * e
    x = g.op("Relu", g.conv(x, c, 1000, 1, bias=True))
    g.save(folder, g.op("Flatten", g.op("GlobalAveragePool", x)))


def attention(g, x, tokens, width, heads):
    depth = width // heads

    def split(v):
        v = g.op("Reshape", v, g.ints(1, tokens, heads, depth))
        return g.op("Transpose", v, perm=[0, 2, 1, 3])

    q, k, v = (split(g.linear(x, width, width)) for _ in range(3))
    k = g.op("Transpose", k, perm=[0, 1, 3, 2])
    scores = g.op("Div", g.op("MatMul", q, k), g.scalar(math.sqrt(depth)))
    y = g.op("MatMul", g.op("Softmax", scores, axis=-1), v)
    y = g.op("Transpose", y, perm=[0, 2, 1, 3])
    return g.linear(g.op("Reshape", y, g.ints(1, tokens, width)), width, width)


def gelu(g, x):
    y = g.op("Erf", g.op("Div", x, g.scalar(math.sqrt(2))))
    return g.op("Mul", g.op("Mul", x, g.op("Add", y, g.scalar(1))), g.scalar(0.5))


def encoder(g, x, tokens, width, layers, heads, first):
    """Norm before each part (vision) or after the sum (language)."""
    for _ in range(layers):
        y = attention(g, g.layer_norm(x, width) if first else x, tokens, width, heads)
        x = g.op("Add", x, y)
        if not first:
            x = g.layer_norm(x, width)
        y = gelu(g, g.linear(g.layer_norm(x, width) if first else x, width, 4 * width))
        x = g.op("Add", x, g.linear(y, 4 * width, width))
        if not first:
            x = g.layer_norm(x, width)
    return x


def bert(folder, tokens=128):
    g = Maker("bert_base_128", [("ids", TensorProto.INT64, [1, tokens])])
    x = g.op("Gather", g.normal(30522, 768, scale=0.5), "ids", axis=0)
    x = g.op("Add", x, g.normal(1, tokens, 768, scale=0.5))
    x = encoder(g, g.layer_norm(x, 768), tokens, 768, 12, 12, False)
    g.save(folder, x)


def vit(folder):
    g = image("vit_b16")
    x = g.op("Conv", "x", g.normal(768, 3, 16, 16, scale=1 / math.sqrt(768)),
             g.normal(768, scale=0.1), kernel_shape=[16, 16], strides=[16, 16])
    x = g.op("Reshape", x, g.ints(1, 768, 196))
    x = g.op("Concat", g.normal(1, 1, 768), g.op("Transpose", x, perm=[0, 2, 1]), axis=1)
    x = g.op("Add", x, g.normal(1, 197, 768, scale=0.1))
    x = g.layer_norm(encoder(g, x, 197, 768, 12, 12, True), 768)
    x = g.op("Gather", x, g.const(np.array(0, np.int64)), axis=1)
    g.save(folder, g.linear(x, 768, 1000))


def mlp(folder):
    g = Maker("mlp_32_64_64_8", [("x", TensorProto.FLOAT, [1, 32])])
    x = "x"
    for k, n in [(32, 64), (64, 64)]:
        x = g.op("Relu", g.op("Gemm", x, g.normal(k, n, scale=math.sqrt(2 / k)), g.normal(n)))
    g.save(folder, g.op("Gemm", x, g.normal(64, 8, scale=0.1), g.normal(8)))


def chain(folder, width):
    g = Maker(f"chain_101_{width}", [("x", TensorProto.FLOAT, [width]),
                                     ("y", TensorProto.FLOAT, [width])])
    x = "x"
    for _ in range(101):
        x = g.op("Add", x, "y")
    g.save(folder, x)


MODELS = {
    "resnet18": lambda f: resnet(f, "resnet18", [2, 2, 2, 2], False),
    "resnet50": lambda f: resnet(f, "resnet50", [3, 4, 6, 3], True),
    "mobilenetv2": mobilenet,
    "squeezenet": squeezenet,
    "bert_base_128": bert,
    "vit_b16": vit,
    "mlp_32_64_64_8": mlp,
    "chain_101_8": lambda f: chain(f, 8),
    "chain_101_4096": lambda f: chain(f, 4096),
}


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 2
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name in sys.argv[2:] or MODELS:
        if name not in MODELS:
            print(f"no model {name}: there are {', '.join(MODELS)}")
            return 2
        MODELS[name](folder)
        print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
