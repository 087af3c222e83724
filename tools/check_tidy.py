#!/usr/bin/env python3
"""Runs clang-tidy over the library's files of a build folder (compile_commands.json).

usage: tools/check_tidy.py BUILD_FOLDER [--jobs N] [FILE...]

A clean file is remembered in BUILD_FOLDER/tidy by a hash of itself, the headers of ours that it
includes, its command and .clang-tidy, so a second run looks only at what changed. Exit 77 when
clang-tidy 14 is not installed.
"""

import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import c_source

SKIPPED = 77
MODEL = c_source.ROOT / "tools/tidy_model.h"
WITHOUT_MODEL = ("graph/core/status.c", ".pb-c.c")  # the first defines what the model wraps


def dependencies(entry):
    """The files of ours that the compiler reads for this entry."""
    words = [w for w in shlex.split(entry["command"]) if w != "-c"]
    if pathlib.Path(words[0]).name == "ccache":
        words = words[1:]
    if "-o" in words:
        at = words.index("-o")
        del words[at : at + 2]
    made = subprocess.run([*words, "-MM"], cwd=entry["directory"], capture_output=True, text=True, check=False)
    return re.findall(r"\S+\.[ch]\b", made.stdout.replace("\\\n", " "))


def key_of(entry, config):
    digest = hashlib.sha256(config)
    digest.update(entry["command"].encode())
    for name in [entry["file"], *dependencies(entry)]:
        digest.update(pathlib.Path(entry["directory"], name).read_bytes())
    return digest.hexdigest()


def check(entry, program, build, config):
    """Output of clang-tidy for one file, "" when it is clean."""
    stamp = build / "tidy" / key_of(entry, config)
    if stamp.exists():
        return ""
    # A third of the analyzer's usual budget per function: the library in minutes on two cores.
    extra = ["-Xclang", "-analyzer-config", "-Xclang", "max-nodes=75000",
             "-Wno-unknown-warning-option", "-Wno-ignored-optimization-argument", "-Wno-unused-value"]
    if not entry["file"].endswith(WITHOUT_MODEL):
        extra += ["-include", str(MODEL)]
    run = subprocess.run([program, "--quiet", "-p", str(build), *(f"--extra-arg={e}" for e in extra),
                          entry["file"]], capture_output=True, text=True, check=False)
    if run.returncode == 0:
        stamp.touch()
        return ""
    return run.stdout.strip() or run.stderr.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("files", nargs="*", help="paths from the root (default: the whole library)")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    program = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if not program:
        print("check_tidy: clang-tidy is not installed, skipped")
        sys.exit(SKIPPED)
    # C only: the model of the library's functions is C.
    wanted = set(arguments.files or c_source.files(c_source.LIBRARY + ("tools",), suffixes=(".c",)))
    commands = json.loads((arguments.build / "compile_commands.json").read_text(encoding="utf-8"))
    entries = {}
    for entry in commands:
        path = pathlib.Path(entry["file"])
        if path.is_relative_to(c_source.ROOT) and path.relative_to(c_source.ROOT).as_posix() in wanted:
            entries[entry["file"]] = entry
    (arguments.build / "tidy").mkdir(exist_ok=True)
    config = (c_source.ROOT / ".clang-tidy").read_bytes() + MODEL.read_bytes()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        outputs = pool.map(lambda e: check(e, program, arguments.build, config), entries.values())
        problems = [text for text in outputs if text]
    c_source.finish("check_tidy", len(entries), problems)


if __name__ == "__main__":
    main()
