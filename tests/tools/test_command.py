#!/usr/bin/env python3
"""Runs the ingot command as people do: each command, its exit codes, what goes to which stream,
and what it does with bad input. Models are made here, byte by byte.

usage: tests/tools/test_command.py INGOT SOURCE
"""

import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from onnx_bytes import (field, model, node, optional_type, sequence_type, tensor, tensor_type, typed,  # noqa: E402
                        value)

INGOT, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
COMMANDS = "run info verify test bench profile dot convert optimize compare ops doctor".split()

# ---- files ----


def ml_node(op, inputs, outputs, attribute, strings):
    listed = field(1, attribute) + b"".join(field(9, s) for s in strings) + field(20, 8)
    return node(op, inputs, outputs, "ai.onnx.ml") + field(5, listed)


def string_map(dtype=1):
    """The type map(string, tensor)."""
    return field(5, field(1, 8) + field(2, field(1, field(1, dtype))))


def loop_model():
    """s := Sin(s + s), three times, and then once more in a body of a body."""
    def body(name, nodes, result):
        g = (b"".join(field(1, n) for n in nodes) + field(2, name)
             + field(11, value("i", [], 7)) + field(11, value("go", [], 9))
             + field(11, value("s", [3])) + field(12, value("go", [], 9)) + field(12, value(result, [3])))
        return field(1, "body") + field(6, g) + field(20, 5)

    def number(name, v):
        return field(2, 7) + field(8, name) + field(9, struct.pack("<q", v))

    def loop(most, state, result, attribute):
        return node("Loop", [most, "", state], [result]) + field(5, attribute)

    inner = body("inner", [node("Cos", ["s"], ["inner_s"])], "inner_s")
    outer = body("outer", [node("Add", ["s", "s"], ["t"]), node("Sin", ["t"], ["u"]),
                           loop("two", "u", "v", inner)], "v")
    return model([loop("three", "x", "y", outer)], [value("x", [3])], [value("y", [3])],
                 [number("two", 2), number("three", 3)])


def npy(dims, floats):
    shape = "".join(f"{d}," for d in dims)
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + struct.pack(f"<{len(floats)}f", *floats)


def npy_floats(path):
    data = path.read_bytes()
    at = 10 + struct.unpack("<H", data[8:10])[0]
    return list(struct.unpack(f"<{(len(data) - at) // 4}f", data[at:]))


def png(width, height, rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    raw = b"".join(b"\0" + bytes(row) for row in rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


# y = relu(x + b) over [N, 3]
ADD_RELU = model([node("Add", ["x", "b"], ["s"]), node("Relu", ["s"], ["y"])],
                 [value("x", ["N", 3])], [value("y", ["N", 3])], [tensor("b", [3], [1, -2, 0.5])])
PICTURE = model([node("Identity", ["image"], ["y"])], [value("image", [1, 1, 2, 2])], [value("y", [1, 1, 2, 2])])
ML = field(8, field(1, "ai.onnx.ml") + field(2, 1))
# rows of scores as maps, and a map as a row
ZIP = ML + model([ml_node("ZipMap", ["x"], ["z"], "classlabels_strings", ["cat", "dog"])], [value("x", ["N", 2])],
            [field(1, "z") + field(2, field(4, field(1, string_map())))])
DICT = ML + model([ml_node("DictVectorizer", ["x"], ["y"], "string_vocabulary", ["cat", "cow", "dog"])],
             [field(1, "x") + field(2, string_map())], [value("y", [1, 3])])
UNKNOWN = model([node("Frobnicate", ["x"], ["t"]), node("Twiddle", ["t"], ["y"])],
                [value("x", [2])], [value("y", [2])])


class Command(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.at = pathlib.Path(self.folder.name)
        (self.at / "m.onnx").write_bytes(ADD_RELU)
        (self.at / "x.npy").write_bytes(npy([1, 3], [1, 1, 1]))

    def run_it(self, *words, code=0, stdin=None):
        done = subprocess.run([INGOT, *map(str, words)], cwd=self.at, input=stdin, capture_output=True,
                              check=False, timeout=300)
        self.out, self.err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, code, f"{words}\n{self.out}\n{self.err}")
        return self.out

    def run_json(self, *words, code=0):
        return json.loads(self.run_it(*words, "--json", code=code))

    # ---- the frame ----

    def test_help_begins_with_examples_and_names_every_option(self):
        self.assertIn("Examples:", self.run_it("--help").split("Usage:")[0])
        for command in COMMANDS:
            out = self.run_it(command, "--help")
            self.assertLess(out.index("Examples:"), out.index("Usage:"))
            self.assertIn("--help", out)
            self.assertIn("Exit codes:", out)
            self.assertFalse(re.search(r" +$", out, re.M), f"{command}: blanks at a line's end")
            self.assertLessEqual(max(map(len, out.splitlines())), 90)

    def test_no_command_is_a_usage_error(self):
        self.run_it(code=2)

    def test_a_misspelt_command_or_option_gets_the_nearest_one(self):
        self.run_it("rnu", code=2)
        self.assertIn("did you mean run?", self.err)
        self.run_it("run", "m.onnx", "--therads", "2", code=2)
        self.assertIn("did you mean --threads?", self.err)
        self.run_it("run", "m.onnx", "--limits", "nods=3", code=2)
        self.assertIn("did you mean nodes?", self.err)
        self.assertEqual(self.out, "")

    def test_wrong_values_and_counts_are_usage_errors(self):
        for words in (["run"], ["run", "m.onnx", "--threads", "many"], ["run", "m.onnx", "--top"],
                      ["info", "m.onnx", "more"], ["info", "m.onnx", "--json=yes"],
                      ["run", "m.onnx", "--level", "3"], ["convert", "m.onnx", "m.txt"]):
            self.run_it(*words, code=2)
            self.assertTrue(self.err.startswith("ingot: error: "), self.err)

    def test_version_names_build_cpu_and_onednn(self):
        out = self.run_it("--version")
        for word in ("ingot ", "build:", "oneDNN:", "ISA:"):
            self.assertIn(word, out)
        self.assertIn("version", json.loads(self.run_it("-V", "--json")))

    def test_no_colour_and_no_bars_outside_a_terminal(self):
        self.run_it("bench", "m.onnx", "--runs", "3")
        self.assertNotIn("\x1b", self.out + self.err)
        self.assertNotIn("\r", self.out + self.err)

    def test_errors_are_json_too(self):
        error = self.run_json("run", "none.onnx", code=7)["error"]
        self.assertEqual(error["exit"], 7)
        self.assertIn("none.onnx", error["message"])
        self.assertEqual(self.run_json("run", code=2)["error"]["status"], "usage")

    # ---- run ----

    def test_run_reads_by_position_and_by_name(self):
        for word in ("x.npy", "x=x.npy"):
            outputs = self.run_json("run", "m.onnx", word)["outputs"]
            self.assertEqual(outputs, [{"name": "y", "type": "float32", "shape": [1, 3], "complete": True,
                                        "values": [2, 0, 1.5]}])

    def test_run_reads_the_model_from_standard_input(self):
        out = self.run_it("run", "-", "x.npy", "--json", stdin=ADD_RELU)
        self.assertEqual(json.loads(out)["outputs"][0]["values"], [2, 0, 1.5])

    def test_run_makes_inputs_up_with_a_note(self):
        self.assertIn("float32[1,3]", self.run_it("run", "m.onnx"))
        self.assertIn("made up", self.err)
        self.run_it("run", "m.onnx", "-q")
        self.assertEqual(self.err, "")
        self.assertEqual(self.run_json("run", "m.onnx", "--dim", "N=2")["outputs"][0]["shape"], [2, 3])

    def test_run_makes_up_sequences_optionals_and_maps(self):
        numbers = sequence_type(tensor_type([2, "M"]))
        for name, inputs, nodes, types in (
                ("s", numbers, [node("ConcatFromSequence", ["x"], ["y"]) + field(5, field(1, "axis") + field(3, 0) + field(20, 2))],
                 tensor_type(None)),
                ("o", optional_type(numbers), [node("OptionalGetElement", ["x"], ["s"]),
                                               node("SequenceLength", ["s"], ["y"])], tensor_type([], 7)),
                ("e", optional_type(tensor_type(None)), [node("OptionalHasElement", ["x"], ["y"])], tensor_type([], 9))):
            (self.at / f"{name}.onnx").write_bytes(model(nodes, [typed("x", inputs)], [typed("y", types)]))
        y = self.run_json("run", "s.onnx", "ones")["outputs"][0]
        self.assertEqual((y["shape"], y["values"]), ([2, 1], [1, 1]))
        self.run_it("run", "s.onnx")
        self.assertIn("x sequence(float32[...])", self.err)
        self.assertEqual(self.run_json("run", "o.onnx")["outputs"][0]["values"], [1])
        self.assertEqual(self.run_json("run", "e.onnx")["outputs"][0]["values"], [True])
        (self.at / "dict.onnx").write_bytes(DICT)
        self.assertEqual(self.run_json("run", "dict.onnx")["outputs"][0]["shape"], [1, 3])
        self.assertIn("x map(string,float32[...])", self.err)
        self.run_it("bench", "dict.onnx", "--runs", "2")

    def test_run_knows_zeros_ones_and_seeds(self):
        self.assertEqual(self.run_json("run", "m.onnx", "zeros")["outputs"][0]["values"], [1, 0, 0.5])
        self.assertEqual(self.run_json("run", "m.onnx", "x=ones")["outputs"][0]["values"], [2, 0, 1.5])
        seven = self.run_json("run", "m.onnx", "random:7")["outputs"]
        self.assertEqual(seven, self.run_json("run", "m.onnx", "random:7")["outputs"])
        self.assertNotEqual(seven, self.run_json("run", "m.onnx", "random:8")["outputs"])
        self.run_it("run", "m.onnx", "random:x", code=1)

    def test_run_writes_outputs_that_compare_reads(self):
        self.run_it("run", "m.onnx", "x.npy", "--out", "results")
        self.assertEqual(npy_floats(self.at / "results/y.npy"), [2, 0, 1.5])
        self.run_it("compare", "m.onnx", "results", "x.npy", "--level", "0")
        (self.at / "results/y.npy").write_bytes(npy([1, 3], [2, 0, 1.6]))
        report = self.run_json("compare", "m.onnx", "results", "x.npy", code=1)
        self.assertEqual(report["outputs"][0]["mismatches"], 1)

    def test_names_that_are_no_file_names_are_written_and_read_again(self):
        names = ["/a/b", "_a_b", ".c", "d" * 300, "d" * 299 + "e"]
        (self.at / "names.onnx").write_bytes(model([node(op, ["x"], [n]) for op, n in zip(
            ("Relu", "Neg", "Abs", "Exp", "Sin"), names)], [value("x", [3])], [value(n, [3]) for n in names]))
        self.run_it("run", "names.onnx", "--out", "named")
        self.assertEqual(len(list((self.at / "named").iterdir())), len(names))
        report = self.run_json("compare", "names.onnx", "named")
        self.assertEqual([(o["name"], o["equal"]) for o in report["outputs"]], [(n, True) for n in names])

    def test_json_holds_every_digit_of_every_type(self):
        for dtype, bytes_, expected in (
                (13, struct.pack("<2Q", 2**64 - 1, 5), [2**64 - 1, 5]), (7, struct.pack("<q", -2**63), [-2**63]),
                (11, struct.pack("<2d", 0.1 + 0.2, 1 / 3), [0.1 + 0.2, 1 / 3]),
                (14, struct.pack("<4f", 1, 2, 3, -4), [[1, 2], [3, -4]]),
                (15, struct.pack("<2d", 0.1 + 0.2, -1 / 3), [[0.1 + 0.2, -1 / 3]])):
            (self.at / "typed.onnx").write_bytes(model([node("Identity", ["x"], ["y"])], [value("x", [len(expected)], dtype)],
                                           [value("y", [len(expected)], dtype)]))
            (self.at / "x.raw").write_bytes(bytes_)
            out = self.run_json("run", "typed.onnx", "x.raw")
            self.assertEqual(out["outputs"][0]["values"], expected)

    def test_run_prints_the_largest_with_labels(self):
        (self.at / "names.txt").write_text("cat\ndog\nowl\n")
        lines = self.run_it("run", "m.onnx", "x.npy", "--top", "2", "--labels", "names.txt").splitlines()
        self.assertIn("cat", lines[0])
        self.assertIn("owl", lines[1])

    def test_run_reads_an_image_as_the_input_asks(self):
        if "PNG" not in self.run_json("doctor")["images"].split(";")[0]:
            self.skipTest("the decoders of images were not built")
        (self.at / "p.onnx").write_bytes(PICTURE)
        (self.at / "p.png").write_bytes(png(2, 2, [[0, 51], [102, 255]]))
        values = self.run_json("run", "p.onnx", "p.png")["outputs"][0]["values"]
        for got, want in zip(values, [0, 0.2, 0.4, 1]):
            self.assertAlmostEqual(got, want, 6)
        (self.at / "p.pgm").write_bytes(b"P5 4 4 255\n" + bytes([51]) * 16)
        values = self.run_json("run", "p.onnx", "p.pgm", "--mean", "0.1", "--std", "0.5")["outputs"][0]["values"]
        for got in values:
            self.assertAlmostEqual(got, 0.2, 6)

    def test_images_say_what_to_install_when_the_decoders_are_missing(self):
        (self.at / "p.onnx").write_bytes(PICTURE)
        (self.at / "p.png").write_bytes(png(2, 2, [[0, 51], [102, 255]]))
        (self.at / "p.pgm").write_bytes(b"P5 4 4 255\n" + bytes([51]) * 16)
        os.environ["INGOT_COMPANIONS"] = str(self.at)
        self.addCleanup(os.environ.pop, "INGOT_COMPANIONS")
        self.run_it("run", "p.onnx", "p.png", code=4)
        self.assertIn("libwebp", self.err)
        self.run_it("run", "p.onnx", "p.pgm")
        self.assertIn("libwebp", self.run_json("doctor")["images"])

    def test_run_prints_maps(self):
        (self.at / "zip.onnx").write_bytes(ZIP)
        (self.at / "scores.npy").write_bytes(npy([2, 2], [0.25, 0.75, 1, 0]))
        out = self.run_it("run", "zip.onnx", "scores.npy")
        self.assertIn("z: sequence(map(string,float32[...])) with 2 items", out)
        self.assertIn('  {"cat": 0.25, "dog": 0.75}\n  {"cat": 1, "dog": 0}\n', out)
        made = self.run_json("run", "zip.onnx", "scores.npy")["outputs"][0]
        self.assertEqual(made["type"], "sequence(map(string,float32[...]))")
        self.assertEqual(made["items"][0], [{"key": "cat", "value": 0.25}, {"key": "dog", "value": 0.75}])

    def test_run_reads_a_map(self):
        (self.at / "dict.onnx").write_bytes(DICT)
        items = field(2, 1) + field(3, tensor("", [], [5])) + field(3, tensor("", [], [7]))
        (self.at / "x.pb").write_bytes(field(2, 8) + field(4, "dog") + field(4, "ant") + field(5, items))
        made = self.run_json("run", "dict.onnx", "x.pb")["outputs"][0]
        self.assertEqual((made["shape"], made["values"]), ([1, 3], [0, 0, 5]))
        self.run_it("run", "dict.onnx", "x.npy", code=1)
        self.assertIn("the model takes map(string,float32[...])", self.err)

    def test_run_reads_raw_bytes(self):
        (self.at / "x.raw").write_bytes(struct.pack("<6f", *[1] * 6))
        self.run_it("run", "m.onnx", "x.raw", code=1)
        outputs = self.run_json("run", "m.onnx", "x.raw", "--raw-dims", "2,3")["outputs"]
        self.assertEqual(outputs[0]["shape"], [2, 3])

    def test_run_refuses_inputs_that_do_not_fit(self):
        (self.at / "bad.npy").write_bytes(npy([1, 4], [1] * 4))
        self.run_it("run", "m.onnx", "bad.npy", code=1)
        self.assertIn("'x'", self.err)
        self.run_it("run", "m.onnx", "y=x.npy", code=2)
        self.run_it("run", "m.onnx", "x.npy", "x.npy", code=2)
        self.run_it("run", "m.onnx", "none.npy", code=7)

    # ---- models that are not right ----

    def test_exit_codes_tell_what_was_wrong_with_the_model(self):
        (self.at / "u.onnx").write_bytes(UNKNOWN)
        (self.at / "cut.onnx").write_bytes(ADD_RELU[:-20])
        self.run_it("run", "cut.onnx", code=3)
        self.run_it("verify", "cut.onnx", code=3)
        self.run_it("run", "u.onnx", code=4)
        self.run_it("run", "m.onnx", "--limits", "nodes=1", code=5)
        self.run_it("run", "m.onnx", "--device", "abacus", code=6)
        self.run_it("run", "m.onnx", "--device", "cuda", code=6)
        self.run_it("run", "none.onnx", code=7)

    def test_a_device_loads_only_a_plugin_that_nobody_else_may_write(self):
        for folder in ("bin", "lib/ingot"):
            (self.at / folder).mkdir(parents=True, mode=0o755)
        shutil.copy(INGOT, self.at / "bin/ingot")
        plugin, folder = self.at / "lib/ingot/ingot_acme.so", self.at / "lib/ingot"
        plugin.write_bytes(b"no library")

        def message(name, code):
            done = subprocess.run([self.at / "bin/ingot", "run", "m.onnx", "--device", name], cwd=self.at,
                                  capture_output=True, check=False, timeout=60)
            self.assertEqual(done.returncode, code, done.stderr)
            return done.stderr.decode()
        plugin.chmod(0o644)
        folder.chmod(0o755)
        self.assertIn("ingot_acme.so", message("acme", 7))  # it is tried, and is no library
        plugin.chmod(0o666)
        self.assertIn("others may have written it", message("acme", 6))
        plugin.chmod(0o644)
        folder.chmod(0o777)
        self.assertIn("others may have written it", message("acme", 6))
        folder.chmod(0o755)
        plugin.rename(self.at / "x.so")
        plugin.symlink_to(self.at / "x.so")
        self.assertIn("no regular file", message("acme", 6))
        message("../ingot/ingot_acme", 6)  # a name, never a path

    def test_info_lists_all_that_is_unsupported(self):
        (self.at / "u.onnx").write_bytes(UNKNOWN)
        out = self.run_it("info", "u.onnx", code=4)
        self.assertIn("Frobnicate", out)
        self.assertIn("Twiddle (opset 17) x1", out)
        self.assertIn("x  float32[2]", out)
        report = self.run_json("info", "u.onnx", code=4)
        self.assertFalse(report["supported"])
        self.assertEqual(len(report["unsupported"]), 2)
        self.assertEqual(report["model"]["operators"], {"Frobnicate": 1, "Twiddle": 1})

    def test_info_shows_ports_operators_and_kernels(self):
        out = self.run_it("info", "m.onnx", "--nodes")
        for word in ("x  float32[N,3]", "y  float32[N,3]", "Relu", "kernels"):
            self.assertIn(word, out)
        described = self.run_json("info", "m.onnx")["model"]
        self.assertEqual(described["operators"], {"Add": 1, "Relu": 1})

    def test_verify_says_valid(self):
        self.assertIn("valid", self.run_it("verify", "m.onnx", "--limits", "hostile"))
        self.assertTrue(self.run_json("verify", "m.onnx")["valid"])

    def test_dot_draws_nodes_and_labels_edges(self):
        out = self.run_it("dot", "m.onnx")
        self.assertIn("digraph", out)
        self.assertIn('label="Relu"', out)
        self.assertIn('"float32[N,3]"', out)
        self.assertEqual(out.count("{"), out.count("}"))
        self.run_it("dot", "m.onnx", "--max-nodes", "1", code=5)

    def test_convert_keeps_results(self):
        self.run_it("convert", "m.onnx", "m.ingot")
        self.run_it("convert", "m.ingot", "again.onnx")
        for path in ("m.ingot", "again.onnx"):
            self.assertEqual(self.run_json("run", path, "x.npy")["outputs"][0]["values"], [2, 0, 1.5])
        self.run_it("optimize", "m.onnx", "fast.ingot")
        self.assertEqual(self.run_json("run", "fast.ingot", "x.npy")["outputs"][0]["values"], [2, 0, 1.5])

    def test_bench_and_profile_report_times(self):
        bench = self.run_json("bench", "m.onnx", "--runs", "5")
        self.assertEqual(len(bench["runs_ms"]), 5)
        for key in ("median_ms", "p99_ms", "load_ms", "peak_rss_bytes", "arena_bytes"):
            self.assertIn(key, bench)
        self.assertLessEqual(bench["median_ms"], bench["p99_ms"])
        self.assertIn("Relu", self.run_it("profile", "m.onnx", "--level", "0", "--out", "trace.json"))
        trace = json.loads((self.at / "trace.json").read_text())
        self.assertTrue(all(e["ph"] == "X" for e in trace["traceEvents"]))

    def test_info_and_profile_look_into_bodies(self):
        (self.at / "loop.onnx").write_bytes(loop_model())
        info = self.run_json("info", "loop.onnx")["model"]
        self.assertEqual(info["operators"], {"Loop": 1})
        self.assertEqual(info["body_operators"]["Cos"], 1)
        outer = info["nodes"][0]["bodies"][0]
        self.assertEqual(outer["attribute"], "body")
        self.assertEqual([n["op"] for n in outer["nodes"]], ["Add", "Sin", "Loop"])
        self.assertEqual(outer["nodes"][0]["kernel"], "simd")
        inner = outer["nodes"][2]["bodies"][0]["nodes"]
        self.assertEqual([n["op"] for n in inner], ["Cos"])
        text = self.run_it("info", "loop.onnx", "--nodes")
        self.assertRegex(text, r"(?m)^    \S+  Add  simd$")
        self.assertRegex(text, r"(?m)^        \S+  Cos  ")

        rows = self.run_json("profile", "loop.onnx", "--out", "trace.json")["rows"]
        self.assertEqual([r["name"] for r in rows], ["Loop"])
        inside = {r["name"]: r for r in rows[0]["inside"]}
        self.assertEqual({n: r["count"] for n, r in inside.items()}, {"Add": 3, "Sin": 3, "Loop": 3})
        self.assertEqual([(r["name"], r["count"]) for r in inside["Loop"]["inside"]], [("Cos", 6)])
        self.assertLessEqual(sum(r["ms"] for r in inside.values()), rows[0]["ms"])
        trace = json.loads((self.at / "trace.json").read_text())
        cos = [e for e in trace["traceEvents"] if e["cat"] == "Cos"]
        self.assertEqual(len(cos), 6)
        self.assertTrue(all("inside" in e["args"] for e in cos))
        text = self.run_it("profile", "loop.onnx", "--by-node")
        self.assertRegex(text, r"(?m)   6      \S+ ")
        self.assertRegex(text, r"(?m)   3    \S+ \(simd\)$")

    def test_ops_and_doctor(self):
        self.assertIn("Conv", self.run_it("ops"))
        self.assertEqual([o["name"] for o in self.run_json("ops", "Relu")["operators"]], ["Relu"])
        self.run_it("ops", "Rleu", code=2)
        self.assertIn("did you mean Relu?", self.err)
        conv = self.run_json("ops", "Conv")["operators"]
        self.assertIn([1, 11, 22], [o["opsets"] for o in conv])
        self.assertEqual(self.run_json("ops", "FusedConv")["read_as_others"], ["com.microsoft::FusedConv"])
        self.assertIn("read as operators above", self.run_it("ops", "com.microsoft::FusedConv"))
        self.assertTrue(self.run_json("doctor")["ok"])

    # ---- test ----

    def test_cases_run_after_a_round_trip(self):
        self.case("good", ADD_RELU, [2, 0, 1.5])
        for format_ in ("ingot", "onnx"):
            self.assertIn("1 passed, 0 failed", self.run_it("test", "cases", "--round-trip", format_))
        self.run_it("test", "cases", "--round-trip", "pb", code=2)

    def case(self, name, bytes_, want):
        data = self.at / "cases" / name / "test_data_set_0"
        data.mkdir(parents=True)
        (data.parent / "model.onnx").write_bytes(bytes_)
        (data / "input_0.pb").write_bytes(tensor("x", [1, 3], [1, 1, 1]))
        (data / "output_0.pb").write_bytes(tensor("y", [1, 3], want))

    def test_test_reports_each_case_and_counts(self):
        self.case("a/good", ADD_RELU, [2, 0, 1.5])
        self.case("a/wrong", ADD_RELU, [2, 0, 1.6])
        self.case("b/unknown", UNKNOWN, [1, 1, 1])
        out = self.run_it("test", "cases", "--json", "r.json", "--jobs", "2", code=1)
        self.assertEqual(out.splitlines()[-1], "1 passed, 2 failed")
        report = json.loads((self.at / "r.json").read_text())
        self.assertEqual({c["name"]: c["status"] for c in report["cases"]},
                         {"a/good": "passed", "a/wrong": "failed", "b/unknown": "unsupported"})
        self.assertEqual(report["unsupported_operators"], {"Frobnicate": 1, "Twiddle": 1})
        self.assertIn("expected 1.6", next(c["message"] for c in report["cases"] if c["name"] == "a/wrong"))
        self.run_it("test", "cases", "--filter", "go*")
        self.run_it("test", "cases", "--filter", "*o*d*", "--rtol", "0")
        self.run_it("test", "cases", "--filter", "wrong", "--rtol", "0.1")

    def test_test_needs_at_least_one_case(self):
        (self.at / "empty").mkdir()
        self.run_it("test", "empty", code=1)
        self.run_it("test", "nowhere", code=7)

    def test_test_runs_light_models(self):
        folder = self.at / "light"
        folder.mkdir()
        (folder / "light_x.onnx").write_bytes(
            model([node("Relu", ["x"], ["y"])], [value("x", [4])], [value("y", [4])]))
        (folder / "light_x_output_0.pb").write_bytes(tensor("y", [4], [0, 0.25, 0.5, 0.75]))
        self.assertEqual(self.run_it("test", folder).splitlines()[-1], "1 passed, 0 failed")
        self.assertEqual(self.run_it("test", self.at, "--list"), "light/light_x\n")

    def test_an_interrupt_ends_with_130(self):
        process = subprocess.Popen([INGOT, "bench", "m.onnx", "--runs", "10000000", "-q"], cwd=self.at,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 130)

    # ---- committed files ----

    def test_man_pages_and_completion_are_fresh(self):
        self.run_it("--write-man", self.at)
        self.run_it("--write-bash", self.at / "ingot.bash")
        for page in [f"ingot-{c}.1" for c in COMMANDS] + ["ingot.1"]:
            self.assertEqual((self.at / page).read_text(), (SOURCE / "tools/man" / page).read_text(),
                             f"run: ingot --write-man tools/man ({page})")
        self.assertEqual((self.at / "ingot.bash").read_text(), (SOURCE / "tools/ingot.bash").read_text(),
                         "run: ingot --write-bash tools/ingot.bash")

    def test_completion_offers_commands_and_options(self):
        script = (f"source {SOURCE}/tools/ingot.bash; COMP_WORDS=(ingot {{}}); COMP_CWORD={{}}; _ingot; "
                  "echo ${{COMPREPLY[*]}}")
        for words, index, want in (("ver", 1, "verify"), ("run --thr", 2, "--threads")):
            done = subprocess.run(["bash", "-c", script.format(words, index)], capture_output=True, check=True)
            self.assertEqual(done.stdout.decode().strip(), want)


if __name__ == "__main__":
    os.environ.pop("IG_LOG", None)
    unittest.main(argv=[sys.argv[0]], verbosity=1)
