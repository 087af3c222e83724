#!/usr/bin/env python3
"""Runs every code block of README.md against an installed copy of the build, so that nothing on the
first page is untested. The word behind a block's three ticks says what it is:

    c FILE, cmake FILE   a file, written as it stands
    sh                   commands, run in a folder that has what tools/quickstart leaves, and the
                         sources of examples/plugins
    text                 what the commands before it print; numbers may differ in their last places
    python               is compiled; run, and its output compared, where torch is installed
    sh checkout          commands in a checkout that build or install: their files must exist (the
                         test command and the quickstart are run by whoever runs this test)

Also checks that every link within the documentation leads somewhere.

usage: tests/docs/test_readme.py BUILD_FOLDER [--cmake CMAKE] [--cc CC] [--flags=FLAGS]
"""

import argparse
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "graph/README.md", "operators/README.md"]
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")
TOLERANCE = 0.02  # kernels and machines differ in last places, training amplifies


class Failure(Exception):
    pass


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failure(f"{command} gave {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def compare(expected, got, exact_numbers):
    words = [NUMBER.sub("#", t).split() for t in (expected, got)]
    if words[0] != words[1]:
        raise Failure(f"expected\n{expected}\ngot\n{got}")
    for a, b in zip(NUMBER.findall(expected), NUMBER.findall(got)):
        if exact_numbers and abs(float(a) - float(b)) > TOLERANCE * max(1, abs(float(a))):
            raise Failure(f"expected\n{expected}\ngot\n{got}")


def check_checkout(text):
    """Scripts of the repository that the commands name must be there, and be programs."""
    for word in re.findall(r"(?<![\w/-])tools/\w+", text):
        if not os.access(ROOT / word, os.X_OK):
            raise Failure(f"{word} is no program")
        source = (ROOT / word).read_text(encoding="utf-8")
        if source.startswith("#!/usr/bin/env bash"):
            run(["bash", "-n", str(ROOT / word)])
        else:
            compile(source, word, "exec")


def check_python(text, expected):
    compile(text, "README.md", "exec")
    if subprocess.run([sys.executable, "-c", "import torch"], capture_output=True, check=False).returncode == 0:
        compare(expected, run([sys.executable, "-c", text]), True)


def check_cmake(args, work, prefix):
    build = work / "cmake_build"
    run([args.cmake, "-S", work, "-B", build, f"-DCMAKE_C_COMPILER={args.cc}", f"-DCMAKE_PREFIX_PATH={prefix}",
         f"-DCMAKE_C_FLAGS={args.flags}"])
    run([args.cmake, "--build", build])
    run([build / "run", "digits.onnx", "x.npy"], cwd=work)


def write_input(path):
    """The x.npy of the README: one empty image."""
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 28, 28), }"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(4 * 28 * 28))


def check_readme(args, work, prefix, environment):
    for source in (ROOT / "examples/plugins").glob("*.c"):
        (work / source.name).write_bytes(source.read_bytes())
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    printed, eager, counts = "", "", {}
    for language, name, text in blocks:
        counts[language] = counts.get(language, 0) + 1
        if language in ("c", "cmake"):
            (work / name).write_text(text, encoding="utf-8")
            if language == "cmake":
                check_cmake(args, work, prefix)
        elif language == "sh" and name == "checkout":
            check_checkout(text)
        elif language == "sh":
            text = re.sub(r"\bcc (?=\w+\.c)", f"{args.cc} {args.flags} ", text)
            printed = run(["bash", "-euo", "pipefail", "-c", text], cwd=work, env=environment)
        elif language == "text":
            compare(text, printed, "7.png" not in text and "1. " not in text)
            eager = text if "loss" in text else eager
        elif language == "python":
            check_python(text, eager)
        else:
            raise Failure(f"a block of unknown kind: {language}")
    if not counts.get("c") or not counts.get("sh"):
        raise Failure("README.md has no code blocks: has their form changed?")
    print("README.md: " + ", ".join(f"{n} {language}" for language, n in counts.items()) + " blocks work")


def check_links():
    pages = [ROOT / p for p in PAGES if (ROOT / p).exists()] + sorted((ROOT / "docs").glob("*.md"))
    links = 0
    for page in pages:
        text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            links += 1
            if "://" not in target and not (page.parent / target).exists():
                raise Failure(f"{page.relative_to(ROOT)} links to {target}, which does not exist")
        for path in re.findall(r"`((?:graph|operators|importers|frontend_c|tools|tests|include|docs|examples|cmake)/"
                               r"[\w./-]+\.\w+)`", text):
            links += 1
            if not (ROOT / path).exists():
                raise Failure(f"{page.relative_to(ROOT)} names {path}, which does not exist")
    print(f"{links} links and paths in {len(pages)} pages lead somewhere")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--flags", default="")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ingot_readme_") as folder:
        work, prefix = pathlib.Path(folder) / "work", pathlib.Path(folder) / "prefix"
        work.mkdir()
        try:
            check_links()
            run([args.cmake, "--install", args.build, "--prefix", prefix])
            library = next(prefix.rglob("libingot.so")).parent
            environment = {**os.environ, "LD_LIBRARY_PATH": str(library),
                           "PKG_CONFIG_PATH": str(library / "pkgconfig"),
                           "PATH": f"{prefix / 'bin'}:{os.environ['PATH']}"}
            os.environ["LD_LIBRARY_PATH"] = str(library)
            run([args.build.resolve() / "examples/train_digits"], cwd=work)
            write_input(work / "x.npy")
            check_readme(args, work, prefix, environment)
        except Failure as failure:
            sys.exit(f"FAILED: {failure}")


if __name__ == "__main__":
    main()
