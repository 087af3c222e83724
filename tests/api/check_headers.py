#!/usr/bin/env python3
"""Compiles each public header alone, and all together, as C and as C++ under strict warnings.

usage: tests/api/check_headers.py C_COMPILER
"""

import pathlib
import shutil
import subprocess
import sys

INCLUDE = pathlib.Path(__file__).resolve().parent.parent.parent / "include"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
STANDARDS = {"c": ["c11", "c17"], "c++": ["c++11", "c++17", "c++20"]}


def main():
    cc = sys.argv[1]
    cxx = shutil.which("clang++" if "clang" in cc else "c++")
    names = sorted(p.relative_to(INCLUDE).as_posix() for p in INCLUDE.rglob("*.h"))
    texts = [f"#include <{n}>\n" for n in names] + ["".join(f"#include <{n}>\n" for n in reversed(names))]
    compiled = failed = 0
    for language, compiler in (("c", cc), ("c++", cxx)):
        for standard in STANDARDS[language] if compiler else []:
            for text in texts:
                # Twice: a header must also bear a second inclusion.
                command = [compiler, "-x", language, f"-std={standard}", *WARNINGS, f"-I{INCLUDE}",
                           "-fsyntax-only", "-"]
                done = subprocess.run(command, input=text + text, capture_output=True, text=True, check=False)
                compiled += 1
                if done.returncode != 0:
                    failed += 1
                    print(f"-std={standard}:\n{text}{done.stderr}")
    print(f"check_headers: {compiled} compiled, {failed} failed")
    sys.exit(bool(failed or not names))


if __name__ == "__main__":
    main()
