#!/usr/bin/env python3
"""The Python module: everything without NumPy through bytes and memoryviews, and the rest when NumPy is
there. Models are made here, byte by byte.

usage: tests/python/test_ingot.py LIBINGOT LAYOUT [SANITIZERS]
"""

import ctypes
import gc
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

LIBRARY, LAYOUT, *SANITIZERS = sys.argv[1:]
if any(SANITIZERS):
    print("python_module: the interpreter is not built with sanitizers, skipped")
    sys.exit(77)
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
os.environ["INGOT_LIBRARY"] = LIBRARY
sys.path[:0] = [str(ROOT / "tools/python"), str(ROOT / "tests/support")]

import ingot  # noqa: E402
from ingot import _library, values  # noqa: E402
from onnx_bytes import (attribute, body, function, graph, integer, map_type, model, node,  # noqa: E402
                        optional_type, sequence_type, tensor, tensor_type, typed, value)

try:
    import numpy as np
except ImportError:
    np = None
needs_numpy = unittest.skipIf(np is None, "NumPy is not installed")

FLOAT, INT64, STRING, BFLOAT16, INT4 = 1, 7, 8, 16, 22
ADD_RELU = model([node("Add", ["x", "b"], ["s"]), node("Relu", ["s"], ["y"])],
                 [value("x", ["N", 3])], [value("y", ["N", 3])], [tensor("b", [3], [1, -2, 0.5])])
TWO = model([node("Sub", ["a", "b"], ["d"]), node("Neg", ["d"], ["n"])],
            [value("a", [2]), value("b", [2])], [value("d", [2]), value("n", [2])])
ITEMS = tensor_type(None)
GROW = model([node("SequenceInsert", ["s", "t"], ["r"])],
             [typed("s", sequence_type(ITEMS)), typed("t", ITEMS)], [typed("r", sequence_type(ITEMS))])
HAS = model([node("OptionalHasElement", ["o"], ["y"]), node("Identity", ["o"], ["same"])],
            [typed("o", optional_type(ITEMS))], [value("y", [], 9), typed("same", optional_type(ITEMS))])

ML = "ai.onnx.ml"
NAMED = map_type(STRING, tensor_type([]))
ZIP = model([node("ZipMap", ["x"], ["z"], ML, attribute("classlabels_strings", ["cat", "ü"]))],
            [value("x", ["N", 2])], [typed("z", sequence_type(NAMED))], domain=ML)


def vectorizer(key, dtype, attribute_):
    """The values of a map in the order of a vocabulary."""
    return model([node("DictVectorizer", ["x"], ["y"], ML, attribute_)],
                 [typed("x", map_type(key, tensor_type([], dtype)))], [value("y", [1, 3], dtype)], domain=ML)


BY_NAME = attribute("string_vocabulary", ["cat", "cow", "ü"])
BY_NUMBER = attribute("int64_vocabulary", [7, -1, 3])


def passing(dtype, dims):
    """y = x of a type."""
    return model([node("Identity", ["x"], ["y"])], [value("x", dims, dtype)], [value("y", dims, dtype)])


def floats(values_, shape):
    return ingot.Tensor.copy(struct.pack(f"={len(values_)}f", *values_), "float32", shape)


class Structs(unittest.TestCase):
    def test_structs_lie_as_in_the_headers(self):
        ours = {"ig_limits": _library.Limits, "ig_model_opts": _library.ModelOpts, "ig_run_opts": _library.RunOpts,
                "ig_type": _library.Type}
        rows = [line.split() for line in subprocess.run([LAYOUT], capture_output=True, text=True,
                                                        check=True).stdout.splitlines()]
        seen = {name: set() for name in ours}
        for name, member, offset, size in rows:
            if member == "-":
                self.assertEqual(ctypes.sizeof(ours[name]), int(size), name)
                continue
            place = getattr(ours[name], member)
            self.assertEqual((place.offset, place.size), (int(offset), int(size)), f"{name}.{member}")
            seen[name].add(member)
        for name, struct_ in ours.items():
            self.assertEqual(seen[name], {field[0] for field in struct_._fields_})


class Base(unittest.TestCase):
    """Without NumPy."""

    def test_a_model_says_what_it_takes_and_gives(self):
        m = ingot.Model(ADD_RELU)
        self.assertEqual(m.inputs, [("x", "tensor", "float32", ("N", 3))])
        self.assertEqual(m.outputs, [("y", "tensor", "float32", ("N", 3))])
        self.assertEqual(ingot.Model(GROW).inputs[0][:3], ("s", "sequence", "float32"))
        self.assertEqual(m.describe()["outputs"][0]["name"], "y")

    def test_inputs_go_by_name_by_position_and_alone(self):
        x = floats([1, 1, 1], (1, 3))
        for given in ({"x": x}, [x], (x,), x):
            y, = ingot.Model(ADD_RELU).run_tensors(given)
            self.assertEqual((y.dtype, y.shape), ("float32", (1, 3)))
            self.assertEqual(y.tolist(), [[2, 0, 1.5]])

    def test_outputs_can_be_chosen(self):
        m = ingot.Model(TWO)
        a, b = floats([5, 7], (2,)), floats([1, 2], (2,))
        self.assertEqual([y.tolist() for y in m.run_tensors({"b": b, "a": a})], [[4, 5], [-4, -5]])
        n, = m.run_tensors([a, b], outputs=["n"])
        self.assertEqual(n.tolist(), [-4, -5])

    def test_elements_are_read_and_written_without_a_copy(self):
        y, = ingot.Model(ADD_RELU).run_tensors(floats([0, 3, 0], (1, 3)))
        view = y.data
        self.assertEqual((view.format, view.shape, view[0, 1]), ("f", (1, 3), 1))
        self.assertTrue(y.writable)
        view[0, 1] = 9
        self.assertEqual(y.tolist(), [[1, 9, 0.5]])
        del y
        gc.collect()
        self.assertEqual(view[0, 1], 9)  # the view keeps the memory

    def test_scalars_and_empty_tensors_have_views(self):
        self.assertEqual(ingot.Tensor.copy(struct.pack("=d", 2.5), "float64", ()).data[()], 2.5)
        empty = ingot.Tensor.copy(b"", "float32", (0, 3))
        self.assertEqual((empty.shape, empty.tolist(), len(empty.data)), ((0, 3), [], 0))
        self.assertEqual(ingot.Tensor.copy(b"", "float32", (2, 0)).tolist(), [[], []])

    def test_empty_tensors_are_lists_of_their_shape(self):
        for shape, expected in (((0, 2), []), ((2, 0), [[], []]), ((2, 0, 3), [[], []]), ((0, 3, 0), []),
                                ((2, 3, 0), [[[], [], []], [[], [], []]]), ((1, 2, 0, 2), [[[], []]])):
            self.assertEqual(ingot.Tensor.copy(b"", "float32", shape).tolist(), expected, shape)

    def test_buffers_bring_their_type_and_shape(self):
        block = memoryview(struct.pack("=6q", *range(6))).cast("q", [2, 3])
        t = ingot.Tensor.copy(block)
        self.assertEqual((t.dtype, t.tolist()), ("int64", [[0, 1, 2], [3, 4, 5]]))

    def test_strings_go_through(self):
        y, = ingot.Model(passing(STRING, [2, 1])).run_tensors(ingot.Tensor.strings(["ä", b"b"], (2, 1)))
        self.assertEqual((y.dtype, y.tolist()), ("string", [["ä"], ["b"]]))
        with self.assertRaises(ingot.Unsupported):
            y.data  # noqa: B018
        with self.assertRaisesRegex(ingot.InvalidArgument, "NUL"):
            ingot.Tensor.strings(["a\0b"])

    def test_bytes_that_are_no_text_come_back(self):
        m = ingot.Model(passing(STRING, [3]))
        y, = m.run_tensors(ingot.Tensor.strings([b"a\xff", b"\xed\xb2\x80", "ü"]))
        self.assertEqual([os.fsencode(t) for t in y.tolist()], [b"a\xff", b"\xed\xb2\x80", "ü".encode()])
        again, = m.run_tensors(ingot.Tensor.strings(y.tolist()))
        self.assertEqual(again.tolist(), y.tolist())
        with self.assertRaisesRegex(ingot.InvalidArgument, "no text"):
            ingot.Tensor.strings(["\ud800"])
        m = ingot.Model(model([node("Identity", ["m"], ["same"])], [typed("m", map_type(STRING, tensor_type([], STRING)))],
                              [typed("same", map_type(STRING, tensor_type([], STRING)))]))
        same, = m.run_tensors([{b"\xfe": b"\xff"}])
        self.assertEqual(same, {"\udcfe": "\udcff"})
        self.assertEqual(m.run_tensors([same]), [same])

    def test_types_that_python_lacks_are_bytes(self):
        y, = ingot.Model(passing(BFLOAT16, [2])).run_tensors(ingot.Tensor.copy(b"\1\2\3\4", "bfloat16", (2,)))
        self.assertEqual((y.dtype, bytes(y.data)), ("bfloat16", b"\1\2\3\4"))
        with self.assertRaises(ingot.Unsupported):
            y.tolist()

    def test_sequences_are_lists(self):
        m = ingot.Model(GROW)
        one, two = floats([1], (1,)), floats([2, 3], (2,))
        grown, = m.run_tensors([[one], two])
        self.assertEqual([t.tolist() for t in grown], [[1], [2, 3]])
        grown, = m.run_tensors({"s": [], "t": two})
        self.assertEqual([t.tolist() for t in grown], [[2, 3]])

    def test_maps_are_dicts(self):
        m = ingot.Model(ZIP)
        self.assertEqual(m.outputs[0][:3], ("z", "sequence", "float32"))
        z, = m.run_tensors([floats([0.25, 0.75, 1, 0], (2, 2))])
        self.assertEqual(z, [{"cat": 0.25, "ü": 0.75}, {"cat": 1, "ü": 0}])
        self.assertEqual(type(z[0]["cat"]), float)
        m = ingot.Model(model([node("ZipMap", ["x"], ["z"], ML, attribute("classlabels_int64s", [-3, 2**62]))],
                              [value("x", [2])], [typed("z", sequence_type(map_type(INT64, tensor_type([]))))],
                              domain=ML))
        self.assertEqual(m.run_tensors([floats([2, 3], (2,))]), [[{-3: 2, 2**62: 3}]])

    def test_dicts_are_maps(self):
        for key, dtype, vocabulary, given, expected in (
                (STRING, FLOAT, BY_NAME, {"ü": 2, "ant": 1, "cat": 0.5}, [[0.5, 0, 2]]),
                (STRING, FLOAT, BY_NAME, {"cow": floats([4], ())}, [[0, 4, 0]]),
                (STRING, FLOAT, BY_NAME, {}, [[0, 0, 0]]),
                (STRING, INT64, BY_NAME, {"cow": 2**62, "cat": 3.0}, [[3, 2**62, 0]]),
                (INT64, FLOAT, BY_NUMBER, {3: 1, -1: True}, [[0, 1, 1]]),
                (INT64, STRING, BY_NUMBER, {7: "ä", 3: b"b"}, [["ä", "", "b"]])):
            m = ingot.Model(vectorizer(key, dtype, vocabulary))
            y, = m.run_tensors([given])
            self.assertEqual(y.tolist(), expected)
            self.assertEqual(m.inputs[0][:2], ("x", "map"))

    def test_dicts_that_do_not_fit_are_refused(self):
        names, numbers = vectorizer(STRING, INT64, BY_NAME), vectorizer(INT64, FLOAT, BY_NUMBER)
        for source, given, reason in ((names, {1: 1}, "keys are string"), (numbers, {"1": 1.0}, "keys are int64"),
                                      (numbers, {True: 1.0}, "keys are int64"), (numbers, {2**63: 1.0}, "keys are int64"),
                                      (names, {"a": 1, 2: 1}, "keys are string"), (names, {"a": 1.5}, "values are int64"),
                                      (names, {"a": 2**63}, "values are int64"), (names, {"a": "1"}, "values are int64"),
                                      (numbers, {1: 1e300}, "values are float32"), (numbers, {1: None}, "NoneType"),
                                      (numbers, [1], "given as a dict"), (names, {"a\0": 1}, "NUL"),
                                      (names, {"cow": floats([1], ())}, "'x' is map.string,float32")):
            with self.assertRaisesRegex(ingot.InvalidArgument, reason):
                ingot.Model(source).run_tensors([given])

    def test_maps_and_sequences_of_them_go_through(self):
        for type_, values_ in ((NAMED, [{}, {"a": 1, "b": 2}]),
                               (sequence_type(NAMED), [[], [{"a": 1}, {"b": 2, "c": 3}]]),
                               (map_type(INT64, sequence_type(tensor_type([], INT64))), [{}, {4: []}]),
                               (map_type(INT64, map_type(STRING, tensor_type([], 11))), [{-7: {"a": 0.1}, 8: {"": 1 / 3}}])):
            m = ingot.Model(model([node("Identity", ["x"], ["same"])], [typed("x", type_)], [typed("same", type_)]))
            for given in values_:
                self.assertEqual(m.run_tensors([given]), [given])

    def test_optionals_are_an_item_or_none(self):
        m = ingot.Model(HAS)
        has, same = m.run_tensors([floats([4], (1,))])
        self.assertEqual((has.tolist(), same.tolist()), (True, [4]))
        has, same = m.run_tensors([None])
        self.assertEqual((has.tolist(), same), (False, None))

    def test_paths_and_bytes_give_the_same_model(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "m.onnx")
            path.write_bytes(ADD_RELU)
            y, = ingot.Model(path).run_tensors(floats([1, 1, 1], (1, 3)))
        self.assertEqual(y.tolist(), [[2, 0, 1.5]])

    def test_options_reach_the_library(self):
        m = ingot.Model(ADD_RELU, threads=1, level=0, dims={"N": 2}, exact_conv=True)
        self.assertEqual(m.inputs[0].shape, (2, 3))
        with self.assertRaises(ingot.LimitExceeded):
            ingot.Model(ADD_RELU, limits={"nodes": 1})
        with self.assertRaisesRegex(ingot.LimitExceeded, "memory_bytes|tensor_bytes"):
            ingot.Model(ADD_RELU).run_tensors(floats([0] * 3000, (1000, 3)), limits={"tensor_bytes": 100})
        with self.assertRaisesRegex(ingot.InvalidArgument, "nods.*nodes"):
            ingot.Model(ADD_RELU, limits={"nods": 1})
        with self.assertRaisesRegex(ingot.InvalidArgument, "option 'speed'"):
            ingot.Model(ADD_RELU, speed=9)
        with self.assertRaises(ingot.InvalidArgument):
            ingot.Model(ADD_RELU, level=3)

    def test_options_are_words_and_numbers_of_python(self):
        self.assertEqual(ingot.Model(ADD_RELU, device="cpu").inputs[0].name, "x")
        with self.assertRaisesRegex(ingot.Error, "there is no device 'none'"):
            ingot.Model(ADD_RELU, device="none")
        for limits in ({"nodes": -1}, {"nodes": 2**64}, {"depth": 2**32}):
            with self.assertRaisesRegex(ingot.InvalidArgument, "cannot be"):
                ingot.Model(ADD_RELU, limits=limits)

    def test_errors_are_exceptions_with_a_status(self):
        unknown = model([node("Frobnicate", ["x"], ["y"])], [value("x", [2])], [value("y", [2])])
        for source, kind, name in ((unknown, ingot.Unsupported, "unsupported"),
                                   (b"rubbish", ingot.Error, None),
                                   ("/no/such/file.onnx", ingot.NotFound, "not found")):
            with self.assertRaises(kind) as caught:
                ingot.Model(source)
            self.assertTrue(str(caught.exception))
            if name:
                self.assertEqual(caught.exception.status_name, name)
                self.assertEqual(caught.exception.status, kind.status)
        with self.assertRaisesRegex(ingot.InvalidArgument, "'x'"):
            ingot.Model(ADD_RELU).run_tensors(floats([1, 2], (1, 2)))
        with self.assertRaisesRegex(ingot.InvalidArgument, "no input 'z'"):
            ingot.Model(ADD_RELU).run_tensors({"z": None})
        with self.assertRaises(ingot.InvalidArgument):
            ingot.Model(ADD_RELU).run_tensors([floats([1] * 3, (1, 3))] * 2)
        with self.assertRaises(ingot.InvalidArgument):
            ingot.Model(ADD_RELU).run_tensors([b"123"])
        with self.assertRaises(ingot.InvalidArgument):
            ingot.Tensor.copy(b"123", "float32", (1,))
        with self.assertRaises(ingot.InvalidArgument):
            ingot.Tensor.copy(b"1234", "float31", (1,))

    def test_numbers_in_files_have_a_point_in_every_locale(self):
        if not shutil.which("localedef") or not pathlib.Path("/usr/share/i18n/locales/de_DE").exists():
            self.skipTest("no locale can be made here")
        code = """if True:
            import locale, sys
            locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
            import ingot
            m = ingot.Model(sys.argv[1], threads=1)
            m.run_tensors([ingot.Tensor.copy(bytes(12), "float32", (1, 3))], profile=sys.argv[2])
        """
        with tempfile.TemporaryDirectory() as folder:
            at = pathlib.Path(folder)
            subprocess.run(["localedef", "-c", "-i", "de_DE", "-f", "UTF-8", at / "de_DE.UTF-8"], check=False,
                           capture_output=True)
            (at / "m.onnx").write_bytes(ADD_RELU)
            env = os.environ | {"LOCPATH": folder, "PYTHONPATH": str(ROOT / "tools/python")}
            subprocess.run([sys.executable, "-c", code, at / "m.onnx", at / "trace.json"], check=True, env=env)
            self.assertTrue(json.loads((at / "trace.json").read_text())["traceEvents"])

    def test_memory_of_the_caller_is_kept_and_let_go(self):
        before = len(values._kept)
        block = (ctypes.c_float * 3)(1, 1, 1)
        x = ingot.Tensor.wrap(block, ctypes.addressof(block), 12, "float32", (1, 3))
        self.assertEqual(len(values._kept), before + 1)
        y, = ingot.Model(ADD_RELU).run_tensors(x)
        self.assertEqual(y.tolist(), [[2, 0, 1.5]])
        del x, y
        gc.collect()
        self.assertEqual(len(values._kept), before)
        with self.assertRaises(ingot.InvalidArgument):
            ingot.Tensor.wrap(block, ctypes.addressof(block), 11, "float32", (1, 3))
        self.assertEqual(len(values._kept), before)

    def test_memory_of_a_tensor_of_the_caller_is_let_go_with_it(self):
        before, wrong = len(values._kept), []

        def work():
            block = (ctypes.c_float * 3)(1, 1, 1)
            inner = ingot.Tensor.wrap(block, ctypes.addressof(block), 12, "float32", (1, 3))
            outer = ingot.Tensor.wrap(inner, inner.address, 12, "float32", (1, 3))
            del inner, block
            del outer  # its deleter runs the other one's
            wrong.append(len(values._kept) - before)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(30)
        self.assertEqual(wrong, [0])

    def test_results_that_cannot_be_given_hold_no_memory(self):
        def refuse(_tensor):
            raise ValueError("not this one")

        block = (ctypes.c_float * 3)(1, 1, 1)
        before = len(values._kept)
        tensors = [ingot.Tensor.wrap(block, ctypes.addressof(block), 12, "float32", (3,)) for _ in range(3)]
        handles = [_library.library().ig_value_ref(t.handle) for t in tensors]
        del tensors
        with self.assertRaisesRegex(ValueError, "not this one"):
            values.from_handles(handles, refuse)
        gc.collect()
        self.assertEqual(len(values._kept), before)

    def test_dlpack_goes_both_ways(self):
        t = floats([1, 2, 3, 4], (2, 2))
        back = ingot.from_dlpack(t)
        self.assertEqual((back.dtype, back.shape, back.address), ("float32", (2, 2), t.address))
        self.assertEqual(back.tolist(), [[1, 2], [3, 4]])
        t.__dlpack__()  # a capsule that nobody takes
        from ingot import dlpack

        del t, back
        gc.collect()
        self.assertEqual(len(dlpack._lent), 0)
        y, = ingot.Model(ADD_RELU).run_tensors([Foreign(floats([1, 1, 1], (1, 3)))])
        self.assertEqual(y.tolist(), [[2, 0, 1.5]])

    def test_dlpack_copies_when_it_is_asked_to_and_what_others_read(self):
        from ingot import dlpack

        t = floats([1, 2], (2,))
        for options, same in (({}, True), ({"copy": False}, True), ({"copy": True}, False)):
            got = dlpack.from_capsule(t.__dlpack__(**options))
            self.assertEqual((got.address == t.address, got.tolist()), (same, [1, 2]), options)
        other = values.Value(_library.library().ig_value_ref(t.handle))
        self.assertNotEqual(dlpack.from_capsule(t.__dlpack__()).address, t.address)
        with self.assertRaises(BufferError):
            t.__dlpack__(copy=False)
        del other
        with self.assertRaises(BufferError):
            t.__dlpack__(dl_device=(2, 0))

    def test_dlpack_takes_empty_tensors_with_any_strides(self):
        from ingot import dlpack

        for strides in ((1, 1), (0, 1), (7, 3)):
            t = ingot.Tensor.copy(b"", "float32", (2, 0))
            capsule = t.__dlpack__()
            held, = [k for k in dlpack._lent.values() if k[2] is t]
            held[0].dl_tensor.strides = ctypes.cast((ctypes.c_int64 * 2)(*strides), ctypes.POINTER(ctypes.c_int64))
            self.assertEqual(dlpack.from_capsule(capsule).shape, (2, 0))

    def test_threads_share_a_model(self):
        m = ingot.Model(ADD_RELU)
        wrong = []

        def work(k):
            x = floats([k, k, k], (1, 3))
            for _ in range(200):
                y, = m.run_tensors({"x": x})
                if y.tolist() != [[k + 1, k - 2, k + 0.5]]:
                    wrong.append(y.tolist())

        threads = [threading.Thread(target=work, args=(k,)) for k in (2, 3, 4, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class Wide(unittest.TestCase):
    """Nodes of hundreds of inputs, outputs or captured values, at every level."""

    N = 600

    def results(self, source, *inputs):
        inputs = [floats(i, [len(i)]) if isinstance(i, list) else i for i in inputs]
        for level in range(3):
            yield from ingot.Model(source, threads=1, level=level).run_tensors(inputs)

    def test_a_body_reads_weights_outside(self):
        def branch(op):
            nodes = [node(op, [f"{op}{i - 1}" if i else "x", f"w{i}"], [f"{op}{i}"]) for i in range(self.N)]
            return graph(nodes, [], [value(f"{op}{self.N - 1}", [2])])

        source = model([node("If", ["c"], ["y"], attributes=body("then_branch", branch("Add"))
                             + body("else_branch", branch("Sub")))],
                       [value("x", [2]), value("c", [], 9)], [value("y", [2])],
                       [tensor(f"w{i}", [1], [1.0]) for i in range(self.N)])
        for yes in (False, True):
            flag = ingot.Tensor.copy(bytes([yes]), "bool", [])
            for y in self.results(source, [0.0, 0.5], flag):
                self.assertEqual(y.tolist(), [self.N, self.N + 0.5] if yes else [-self.N, 0.5 - self.N])

    def test_a_step_for_each_row_of_an_unrolled_loop(self):
        parts, made = [f"p{i}" for i in range(self.N)], [f"q{i}" for i in range(self.N)]
        nodes = [node("Split", ["x"], parts)] + [node("Neg", [p], [q]) for p, q in zip(parts, made)]
        source = model(nodes + [node("Concat", made[::-1], ["y"], attributes=integer("axis", 0))],
                       [value("x", [self.N])], [value("y", [self.N])])
        for y in self.results(source, [float(i) for i in range(self.N)]):
            self.assertEqual(y.tolist(), [-float(i) for i in range(self.N)][::-1])


class Speed(unittest.TestCase):
    def test_loading_grows_in_line_with_the_number_of_nodes(self):
        ops = ("Sin", "Add", "Tanh", "Mul", "Sub")
        inner = [node(ops[i % 5], [f"t{i - 1}" if i else "a"] + ([] if ops[i % 5] in ("Sin", "Tanh") else ["a"]),
                      [f"t{i}" if i < 9 else "b"]) for i in range(10)]
        ten = function("local", "Ten", ["a"], ["b"], inner)

        def loading(calls):
            nodes = [node("Ten", [f"v{i - 1}" if i else "x"], [f"v{i}" if i < calls - 1 else "y"], "local")
                     for i in range(calls)]
            source = model(nodes, [value("x", [1, 8])], [value("y", [1, 8])], functions=[ten], domain="local")
            times = []
            for _ in range(3):
                begin = time.process_time()
                ingot.Model(source, threads=1)
                times.append(time.process_time() - begin)
            return min(times)

        loading(10)
        small, large = loading(500), loading(2000)  # 5,000 and 20,000 nodes
        self.assertLess(large / small, 9)  # 4 when linear, 16 when squared


class Foreign:
    """A tensor of another library, as far as DLPack can tell."""

    def __init__(self, tensor_):
        self.tensor = tensor_

    def __dlpack__(self, **options):
        return self.tensor.__dlpack__(**options)

    def __dlpack_device__(self):
        return (1, 0)


@needs_numpy
class Arrays(unittest.TestCase):
    def test_arrays_go_in_and_out(self):
        x = np.array([[1, 1, 1]], np.float32)
        for given in ({"x": x}, [x], x, [[[1, 1, 1]]]):
            y, = ingot.Model(ADD_RELU).run(given)
            self.assertEqual((y.dtype, y.tolist()), (np.float32, [[2, 0, 1.5]]))
        y[0, 0] = 7  # outputs are the caller's

    def test_arrays_in_any_order_and_of_any_make_are_taken(self):
        x = np.arange(6, dtype=np.float32).reshape(3, 2)
        frozen = x.T.copy()
        frozen.flags.writeable = False
        for given in (x.T, frozen, x.T.astype(">f4")):
            y, = ingot.Model(ADD_RELU).run([given])
            np.testing.assert_array_equal(y, np.maximum(x.T + np.array([1, -2, 0.5], np.float32), 0))

    def test_lists_that_would_lose_their_meaning_are_refused(self):
        for number, given in ((INT64, [1.5, 2]), (FLOAT, [None, 1]), (FLOAT, None)):
            with self.assertRaisesRegex(ingot.InvalidArgument, "fractions|cannot be made"):
                ingot.Model(passing(number, [2])).run({"x": given})
        y, = ingot.Model(passing(INT64, [2])).run({"x": [1.0, 2]})
        self.assertEqual((y.dtype, y.tolist()), (np.int64, [1, 2]))
        y, = ingot.Model(passing(FLOAT, [0])).run({"x": []})
        self.assertEqual((y.dtype, y.shape), (np.float32, (0,)))

    def test_arrays_are_used_where_they_lie(self):
        from ingot._numpy import tensor_of

        x = np.zeros((2, 3), np.float32)
        t = tensor_of(x)
        self.assertEqual(t.address, x.ctypes.data)
        self.assertEqual(np.asarray(t).ctypes.data, x.ctypes.data)

    def test_results_outlive_model_and_input(self):
        m = ingot.Model(ADD_RELU)
        y, = m.run([np.ones((1, 3), np.float32)])
        del m
        gc.collect()
        self.assertEqual(y.tolist(), [[2, 0, 1.5]])

    def test_every_type_of_numpy_comes_back(self):
        types = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool",
                 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128"}
        for number, name in types.items():
            x = np.array([[0, 1], [1, 3]]).astype(name)
            y, = ingot.Model(passing(number, [2, 2])).run([x])
            self.assertEqual(y.dtype, x.dtype)
            np.testing.assert_array_equal(y, x)
        y, = ingot.Model(passing(STRING, [2])).run([np.array(["a", "ü"])])
        self.assertEqual(y.tolist(), ["a", "ü"])
        y, = ingot.Model(passing(FLOAT, [0, 2])).run([np.zeros((0, 2), np.float32)])
        self.assertEqual(y.shape, (0, 2))

    def test_arrays_of_bytes_that_are_no_text_come_back(self):
        m = ingot.Model(passing(STRING, [2]))
        y, = m.run([np.array([b"\xff", b"b"])])
        self.assertEqual(y.tolist(), ["\udcff", "b"])
        for given in (y, np.array(y.tolist())):
            self.assertEqual(m.run([given])[0].tolist(), y.tolist())

    def test_packed_types_are_one_element_a_byte(self):
        try:
            import ml_dtypes
        except ImportError:
            self.skipTest("ml_dtypes is not installed")
        for number, dtype in ((INT4, ml_dtypes.int4), (21, ml_dtypes.uint4), (BFLOAT16, ml_dtypes.bfloat16)):
            x = np.array([1, -7 if number == INT4 else 7, 3, 0, 2]).astype(dtype)
            y, = ingot.Model(passing(number, [5])).run([x])
            self.assertEqual(y.dtype, x.dtype)
            self.assertEqual(y.tolist(), x.tolist())

    def test_sequences_and_dlpack_of_arrays(self):
        grown, = ingot.Model(GROW).run([[np.float32([1])], np.float32([2, 3])])
        self.assertEqual([a.tolist() for a in grown], [[1], [2, 3]])
        t = ingot.from_dlpack(np.float32([1, 2]))
        self.assertEqual(t.tolist(), [1, 2])
        self.assertEqual(np.from_dlpack(t).tolist(), [1, 2])

    def test_maps_of_arrays_and_of_numbers(self):
        y, = ingot.Model(vectorizer(STRING, FLOAT, BY_NAME)).run([{"cow": np.float64(2), "cat": np.array(3, np.float32)}])
        self.assertEqual(y.tolist(), [[3, 2, 0]])
        z, = ingot.Model(ZIP).run([[[0.5, 1]]])
        self.assertEqual((z, type(z[0]["cat"])), ([{"cat": 0.5, "ü": 1}], float))
        vectors = map_type(INT64, tensor_type([2]))
        same, = ingot.Model(model([node("Identity", ["m"], ["same"])], [typed("m", vectors)],
                                  [typed("same", vectors)])).run({"m": {5: [1, 2]}})
        self.assertEqual((list(same), type(same[5]), same[5].tolist()), ([5], np.ndarray, [1, 2]))


try:
    import onnx
except ImportError:
    onnx = None
try:
    import onnxruntime
except ImportError:
    onnxruntime = None


@unittest.skipIf(onnx is None or np is None, "the onnx package is not installed")
class Backend(unittest.TestCase):
    def test_nodes_and_models_run(self):
        from ingot import backend
        from onnx import helper

        x = np.arange(4, dtype=np.float32)
        y, = backend.run_node(helper.make_node("Clip", ["x", "", "most"], ["y"]), [x, np.float32(2)])
        self.assertEqual(y.tolist(), [0, 1, 2, 2])
        parts = backend.run_node(helper.make_node("Split", ["x"], ["a", "b"], num_outputs=2), [x])
        self.assertEqual([p.tolist() for p in parts], [[0, 1], [2, 3]])
        node_ = helper.make_node("Binarizer", ["x"], ["y"], domain="ai.onnx.ml", threshold=1.0)
        y, = backend.run_node(node_, [x], outputs_info=[(np.float32, (4,))], opset_version=1)
        self.assertEqual(y.tolist(), [0, 0, 1, 1])
        y, = backend.run_model(onnx.load_from_string(ADD_RELU), [np.ones((1, 3), np.float32)])
        self.assertEqual(y.tolist(), [[2, 0, 1.5]])

    def test_a_name_that_stands_twice_needs_one_array(self):
        from ingot import backend
        from onnx import helper

        twice, x = helper.make_node("Add", ["x", "x"], ["y"]), np.array([1, np.nan], np.float32)
        for given in ([x], [x, x]):
            np.testing.assert_array_equal(backend.run_node(twice, given)[0], x + x)
        where = helper.make_node("Where", ["c", "x", "x"], ["y"])
        self.assertEqual(backend.run_node(where, [np.array([True]), x[:1]])[0].tolist(), [1])
        for given, reason in (([x, x + 1], "differs"), ([], "0 inputs were given, Add has 1"), ([x] * 3, "3 inputs")):
            with self.assertRaisesRegex(ingot.InvalidArgument, reason):
                backend.run_node(twice, given)

    def test_nodes_take_sequences_and_maps(self):
        from ingot import backend
        from onnx import helper

        x, y = np.array([1, 2]), np.array([3])
        y_, = backend.run_node(helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=0), [[x, y]])
        self.assertEqual((y_.dtype, y_.tolist()), (np.int64, [1, 2, 3]))
        insert = helper.make_node("SequenceInsert", ["s", "t"], ["r"])
        for given in ([], [x], (x, x)):
            grown, = backend.run_node(insert, [given, y])
            self.assertEqual([t.tolist() for t in grown], [[1, 2]] * len(given) + [[3]])
        vectorize = helper.make_node("DictVectorizer", ["m"], ["y"], domain=ML, string_vocabulary=["a", "b"])
        for given, expected in (({"b": 2, "c": 1}, [[0, 2]]), ({"a": np.float32(0.5)}, [[0.5, 0]])):
            self.assertEqual(backend.run_node(vectorize, [given], opset_version=1)[0].tolist(), expected)
        zip_ = helper.make_node("ZipMap", ["x"], ["z"], domain=ML, classlabels_int64s=[4, 5])
        z, = backend.run_node(zip_, [np.array([[1, 2]], np.float32)], opset_version=1)
        self.assertEqual(z, [{4: 1, 5: 2}])
        y_, = backend.run_node(helper.make_node("Neg", ["x"], ["y"]), [[[1.0, 2], [3, 4]]])  # numbers make an array
        self.assertEqual(y_.tolist(), [[-1, -2], [-3, -4]])

    @unittest.skipIf(onnxruntime is None, "onnxruntime is not installed")
    def test_classifiers_give_what_onnxruntime_gives(self):
        from ingot import backend
        from onnx import TensorProto, helper

        for words in ({"classlabels_ints": [0, 1, 5]}, {"classlabels_strings": ["cat", "dog", "ü"]}):
            (name, labels), = words.items()
            key = TensorProto.STRING if "strings" in name else TensorProto.INT64
            classify = helper.make_node(
                "LinearClassifier", ["x"], ["label", "scores"], domain=ML, coefficients=[0.5, -1, 2, 0.25, 1, -0.5],
                intercepts=[0.1, 0, -0.1], multi_class=1, post_transform="SOFTMAX", **words)
            norm = helper.make_node("Normalizer", ["scores"], ["probabilities"], domain=ML, norm="L1")
            zip_ = helper.make_node("ZipMap", ["probabilities"], ["probability"], domain=ML, **{
                "classlabels_strings" if "strings" in name else "classlabels_int64s": labels})
            maps = helper.make_sequence_type_proto(
                helper.make_map_type_proto(key, helper.make_tensor_type_proto(TensorProto.FLOAT, None)))
            graph = helper.make_graph([classify, norm, zip_], "classifier",
                                      [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
                                      [helper.make_tensor_value_info("label", key, ["N"]),
                                       helper.make_value_info("probability", maps)])
            proto = helper.make_model(graph, ir_version=8,
                                      opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(ML, 1)])
            x = np.array([[1, 2], [-3, 0.5], [0, 0]], np.float32)
            session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
            theirs = session.run(None, {"x": x})
            for ours in (ingot.Model(proto.SerializeToString()).run([x]), backend.run_model(proto, [x])):
                self.assertEqual(ours[0].tolist(), theirs[0].tolist())
                self.assertEqual([list(row) for row in ours[1]], [list(row) for row in theirs[1]])
                for row, other in zip(ours[1], theirs[1]):
                    self.assertEqual({type(v) for v in row.values()}, {type(v) for v in other.values()})
                    np.testing.assert_allclose(list(row.values()), list(other.values()), rtol=1e-6)

    def test_devices_and_gaps_are_told(self):
        from ingot import backend

        self.assertTrue(backend.supports_device("CPU"))
        for word in ("CUDA:1", "foo", "CPU:x", ""):
            self.assertFalse(backend.supports_device(word), word)
        with self.assertRaises(ingot.Unsupported):
            backend.prepare(onnx.load_from_string(ADD_RELU), "foo")
        with self.assertRaises(ingot.Unsupported):
            backend.prepare(onnx.load_from_string(ADD_RELU), "CUDA")
        unknown = model([node("Frobnicate", ["x"], ["y"])], [value("x", [2])], [value("y", [2])])
        self.assertFalse(backend.is_compatible(onnx.load_from_string(unknown)))
        self.assertTrue(backend.is_compatible(onnx.load_from_string(ADD_RELU)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
