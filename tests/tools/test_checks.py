#!/usr/bin/env python3
"""The check scripts find what they look for, and accept what is fine."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools"))
sys.dont_write_bytecode = True

import c_source  # noqa: E402
import check_banned  # noqa: E402
import check_layers  # noqa: E402
import check_sizes  # noqa: E402


def banned(text):
    return [what for _, what in check_banned.problems_of("graph/x.c", c_source.code(text), {})]


class Banned(unittest.TestCase):
    def test_a_banned_call_is_found(self):
        self.assertEqual(len(banned("int f(void) { abort(); return atoi(s); }")), 2)

    def test_comments_strings_members_and_longer_names_are_not_calls(self):
        self.assertEqual(banned('/* free(x) */ s = "exit(1)"; a->free(p); a.free(p); igi_free(p);'), [])

    def test_a_raw_product_in_an_allocation_size_is_found(self):
        self.assertEqual(len(banned("p = igi_alloc(n * sizeof(*p));")), 1)
        self.assertEqual(len(banned("p = igi_realloc(p, (size_t)n * 4);")), 1)

    def test_sizeof_casts_and_declarations_are_no_products(self):
        self.assertEqual(banned("p = igi_alloc(sizeof(*p)); igi_calloc(n, sizeof(char *));"), [])
        self.assertEqual(banned("void *igi_realloc(void *p, size_t bytes);"), [])

    def test_an_allowed_use_passes(self):
        text = "void f(void) { abort(); }"
        self.assertEqual(list(check_banned.problems_of("graph/x.c", text, {("graph/x.c", "abort"): "why"})), [])


class Layers(unittest.TestCase):
    def test_an_upward_include_is_refused(self):
        self.assertIsNotNone(check_layers.refusal("graph/core/x.c", '"tools/check_layers.py"'))
        self.assertIsNotNone(check_layers.refusal("operators/x.c", '"graph/core/alloc.h"'))
        self.assertIsNotNone(check_layers.refusal("importers/onnx/x.c", '"operators/CMakeLists.txt"'))

    def test_a_path_that_is_not_from_the_root_is_refused(self):
        self.assertIsNotNone(check_layers.refusal("graph/core/x.c", '"alloc.h"'))

    def test_an_external_header_outside_its_module_is_refused(self):
        self.assertIsNotNone(check_layers.refusal("graph/runtime/x.c", "<dnnl.h>"))
        self.assertIsNone(check_layers.refusal("operators/cpu/x.c", "<dnnl.h>"))

    def test_what_the_table_allows_passes(self):
        self.assertIsNone(check_layers.refusal("graph/ir/x.c", '"graph/core/alloc.h"'))
        self.assertIsNone(check_layers.refusal("operators/x.c", "<ingot/plugin.h>"))
        self.assertIsNone(check_layers.refusal("operators/x.c", "<math.h>"))


class Sizes(unittest.TestCase):
    SOURCE = "static int f(int a,\n             int (*b)(int, int))\n{\n    return a;\n}\n"

    def test_functions_are_found_with_head_and_length(self):
        found = list(check_sizes.functions(self.SOURCE.splitlines()))
        self.assertEqual(len(found), 1)
        start, head, body = found[0]
        self.assertEqual((start, len(body), check_sizes.parameters(head)), (2, 3, 2))

    def test_levels_are_counted_by_indentation(self):
        self.assertEqual(len(check_sizes.OPENS_LEVEL.match(" " * 20 + "for (;;)").group(1)) // 4, 5)
        self.assertIsNone(check_sizes.OPENS_LEVEL.match(" " * 20 + "format(x);"))


if __name__ == "__main__":
    unittest.main()
