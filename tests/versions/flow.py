"""If, Loop, Scan and SequenceMap: the types that each version added, captures, early ends, axes."""

import numpy as np
from onnx import TensorProto, helper

from frame import data, every, f32, graph, i64, tensor_type, versions, wide
from casts import code


def port(name, kind, shape=None):
    return helper.make_tensor_value_info(name, kind, shape)


def node(op, ins, outs, **attributes):
    return helper.make_node(op, ins.split(), outs.split(), **attributes)


def body(name, nodes, ins, outs):
    return helper.make_graph(nodes, name, ins, outs)


def conditions():
    for since, name in every("If", output=True):
        x, z = data(name, (2, 3), seed=1), data(name, (2,), seed=2)
        kind = code(name)
        yes = body("yes", [node("Identity", "x", "t")], [], [port("t", kind, [2, 3])])
        no = body("no", [node("Identity", "z", "e")], [], [port("e", kind, [2])])
        for label, cond in (("then", True), ("else", False)):
            n = node("If", "c", "y", then_branch=yes, else_branch=no)
            graph("If", since, [n], {"c": np.array(cond), "x": x, "z": z}, [x if cond else z], label=f"{name}_{label}", outputs=["y"],
                  kinds={"y": helper.make_tensor_type_proto(kind, None)})
    for since in versions("If"):
        if since < 13:
            continue
        x, z = f32(1, 2), f32(3)
        some = helper.make_tensor_sequence_value_info
        yes = body("yes", [node("SequenceConstruct", "x z", "t")], [], [some("t", 1, None)])
        no = body("no", [node("SequenceConstruct", "z", "e")], [], [some("e", 1, None)])
        n = node("If", "c", "y", then_branch=yes, else_branch=no)
        kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, None))
        graph("If", since, [n], {"c": np.array(True), "x": x, "z": z}, [[x, z]], label="sequence", outputs=["y"], kinds={"y": kind})
    for since in versions("If"):
        if since < 16:
            continue
        x = f32(1, 2)
        kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(1, None))
        yes = body("yes", [node("Optional", "x", "t")], [], [helper.make_value_info("t", kind)])
        no = body("no", [node("Optional", "", "e", type=helper.make_tensor_type_proto(1, None))], [], [helper.make_value_info("e", kind)])
        for label, cond in (("full", True), ("empty", False)):
            nodes = [node("If", "c", "o", then_branch=yes, else_branch=no), node("OptionalHasElement", "o", "y")]
            graph("If", since, nodes, {"c": np.array(cond), "x": x}, [np.array(cond)], label=f"optional_{label}", outputs=["y"])


def loops():
    for since, name in every("Loop", output=True):
        x = data(name, (2,), seed=3)
        kind, flag = code(name), TensorProto.BOOL
        b = body("b", [node("Identity", "go", "on"), node("Identity", "s", "t"), node("Identity", "s", "u")],
                 [port("i", 7, []), port("go", flag, []), port("s", kind, [2])],
                 [port("on", flag, []), port("t", kind, [2]), port("u", kind, [2])])
        graph("Loop", since, [node("Loop", "m c x", "y z", body=b)], {"m": np.array(3, np.int64), "c": np.array(True), "x": x},
              [x, np.stack([x] * 3)], label=name, outputs=["y", "z"])
    for since in versions("Loop"):
        b = body("b", [node("Add", "s k", "t"), node("Less", "t limit", "on"), node("Identity", "t", "u")],
                 [port("i", 7, []), port("go", 9, []), port("s", 1, [1])], [port("on", 9, [1]), port("t", 1, [1]), port("u", 1, [1])])
        inputs = {"x": f32(0), "k": f32(2), "limit": f32(5)}
        late = dict(inputs, c=np.array(True))
        if since == 1:  # Less of version 1 compares equal shapes only, which these are
            graph("Loop", since, [node("Loop", "m c x", "y z", body=b)], dict(late, m=np.array(10, np.int64)),
                  [f32(6), f32(2, 4, 6).reshape(3, 1)], label="ends_early", outputs=["y", "z"])
        else:
            n = helper.make_node("Loop", ["", "c", "x"], ["y", "z"], body=b)
            graph("Loop", since, [n], late, [f32(6), f32(2, 4, 6).reshape(3, 1)], label="ends_early", outputs=["y", "z"])
        n = helper.make_node("Loop", ["m", "c", "x"], ["y", "z"], body=b)
        graph("Loop", since, [n], dict(late, c=np.array(False), m=np.array(10, np.int64)), [f32(0), np.zeros((0, 1), np.float32)],
              label="never", outputs=["y", "z"])
        if since >= 13:
            some = helper.make_tensor_sequence_value_info
            b = body("b", [node("SequenceInsert", "s x", "t"), node("Identity", "go", "on")],
                     [port("i", 7, []), port("go", 9, []), some("s", 1, None)], [port("on", 9, []), some("t", 1, None)])
            nodes = [node("SequenceEmpty", "", "e"), helper.make_node("Loop", ["m", "", "e"], ["y"], body=b)]
            nodes[0].ClearField("input")
            kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, None))
            graph("Loop", since, nodes, {"m": np.array(2, np.int64), "x": f32(1, 2)}, [[f32(1, 2)] * 2], label="sequence",
                  outputs=["y"], kinds={"y": kind})


def scans():
    for since, name in every("Scan", output=True):
        x = data(name, (3, 2), seed=4)
        first = data(name, (2,), seed=5)
        kind = code(name)
        b = body("b", [node("Identity", "e", "t"), node("Identity", "s", "u")], [port("s", kind, [2]), port("e", kind, [2])],
                 [port("t", kind, [2]), port("u", kind, [2])])
        seen = np.concatenate([first[None], x[:2]])
        if since == 8:
            n = helper.make_node("Scan", ["", "s0", "x"], ["y", "z"], body=b, num_scan_inputs=1)
            graph("Scan", since, [n], {"s0": first[None], "x": x[None]}, [x[None, 2], seen[None]], label=name, outputs=["y", "z"])
        else:
            n = node("Scan", "s0 x", "y z", body=b, num_scan_inputs=1)
            graph("Scan", since, [n], {"s0": first, "x": x}, [x[2], seen], label=name, outputs=["y", "z"])
    for since in versions("Scan"):
        kind = tensor_type(f32(0))
        b = body("b", [node("Add", "s e", "t"), node("Identity", "t", "u")], [port("s", kind, [2]), port("e", kind, [2])],
                 [port("t", kind, [2]), port("u", kind, [2])])
        x = data("float", (2, 3), seed=6)
        back = np.cumsum(wide(x)[:, ::-1], axis=1).astype(np.float32)  # columns, last first
        if since == 8:
            rows = x.T.copy()[None]
            n = helper.make_node("Scan", ["", "s0", "x"], ["y", "z"], body=b, num_scan_inputs=1, directions=[1])
            graph("Scan", since, [n], {"s0": np.zeros((1, 2), np.float32), "x": rows}, [back[None, :, 2], back.T[None]], label="reverse",
                  outputs=["y", "z"])
            n = helper.make_node("Scan", ["n", "s0", "x"], ["y", "z"], body=b, num_scan_inputs=1)
            part = np.cumsum(x.T[:2], axis=0)
            graph("Scan", since, [n], {"n": i64(2), "s0": np.zeros((1, 2), np.float32), "x": rows},
                  [part[None, 1], np.concatenate([part, np.zeros((1, 2), np.float32)])[None]], label="lengths", outputs=["y", "z"])
            continue
        n = node("Scan", "s0 x", "y z", body=b, num_scan_inputs=1, scan_input_axes=[1 if since < 11 else -1],
                 scan_input_directions=[1], scan_output_axes=[1], scan_output_directions=[1])
        graph("Scan", since, [n], {"s0": np.zeros(2, np.float32), "x": x}, [back[:, 2], back[:, ::-1].copy()], label="axes", outputs=["y", "z"])


def maps():
    b = body("b", [node("Add", "e k", "t")], [port("e", 1, None), port("k", 1, None)], [port("t", 1, None)])
    n = node("SequenceMap", "s k", "y", body=b)
    s = [f32(1, 2), f32(3)]
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, None))
    graph("SequenceMap", 17, [n], {"s": s, "k": f32(10)}, [[f32(11, 12), f32(13)]], label="added", outputs=["y"],
          kinds={"s": kind, "y": kind})


def make():
    conditions()
    loops()
    scans()
    maps()
