#!/usr/bin/env python3
"""tools/gpu_check against the device that needs no hardware: it counts what passes, names what fails,
measures, and puts its results where the page has room for them.

usage: tests/tools/test_gpu_check.py BUILD PLUGIN
"""

import importlib.machinery
import importlib.util
import pathlib
import shutil
import sys
import tempfile
import unittest

BUILD, PLUGIN = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("gpu_check", str(ROOT / "tools" / "gpu_check"))
gpu_check = importlib.util.module_from_spec(importlib.util.spec_from_loader("gpu_check", loader))
loader.exec_module(gpu_check)


class GpuCheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.at = pathlib.Path(folder.name)
        self.check = gpu_check.Check(BUILD, PLUGIN, "host-gpu")
        for name in ("test_relu", "test_add", "test_gather_0"):
            shutil.copytree(BUILD / "onnx-tests/node" / name, self.at / "node" / name)

    def test_cases_that_pass_are_counted(self):
        total, passed, lines = self.check.compare("cases", self.at / "node")
        self.assertEqual((total, passed, lines, self.check.failures), (3, 3, [], []))

    def test_a_case_that_only_the_device_fails_is_named(self):
        on_gpu = self.check.on_gpu
        self.check.on_gpu = lambda *words: on_gpu(*words, "--limits", "memory_bytes=1")
        total, passed, lines = self.check.compare("cases", self.at / "node")
        self.assertEqual((total, passed, len(lines), len(self.check.failures)), (3, 0, 3, 1))
        self.assertIn("test_relu", "".join(lines))

    def test_a_model_is_measured(self):
        model = self.at / "node/test_add/model.onnx"
        self.assertGreater(self.check.median_ms(model), 0)
        self.assertIsNone(self.check.median_ms(self.at / "none.onnx"))

    def test_results_replace_those_before(self):
        page = (ROOT / "docs/gpu.md").read_text(encoding="utf-8")
        once = gpu_check.with_results(page, ["one"])
        self.assertIn("\none\n", once)
        self.assertEqual(gpu_check.with_results(once, ["two"]), once.replace("\none\n", "\ntwo\n"))
        self.assertTrue(once.endswith(gpu_check.END))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=1)
