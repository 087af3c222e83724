#!/usr/bin/env python3
"""Checks that committed files are what our own generators make of the operators' tables:
include/ingot/ops.h, frontend_c/ops_gen.c, docs/operators.md and include/ingot/plugin_api.h.
`--fix` writes them.

usage: tools/check_fresh.py GEN_OPS GEN_DOCS [--fix]
"""

import re
import subprocess
import sys

import c_source
from check_format import find_clang_format


def plain(text, name):
    """C text without what a formatter may change."""
    return re.sub(r"[\s\\*]", "", text) if name.endswith((".c", ".h")) else text


def write(path, text):
    path.write_text(text, encoding="utf-8")
    program = find_clang_format()
    if program and path.suffix == ".h":
        subprocess.run([program, "-i", str(path)], check=True)


def main():
    gen_ops, gen_docs = sys.argv[1:3]
    made = {
        "include/ingot/ops.h": [gen_ops, "header"],
        "frontend_c/ops_gen.c": [gen_ops, "source"],
        "docs/operators.md": [gen_docs],
        "include/ingot/plugin_api.h": [sys.executable, str(c_source.ROOT / "tools/gen_plugin_api.py")],
    }
    problems = []
    for name, command in made.items():
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        path = c_source.ROOT / name
        if "--fix" in sys.argv[3:]:
            write(path, text)
        committed = path.read_text(encoding="utf-8") if path.exists() else ""
        if plain(committed, name) != plain(text, name):
            problems.append(f"{name} is not what {command[0].rsplit('/', 1)[-1]} gives: run `cmake --build "
                            "BUILD --target generate`")
    c_source.finish("check_fresh", len(made), problems)


if __name__ == "__main__":
    main()
