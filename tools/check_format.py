#!/usr/bin/env python3
"""Checks that clang-format 14 would change nothing. `--fix` formats the files instead.
Other versions format differently, so without version 14 the check is skipped (exit 77).
"""

import re
import shutil
import subprocess
import sys

import c_source

SKIPPED = 77


def find_clang_format():
    for name in ("clang-format-14", "clang-format"):
        program = shutil.which(name)
        if program:
            version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
            if re.search(r"version 14\.", version.stdout):
                return program
    return None


def main():
    program = find_clang_format()
    if not program:
        print("check_format: clang-format 14 is not installed, skipped")
        sys.exit(SKIPPED)
    names = list(c_source.files())
    if "--fix" in sys.argv[1:]:
        subprocess.run([program, "-i", *names], cwd=c_source.ROOT, check=True)
    run = subprocess.run([program, "--dry-run", *names], cwd=c_source.ROOT, capture_output=True, text=True,
                         check=True)
    places = re.findall(r"^(\S+?):(\d+):\d+: warning: code should be clang-formatted", run.stderr, re.M)
    lines = {}
    for name, line in places:
        lines.setdefault(name, []).append(line)
    problems = [f"{name}: lines {', '.join(sorted(set(at), key=int)[:8])}: run tools/check_format.py --fix"
                for name, at in lines.items()]
    c_source.finish("check_format", len(names), problems)


if __name__ == "__main__":
    main()
