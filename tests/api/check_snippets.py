#!/usr/bin/env python3
"""Compiles tests/api/snippets.c as C and as C++ under strict warnings, with and without
optimisation, links it with the shared library and runs it.

usage: tests/api/check_snippets.py C_COMPILER LIBINGOT_SO [--flags=FLAGS]
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
VARIANTS = [("c", "c11"), ("c", "c17"), ("c++", "c++11"), ("c++", "c++17"), ("c++", "c++20")]


def main():
    cc, library = sys.argv[1], pathlib.Path(sys.argv[2])
    flags = [f for a in sys.argv[3:] for f in a.removeprefix("--flags=").split()]
    cxx = shutil.which("clang++" if "clang" in cc else "c++")
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library.parent)}
    failed = built = 0
    with tempfile.TemporaryDirectory(prefix="ingot_snippets_") as folder:
        program = pathlib.Path(folder) / "snippets"
        for language, standard in VARIANTS:
            compiler = cc if language == "c" else cxx
            for level in ("-O0", "-O2") if compiler else ():
                command = [compiler, "-x", language, f"-std={standard}", level, *WARNINGS, *flags,
                           f"-I{ROOT / 'include'}", str(ROOT / "tests/api/snippets.c"), "-x", "none",
                           str(library), "-o", str(program)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode == 0:
                    done = subprocess.run([program], capture_output=True, text=True, check=False, env=environment)
                built += 1
                if done.returncode != 0 or "works" not in done.stdout:
                    failed += 1
                    print(f"-std={standard} {level}:\n{done.stdout}{done.stderr}")
    print(f"check_snippets: {built} built and run, {failed} failed")
    sys.exit(bool(failed or not built))


if __name__ == "__main__":
    main()
