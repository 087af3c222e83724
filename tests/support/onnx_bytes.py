"""Small ONNX models as bytes, without the onnx package: messages are fields behind each other.

    model([node("Relu", ["x"], ["y"])], [value("x", ["N", 3])], [value("y", ["N", 3])])
"""

import struct


def varint(v):
    out, v = b"", v & 2**64 - 1
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name, dims, floats):
    return (b"".join(field(1, d) for d in dims) + field(2, 1) + field(8, name)
            + field(9, struct.pack(f"<{len(floats)}f", *floats)))


def tensor_type(dims, dtype=1):
    """TypeProto; dims None: of any rank."""
    shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dims or ())
    return field(1, field(1, dtype) + (field(2, shape) if dims is not None else b""))


def sequence_type(item):
    return field(4, field(1, item))


def optional_type(item):
    return field(9, field(1, item))


def map_type(key, item):
    return field(5, field(1, key) + field(2, item))


def typed(name, type_):
    """ValueInfoProto."""
    return field(1, name) + field(2, type_)


def value(name, dims, dtype=1):
    return typed(name, tensor_type(dims, dtype))


def attribute(name, listed):
    """Of a node: a list of integers or of strings."""
    strings = isinstance(listed[0], str)
    return field(5, field(1, name) + b"".join(field(9 if strings else 8, v) for v in listed)
                 + field(20, 8 if strings else 7))


def integer(name, v):
    """Attribute of a node: one integer."""
    return field(5, field(1, name) + field(3, v) + field(20, 2))


def body(name, graph_):
    """Attribute of a node: a graph."""
    return field(5, field(1, name) + field(6, graph_) + field(20, 5))


def node(op, inputs, outputs, domain="", attributes=b""):
    return (b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs) + field(4, op)
            + (field(7, domain) if domain else b"") + attributes)


def function(domain, name, inputs, outputs, nodes):
    return (field(1, name) + b"".join(field(4, i) for i in inputs) + b"".join(field(5, o) for o in outputs)
            + b"".join(field(7, n) for n in nodes) + field(9, field(2, 17)) + field(10, domain))


def graph(nodes, inputs, outputs, initializers=()):
    return (b"".join(field(1, n) for n in nodes) + field(2, "test")
            + b"".join(field(5, t) for t in initializers)
            + b"".join(field(11, i) for i in inputs) + b"".join(field(12, o) for o in outputs))


def model(nodes, inputs, outputs, initializers=(), functions=(), domain=""):
    """`domain` is that of the functions or operators that are not ONNX's own, if any; in version 1."""
    return (field(1, 8) + field(7, graph(nodes, inputs, outputs, initializers)) + field(8, field(2, 17))
            + (field(8, field(1, domain) + field(2, 1)) if domain else b"")
            + b"".join(field(25, f) for f in functions))
