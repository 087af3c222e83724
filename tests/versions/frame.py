"""What cases are made of: a case is one folder of the archive, with a model of one opset whose nodes
are samples of one (operator, since-version), inputs, and the outputs that are right.

    sample("Add", 7, [a, b], [a + b], label="plain")

The last list holds the right outputs, by formulas in NumPy. Nothing here ever sees what Ingot computes.
"""

import functools

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, defs, helper, numpy_helper

NAMES = {
    "float": np.float32, "double": np.float64, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16,
    "int8": np.int8, "int16": np.int16, "int32": np.int32, "int64": np.int64,
    "uint8": np.uint8, "uint16": np.uint16, "uint32": np.uint32, "uint64": np.uint64,
    "bool": np.bool_, "string": np.object_, "complex64": np.complex64, "complex128": np.complex128,
    "float8e4m3fn": ml_dtypes.float8_e4m3fn, "float8e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "float8e5m2": ml_dtypes.float8_e5m2, "float8e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    "float8e8m0": ml_dtypes.float8_e8m0fnu, "float4e2m1": ml_dtypes.float4_e2m1fn,
    "int4": ml_dtypes.int4, "uint4": ml_dtypes.uint4, "int2": ml_dtypes.int2, "uint2": ml_dtypes.uint2,
}
WORDS = ["a", "bc", "", "def", "ghij", "k l", "m", "\u00e9"]
PLAIN = {"float", "double", "float16", "bfloat16"}  # floats that arithmetic is done in


@functools.lru_cache(maxsize=None)
def history():
    """(domain, name) -> {since: schema}, as the wheel's registry has them."""
    table = {}
    for schema in defs.get_all_schemas_with_history():
        table.setdefault((schema.domain, schema.name), {})[schema.since_version] = schema
    return {key: dict(sorted(rows.items())) for key, rows in table.items()}


def versions(op, domain=""):
    return list(history()[domain, op])


def schema(op, since, domain=""):
    return history()[domain, op][since]


def has(op, since, attribute, domain=""):
    return attribute in schema(op, since, domain).attributes


def types(op, since, port=0, domain="", output=False):
    """Element types that a port of that very version takes, in the order of NAMES."""
    s = schema(op, since, domain)
    spelled = (s.outputs if output else s.inputs)[port].type_str
    lists = {c.type_param_str: c.allowed_type_strs for c in s.type_constraints}
    allowed = lists.get(spelled, [spelled])
    return [name for name in NAMES if f"tensor({name})" in allowed]


def new_types(op, since, port=0, domain="", output=False):
    """Those that the version before did not take; all of them for the first version."""
    before = [v for v in versions(op, domain) if v < since]
    old = types(op, before[-1], port, domain, output) if before else []
    return [t for t in types(op, since, port, domain, output) if t not in old]


def every(op, domain="", port=0, output=False):
    """(since, type) for every version and every type that is new in it. A version that brings no
    new type comes with float, or with its first type."""
    for since in versions(op, domain):
        new = new_types(op, since, port, domain, output)
        if not new:
            old = types(op, since, port, domain, output)
            new = ["float"] if "float" in old else old[:1]
        for name in new:
            yield since, name


def data(name, shape, low=-2.0, high=2.0, seed=0):
    """Numbers of a type, the same on every machine: a fixed linear congruence, not a library's."""
    count = int(np.prod(shape, dtype=np.int64))
    state, steps = (seed * 7919 + 12345) % 65537, []
    for _ in range(count):
        state = (state * 75 + 74) % 65537
        steps.append(state / 65537)
    unit = np.array(steps).reshape(shape)
    if name == "string":
        return np.array([WORDS[int(u * len(WORDS))] for u in unit.ravel()], dtype=object).reshape(shape)
    if name == "bool":
        return unit < 0.5
    if name.startswith("complex"):
        return (unit * (high - low) + low + 1j * np.roll(unit.ravel(), 1).reshape(shape)).astype(NAMES[name])
    if name.startswith(("int", "uint")):
        low, high = int(np.floor(low)), int(np.ceil(high))
        low = max(low, 0) if name.startswith("u") else low
        return np.clip(np.floor(unit * (high - low + 1)) + low, low, high).astype(np.int64).astype(NAMES[name])
    if name in PLAIN:
        return (np.round((unit * (high - low) + low) * 8) / 8).astype(NAMES[name])
    values = unit * (high - low) + low
    if name == "float8e8m0":
        values = np.abs(values) + 0.25
    return values.astype(np.float32).astype(NAMES[name])


def wide(x):
    """The same values in a type that formulas are computed in."""
    if x.dtype == object or x.dtype.kind in "bc":
        return x
    return x.astype(np.int64) if x.dtype.kind in "iu" else x.astype(np.float64)


def f32(*v):
    return np.array(v, dtype=np.float32)


def i64(*v):
    return np.array(v, dtype=np.int64)


# ---- samples


class Sample:
    """`nodes` over `inputs` (name -> array, list for a sequence, None for an empty optional)."""

    def __init__(self, domain, op, since, label, nodes, inputs, outputs, opsets, ir, extra):
        self.domain, self.op, self.since, self.label = domain, op, since, label
        self.nodes, self.inputs, self.outputs = nodes, inputs, outputs
        self.opsets, self.ir, self.extra = opsets, ir, extra

    @property
    def pair(self):
        return self.domain, self.op, self.since


SAMPLES = []


def opsets_of(domain, since):
    if domain in ("", "ai.onnx.ml"):
        return {domain: since}
    return {domain: since, "": 27}


def sample(op, since, inputs, want, label="plain", domain="", n_out=None, outputs=None, opsets=None, **attributes):
    """One node. Inputs that are None are left out; `n_out` counts outputs, `outputs` names them ("" absent)."""
    attributes = {k: v for k, v in attributes.items() if v is not None}
    given = [(f"x{i}", x) for i, x in enumerate(inputs)]
    names = [name if x is not None else "" for name, x in given]
    while names and not names[-1]:
        names.pop()
    count = n_out or (len(want) if isinstance(want, list) else 1)
    outputs = outputs or [f"y{i}" for i in range(count)]
    node = helper.make_node(op, names, outputs, domain=domain, **attributes)
    graph(op, since, [node], {k: v for k, v in given if v is not None}, want, label, domain,
          [o for o in outputs if o], opsets)


def graph(op, since, nodes, inputs, want, label="plain", domain="", outputs=("y0",), opsets=None, ir=None, **extra):
    """Several nodes that show one operator; extra: types of ports, sparse initializers."""
    wanted = dict(zip(outputs, want)) if isinstance(want, (list, tuple)) else {o: want for o in outputs}
    opsets = opsets or opsets_of(domain, since)
    SAMPLES.append(Sample(domain, op, since, label, nodes, inputs, wanted, opsets, ir, extra))


# ---- models


def tensor_type(x):
    return helper.np_dtype_to_tensor_dtype(np.asarray(x).dtype) if np.asarray(x).dtype != object else TensorProto.STRING


def value_type(x):
    if isinstance(x, onnx.TypeProto):
        return x
    if isinstance(x, list):
        inner = value_type(x[0])
        for item in x[1:]:
            if value_type(item) != inner and inner.HasField("tensor_type"):
                inner.tensor_type.ClearField("shape")
        return helper.make_sequence_type_proto(inner)
    if isinstance(x, dict):
        value = next(iter(x.values()))
        key = TensorProto.STRING if isinstance(next(iter(x)), str) else TensorProto.INT64
        item = TensorProto.STRING if isinstance(value, str) else (
            TensorProto.INT64 if isinstance(value, (int, np.integer)) else TensorProto.FLOAT)
        return helper.make_map_type_proto(key, helper.make_tensor_type_proto(item, []))
    return helper.make_tensor_type_proto(tensor_type(x), list(np.asarray(x).shape))


def declare(name, x, given):
    return helper.make_value_info(name, given.get(name) or value_type(x))


def tensor(x, name=""):
    if isinstance(x, onnx.TensorProto):
        return x
    return numpy_helper.from_array(np.asarray(x), name)


def mapping(x):
    """A MapProto (the wheel's own from_dict refuses strings)."""
    keys = list(x)
    proto = onnx.MapProto(key_type=TensorProto.STRING if isinstance(keys[0], str) else TensorProto.INT64)
    if isinstance(keys[0], str):
        proto.string_keys.extend(k.encode() for k in keys)
    else:
        proto.keys.extend(keys)
    proto.values.CopyFrom(numpy_helper.from_list([np.asarray(v) for v in x.values()]))
    return proto


def message(x, kind):
    """The bytes of a file input_k.pb or output_k.pb."""
    if kind.HasField("optional_type"):
        proto = onnx.OptionalProto(elem_type=onnx.OptionalProto.UNDEFINED if x is None else (
            onnx.OptionalProto.SEQUENCE if isinstance(x, list) else onnx.OptionalProto.TENSOR))
        if isinstance(x, list):
            proto.sequence_value.CopyFrom(numpy_helper.from_list(x))
        elif x is not None:
            proto.tensor_value.CopyFrom(tensor(x))
        return proto.SerializeToString()
    if isinstance(x, list) and x and isinstance(x[0], dict):
        proto = onnx.SequenceProto(elem_type=onnx.SequenceProto.MAP)
        proto.map_values.extend(mapping(d) for d in x)
        return proto.SerializeToString()
    if isinstance(x, list):
        return numpy_helper.from_list(x).SerializeToString()
    if isinstance(x, dict):
        return mapping(x).SerializeToString()
    return tensor(x).SerializeToString()


def rename(nodes, prefix, outer):
    """Puts the label before every name of the sample, and before those that bodies read from outside."""
    for n in nodes:
        n.input[:] = [prefix + i if i in outer else i for i in n.input]
        n.output[:] = [prefix + o if o in outer else o for o in n.output]
        for a in n.attribute:
            if a.HasField("g"):
                rename(a.g.node, prefix, outer)
                for port in a.g.output:
                    port.name = prefix + port.name if port.name in outer else port.name


def model(samples):
    """One model of samples that share their opsets; names get the label in front when there are several."""
    first, several = samples[0], len(samples) > 1
    nodes, inputs, outputs, sparse, tensors = [], [], [], [], []
    for s in samples:
        prefix = f"{s.label}/" if several else ""
        kinds = s.extra.get("kinds", {})
        copies = [onnx.NodeProto.FromString(n.SerializeToString()) for n in s.nodes]
        rename(copies, prefix, {name for n in copies for name in [*n.input, *n.output] if name} | set(s.inputs))
        for k, n in enumerate(copies):
            n.name = f"{prefix}{n.op_type}{k or ''}"
        nodes += copies
        inputs += [(declare(prefix + k, x, {prefix + n: v for n, v in kinds.items()}), x) for k, x in s.inputs.items()]
        outputs += [(declare(prefix + k, x, {prefix + n: v for n, v in kinds.items()}), x) for k, x in s.outputs.items()]
        sparse += s.extra.get("sparse", [])
        tensors += [tensor(x, prefix + k) for k, x in s.extra.get("initializers", {}).items()]
    g = helper.make_graph(nodes, "case", [v for v, _ in inputs], [v for v, _ in outputs], tensors, sparse_initializer=sparse)
    opsets = [helper.make_opsetid(d, v) for d, v in first.opsets.items()]
    ir = first.ir or helper.find_min_ir_version_for(opsets, ignore_unknown=True)
    m = helper.make_model(g, opset_imports=opsets, ir_version=ir, functions=first.extra.get("functions", []))
    m.producer_name = ""
    return m, inputs, outputs
