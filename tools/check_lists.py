#!/usr/bin/env python3
"""Checks that every source is built: each .c and .cu file, and each header of the library, is
named by the CMakeLists.txt of its folder or of one above it. A test that nobody lists never runs.
"""

import pathlib
import re

import c_source

# Compiled by the test scripts, or part of a file for one instruction set.
ELSEWHERE = re.compile(r"^tests/packaging/(?:consumer|images)\.c$|^tests/api/snippets\.c$|^include/|\.inc\.h$|_(?:avx2|avx512|portable)\.h$|^tests/support/fuzz_(?:replay|damage)\.c$")


LOOP = re.compile(r"foreach\(\s*(\w+)\s+([^)$]*)\)(.*?)endforeach", re.S)


def words_of(text):
    """The words of a CMakeLists.txt; those in a loop over given items once for each item."""
    words = set(re.findall(r"[\w./+-]+", text))
    for variable, items, body in LOOP.findall(text):
        for item in items.split():
            words |= set(re.findall(r"[\w./+-]+", body.replace("${" + variable + "}", item)))
    return words


def lists_above(name):
    """(folder, words) of each CMakeLists.txt from the file's folder up to the root."""
    for folder in pathlib.PurePosixPath(name).parents:
        path = c_source.ROOT / folder / "CMakeLists.txt"
        if path.exists():
            yield folder, words_of(re.sub(r"#.*", "", path.read_text(encoding="utf-8")))


def is_listed(name):
    path = pathlib.PurePosixPath(name)
    for folder, words in lists_above(name):
        relative = path.relative_to(folder)
        if str(relative) in words or str(relative.with_suffix("")) in words:
            return True
    return False


def is_checked(name):
    if ELSEWHERE.search(name):
        return False
    return not name.endswith(".h") or name.startswith(c_source.LIBRARY)


def main():
    names = [n for n in c_source.files(generated=True) if is_checked(n)]
    problems = [f"{n}: in no CMakeLists.txt" for n in names if not is_listed(n)]
    c_source.finish("check_lists", len(names), problems)


if __name__ == "__main__":
    main()
